"""The encoding of raw text, and the text as UTF-8 with one kind of line ends."""

import codecs
import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from slipway.project.entry import UserError

PIECE = 1 << 20
# Tried by charset-normalizer: with all the encodings that it knows it is wrong more often on a table's short words.
ENCODINGS = ["cp1252", "cp1251", "gb18030", "cp932", "cp949", "big5", "euc_jp"]
# The part of an encoding that has the common letters.
COMMON = {"gb18030": "gb2312", "cp949": "euc_kr"}


def utf8_text(file: Path, path: Path, encoding: str | None, new_path: Callable[[], Path]) -> tuple[Path, list[str]]:
    """Return where the text is in UTF-8 with one kind of line ends, and what was guessed for it.

    The file itself where it is like that already; otherwise it is streamed into a new path.
    """
    notes: list[str] = []
    survey = _survey(path)
    encoding = encoding or survey.encoding
    if survey.nul is not None and (encoding is None or codecs.lookup(encoding).name.startswith("utf-8")):
        raise UserError(f"Got a NUL byte in {file}, line {survey.nul}, expected text. Fetch or export the file again.")
    if encoding is None:
        encoding = _guessed_encoding(file, survey.sample)
        notes.append(f"taken for {encoding} text; if that is wrong, set data.read.encoding")
    if codecs.lookup(encoding).name in ("utf-8", "utf-8-sig"):
        if survey.encoding and not survey.mixed:
            return path, notes
        if survey.encoding:
            notes.append("lines end in several ways, within fields too; all are read as one")
        encoding = "utf-8-sig"
    target = new_path()
    _transcode(file, path, target, encoding)
    return target, notes


def _transcode(file: Path, path: Path, target: Path, encoding: str) -> None:
    """Write the text of a file as UTF-8 with plain line ends."""
    decoder = io.IncrementalNewlineDecoder(codecs.getincrementaldecoder(encoding)(), translate=True)
    with path.open("rb") as source, target.open("w", encoding="utf-8", newline="\n") as plain:
        piece, line = source.read(PIECE), 1
        try:
            while piece:
                text = decoder.decode(piece)
                plain.write(text)
                line += text.count("\n")
                piece = source.read(PIECE)
            plain.write(decoder.decode(b"", final=True))
        except UnicodeError as error:
            before = piece[: getattr(error, "start", 0)]
            line += max(before.count(b"\n"), before.count(b"\r"))
            raise UserError(
                f"Got bytes in {file}, line {line}, that are no {encoding.removesuffix('-sig')} text "
                f"({getattr(error, 'reason', error)}); expected one encoding in the whole file. Set data.read.encoding, or export "
                "the file again as UTF-8."
            ) from error


@dataclass
class _Survey:
    """What one walk over a file's bytes found: its encoding where they alone tell it, line ends, a sample, a NUL."""

    encoding: str | None
    mixed: bool
    sample: bytes
    nul: int | None


def _survey(path: Path) -> _Survey:
    decoder = codecs.getincrementaldecoder("utf-8")()
    sample, nul, utf8, before = b"", None, True, 0
    ends: set[bytes] = set()
    with path.open("rb") as stream:
        head = stream.read(PIECE)
        if marked := _wide(head):
            return _Survey(marked, mixed=True, sample=b"", nul=None)
        piece = head
        while piece:
            if piece.endswith(b"\r"):
                piece += stream.read(1)
            if nul is None and b"\0" in piece:
                nul = _line_at(path, before + piece.index(b"\0"))
            before += len(piece)
            ends |= _ends(piece)
            is_ascii = piece.isascii()
            if utf8 and not (is_ascii and decoder.getstate() == (b"", 0)):
                try:
                    decoder.decode(piece)
                except UnicodeDecodeError:
                    utf8 = False
            if len(sample) < PIECE // 8 and not is_ascii:
                sample += b"\n".join(line for line in re.split(rb"[\r\n]", piece) if not line.isascii())[: PIECE // 8]
            piece = stream.read(PIECE)
    if utf8:
        try:
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            utf8 = False
    return _Survey("utf-8" if utf8 else None, len(ends) > 1, sample, nul)


def _ends(piece: bytes) -> set[bytes]:
    """Return the kinds of line ends in some bytes; most texts have one, which is seen at once."""
    if b"\r" not in piece:
        return {b"\n"} if b"\n" in piece else set()
    both, returns, feeds = piece.count(b"\r\n"), piece.count(b"\r"), piece.count(b"\n")
    return {end for end, count in ((b"\r\n", both), (b"\r", returns - both), (b"\n", feeds - both)) if count}


def _line_at(path: Path, place: int) -> int:
    """Return the line that a byte of a file is in, counted from 1."""
    lines = 1
    with path.open("rb") as stream:
        while (left := place - stream.tell()) > 0:
            piece = stream.read(min(left, PIECE))
            if piece.endswith(b"\r") and left > len(piece):
                piece += stream.read(1)
            lines += piece.count(b"\n") + piece.count(b"\r") - piece.count(b"\r\n")
    return lines


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

    Western accents, quotes and the euro sign stand alone among ASCII letters; the letters of other scripts don't, or
    begin with other bytes. charset-normalizer weighs the rest.
    """
    western = re.findall(rb"(?<![\x80-\xff])[\x80\x85\x91-\x97\x99\xa0-\xff](?![\x80-\xff])", sample)
    if len(western) > len(re.findall(rb"[\x80-\xff]+", sample)) / 2:
        return "cp1252"
    from charset_normalizer import from_bytes

    likely = list(from_bytes(sample, cp_isolation=ENCODINGS))
    rank = [(match.chaos, match.coherence, match.multi_byte_usage) for match in likely]
    best = sorted({match.encoding for match, of in zip(likely, rank, strict=True) if of == rank[0]})
    if len(best) > 1:  # rare letters speak against an encoding
        best = [encoding for encoding in best if _decodes(sample, COMMON.get(encoding, encoding))]
    if len(best) != 1:
        could = ", ".join(best) or "none of " + ", ".join(ENCODINGS)
        raise UserError(
            f"Got {file} in an encoding that cannot be told ({could}), expected UTF-8 or a setting. Set data.read.encoding."
        )
    return best[0]


def _decodes(text: bytes, encoding: str) -> bool:
    try:
        text.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True
