"""From a version back to everything that made it, and the alias moved by hand."""

import json
import shutil

import pytest
from conftest import Project, with_environment
from mlflow import MlflowClient

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]

# What a notebook does: each result's model answers the test rows, and its leaderboard has the models.
ROUND = """
import json, sys
sys.path.insert(0, "src")
import pandas as pd
from slipway.fetching.fetching import compare, leaderboard, load_model, metrics
rows = pd.read_parquet("data/split/test.parquet").drop(columns="survived").head(40)
for what in sys.argv[1:]:
    answers = load_model(what).predict(rows, params={"proba": True})["1"].tolist()
    print(json.dumps([what, answers, leaderboard(what)["model"].tolist(), metrics(what)["roc_auc"]]))
"""


def rounds(project: Project, *what: str) -> dict[str, list]:
    done = project.run("python", "-c", ROUND, *what)
    return {line[0]: line[1:] for line in map(json.loads, filter(lambda x: x[0] == "[", done.stdout.splitlines()))}


def test_round_trips_end_at_the_same_predictions(finished: Project):
    """Version, alias, run and revision all lead to one model: from MLflow, and with that gone from DVC's cache alone.

    An experiment that registered nothing is brought by its name, and by its run.
    """
    client = MlflowClient(finished.store())
    version = client.get_model_version_by_alias("titanic-survival", "champion")
    run = client.get_run(version.run_id)
    revision = finished.run("git", "rev-parse", "HEAD").stdout.strip()
    queued = ["dvc", "exp", "run", "--temp", "--name", "tidal", "-S", "automl.models.GBM.num_boost_round=5"]
    finished.run(*queued)
    [of_tidal] = client.search_runs(["1"], "tags.`dvc.experiment` = 'tidal'")
    for folder in ("models", "reports"):
        shutil.rmtree(finished.folder / folder)  # the workspace is gone

    asked = ["champion", "1", "models:/titanic-survival/1", version.run_id, revision, "HEAD"]
    came = rounds(finished, *asked, "tidal", of_tidal.info.run_id)
    assert list(came) == [*asked, "tidal", of_tidal.info.run_id]
    assert all(came[what] == came["champion"] for what in asked)
    assert came["champion"][2] == run.data.metrics["roc_auc"]
    assert came["tidal"] == came[of_tidal.info.run_id] != came["champion"]
    assert came["tidal"][1] == ["LightGBM", "Dummy"]

    said = finished.run("python", "src/fetch.py", "--compare", "champion", "tidal").stdout
    assert "difference" in said.splitlines()[0]
    assert f"{came['champion'][2]:.4f}"[:5] in said
    assert "digest.split" in said
    assert "tested on" not in said
    assert "tested on" not in with_environment(finished).run("make", "compare").stdout
    finished.run("dvc", "exp", "run", "--temp", "--name", "others", "-S", "seed=2")
    said = finished.run("python", "src/fetch.py", "--compare", "tidal", "others").stdout
    assert "fetch: they were tested on other rows (digest.split)" in said.splitlines()[-1]
    assert "They were not all tested on the same rows" in finished.run("make", "compare").stdout.splitlines()[-1]
    done = finished.run("python", "src/fetch.py", "tidal", "--parts", "all")
    assert "LightGBM" in done.stdout
    assert (finished.folder / "fetched/tidal/model/MLmodel").is_file()
    assert (finished.folder / "fetched/tidal/plots/overview.png").is_file()

    (finished.folder / "mlflow.db").unlink()
    shutil.rmtree(finished.folder / "mlartifacts")
    said = finished.run("python", "src/fetch.py", "--compare", revision, "others").stdout  # of DVC alone
    assert "fetch: they were tested on other rows (digest.split)" in said.splitlines()[-1]
    assert rounds(finished, revision)[revision] == came["champion"]
    lost = finished.run("python", "src/fetch.py", "nowhere", ok=False)
    assert (lost.code, len(lost.told)) == (1, 1)
    assert "Got 'nowhere', expected an alias or a version of titanic-survival, a run's id" in lost.told[0]


