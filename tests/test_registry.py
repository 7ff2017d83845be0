"""Runs and versions in a real MLflow store on sqlite."""

import os
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from unittest.mock import Mock

import pytest
from conftest import REPOSITORY
from mlflow.exceptions import MlflowException
from mlflow.protos import databricks_pb2

from slipway.project.entry import UserError
from slipway.registration import tracking
from slipway.registration.lineage import digest_of, mlflow_params, origin
from slipway.registration.registry import (
    MOST_DESCRIBED,
    aliases_of,
    described,
    find_version,
    move_alias,
    register_once,
    settle_alias,
)
from slipway.registration.runs import run_once
from slipway.registration.tracking import connect, in_queue, retrying

# MLflow's store leaves its connections to the collector, and warns of what it plans.
pytestmark = [pytest.mark.filterwarnings("default")]


def test_flat_settings():
    """Nested settings become dotted names with texts; empty sections, lists and nothing stay values; long ones are cut."""
    settings = {"a": {"b": {"c": 0.2}, "d": {}}, "e": [1, 2], "f": None, "g": True, "h": "x" * 7000}
    params = mlflow_params(settings)
    assert params.pop("h") == "x" * 6000
    assert params == {"a.b.c": "0.2", "a.d": "{}", "e": "[1, 2]", "f": "None", "g": "True"}


def test_queue_is_told_by_the_folder(tmp_path, monkeypatch):
    """A stage in another folder than the main project runs in DVC's queue; one in the project itself does not."""
    (tmp_path / "exp").mkdir()
    monkeypatch.chdir(tmp_path / "exp")
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    assert in_queue()
    monkeypatch.setenv("DVC_ROOT", str(tmp_path / "exp"))
    assert not in_queue()
    monkeypatch.delenv("DVC_ROOT")
    assert not in_queue()


def test_origin_without_git(tmp_path, monkeypatch):
    """Outside a Git repository the tags say so, and there is no patch."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    monkeypatch.setenv("DVC_EXP_NAME", "tidal-bore")
    tags, patch = origin()
    assert (tags["git.revision"], tags["git.dirty"], tags["dvc.experiment"], patch) == (
        "none",
        "false",
        "tidal-bore",
        "",
    )
    assert tags["autogluon"][0].isdigit()
    assert tags["host"]
    assert tags["mlflow.user"]


def test_patch_brings_the_tree_back(tmp_path, monkeypatch):
    """The patch of a dirty tree, applied to its revision, gives the tree: also code that Git does not know yet."""
    monkeypatch.chdir(tmp_path)
    git = ["git", "-c", "user.name=Test", "-c", "user.email=test@example.org"]
    (tmp_path / "src").mkdir()
    (tmp_path / "src/old.py").write_text("a = 1\n")
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "First"]):
        subprocess.run([*git, *command], check=True)
    assert origin()[1] == ""
    (tmp_path / "src/old.py").write_text("a = 2\n")
    (tmp_path / "src/new.py").write_bytes("b = 'ü'\r\n".encode())
    (tmp_path / "notes.txt").write_text("not ours")
    tags, patch = origin()
    assert tags["git.dirty"] == "true"
    status = subprocess.run([*git, "status", "--porcelain"], capture_output=True, text=True, check=True).stdout
    assert " M src/old.py" in status
    assert "?? src/new.py" in status
    subprocess.run([*git, "clone", "-q", ".", "other"], check=True)
    subprocess.run([*git, "apply", "-"], cwd="other", input=patch.encode(), check=True)
    assert (tmp_path / "other/src/old.py").read_text() == "a = 2\n"
    assert (tmp_path / "other/src/new.py").read_bytes() == "b = 'ü'\r\n".encode()
    assert not (tmp_path / "other/notes.txt").exists()


def test_digest_of_a_folder_hangs_on_names_and_bytes(tmp_path):
    """A renamed file and a changed byte change a folder's digest; the folder's own place does not."""
    seen = set()
    for place, name, text in (("a", "x", "1"), ("b", "x", "1"), ("c", "y", "1"), ("d", "x", "2")):
        (tmp_path / place).mkdir()
        (tmp_path / place / name).write_text(text)
        seen.add(digest_of(tmp_path / place))
    assert len(seen) == 3


@pytest.mark.parametrize(
    ("errors", "told"),
    [
        pytest.param(["INTERNAL_ERROR"] * 2, None, id="back-in-time"),
        pytest.param(["INTERNAL_ERROR"] * 6, "Got no answer from the tracking store .* in 6 tries", id="down"),
        pytest.param(["PERMISSION_DENIED"], "Got a refusal by the tracking store", id="refuses"),
    ],
)
def test_server_that_fails(errors, told, monkeypatch, capsys):
    """A failing server is asked again with a line each time, then one sentence; one that refuses is not asked again."""
    monkeypatch.setattr(tracking, "WAITS_S", (0, 0, 0, 0, 0))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://me:secret@mlflow.example.org")
    left = list(errors)

    def work():
        if left:
            raise MlflowException("it broke\noff", error_code=getattr(databricks_pb2, left.pop()))
        return "done"

    if told:
        with pytest.raises(UserError, match=told):
            retrying("register", work)
    else:
        assert retrying("register", work) == "done"
    said = capsys.readouterr().out.splitlines()
    assert len(said) == {2: 2, 6: 5, 1: 0}[len(errors)]
    assert "secret" not in "".join(said)
    if said:
        assert said[0].startswith("register: mlflow.example.org fails (it broke off); trying again in 0 s (1 of 5)")


def test_bug_is_not_tried_again():
    """What is no fault of the server's keeps its traceback."""
    calls = []
    with pytest.raises(FileNotFoundError):
        retrying("register", lambda: calls.append(Path("nowhere").read_text()))
    error = MlflowException("nonsense", error_code=databricks_pb2.INVALID_PARAMETER_VALUE)
    with pytest.raises(MlflowException, match="nonsense"):
        retrying("register", Mock(side_effect=error))
    assert calls == []


