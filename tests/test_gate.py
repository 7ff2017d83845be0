"""On which conditions a tested model becomes a version."""

from dataclasses import replace

import numpy as np
import pytest
from conftest import Project
from mlflow import MlflowClient
from sklearn.metrics import roc_auc_score

from slipway.project.stage_settings import Gate
from slipway.registration.gate import (
    Champion,
    as_metrics,
    bootstrap,
    improvement,
    lines,
    markdown,
    no_baseline,
    no_errors,
    passed,
    thresholds,
)
from slipway.registration.judging import IncomparableError, Judge
from slipway.rows.contract import Contract
from slipway.rows.series import SeriesContract

FIGURES = {"roc_auc": 0.85, "log_loss": 0.45}
DRAWS = Gate(
    metrics={}, metric="roc_auc", delta=None, bootstrap=200, confidence=0.95, max_size_mb=None, max_latency_ms=None,
    fail=False,
)  # fmt: skip


@pytest.mark.parametrize(
    ("limits", "opens"),
    [
        pytest.param({}, True, id="no-limits"),
        pytest.param({"roc_auc": {"min": 0.85}}, True, id="just-reached"),
        pytest.param({"roc_auc": {"min": 0.8501}}, False, id="below-min"),
        pytest.param({"log_loss": {"max": 0.45}}, True, id="at-max"),
        pytest.param({"log_loss": {"max": 0.44}}, False, id="above-max"),
        pytest.param({"roc_auc": {"min": 0.8, "max": 0.84}}, False, id="too-good-to-be-true"),
        pytest.param({"f1": {"min": 0.1}}, False, id="no-value"),
    ],
)
def test_metrics_keep_their_limits(limits, opens):
    """A metric passes at its limit and on its right side; one without a value does not pass."""
    assert passed(thresholds(FIGURES, limits)) is opens


@pytest.mark.parametrize(
    ("value", "greater", "delta", "champion", "opens"),
    [
        pytest.param(0.85, True, 0.01, None, True, id="first-model"),
        pytest.param(0.85, True, 0.01, Champion(3, True, None, ""), True, id="champion-itself"),
        pytest.param(0.85, True, 0.01, Champion(3, False, 0.83, "recorded"), True, id="better"),
        pytest.param(0.85, True, 0.01, Champion(3, False, 0.845, "recorded"), False, id="not-enough"),
        pytest.param(0.45, False, 0.01, Champion(3, False, 0.47, "recorded"), True, id="less-loss"),
        pytest.param(0.45, False, 0.01, Champion(3, False, 0.43, "recorded"), False, id="more-loss"),
        pytest.param(0.85, True, 0.0, Champion(3, False, 0.85, "recorded"), True, id="as-good"),
        pytest.param(0.85, True, 0.0, Champion(3, False, None, "it refuses the rows"), False, id="no-comparison"),
    ],
)
def test_improvement_over_the_champion(value, greater, delta, champion, opens):
    """Better by the margin in the metric's own direction; without a champion it passes and says so."""
    condition = improvement("m", value, greater, delta, champion)
    assert condition.passed is opens
    if champion is None:
        assert condition.says == "there is no champion yet"
    elif not champion.same and champion.value is not None:
        assert (condition.margin >= 0) is opens


@pytest.mark.parametrize(
    ("noise", "opens"), [pytest.param(0.3, True, id="better"), pytest.param(1.0, False, id="alike")]
)
def test_bootstrap_tells_luck_from_progress(noise, opens):
    """A clearly better model passes; one that is as good as the champion does not, whatever the draw of rows says."""
    random = np.random.default_rng(0)
    actual = random.integers(0, 2, 400)
    ours, theirs = (actual + random.normal(0, sigma, 400) for sigma in (noise, 1.0))
    condition = bootstrap(roc_auc_score, actual, ours, theirs, True, DRAWS, 1)
    assert condition.passed is opens
    assert condition == bootstrap(roc_auc_score, actual, ours, theirs, True, DRAWS, 1)


def test_bootstrap_of_rows_of_one_label_says_so():
    """Where no draw has a value, there is a sentence in place of an interval."""
    same = np.zeros(5)
    found = bootstrap(roc_auc_score, same, same, same, True, DRAWS, 1)
    assert (found.passed, found.value, found.says) == (False, None, "has no value on test rows of one label")


OURS = Contract({}, {}, (), "y", "binary", ("no", "yes"), "yes")
SHARES = replace(OURS, task="multiclass", classes=("a", "b"), positive_class=None)
STEPS = SeriesContract({}, {}, (), "y", "forecasting", (), None, "shop", "day", 7, "D", (), (), None)


