"""Metrics in their natural sign, the points of the plots, and the picture of them."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, fontManager
from sklearn import metrics as sk

from slipway.evaluation import scores
from slipway.evaluation.fonts import _characters, fonts_for
from slipway.evaluation.plots import _draw_confusion, draw_overview
from slipway.project.names import METRICS, OTHER_METRICS

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


CLASSES = np.array([0, 1, 2, 0, 1, 2, 2, 0])
SHARES = np.array(
    [[6, 3, 1], [2, 7, 1], [1, 3, 6], [3, 5, 2], [1, 8, 1], [4, 4.5, 1.5], [1, 2, 7], [8, 1, 1]]
) / 10  # fmt: skip
DECIDED = SHARES.argmax(axis=1)
NUMBERS = np.array([3.0, -1.0, 2.0, 7.0, 4.0, 10.0, 1.0, 6.0])
GUESSES = np.array([2.5, 0.5, 2.0, 8.0, 3.0, 7.0, 1.5, 6.5])
# Task → what is true, a model's answers, a perfect model's, and the classes that either decides for.
SIDES = {
    "binary": (ACTUAL, PROBA, np.where(ACTUAL == 1, 0.99, 0.01), HARD, ACTUAL),
    "multiclass": (CLASSES, SHARES, np.eye(3)[CLASSES] * 0.97 + 0.01, DECIDED, CLASSES),
    "regression": (NUMBERS, GUESSES, NUMBERS, None, None),
    "quantile": (NUMBERS, GUESSES[:, None] + [-1, 0, 1], NUMBERS[:, None] + [0, 0, 0], None, None),
}
LEVELS = (0.1, 0.5, 0.9)
OF_SEVERAL_CLASSES = {
    "accuracy": 6 / 8,
    "balanced_accuracy": (2 / 3 + 1 + 2 / 3) / 3,
    "f1_macro": (0.8 + 2 / 3 + 0.8) / 3,
    "recall_micro": 6 / 8,
    "precision_weighted": (3 * 1 + 2 * 2 / 4 + 3 * 1) / 8,
    "mcc": sk.matthews_corrcoef(CLASSES, DECIDED),
    "quadratic_kappa": sk.cohen_kappa_score(CLASSES, DECIDED, weights="quadratic"),
    "log_loss": -np.mean(np.log(SHARES[range(8), CLASSES])),
    "roc_auc_ovr": np.mean([sk.roc_auc_score(k == CLASSES, SHARES[:, k]) for k in range(3)]),
    "roc_auc_ovo": sk.roc_auc_score(CLASSES, SHARES, multi_class="ovo"),
}
OFF = GUESSES - NUMBERS
OF_A_NUMBER = {
    "root_mean_squared_error": np.sqrt(np.mean(OFF**2)),
    "mean_squared_error": np.mean(OFF**2),
    "mean_absolute_error": np.mean(np.abs(OFF)),
    "median_absolute_error": 0.75,
    "mean_absolute_percentage_error": np.mean(np.abs(OFF / NUMBERS)),
    "symmetric_mean_absolute_percentage_error": np.mean(np.abs(OFF) / (np.abs(GUESSES) + np.abs(NUMBERS))),  # at most 1
    "r2": 1 - np.sum(OFF**2) / np.sum((NUMBERS - NUMBERS.mean()) ** 2),
    "pearsonr": np.corrcoef(NUMBERS, GUESSES)[0, 1],
    "spearmanr": pd.Series(NUMBERS).corr(pd.Series(GUESSES), method="spearman"),
}
BELOW = NUMBERS[:, None] - GUESSES[:, None] - [-1, 0, 1]
OF_QUANTILES = {
    "pinball_loss": np.mean(np.maximum(BELOW * LEVELS, BELOW * (np.array(LEVELS) - 1))),
    "coverage": 6 / 8,  # all but those that are off by more than 1
}
FIGURES = {"binary": BY_HAND, "multiclass": OF_SEVERAL_CLASSES, "regression": OF_A_NUMBER, "quantile": OF_QUANTILES}


@pytest.mark.parametrize(("task", "name"), [(task, name) for task in FIGURES for name in FIGURES[task]])
def test_metric_is_the_figure_by_hand(task, name):
    """A metric is what its formula says, errors and losses positive."""
    actual, answers, _, decided, _ = SIDES[task]
    metric = scores.metric(name, task, LEVELS)
    found = metric.figure(actual, decided if metric.of_classes else answers)
    assert found == pytest.approx(FIGURES[task][name], abs=1e-6)


@pytest.mark.parametrize(
    ("task", "name"), [(task, name) for task in SIDES for name in METRICS[task] + OTHER_METRICS[task]]
)
def test_every_metric_of_the_settings_works(task, name):
    """Every name that the settings allow gives a figure, and a perfect model a better one, in the direction it says."""
    actual, answers, perfect_answers, decided, perfectly_decided = SIDES[task]
    metric = scores.metric(name, task, LEVELS)
    found = metric.figure(actual, decided if metric.of_classes else answers)
    perfect = metric.figure(actual, perfectly_decided if metric.of_classes else perfect_answers)
    assert perfect > found if metric.greater_is_better else perfect < found
    assert metric.greater_is_better == ("error" not in name and "loss" not in name)


def test_metric_of_classes_takes_the_models_own_line():
    """Where a model draws the line between two classes elsewhere than in the middle, accuracy is of its decisions."""
    metric = scores.metric("accuracy", "binary")
    assert metric.of_classes
    assert metric.figure(ACTUAL, (PROBA > 0.3).astype(int)) == 6 / 8
    assert metric.figure(ACTUAL, (PROBA > 0.65).astype(int)) == 7 / 8


def test_only_two_classes_and_quantiles_have_curves():
    """A binary label has three curves, quantiles have how many rows stayed below each, other labels have none."""
    assert list(scores.curves("binary", ACTUAL, PROBA, 2)) == ["roc", "precision_recall", "calibration"]
    assert scores.curves("multiclass", CLASSES, SHARES, 2) == {}
    assert scores.curves("regression", NUMBERS, GUESSES, 2) == {}
    below = scores.curves("quantile", NUMBERS, GUESSES[:, None] + [-1, 0, 1], 2, LEVELS)["calibration"]
    assert below.to_numpy().tolist() == [[0.1, 0.25], [0.5, 0.625], [0.9, 0.875]]


def test_points_are_the_curves():
    """Curves run from corner to corner, under the names that the plots read; an even calibration has a point per bin."""
    found = scores.curves("binary", ACTUAL, PROBA, 2)
    roc, curve, points = found["roc"], found["precision_recall"], found["calibration"]
    assert roc.iloc[[0, -1]].to_numpy().tolist() == [[0, 0], [1, 1]]
    assert np.trapezoid(roc["true_positive_rate"], roc["false_positive_rate"]) == pytest.approx(14 / 16)
    assert curve.iloc[0].to_dict() == {"recall": 1.0, "precision": 0.5}
    assert curve.iloc[-1].to_dict() == {"recall": 0.0, "precision": 1.0}
    assert points["observed_share"].tolist() == [0.25, 0.75]
    assert points["predicted_probability"].tolist() == pytest.approx([0.2625, 0.75])


def test_curves_of_many_rows_have_as_many_points_as_are_drawn():
    """From corner to corner and with the area of all points, whatever the number of rows."""
    random = np.random.default_rng(3)
    actual = random.integers(0, 2, 50_000)
    proba = np.clip(random.normal(0.4 + 0.2 * actual, 0.2), 0, 1)
    found = scores.curves("binary", actual, proba, 10)
    roc, curve = found["roc"], found["precision_recall"]
    assert len(roc) == len(curve) == scores.CURVE_POINTS
    assert roc.iloc[[0, -1]].to_numpy().tolist() == [[0, 0], [1, 1]]
    assert curve.iloc[[0, -1]]["recall"].tolist() == [1, 0]
    area = np.trapezoid(roc["true_positive_rate"], roc["false_positive_rate"])
    assert area == pytest.approx(sk.roc_auc_score(actual, proba), abs=1e-4)


def test_some_rows_are_drawn_in_order_with_every_class():
    """All where they are few; else as many as asked for, by the seed, and each class if only once."""
    label = pd.Series(["a"] * 5000 + ["rare"] + ["b"] * 5000, index=range(10_001, 0, -1))
    few, same, other = (scores.some_rows(label, 100, seed, every_class=True) for seed in (0, 0, 1))
    assert len(few) == 100
    assert set(label.iloc[few]) == {"a", "b", "rare"}
    assert (np.diff(few) > 0).all()
    assert few.tolist() == same.tolist() != other.tolist()
    assert len(scores.some_rows(label, 100, 0, every_class=False)) == 100
    assert scores.some_rows(label, 10_001, 0, every_class=True).tolist() == list(range(10_001))


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


SIDE_BY_SIDE = {
    "binary": pd.DataFrame({"actual": ACTUAL, "predicted": HARD}),
    "multiclass": pd.DataFrame({"actual": ["pear", "fig", "plum"], "predicted": ["pear", "pear", "fig"]}),
    "regression": pd.DataFrame({"actual": NUMBERS, "predicted": GUESSES}),
    "quantile": pd.DataFrame({"actual": NUMBERS, "predicted": GUESSES, "lowest": GUESSES - 1, "highest": GUESSES + 1}),
}


@pytest.mark.parametrize("with_importance", [True, False], ids=["importance", "no importance"])
@pytest.mark.parametrize("task", SIDE_BY_SIDE)
def test_overview_is_a_picture(tmp_path, task, with_importance):
    """The plots that a task has and, where there are some, importances become one PNG, the same bytes each time."""
    curves = scores.curves(task, *SIDES[task][:2], 2, LEVELS)
    for name in ("one.png", "two.png"):
        shown = importance() if with_importance else importance().head(0)
        draw_overview(tmp_path / name, "8 rows", task, curves, SIDE_BY_SIDE[task], shown, "accuracy")
    picture = (tmp_path / "one.png").read_bytes()
    assert picture.startswith(b"\x89PNG")
    assert picture == (tmp_path / "two.png").read_bytes()


def drawn_with(column, tmp_path, capsys):
    """Draw a column's importance; return what was said. A warning would be an error."""
    shown = pd.DataFrame({"column": [column], "importance": [0.5]})
    sides = SIDE_BY_SIDE["multiclass"].replace("fig", column)
    draw_overview(tmp_path / "overview.png", f"{column}: 3 rows", "multiclass", {}, sides, shown, "accuracy")
    return capsys.readouterr().out


