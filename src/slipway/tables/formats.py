"""Raw files of many formats: what is in each, by its bytes rather than its name, made ready for DuckDB to read.

Plain UTF-8 text, JSON and Parquet are read where they are. All else is streamed into a scratch folder first: what is
compressed is unpacked, text in another encoding becomes UTF-8, a sheet becomes delimited text, Arrow becomes Parquet.
"""

import bz2
import gzip
import json
import lzma
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Literal

from slipway.project.entry import UserError, is_full_disk
from slipway.tables.delimited import Dialect, read_dialect
from slipway.tables.encoding import utf8_text

if TYPE_CHECKING:
    from slipway.project.data_settings import Read

Format = Literal["delimited text", "JSON", "Parquet"]

HEAD = 1 << 16
# What unpacks to more than this many times its size, beyond a first piece, is a bomb: gzip itself ends at 1 032.
MOST_UNPACKED, UNPACKED_FREELY = 2_000, 1 << 30

COMPRESSED = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\0": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"PK\x03\x04": "zip",
}
OLD_EXCEL = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
# What people take for a table now and then, for a sentence that says what it is.
STRANGERS = {
    b"%PDF": "a PDF",
    b"SQLite format 3\0": "an SQLite database",
    b"\x89HDF": "an HDF5 file",
    b"ORC": "an ORC file",
    b"Obj\x01": "an Avro file",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"GIF8": "a picture",
    b"Rar!": "a RAR archive",
    b"7z\xbc\xaf": "a 7z archive",
    b"FEA1": "a Feather file of the first version",
    b"PK\x05\x06": "a zip archive without files",
    b"\x80\x04\x95": "a Python pickle",
    b"RDX": "an R data file",
    b"<!DOCTYPE": "a web page",
    b"<!doctype": "a web page",
    b"<html": "a web page",
    b"<?xml": "an XML file",
}


@dataclass(frozen=True)
class Source:
    """A raw file as DuckDB can read it.

    Attributes
    ----------
    file
        The raw file, to be named to people.
    path
        What is read: the raw file itself, or its counterpart in the scratch folder.
    format
        How it is read.
    dialect
        Delimiter, columns and the like of delimited text.
    has_lines
        Whether a line of the raw file is a line of what is read.
    notes
        What was guessed or mended, a sentence each.
    """

    file: Path
    path: Path
    format: Format
    dialect: Dialect | None = None
    has_lines: bool = True
    notes: tuple[str, ...] = ()


def open_source(file: Path, settings: "Read", scratch: Path) -> Source:
    """Find out what is in a raw file and make it ready to be read.

    Raises
    ------
    UserError
        It is empty, damaged, of a format that is not read, or says other than the settings.
    """
    with readable(file):
        path = file
        head = _head(path)
        for _ in range(2):  # such as a zip of a gzip file
            if not (compression := _starts(head, COMPRESSED)) or _is_workbook(path, compression):
                break
            path, head = _unpacked(file, path, compression, scratch)
        if not head.strip(b"\0\r\n\t "):
            got = f"{len(head)} NUL bytes" if b"\0" in head else "an empty file" if not head else "a file of blanks"
            raise UserError(f"Got {got} in {file}, expected a table. Fetch it again, or take it out of the folder.")
        if stranger := _starts(head.lstrip(), STRANGERS):
            raise UserError(
                f"Got {stranger} in {file}, expected delimited text, JSON Lines, Parquet, Arrow or Excel. "
                "Export the table to one of them, or take the file out of the folder."
            )
        if head.startswith((b"PK\x03\x04", OLD_EXCEL)):
            from slipway.tables.sheets import sheet_as_text

            path, notes = sheet_as_text(file, path, settings.sheet, scratch)
            plain = settings.model_copy(update={"delimiter": ",", "encoding": None})
            source = _delimited(file, path, plain, scratch, lines=False)
            return replace(source, notes=(*notes, *source.notes))
        if head.startswith(b"PAR1"):
            return Source(file, path, "Parquet")
        if head.startswith((b"ARROW1", b"\xff\xff\xff\xff")):
            return Source(file, _as_parquet(path, scratch), "Parquet")
        if _is_json(head):
            return Source(file, path, "JSON")
        return _delimited(file, path, settings, scratch)


