"""Named combinations of settings: each file of conf/experiment/ runs as its first line says."""

import json
import shlex
from pathlib import Path

import pytest
from conftest import REPOSITORY, Project
from ruamel.yaml import YAML

pytestmark = pytest.mark.slow
FILES = sorted((REPOSITORY / "conf/experiment").glob("*.yaml"))


def first_line(file: Path) -> list[str]:
    """Return the command on the first line of a file."""
    line = file.read_text(encoding="utf-8").splitlines()[0]
    assert line.startswith("# dvc exp run ")
    return shlex.split(line.removeprefix("# "))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_first_line_runs(finished: Project, file: Path):
    """The command on the first line runs the combination, or queues it as often as it says; what it says has the last word."""
    command = first_line(file)
    done = finished.run(*command)
    if "--queue" in command:
        assert done.stdout.count("Queued experiment") == 3
        return
    assert done.ran[-1] == "register"
    params = YAML(typ="safe").load(finished.read("params.yaml"))
    if file.stem == "smoke":
        assert params["automl"]["models"]["GBM"] == {"num_boost_round": 20}
        assert params["evaluate"]["importance_repeats"] == 0
    if file.stem == "wine":
        assert params["register"]["model"] == "wine-cultivar"
        assert set(json.loads(finished.read("reports/metrics.json"))) >= {"log_loss", "accuracy", "f1_macro"}


def test_task_and_metric_may_be_left_open(finished: Project):
    """With data.task=null and no metric, check says what the label proposes, and every stage goes by it."""
    task = json.loads(finished.read("data/profile.json"))["task"]
    done = finished.run(
        "dvc", "exp", "run", "-S", "experiment=smoke", "-S", "data.task=null", "-S", "data.metric=null"
    )  # fmt: skip
    assert "check: the task is binary, as survived has 2 different values; data.task sets it" in done.stdout
    assert done.ran[-1] == "register"
    assert task == json.loads(finished.read("data/profile.json"))["task"] == "binary"
    assert json.loads(finished.read("reports/automl.json"))["eval_metric"] == "roc_auc"
    assert "roc_auc" in json.loads(finished.read("reports/metrics.json"))


def test_unknown_combination_is_refused_with_the_closest(clone_once: Project):
    """A combination that is not there ends in one sentence with the closest that is."""
    done = clone_once.run("dvc", "exp", "run", "-S", "experiment=smok", ok=False)
    [sentence] = done.told
    assert "Got no file conf/experiment/smok.yaml, expected one; closest: 'experiment/smoke'" in sentence