@pytest.mark.parametrize(
    ("ours", "changed", "says"),
    [
        (OURS, {}, None),
        (OURS, {"label": "z"}, "it predicts 'z' (binary)"),
        (OURS, {"task": "regression", "classes": ()}, "it predicts 'y' (regression)"),
        (OURS, {"classes": ("maybe", "yes")}, "it knows other classes (maybe)"),
        (SHARES, {"classes": ("a",)}, None),
        (SHARES, {"classes": ("a", "c")}, None),
        (SHARES, {"classes": ("a", "d")}, "it knows other classes (d)"),
        (STEPS, {}, None),
        (STEPS, {"prediction_length": 14}, "it forecasts 14 steps of D"),
        (STEPS, {"freq": "h"}, "it forecasts 7 steps of h"),
    ],
)
def test_champion_that_predicts_something_else_is_not_compared(ours, changed, says, monkeypatch):
    """Another label, task, class or horizon is named; classes that the champion alone lacks, or that test rows have, are not."""
    judge = Judge(None)
    monkeypatch.setitem(judge.__dict__, "contract", ours)
    monkeypatch.setitem(judge.__dict__, "classes", [*map(str, ours.classes), "c"])
    if says is None:
        judge.compare(replace(ours, **changed))
        return
    with pytest.raises(IncomparableError) as refused:
        judge.compare(replace(ours, **changed))
    assert str(refused.value) == says


@pytest.mark.parametrize(
    ("changes", "opens"),
    [
        pytest.param({}, False, id="error"),
        pytest.param({"acknowledged": "known before"}, True, id="acknowledged"),
        pytest.param({"severity": "warning"}, True, id="warning"),
        pytest.param({"columns": ["boat"]}, True, id="column-not-used"),
        pytest.param({"columns": ["boat"], "if_used": False}, False, id="whatever-is-used"),
    ],
)
def test_unacknowledged_errors_close_the_gate(changes, opens):
    """An error of the raw table that matters to the model, and that nobody acknowledged, closes the gate."""
    finding = {"name": "label_leak", "columns": ["sex"], "severity": "error", "if_used": True, "acknowledged": None}
    assert no_errors([finding | changes], ["sex", "age"]).passed is opens


@pytest.mark.parametrize(
    ("task", "does"), [("binary", "ignores every feature"), ("forecasting", "repeats the last value")]
)
def test_baseline_closes_the_gate(task, does):
    """What a search made as no model could be fitted never passes, and the verdict says what it is."""
    says = f"  no  baseline: it {does}, as no model could be fitted within the budget"
    assert lines([no_baseline(task)]) == ["not passed", says]


def test_verdict_says_every_condition_with_figure_and_margin():
    """The lines, the page and DVC's metrics all have every condition, its figures and its margin."""
    conditions = thresholds(FIGURES, {"roc_auc": {"min": 0.9}, "log_loss": {"max": 0.5}})
    assert lines(conditions) == [
        "not passed",
        "  no  roc_auc min: 0.85, at least 0.9 (margin -0.05)",
        "  yes log_loss max: 0.45, at most 0.5 (margin +0.05)",
    ]
    assert "| roc_auc min | **no** | 0.85 | 0.9 | -0.05 |" in markdown(conditions)
    written = as_metrics(conditions)
    assert written["passed"] is False
    assert written["conditions"]["roc_auc min"] == {
        "value": 0.85, "limit": 0.9, "margin": pytest.approx(-0.05), "passed": False,
    }  # fmt: skip


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_model_that_does_not_pass_is_logged_and_not_registered(finished: Project):
    """A worse model than the champion is logged with the verdict and becomes no version; with `fail` the stage fails.

    The champion is scored anew where the test rows changed. Once the gate asks for less, the same run's model passes.
    """
    client = MlflowClient(finished.store())
    finished.edit("conf/register/default.yaml", "delta: null", "delta: 0.01")
    finished.edit("conf/register/default.yaml", "max_size_mb: null", "max_size_mb: 100")
    finished.edit("conf/automl/quick.yaml", "  GBM: {num_boost_round: 20}\n", "")
    done = finished.run("dvc", "exp", "run")
    assert "register: the gate is not passed" in done.stdout
    assert "on the same test rows); at least 0.01" in done.stdout
    assert "register: registered nothing: the gate is not passed; no  champion: roc_auc 0.5" in done.stdout
    assert [v.version for v in client.search_model_versions("")] == [1]
    receipt = finished.read("models/registered.json")
    assert '"version": null' in receipt
    [run] = [r for r in client.search_runs(["1"]) if "not passed" in r.data.tags.get("gate", "")]
    assert run.info.run_id in receipt
    assert "Registered nothing: the gate is not passed" in finished.run("python", "src/summary.py").stdout
    assert "reports/gate.json" in finished.run("dvc", "metrics", "show").stdout
    assert "| champion | **no** |" in finished.read("reports/gate.md")

    failed = finished.run("dvc", "exp", "run", "-S", "register.gate.fail=true", ok=False)
    assert failed.code != 0
    assert any(line.startswith("Error: Got a model with which the gate is not passed") for line in failed.told)

    finished.edit("conf/register/default.yaml", "delta: 0.01", "delta: -0.5")
    finished.edit("conf/register/default.yaml", "promote: first", "promote: passed")
    finished.edit("conf/config.yaml", "seed: 42", "seed: 43")
    done = finished.run("dvc", "exp", "run")
    assert "scored anew, for the test rows changed" in done.stdout
    assert "register: version 2 is the champion" in done.stdout
    assert client.get_model_version_by_alias("titanic-survival", "previous-champion").version == 1
