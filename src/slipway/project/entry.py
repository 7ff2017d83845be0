"""How every script starts and ends: quiet parts, one sentence for a user's error, a traceback for a bug."""

import errno
import gc
import json
import os
import re
import select
import shutil
import signal
import sys
import tempfile
import time
from argparse import ArgumentParser
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import NoReturn


class UserError(Exception):
    """What the user can mend: says in one sentence what was got, what was expected and where to change it."""


def project_root() -> Path:
    """Return the main project's folder, also from the temporary folder of a queued experiment."""
    return Path(os.environ.get("DVC_ROOT", ".")).resolve()


# For this process and those that it starts: no usage reports by DVC, MLflow and Ray, no progress bars for files of a few
# kilobytes, no export of the whole project's packages into a model.
ENVIRONMENT = {
    "DVC_NO_ANALYTICS": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "RAY_USAGE_STATS_ENABLED": "0",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_UV_AUTO_DETECT": "false",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
}


# What the stages say when they are interrupted; the name of a stage is that of its script.
STAGES = ("check", "dataprep", "automl", "evaluate", "register")
STAGES_KEPT = "Finished stages are kept; `dvc repro` goes on from here."
# A line per stage that ended well, for `python src/why.py`; DVC keeps its own passing files beside it.
JOURNAL = Path(".dvc/tmp/stages.jsonl")
SHELLS = ("sh", "bash", "dash", "zsh", "ksh", "fish", "busybox")


def write_journal(seconds: float) -> None:
    """Write down how long a stage took, where DVC runs one in the project itself; DVC is above all of a run's stages."""
    stage = os.environ.get("DVC_STAGE")
    if stage and JOURNAL.parent.is_dir() and project_root() == Path.cwd().resolve():
        import psutil

        # DVC starts a stage through a shell: some stay between the two, as Debian's sh does, and others step aside.
        above = [process.pid for process in psutil.Process().parents() if process.name() not in SHELLS]
        line = {"run": above[0] if above else 0, "stage": stage, "seconds": round(seconds, 2)}
        with suppress(OSError), JOURNAL.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


def parser(doc: str | None) -> ArgumentParser:
    """Return an argument parser that shows a script's docstring as its help."""
    return ArgumentParser(description=doc)


def heed_kill() -> None:
    """Let ``kill`` end the process as Ctrl-C does: with its scratch files gone."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


# Libraries wrap what they met in errors of their own; the last is sqlite's.
SAYS_FULL = (os.strerror(errno.ENOSPC), os.strerror(errno.EDQUOT), "database or disk is full")


def is_full_disk(error: Exception) -> bool:
    """Return whether an error says that the disk is full, or the quota used up."""
    number = error.errno if isinstance(error, OSError) else None
    return number in (errno.ENOSPC, errno.EDQUOT) or any(words in str(error) for words in SAYS_FULL)


def interrupted(kept: str | None, error: BaseException) -> NoReturn:
    """End the process after Ctrl-C: with 130, and what is kept."""
    print(" ".join(["Interrupted.", *([kept] if kept else [])]), file=sys.stderr)
    raise SystemExit(130) from error


def forget_bytecode(error: BaseException) -> NoReturn:
    """Remove what Python compiled of this code, and end: of a file that a full disk cut off, Python 3.11 notices nothing."""
    for cache in Path(__file__).parents[2].rglob("__pycache__"):
        shutil.rmtree(cache, ignore_errors=True)
    print(
        "Error: Got half of a file in __pycache__, which a full disk had cut off, expected a whole one. Run this again: it is "
        "removed now.",
        file=sys.stderr,
    )
    raise SystemExit(1) from error


def say_environment(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Say which Python was taken where it lacks a package of the project's; else show the traceback, as Python does."""
    lock = Path(__file__).parents[3] / "requirements.lock"
    name = error.name.partition(".")[0] if isinstance(error, ModuleNotFoundError) and error.name else ""
    if not name or not lock.is_file() or not re.search(rf"^{re.escape(name)}\b", lock.read_text("utf-8"), re.MULTILINE):
        sys.__excepthook__(kind, error, trace)
        return
    print(
        f"Error: Got a Python without {name} ({sys.executable}), expected that of the project's environment. Run "
        "`. .venv/bin/activate`, after `./environment.sh` where there is no .venv, and then this again.",
        file=sys.stderr,
    )


# Of imports at the top of a script as well, which come before `run`.
sys.excepthook = say_environment


def nobody_reads() -> bool:
    """Return whether what standard output leads to was closed, as `head` does when it has its lines."""
    watched = select.poll()
    watched.register(1, 0)
    return any(event & select.POLLERR for _, event in watched.poll(0))


def flush() -> None:
    """Write out what was printed, or drop it where nobody reads it: Python would try again at its end, and complain."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def run(main: Callable[[], None], kept: str | None = None) -> None:
    """Run a script's main function and end the process: 0 when well, 1 after a user's error, 130 after Ctrl-C.

    ``kept`` says what an interruption leaves, where that is something, and how to go on; stages have their own sentence.
    A bug ends with its traceback. The collector rests while the libraries are imported and is spared the walk over
    them at the end: together that is a second and a half of a stage that imports AutoGluon and MLflow.
    """
    os.environ.update(ENVIRONMENT)
    gc.set_threshold(100_000, 50, 50)
    began = time.monotonic()
    if kept is None and Path(sys.argv[0]).stem in STAGES:
        kept = STAGES_KEPT
    try:
        main()
        write_journal(time.monotonic() - began)
    except UserError as error:
        print(f"Error: {error}", file=sys.stderr)
        raise SystemExit(1) from error
    except KeyboardInterrupt as error:
        interrupted(kept, error)
    except Exception as error:
        if isinstance(error, RuntimeError) and str(error) == "Query interrupted":  # DuckDB's way of saying Ctrl-C
            interrupted(kept, error)
        if isinstance(error, EOFError) and "marshal data" in str(error):
            forget_bytecode(error)
        if isinstance(error, BrokenPipeError) and nobody_reads():
            raise SystemExit(128 + signal.SIGPIPE) from error  # as shells have it: what was to be done may not be
        if not is_full_disk(error):
            raise
        place = getattr(error, "filename", None) or Path.cwd()
        scratch = str(place) == tempfile.gettempdir() or str(place).startswith(f"{tempfile.gettempdir()}/slipway-")
        what = "unpacked and rewritten raw files" if scratch else "what this writes"
        way = " or set TMPDIR to a folder with more." if scratch else "."
        print(
            f"Error: Got a full disk while writing {place}, expected room for {what}. Free some space{way} "
            f"{kept or 'Then run this again.'}",
            file=sys.stderr,
        )
        raise SystemExit(1) from error
    finally:
        flush()
        if "_duckdb" not in sys.modules:  # its binding would name every object that the collector was kept from
            gc.freeze()
