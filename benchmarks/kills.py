"""The pipeline, killed at random moments by SIGINT, SIGTERM and SIGKILL, against one that nobody disturbed; or its disk filled.

Each round starts from nothing, is killed a few times and goes on to its end; rounds are repeated until enough was killed. With
`--disks N` it is on a small disk instead, of a few random sizes in turn, which `dvc repro` fills; at last it has room.
Ends with 1 unless each round ended with the undisturbed run's data, metrics and model, with one model version and one run. DVC
writes its file of locks and dvc.lock in place: ended just then, it can't read them any more. Both are mended as
docs/when-something-fails.md says, and each time is counted.
"""

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from argparse import ArgumentParser
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from measure import ROOT, environment, small_clone, timed

sys.path.append(str(ROOT / "tests"))
from interrupting import PLENTY_KB, SIGNALS, mended, outcome, resize, small_disk, used_kb, who_says_full

A_ROUND = 4


@dataclass
class Rounds:
    """What every round begins with and is to end with, and the helps by hand so far, by the file that had to go."""

    start: Path
    env: dict[str, str]
    expected: dict[str, Any]
    helps: Counter[str] = field(default_factory=Counter)

    def repro(self, folder: Path, number: signal.Signals | None = None, after_s: float | None = None) -> bool:
        """Run `dvc repro`, or send it and all that it started a signal meanwhile; return whether it was still going on then."""
        while True:
            with tempfile.TemporaryFile() as log:
                process = subprocess.Popen(
                    ["dvc", "repro"], cwd=folder, env=self.env, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
                )  # fmt: skip
                try:
                    process.wait(after_s)
                except subprocess.TimeoutExpired:
                    os.killpg(process.pid, number or signal.SIGKILL)
                    process.wait(120)
                    time.sleep(0.2)
                    return True
                log.seek(0)
                says = log.read().decode()
            if process.returncode == 0:
                return False
            if (file := mended(folder, says)) is None:
                raise SystemExit(f"`dvc repro` failed, and no file of DVC's is torn:\n{says[-3000:]}")
            self.helps[file] += 1

    def compare(self, folder: Path, what: str) -> None:
        """Fail unless a round ended as the undisturbed run did."""
        if (found := outcome(folder)) != self.expected:
            raise SystemExit(f"{what} ended with {found}, expected {self.expected}")


def kill(rounds: Rounds, place: Path, wanted: int, draw: random.Random, whole_s: float) -> str:
    """Kill until it was often enough; return how often, in words."""
    kills: Counter[str] = Counter()
    number = 0
    while kills.total() < wanted:
        number += 1
        shutil.copytree(rounds.start, place, symlinks=True)
        for _ in range(A_ROUND):
            # By half of the time the later stages are reached in the later tries, and each is begun again somewhere.
            sent = draw.choice(SIGNALS)
            kills[sent.name] += rounds.repro(place, sent, draw.uniform(0, whole_s / 2))
        rounds.repro(place)
        rounds.compare(place, f"after {kills.total()} kills round {number}")
        print(f"{kills.total()} kills, {number} rounds, {rounds.helps.total()} helps by hand", flush=True)
        shutil.rmtree(place)
    each = ", ".join(f"{n} {name}" for name, n in sorted(kills.items()))
    return f"{kills.total()} kills ({each}) in {number} rounds"


def fill(rounds: Rounds, place: Path, wanted: int, draw: random.Random, grows_kb: int) -> str:
    """Fill a disk until it was often enough; return where it was met, in words."""
    met: Counter[str] = Counter()
    number = 0
    while met.total() < wanted:
        number += 1
        with small_disk(place) as disk:
            project, scratch = disk / "project", disk / "tmp"
            shutil.copytree(rounds.start, project, symlinks=True)
            scratch.mkdir()
            began_kb = used_kb(disk)
            for room_kb in sorted(draw.randrange(grows_kb) for _ in range(A_ROUND)):
                resize(disk, began_kb + room_kb)
                says = failed(project, {**rounds.env, "TMPDIR": str(scratch)})
                if says is None:
                    break
                met[who_says_full(says)] += 1
            resize(disk, PLENTY_KB)
            rounds.repro(project)
            rounds.compare(project, f"after {met.total()} full disks round {number}")
            print(f"met by {dict(met)}, {number} rounds, {rounds.helps.total()} helps by hand", flush=True)
        place.rmdir()
    return (
        f"{met.total()} full disks in {number} rounds, met by {', '.join(f'{who} {n}' for who, n in met.most_common())}"
    )


def failed(folder: Path, env: dict[str, str]) -> str | None:
    """Run `dvc repro`; return what it said where it failed, else None."""
    done = subprocess.run(
        ["dvc", "repro"], cwd=folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    return done.stdout if done.returncode else None


def main() -> None:
    arguments = ArgumentParser(description=__doc__)
    arguments.add_argument("--kills", type=int, default=50)
    arguments.add_argument("--disks", type=int, default=0, help="so many full disks in place of the kills; takes root")
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--folder", type=Path, help="a project in which nothing ran; else a clone of this one")
    given = arguments.parse_args()
    # A shell's background job ignores it, and all that it starts.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    draw = random.Random(given.seed)  # noqa: S311  chance, not secrets
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as scratch:
        env = environment(Path(scratch))
        start = given.folder or small_clone(Path(scratch, "clone"), env)
        calm, place = Path(scratch, "calm"), Path(scratch, "place")
        shutil.copytree(start, calm, symlinks=True)
        whole_s = timed(["dvc", "repro"], calm, env).wall
        rounds = Rounds(start, env, outcome(calm))
        if given.disks:
            done = fill(rounds, place, given.disks, draw, used_kb(calm) - used_kb(start))
        else:
            done = kill(rounds, place, given.kills, draw, whole_s)
    helps = ", ".join(f"{n} of {file}" for file, n in sorted(rounds.helps.items()))
    print(
        f"{done}, {time.monotonic() - began:.0f} s: every round ended as the calm one, with {rounds.helps.total()} helps by "
        f"hand{f' ({helps})' if helps else ''}"
    )


if __name__ == "__main__":
    main()