@contextmanager
def readable(file: Path) -> Iterator[None]:
    """Turn what goes wrong while a file is read into a sentence that names it."""
    broken = (
        EOFError,
        zlib.error,
        lzma.LZMAError,
        zipfile.BadZipFile,
        NotImplementedError,
        OSError,
        RuntimeError,
        ValueError,
    )
    try:
        yield
    except FileNotFoundError as error:
        raise UserError(f"Got no file {file} any more, expected it to stay while it is read. Run again.") from error
    except PermissionError as error:
        raise UserError(f"Got no permission to read {file}, expected to. Change it: `chmod u+r {file}`.") from error
    except broken as error:
        if isinstance(error, OSError) and is_full_disk(error):
            error.filename = error.filename or tempfile.gettempdir()  # only what is read has a name, and it isn't full
            raise
        reason = " ".join(str(error).split())[:200].rstrip(".") or type(error).__name__
        raise UserError(
            f"Got a damaged file {file} ({reason}), expected a whole one. Fetch or export it again."
        ) from error


def _head(path: Path) -> bytes:
    with path.open("rb") as stream:
        return stream.read(HEAD)


def _starts(head: bytes, known: dict[bytes, str]) -> str | None:
    return next((name for magic, name in known.items() if head.startswith(magic)), None)


def _is_workbook(path: Path, compression: str) -> bool:
    if compression != "zip":
        return False
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
    return "[Content_Types].xml" in names or "content.xml" in names  # of Excel, of LibreOffice


def _unpacked(file: Path, path: Path, compression: str, scratch: Path) -> tuple[Path, bytes]:
    """Stream what a compressed file holds into the scratch folder; return where it is, and its head."""
    target = new_path(scratch)
    limit = UNPACKED_FREELY + MOST_UNPACKED * path.stat().st_size
    with _opened(file, path, compression) as packed, target.open("wb") as plain:
        while piece := packed.read(1 << 20):
            plain.write(piece)
            if plain.tell() > limit:
                raise UserError(
                    f"Got {file}, which unpacks to more than {MOST_UNPACKED} times its size, expected a table. "
                    "Unpack it yourself if it is one."
                )
    return target, _head(target)


@contextmanager
def _opened(file: Path, path: Path, compression: str) -> Iterator[IO[bytes]]:
    if compression == "zip":
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if not name.endswith("/") and not _is_litter(name)]
            if len(names) != 1:
                raise UserError(
                    f"Got {len(names)} files in {file} ({', '.join(sorted(names)[:5])}), expected one. "
                    f"Unpack it into {file.parent}, and take the archive out."
                )
            with archive.open(names[0]) as stream:
                yield stream
    elif compression == "zstd":
        import pyarrow as pa

        with pa.CompressedInputStream(str(path), "zstd") as stream:
            yield stream
    else:
        with {"gzip": gzip, "bzip2": bz2, "xz": lzma}[compression].open(path) as stream:
            yield stream


def _is_litter(name: str) -> bool:
    return name.startswith("__MACOSX/") or name.rsplit("/", 1)[-1].startswith(".")


def _is_json(head: bytes) -> bool:
    """Return whether a head is JSON Lines or an array of objects; text may begin with a brace as well."""
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text.startswith(b"["):
        return text[1:].lstrip().startswith(b"{")
    if not text.startswith(b"{"):
        return False
    line = text.split(b"\n", 1)[0]
    try:
        json.loads(line)
    except ValueError:
        return line.rstrip() == b"{" or line[1:].lstrip().startswith(b'"')  # an object over many lines, or a broken one
    return True


def _as_parquet(path: Path, scratch: Path) -> Path:
    import pyarrow as pa
    import pyarrow.parquet as pq

    target = new_path(scratch)
    with pa.OSFile(str(path)) as stream:
        whole = stream.read(6) == b"ARROW1"
        stream.seek(0)
        reader = pa.ipc.open_file(stream) if whole else pa.ipc.open_stream(stream)
        batches = (reader.get_batch(i) for i in range(reader.num_record_batches)) if whole else reader
        with pq.ParquetWriter(target, reader.schema) as writer:
            for batch in batches:
                writer.write_batch(batch)
    return target


def _delimited(file: Path, path: Path, settings: "Read", scratch: Path, *, lines: bool = True) -> Source:
    plain, encoding_notes = utf8_text(file, path, settings.encoding, lambda: new_path(scratch))
    dialect, notes = read_dialect(file, plain, settings)
    return Source(file, plain, "delimited text", dialect, lines, (*encoding_notes, *notes))


def new_path(scratch: Path) -> Path:
    """Return a path in the scratch folder that is not taken."""
    return scratch / str(sum(1 for _ in scratch.iterdir()))
