"""Files of texts, record by record: one that cannot be read is put aside, and reading goes on in the line below it."""

import csv
import json
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from slipway.tables.delimited import Dialect

# A record of more letters is taken for a quote that is not closed; DuckDB, which reads raw tables, has the same limit.
LONGEST = 2_000_000


class Record(NamedTuple):
    """A record of a file, or why there is none.

    Attributes
    ----------
    line
        Where it begins in what is read, counted from 1.
    text
        The record as it stands there.
    fields
        Its texts in the order of the columns, or by the columns' names; None where it cannot be read.
    reason
        Why it cannot be read; empty where it can.
    """

    line: int
    text: str
    fields: list[str] | dict[str, str | None] | None
    reason: str = ""


def delimited_records(path: Path, dialect: Dialect) -> Iterator[Record]:
    """Yield the records below the header of a file of delimited UTF-8 text; blank lines are none."""
    csv.field_size_limit(LONGEST)
    width, number, in_header = len(dialect.columns), 1, True
    waiting: deque[str] = deque()
    taken: list[str] = []
    with path.open(encoding="utf-8-sig", newline="") as stream:

        def next_line() -> str:
            line = waiting.popleft() if waiting else stream.readline()
            taken.append(line)
            return line

        reader = csv.reader(iter(next_line, ""), delimiter=dialect.delimiter, strict=True)
        while True:
            taken.clear()
            fields: list[str] | None = None
            reason = ""
            try:
                fields = next(reader)
            except StopIteration:
                return
            except csv.Error:  # of which only the first line is given up: the lines below it may be whole
                reason = (
                    "Got a quote that is not closed, or goes on behind its end, expected it doubled inside a field."
                )
                waiting.extendleft(line for line in reversed(taken[1:]) if line)
                del taken[1:]
                reader = csv.reader(iter(next_line, ""), delimiter=dialect.delimiter, strict=True)
            line, number, text = number, number + len(taken), "".join(taken).rstrip("\r\n")
            if fields == []:
                continue
            if in_header:
                in_header = False
                continue
            if fields is not None and len(fields) != width:
                reason, fields = f"Got {len(fields)} fields, expected {width} as in the header.", None
            yield Record(line, text, fields, reason)


def is_json_lines(path: Path) -> bool:
    """Return whether a file of JSON has an object on every line, rather than objects over many lines or an array."""
    with path.open(encoding="utf-8-sig") as stream:
        first = next((line for line in stream if line.strip()), "")
    try:
        return isinstance(json.loads(first), dict)
    except (ValueError, RecursionError):
        return False


def json_records(path: Path) -> Iterator[Record]:
    """Yield the records of a file of JSON Lines, their values as the texts that DuckDB reads in a raw table."""
    with path.open(encoding="utf-8-sig", newline="\n", errors="replace") as stream:
        for line, text in enumerate(stream, 1):
            if not text.strip():
                continue
            fields, reason = None, ""
            try:
                says = json.loads(text)
            except (ValueError, RecursionError) as error:
                reason = f"Got a line that is no JSON ({error}), expected an object."
            else:
                if isinstance(says, dict):
                    fields = {name.strip(): _text(value) for name, value in says.items()}
                else:
                    reason = f"Got a line with {type(says).__name__}, expected an object with a value per column."
            yield Record(line, text.rstrip("\r\n"), fields, reason)


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
