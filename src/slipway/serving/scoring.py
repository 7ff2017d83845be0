"""The deliverable at work: raw rows in, predictions out. Travels inside the model."""

import pickle
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from slipway.rows.contract import FEW_ROWS, Contract, ContractError
from slipway.rows.series import load_contract
from slipway.rows.steps import QuickRecipe
from slipway.serving.fast import QuickModels

if TYPE_CHECKING:
    from autogluon.tabular import TabularPredictor
    from sklearn.base import TransformerMixin

PROBE_ROWS = 256


def probe_rows(contract: Contract) -> pd.DataFrame:
    """Return made-up raw rows that always are the same for the same contract: seen values, mixed at random."""
    random = np.random.RandomState(0)  # whose draws NumPy keeps for good
    drawn = {column: random.randint(0, len(seen) + 1, PROBE_ROWS) for column, seen in contract.seen.items()}
    return pd.DataFrame({column: [[*contract.seen[column], None][k] for k in drawn[column]] for column in drawn})


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

    Attributes
    ----------
    slow
        Model → why it has no quick way for a few rows.
    """

    def __init__(
        self, contract: Contract, recipe: "TransformerMixin | QuickRecipe", predictor: "TabularPredictor"
    ) -> None:
        self.contract = contract
        self.recipe = recipe
        self.predictor = predictor
        self.slow: dict[str, str] = {}
        self._quick: QuickModels | None = None

    @classmethod
    def load(cls, contract: Path, recipe: Path, predictor: Path) -> "Scorer":
        """Load the parts from their files; they answer in many threads at once, and a few rows quickly."""
        from autogluon.tabular import TabularPredictor

        loaded = TabularPredictor.load(str(predictor))
        scorer = cls(load_contract(contract), pickle.loads(recipe.read_bytes()), loaded)  # noqa: S301  part of the model
        probe = scorer.contract.table(probe_rows(scorer.contract))
        scorer.recipe = QuickRecipe(scorer.recipe, probe)
        models = QuickModels(loaded, scorer.recipe.transform(probe))
        scorer.slow = models.slow
        if scorer.recipe.is_quick and models.takes_columns:
            scorer._quick = models
        return scorer

    def predict(self, rows: pd.DataFrame) -> pd.Series | pd.DataFrame:
        """Return the predicted label of raw rows, of shape (rows,), or its quantiles, of shape (rows, levels)."""
        return self._asked(rows, proba=False)

    def predict_proba(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Return the probability of each class, of shape (rows, classes); the columns are the classes as texts."""
        if not self.contract.classes:
            raise ContractError(
                f"Got a request for probabilities, but {self.contract.label!r} is a number; leave proba out."
            )
        return self._asked(rows, proba=True)

    def _asked(self, rows: pd.DataFrame, *, proba: bool) -> Any:
        if self._quick and len(rows) <= FEW_ROWS:
            with suppress(Exception):  # what goes wrong is said by the longer way
                if columns := self.contract.arrays(rows):
                    return self._quick.answers(self.recipe.features(columns), rows.index, proba=proba)
        predict = self.predictor.predict_proba if proba else self.predictor.predict
        table = self.contract.table(rows)
        try:
            answers = predict(self.recipe.transform(table))
            return answers.rename(columns=str) if answers.ndim > 1 else answers
        except ValueError as error:  # scikit-learn's, of infinity; boosted trees can take it
            for column, values in table.select_dtypes("number").items():
                huge = values[values.abs() > np.finfo(np.float32).max]
                if len(huge):
                    raise ContractError(
                        f"Got {huge.iloc[0]:g} in the column {column!r}, expected a number that single precision can hold."
                    ) from error
            raise
