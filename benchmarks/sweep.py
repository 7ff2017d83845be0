"""A sweep of small experiments on two workers, one of which is killed twice: what is lost, what is there twice, how long it takes.

Ends with 1 unless every experiment has its result and one MLflow run, and no version was registered.
"""

import os
import random
import re
import signal
import subprocess
import tempfile
import time
from argparse import ArgumentParser
from collections import Counter
from contextlib import suppress
from pathlib import Path

from measure import environment, fresh_clone, timed

SMALL = "models:\n  GBM: {num_boost_round: 5}\n"
NAME, WAIT_S = "trees", 3600


def run(folder: Path, env: dict[str, str], *command: str) -> str:
    """Return what a command says; it may fail."""
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False).stdout


def workers(folder: Path) -> dict[int, str]:
    """Return the process of each worker of a project's queue → the command line that it was started with."""
    found = {}
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                words = (process / "cmdline").read_text().split("\0")
                here = (process / "cwd").readlink() == folder
            except OSError:
                continue
            if here and "queue-worker" in words:
                found[int(process.name)] = next(word for word in words if "@localhost" in word)
    return found


def statuses(folder: Path, env: dict[str, str]) -> dict[str, str]:
    """Return experiment → its status in the queue."""
    lines = run(folder, env, "dvc", "queue", "status").splitlines()
    return {m[1]: m[2] for line in lines if (m := re.match(rf"\w{{7}} +({NAME}-\d+) .* (\w+)$", line.strip()))}


def queue(folder: Path, env: dict[str, str], name: str, *overrides: str) -> None:
    """Queue experiments that differ in one setting."""
    timed(["dvc", "exp", "run", "--queue", "--name", name, *(f"--set-param={o}" for o in overrides)], folder, env)


def kill_one(folder: Path, env: dict[str, str], draw: random.Random, done: int) -> None:
    """Kill a worker with all that it started, by a signal that nothing can catch, in the middle of an experiment."""
    while Counter(statuses(folder, env).values())["Success"] < done:
        time.sleep(2)
    time.sleep(draw.uniform(0, 10))
    victim = draw.choice(sorted(workers(folder)))
    os.killpg(os.getpgid(victim), signal.SIGKILL)
    time.sleep(5)


def small_clone(folder: Path, env: dict[str, str]) -> Path:
    """Clone the last commit, with a search of one small model in place of the quick one; return the folder."""
    quick = fresh_clone(folder) / "conf/automl/quick.yaml"
    quick.write_text(re.sub(r"models:\n(?:  .*\n)+", SMALL, quick.read_text(encoding="utf-8")), encoding="utf-8")
    timed(["python", "src/compose.py", "compute=half"], folder, env)
    timed(["git", "-c", "user.name=x", "-c", "user.email=x@example.org", "commit", "-qam", "small"], folder, env)
    return folder


def main() -> None:
    arguments = ArgumentParser(description=__doc__)
    arguments.add_argument("--experiments", type=int, default=24)
    arguments.add_argument("--kills", type=int, default=2)
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument(
        "--folder", type=Path, help="a project of your own, whose settings stay; else a clone of this one"
    )
    given = arguments.parse_args()
    draw = random.Random(given.seed)  # noqa: S311  chance, not secrets
    with tempfile.TemporaryDirectory() as scratch:
        env = environment(Path(scratch))
        folder = (given.folder or small_clone(Path(scratch, "clone"), env)).resolve()
        began = time.monotonic()
        queue(folder, env, NAME, f"automl.models.GBM.num_boost_round=range(5,{5 + given.experiments})", "compute=half")
        timed(["dvc", "queue", "start", "-j", "2"], folder, env)
        for n in range(given.kills):
            kill_one(folder, env, draw, (n + 1) * given.experiments // (given.kills + 2))
            print(f"killed a worker, {len(workers(folder))} left", flush=True)
            # The dead worker's experiment goes on "running" in the queue's books: clear it there and queue it again.
            for lost in lost_ones(folder, env):
                run(folder, env, "dvc", "queue", "kill", lost)
                run(folder, env, "dvc", "queue", "remove", lost)
                override = f"automl.models.GBM.num_boost_round={4 + int(lost.rpartition('-')[2])}"
                queue(folder, env, lost, override, "compute=half")
                print(f"queued {lost} again", flush=True)
            timed(["dvc", "queue", "start", "-j", "2"], folder, env)
        while {"Running", "Queued"} & set(statuses(folder, env).values()) and time.monotonic() - began < WAIT_S:
            time.sleep(2)
        seconds = time.monotonic() - began
        report(folder, env, given.experiments, seconds)
        run(folder, env, "dvc", "queue", "stop", "--kill")


def lost_ones(folder: Path, env: dict[str, str]) -> list[str]:
    """Return the experiments that are running by the queue's books, but have no process."""
    lines = [" ".join(words) for words in command_lines()]
    rows = re.findall(
        rf"^(\w{{7}}) +({NAME}-\d+) .* Running$", run(folder, env, "dvc", "queue", "status"), re.MULTILINE
    )
    return [
        name
        for task, name in rows
        if not any(f"exec-run --infofile {folder}" in line and f"/{task}" in line for line in lines)
    ]


def command_lines() -> list[list[str]]:
    """Return the words of every process that there is."""
    found = []
    for process in Path("/proc").iterdir():
        with suppress(OSError):
            found += [(process / "cmdline").read_text().split("\0")] if process.name.isdigit() else []
    return found


def report(folder: Path, env: dict[str, str], expected: int, seconds: float) -> None:
    """Print what the sweep left, and end with 1 if that is not one result and one run each."""
    import mlflow

    ended = Counter(statuses(folder, env).values())
    results = [
        line for line in run(folder, env, "dvc", "exp", "list", "--name-only").splitlines() if line.startswith(NAME)
    ]
    client = mlflow.MlflowClient(f"sqlite:///{folder}/mlflow.db")
    ids = [experiment.experiment_id for experiment in client.search_experiments()]
    runs = client.search_runs(ids, f"tags.`dvc.sweep` LIKE '{NAME}%'", max_results=1000)
    names = Counter(run.data.tags["dvc.experiment"] for run in runs)
    versions = len(client.search_model_versions())
    print(
        f"{expected} experiments in {seconds:.0f} s: {dict(ended)}; {len(set(results))} results; {len(runs)} MLflow runs, "
    )
    print(f"{len(names)} names among them; {versions} versions")
    if (len(set(results)), len(runs), len(names), versions) != (expected, expected, expected, 0):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
