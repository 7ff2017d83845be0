"""How two states of a table differ: rows and columns, by DuckDB."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from slipway.project.data_settings import Read
from slipway.project.entry import UserError

if TYPE_CHECKING:
    import pyarrow as pa

# Bytes of both states together, beyond which comparing would take longer than people wait for an answer.
LARGEST = 100_000_000


def difference(former: dict[str, bytes], present: dict[str, bytes], read: Read) -> str | None:
    """Return in words which rows and columns of a table differ; None where that cannot be said.

    Parameters
    ----------
    former, present
        The table's files by name; ``""`` is a single Parquet file.
    read
        How raw files are read.
    """
    if sum(map(len, [*former.values(), *present.values()])) > LARGEST:
        return None
    try:
        old, new = (_table(files, read) for files in (former, present))
    except (UserError, OSError, ValueError):
        return None
    return compare(old, new)


def compare(old: "pa.Table", new: "pa.Table") -> str:
    """Return in words how many rows differ, and in which columns.

    Rows are told apart by their place where there are as many as before, else by what they say.
    """
    import duckdb

    columns = [name for name in new.column_names if name in old.column_names]
    says = [f"column {name} is new" for name in new.column_names if name not in columns]
    says += [f"column {name} is gone" for name in old.column_names if name not in columns]
    if not columns:
        return "; ".join(says)
    names = ['"' + name.replace('"', '""') + '"' for name in columns]
    listed, of_old, of_new = (", ".join(f"{side}{name}" for name in names) for side in ("", "f.", "p."))
    only_in = "SELECT count(*) FROM (SELECT {0} FROM {1} EXCEPT ALL SELECT {0} FROM {2})"
    each = ", ".join(f"count(*) FILTER (f.{name} IS DISTINCT FROM p.{name})" for name in names)
    by_place = f"SELECT count(*) FILTER (({of_old}) IS DISTINCT FROM ({of_new})), {each} FROM former f POSITIONAL JOIN present p"
    with duckdb.connect() as connection:
        connection.register("former", old)
        connection.register("present", new)
        came, went = (
            int(connection.sql(only_in.format(listed, *pair)).fetchall()[0][0])
            for pair in (("present", "former"), ("former", "present"))
        )
        total, *counted = connection.sql(by_place).fetchall()[0] if len(old) == len(new) else (0,)
    if len(old) != len(new):
        says.append(f"{came} rows came and {went} went, of {len(old)}")
    elif came:
        where = ", ".join(name for name, n in zip(columns, counted, strict=True) if n)
        says.append(f"{total} of {len(new)} rows differ, in {where}")
    elif total:
        says.append("the same rows in another order")
    return "; ".join(says) or "the same rows, written otherwise"


def _table(files: dict[str, bytes], read: Read) -> "pa.Table":
    """Return the table that files hold, read as the stages do."""
    import pyarrow.parquet as pq
    from pyarrow import BufferReader

    from slipway.tables.reading import read_raw_table

    if "" in files:
        return pq.read_table(BufferReader(files[""]))
    with TemporaryDirectory() as folder:
        for name, content in files.items():
            place = Path(folder, name)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)
        with read_raw_table(Path(folder), read) as raw:
            return raw.relation.to_arrow_table()
