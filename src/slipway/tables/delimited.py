"""Delimited text: its delimiter, header and way of writing numbers, and where a line is broken."""

import csv
import io
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from slipway.project.entry import UserError

if TYPE_CHECKING:
    from slipway.project.data_settings import Read

DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe"}
# Beyond these columns the queries over all of them take minutes and gigabytes.
MOST_COLUMNS = 3_000
# A guess rests on the first so many letters and rows.
SAMPLE, SAMPLE_ROWS = 1 << 20, 200
PLAIN = re.compile(r"[+-]?\d+")
DOT = re.compile(r"[+-]?\d*\.\d+")
COMMA = re.compile(r"[+-]?(\d+|[1-9]\d{0,2}(\.\d{3})+),\d+")
COMMA_GROUPS = re.compile(r"[+-]?[1-9]\d{0,2}(,\d{3})+(\.\d+)?")
DOT_GROUPS = re.compile(r"[+-]?[1-9]\d{0,2}(\.\d{3})+")


@dataclass(frozen=True)
class Dialect:
    """How a file of delimited text is written.

    Attributes
    ----------
    delimiter
        What parts the fields of a line.
    columns
        The names in the header, without blanks around them.
    decimal, thousands
        What parts a number's whole from its fraction, and its groups of three digits, as far as a sample shows; else "".
    blank_lines
        How many stand above the header.
    """

    delimiter: str
    columns: tuple[str, ...]
    decimal: str
    thousands: str
    blank_lines: int


def read_dialect(file: Path, path: Path, settings: "Read") -> tuple[Dialect, list[str]]:
    """Return how a file of UTF-8 text is written, and what was guessed or mended.

    Raises
    ------
    UserError
        A column has no name, or two have the same one.
    """
    with path.open(encoding="utf-8-sig", newline="") as stream:
        sample = stream.read(SAMPLE)
        whole = not stream.read(1)
    notes = []
    delimiter = settings.delimiter
    if delimiter is None:
        delimiter = _guessed_delimiter(sample, whole)
        if delimiter != ",":
            notes.append(f"the delimiter is taken to be the {DELIMITERS[delimiter]}; data.read.delimiter sets it")
    rows = _rows(sample, delimiter, whole)
    columns, name_notes = clean_names(file, rows[0] if rows else [])
    blank = len(sample) - len(sample.lstrip("\r\n"))
    blank_lines = len(sample[:blank].splitlines())
    return Dialect(delimiter, columns, *_guessed_numbers(rows[1:]), blank_lines), notes + name_notes


def clean_names(file: Path, header: list[str]) -> tuple[tuple[str, ...], list[str]]:
    """Return the names of columns without blanks around them, and a note of that; refuse empty and equal ones."""
    names = tuple(name.strip() for name in header)
    padded = [repr(name) for name in header if name != name.strip()]
    shown = ", ".join(padded[:3]) + (" …" if len(padded) > 3 else "")
    notes = [f"blanks around {len(padded)} names in the header are stripped: {shown}"] if padded else []
    way_out = "Give every column a name of its own in the file."
    if len(names) > MOST_COLUMNS:
        raise UserError(
            f"Got {len(names)} columns in {file}, expected at most {MOST_COLUMNS}. Leave out what is not needed, or "
            "turn columns into rows."
        )
    if empty := [str(place) for place, name in enumerate(names, 1) if not name]:
        raise UserError(
            f"Got no name for column {', '.join(empty[:5])} of {len(names)} in the header of {file}, expected one. {way_out}"
        )
    seen: dict[str, str] = {}
    for name in names:
        if other := seen.get(name.lower()):
            alike = (
                f"the name {name!r} twice"
                if other == name
                else f"the names {other!r} and {name!r}, alike but for case,"
            )
            raise UserError(f"Got {alike} in the header of {file}, expected different ones. {way_out}")
        seen[name.lower()] = name
    fractions = sum(bool(DOT.fullmatch(name)) for name in names)
    if fractions and fractions + sum(bool(PLAIN.fullmatch(name)) for name in names) > len(names) / 2:
        raise UserError(
            f"Got numbers for names in {file} ({', '.join(names[:4])} …), expected a header. Add a first line."
        )
    return names, notes


def _guessed_delimiter(sample: str, whole: bool) -> str:
    """Return the delimiter by which most rows have as many fields as the header, the more the better."""

    def merit(delimiter: str) -> tuple[float, int]:
        widths = [len(row) for row in _rows(sample, delimiter, whole)]
        if not widths or widths[0] < 2:
            return 0.0, 0
        return round(widths.count(widths[0]) / len(widths), 1), widths[0]

    return max(DELIMITERS, key=merit)


def _rows(sample: str, delimiter: str, whole: bool) -> list[list[str]]:
    csv.field_size_limit(1 << 30)
    rows = list(itertools.islice(csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter), SAMPLE_ROWS))
    if not whole and 1 < len(rows) < SAMPLE_ROWS:
        rows.pop()  # cut in two
    return [row for row in rows if row]


def _guessed_numbers(rows: list[list[str]]) -> tuple[str, str]:
    """Return the decimal sign and the thousands separator that a sample of rows leaves no doubt about."""
    has_comma = has_dot = has_groups = False
    for column in itertools.zip_longest(*rows, fillvalue=""):
        values = [value.strip() for value in column if value.strip()]
        plain = sum(bool(PLAIN.fullmatch(value)) for value in values)
        commas = [value for value in values if COMMA.fullmatch(value)]
        dots = sum(bool(DOT.fullmatch(value)) for value in values)
        groups = [value for value in values if COMMA_GROUPS.fullmatch(value)]
        dot_groups = sum(bool(DOT_GROUPS.fullmatch(value)) for value in values)
        if len(commas) + plain + dot_groups == len(values):
            has_comma |= any(value not in groups for value in commas)
        if dots + plain + len(groups) == len(values):
            has_dot |= dots > dot_groups
            has_groups |= bool(groups) and (dots > 0 or any("." in v or v.count(",") > 1 for v in groups))
    if has_comma:
        return ("", "") if has_dot else (",", ".")
    return "." if has_dot else "", "," if has_groups else ""


def records(path: Path, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the first line and the fields of every record of a UTF-8 file, the header included; blank lines are none."""
    csv.field_size_limit(1 << 30)
    with path.open(encoding="utf-8-sig", newline="") as stream:
        reader = csv.reader(stream, delimiter=delimiter, strict=True)
        line = 1
        try:
            for fields in reader:
                if fields:
                    yield line, fields
                line = reader.line_num + 1
        except csv.Error as error:
            yield line, [str(error)]


def broken_line(path: Path, dialect: Dialect) -> tuple[int, str] | None:
    """Return the line of the first record that does not fit the header, and what is wrong with it."""
    width = len(dialect.columns)
    for line, fields in records(path, dialect.delimiter):
        if len(fields) != width:
            if fields and ("expected after" in fields[0] or "unexpected end" in fields[0]):
                return line, "a quote that is not closed"
            return line, f"{len(fields)} fields where the header has {width}"
    return None
