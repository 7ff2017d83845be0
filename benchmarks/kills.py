"""The pipeline, killed at random moments by SIGINT, SIGTERM and SIGKILL, against one that nobody disturbed.

Each round starts from nothing, is killed a few times and goes on to its end; rounds are repeated until enough was killed. Ends
with 1 unless each round ended with the undisturbed run's data, metrics and model, and with one model version. DVC writes
its file of locks in place: killed just then, it can't read that any more. That is counted, and mended as README.md says.
"""

import os
import random
import shutil
import signal
import subprocess
import tempfile
import time
from argparse import ArgumentParser
from collections import Counter
from pathlib import Path
from typing import Any

from measure import environment, small_clone, timed
from ruamel.yaml import YAML

# What is the same in every run, to the last byte; the others tell times.
SAME = ("data/profile.json", "data/prepared", "data/split", "reports/metrics.json")


def outcome(folder: Path) -> dict[str, Any]:
    """Return what a finished pipeline left: digests of what is the same in every run, the model's, and its versions."""
    import mlflow

    yaml = YAML(typ="safe")
    stages = yaml.load(folder / "dvc.lock")["stages"].values()
    found = {out["path"]: out["md5"] for stage in stages for out in stage["outs"] if out["path"] in SAME}
    digest = yaml.load(folder / "models/model/MLmodel")["metadata"]["digest"]
    client = mlflow.MlflowClient(f"sqlite:///{folder}/mlflow.db")
    versions = [(version.name, version.tags["digest"]) for version in client.search_model_versions()]
    return {**found, "model": digest, "versions": versions}


def killed(
    folder: Path, env: dict[str, str], number: signal.Signals, after_s: float | None, torn: Counter[str]
) -> bool:
    """Start `dvc repro` and send it and all that it started a signal; return whether it was still going on then."""
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            ["dvc", "repro"], cwd=folder, env=env, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            process.wait(after_s)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, number)
            process.wait(120)
            time.sleep(0.2)
            return True
        if not process.returncode:
            return False
        log.seek(0)
        says = log.read().decode()
        if "Unable to read RWLock-file" not in says:
            raise SystemExit(f"`dvc repro` after a kill failed:\n{says[-3000:]}")
        torn["file of locks"] += 1
        (folder / ".dvc/tmp/rwlock").unlink()
        return killed(folder, env, number, after_s, torn)


def main() -> None:
    arguments = ArgumentParser(description=__doc__)
    arguments.add_argument("--kills", type=int, default=50)
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--folder", type=Path, help="a project in which nothing ran; else a clone of this one")
    given = arguments.parse_args()
    signal.signal(
        signal.SIGINT, signal.default_int_handler
    )  # a shell's background job ignores it, and all that it starts
    draw = random.Random(given.seed)  # noqa: S311  chance, not secrets
    kills: Counter[str] = Counter()
    torn: Counter[str] = Counter()
    rounds, began = 0, time.monotonic()
    with tempfile.TemporaryDirectory() as scratch:
        env = environment(Path(scratch))
        start = given.folder or small_clone(Path(scratch, "clone"), env)
        calm, place = Path(scratch, "calm"), Path(scratch, "killed")
        shutil.copytree(start, calm, symlinks=True)
        whole_s = timed(["dvc", "repro"], calm, env).wall
        expected = outcome(calm)
        while kills.total() < given.kills:
            rounds += 1
            shutil.copytree(start, place, symlinks=True)
            for _ in range(A_ROUND):
                # By half of the time the later stages are reached in the later tries, and each is begun again somewhere.
                number = draw.choice(SIGNALS)
                kills[number.name] += killed(place, env, number, draw.uniform(0, whole_s / 2), torn)
            killed(place, env, signal.SIGKILL, None, torn)
            if (found := outcome(place)) != expected:
                raise SystemExit(f"after {kills.total()} kills round {rounds} ended with {found}, expected {expected}")
            print(f"{kills.total()} kills, {rounds} rounds", flush=True)
            shutil.rmtree(place)
    each = ", ".join(f"{n} {name}" for name, n in sorted(kills.items()))
    print(
        f"{kills.total()} kills ({each}) in {rounds} rounds, {time.monotonic() - began:.0f} s: every round ended as the "
        f"calm one; DVC's file of locks was torn {torn.total()} times"
    )


A_ROUND = 4
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)

if __name__ == "__main__":
    main()
