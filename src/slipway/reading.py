"""Raw tables: a folder of files of one schema, read as one table whose types hold for every row."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from slipway.entry import UserError

if TYPE_CHECKING:
    import duckdb

    from slipway.contract import Kind

# What a text must look like to be of a kind, in the order in which kinds are tried: the first that fits every value
# wins. DuckDB's own cast to integer would round 29.5; a leading zero marks a code, such as a postcode.
TESTS = {
    "boolean": "lower(#) IN ('true', 'false')",
    "integer": "regexp_full_match(#, '[+-]?(0|[1-9][0-9]{0,17})')",
    "number": "try_cast(# AS DOUBLE) IS NOT NULL AND NOT regexp_full_match(#, '[+-]?0[0-9]+')",
    "datetime": "try_cast(# AS TIMESTAMP) IS NOT NULL",
}
# The column with the name of a row's file, in `RawTable.placed`.
FILE = "slipway.file"
# How a text of a kind becomes a value. What is written as "nan" is missing, to SQL as it is to pandas.
CASTS = {
    "boolean": "CAST(# AS BOOLEAN)",
    "integer": "CAST(# AS BIGINT)",
    "number": "nullif(CAST(# AS DOUBLE), CAST('nan' AS DOUBLE))",
    "datetime": "CAST(# AS TIMESTAMP)",
    "text": "#",
}


@dataclass(frozen=True)
class RawTable:
    """A raw table, typed, in the order of its files.

    Attributes
    ----------
    relation
        Its rows as a DuckDB relation, evaluated when asked: one column per raw column, of the type of its kind.
    kinds
        Column → kind, in the order of the columns.
    files
        The files it was read from, in name order.
    placed
        The rows with one more column, ``FILE``: the name of the file that a row is from.
    """

    relation: "duckdb.DuckDBPyRelation"
    kinds: "dict[str, Kind]"
    files: tuple[Path, ...]
    placed: "duckdb.DuckDBPyRelation"

    @property
    def connection(self) -> "duckdb.DuckDBPyConnection":
        """The connection that reads the files, for how far it is."""
        import duckdb

        return duckdb.default_connection()


def raw_files(folder: Path) -> tuple[Path, ...]:
    """Return the files of a raw table in name order.

    A README and hidden files are no part of the table.
    """
    if not folder.is_dir():
        raise UserError(
            f"Got no folder {folder}, expected the raw table's files there. Put them in, or edit data.name."
        )
    files = tuple(sorted(f for f in folder.iterdir() if f.is_file() and _is_data(f)))
    if not files:
        raise UserError(f"Got no file in {folder}, expected one or more CSV files. Put the raw table there.")
    return files


def read_raw_table(folder: Path, kinds: "dict[str, Kind] | None" = None) -> RawTable:
    """Read the files of a folder as one typed table.

    Parameters
    ----------
    folder
        Where the files are.
    kinds
        Column → kind, where it is known; otherwise found by going through all rows.

    Raises
    ------
    UserError
        There is no file, one cannot be read, or one has other columns than the first.
    """
    import duckdb

    files = raw_files(folder)
    headers = {file: _header(file) for file in files}
    first = headers[files[0]]
    for file, header in headers.items():
        if header != first:
            odd = sorted(set(header) ^ set(first)) or ["their order"]
            raise UserError(
                f"Got other columns in {file} than in {files[0]} ({', '.join(odd)}), expected files of one schema "
                f"in {folder}. Make the columns the same, or move the file to a folder of its own."
            )
    try:
        text = duckdb.read_csv([str(f) for f in files], all_varchar=True, header=True, sample_size=-1, filename=FILE)
        kinds = kinds or infer_kinds(text.project(f"* EXCLUDE ({quoted(FILE)})"))
    except duckdb.Error as error:
        raise _unreadable(folder, error) from error
    typed = ", ".join(f"{CASTS[kind].replace('#', quoted(c))} AS {quoted(c)}" for c, kind in kinds.items())
    name = f"parse_filename({quoted(FILE)}) AS {quoted(FILE)}"
    return RawTable(text.project(typed), kinds, files, text.project(f"{typed}, {name}"))


def infer_kinds(text: "duckdb.DuckDBPyRelation") -> "dict[str, Kind]":
    """Return the narrowest kind that fits every value of each column of texts; a column without values is a number."""
    tests = [
        f"coalesce(bool_and({test.replace('#', quoted(column))}) FILTER ({quoted(column)} IS NOT NULL), {kind == 'number'})"
        for column in text.columns
        for kind, test in TESTS.items()
    ]
    fits = iter(text.aggregate(", ".join(tests)).fetchall()[0])
    kinds: dict[str, Kind] = {}
    for column in text.columns:
        fitting = [kind for kind in TESTS if next(fits)]
        kinds[column] = cast("Kind", fitting[0] if fitting else "text")
    return kinds


def quoted(name: str) -> str:
    """Return a column's name as SQL writes it.

    >>> quoted('fare "in" pounds')
    '"fare ""in"" pounds"'
    """
    return '"' + name.replace('"', '""') + '"'


def _is_data(file: Path) -> bool:
    return not file.name.startswith(".") and file.stem.upper() != "README" and file.suffix != ".dvc"


def _header(file: Path) -> list[str]:
    import duckdb

    try:
        return duckdb.read_csv(str(file), all_varchar=True, header=True, sample_size=2048).columns
    except duckdb.Error as error:
        raise _unreadable(file, error) from error


def _unreadable(place: Path, error: Exception) -> UserError:
    reason = str(error).strip().split("\n")[0]
    return UserError(f"Got {place}, which cannot be read as CSV ({reason}); expected delimited text with a header.")