def test_full_disk_under_the_store_is_not_tried_again(monkeypatch):
    """Waiting makes no room: what sqlite says of a full disk is raised at once, for the stage to say where."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:////nowhere/mlflow.db")
    work = Mock(side_effect=MlflowException("(sqlite3.OperationalError) database or disk is full"))
    with pytest.raises(MlflowException, match="disk is full"):
        retrying("register", work)
    assert work.call_count == 1


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return tmp_path_factory.mktemp("root")


@pytest.fixture
def store(root, monkeypatch, tmp_path):
    """Return a client of a store in a main project, from the folder of a queued experiment."""
    import mlflow

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DVC_ROOT", str(root))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    before = mlflow.get_tracking_uri()
    yield connect("titanic"), mlflow.MlflowClient()
    mlflow.set_tracking_uri(before)


@pytest.fixture
def model(tmp_path):
    """Return a folder with files such as a model has."""
    (tmp_path / "model/artifacts").mkdir(parents=True)
    (tmp_path / "model/MLmodel").write_text("flavors: {}\n")
    (tmp_path / "model/artifacts/contract.json").write_text("{}\n")
    return tmp_path / "model"


@pytest.mark.slow
def test_store_lies_in_the_main_project(store, root, tmp_path):
    """The store and the artifacts lie in the main project, not where the stage runs; a second call finds the experiment."""
    experiment_id, client = store
    assert (root / "mlflow.db").is_file()
    assert client.get_experiment(experiment_id).artifact_location == (root / "mlartifacts").as_uri()
    assert connect("titanic") == experiment_id
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_store_that_a_kill_left_half_made_is_made_anew(tmp_path):
    """Killed while it makes a fresh store's tables, a process leaves no store, and the next one makes it whole.

    MLflow's own half-made tables can never be completed: its migrations stumble over what they left themselves.
    """
    connects = (
        "import sys; sys.path.insert(0, sys.argv[1]); from slipway.registration.tracking import connect; connect('x')"
    )
    command = [sys.executable, "-c", connects, str(REPOSITORY / "src")]
    env = {k: v for k, v in os.environ.items() if not k.startswith("MLFLOW_")} | {"DVC_ROOT": str(tmp_path)}
    part = tmp_path / ".mlflow.db.part"
    first = subprocess.Popen(command, cwd=tmp_path, env=env, stderr=subprocess.DEVNULL)
    while not (part.exists() and part.stat().st_size):
        assert first.poll() is None
        time.sleep(0.001)
    first.kill()
    first.wait()
    assert [file.name for file in tmp_path.glob("mlflow.db*")] == []
    with closing(sqlite3.connect(part)) as store:  # on which the migrations stumbled, in one kill of twenty
        store.execute("CREATE TABLE _alembic_tmp_experiments (name VARCHAR)")
    subprocess.run(command, cwd=tmp_path, env=env, stderr=subprocess.DEVNULL, check=True)
    assert [file.name for file in tmp_path.iterdir()] == ["mlflow.db"]


def registered(client, name, digest, model, run_id):
    return register_once(client, name, digest, model, run_id, "# Card", {"git.revision": "abc"})


@pytest.mark.slow
def test_a_model_is_registered_once(store, root, model):
    """An unknown model is not found; once registered it is found by its digest, with its run, and its files have arrived.

    Under another name it is another registration.
    """
    experiment_id, client = store
    run_id = client.create_run(experiment_id).info.run_id
    assert find_version(client, "once", "abc") is None
    assert registered(client, "once", "abc", model, run_id) == (1, run_id, True)
    again = client.create_run(experiment_id).info.run_id
    assert registered(client, "once", "abc", model, again) == (1, run_id, False)
    assert find_version(client, "once", "abc") == (1, run_id, False)
    assert find_version(client, "once", "abd") is None
    assert find_version(client, "other", "abc") is None
    version = client.get_model_version("once", "1")
    assert version.description == "# Card"
    assert version.tags == {"digest": "abc", "git.revision": "abc"}
    assert registered(client, "other", "abc", model, run_id) == (1, run_id, True)
    assert registered(client, "once", "abc", model, run_id).new is False
    assert len(list((root / "mlartifacts").rglob("contract.json"))) == 2
    assert {m.status for m in client.search_logged_models([experiment_id])} == {"READY"}


@pytest.mark.slow
def test_aliases_are_settled_once(store, model):
    """The first version is the champion, the next the challenger; what people then move, no registering moves back."""
    experiment_id, client = store
    run_id = client.create_run(experiment_id).info.run_id

    def register(digest, always=False):
        version = registered(client, "aliases", digest, model, run_id).version
        settle_alias(client, "aliases", version, "champion", always)
        return aliases_of(client, "aliases")

    assert register("a") == {"champion": 1}
    assert register("b") == {"champion": 1, "challenger": 2}
    assert register("a") == {"champion": 1, "challenger": 2}
    assert register("c", always=True) == {"champion": 3, "challenger": 2, "previous-champion": 1}
    assert register("b", always=True) == {"champion": 3, "challenger": 2, "previous-champion": 1}
    move_alias(client, "aliases", "champion", 1)
    assert register("c", always=True) == {"champion": 1, "challenger": 2, "previous-champion": 3}


@pytest.mark.slow
def test_later_of_equal_versions_goes(store, model):
    """Versions of the same model that a crash left behind are cleared away, but not one that a person gave an alias."""
    experiment_id, client = store
    run_id = client.create_run(experiment_id).info.run_id
    assert registered(client, "doubled", "same", model, run_id).version == 1
    for _ in range(2):
        client.create_model_version("doubled", model.as_uri(), run_id, tags={"digest": "same"})
    client.set_registered_model_alias("doubled", "mine", "3")
    assert registered(client, "doubled", "same", model, run_id) == (1, run_id, False)
    assert sorted(v.version for v in client.search_model_versions("name = 'doubled'")) == [1, 3]


@pytest.mark.slow
def test_deleted_run_and_version_come_again(store, model):
    """What a person deleted is made anew: no claim and no number keeps it away."""
    experiment_id, client = store

    def log():
        run_id = client.create_run(experiment_id, tags={"slipway.key": "k"}).info.run_id
        client.set_terminated(run_id)
        return run_id

    first, new = run_once(client, experiment_id, "k", log)
    assert new
    assert run_once(client, experiment_id, "k", log) == (first, False)
    assert registered(client, "gone", "abc", model, first).version == 1
    client.delete_run(first)
    client.delete_model_version("gone", "1")
    second, new = run_once(client, experiment_id, "k", log)
    assert new
    assert second != first
    assert run_once(client, experiment_id, "k", log) == (second, False)
    assert registered(client, "gone", "abc", model, second) == (2, second, True)


def test_description_fits_every_database():
    """A card and findings too long for MLflow's column are cut after a whole line, and the description says where the rest is."""
    assert described("# Card\n", "# Findings\n") == "# Card\n\n# Findings\n"
    text = described("# Card\n", "| a finding |\n" * 1000)
    assert len(text) <= MOST_DESCRIBED
    assert "| a finding |\n\nThe rest is among the run's artifacts" in text
