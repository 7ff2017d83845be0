"""How good a model is on test rows: metrics in their natural sign, and the points of the plots."""

from collections.abc import Callable
from itertools import chain, islice

import numpy as np
import pandas as pd

# Rows that permutation importance predicts at once: few enough for memory, enough for the price of a call not to count.
ROWS_AT_ONCE = 20_000


def metric(name: str, task: str) -> Callable[[np.ndarray, np.ndarray], float]:
    """Return a task's metric by AutoGluon's or scikit-learn's name.

    Returns
    -------
    callable
        Takes what is true and what a model answers, and returns the figure in its natural sign: an error or a loss is
        positive, and lower is better. For a binary label: 0 or 1, and the probability of 1, both of shape (rows,). For
        a multiclass label: the class's number, and the probability of each class, of shape (rows, classes). For a
        regression: numbers of shape (rows,).
    """
    if name == "brier_score_loss":
        from sklearn.metrics import brier_score_loss

        return lambda actual, proba: float(brier_score_loss(actual, proba))
    from autogluon.core.metrics import get_metric

    scorer = get_metric(name, problem_type=task)

    def natural(actual: np.ndarray, answers: np.ndarray) -> float:
        if scorer.needs_class and task == "binary":
            answers = (answers > 0.5).astype(int)
        elif scorer.needs_class and task == "multiclass":
            answers = answers.argmax(axis=1)
        return float(scorer.convert_score_to_original(scorer(actual, answers)))

    return natural


def roc_points(actual: np.ndarray, proba: np.ndarray) -> pd.DataFrame:
    """Return the ROC curve: false and true positive rate at each threshold."""
    from sklearn.metrics import roc_curve

    false, true, _ = roc_curve(actual, proba)
    return pd.DataFrame({"false_positive_rate": false, "true_positive_rate": true})


def precision_recall_points(actual: np.ndarray, proba: np.ndarray) -> pd.DataFrame:
    """Return the precision-recall curve, from high recall to low."""
    from sklearn.metrics import precision_recall_curve

    precision, recall, _ = precision_recall_curve(actual, proba)
    return pd.DataFrame({"recall": recall, "precision": precision})


def calibration_points(actual: np.ndarray, proba: np.ndarray, bins: int) -> pd.DataFrame:
    """Return how often the positive class came true where it was predicted with about a probability.

    Returns
    -------
    DataFrame
        A row per quantile bin of the predicted probability that holds rows.
    """
    from sklearn.calibration import calibration_curve

    observed, predicted = calibration_curve(actual, proba, n_bins=bins, strategy="quantile")
    return pd.DataFrame({"predicted_probability": predicted, "observed_share": observed})


def curves(task: str, actual: np.ndarray, answers: np.ndarray, bins: int) -> dict[str, pd.DataFrame]:
    """Return the curves that a task has: name → points. Only a binary label has any."""
    if task != "binary":
        return {}
    return {
        "roc": roc_points(actual, answers),
        "precision_recall": precision_recall_points(actual, answers),
        "calibration": calibration_points(actual, answers, bins),
    }


def permutation_importance(
    predict: Callable[[pd.DataFrame], np.ndarray],
    score: Callable[[np.ndarray], float],
    rows: pd.DataFrame,
    columns: list[str],
    repeats: int,
    seed: int,
) -> pd.DataFrame:
    """Return how much the score moves when a raw column is shuffled.

    Source: Breiman: Random Forests (2001), section 10.

    Parameters
    ----------
    predict
        Raw rows → probabilities of shape (rows,).
    score
        Probabilities of ``rows``, of shape (rows,) → figure.
    columns
        The raw columns to shuffle.

    Returns
    -------
    DataFrame
        ``column`` and ``importance``, the mean of (score as it is - score when shuffled), largest magnitude first.
    """
    random = np.random.default_rng(seed)
    shuffled = (rows.assign(**{c: random.permutation(rows[c].to_numpy())}) for c in columns for _ in range(repeats))
    tables = chain([rows], shuffled)
    scores: list[float] = []
    while several := list(islice(tables, max(1, ROWS_AT_ONCE // len(rows)))):
        proba = predict(pd.concat(several, ignore_index=True))
        scores += [score(part) for part in np.split(proba, len(several))]
    as_is, *after = scores
    moved = as_is - np.reshape(after, (len(columns), repeats)).mean(axis=1)
    table = pd.DataFrame({"column": columns, "importance": moved})
    return table.sort_values("importance", key=np.abs, ascending=False, kind="stable", ignore_index=True)
