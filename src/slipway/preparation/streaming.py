"""Tables larger than memory: rows that pass from file to file, in batches or in SQL."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slipway.project.entry import UserError
from slipway.project.files import full_disk

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa


@contextmanager
def bounded(folder: Path, memory_mb: int, threads: int | None = None) -> "Iterator[duckdb.DuckDBPyConnection]":
    """Give a DuckDB connection that takes so much memory and lays the rest aside in a folder."""
    import duckdb

    config: dict[str, Any] = {"memory_limit": f"{memory_mb}MiB", "temp_directory": str(folder / "spill")}
    config |= {"threads": threads} if threads else {}
    try:
        with duckdb.connect(config=config) as connection:
            yield connection
    except duckdb.OutOfMemoryException as error:
        raise UserError(
            f"Got a table for which dataprep.memory_mb={memory_mb} is too little, expected more. Edit conf/dataprep/."
        ) from error
    except duckdb.IOException as error:
        if "No space left" not in str(error):
            raise
        raise full_disk(str(error), folder) from error


def lay_aside(rows: "duckdb.DuckDBPyRelation", path: Path) -> None:
    """Write the rows of a relation to Parquet in their order, quickly; where row groups end hangs on DuckDB's threads."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows.write_parquet(str(path), compression="uncompressed")


@contextmanager
def beside(work: Callable[[], None], connection: "duckdb.DuckDBPyConnection") -> "Iterator[Future[None]]":
    """Let queries of a connection run in a thread of their own beside a block, which ends after them.

    When the block fails, they are given up; their own error is raised where the block asks for their result, or ends.
    """
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(work)
        try:
            yield running
            running.result()
        finally:
            while not running.done():
                connection.interrupt()
                wait([running], timeout=0.1)


def schema_of(rows: "duckdb.DuckDBPyRelation") -> "pa.Schema":
    """Return the columns and types of a relation's batches."""
    return rows.limit(0).to_arrow_table().schema


def write_batches(
    batches: "Iterable[pa.Table | pa.RecordBatch]",
    path: Path,
    schema: "pa.Schema",
    tell: Callable[[int], None],
    dictionaries: bool | list[str] = True,
) -> None:
    """Write tables of one schema to a Parquet file, a row group each, and tell how many rows are done.

    Byte for byte the same for the same tables.

    Parameters
    ----------
    dictionaries
        The columns whose values are tried to be written once each, in vain where most of them differ; or all, or none.
    """
    import pyarrow.parquet as pq

    path.parent.mkdir(parents=True, exist_ok=True)
    rows = 0
    with pq.ParquetWriter(path, schema, use_dictionary=dictionaries) as writer:
        for batch in batches:
            writer.write(batch)
            rows += batch.num_rows
            tell(rows)
