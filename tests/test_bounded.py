"""Work in a process of its own: heard, ended in time and within its memory, and nothing left of it."""

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil
import pytest

from slipway.project.entry import UserError
from slipway.project.settings import load_params
from slipway.search import memory
from slipway.search.bounded import run_bounded
from slipway.search.memory import container_limit_gb, cpus_of, free_bytes, memory_gb, used_bytes

ROOT = Path(__file__).parents[1]
PLENTY = 2.0**40

# Python 3.12 warns of any fork beside threads; what is forked here computes nothing before.
pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork.*:DeprecationWarning")


def is_alive(process_id: int) -> bool:
    """Return whether a process is there and no zombie."""
    try:
        return Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def sleeping(say):
    """Start a process, leave a temporary file, and never end."""
    started = subprocess.Popen(["sleep", "600"])
    folder = tempfile.mkdtemp()
    say({"event": "started", "processes": [os.getpid(), started.pid], "folder": folder})
    time.sleep(600)


def heard(events):
    """Return the one event that a work sent."""
    [event] = [event for event in events if "event" in event]
    return event


def test_what_is_said_is_heard_in_order():
    """All that a work says is heard, and a work that ends by itself was ended by nothing."""
    events = []
    assert run_bounded(lambda say: [say({"event": n}) for n in range(500)], events.append, None, PLENTY) is None
    assert [event["event"] for event in events if "event" in event] == list(range(500))


def test_work_ends_in_time_whatever_is_done_meanwhile():
    """A limit ends the work at once, not when what is done meanwhile is over."""
    started, ends = time.monotonic(), []

    def meanwhile():
        while is_alive(events[0]["process"]) if events else True:
            time.sleep(0.01)
        ends.append(time.monotonic())
        time.sleep(1)

    events = []

    def hear(event):
        if "process" in event:
            events.append(event)

    def work(say):
        say({"process": os.getpid()})
        time.sleep(60)

    assert run_bounded(work, hear, started + 1, PLENTY, meanwhile) == "time"
    assert len(ends) == 1
    assert time.monotonic() - started < 30


@pytest.mark.parametrize("fails", [False, True])
def test_what_is_done_meanwhile_is_done_here_beside_it_and_over(fails: bool):
    """It runs in this process while the work does, is waited for, and an error in it is none of the work's."""
    told, here = [], threading.Event()

    def meanwhile():
        here.wait(20)
        time.sleep(0.2)
        told.append(os.getpid())
        if fails:
            raise ImportError("no such package")

    def hear(event):
        if "event" in event:  # so that the work has begun
            here.set()

    assert run_bounded(lambda say: say({"event": "begun"}), hear, None, PLENTY, meanwhile) is None
    assert told == [os.getpid()]


def test_what_it_raises_is_raised_here():
    """A user's error stays one, and a bug says where in the work it was."""

    def refuses(_):
        raise UserError("Got this, expected that.")

    def fails(_):
        raise KeyError("a bug")

    with pytest.raises(UserError, match="Got this, expected that"):
        run_bounded(refuses, print, None, PLENTY)
    with pytest.raises(KeyError) as raised:
        run_bounded(fails, print, None, PLENTY)
    assert "in fails" in raised.value.__notes__[0]


def test_work_whose_time_is_over_before_it_has_a_group_is_ended(tmp_path, monkeypatch):
    """A process that comes late to make its group, as on a busy machine, is ended all the same, not left to work without a limit."""
    make_group, ran = os.setpgrp, tmp_path / "ran"
    monkeypatch.setattr(os, "setpgrp", lambda: (time.sleep(1), make_group()))
    assert run_bounded(lambda _: ran.touch(), print, time.monotonic() - 1, PLENTY) == "time"
    assert not ran.exists()


