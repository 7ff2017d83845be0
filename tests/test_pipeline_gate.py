"""The gate in the pipeline: conditions that need the champion's answers, and the time of a row."""

import json

import pytest
from conftest import Project
from mlflow import MlflowClient

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
