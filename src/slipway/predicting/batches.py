"""Batches of raw rows of a table's files: the columns that a model knows, as it takes them, and what cannot be read."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa

from slipway.predicting.records import Record, delimited_records, is_json_lines, json_records
from slipway.tables.formats import Source
from slipway.tables.inference import Numbers, Rule, quoted
from slipway.tables.kinds import numbers_of
from slipway.tables.sources import MISSING, Sources, batches_of

if TYPE_CHECKING:
    from slipway.project.data_settings import Read
    from slipway.rows.contract import Contract

PIECE = 1 << 20
# How key columns are kept, by the kind that a file declares; those of texts as they stand there.
KEPT = {
    "boolean": pa.bool_(),
    "integer": pa.int64(),
    "number": pa.float64(),
    "datetime": pa.timestamp("us"),
    "text": pa.string(),
}


@dataclass(frozen=True)
class Refused:
    """A row that got no prediction: where it stands, why, and what it says. Rows count from 1, below the header.

    Attributes
    ----------
    series
        The value of the column that tells series apart; None where there is no such column, or it cannot be read. A
        series that is refused as a whole stands in no row.
    """

    file: str | None
    row: int | None
    line: int | None
    reason: str
    text: str
    series: Any = None


@dataclass
class Batch:
    """Some rows of a file, one after the other.

    Attributes
    ----------
    rows
        Columns that the model knows, with the rows' numbers in their file as the index; without those that are refused.
    kept
        The key columns of the same rows, as the file has them.
    refused
        The rows that cannot be read.
    item
        The column that tells series apart, where it matters.
    """

    file: str
    rows: pd.DataFrame
    kept: dict[str, pa.Array]
    refused: list[Refused]
    texts: dict[int, tuple[int | None, str]] = field(repr=False)
    item: str | None = None

    def without(self, refused: np.ndarray) -> "Batch":
        """Return the batch without the rows that a mask names."""
        mask = pa.array(~refused)
        return replace(
            self, rows=self.rows[~refused], kept={name: values.filter(mask) for name, values in self.kept.items()}
        )

    def refusal(self, row: int, reason: str) -> Refused:
        """Return a row that the model refuses, to be put aside."""
        line, text = self.texts.get(row, (None, ""))
        series = self.rows.loc[row, self.item] if self.item else None
        return Refused(self.file, row, line, reason, text or self.rows.loc[row].to_json(date_format="iso"), series)


class Asked(Sources):
    """The files of a table that a model is asked about; broken lines of JSON do not hide their columns.

    Parameters
    ----------
    contract
        The model's, which says its columns with their kinds.
    """

    item: str | None = None  # the column that tells series apart, where it matters

    def __init__(self, folder: Path, files: tuple[Path, ...], settings: "Read", contract: "Contract") -> None:
        super().__init__(folder, files, settings)
        kinds = contract.columns
        self.read = [name for name in self.names if name in kinds]
        settings, written = self.settings, contract.written
        numbers = numbers_of(self, self.notes)
        learned = Numbers(written.decimal, written.thousands)
        shown = any(s.dialect and (s.dialect.decimal or s.dialect.thousands) for s in self.sources)
        by_settings = (settings.decimal, settings.thousands) != (None, None)
        if not by_settings and (not shown or numbers == Numbers(learned.decimal)):
            numbers = learned  # nothing in this file speaks for another way
        dates = {**settings.dates, **written.dates}
        by_hand = {*settings.types, *dates, *written.by_hand}
        self.kinds = kinds
        # How a column's texts become values where that is no matter of course; all others the model takes as texts.
        self.rules = {
            name: Rule(kinds[name], numbers, dates.get(name), by_hand=name in by_hand)
            for name in self.read
            if name not in self.declared
            and kinds[name] != "text"
            and (
                name in by_hand
                or (kinds[name] in ("integer", "number") and (numbers != Numbers() or written.is_foreign))
            )
        }
        usual = settings.missing if settings.missing is not None else MISSING if self.format != "JSON" else ()
        self.missing = {*(written.missing or usual), *([""] if self.format != "JSON" else [])}

    def _names(self) -> tuple[str, ...]:
        """Return the columns; the settings keep what concerns them. Every row counts, whichever the model learned from."""
        names, settings = super()._names(), self.settings
        here = {
            key: {name: how for name, how in getattr(settings, key).items() if name in names}
            for key in ("types", "dates")
        }
        self.settings = settings.model_copy(update={"where": None, "drop": [], **here})
        return names

    def _stored_names(self, source: Source) -> list[str]:
        if source.format != "JSON" or not all(is_json_lines(source.path) for source in self.sources):
            return super()._stored_names(source)
        names: dict[str, None] = {}
        for one in self.sources:
            for record in json_records(one.path):
                names |= dict.fromkeys(record.fields or ())
        self.raw_names |= {name: name for name in names}
        return list(names)

    def digests(self) -> tuple[dict[str, str], int]:
        """Return file → sha256 of what is read of it, and about how many rows there are."""
        digests, rows = {}, 0
        for source in self.sources:
            digest = hashlib.sha256()
            rows -= source.dialect is not None  # its header
            with source.path.open("rb") as stream:
                while piece := stream.read(PIECE):
                    digest.update(piece)
                    rows += piece.count(b"\n") if source.format != "Parquet" else 0
            digests[self._name(source)] = digest.hexdigest()
        if self.format == "Parquet":
            rows = sum(
                self.connection.sql(f"SELECT count(*) FROM {self._scan([s])}").fetchall()[0][0] for s in self.sources
            )
        return digests, rows

    def batches(self, keep: list[str], size: int, done: int) -> Iterator[Batch]:
        """Yield the table in batches of so many rows at most, after the first batches, which are done."""
        for source in self.sources:
            texts = source.dialect is not None or (source.format == "JSON" and is_json_lines(source.path))
            for batch in self._of_texts(source, keep, size) if texts else self._of_values(source, keep, size):
                if done:
                    done -= 1
                else:
                    yield batch()

    def place(self, one: Refused) -> str:
        """Return where a row stands, in words."""
        return f"{self.folder / (one.file or '')}, " + (f"line {one.line}" if one.line else f"row {one.row}")

    def _name(self, source: Source) -> str:
        return source.file.relative_to(self.folder).as_posix()

    def kept_schema(self, keep: list[str]) -> pa.Schema:
        """Return the schema of the key columns."""
        return pa.schema([(name, KEPT[self.declared.get(name, "text")]) for name in keep])

    def _of_texts(self, source: Source, keep: list[str], size: int) -> "Iterator[Callable[[], Batch]]":
        records = delimited_records(source.path, source.dialect) if source.dialect else json_records(source.path)
        first = 1
        while chunk := list(islice(records, size)):
            yield partial(self._batch_of_texts, source, keep, first, chunk)
            first += len(chunk)

    def _batch_of_texts(self, source: Source, keep: list[str], first: int, chunk: list[Record]) -> Batch:
        name = self._name(source)
        texts = {row: (r.line if source.has_lines else None, r.text) for row, r in enumerate(chunk, first)}
        refused = [
            Refused(name, row, texts[row][0], r.reason, r.text)
            for row, r in enumerate(chunk, first)
            if r.fields is None
        ]
        whole = {row: record.fields for row, record in enumerate(chunk, first) if record.fields is not None}

        def column(name: str) -> list[str | None]:
            if source.dialect is None:
                return [fields.get(name) for fields in whole.values()]  # type: ignore[union-attr]  # by their names
            place = source.dialect.columns.index(name)
            return [fields[place] for fields in whole.values()]  # type: ignore[index]  # in the columns' order

        rows = pd.DataFrame(
            {name: [None if text in self.missing else text for text in column(name)] for name in self.read},
            index=list(whole),
            dtype=object,
        )
        kept = {name: pa.array(column(name), pa.string()) for name in keep}
        return self._converted(Batch(name, rows, kept, refused, texts, self.item))

    def _of_values(self, source: Source, keep: list[str], size: int) -> "Iterator[Callable[[], Batch]]":
        columns = list(dict.fromkeys([*self.read, *keep]))
        chosen = ", ".join(f"{self._value(name)} AS {quoted(name)}" for name in columns)
        rows = self.connection.sql(f"SELECT {chosen} FROM {self._scan([source])}")
        waiting, first = rows.limit(0).to_arrow_table(), 1
        for piece in chain(batches_of(rows, size), [None]):
            waiting = pa.concat_tables([waiting, *([pa.Table.from_batches([piece])] if piece else [])])
            while len(waiting) >= size or (piece is None and len(waiting)):
                yield partial(self._batch_of_values, source, keep, first, waiting[:size])
                first, waiting = first + size, waiting[size:]

    def _batch_of_values(self, source: Source, keep: list[str], first: int, values: pa.Table) -> Batch:
        rows = values.select(self.read).to_pandas(integer_object_nulls=True)
        rows.index = pd.RangeIndex(first, first + len(rows))
        kept = {
            column.name: values[column.name].combine_chunks().cast(column.type) for column in self.kept_schema(keep)
        }
        return self._converted(Batch(self._name(source), rows, kept, [], {}, self.item))

    def _converted(self, batch: Batch) -> Batch:
        """Return a batch whose texts are values where a rule says how; texts that don't fit refuse their row."""
        if not self.rules:
            return batch
        texts = pa.table({name: pa.array(batch.rows[name], pa.string()) for name in self.rules})
        values = ", ".join(
            f"{rule.as_sql(quoted(name), attempt=True)} AS {quoted(name)}" for name, rule in self.rules.items()
        )
        misfits = ", ".join(
            f"coalesce({rule.misfit(quoted(name))}, false) AS {quoted(name)}" for name, rule in self.rules.items()
        )
        with self.connection.cursor() as connection:  # the batches themselves may be read by a query that runs
            connection.execute("SET TimeZone = 'UTC'")
            connection.register("texts", texts)
            converted = (
                connection.sql(f"SELECT {values} FROM texts").to_arrow_table().to_pandas(integer_object_nulls=True)
            )
            odd = connection.sql(f"SELECT {misfits} FROM texts").to_arrow_table().to_pandas()
        reasons: dict[int, str] = {}
        for name in self.rules:
            for row, text in batch.rows[name][odd[name].to_numpy()].items():
                reasons.setdefault(int(row), f"Got {text!r} in the column {name!r}, expected a {self.kinds[name]}.")
        batch.refused.extend(batch.refusal(row, reason) for row, reason in reasons.items())
        rows = batch.rows.assign(**{name: converted[name].to_numpy() for name in self.rules})
        return replace(batch, rows=rows).without(odd.any(axis=1).to_numpy())
