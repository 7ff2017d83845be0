"""Raw tables: a folder of files of one schema, read as one table whose types hold for every row."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from slipway.project.entry import UserError
from slipway.tables.inference import Fields, Rule, literal, quoted
from slipway.tables.kinds import Mixed, check_by_hand, inferred_kinds, numbers_of

if TYPE_CHECKING:
    import duckdb

    from slipway.project.data_settings import Read
    from slipway.rows.contract import Kind
    from slipway.tables.progress import RowProgress
    from slipway.tables.sources import Place, Sources

# The column with the name of a row's file, in `RawTable.placed`.
FILE = "slipway.file"
LITTER = ("thumbs.db", "desktop.ini", "_success", "_metadata", "_common_metadata")


@dataclass(frozen=True)
class RawTable:
    """A raw table, typed, in the order of its files. As a context, it says in a sentence what goes wrong while it is read.

    Attributes
    ----------
    relation
        Its rows as a DuckDB relation, evaluated when asked: one column per raw column, of the type of its kind.
    kinds
        Column → kind, in the order of the columns.
    files
        The files it was read from, in name order.
    notes
        What was guessed or mended, a sentence each.
    mixed
        Columns of text that are of another kind but for some rows.
    written
        How values are written in the files, as slipway.rows.written.Written takes it: a model's callers are read by it.
    """

    relation: "duckdb.DuckDBPyRelation"
    kinds: "dict[str, Kind]"
    files: tuple[Path, ...]
    notes: tuple[str, ...]
    mixed: tuple[Mixed, ...]
    written: dict[str, Any]
    sources: "Sources" = field(repr=False)
    typed: str = field(repr=False)

    @property
    def connection(self) -> "duckdb.DuckDBPyConnection":
        """The connection that reads the files, for how far it is and what it may take."""
        return self.sources.connection

    @property
    def placed(self) -> "duckdb.DuckDBPyRelation":
        """The rows with one more column, ``FILE``: the name of the file that a row is from. Read more slowly than without."""
        names = ", ".join(literal(file.relative_to(self.sources.folder).as_posix()) for file in self.files)
        rows = self.connection.sql(
            f'SELECT {self.typed}, [{names}][1 + "slipway file"] AS {quoted(FILE)} FROM ({self.sources.sql(numbered=True)})'
        )
        return _filtered(rows, self.sources.settings.where)

    def first(self, column: str, condition: str) -> "Place | None":
        """Return where the first row stands that a condition in SQL over the typed columns holds for."""
        values = f'SELECT {self.typed}, "slipway file", "slipway row" FROM ({self.sources.sql(numbered=True)})'
        where = f"({self.sources.settings.where or 'true'}) AND ({condition})"
        return self.sources.first(values, quoted(column), where)

    def __enter__(self) -> Self:
        """Return the table itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Refuse results of files that changed on the way, and leave no scratch file."""
        try:
            with self.sources.spoken():
                if error is not None:
                    raise error
            self.sources.check_unchanged()
        finally:
            self.sources.close()


def raw_files(folder: Path) -> tuple[Path, ...]:
    """Return the files of a raw table in name order, those in folders such as ``year=2026`` (of Parquet) among them; of a file, it.

    A README, hidden files, DVC's and what systems leave behind are no part of the table.
    """
    if folder.is_file():
        if not (_is_aside(folder) or folder.suffix == ".dvc" or folder.stem.upper() == "README"):
            return (folder,)
        raise UserError(f"Got no file in {folder}, expected one or more files of a table. Give it another name.")
    if not folder.is_dir():
        if folder.with_name(f"{folder.name}.dvc").exists():
            raise UserError(
                f"Got no folder {folder}, expected it, as {folder}.dvc tracks it. Run `dvc pull {folder}.dvc`."
            )
        raise UserError(
            f"Got no folder {folder}, expected the raw table's files there. Put them in, or edit data.name."
        )
    files = tuple(_walk(folder))
    if not files:
        raise UserError(f"Got no file in {folder}, expected one or more files of a table. Put the raw table there.")
    return files


def _is_aside(path: Path) -> bool:
    return path.name.startswith((".", "~$")) or path.name.lower() in LITTER


def _walk(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if _is_aside(path):
            continue
        if path.suffix == ".dvc":
            if not (tracked := path.with_suffix("")).exists():  # the others alone would be a part of the table
                raise UserError(f"Got no file {tracked}, expected it, as {path} tracks it. Run `dvc pull -R data/raw`.")
            continue
        if path.is_dir():
            if "=" not in path.name:
                raise UserError(
                    f"Got the folder {path}, expected files, or folders of Parquet files named like 'year=2026'. Move its "
                    f"files into {folder}, or take it out."
                )
            yield from _walk(path)
        elif path.stem.upper() != "README":
            if not path.is_file():
                got = (
                    "a link that leads nowhere"
                    if path.is_symlink() and not path.exists()
                    else "something that is no file"
                )
                raise UserError(
                    f"Got {got} at {path}, expected a file. Take it out of the folder, or bring what is behind it."
                )
            yield path


def read_raw_table(
    folder: Path,
    settings: "Read",
    kinds: "Mapping[str, Kind] | None" = None,
    fields: Fields | None = None,
    progress: "RowProgress | None" = None,
) -> RawTable:
    """Read the files of a folder as one typed table.

    Parameters
    ----------
    folder
        Where the files are; or one file.
    settings
        What is not to be guessed.
    kinds
        Column → kind, where an earlier reading found them: nothing is inferred then, and a value that does not fit is
        an error when the rows are read.
    fields
        What that reading saw of the fields, which makes this one quicker; heeded if files and settings are still the same.
    progress
        Where to show how far it is, in megabytes of the files: nobody has counted the rows yet.

    Raises
    ------
    UserError
        There is no file, one cannot be read or has other columns than the first, or the settings don't fit the table.
    """
    from slipway.tables.sources import Sources

    files = raw_files(folder)
    sources = Sources(folder if folder.is_dir() else folder.parent, files, settings, progress)
    notes = list(sources.notes)
    numbers = numbers_of(sources, notes)
    by_hand = settings.types | dict.fromkeys(settings.dates, "datetime")
    rules = {
        column: Rule(kind, numbers, settings.dates.get(column), by_hand=True)
        for column, kind in by_hand.items()
        if column in sources.columns
    }
    open_columns = [column for column in sources.columns if column not in rules and column not in sources.declared]
    mixed: list[Mixed] = []
    with sources.spoken():
        if kinds is None:
            check_by_hand(sources, rules)
            with sources.following("infer types"):
                inferred, mixed, sources.fields = inferred_kinds(sources, open_columns, numbers, notes)
        else:
            inferred = {column: kinds[column] for column in open_columns if column in kinds}
            if set(kinds) != set(sources.columns):
                odd = sorted(set(kinds) ^ set(sources.columns))
                raise UserError(
                    f"Got other columns in {folder} than in the profile ({', '.join(odd[:5])}), expected those. Run `dvc repro`."
                )
            if fields and fields.checksum and fields.checksum == sources.checksum():
                sources.fields = fields
        plain = sources.fields.plain
        rules |= {column: Rule(kind, numbers, plain=column in plain) for column, kind in inferred.items()}
        found = {
            column: rules[column].kind if column in rules else sources.declared[column] for column in sources.columns
        }
        typed = ", ".join(
            f"{sources.unmarked(rules[c].as_sql(quoted(c)) if c in rules else quoted(c), kind)} AS {quoted(c)}"
            for c, kind in found.items()
        )
        sources.texts = [column for column, kind in found.items() if kind == "text"]
        relation = sources.connection.sql(f"SELECT {typed} FROM ({sources.sql()})")
    signed = tuple(c for c, rule in rules.items() if rule.by_hand and rule.kind in ("integer", "number"))
    written = {"missing": sources.marks, **asdict(numbers), "dates": dict(settings.dates), "by_hand": signed}
    return RawTable(
        _filtered(relation, settings.where), found, sources.files, tuple(notes), tuple(mixed), written, sources, typed
    )


def _filtered(relation: "duckdb.DuckDBPyRelation", where: str | None) -> "duckdb.DuckDBPyRelation":
    import duckdb

    try:
        return relation.filter(where) if where else relation
    except duckdb.Error as error:
        reason = str(error).strip().split("\n")[0]
        raise UserError(
            f"Got data.read.where={where!r}, which is no condition over the columns ({reason}); expected SQL such as "
            '"age" >= 18. Edit conf/data/.'
        ) from error
