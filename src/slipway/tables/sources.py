"""The sources of a raw table in DuckDB: one query over all of its files, and where in them a row stands."""

import itertools
import os
import re
import shutil
import weakref
import zlib
from collections.abc import Collection, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from slipway.project.entry import UserError
from slipway.project.files import full_disk, scratch_folder
from slipway.project.sections import closest
from slipway.tables.delimited import broken_line, clean_names, records
from slipway.tables.formats import Source, open_source, readable
from slipway.tables.inference import CASTS, NAN, Fields, literal, quoted

if TYPE_CHECKING:
    import pyarrow as pa

    from slipway.project.data_settings import Read
    from slipway.rows.contract import Kind
    from slipway.tables.progress import RowProgress

# DuckDB spills to the scratch folder beyond this, however large the table is.
MEMORY_LIMIT = "800MB"
# From so many columns on, DuckDB compares every expression of a query with every other one for longer than that saves.
WIDE = 100
# Texts that mean that a value is missing, where the settings name none: pandas' own.
MISSING = (
    *("#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A", "NA"),
    *("NULL", "NaN", "None", "n/a", "nan", "null"),
)
# A mark for a missing value that is a number.
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
LARGEST_FLOAT = 3.4e38  # of four bytes
DECLARED: "dict[str, Kind]" = {
    "BOOLEAN": "boolean",
    **dict.fromkeys(("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER"), "integer"),
    **dict.fromkeys(("FLOAT", "DOUBLE", "HUGEINT", "UHUGEINT", "UBIGINT", "DECIMAL"), "number"),
    **dict.fromkeys(("DATE", "TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS"), "datetime"),
    "TIMESTAMP WITH TIME ZONE": "datetime",
}


@dataclass(frozen=True)
class Place:
    """Where a value stands: its file, its row below the header, its line where the file has lines; and the value."""

    file: Path
    row: int
    line: int | None
    value: Any

    def __str__(self) -> str:
        """Return the place in words."""
        return f"{self.file}, " + (f"line {self.line}" if self.line else f"row {self.row}")


