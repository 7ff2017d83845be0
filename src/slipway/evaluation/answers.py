"""Labels and a model's answers in the form that metrics take."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from slipway.rows.contract import Contract


def known_classes(label: pd.Series, contract: "Contract") -> list[str]:
    """Return the classes as texts, in the order that numbers them; those that no train row has come last."""
    return [str(name) for name in (*contract.classes, *sorted(set(label) - set(contract.classes)))]


def numbered(label: pd.Series, contract: "Contract", classes: list[str]) -> np.ndarray:
    """Return labels as metrics take them: 1 for the positive class, else 0; a class's number; or the number itself."""
    if not contract.classes:
        return label.to_numpy(dtype=float)
    if contract.task == "binary":
        return (label.astype(str) == str(contract.positive_class)).to_numpy(dtype=int)
    return label.astype(str).map(classes.index).to_numpy(dtype=int)


def probabilities(model: Any, rows: pd.DataFrame, contract: "Contract", classes: list[str]) -> np.ndarray:
    """Return a loaded model's probabilities of raw rows: of the positive class, or of each of the classes in order."""
    proba = model.predict(rows, params={"proba": True})
    if contract.task == "binary":
        return proba[str(contract.positive_class)].to_numpy(dtype=float)
    each = proba.reindex(columns=classes, fill_value=0.0).to_numpy(dtype=float)
    return each / each.sum(axis=1, keepdims=True)  # single precision sums to nearly one, which metrics complain of
