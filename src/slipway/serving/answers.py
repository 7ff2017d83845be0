"""What a caller can ask a model for besides the predicted label. Travels inside the model."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from slipway.rows.contract import ContractError
from slipway.serving.explaining import MOST_ROWS, contributions

if TYPE_CHECKING:
    from slipway.serving.scoring import Scorer

# What the names of columns begin with that hold what a raw column adds.
EXPLAINED = "contribution"
# Parameter → MLflow's type, the value where none is given, and what it does; every signature has all of them, a card those of its task.
PARAMS: dict[str, tuple[str, Any, str]] = {
    "proba": ("boolean", False, "the probability of each class instead of the label"),
    "threshold": (
        "double", None,
        "above which probability (0 to 1) the positive class is predicted; otherwise as the search chose it, mostly 0.5",
    ),
    "explain": (
        "boolean", False,
        ("`prediction`; the answer that is `explained`: the number, or the probability of the positive or else of the predicted "
        f"class; `base`, the mean answer of typical rows; and what each column adds to it, such as `{EXPLAINED}_age`; at "
        f"most {MOST_ROWS} rows at a time"),
    ),
}  # fmt: skip


def params_for(task: str) -> dict[str, tuple[str, Any, str]]:
    """Return the parameters that make sense for a task."""
    left_out = {
        "binary": (),
        "multiclass": ("threshold",),
        "regression": ("proba", "threshold"),
    }.get(task, tuple(PARAMS))
    return {name: says for name, says in PARAMS.items() if name not in left_out}


def answered(
    scorer: "Scorer", rows: pd.DataFrame, *, proba: bool = False, threshold: float | None = None, explain: bool = False
) -> pd.Series | pd.DataFrame:
    """Return the answers to raw rows, a row each.

    Raises
    ------
    ContractError
        A row does not keep the contract, or the task knows no such parameter.
    """
    contract = scorer.contract
    if not len(rows):  # what recipes are made of refuses a table without rows
        contract.table(rows)
        nobody = pd.DataFrame([dict.fromkeys(contract.columns)])
        return answered(scorer, nobody, proba=proba, threshold=threshold, explain=explain).iloc[:0]
    if explain and "explain" not in params_for(contract.task):
        raise ContractError(f"Got explain for a model of the task {contract.task}, which has none; leave it out.")
    if proba and explain:
        raise ContractError("Got proba and explain at once, expected one of them; ask twice.")
    if proba:
        return scorer.predict_proba(rows)
    if threshold is not None and contract.task != "binary":
        raise ContractError(f"Got a threshold, but {contract.label!r} has not two classes; leave it out.")
    if threshold is not None and not 0 <= threshold <= 1:
        raise ContractError(f"Got threshold={threshold:g}, expected a probability from 0 to 1.")
    if explain and len(rows) > MOST_ROWS:
        raise ContractError(f"Got {len(rows)} rows to explain, expected at most {MOST_ROWS} at a time; send fewer.")
    labels = scorer.predict(rows) if threshold is None else _decided(scorer, rows, threshold)
    return _explained(scorer, rows, labels) if explain else labels


def _decided(scorer: "Scorer", rows: pd.DataFrame, threshold: float) -> pd.Series:
    """Return the positive class where its probability is above the threshold, which is AutoGluon's rule, else the other."""
    contract = scorer.contract
    positive = contract.positive_class
    other = next(name for name in contract.classes if name != positive)
    above = scorer.predict_proba(rows)[str(positive)] > threshold
    return pd.Series([positive if yes else other for yes in above], index=above.index, name=contract.label)


def _explained(scorer: "Scorer", rows: pd.DataFrame, labels: pd.Series | pd.DataFrame) -> pd.DataFrame:
    contract, raw = scorer.contract, rows.reset_index(drop=True)
    columns = [f"{EXPLAINED}_{name}" for name in contract.needed]
    table = pd.DataFrame(np.nan, index=raw.index, columns=["explained", "base", *columns])
    if contract.task == "regression":
        asked = pd.Series(contract.label, index=raw.index)
    elif contract.task == "binary":
        asked = pd.Series(str(contract.positive_class), index=raw.index)
    else:
        asked = pd.Series(labels.to_numpy()).astype(str)
    for name, some in raw.groupby(asked):
        answer = _numbers(scorer) if contract.task == "regression" else _probability(scorer, str(name))
        table.loc[some.index, "explained"] = answer(some)
        table.loc[some.index, ["base", *columns]] = contributions(contract, answer, some).to_numpy()
    return table.assign(prediction=labels.to_numpy())[["prediction", *table.columns]].set_index(rows.index)


def _numbers(scorer: "Scorer") -> Callable[[pd.DataFrame], np.ndarray]:
    return lambda rows: scorer.predict(rows).to_numpy(dtype="float64")


def _probability(scorer: "Scorer", name: str) -> Callable[[pd.DataFrame], np.ndarray]:
    return lambda rows: scorer.predict_proba(rows)[name].to_numpy(dtype="float64")