class Sources:
    """The files of a raw table, opened: what DuckDB reads, under which names, and of which declared kinds.

    Attributes
    ----------
    columns
        The names of the columns that are kept, in the first file's order.
    declared
        Column → kind, where the files say it (Parquet, Arrow); all other columns are texts.
    notes
        What was guessed or mended, a sentence each.
    texts
        The columns of texts, once that is known: values of JSON that are none become the contract's texts then.
    fields
        By what delimited text is read; what is known of its fields may be put here.
    """

    def __init__(
        self, folder: Path, files: tuple[Path, ...], settings: "Read", progress: "RowProgress | None" = None
    ) -> None:
        self.folder, self.files, self.settings, self.progress = folder, files, settings, progress
        self.connection = duckdb.connect(config={"memory_limit": MEMORY_LIMIT})
        self.scratch, lock = scratch_folder()
        self._clean = weakref.finalize(self.connection, _remove, self.scratch, lock)
        self.connection.execute(f"SET temp_directory = {literal(str(self.scratch / '.spill'))}")
        self.connection.execute("SET enable_progress_bar = true")  # so that it knows how far a query is
        self.connection.execute("SET enable_progress_bar_print = false")
        self.connection.execute("SET TimeZone = 'UTC'")  # a time without a zone is in UTC, one with a zone is put there
        self.limit = self._limit()
        self.stamps = {file: _stamp(file) for file in files}
        self.sources = [open_source(file, settings, self.scratch) for file in files]
        self.format = self.sources[0].format
        if odd := [source for source in self.sources if source.format != self.format]:
            raise UserError(
                f"Got {odd[0].format} in {odd[0].file} and {self.format} in {files[0]}, expected files of one format. Move one of "
                "them to a folder of its own."
            )
        no_marks = {'"', *(source.dialect.delimiter for source in self.sources if source.dialect)}
        for mark in settings.missing or () if len(no_marks) > 1 else ():
            if within := no_marks & set(mark):
                raise UserError(
                    f"Got {mark!r} in data.read.missing, expected texts without {min(within)!r}, which quotes or ends a field. "
                    "Edit conf/data/."
                )
        for source in self.sources:
            if source.file.parent != folder and (source.format, source.path) != ("Parquet", source.file):
                raise UserError(
                    f"Got the folder {source.file.parent}, expected files of plain Parquet in it, as the column that its name says "
                    f"is read of those alone. Move {source.file.name} into {folder}, with the column in it."
                )
        self.notes: list[str] = []
        self.texts: Collection[str] = ()
        self.fields = Fields(self.marks)
        with self.spoken():
            self.names = self._names()
            self.declared = self._declared_kinds()
        settings = self.settings
        unknown = [name for name in (*settings.drop, *settings.types, *settings.dates) if name not in self.names]
        if unknown:
            raise UserError(
                f"Got the column {unknown[0]!r} in data.read, but {folder} has no such column"
                f"{closest(unknown[0], list(self.names))}. Edit conf/data/."
            )
        self.columns = [name for name in self.names if name not in settings.drop]
        if len(self.columns) > WIDE:
            self.connection.execute("SET disabled_optimizers = 'common_subexpressions'")

    @property
    def marks(self) -> tuple[str, ...]:
        """The texts that mean that a value is missing."""
        given = self.settings.missing
        if any(source.dialect is None for source in self.sources):
            return tuple(dict.fromkeys([*(given or ()), *map(_as_value, given or ())]))
        return ("", *(MISSING if given is None else given))

    def following(self, what: str) -> AbstractContextManager[None]:
        """Show how far queries over all of the files are, where who reads them wants that."""
        megabytes = sum(size for size, _ in self.stamps.values()) // 10**6
        return self.progress.following(what, megabytes, self.connection) if self.progress else nullcontext()

    def sql(self, *, numbered: bool = False, marked: bool = True) -> str:
        """Return the query over all files: texts, or values of the kind that is declared, or numbers of plain columns.

        The numbered one has the columns ``slipway file`` and ``slipway row`` too, and is slower. Unless ``marked``, the marks
        for missing values in delimited text are texts like others.
        """
        groups = [[source] for source in self.sources]
        if not numbered:
            groups = [list(same) for _, same in itertools.groupby(self.sources, key=lambda source: source.dialect)]
        queries = []
        for group in groups:
            place = (
                f', {self.sources.index(group[0])} AS "slipway file", row_number() OVER () AS "slipway row"'
                if numbered
                else ""
            )
            chosen = ", ".join(f"{self._value(name)} AS {quoted(name)}" for name in self.columns)
            queries.append(f"SELECT {chosen}{place} FROM {self._scan(group, marked=marked)}")
        return " UNION ALL ".join(queries)

    def first(self, query: str, value: str, condition: str) -> Place | None:
        """Return where the first row stands of a query over the numbered one that a condition holds for."""
        found = self.connection.sql(
            f'SELECT "slipway file", "slipway row", {value} FROM ({query}) WHERE {condition} LIMIT 1'
        ).fetchall()
        if not found:
            return None
        source, row = self.sources[found[0][0]], found[0][1]
        line = None
        if source.dialect and source.has_lines:
            line = next(
                (n for n, _ in itertools.islice(records(source.path, source.dialect.delimiter), row, None)), None
            )
        return Place(source.file, row, line, found[0][2])

    @contextmanager
    def spoken(self) -> Iterator[None]:
        """Turn what DuckDB stumbles on into a sentence that names the file and the line."""
        try:
            yield
        except duckdb.OutOfMemoryException as error:
            if self._limit() != self.limit:
                raise  # who set another one says its own sentence
            raise UserError(
                f"Got a table in {self.folder} of which a part takes more than {MEMORY_LIMIT} at once, expected less. Leave out "
                "columns of long texts (data.read.drop), or rows (data.read.where)."
            ) from error
        except duckdb.Error as error:
            reason = str(error).strip().split("\n")[0].partition(": ")[2] or type(error).__name__
            if "No space left" in reason:
                raise full_disk(reason, self.scratch) from error
            for source in self.sources:
                with readable(source.file):
                    broken = source.dialect and broken_line(source.path, source.dialect)
                if broken:
                    place = f"line {broken[0]}" if source.has_lines else f"row {broken[0]} of the sheet"
                    raise UserError(
                        f"Got {broken[1]} in {source.file}, {place}, expected one row of {len(self.names)} columns. Mend the line, "
                        "or set data.read.delimiter."
                    ) from error
            which = self.files[0] if len(self.files) == 1 else self.folder
            raise UserError(
                f"Got {which}, which cannot be read as {self.format} ({reason[:300].rstrip('. ')}); expected one whole table. "
                "Mend or export it again."
            ) from error

    def _limit(self) -> str:
        return str(self.connection.execute("SELECT current_setting('memory_limit')").fetchall()[0][0])

    def checksum(self) -> str:
        """Return a checksum (CRC-32) of the files' names and bytes, and of the settings that they are read by."""
        found = zlib.crc32(self.settings.model_dump_json().encode())
        for file in self.files:
            found = zlib.crc32(f"{file.relative_to(self.folder)} of {self.stamps[file][0]} bytes".encode(), found)
            with readable(file), file.open("rb") as stream:
                while piece := stream.read(2**20):
                    found = zlib.crc32(piece, found)
        return f"{found:08x}"

    def close(self) -> None:
        """Leave no scratch file; nothing can be read any more."""
        self.connection.close()
        self._clean()

    def check_unchanged(self) -> None:
        """Raise a UserError when a file is not what it was when it was opened."""
        for file, stamp in self.stamps.items():
            if _stamp(file) != stamp:
                raise UserError(
                    f"Got another {file} than when it was opened, expected it to stay while it is read. Run again."
                )

    def _names(self) -> tuple[str, ...]:
        """Return the columns of the first file, after a look at those of all others."""
        said: dict[str, list[Path]] = {}
        first: tuple[str, ...] = ()
        self.raw_names: dict[str, str] = {}
        for source in self.sources if self.format != "JSON" else self.sources[:1]:
            names, notes = (
                (source.dialect.columns, []) if source.dialect else clean_names(source.file, self._stored_names(source))
            )
            for note in (*source.notes, *notes):
                said.setdefault(note, []).append(source.file)
            if not first:
                first = names
            elif set(names) != set(first):
                odd = sorted(set(names) ^ set(first))
                raise UserError(
                    f"Got other columns in {source.file} than in {self.files[0]} ({', '.join(odd[:5])}), expected files of one schema "
                    f"in {self.folder}. Make the columns the same, or move the file to a folder of its own."
                )
        for note, files in said.items():
            others = f" and {len(files) - 1} more" if len(files) > 1 else ""
            self.notes.append(f"{files[0]}{others}: {note}")
        return first

    def _stored_names(self, source: Source) -> list[str]:
        if source.format == "Parquet":
            import pyarrow.parquet as pq

            with readable(source.file):
                stored = list(pq.read_schema(source.path).names)  # DuckDB gives equal names numbers
            parts = [part.partition("=")[0] for part in source.file.relative_to(self.folder).parts[:-1]]
            names = stored + [part for part in parts if part not in stored]
        else:
            names = [row[0] for row in self.connection.sql(f"DESCRIBE FROM {self._scan(self.sources)}").fetchall()]
            if names == ["json"]:
                raise UserError(
                    f"Got {source.file}, expected an object with the same keys on every line. Export it as JSON Lines."
                )
            for name in names:
                base, _, number = name.rpartition("_")
                if number.isdigit() and (
                    other := next((n for n in names if n.lower() == base.lower() and n != base), None)
                ):
                    raise UserError(
                        f"Got the names {other!r} and {base!r}, alike but for case, in {source.file}. Rename one."
                    )
        self.raw_names |= {name.strip(): name for name in names}
        return names

    def _declared_kinds(self) -> "dict[str, Kind]":
        if self.format != "Parquet":
            return {}
        kinds: dict[str, tuple[Kind, Path]] = {}
        self.stored: dict[str, set[str]] = {}
        for source in self.sources:
            for raw, type_, *_ in self.connection.sql(f"DESCRIBE FROM {self._scan([source])}").fetchall():
                name, kind = raw.strip(), DECLARED.get(type_.partition("(")[0], "text")
                known, file = kinds.setdefault(name, (kind, source.file))
                self.stored.setdefault(name, set()).add(type_)
                if {known, kind} == {"integer", "number"}:
                    kinds[name] = ("number", file)
                elif known != kind and type_ != '"NULL"':
                    raise UserError(
                        f"Got the column {name!r} as {kind} in {source.file} and as {known} in {file}, expected one type. Write the "
                        "files with the same types."
                    )
        return {
            name: kind for name, (kind, _) in kinds.items() if name not in (*self.settings.types, *self.settings.dates)
        }

    def _value(self, name: str) -> str:
        column = quoted(self.raw_names.get(name, name))
        kind = self.declared.get(name)
        if kind == "datetime":
            return f"(CAST({column} AS TIMESTAMPTZ) AT TIME ZONE 'UTC')"
        if kind is not None and kind != "text":
            value = f"CAST({column} AS {CASTS[kind]})"
            return f"nullif({value}, {NAN})" if kind == "number" else value
        text = column if self.format == "delimited text" else self._text(name, column)
        if self.marks and self.format != "delimited text":
            return f"CASE WHEN {text} NOT IN ({', '.join(map(literal, self.marks))}) THEN {text} END"
        return text

    def _text(self, name: str, column: str) -> str:
        """Return SQL for the text of a value that is none in the file: the one that a contract makes of a caller's value."""
        if self.format == "JSON":
            text = f"({column} ->> '$')"
            number = f"CASE WHEN regexp_full_match({text}, '-?[0-9]+') THEN {text} ELSE {_float_text(f'CAST({column} AS DOUBLE)')} END"
            truth = f"CASE {text} WHEN 'true' THEN 'True' ELSE 'False' END"
            typed = f"CASE json_type({column}) WHEN 'BOOLEAN' THEN {truth} WHEN 'DOUBLE' THEN {number} ELSE {text} END"
            return typed if name in self.texts else column
        stored = self.stored.get(name, set())
        if stored & {"FLOAT", "DOUBLE"}:
            return _float_text(column)
        truth = f"CASE {column} WHEN true THEN 'True' WHEN false THEN 'False' END"
        return truth if "BOOLEAN" in stored else f"CAST({column} AS VARCHAR)"

    def unmarked(self, value: str, kind: "Kind") -> str:
        """Return SQL for a number without the marks for missing ones, by value, where files hold numbers rather than texts."""
        marks = [m for m in self.settings.missing or () if NUMBER.fullmatch(m) and abs(float(m)) < LARGEST_FLOAT]
        if not marks or kind not in ("integer", "number") or self.format == "delimited text":
            return value
        if kind == "integer":
            same = [str(int(number)) for number in map(Decimal, marks) if number == int(number)]
        else:  # as they are, and as a column of four bytes has them
            same = [f"CAST({text} AS DOUBLE)" for m in map(literal, marks) for text in (m, f"CAST({m} AS FLOAT)")]
        return f"CASE WHEN {value} NOT IN ({', '.join(same)}) THEN {value} END" if same else value

    def _scan(self, group: list[Source], *, marked: bool = True) -> str:
        paths = "[" + ", ".join(literal(str(source.path)) for source in group) + "]"
        if self.format == "Parquet":
            parts = "true" if any(s.file.parent != self.folder for s in group) else "false"
            return f"read_parquet({paths}, union_by_name=true, hive_partitioning={parts})"
        if self.format == "JSON":
            if not hasattr(self, "names"):
                return f"read_json({paths}, sample_size=-1, maximum_depth=1, union_by_name=true)"
            kinds = {self.raw_names[name]: "JSON" if name in self.texts else "VARCHAR" for name in self.names}
            return f"read_json({paths}, columns={_columns(kinds)})"
        dialect = group[0].dialect
        assert dialect is not None  # noqa: S101 - delimited text has one
        marks = "[" + ", ".join(map(literal, self.fields.marks if marked else [""])) + "]"
        types = {name: CASTS[self.fields.plain.get(name, "text")] for name in dialect.columns}
        return (
            f"read_csv({paths}, columns={_columns(types)}, header=true, auto_detect=false, delim={literal(dialect.delimiter)}, "
            f"skip={dialect.blank_lines}, quote='\"', escape='\"', nullstr={marks})"
        )


