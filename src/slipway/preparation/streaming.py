"""Tables larger than memory: rows that pass from file to file, in batches or in SQL."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slipway.project.entry import UserError
from slipway.project.files import full_disk

if TYPE_CHECKING:
    from collections.abc import Mapping

    import duckdb
    import pandas as pd
    import pyarrow as pa

    from slipway.rows.contract import Kind


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


def typed_batch(batch: "pa.RecordBatch", kinds: "Mapping[str, Kind]") -> "pd.DataFrame":
    """Return what `slipway.rows.contract.typed` makes of a batch of DuckDB's, of which every value is known to be of its kind."""
    import numpy as np
    import pandas as pd
    import pyarrow as pa

    from slipway.rows.contract import typed

    columns = {}
    for column, kind in kinds.items():
        values = batch.column(column)
        if kind == "datetime":
            columns[column] = typed(values.to_pandas().to_frame(column), {column: kind})[column].to_numpy()
        elif kind == "text":
            columns[column] = values.to_numpy(zero_copy_only=False)
            columns[column][values.is_null().to_numpy(zero_copy_only=False)] = np.nan
        else:
            columns[column] = np.array(values.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False))
    return pd.DataFrame(columns, index=pd.RangeIndex(batch.num_rows), copy=False)


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
    # The stages read every row group whole, and have no use for its lowest and highest values.
    with (
        pq.ParquetWriter(path, schema, use_dictionary=dictionaries, write_statistics=False) as writer,
        ThreadPoolExecutor(1) as behind,
    ):
        writing: Future[None] | None = None
        for batch in batches:
            if writing:
                writing.result()
            writing = behind.submit(writer.write, batch)  # while the next one is made
            rows += batch.num_rows
            tell(rows)
        if writing:
            writing.result()
