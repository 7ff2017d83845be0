"""Work in a process of its own that ends in time, within its memory, and leaves nothing behind, whatever happens."""

import contextlib
import multiprocessing
import os
import shutil
import signal
import subprocess
import tempfile
import time
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from slipway.search.memory import used_bytes

Say = Callable[[dict[str, Any]], None]

# Ends the group of processes and removes the scratch folder once its input ends: with the stage, however that ends.
GUARD = 'read -r _; kill -KILL "-$1" 2>/dev/null; sleep 0.05; rm -rf "$2"'
LOOK_S = 0.2


def _child(work: Callable[[Say], None], pipe: Connection, scratch: Path) -> None:
    os.setpgrp()  # Ctrl-C in the terminal is for the stage, which ends the whole group
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.environ |= {"TMPDIR": str(scratch), "RAY_TMPDIR": str(scratch), "TQDM_DISABLE": "1"}
    tempfile.tempdir = None
    with contextlib.suppress(
        OSError
    ):  # where memory runs out all the same, Linux is to end this process, not the stage
        Path("/proc/self/oom_score_adj").write_text("800", encoding="ascii")
    try:
        work(pipe.send)
        pipe.send({"end": True})
    except BaseException as error:  # noqa: BLE001  it is raised in the stage
        error.add_note("".join(traceback.format_exception(error)))
        try:
            pipe.send(error)
        except Exception:  # noqa: BLE001  an error that cannot be pickled: all that it says goes
            pipe.send(RuntimeError("\n".join(error.__notes__)))
    pipe.close()
    os._exit(0)  # the libraries' clean-up is the guard's


def run_bounded(
    work: Callable[[Say], None],
    hear: Say,
    ends_at: float | None,
    memory_bytes: float,
    meanwhile: Callable[[], object] = lambda: None,
) -> str | None:
    """Run ``work`` in a forked process and hear what it says; end it when its time or its memory is over.

    The process shares what is imported already. It, all that it starts and its temporary files are gone afterwards,
    also when this process is killed.

    Parameters
    ----------
    work
        Called with a function that sends a dictionary to ``hear``; what it raises is raised here.
    ends_at
        On the clock of ``time.monotonic``; None for no end.
    memory_bytes
        What it and all that it starts may fill.
    meanwhile
        Called here in a thread, which is over when this returns, whatever it raises.

    Returns
    -------
    str or None
        What ended it: "time", "memory" or "killed"; None where it ended by itself.
    """
    fork = multiprocessing.get_context("fork")  # a fresh process would import AutoGluon again
    scratch = Path(tempfile.mkdtemp(prefix="slipway-search-"))
    heard, says = fork.Pipe(duplex=False)
    process = fork.Process(target=_child, args=(work, says, scratch))
    process.start()
    group = process.pid or 0
    with contextlib.suppress(OSError):  # as the child does, whoever is first: no group, and the guard would end nobody
        os.setpgid(group, group)
    command = ["sh", "-c", GUARD, "guard", str(group), str(scratch)]
    guard = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)  # noqa: S603
    says.close()
    beside = ThreadPoolExecutor(1)
    try:
        beside.submit(meanwhile)  # after the fork: that copies no thread
        return _attend(group, heard, hear, ends_at, memory_bytes)
    finally:
        guard.communicate()
        process.join()
        shutil.rmtree(scratch, ignore_errors=True)
        beside.shutdown()


def _attend(process_id: int, heard: Connection, hear: Say, ends_at: float | None, memory_bytes: float) -> str | None:
    look_at = 0.0
    while True:
        left = LOOK_S if ends_at is None else ends_at - time.monotonic()
        try:
            if heard.poll(max(0.0, min(LOOK_S, left))):
                event = heard.recv()
                if isinstance(event, BaseException):
                    raise event
                if event.get("end"):
                    return None
                hear(event)
        except EOFError:
            return "killed"
        if ends_at is not None and time.monotonic() >= ends_at:
            return "time"
        if time.monotonic() >= look_at:
            used, look_at = used_bytes(process_id), time.monotonic() + LOOK_S
            hear({"memory": used})
            if used > memory_bytes:
                return "memory"
