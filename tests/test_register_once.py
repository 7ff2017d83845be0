"""The register stage, killed at every step, run from ten places at once, and against a server that comes and goes."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import Project
from mlflow import MlflowClient
from servers import free_port, mlflow_server

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]

# What a store holds when all is well: one run with a child per model, one version, whole, with its alias.
WELL = {
    "aliases": {"champion": 1},
    "versions": 1,
    "described": [True],
    "whole": True,
    "uploads": ["READY"],
    "runs": 1,
    "children": 2,
    "ended": True,
    "metrics": True,
    "of one": True,
    "receipt": True,
    "signs": 1,
}


def registering(project: Project, *arguments: str) -> list[dict]:
    """Run registering.py in a project; return what it says of each case."""
    command = [sys.executable, str(Path(__file__).with_name("registering.py")), *arguments]
    done = subprocess.run(
        command, cwd=project.folder, env=project.env, capture_output=True, text=True, check=False, timeout=900
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_killed_at_every_step(finished_once: Project, tmp_path: Path):
    """Killed after any of its calls to MLflow, or in the middle of the upload, the stage completes what is missing."""
    cases = registering(finished_once, "kill", str(tmp_path / "kill"))
    assert len(cases) > 40
    assert [case["call"] for case in cases[:-1]] == list(range(1, len(cases)))
    for case in cases:
        assert (case["first"], case["again"]) == (-9, 0), case
        assert case["state"] == {**WELL, "experiments": ["Default", "titanic"]}, case


def test_ten_at_once_on_sqlite(finished_once: Project, tmp_path: Path):
    """Ten processes that register the same model at once, on a store that none has used, end with one of everything."""
    [case] = registering(finished_once, "together", str(tmp_path / "ten"), "10", f"sqlite:///{tmp_path}/mlflow.db")
    assert case["codes"] == [0] * 10, case["logs"]
    assert case["receipts"] == 1
    assert case["state"] == {**WELL, "experiments": ["Default", "titanic"]}
    # Who is told of a busy store after its version was made finds that one, as the others do.
    said = [re.findall(r"(Registered|Found the same model as) version 1 ", log) for log in case["logs"]]
    assert all(len(words) == 1 for words in said), case["logs"]
    assert sum(words == ["Registered"] for words in said) <= 1


def test_ten_at_once_on_postgresql(finished_once: Project, tmp_path: Path, tracking_server: str):
    """Ten processes that register the same model at once on a real server end with one of everything.

    Their numbers may have gaps: a version that was taken back keeps its number.
    """
    [case] = registering(finished_once, "together", str(tmp_path / "ten"), "10", tracking_server)
    assert case["codes"] == [0] * 10, case["logs"]
    assert case["receipts"] == 1
    experiments = case["state"].pop("experiments")
    assert not [name for name in experiments if name.startswith("slipway/")]
    champion = case["state"]["aliases"]["champion"]
    assert case["state"] == {**WELL, "aliases": {"champion": champion}}


def test_another_clone_finds_run_and_version(finished: Project):
    """A fresh clone that gets the outcome from the cache, and has the store, adds neither a run nor a version."""
    client = MlflowClient(finished.store())
    before = [client.search_runs(["1"]), client.search_model_versions("")]
    (finished.folder / "models/registered.json").unlink()
    finished.write("README.md", "Another revision")
    finished.commit()
    done = finished.repro()
    assert done.ran[-1] == "register"
    assert "Found the same model as version 1" in done.stdout
    assert [len(found) for found in before] == [len(client.search_runs(["1"])), len(client.search_model_versions(""))]


def test_search_that_took_longer_is_the_same_run(finished: Project):
    """Two who search the same at once, or one whose worker died, have one run when all but the time is equal."""
    search = json.loads(finished.read("reports/automl.json"))
    finished.write("reports/automl.json", json.dumps(search | {"fit_s": search["fit_s"] + 1}))
    assert "register: found the same as run" in finished.run("python", "src/register.py").stdout
    finished.write("reports/automl.json", json.dumps(search | {"score_val": search["score_val"] / 2}))
    assert "register: logged run" in finished.run("python", "src/register.py").stdout


def test_server_that_is_down_and_comes_back(finished: Project, tmp_path: Path):
    """While the server is down there is a line for every try and then one sentence; once it is back all is registered."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    finished.env["MLFLOW_TRACKING_URI"] = address
    quick = (
        "import slipway.registration.tracking as t; t.WAITS_S = (0, 1); import register; register.run(register.main)"
    )
    command = ["python", "-c", f"import sys; sys.path.insert(0, 'src'); sys.argv = ['register.py']; {quick}"]
    try:
        down = finished.run(*command, ok=False)
        assert down.code == 1
        assert down.stdout.count(f"register: {address} fails") == 2
        assert len(down.told) == 1
        assert f"Got no answer from the tracking store {address} in 3 tries" in down.told[0]
        with mlflow_server(tmp_path / "server", f"sqlite:///{tmp_path}/server.db", port):
            done = finished.run("dvc", "repro", "-f", "-s", "register")
        assert "Registered version 1 of model titanic-survival" in done.stdout
    finally:
        del finished.env["MLFLOW_TRACKING_URI"]