def _remove(scratch: Path, lock: int) -> None:
    shutil.rmtree(scratch, ignore_errors=True)
    os.close(lock)


def _columns(types: Mapping[str, str]) -> str:
    return "{" + ", ".join(f"{literal(name)}: '{type_}'" for name, type_ in types.items()) + "}"


def _as_value(mark: str) -> str:
    """Return the text that a contract makes of a number or a truth that a mark is; other marks as they are."""
    if NUMBER.fullmatch(mark):
        number = float(mark)
        return str(int(number)) if number.is_integer() else str(number)
    return mark.capitalize() if mark in ("true", "false") else mark


def _float_text(number: str) -> str:
    """Return SQL for a float's text: 5.0 is the same one as 5."""
    whole = f"abs({number}) < 1e37 AND {number} = trunc({number})"
    text = f"CAST({number} AS VARCHAR)"
    return f"CASE WHEN {whole} THEN CAST(TRY_CAST({number} AS HUGEINT) AS VARCHAR) WHEN NOT isnan({number}) THEN {text} END"


def _stamp(file: Path) -> tuple[int, int]:
    with readable(file):
        state = file.stat()
    return state.st_size, state.st_mtime_ns


def batches_of(rows: duckdb.DuckDBPyRelation, batch_rows: int) -> "Iterator[pa.RecordBatch]":
    """Give the rows of a relation in their order, so many at a time.

    Raises
    ------
    duckdb.Error
        What DuckDB stumbles on in the middle, which Arrow passes on as an OSError.
    """
    reader = rows.to_arrow_reader(batch_rows)
    try:
        yield from reader
    except OSError as error:
        kinds = {"Out of Memory Error": duckdb.OutOfMemoryException, "IO Error": duckdb.IOException}
        raise kinds.get(str(error).partition(":")[0], duckdb.Error)(str(error)) from error
