"""The same again: in another folder, offline, with the same seed; and something else with another one."""

import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import STAGES, Project, moved

pytestmark = pytest.mark.slow

# The settings of conf/automl/reproducible.yaml with fewer trees: four kinds of models, a forest among them.
FEWER_TREES = [
    "automl=reproducible",
    "automl.models.GBM.num_boost_round=30",
    "automl.models.XGB.n_estimators=30",
    "automl.models.CAT.iterations=30",
    "automl.models.RF.n_estimators=30",
    "~automl.models.XT",
]
PREDICT = """
import pandas as pd, mlflow.pyfunc, sys
rows = pd.read_parquet("data/split/test.parquet")
answers = mlflow.pyfunc.load_model("models/model").predict(rows, params={"proba": True})
answers.to_parquet(sys.argv[1])
"""
PREPARED = ["data/split/train.parquet", "data/split/test.parquet", "data/prepared/train.parquet"]
PREPARED += [
    "data/prepared/test.parquet",
    "models/recipe/recipe.pkl",
    "models/recipe/contract.json",
    "data/profile.json",
]


def searched(clone: Project, to: Path, *changes: str) -> tuple[Project, pd.DataFrame]:
    """Run a fresh clone up to automl; return it with the probabilities of its test rows."""
    project = moved(clone, to)
    project.run("python", "src/compose.py", *FEWER_TREES, *changes)
    assert project.repro("automl").ran == ["check", "dataprep", "automl"]
    project.run("python", "-c", PREDICT, "answers.parquet")
    return project, pd.read_parquet(to / "answers.parquet")


def test_two_clones_agree_to_the_last_bit(clone_once: Project, tmp_path: Path):
    """Two clones in two folders prepare byte-identical files and, with automl=reproducible, predict the same bits.

    With another seed the test rows are others and so are the answers.
    """
    (one, first), (two, second) = (searched(clone_once, tmp_path / name) for name in ("one", "a longer name/two"))
    assert [path for path in PREPARED if (one.folder / path).read_bytes() != (two.folder / path).read_bytes()] == []
    assert len(pd.read_csv(one.folder / "reports/leaderboard.csv")) == 5
    assert first.to_numpy().tobytes() == second.to_numpy().tobytes()
    scores = [pd.read_csv(p.folder / "reports/leaderboard.csv")[["model", "score_val"]] for p in (one, two)]
    pd.testing.assert_frame_equal(*scores, check_exact=True)

    other, third = searched(clone_once, tmp_path / "three", "seed=7")
    assert other.read("reports/automl.json") != one.read("reports/automl.json")
    assert not np.array_equal(first.to_numpy()[:200], third.to_numpy()[:200])


def test_search_does_without_test_rows(finished: Project):
    """The search runs where no test row is left on the disk."""
    for part in ("split", "prepared"):
        (finished.folder / f"data/{part}/test.parquet").unlink()
    (finished.folder / "data/raw").rename(finished.folder / "raw-elsewhere")
    assert "won of 2 models" in finished.run("python", "src/automl.py").stdout


def test_pipeline_needs_no_network(fresh: Project):
    """After the install nothing needs the network: all five stages run where there is no interface, not even loopback."""
    alone = ["unshare", "-rn"]
    try:
        may = subprocess.run([*alone, "cat", "/proc/net/route"], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no unshare")
    if may.returncode:
        pytest.skip(f"a network namespace is not permitted: {may.stderr.strip()}")
    assert len(may.stdout.splitlines()) <= 1
    done = fresh.run(*alone, "dvc", "repro")
    assert done.ran == STAGES
    assert "Registered version 1" in done.stdout
    assert "version 1" in fresh.run(*alone, "python", "src/summary.py").stdout
