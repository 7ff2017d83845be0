"""Predictions on the way: a part file per batch, so that an interruption costs one batch, joined into one file at the end."""

import fcntl
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from slipway.predicting.batches import Refused
from slipway.project.entry import UserError
from slipway.project.files import whole_file, write_json

REFUSED = pa.schema(
    [("file", pa.string()), ("row", pa.int64()), ("line", pa.int64()), ("reason", pa.string()), ("text", pa.string())]
)
REFUSED_SERIES = pa.schema([("series", pa.string()), *REFUSED])
# What the parts are of.
MANIFEST = "asked.json"


class Parts:
    """The parts of an output, in a hidden folder beside it.

    Parameters
    ----------
    out
        The output.
    asked
        What the parts are of: the input, the model, what is asked; JSON.
    aside_schema
        What is written of each of those that are put aside.

    Attributes
    ----------
    done
        How many batches are there, from the first on.
    rows, refused
        How many rows of them were predicted, and put aside.
    former
        What was asked the time before, where that was something else: its parts are gone.
    """

    def __init__(self, out: Path, asked: dict[str, Any], aside_schema: pa.Schema = REFUSED) -> None:
        self.out, self.asked, self.aside_schema = out, asked, aside_schema
        self.folder = out.with_name(f".{out.name}.parts")
        self.aside = out.with_name(f"{out.stem}.refused.csv")
        manifest = self.folder / MANIFEST
        says = json.loads(manifest.read_text(encoding="utf-8")) if manifest.exists() else None
        self.former = [key for key in asked if says is not None and says.get(key) != asked[key]]
        if says is None or self.former:
            for left in self.folder.glob("*.*"):
                left.unlink()
            write_json(manifest, asked)
        self.done = self.rows = self.refused = 0
        while (part := self._part(self.done)).exists():
            self.rows += pq.read_metadata(part).num_rows
            self.refused += pq.read_metadata(self._aside(self.done)).num_rows
            self.done += 1

    def add(self, answers: pa.Table, refused: list[Refused]) -> None:
        """Write a batch down; it counts once its answers are there."""
        aside = [
            asdict(one) for one in sorted(refused, key=lambda one: (one.file or "", one.row or 0, one.series or ""))
        ]
        with whole_file(self._aside(self.done)) as part:
            pq.write_table(pa.Table.from_pylist(aside, self.aside_schema), part)
        with whole_file(self._part(self.done)) as part:
            pq.write_table(answers, part)
        self.done, self.rows, self.refused = self.done + 1, self.rows + len(answers), self.refused + len(refused)

    def join(self, schema: pa.Schema) -> None:
        """Join the parts into the output, and what was put aside into a second file, each whole or not at all."""
        if self.refused:
            _write(self.aside, [self._aside(place) for place in range(self.done)], self.aside_schema)
        else:
            self.aside.unlink(missing_ok=True)
        _write(self.out, [self._part(place) for place in range(self.done)], schema)
        shutil.rmtree(self.folder)

    def _part(self, place: int) -> Path:
        return self.folder / f"{place:06}.parquet"

    def _aside(self, place: int) -> Path:
        return self.folder / f"{place:06}.refused.parquet"


@contextmanager
def alone(out: Path) -> Iterator[None]:
    """Keep others from writing the same output while the block lasts."""
    folder = out.with_name(f".{out.name}.parts")
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise UserError(
                f"Got another process that writes {out}, expected none. Wait for it, or give another --out."
            ) from error
        try:
            yield
        finally:
            if not (folder / MANIFEST).exists():
                shutil.rmtree(folder, ignore_errors=True)


def _write(path: Path, parts: list[Path], schema: pa.Schema) -> None:
    with whole_file(path) as whole:
        if path.suffix == ".parquet":
            with pq.ParquetWriter(whole, schema) as writer:
                for part in parts:
                    writer.write_table(pq.read_table(part, schema=schema))
            return
        with whole.open("w", encoding="utf-8", newline="") as stream:
            for table in (schema.empty_table(), *map(pq.read_table, parts)):
                header = stream.tell() == 0
                table.to_pandas(integer_object_nulls=True).to_csv(
                    stream, index=False, header=header, lineterminator="\n"
                )
