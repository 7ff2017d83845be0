"""Metrics in their natural sign, the points of the plots, and the picture of them."""

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as sk

from slipway import scores
from slipway.names import BINARY_METRICS, OTHER_METRICS
from slipway.plots import draw_overview

ACTUAL = np.array([0, 0, 0, 1, 1, 1, 1, 0])
PROBA = np.array([0.1, 0.4, 0.6, 0.35, 0.8, 0.9, 0.7, 0.2])
HARD = (PROBA > 0.5).astype(int)
BY_HAND = {
    "accuracy": 6 / 8,
    "balanced_accuracy": 0.75,
    "precision": 3 / 4,
    "recall": 3 / 4,
    "f1": 0.75,
    "mcc": sk.matthews_corrcoef(ACTUAL, HARD),
    "quadratic_kappa": sk.cohen_kappa_score(ACTUAL, HARD, weights="quadratic"),
    "roc_auc": 14 / 16,
    "average_precision": sk.average_precision_score(ACTUAL, PROBA),
    "log_loss": -np.mean(np.log(np.where(ACTUAL == 1, PROBA, 1 - PROBA))),
    "brier_score_loss": np.mean((ACTUAL - PROBA) ** 2),
}


@pytest.mark.parametrize("name", BY_HAND)
def test_metric_is_the_figure_by_hand(name):
    """A metric is what its formula says, losses positive."""
    assert scores.metric(name)(ACTUAL, PROBA) == pytest.approx(BY_HAND[name], abs=1e-6)


@pytest.mark.parametrize("name", [*BINARY_METRICS, *OTHER_METRICS])
def test_every_metric_of_the_settings_works(name):
    """Every name that the settings allow gives a figure, and a perfect model a better one."""
    metric = scores.metric(name)
    found, perfect = metric(ACTUAL, PROBA), metric(ACTUAL, np.where(ACTUAL == 1, 0.99, 0.01))
    assert perfect < found if name in ("log_loss", "brier_score_loss") else perfect > found


def test_points_are_the_curves():
    """Curves run from corner to corner, under the names that the plots read; an even calibration has a point per bin."""
    roc = scores.roc_points(ACTUAL, PROBA)
    assert roc.iloc[[0, -1]].to_numpy().tolist() == [[0, 0], [1, 1]]
    assert np.trapezoid(roc["true_positive_rate"], roc["false_positive_rate"]) == pytest.approx(14 / 16)
    curve = scores.precision_recall_points(ACTUAL, PROBA)
    assert curve.iloc[0].to_dict() == {"recall": 1.0, "precision": 0.5}
    assert curve.iloc[-1].to_dict() == {"recall": 0.0, "precision": 1.0}
    points = scores.calibration_points(ACTUAL, PROBA, 2)
    assert points["observed_share"].tolist() == [0.25, 0.75]
    assert points["predicted_probability"].tolist() == pytest.approx([0.2625, 0.75])


def importance(seed=0):
    random = np.random.default_rng(7)
    rows = pd.DataFrame({"noise": random.random(200), "signal": random.random(200), "same": 1.0})
    actual = (rows["signal"] > 0.5).to_numpy(int)
    return scores.permutation_importance(
        lambda raw: raw["signal"].to_numpy(), lambda p: float(sk.roc_auc_score(actual, p)), rows, list(rows), 3, seed
    )


def test_importance_finds_what_the_model_reads():
    """What the model reads comes first and costs what shuffling costs; what it does not read costs nothing."""
    found = importance()
    assert found["column"][0] == "signal"
    assert found["importance"][0] == pytest.approx(0.5, abs=0.15)
    assert found["importance"][1:].tolist() == [0, 0]


def test_importance_hangs_on_the_seed():
    """One seed gives the same shuffles again, another one others."""
    assert importance().equals(importance())
    assert not importance().equals(importance(1))


@pytest.mark.parametrize("with_importance", [True, False])
def test_overview_is_a_picture(tmp_path, with_importance):
    """Curves, confusion matrix and, where there are some, importances become one PNG, the same bytes each time."""
    curves = {
        "ROC": scores.roc_points(ACTUAL, PROBA),
        "precision and recall": scores.precision_recall_points(ACTUAL, PROBA),
        "calibration": scores.calibration_points(ACTUAL, PROBA, 2),
    }
    for name in ("one.png", "two.png"):
        draw_overview(
            tmp_path / name, "8 rows", curves, pd.crosstab(ACTUAL, HARD), importance() if with_importance else None
        )
    picture = (tmp_path / "one.png").read_bytes()
    assert picture.startswith(b"\x89PNG")
    assert picture == (tmp_path / "two.png").read_bytes()
