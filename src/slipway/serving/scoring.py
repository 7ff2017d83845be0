"""The deliverable at work: raw rows in, predictions out. Travels inside the model."""

import pickle
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from slipway.rows.contract import Contract, ContractError

if TYPE_CHECKING:
    from autogluon.tabular import TabularPredictor
    from sklearn.base import TransformerMixin


class Scorer:
    """A fitted recipe and a predictor behind one contract.

    Parameters
    ----------
    contract
        What raw rows must look like.
    recipe
        Fitted on the train rows; turns raw rows into features.
    predictor
        AutoGluon's; predicts from features.
    """

    def __init__(self, contract: Contract, recipe: "TransformerMixin", predictor: "TabularPredictor") -> None:
        self.contract = contract
        self.recipe = recipe
        self.predictor = predictor
        # AutoGluon's XGBoost sets parameters on every predict, which fails when two threads predict at once.
        self._one_at_a_time = threading.Lock()

    @classmethod
    def load(cls, contract: Path, recipe: Path, predictor: Path) -> "Scorer":
        """Load the parts from their files."""
        from autogluon.tabular import TabularPredictor

        loaded = TabularPredictor.load(str(predictor))
        loaded.persist("best", max_memory=None)  # AutoGluon would weigh the models first, which takes longer
        return cls(Contract.load(contract), pickle.loads(recipe.read_bytes()), loaded)  # noqa: S301  part of the model

    def predict(self, rows: pd.DataFrame) -> pd.Series | pd.DataFrame:
        """Return the predicted label of raw rows, of shape (rows,), or its quantiles, of shape (rows, levels)."""
        features = self.recipe.transform(self.contract.table(rows))
        with self._one_at_a_time:
            predicted = self.predictor.predict(features)
        return predicted.rename(columns=str) if predicted.ndim > 1 else predicted

    def predict_proba(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Return the probability of each class, of shape (rows, classes); the columns are the classes as texts."""
        if not self.contract.classes:
            raise ContractError(
                f"Got a request for probabilities, but {self.contract.label!r} is a number; leave proba out."
            )
        features = self.recipe.transform(self.contract.table(rows))
        with self._one_at_a_time:
            return self.predictor.predict_proba(features).rename(columns=str)
