"""Runs and versions in a real MLflow store on sqlite."""

from pathlib import Path

import pytest

from slipway.registration.registry import MOST_DESCRIBED, described, find_version, give_alias_if_free, register_model
from slipway.registration.tracking import connect, flat, in_queue, lineage

# MLflow's store leaves its connections to the collector, and warns of what it plans.
pytestmark = [pytest.mark.filterwarnings("default")]


def test_flat_settings():
    """Nested settings become dotted names with texts; empty sections, lists and nothing stay values; long ones are cut."""
    settings = {"a": {"b": {"c": 0.2}, "d": {}}, "e": [1, 2], "f": None, "g": True, "h": "x" * 7000}
    params = flat(settings)
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


def test_lineage_without_git_and_files(tmp_path, monkeypatch):
    """Outside a Git repository the tags say so; digests are of the files that are there."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    monkeypatch.setenv("DVC_EXP_NAME", "tidal-bore")
    Path("params.yaml").write_text("seed: 1\n")
    tags = lineage()
    assert (tags["git.revision"], tags["git.dirty"], tags["dvc.experiment"]) == ("none", "false", "tidal-bore")
    assert len(tags["digest.params"]) == 64
    assert "digest.split" not in tags


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
def test_a_model_is_registered_once(store, root, model):
    """An unknown model is not found; once registered it is found by its digest, with its run, and its files have arrived."""
    experiment_id, client = store
    run_id = client.create_run(experiment_id).info.run_id
    assert find_version(client, "once", "abc") is None
    made = register_model(client, "once", "abc", model, run_id, "# Card")
    assert (made.version, made.run_id, made.new) == (1, run_id, True)
    found = find_version(client, "once", "abc")
    assert (found.version, found.run_id, found.new, found.aliases) == (1, run_id, False, ())
    assert find_version(client, "once", "abd") is None
    assert find_version(client, "other", "abc") is None
    assert client.get_model_version("once", "1").description == "# Card"
    assert len(list((root / "mlartifacts").rglob("contract.json"))) == 1


@pytest.mark.slow
def test_first_version_keeps_the_alias(store, model):
    """The first version gets the alias, the second does not take it away, and asking again changes nothing."""
    experiment_id, client = store
    run_id = client.create_run(experiment_id).info.run_id
    for version, digest in ((1, "a"), (2, "b")):
        assert register_model(client, "twice", digest, model, run_id, "").version == version
    assert give_alias_if_free(client, "twice", "champion", 1)
    assert not give_alias_if_free(client, "twice", "champion", 2)
    assert give_alias_if_free(client, "twice", "champion", 1)
    assert client.get_model_version_by_alias("twice", "champion").version == 1
    assert find_version(client, "twice", "a").aliases == ("champion",)
    assert find_version(client, "twice", "b").aliases == ()


@pytest.mark.slow
def test_oldest_of_equal_versions_is_found(store, model):
    """If a model was registered twice by hand, the first version is the one that is meant."""
    experiment_id, client = store
    run_id = client.create_run(experiment_id).info.run_id
    for _ in range(2):
        register_model(client, "doubled", "same", model, run_id, "")
    assert find_version(client, "doubled", "same").version == 1


def test_description_fits_every_database():
    """A card and findings too long for MLflow's column are cut after a whole line, and the description says where the rest is."""
    assert described("# Card\n", "# Findings\n") == "# Card\n\n# Findings\n"
    text = described("# Card\n", "| a finding |\n" * 1000)
    assert len(text) <= MOST_DESCRIBED
    assert "| a finding |\n\nThe rest is among the run's artifacts" in text
