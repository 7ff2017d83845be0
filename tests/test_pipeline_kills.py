"""The pipeline, killed at some random moments; benchmarks/kills.py does it fifty times."""

import os
import random
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest
from conftest import Project
from mlflow import MlflowClient
from ruamel.yaml import YAML

# MLflow 3.17 uses what SQLAlchemy 2.1 deprecates; goes when MLflow stops.
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy")]

# What is the same in every run to the last byte; the others tell times.
SAME = ("data/profile.json", "data/prepared", "data/split", "models/recipe", "reports/metrics.json")
SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGKILL]


def outcome(project: Project) -> tuple[dict[str, str], list[str], int]:
    """Return what a run left: digests of what is the same in every run, those of the versions, the number of runs."""
    stages = YAML(typ="safe").load(project.read("dvc.lock"))["stages"].values()
    client = MlflowClient(project.store())
    runs = client.search_runs([e.experiment_id for e in client.search_experiments()])
    return (
        {out["path"]: out["md5"] for stage in stages for out in stage["outs"] if out["path"] in SAME},
        [version.tags["digest"] for version in client.search_model_versions()],
        len(runs),
    )


@pytest.mark.parametrize("seed", [1, 2])
def test_killed_pipeline_ends_as_an_undisturbed_one(fresh: Project, finished_once: Project, tmp_path: Path, seed: int):
    """Killed with all that it started, by each of three signals, `dvc repro` goes on and ends as if nothing had been."""
    draw = random.Random(seed)
    for number in draw.sample(SIGNALS, 3):
        run = fresh.start("dvc", "repro", log=tmp_path / "log")
        with suppress(subprocess.TimeoutExpired):
            run.wait(draw.uniform(1, 10))
        with suppress(ProcessLookupError):
            os.killpg(run.pid, number)
        run.wait(30)
    done = fresh.repro(ok=False)
    if "Unable to read RWLock-file" in done.stderr:  # DVC's own, killed while it wrote that; README.md says what to do
        (fresh.folder / ".dvc/tmp/rwlock").unlink()
        done = fresh.repro()
    assert done.code == 0, done.stderr
    assert outcome(fresh) == outcome(finished_once)
    assert "up to date" in fresh.repro().stdout
    assert list((fresh.folder / "models").glob(".*")) == []
