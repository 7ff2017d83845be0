"""Writing files so that nobody takes half of one for a whole one."""

import errno
import fcntl
import json
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

# How folders of scratch files begin, and the file in them that is locked for as long as they are in use.
SCRATCH, LOCK = "slipway-", ".lock"
AN_HOUR_S = 3600


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give a temporary path beside ``path`` that takes its place when the block ends well, and goes when it doesn't."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    try:
        yield part
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def scratch_folder() -> tuple[Path, int]:
    """Return a new folder for scratch files, and the open file whose lock says that it is in use.

    Folders that killed processes left behind go: they are an hour old, and their lock is free.
    """
    for left in Path(tempfile.gettempdir()).glob(f"{SCRATCH}*"):
        try:
            if time.time() - left.stat().st_mtime < AN_HOUR_S:
                continue
            with (left / LOCK).open("rb") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(left, ignore_errors=True)
        except OSError:  # in use, of another user, or gone by now
            continue
    scratch = Path(tempfile.mkdtemp(prefix=SCRATCH))
    lock_file = os.open(scratch / LOCK, os.O_CREAT | os.O_RDWR)
    fcntl.flock(lock_file, fcntl.LOCK_EX)
    return scratch, lock_file


def full_disk(reason: str, place: Path) -> OSError:
    """Return a library's error of a full disk as the system's, with the file that it names in quotes, or else a place.

    >>> full_disk('Could not write file "data/x.parquet": No space left on device', Path("data")).filename
    'data/x.parquet'
    """
    named = re.search(r'"([^"]*/[^"]*?)\\?"', reason)
    return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), named[1] if named else str(place))


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Give an empty folder for half-done files, which goes with all that is left in it, also after an error."""
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def move_folder(folder: Path, place: Path) -> None:
    """Move a folder to where another one may be, which goes."""
    shutil.rmtree(place, ignore_errors=True)
    folder.replace(place)


def write_text(path: Path, text: str) -> None:
    """Write a text file, whole or not at all."""
    with whole_file(path) as part:
        part.write_text(text, encoding="utf-8", newline="\n")


def write_json(path: Path, content: Any) -> None:
    """Write JSON for people and for machines: indented, other scripts as they are, no NaN."""
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False, default=_plain) + "\n")


def _plain(value: Any) -> Any:
    """Return a NumPy scalar as Python's own, anything else as text."""
    return value.item() if hasattr(value, "item") else str(value)
