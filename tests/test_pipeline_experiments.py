"""Experiments of DVC's queue: logged in the main project, registered only when they are chosen."""

import time

import pytest
from conftest import Project
from mlflow import MlflowClient

# MLflow 3.17 uses what SQLAlchemy 2.1 deprecates; goes when MLflow stops.
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy")]


def test_queued_experiment_is_logged_and_registered_when_applied(finished: Project):
    """An experiment of the queue logs a run in the project's store, under its name, and registers nothing.

    After `dvc exp apply`, `dvc repro` registers it, from the cache.
    """
    finished.run("dvc", "exp", "run", "--queue", "--name", "wilder", "-S", "+automl.models.GBM.learning_rate=0.5")
    try:
        finished.run("dvc", "queue", "start", "-j", "1")
        deadline = time.monotonic() + 240
        while "Success" not in (status := finished.run("dvc", "queue", "status").stdout):
            assert "Failed" not in status, finished.run("dvc", "queue", "logs", "wilder").stdout
            assert time.monotonic() < deadline, status
            time.sleep(2)
    finally:
        finished.run("dvc", "queue", "stop", "--kill", ok=False)

    client = MlflowClient(finished.store())
    [experiment] = [e for e in client.search_experiments() if e.name == "titanic"]
    runs = client.search_runs([experiment.experiment_id], "tags.`dvc.experiment` = 'wilder'")
    assert len(runs) == 1
    assert runs[0].data.params["automl.models.GBM.learning_rate"] == "0.5"
    assert runs[0].info.artifact_uri.startswith((finished.folder / "mlartifacts").as_uri())
    assert [v.version for v in client.search_model_versions("name = 'titanic-survival'")] == [1]

    finished.run("dvc", "exp", "apply", "wilder")
    done = finished.repro()
    assert set(done.ran) <= {"check", "register"}
    assert "Registered version 2 of model titanic-survival" in done.stdout
    digest = client.get_model_version("titanic-survival", "2").tags["digest"]
    assert digest == runs[0].data.tags["model.digest"]