def test_remote_alone_leads_to_the_same_predictions(finished: Project, tmp_path):
    """With workspace, MLflow's store and DVC's cache gone, a revision's model, metrics and plots come from the remote."""
    finished.run("dvc", "remote", "add", "--local", "--default", "shared", str(tmp_path / "remote"))
    before = rounds(finished, "HEAD")
    finished.run("dvc", "push")
    for folder in ("models", "reports", "mlartifacts", ".dvc/cache"):
        shutil.rmtree(finished.folder / folder)
    (finished.folder / "mlflow.db").unlink()
    assert rounds(finished, "HEAD") == before
    finished.run("python", "src/fetch.py", "HEAD", "--parts", "all")
    assert (finished.folder / "fetched/HEAD/plots/overview.png").is_file()
    shutil.rmtree(tmp_path / "remote")
    shutil.rmtree(finished.folder / ".dvc/cache", ignore_errors=True)
    lost = finished.run("python", "src/fetch.py", "HEAD", "--to", "elsewhere", ok=False)
    assert (lost.code, len(lost.told)) == (1, 2)  # that it brings something, and that it cannot
    assert "expected it in MLflow or in DVC's cache or remote" in lost.told[1]


def test_run_leads_to_what_made_it(finished_once: Project):
    """A version's run says revision, patch, digests, versions, who and where; has a child per model, inputs and reports."""
    client = MlflowClient(finished_once.store())
    version = client.get_model_version_by_alias("titanic-survival", "champion")
    run = client.get_run(version.run_id)
    tags = run.data.tags
    first = finished_once.run("git", "rev-parse", "HEAD~1").stdout.strip()
    assert tags["git.revision"] == version.tags["git.revision"] == first
    assert (version.tags["search.reproducible"], version.tags["search.cut_short"]) == ("true", "")
    for name in ("raw", "train", "split", "params", "lock", "recipe"):
        assert len(tags[f"digest.{name}"]) == 64
    for name in ("python", "autogluon", "mlflow", "dvc", "host", "mlflow.user", "platform"):
        assert tags[name]
    assert {i.dataset.name: i.dataset.digest for i in run.inputs.dataset_inputs}["titanic"] == tags["digest.raw"][:36]
    files = {file.path for file in client.list_artifacts(run.info.run_id)}
    assert {
        "metrics.json",
        "leaderboard.csv",
        "plots",
        "card.md",
        "findings.md",
        "data",
        "gate.json",
        "gate.md",
    } <= files
    children = client.search_runs(["1"], f"tags.`mlflow.parentRunId` = '{run.info.run_id}'")
    assert {child.info.run_name for child in children} == {"LightGBM", "Dummy"}
    for child in children:
        assert {"score_val", "fit_time", "pred_time_val", "size_bytes", "rank"} <= set(child.data.metrics)
    [trees] = [child.data.params for child in children if child.info.run_name == "LightGBM"]
    assert (trees["hyperparameters.seed"], trees["hyperparameters.num_boost_round"]) == ("42", "20")


def test_alias_is_moved_by_hand_with_a_reason(finished: Project):
    """A move is recorded on the version; a step back has to name who is replaced, and one command takes a move back."""
    client = MlflowClient(finished.store())
    first = client.get_model_version("titanic-survival", "1")
    client.create_model_version(
        "titanic-survival", (finished.folder / "models/model").as_uri(), first.run_id, tags={"digest": "another"}
    )

    def promote(*arguments: str, ok: bool = True):
        return finished.run("python", "src/promote.py", *arguments, ok=ok)

    def aliases():
        return client.get_registered_model("titanic-survival").aliases

    assert "version 2 of titanic-survival is the champion" in promote("2", "--reason", "the desk asked for it").stdout
    assert aliases() == {"champion": 2, "previous-champion": 1}
    moved = [v for k, v in client.get_model_version("titanic-survival", "2").tags.items() if k.startswith("moved")]
    assert len(moved) == 1
    assert moved[0].startswith("champion from version 1 by")
    assert moved[0].endswith(": the desk asked for it")

    stale = promote("1", "--reason", "mine is better", ok=False)
    assert stale.code == 1
    assert "which is version 2 at present" in stale.told[0]
    assert "--replacing 2" in stale.told[0]
    assert promote("2", "--replacing", "1", "--reason", "x", ok=False).code == 1
    assert aliases() == {"champion": 2, "previous-champion": 1}
    promote("--back", "--reason", "it was worse on Monday")
    assert aliases() == {"champion": 1, "previous-champion": 2}
    assert "expected one of its versions: 1, 2" in promote("7", "--reason", "x", ok=False).told[0]
