"""Knobs of the search whose work AutoGluon would do on other rows or for another model than is meant."""

import pandas as pd
import pytest
from autogluon.core.metrics import get_metric
from autogluon.tabular import TabularPredictor
from conftest import Project
from test_pipeline_budget import search, state

from slipway.project.entry import UserError
from slipway.project.names import METRICS, OF_PROBABILITIES
from slipway.search.search import _space, check_weight

CONFIG = "defaults: [base, _self_]\n{more}\nmodels:\n  {models}\n"


@pytest.mark.slow
def test_settings_that_are_tried_are_scored_like_any_model(finished: Project):
    """Among trials a forest has the score on validation rows that it has alone, and a setting that fails is told."""
    forest = "RF: {n_estimators: 20}"
    search(finished, 60, config=CONFIG.format(more="ensemble: false", models=forest))
    _, board, _ = state(finished)
    alone = board["score_val"].iloc[0]
    models = f"{forest}\n  GBM: {{num_boost_round: 20, num_leaves: {{choices: [31, 1.5]}}}}"
    done, _ = search(finished, 60, config=CONFIG.format(more="ensemble: false\nnum_trials: 3", models=models))
    figures, board, _ = state(finished)
    assert board.set_index("model").loc["RandomForest", "score_val"] == alone
    assert figures["failed"] == 1
    assert board.set_index("model").loc["LightGBM", "cut_short"].startswith("failed with some of the settings: ")
    assert "automl: LightGBM failed with some of the settings: LightGBMError" in done.stdout


@pytest.mark.slow
def test_threshold_is_that_of_the_model_that_is_deployed(finished: Project):
    """Where a limit keeps AutoGluon's best model out, the positive class is said from where the other's metric is best."""
    models = "LR: {}\n  GBM: {num_boost_round: 20}\n  RF: {n_estimators: 20}"
    more = "eval_metric: f1\nmax_size_mb: 0.1\nensemble: false"
    done, _ = search(finished, 60, config=CONFIG.format(more=more, models=models))
    figures, *_ = state(finished)
    left = TabularPredictor.load(str(finished.folder / "models/predictor"))
    assert figures["decision_threshold"] == left.calibrate_decision_threshold(
        model=figures["best_model"], verbose=False
    )
    (deployed,) = (finished.folder / "models/model").rglob("predictor.pkl")
    shipped = TabularPredictor.load(str(deployed.parent), require_version_match=False)
    assert shipped.decision_threshold == figures["decision_threshold"] != 0.5
    assert f"is said from a probability of {figures['decision_threshold']:.3g} on" in done.stdout


def test_metrics_of_probabilities_are_those_of_autogluon():
    """A threshold is nothing to these metrics alone."""
    assert {name for name in METRICS["binary"] if not get_metric(name, "binary").needs_class} == set(OF_PROBABILITIES)


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ([1.0, None, 2.0], "but a missing value in 1 of 3 train rows there"),
        ([1, -1, -2], "but -1 in 2 of 3 train rows there"),
        ([1.0, float("inf"), 2.0], "but inf in 1 of 3 train rows there"),
        ([0, 0, 0], "but 0 in every train row there"),
        (["a", "b", "c"], "but values of type "),
    ],
)
def test_rows_that_no_model_could_weigh_are_refused(values: list, found: str):
    """A column of weights with a gap, a text or a negative number is named before the search."""
    with pytest.raises(UserError, match=found):
        check_weight("w", pd.DataFrame({"w": values, "x": [1, 2, 3]}))
    check_weight("x", pd.DataFrame({"w": values, "x": [1, 2, 0]}))
    check_weight("balance_weight", pd.DataFrame({"w": values}))


def test_weights_that_are_not_there_are_refused():
    """A column that is no feature, the label among them, cannot weigh rows."""
    with pytest.raises(UserError, match=r"Got automl\.sample_weight='y', but no feature of that name"):
        check_weight("y", pd.DataFrame({"x": [1]}))


def test_whole_numbers_stay_whole_on_a_logarithmic_scale():
    """AutoGluon would draw fractions between whole bounds where the scale is logarithmic, which models of trees refuse."""
    values = _space({"low": 7, "high": 63, "log": True}).data
    assert values == sorted({int(value) for value in values})
    assert (values[0], values[-1]) == (7, 63)
