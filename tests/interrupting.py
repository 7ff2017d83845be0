"""The pipeline interrupted and taken up again: what the tests and benchmarks/kills.py have in common."""

import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)
# What is the same in every run, to the last byte; the others tell times.
SAME = ("data/profile.json", "data/prepared", "data/split", "models/recipe", "reports/metrics.json")
# How DVC says that a file is half there, which it was writing when it was ended → that file.
TORN = {
    "Unable to read RWLock-file": ".dvc/tmp/rwlock",
    "dvc.lock' is invalid": "dvc.lock",
    "dvc.lock' validation failed": "dvc.lock",
}
# As above; the stage has removed it, and asks to be run again.
HALF_COMPILED = "half of a file in __pycache__"
PLENTY_KB = 2**20


def outcome(folder: Path) -> dict[str, Any]:
    """Return what a finished pipeline left: digests of what is the same in every run, the model's, its versions, its runs."""
    from mlflow import MlflowClient

    yaml = YAML(typ="safe")
    stages = yaml.load(folder / "dvc.lock")["stages"].values()
    client = MlflowClient(f"sqlite:///{folder}/mlflow.db")
    return {
        **{out["path"]: out["md5"] for stage in stages for out in stage["outs"] if out["path"] in SAME},
        "model": yaml.load(folder / "models/model/MLmodel")["metadata"]["digest"],
        "versions": [(version.name, version.tags["digest"]) for version in client.search_model_versions()],
        "runs": len(client.search_runs([e.experiment_id for e in client.search_experiments()])),
    }


def mended(folder: Path, says: str) -> str | None:
    """Remove the file that DVC says it cannot read, as docs/when-something-fails.md has it; return which, or None."""
    for words, file in TORN.items():
        if words in says:
            (folder / file).unlink()
            return file
    return "__pycache__" if HALF_COMPILED in says else None


@contextmanager
def small_disk(place: Path) -> Iterator[Path]:
    """Give a disk of its own, in memory; root alone may, and not in every container: else a CalledProcessError."""
    place.mkdir()
    options = ["-t", "tmpfs", "-o", f"size={PLENTY_KB}k", "none", str(place)]
    subprocess.run(["mount", *options], check=True, capture_output=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def resize(disk: Path, kilobytes: int) -> None:
    """Give a `small_disk` another size."""
    subprocess.run(["mount", "-o", f"remount,size={kilobytes}k", str(disk)], check=True)


def used_kb(folder: Path) -> int:
    """Return how many kilobytes a folder fills."""
    return int(subprocess.run(["du", "-sk", folder], check=True, capture_output=True, text=True).stdout.split()[0])


def who_says_full(says: str) -> str:
    """Return who met the full disk, a stage or DVC, from what `dvc repro` said; fail where nobody says so plainly."""
    stage = re.findall(r"^Running stage '(\w+)'", says, re.MULTILINE)[-1:]
    assert "Traceback" not in says, says[-3000:]
    if "Error: Got a full disk" in says:
        return stage[0]
    if HALF_COMPILED in says:
        return "Python"
    assert "No space left on device" in says or "database or disk is full" in says, says[-3000:]
    return f"DVC {'after ' + stage[0] if stage else 'before any stage'}"
