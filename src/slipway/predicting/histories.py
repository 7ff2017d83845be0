"""A model of long tables asked for forecasts: every series with its whole history, so many of them at a time."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa

from slipway.predicting.asking import Asking
from slipway.predicting.batches import Asked, Batch, Refused
from slipway.project.entry import UserError
from slipway.rows.series import ONLY
from slipway.tables.inference import quoted
from slipway.tables.progress import RowProgress

if TYPE_CHECKING:
    from slipway.project.data_settings import Read
    from slipway.rows.series import SeriesContract

# Rows that are read at once.
READ_ROWS = 20_000
# No column's name.
SERIES = "slipway series"


class Histories(Asked):
    """The files of a long table that a model is asked about.

    The rows are gathered in DuckDB, which goes to the disk where memory is short. A series of which a row cannot be read
    is left out as a whole: without that row its history would be another one.
    """

    def __init__(self, folder: Path, files: tuple[Path, ...], settings: "Read", contract: "SeriesContract") -> None:
        super().__init__(folder, files, settings, contract)
        self.contract, self.item = contract, contract.item
        self.refused: dict[str, Refused] = {}
        self.lengths: list[tuple[str, int]] = []

    def batches(self, keep: list[str], size: int, done: int) -> Iterator[Batch]:
        """Yield the series that are left out, then the others: some of so many rows at most, or a longer one."""
        if not done:
            yield Batch("", pd.DataFrame(), {}, list(self.refused.values()), {})
        columns = ", ".join(map(quoted, self.contract.columns))
        chosen = f"SELECT {columns} FROM histories WHERE {quoted(SERIES)} BETWEEN ? AND ?"
        for ends in whole_series(self.lengths, size)[max(0, done - 1) :]:
            rows = self.connection.sql(chosen, params=ends).to_arrow_table().to_pandas()
            yield Batch("", rows, {}, [], {})

    def gather(self, rows: int) -> int:
        """Read all rows, about so many, and return how many steps to come there are.

        Raises
        ------
        UserError
            Nobody can tell the series of a row, so that any history may be another one without it.
        """
        store = self.connection.cursor()  # rows may come of a query that runs
        types = {"text": "VARCHAR", "datetime": "TIMESTAMP_NS"}
        columns = [f"{quoted(name)} {types.get(kind, 'DOUBLE')}" for name, kind in self.contract.columns.items()]
        store.execute(f"CREATE TABLE received ({', '.join(columns)}, {quoted(SERIES)} VARCHAR)")
        read = 0
        with RowProgress("predict").step("reading", rows) as progress:
            for batch in super().batches([], READ_ROWS, 0):
                misfits = self.contract.refusals(batch.rows)
                found = [batch.refusal(int(batch.rows.index[place]), reason) for place, reason in misfits.items()]
                whole = batch.rows.drop(index=batch.rows.index[list(misfits)])
                series = self._series_of(whole)
                found += [
                    batch.refusal(
                        row, f"Got a row without a value of {self.contract.item!r}, expected one in every row."
                    )
                    for row in series.index[series.isna()][:1]
                ]
                for one in [*batch.refused, *found]:
                    self._leave_out(one)
                values = self.contract.table(whole).assign(**{SERIES: series})
                store.register("batch", pa.Table.from_pandas(values, preserve_index=False))
                store.execute("INSERT INTO received FROM batch")
                read += len(batch.rows) + len(batch.refused)
                progress(read)
        store.register("refused", pa.table({SERIES: pa.array(self.refused, pa.string())}))
        store.execute(
            f"CREATE TABLE histories AS FROM received ANTI JOIN refused USING ({quoted(SERIES)}) ORDER BY {quoted(SERIES)}, {quoted(self.contract.timestamp)}"
        )
        store.execute("DROP TABLE received")
        self.lengths = store.execute(
            f"SELECT {quoted(SERIES)}, count(*) FROM histories GROUP BY ALL ORDER BY ALL"
        ).fetchall()
        return len(self.lengths) * self.contract.prediction_length

    def _series_of(self, rows: pd.DataFrame) -> pd.Series:
        """Return the series of rows, as the model reads it."""
        item = self.contract.item
        if item is None:
            return pd.Series(ONLY, rows.index)
        others = dict.fromkeys(name for name in self.contract.columns if name != item)
        return self.contract.table(rows[[item]].assign(**others))[item]

    def _leave_out(self, one: Refused) -> None:
        item = self.contract.item
        names = self._series_of(pd.DataFrame({item or "": [one.series]}))
        if names.isna().all():
            raise UserError(
                f"Got a row of which nobody can tell the series, {self.place(one)}: {one.reason} Mend it; without it the "
                "history of a series would be another one."
            )
        self.refused.setdefault(names[0], replace(one, series=names[0]))


def whole_series(lengths: Iterable[tuple[str, int]], size: int) -> list[tuple[str, str]]:
    """Return the first and the last series of pieces, each of so many rows at most, or of one series that is longer.

    >>> whole_series([("a", 2), ("b", 3), ("c", 9), ("d", 1)], 5)
    [('a', 'b'), ('c', 'c'), ('d', 'd')]
    """
    pieces: list[tuple[str, str]] = []
    rows = size
    for name, length in lengths:
        if rows + length > size:
            pieces.append((name, name))
            rows = length
        else:
            pieces[-1] = (pieces[-1][0], name)
            rows += length
    return pieces


class Forecasting(Asking):
    """A loaded model, and what is asked of it for every series."""

    contract: "SeriesContract"

    def batch(self, batch: Batch) -> tuple[pa.Table, list[Refused]]:
        """Return the forecasts of some series, and the series that got none."""
        answers, reasons = self._sifted(batch.rows)
        return answers, [*batch.refused, *(Refused(None, None, None, why, "", name) for name, why in reasons.items())]

    def _schema(self) -> pa.Schema:
        nothing = pd.DataFrame(columns=list(self.contract.columns))
        names = self.model.predict(nothing, params=self.params or None).columns
        kinds = {self.contract.item: pa.string(), self.contract.timestamp: pa.timestamp("ns")}
        return pa.schema([(name, kinds.get(name, pa.float64())) for name in names])

    def _sifted(self, rows: pd.DataFrame) -> tuple[pa.Table, dict[Any, str]]:
        """Return the forecasts of the series that the model takes, and series → why it does not take it."""
        try:
            return (self._asked(rows).cast(self.schema) if len(rows) else self.schema.empty_table()), {}
        except self.refusal as error:
            if error.error_code != "INVALID_PARAMETER_VALUE":
                raise
            series = rows[self.contract.item] if self.contract.item else pd.Series(ONLY, rows.index)
            names = series.unique()
            if len(names) == 1:
                return self.schema.empty_table(), {names[0]: error.message}
            first = series.isin(names[: len(names) // 2])
            sifted = [self._sifted(part) for part in (rows[first], rows[~first])]
            return pa.concat_tables([answers for answers, _ in sifted]), {**sifted[0][1], **sifted[1][1]}