@pytest.mark.parametrize(("left_s", "memory", "why"), [(0.6, PLENTY, "time"), (60, 1000, "memory")])
def test_work_over_its_budget_is_ended_with_all_that_it_started(left_s, memory, why):
    """Over its time or memory, a work ends at once, with its processes and its temporary files."""
    events = []
    started = time.monotonic()

    def work(say):
        if why == "memory":
            time.sleep(0.1)
        sleeping(say)

    if why == "memory":  # ended at the first look, before anything is said
        assert run_bounded(work, events.append, started + left_s, memory) == "memory"
        return
    assert run_bounded(work, events.append, started + left_s, memory) == why
    assert time.monotonic() - started < left_s + 3
    event = heard(events)
    assert [process for process in event["processes"] if is_alive(process)] == []
    assert not Path(event["folder"]).exists()


def test_work_that_the_system_kills_is_said_to_be_killed():
    """A work that Linux ends for want of memory is no bug: it is said to be killed."""
    assert run_bounded(lambda _: os.kill(os.getpid(), signal.SIGKILL), print, None, PLENTY) == "killed"


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda s: s.name)
def test_nothing_is_left_however_the_stage_ends(how):
    """Ctrl-C, SIGTERM and SIGKILL of the stage end the work, all that it started, and remove its temporary files."""
    script = """
import sys; sys.path[:0] = ["src", "tests"]
from slipway.project.entry import heed_kill
from slipway.search.bounded import run_bounded
from test_bounded import sleeping
heed_kill()
run_bounded(sleeping, lambda e: "event" in e and print(*e["processes"], e["folder"], flush=True), None, 2.0**40)
"""
    stage = subprocess.Popen(
        [sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    first, second, folder = stage.stdout.readline().split()
    assert is_alive(int(first))
    stage.send_signal(how)
    assert stage.wait(timeout=30) != 0
    stage.stdout.close()
    until = time.monotonic() + 20
    while time.monotonic() < until and (
        is_alive(int(first)) or is_alive(int(second)) or Path(folder.decode()).parent.exists()
    ):
        time.sleep(0.02)
    assert not is_alive(int(first))
    assert not is_alive(int(second))
    assert not Path(folder.decode()).parent.exists()


def settings(**changed):
    return load_params(ROOT / "params.yaml").automl.model_copy(update=changed)


@pytest.mark.parametrize(
    ("container_gb", "share", "gigabytes"), [(None, 1, None), (8, 1, 8), (8, 0.5, 4), (6, 0.25, 1.5)]
)
def test_searches_share_the_machine(monkeypatch, container_gb, share, gigabytes):
    """A search takes its share of the CPUs, one at least, and of the memory; a number in the settings has the last word."""
    monkeypatch.setattr(memory, "container_limit_gb", lambda: container_gb)
    assert memory_gb(settings(share=share)) == gigabytes
    assert memory_gb(settings(share=share, memory_limit=1)) == 1
    assert cpus_of(settings(share=share, num_cpus=3)) == 3
    assert cpus_of(settings(share=0.01)) == 1
    assert cpus_of(settings(share=1)) is None
    monkeypatch.setattr("autogluon.common.utils.resource_utils.ResourceManager.get_cpu_count", lambda: 10)
    assert cpus_of(settings(share=0.5)) == 5


def test_half_of_a_machine_without_a_container_is_half_of_its_memory(monkeypatch):
    """Two searches together may fill what the machine has, and neither more than is free."""
    monkeypatch.setattr(memory, "container_limit_gb", lambda: None)
    assert memory_gb(settings(share=0.5)) == psutil.virtual_memory().total / 2**31
    assert free_bytes(settings(share=0.5)) <= psutil.virtual_memory().available


def test_limit_of_the_container_is_seen(tmp_path):
    """The control group's limit is read in both versions; none and a number that means none are no limit."""
    assert container_limit_gb(tmp_path) is None
    (tmp_path / "memory.max").write_text("max\n")
    assert container_limit_gb(tmp_path) is None
    (tmp_path / "memory").mkdir()
    (tmp_path / "memory/memory.limit_in_bytes").write_text("9223372036854771712\n")
    assert container_limit_gb(tmp_path) is None
    (tmp_path / "memory.max").write_text(f"{2**31}\n")
    assert container_limit_gb(tmp_path) == 2
    assert free_bytes(settings(memory_limit=0.5)) <= 2**29
    assert used_bytes(os.getpid()) > 2**20
    assert used_bytes(2**22 + 1) == 0
