"""The same inputs in another clone: a shared remote and its run cache have the results."""

from dataclasses import replace
from pathlib import Path

import pytest
from conftest import Project

pytestmark = pytest.mark.slow


def test_other_clone_trains_nothing_that_was_trained(finished: Project, tmp_path: Path):
    """What one clone pushed, another one pulls: the pipeline as it stands, and the results of all commits.

    The other clone has a cache of its own. Neither the present state nor a setting that an earlier commit had is
    computed there again.
    """
    finished.run("dvc", "remote", "add", "--default", "shared", str(tmp_path / "remote"))
    finished.commit()
    tried = ["dvc", "exp", "run", "-S", "+automl.models.GBM.learning_rate=0.5"]
    assert "automl" in finished.run(*tried).ran
    finished.commit()
    report = finished.read("reports/leaderboard.csv")
    assert "automl" not in finished.run("dvc", "exp", "run").ran
    finished.commit()
    finished.run("dvc", "push", "--run-cache", "--all-commits")

    env = finished.env | {"DVC_SITE_CACHE_DIR": str(tmp_path / "site")}
    other = replace(finished, folder=tmp_path / "other", env=env)
    finished.run("git", "clone", "--quiet", str(finished.folder), str(other.folder))
    other.run("dvc", "pull", "--run-cache")
    done = other.repro()  # with --pull it would take the missing receipt for pulled
    assert set(done.ran) <= {"check", "register"}  # register's effect is outside the cache: a store of its own is empty
    assert "Registered version 1" in done.stdout
    done = other.run(*tried, "--pull")
    assert set(done.ran) <= {"check", "register"}
    assert other.read("reports/leaderboard.csv") == report
