"""The gate in the pipeline: conditions that need the champion's answers, and the time of a row."""

import json

import mlflow
import pandas as pd
import pytest
from conftest import Project
from mlflow import MlflowClient
from sklearn.metrics import f1_score

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]

GATE = "conf/register/default.yaml"


def test_bootstrap_and_latency_hold_a_model_back(finished: Project):
    """A worse model is held back by the paired bootstrap, a slow one by its latency; without them it becomes the challenger."""
    client = MlflowClient(finished.store())
    finished.edit("conf/automl/quick.yaml", "num_boost_round: 20", "num_boost_round: 1")
    finished.edit(GATE, "bootstrap: 0", "bootstrap: 200")
    finished.edit(GATE, "max_latency_ms: null", "max_latency_ms: 0.001")
    finished.run("python", "src/compose.py")
    assert "register" in finished.repro().ran
    verdict = json.loads(finished.read("reports/gate.json"))
    luck, latency = (verdict["conditions"][name] for name in ("bootstrap", "latency_ms"))
    assert (verdict["passed"], luck["passed"], latency["passed"]) == (False, False, False)
    assert luck["value"] < 0 == luck["limit"]
    assert 0.001 < latency["value"] == 0.001 - latency["margin"]
    assert "95%" in finished.read("reports/gate.md")
    assert len(client.search_model_versions("name = 'titanic-survival'")) == 1

    finished.edit(GATE, "bootstrap: 200", "bootstrap: 0")
    finished.edit(GATE, "max_latency_ms: 0.001", "max_latency_ms: 10000")
    finished.run("python", "src/compose.py")
    assert finished.repro().ran == ["check", "register"]
    verdict = json.loads(finished.read("reports/gate.json"))
    assert verdict["passed"]
    assert verdict["conditions"]["latency_ms"]["margin"] > 0
    assert client.get_registered_model("titanic-survival").aliases == {"champion": 1, "challenger": 2}


def test_champion_of_other_settings_is_asked_anew_or_said_to_be_incomparable(finished: Project):
    """A recorded figure of another positive class, in either spelling, is not taken; a champion that refuses the rows keeps the gate shut, in words."""
    finished.edit("conf/data/titanic.yaml", "positive_class: 1", "positive_class: '0'")
    finished.edit(GATE, "metric: ${data.metric}", "metric: f1")
    finished.edit(GATE, "delta: null", "delta: 0")
    finished.run("python", "src/compose.py")
    assert "scored anew, for data.positive_class was 1" in finished.repro().stdout
    mlflow.set_tracking_uri(finished.store())
    champion = mlflow.pyfunc.load_model("models:/titanic-survival/1")
    test = pd.read_parquet(finished.folder / "data/split/test.parquet")
    anew = f1_score(test["survived"], champion.predict(test.drop(columns="survived")), pos_label=0)
    verdict = json.loads(finished.read("reports/gate.json"))
    assert verdict["conditions"]["champion"]["limit"] == pytest.approx(anew)

    finished.edit("conf/data/titanic.yaml", "drop: []", "drop: [embarked, boat, body]")
    finished.edit("conf/data/titanic.yaml", "  name: titanic\n", "  name: as_is\n")
    finished.edit("conf/data/titanic.yaml", "  options:\n    bins: 5\n", "  options: {}\n")
    finished.edit(GATE, "bootstrap: 0", "bootstrap: 50")
    finished.run("python", "src/compose.py")
    finished.run("python", "src/accept.py")
    finished.repro()
    page = finished.read("reports/gate.md")
    assert page.count("it refuses the present test rows: Got rows without the column 'embarked'") == 2
    assert json.loads(finished.read("models/registered.json"))["version"] is None
