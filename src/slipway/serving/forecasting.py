"""The deliverable of a long table at work: histories in, forecasts out. Travels inside the model."""

import pickle
import threading
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from slipway.rows.contract import ContractError
from slipway.rows.series import ITEM, TIME, SeriesContract, known_features, learned_from, load_contract

if TYPE_CHECKING:
    from collections.abc import Callable

    from autogluon.timeseries import TimeSeriesPredictor
    from sklearn.base import TransformerMixin


class Forecaster:
    """A fitted recipe and a predictor of series behind one contract.

    Parameters
    ----------
    contract
        What histories must look like.
    recipe
        Fitted on the train rows; turns series, date and what is known ahead into features that are known ahead.
    predictor
        AutoGluon's.

    Attributes
    ----------
    slow
        As a `Scorer` has it; nothing here is said to be slow.
    """

    def __init__(self, contract: SeriesContract, recipe: "TransformerMixin", predictor: "TimeSeriesPredictor") -> None:
        self.contract = contract
        self.recipe = recipe
        self.predictor = predictor
        self.slow: dict[str, str] = {}
        self.one_at_a_time = threading.Lock()  # AutoGluon seeds the whole process's generators before it draws

    @classmethod
    def load(cls, contract: Path, recipe: Path, predictor: Path) -> "Forecaster":
        """Load the parts from their files."""
        from autogluon.timeseries import TimeSeriesPredictor

        says = load_contract(contract)
        assert isinstance(says, SeriesContract)  # noqa: S101  for mypy
        loaded = TimeSeriesPredictor.load(str(predictor))
        loaded.persist("all")
        for model in loaded._trainer.models.values():  # noqa: SLF001  nothing public leads to a blend
            if hasattr(model, "model_to_weight"):
                model.predict = partial(_in_doubles, model.predict)
        return cls(says, pickle.loads(recipe.read_bytes()), loaded)  # noqa: S301  part of the model

    def predict(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Return the forecast of each series in long rows: a row for each step to come, with its mean and its quantiles.

        Raises
        ------
        ContractError
            The rows are no histories, or lack what is known of the steps to come.
        """
        from autogluon.timeseries import TimeSeriesDataFrame

        contract = self.contract
        history, ahead = contract.parted(contract.table(rows))
        past = learned_from(self.recipe, contract, history)
        steps = known_features(self.recipe, contract, self._known_of(ahead, contract.to_come(history)))
        data, known = (
            TimeSeriesDataFrame.from_data_frame(table, id_column=ITEM, timestamp_column=TIME) for table in (past, steps)
        )
        with self.one_at_a_time:
            forecast = self.predictor.predict(
                data, known_covariates=known if len(known.columns) else None, use_cache=False
            )
        table = (
            pd.DataFrame(forecast).reset_index().rename(columns={TIME: contract.timestamp, ITEM: contract.item or ITEM})
        )
        return table if contract.item else table.drop(columns=ITEM)

    def _known_of(self, ahead: pd.DataFrame, to_come: pd.DataFrame) -> pd.DataFrame:
        contract = self.contract
        if not contract.known_covariates:
            return to_come
        steps = to_come.merge(
            ahead[[ITEM, TIME, *contract.known_covariates]], how="left", on=[ITEM, TIME], indicator=True
        )
        if (absent := steps["_merge"] == "left_only").any():
            first = steps[absent].iloc[0]
            raise ContractError(
                f"Got no row of {contract.step(first[ITEM], first[TIME])}, expected what is known ahead "
                f"({', '.join(contract.known_covariates)}) of the {contract.prediction_length} steps after each history."
            )
        return steps.drop(columns="_merge")


def _in_doubles(blend: "Callable[..., pd.DataFrame]", data: "dict[str, pd.DataFrame]", **known: Any) -> "pd.DataFrame":
    """Return a blend of doubles: some models answer in floats, but for requests with a series that is too short for them."""
    return blend({name: table.astype("float64") for name, table in data.items()}, **known)


def answered(
    forecaster: Forecaster,
    rows: pd.DataFrame,
    *,
    proba: bool = False,
    threshold: float | None = None,
    explain: bool = False,
) -> pd.DataFrame:
    """Return the forecasts of long rows.

    Raises
    ------
    ContractError
        The rows do not keep the contract, or something is asked for that forecasts have not.
    """
    if asked := [
        name
        for name, given in {"proba": proba, "threshold": threshold is not None, "explain": explain}.items()
        if given
    ]:
        raise ContractError(f"Got {asked[0]} for a model that forecasts, which has none; leave it out.")
    if not len(rows):
        contract = forecaster.contract
        contract.table(rows)
        names = [*([contract.item] if contract.item else []), contract.timestamp, "mean"]
        return pd.DataFrame(columns=[*names, *map(str, forecaster.predictor.quantile_levels)])
    return forecaster.predict(rows)


def made_up(contract: SeriesContract, items: int) -> pd.DataFrame:
    """Return made-up long rows that always are the same for the same contract: histories of seen values, and steps to come."""
    random = np.random.RandomState(0)  # whose draws NumPy keeps for good
    ahead, length = contract.prediction_length, max(40, 3 * contract.prediction_length)
    steps = pd.date_range("2001-01-01", periods=length + ahead, freq=contract.freq)
    series: list[dict[str, Any]] = []
    for number in range(items):
        drawn = {
            c: [*(seen or [None])] for c, seen in contract.seen.items() if c not in (contract.item, contract.timestamp)
        }
        columns = {c: [values[k] for k in random.randint(0, len(values), len(steps))] for c, values in drawn.items()}
        series.append(
            {
                **columns,
                contract.timestamp: steps.astype(str),
                **({contract.item: f"series {number}"} if contract.item else {}),
            }
        )
    rows = pd.concat([pd.DataFrame(one) for one in series], ignore_index=True)[list(contract.columns)]
    left = rows.groupby(np.repeat(range(items), len(steps))).cumcount(ascending=False).to_numpy()
    return rows.assign(**{c: rows[c].mask(left < ahead) for c in (contract.label, *contract.past_covariates)})
