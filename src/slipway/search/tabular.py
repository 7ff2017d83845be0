"""The search on a table of rows, under the names that `slipway.search.forecasting` has for long tables."""

from pathlib import Path
from typing import TYPE_CHECKING

from slipway.search.budget import fitted_with, load_left, refit, search
from slipway.search.choice import choose, decide, why_it_won
from slipway.search.search import hyperparameters, leaderboard
from slipway.serving.scoring import Scorer

if TYPE_CHECKING:
    from autogluon.tabular import TabularPredictor

__all__ = [
    "Scorer", "backtests", "choose", "decide", "deploy", "fitted_with", "hyperparameters", "leaderboard", "load_left", "refit", "search",
    "why_it_won",
]  # fmt: skip


def backtests(_: "TabularPredictor", __: str) -> dict[str, float]:
    """Return nothing: rows have no windows of time."""
    return {}


def deploy(predictor: "TabularPredictor", model: str, to: Path) -> None:
    """Write a predictor with one model and what it builds on, without train rows, to a folder."""
    predictor.set_model_best(model, save_trainer=True)  # else AutoGluon looks for the best of those that stay: refitted
    predictor.clone_for_deployment(str(to), model=model)  # models have no seconds to compare, over which it fails
