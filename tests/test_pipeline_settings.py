"""conf/ is edited, params.yaml is composed: no stale or impossible setting gets as far as a stage that spends."""

import pytest
from conftest import Project
from ruamel.yaml import YAML

pytestmark = pytest.mark.slow


def params(project: Project) -> dict:
    return YAML(typ="safe", pure=True).load(project.read("params.yaml"))


def test_repro_after_edit_of_conf_alone_stops_with_file_and_command(finished: Project):
    """`dvc repro` after an edit of conf/ stops in check with one sentence: which file changed, what to run."""
    lock = finished.read("dvc.lock")
    finished.edit("conf/automl/quick.yaml", "time_limit: 60", "time_limit: 59")
    done = finished.repro(ok=False)
    assert done.code != 0
    assert "python src/check.py, exited with 1" in done.stderr
    assert done.ran == ["check"]
    [sentence] = done.told
    assert sentence.startswith("Error: Got a params.yaml older than conf/automl/quick.yaml, expected")
    assert "`dvc exp run`" in sentence
    assert finished.read("dvc.lock") == lock

    assert finished.run("dvc", "exp", "run").ran == ["check", "automl", "evaluate", "register"]
    assert params(finished)["automl"]["time_limit"] == 59
    assert finished.repro().ran == []


def test_comments_and_line_endings_in_conf_are_no_alarm(finished: Project):
    """Comments and CRLF line endings in conf/ change nothing that conf/ says: check looks and agrees."""
    for file in sorted((finished.folder / "conf").rglob("*.yaml")):
        says = file.read_bytes().replace(b"\r\n", b"\n") + b"# seen by nobody\n"
        file.write_bytes(says.replace(b"\n", b"\r\n"))
    assert finished.repro().ran == ["check"]


def test_exp_run_takes_a_group_and_a_value(finished: Project):
    """`dvc exp run -S automl=… -S automl.time_limit=…` composes both into params.yaml, and says so there."""
    changes = ["automl=reproducible", "automl.time_limit=30", "~automl.models.CAT", "~automl.models.XGB"]
    done = finished.run("dvc", "exp", "run", *(f"--set-param={change}" for change in changes), "automl")
    assert done.ran == ["check", "automl"]
    settings = params(finished)["automl"]
    assert settings["time_limit"] == 30
    assert settings["num_cpus"] == 2
    assert list(settings["models"]) == ["GBM", "RF", "XT"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        pytest.param("automl.time_limt=30", ["automl.time_limt=30", "closest: 'automl.time_limit'"], id="unknown-key"),
        pytest.param("+automl.time_limt=30", ["'automl.time_limt'", "closest: 'automl.time_limit'"], id="added-key"),
        pytest.param("automll=quick", ["automll=quick", "closest: 'automl'"], id="unknown-group"),
        pytest.param("automl=quik", ["conf/automl/quik.yaml", "closest: 'automl/quick'"], id="unknown-option"),
        pytest.param("automl.time_limit=-3", ["automl.time_limit=-3", "greater than 0"], id="impossible-value"),
        pytest.param("automl.eval_metric=roc_aux", ["'roc_aux'", "closest: 'roc_auc'"], id="unknown-metric"),
        pytest.param("+automl.models.GBMS={}", ["GBMS", "closest: 'GBM'"], id="unknown-model"),
        pytest.param("seed=often", ["seed='often'", "integer"], id="wrong-type"),
    ],
)
def test_unfit_override_is_refused_before_any_stage(finished_once: Project, change: str, says: list[str]):
    """An -S that is unknown or impossible is refused in one sentence with the closest name, before any stage runs."""
    for queue in ([], ["--queue"]):
        done = finished_once.run("dvc", "exp", "run", *queue, "-S", change, ok=False)
        assert done.code != 0
        assert done.ran == []
        [sentence] = done.told
        assert sentence.startswith("ERROR: Got ")
        assert [part for part in says if part not in sentence] == []
    assert finished_once.run("git", "status", "--porcelain").stdout == ""


@pytest.mark.parametrize(
    ("file", "old", "new", "says"),
    [
        pytest.param("automl/quick", "time_limit:", "time_limt:", "closest: 'automl.time_limit'", id="unknown-key"),
        pytest.param("automl/base", "${data.metric}", "roc_aux", "closest: 'roc_auc'", id="unknown-metric"),
        pytest.param("config", "automl: quick", "automl: quik", "closest: 'automl/quick'", id="unknown-option"),
        pytest.param("register/default", "alias: champion", "alias: v1", "register.alias='v1'", id="impossible-alias"),
        pytest.param("automl/reproducible", "time_limit: null", "time_limit null", "reproducible.yaml", id="not-yaml"),
    ],
)
def test_unfit_setting_in_conf_is_refused_before_any_stage(finished: Project, file: str, old: str, new: str, says: str):
    """A setting in conf/ that is unknown or impossible is refused by both ways of composing, before any stage runs."""
    before = finished.read("params.yaml")
    finished.edit(f"conf/{file}.yaml", old, new)
    for command in (["dvc", "exp", "run"], ["python", "src/compose.py"]):
        done = finished.run(*command, ok=False)
        assert done.code != 0
        assert done.ran == []
        [sentence] = done.told
        assert "Got " in sentence
        assert says in sentence
        assert finished.read("params.yaml") == before
