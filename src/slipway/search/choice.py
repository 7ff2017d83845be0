"""Which model is deployed: the best one within the limits of size and latency, what it won by and what others would cost."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from slipway.project.automl_settings import Automl
from slipway.search.budget import Search, blend, load_left
from slipway.search.events import is_ensemble
from slipway.search.search import leaderboard

if TYPE_CHECKING:
    import pandas as pd
    from autogluon.tabular import TabularPredictor

MEGABYTE = 1e6
# Rows at most that say from which probability on the positive class is said.
CALIBRATED_ON = 100_000


def ranked(predictor: "TabularPredictor", settings: Automl) -> "pd.DataFrame":
    """Return the models that predict and have a score, best first, by what they take when they are deployed.

    Returns
    -------
    DataFrame
        The leaderboard's, with ``row_s``, the seconds for one row, missing where no part was measured. With `refit_full` a
        model of folds is deployed as one that is fitted on all rows, of about a fold's size and seconds.
    """
    table = leaderboard(predictor, {}).dropna(subset="score_val").set_index("model", drop=False)
    table = table.astype({"score_val": float, "deployed_bytes": float, "pred_time_val": float, "size_bytes": float})
    trainer, learner = predictor._trainer, predictor._learner  # noqa: SLF001  the only door to what AutoGluon measured
    folds = settings.num_bag_folds * settings.num_bag_sets if settings.refit_full else 0

    def row_s(model: str) -> float:
        parts = [trainer.get_model_attribute(part, "predict_1_time") for part in trainer.get_minimum_model_set(model)]
        measured = [part for part in parts if part is not None]
        return sum(measured) / max(1, folds) + (learner.preprocess_1_time or 0) if measured else float("nan")

    sizes = {column: table[column] / max(1, folds) for column in ("deployed_bytes", "size_bytes")}
    return table.assign(row_s=table["model"].map(row_s), **sizes)


def choose(one: Search, predictor: "TabularPredictor") -> tuple[str, list[str]]:
    """Return the model to deploy, and in words what the limits of its latency and its size cost.

    Where the best model is too large, what makes it large is left out until it fits, and the rest is blended anew.
    """
    table, said = within_latency(ranked(predictor, one.settings), one.settings.infer_limit)
    best, limit = table.iloc[0], (one.settings.max_size_mb or float("inf")) * MEGABYTE
    if best["deployed_bytes"] > limit and one.settings.ensemble:
        single = table[[not is_ensemble(model) for model in table["model"]]].sort_values("deployed_bytes")
        small = single[single["size_bytes"].astype(float).cumsum() <= limit]
        if len(small) > 1:
            blend(one, predictor, list(small["model"]), name="Small")
            again = ranked(load_left(one.folder) or predictor, one.settings)
            table, said = within_latency(again, one.settings.infer_limit)
            best = table.iloc[0]
    chosen, cost = within_size(table, best, one.settings.max_size_mb)
    return chosen, said + cost


def decide(one: Search, predictor: "TabularPredictor", model: str) -> float | None:
    """Let a predictor say the positive class from where its metric is best with the model that is deployed.

    AutoGluon would calibrate its own best model, which a limit may keep out, or which is blended anew.

    Returns
    -------
    float or None
        The probability from which the positive class is said, where it was calibrated; else it is 0.5.
    """
    wanted = one.settings.calibrate_decision_threshold
    if wanted == "auto":  # as AutoGluon has it
        metric = predictor.eval_metric
        least = {"accuracy": 10_000, "precision": float("inf")}.get(metric.name, 50)
        rows = predictor._trainer.num_rows_val_for_calibration  # noqa: SLF001  the only door to it
        wanted = metric.needs_class and rows >= least
    if not wanted or predictor.problem_type != "binary" or one.is_baseline:
        return None
    threshold = predictor.calibrate_decision_threshold(model=model, subsample_size=CALIBRATED_ON)
    predictor.set_decision_threshold(threshold)
    predictor.save(silent=True)
    return float(threshold)


def within_latency(table: "pd.DataFrame", infer_limit: float | None) -> tuple["pd.DataFrame", list[str]]:
    """Return the models of a ranking that answer one row in time, or else the quickest, and in words what that costs."""
    if not infer_limit:
        return table, []
    quick = table[~(table["row_s"] > infer_limit)]
    kept = quick if len(quick) else table.sort_values("row_s").head(1)
    words = "is quick enough" if len(quick) else "is the quickest there is"
    return kept, _cost(table.iloc[0], kept.iloc[0], words, not len(quick), _ms, f"infer_limit={infer_limit:g}")


def within_size(table: "pd.DataFrame", best: "pd.Series", max_size_mb: float | None) -> tuple[str, list[str]]:
    """Return the best model of a ranking that is not too large, or the smallest, and in words what that costs."""
    limit = (max_size_mb or float("inf")) * MEGABYTE
    if best["deployed_bytes"] <= limit:
        return best["model"], []
    fits = table[table["deployed_bytes"] <= limit]
    chosen = (fits if len(fits) else table.sort_values("deployed_bytes")).iloc[0]
    words = "is deployed" if len(fits) else "is deployed, the smallest there is"
    return chosen["model"], _cost(best, chosen, words, not len(fits), _mb, f"max_size_mb={max_size_mb:g}")


def _cost(
    best: "pd.Series", kept: "pd.Series", words: str, over: bool, unit: Callable[["pd.Series"], str], limit: str
) -> list[str]:
    """Return in words what a limit costs, and whether the model that is kept is over it; nothing where it costs nothing."""
    if best["model"] == kept["model"]:
        return [f"{best['model']} {words}, and takes {unit(best)}: more than automl.{limit}"] if over else []
    lost = float(best["score_val"]) - float(kept["score_val"])
    said = f"{best['model']} would win with {best['score_val']:.4f}, but takes {unit(best)}; {kept['model']} {words}: "
    said += f"{unit(kept)}, {best['eval_metric']} {kept['score_val']:.4f}, {lost:.4f} less; "
    return [said + f"automl.{limit} is the limit, null for none"]


def why_it_won(predictor: "TabularPredictor", model: str, settings: Automl) -> list[str]:
    """Return in words what a model won by, what it blends, and what a faster or a smaller one would cost in score."""
    table, _ = within_latency(ranked(predictor, settings), settings.infer_limit)
    return won_by(table, model, _weights(predictor, model))


def won_by(table: "pd.DataFrame", model: str, weights: dict[str, float]) -> list[str]:
    """Return what `why_it_won` does, of a ranking and of the winner's weights."""
    won = table[table["model"] == model].iloc[0]
    metric, lines = won["eval_metric"], []
    others = table[table["model"] != model]
    if weights:
        lines.append(f"{model} blends {', '.join(f'{name} {weight:.2f}' for name, weight in weights.items())}")
    if others.empty:
        return lines
    if len(behind := others[others["score_val"] <= won["score_val"]]):  # a limit may have kept better ones out
        second = behind.iloc[0]
        lines.append(f"next is {second['model']}, {won['score_val'] - second['score_val']:.4f} of {metric} behind")
    for word, column, unit in (("faster", "pred_time_val", _s), ("smaller", "deployed_bytes", _mb)):
        cheaper = others[others[column] < 0.8 * won[column]]
        if len(cheaper):
            other = cheaper.iloc[0]
            cost = won["score_val"] - other["score_val"]
            price = f"for {cost:.4f} of {metric}" if cost >= 0 else f"and {-cost:.4f} of {metric} more"
            lines.append(f"{word}: {other['model']} ({unit(other)} instead of {unit(won)}) {price}")
    return lines


def _weights(predictor: "TabularPredictor", model: str) -> dict[str, float]:
    if not is_ensemble(model):
        return {}
    found = predictor._trainer.load_model(model)._get_model_weights()  # noqa: SLF001  AutoGluon's log has them, no function
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def _mb(row: "pd.Series") -> str:
    return f"{row['deployed_bytes'] / MEGABYTE:.1f} MB"


def _ms(row: "pd.Series") -> str:
    return f"{1e3 * row['row_s']:.3g} ms for a row"


def _s(row: "pd.Series") -> str:
    return f"{row['pred_time_val']:.3f} s"
