"""How good a model is on test rows: metrics in their natural sign, and the points of the plots."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any

import numpy as np
import pandas as pd

from slipway.evaluation.following import following

# Rows that permutation importance predicts at once: few enough for memory, enough for the price of a call not to count.
ROWS_AT_ONCE = 20_000
# Points of a curve: a page draws them at once, and no eye tells more apart.
CURVE_POINTS = 1000


@dataclass(frozen=True)
class Metric:
    """A figure of how well answers fit what is true, in its natural sign.

    Attributes
    ----------
    figure
        Takes what is true and what a model answers, and returns the figure. What is true is of shape (rows,): 0 or 1
        for a binary label, the class's number for a multiclass one, the number itself for a regression. Answers are
        like it for a regression and where ``of_classes``; for quantiles they are of shape (rows, levels); else they are
        probabilities: of 1, of shape (rows,), or of each class, of shape (rows, classes). `slipway.evaluation.forecasts` has those
        of series, which take tables.
    of_classes
        Whether the answers are the classes that the model decides for. Where it draws the line between two is its own
        affair: AutoGluon moves it for some metrics.
    greater_is_better
        False for an error or a loss, which is positive.
    """

    figure: Callable[[Any, Any], float]
    of_classes: bool
    greater_is_better: bool


def metric(name: str, task: str, levels: tuple[float, ...] = ()) -> Metric:
    """Return a task's metric by AutoGluon's or scikit-learn's name; ``levels`` are those of quantiles.

    Coverage is the share of what is true that lies between the lowest and the highest quantile, ends included.
    """
    if name == "coverage":
        return Metric(lambda actual, a: float(((a[:, 0] <= actual) & (actual <= a[:, -1])).mean()), False, True)
    if name == "pinball_loss":
        from sklearn.metrics import mean_pinball_loss

        def mean_loss(actual: np.ndarray, answers: np.ndarray) -> float:
            return float(np.mean([mean_pinball_loss(actual, answers[:, k], alpha=a) for k, a in enumerate(levels)]))

        return Metric(mean_loss, False, False)
    if name == "brier_score_loss":
        from sklearn.metrics import brier_score_loss

        return Metric(lambda actual, proba: float(brier_score_loss(actual, proba)), False, False)
    from autogluon.core.metrics import get_metric

    scorer = get_metric(name, problem_type=task)

    def natural(actual: np.ndarray, answers: np.ndarray) -> float:
        return float(scorer.convert_score_to_original(scorer(actual, answers)))

    return Metric(natural, scorer.needs_class, scorer.greater_is_better_internal)


def some_rows(label: pd.Series, most: int, seed: int, *, every_class: bool) -> np.ndarray:
    """Return the places of some rows by chance, in order: all where they are no more than ``most``.

    Parameters
    ----------
    label
        Of shape (rows,).
    every_class
        Whether each value of the label is to be among them, if only once: metrics fail on a class without rows.
    """
    if len(label) <= most:
        return np.arange(len(label))
    firsts = (~label.duplicated()).to_numpy() & every_class
    rest = (~firsts).nonzero()[0]
    chosen = np.random.default_rng(seed).choice(rest, max(0, most - int(firsts.sum())), replace=False)
    return np.union1d(chosen, firsts.nonzero()[0])


def _thinned(points: pd.DataFrame) -> pd.DataFrame:
    """Return a curve's points, or so many as are drawn: evenly spread, both ends among them."""
    if len(points) <= CURVE_POINTS:
        return points
    places = np.linspace(0, len(points) - 1, CURVE_POINTS).round().astype(int)
    return points.iloc[places].reset_index(drop=True)


def curves(
    task: str, actual: np.ndarray, answers: np.ndarray, bins: int, levels: tuple[float, ...] = ()
) -> dict[str, pd.DataFrame]:
    """Return the curves that a task has: name → points. Of quantiles it is how many rows stayed below each level."""
    if task == "quantile":
        below = (actual[:, None] <= answers).mean(axis=0)
        return {"calibration": pd.DataFrame({"predicted_probability": levels, "observed_share": below})}
    if task != "binary":
        return {}
    from sklearn.calibration import calibration_curve
    from sklearn.metrics import precision_recall_curve, roc_curve

    false, true, _ = roc_curve(actual, answers)
    precision, recall, _ = precision_recall_curve(actual, answers)
    observed, predicted = calibration_curve(actual, answers, n_bins=bins, strategy="quantile")
    return {
        "roc": _thinned(pd.DataFrame({"false_positive_rate": false, "true_positive_rate": true})),
        "precision_recall": _thinned(pd.DataFrame({"recall": recall, "precision": precision})),
        "calibration": pd.DataFrame({"predicted_probability": predicted, "observed_share": observed}),
    }


def permutation_importance(
    predict: Callable[[pd.DataFrame], np.ndarray],
    score: Callable[[np.ndarray], float],
    rows: pd.DataFrame,
    columns: list[str],
    repeats: int,
    seed: int,
    at_once: int = ROWS_AT_ONCE,
) -> pd.DataFrame:
    """Return how much is lost when a raw column is shuffled.

    Source: Breiman: Random Forests (2001), section 10.

    Parameters
    ----------
    predict
        Raw rows → answers, of shape (rows, …).
    score
        Answers for ``rows`` → figure; higher is better.
    columns
        The raw columns to shuffle.
    at_once
        How many rows may be asked of at once; 0 where a shuffled table cannot stand below another, as series cannot.

    Returns
    -------
    DataFrame
        ``column`` and ``importance``, the mean of (score as it is - score when shuffled), the largest first.
    """
    random = np.random.default_rng(seed)
    shuffled = (rows.assign(**{c: random.permutation(rows[c].to_numpy())}) for c in columns for _ in range(repeats))
    tables = following(chain([rows], shuffled), 1 + len(columns) * repeats)
    scores: list[float] = []
    while several := list(islice(tables, max(1, at_once // len(rows)))):
        answers = predict(pd.concat(several, ignore_index=True))
        scores += [score(part) for part in np.split(answers, len(several))]
    as_is, *after = scores
    moved = as_is - np.reshape(after, (len(columns), repeats)).mean(axis=1)
    table = pd.DataFrame({"column": columns, "importance": moved})
    return table.sort_values("importance", ascending=False, kind="stable", ignore_index=True)
