"""Delimited text: its encoding, delimiter, header and way of writing numbers, and where a line is broken."""

import codecs
import csv
import io
import itertools
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from slipway.entry import UserError

if TYPE_CHECKING:
    from slipway.settings import Read

DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe"}
# Beyond these columns the queries over all of them take minutes and gigabytes.
MOST_COLUMNS = 3_000
PIECE = 1 << 20
SAMPLE_ROWS = 200
# Tried by charset-normalizer: with all the encodings that it knows it is wrong more often on a table's short words.
ENCODINGS = ["cp1252", "cp1251", "gb18030", "cp932", "cp949", "big5", "euc_jp"]

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
    """

    delimiter: str
    columns: tuple[str, ...]
    decimal: str
    thousands: str


def utf8_text(file: Path, path: Path, encoding: str | None, new_path: Callable[[], Path]) -> tuple[Path, list[str]]:
    """Return where the text is in UTF-8 with one kind of line ends, and what was guessed for it.

    The file itself where it is like that already; otherwise it is streamed into a new path.
    """
    given, notes = encoding, []
    survey = _survey(path)
    encoding = encoding or survey.encoding
    if encoding is None:
        encoding = _guessed_encoding(file, survey.sample)
        notes.append(f"taken for {encoding} text; if that is wrong, set data.read.encoding")
    if codecs.lookup(encoding).name in ("utf-8", "utf-8-sig"):
        if survey.nul is not None:
            raise UserError(
                f"Got a NUL byte in {file}, line {survey.nul}, expected text. Fetch or export the file again."
            )
        if survey.encoding and not survey.mixed:
            return path, notes
        encoding = "utf-8-sig"
    target = new_path()
    try:
        with path.open(encoding=encoding) as source, target.open("w", encoding="utf-8", newline="\n") as plain:
            while piece := source.read(PIECE):
                plain.write(piece)
    except UnicodeError as error:
        where = "data.read.encoding" if given else "another data.read.encoding"
        reason = getattr(error, "reason", str(error))
        raise UserError(
            f"Got bytes in {file} that are no {encoding} text, from line {_last_line(target)} on ({reason}); expected one "
            f"encoding in the whole file. Set {where}, or export the file again as UTF-8."
        ) from error
    return target, notes


@dataclass
class _Survey:
    """What one walk over a file's bytes found: its encoding where they alone tell it, line ends, a sample, a NUL."""

    encoding: str | None
    mixed: bool
    sample: bytes
    nul: int | None


def _survey(path: Path) -> _Survey:
    decoder = codecs.getincrementaldecoder("utf-8")()
    sample, lines, nul, utf8 = b"", 1, None, True
    ends = {b"\r\n": 0, b"\r": 0, b"\n": 0}
    with path.open("rb") as stream:
        head = stream.read(PIECE)
        if marked := _wide(head):
            return _Survey(marked, mixed=True, sample=b"", nul=None)
        piece = head
        while piece:
            if piece.endswith(b"\r"):
                piece += stream.read(1)
            if nul is None and b"\0" in piece:
                before = piece[: piece.index(b"\0")]
                nul = lines + max(before.count(b"\n"), before.count(b"\r"))
            returns, both = piece.count(b"\r"), piece.count(b"\r\n") if b"\r" in piece else 0
            feeds = piece.count(b"\n")
            for end, count in ((b"\r\n", both), (b"\r", returns - both), (b"\n", feeds - both)):
                ends[end] += count
            lines += feeds + returns - both
            if utf8:
                try:
                    decoder.decode(piece)
                except UnicodeDecodeError:
                    utf8 = False
            if len(sample) < PIECE // 8 and not piece.isascii():
                sample += b"\n".join(line for line in re.split(rb"[\r\n]", piece) if not line.isascii())[: PIECE // 8]
            piece = stream.read(PIECE)
    if utf8:
        try:
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            utf8 = False
    return _Survey("utf-8" if utf8 else None, sum(map(bool, ends.values())) > 1, sample, nul)


def _wide(head: bytes) -> str | None:
    """Return the UTF-16 or UTF-32 that a head is in, by its mark or by where its NULs are."""
    if head.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return "utf-32"
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    even, odd, half = head[::2].count(0), head[1::2].count(0), len(head) // 2
    if max(even, odd) > half * 0.3 and min(even, odd) < half * 0.05:
        return "utf-16-be" if even > odd else "utf-16-le"
    return None


def _guessed_encoding(file: Path, sample: bytes) -> str:
    """Return the most likely encoding of bytes that are no UTF-8.

    Accents stand alone among ASCII letters; letters of two bytes don't. charset-normalizer weighs the rest.
    """
    runs = re.findall(rb"[\x80-\xff]+", sample)
    if sum(len(run) == 1 for run in runs) > len(runs) / 2:
        return "cp1252"
    from charset_normalizer import from_bytes

    likely = list(from_bytes(sample, cp_isolation=ENCODINGS))
    rank = [(match.chaos, match.coherence, match.multi_byte_usage) for match in likely]
    best = sorted({match.encoding for match, of in zip(likely, rank, strict=True) if of == rank[0]})
    if len(best) != 1:
        could = ", ".join(best) or "none of " + ", ".join(ENCODINGS)
        raise UserError(
            f"Got {file} in an encoding that cannot be told ({could}), expected UTF-8 or a setting. Set data.read.encoding."
        )
    return best[0]


def _last_line(path: Path) -> int:
    with path.open("rb") as stream:
        return 1 + sum(piece.count(b"\n") for piece in iter(lambda: stream.read(PIECE), b""))


def read_dialect(file: Path, path: Path, settings: "Read") -> tuple[Dialect, list[str]]:
    """Return how a file of UTF-8 text is written, and what was guessed or mended.

    Raises
    ------
    UserError
        A column has no name, or two have the same one.
    """
    with path.open(encoding="utf-8-sig", newline="") as stream:
        sample = stream.read(PIECE)
        whole = not stream.read(1)
    notes = []
    delimiter = settings.delimiter
    if delimiter is None:
        delimiter = _guessed_delimiter(sample, whole)
        if delimiter != ",":
            notes.append(f"the delimiter is taken to be the {DELIMITERS[delimiter]}; data.read.delimiter sets it")
    rows = _rows(sample, delimiter, whole)
    columns, name_notes = clean_names(file, rows[0] if rows else [])
    return Dialect(delimiter, columns, *_guessed_numbers(rows[1:])), notes + name_notes


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