def test_names_are_drawn_in_a_font_that_has_their_characters(tmp_path, capsys):
    """A character that the usual font lacks is taken from another one that is installed; nothing is said."""
    assert "\u1d81" not in _characters(findfont(FontProperties(family=["sans-serif"])))
    assert drawn_with("\u1d81", tmp_path, capsys) == ""  # of a font that comes with matplotlib
    assert fonts_for(["\u1d81"])[1] == ""


def test_characters_that_no_font_has_are_said_once(tmp_path, capsys, monkeypatch):
    """Without a font for them, in the place of a warning for every character, one line says what is drawn as boxes."""
    usual = [font for font in fontManager.ttflist if font.name == "DejaVu Sans"]
    monkeypatch.setattr(fontManager, "ttflist", usual)
    assert drawn_with("나이", tmp_path, capsys) == (
        "evaluate: overview.png has boxes for 2 characters that no installed font has: 나이\n"
    )


def test_confusion_matrix_is_square():
    """A class that is never predicted has a column nonetheless, so that what is right lies on the diagonal."""
    ax = Figure().subplots()
    _draw_confusion(ax, SIDE_BY_SIDE["multiclass"])
    assert [text.get_text() for text in ax.get_xticklabels()] == ["fig", "pear", "plum"]
    assert ax.get_images()[0].get_array().tolist() == [[0, 1, 0], [0, 1, 0], [1, 0, 0]]
