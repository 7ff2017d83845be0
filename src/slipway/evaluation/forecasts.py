"""How good forecasts are on the last steps of every series, and what they look like."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from slipway.evaluation.fonts import legible
from slipway.evaluation.plots import draw_importance
from slipway.evaluation.scores import Metric, permutation_importance
from slipway.rows.series import ITEM, ONLY, TIME, SeriesContract

if TYPE_CHECKING:
    from autogluon.timeseries import TimeSeriesDataFrame

# Series that are drawn, and how many horizons of history before the forecast.
DRAWN, BEFORE = 6, 4
# Series that importance is asked of: every shuffled covariate takes a forecast of them all.
SHUFFLED = 20


def metric(name: str, contract: SeriesContract) -> Metric:
    """Return a metric of forecasts by AutoGluon's name.

    Its figure takes the test rows, history and horizon, and a model's answer to them. Steps without a true value don't
    count. Coverage is the share of true values between the lowest and the highest quantile, ends included.
    """
    if name == "coverage":
        return Metric(lambda test, answers: _coverage(test, answers, contract), False, True)

    def figure(test: Any, answers: Any) -> float:
        from autogluon.timeseries.metrics import check_get_evaluation_metric

        scorer = check_get_evaluation_metric(name, prediction_length=contract.prediction_length)
        actual = _series(test[[*_keys(contract), contract.label]], contract)
        forecast = _series(answers, contract).reindex(actual.slice_by_timestep(-contract.prediction_length, None).index)
        return float(scorer(actual, forecast, target=contract.label)) * scorer.sign

    return Metric(figure, False, False)


def _keys(contract: SeriesContract) -> list[str]:
    return [contract.item, contract.timestamp] if contract.item else [contract.timestamp]


def _series(rows: pd.DataFrame, contract: SeriesContract) -> "TimeSeriesDataFrame":
    from autogluon.timeseries import TimeSeriesDataFrame

    table = rows.rename(columns={contract.timestamp: TIME} | ({contract.item: ITEM} if contract.item else {}))
    return TimeSeriesDataFrame.from_data_frame(
        table if contract.item else table.assign(**{ITEM: ONLY}), id_column=ITEM, timestamp_column=TIME
    )


def beside(test: pd.DataFrame, answers: pd.DataFrame, contract: SeriesContract) -> pd.DataFrame:
    """Return forecasts beside what came: ``item``, ``timestamp``, ``actual``, ``predicted``, ``lowest`` and ``highest``.

    What is predicted is the mean, as AutoGluon calls it; for metrics of the median it is that.
    """
    keys = _keys(contract)
    levels = [column for column in answers.columns if column not in (*keys, "mean")]
    told = answers[keys].assign(predicted=answers["mean"])
    told = told.assign(lowest=answers[levels].min(axis=1), highest=answers[levels].max(axis=1))
    both = test[[*keys, contract.label]].merge(told, on=keys)
    names = {contract.timestamp: "timestamp", contract.label: "actual"} | (
        {contract.item: "item"} if contract.item else {}
    )
    both = both.rename(columns=names) if contract.item else both.rename(columns=names).assign(item=ONLY)
    return both[["item", "timestamp", "actual", "predicted", "lowest", "highest"]]


def some_series(sides: pd.DataFrame, most: int, seed: int) -> pd.DataFrame:
    """Return those rows of `beside` that belong to some series by chance, whole ones, and to one at least."""
    sizes = sides["item"].value_counts(sort=False).sample(frac=1, random_state=seed)
    fitting = max(1, int((sizes.cumsum() <= most).sum()))
    return sides if fitting == len(sizes) else sides[sides["item"].isin(sizes.index[:fitting])]


def _coverage(test: pd.DataFrame, answers: pd.DataFrame, contract: SeriesContract) -> float:
    known = beside(test, answers, contract).dropna(subset="actual")
    return float(((known["lowest"] <= known["actual"]) & (known["actual"] <= known["highest"])).mean())


def calibration(test: pd.DataFrame, answers: pd.DataFrame, contract: SeriesContract) -> pd.DataFrame:
    """Return how many true values stayed below each quantile: what was predicted, and what was observed."""
    keys = _keys(contract)
    both = test[[*keys, contract.label]].merge(answers, on=keys).dropna(subset=contract.label)
    levels = [column for column in answers.columns if column not in (*keys, "mean")]
    below = [float((both[contract.label] <= both[level]).mean()) for level in levels]
    return pd.DataFrame({"predicted_probability": [float(level) for level in levels], "observed_share": below})


def importance(
    predict: Callable[[pd.DataFrame], pd.DataFrame],
    metric: Metric,
    test: pd.DataFrame,
    contract: SeriesContract,
    repeats: int,
    seed: int,
) -> pd.DataFrame:
    """Return how much worse forecasts of some series are when a covariate is shuffled between their steps.

    Parameters
    ----------
    predict
        What a model is asked → its answer.

    Returns
    -------
    DataFrame
        What `permutation_importance` gives.
    """
    if contract.item:
        items = test[contract.item].drop_duplicates()
        test = test[test[contract.item].isin(items.sample(min(SHUFFLED, len(items)), random_state=seed))]
    rows, columns = test.reset_index(drop=True), list[str]()

    def asked(shuffled: pd.DataFrame) -> np.ndarray:
        answers = predict(contract.asked(shuffled))
        columns[:] = answers.columns
        return answers.to_numpy(dtype=object)

    def score(answers: np.ndarray) -> float:
        figure = metric.figure(rows, pd.DataFrame(answers, columns=columns).infer_objects())
        return figure if metric.greater_is_better else -figure

    covariates = [*contract.known_covariates, *contract.past_covariates]
    return permutation_importance(asked, score, rows, covariates, repeats, seed, at_once=0)


def draw_forecasts(
    path: Path,
    title: str,
    test: pd.DataFrame,
    sides: pd.DataFrame,
    contract: SeriesContract,
    importances: pd.DataFrame,
    metric: str,
) -> None:
    """Draw the end of each history, and the forecast with its band against what came, into a PNG; and importances.

    Parameters
    ----------
    test
        Histories and horizons.
    sides
        What `beside` gives.
    importances, metric
        ``column`` and ``importance``, the largest first, and what it is measured in; may be empty.
    """
    items = list(dict.fromkeys(sides["item"]))
    drawn = [items[k] for k in np.unique(np.linspace(0, len(items) - 1, min(DRAWN, len(items))).round().astype(int))]
    with legible([title, *(drawn if contract.item else []), *importances["column"].head(20)]):
        panels = len(drawn) + bool(len(importances))
        down = -(-panels // 2)
        figure = Figure(figsize=(13, 3.6 * down + 0.6), layout="constrained")
        figure.suptitle(title + (f"; {len(drawn)} of {len(items)} series" if len(drawn) < len(items) else ""))
        axes = list(figure.subplots(down, 1 if panels == 1 else 2, squeeze=False).flat)
        for ax, item in zip(axes, drawn, strict=False):
            rows = test[test[contract.item] == item] if contract.item else test
            rows = rows.tail((BEFORE + 1) * contract.prediction_length)
            ahead = sides[sides["item"] == item]
            ax.plot(
                rows[contract.timestamp], rows[contract.label], color="0.3", marker=".", markersize=4, label="actual"
            )
            ax.fill_between(
                ahead["timestamp"], ahead["lowest"], ahead["highest"], alpha=0.25, label="lowest to highest level"
            )
            ax.plot(ahead["timestamp"], ahead["predicted"], label="forecast")
            ax.axvline(
                rows[contract.timestamp].iloc[-contract.prediction_length], color="0.7", linestyle="--", linewidth=1
            )
            ax.set(title=item if contract.item else "", ylabel=contract.label)
            ax.tick_params(axis="x", rotation=30)
        if len(importances):
            draw_importance(axes[len(drawn)], importances.head(20), metric)
        for unused in axes[panels:]:
            unused.set_axis_off()
        handles, labels = axes[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False)
        figure.savefig(path, format="png", metadata={"Software": None})
