"""Search for the best model of the train rows and build the deliverable from it."""

import importlib
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slipway.project.entry import heed_kill, parser, run
from slipway.project.settings import load_params

if TYPE_CHECKING:
    import pandas as pd


def seconds_since_start() -> float:
    """Return how long this process has been running, Python's own start included."""
    import psutil

    return max(0.0, time.time() - psutil.Process().create_time())


def summary(
    chosen: "pd.Series", score: float, table: "pd.DataFrame", tags: dict[str, Any], seconds: float
) -> dict[str, Any]:
    """Return the search in a few figures: the deployed model, its validation score, what was fitted and what was not."""
    scored = table["score_val"].notna()
    failed = table["cut_short"].str.startswith("failed")
    return {
        "best_model": chosen["model"],
        "eval_metric": chosen["eval_metric"],
        "score_val": score,
        "models": int(table["eval_metric"].notna().sum()),
        "failed": int(failed.sum()),
        "left_out": int((~scored & ~failed & table["eval_metric"].isna()).sum()),
        **tags,
        "deployed_mb": round(float(chosen["deployed_bytes"]) / 1e6, 3),
        "fit_s": round(seconds, 3),
    }


def grouped(reasons: dict[str, str]) -> list[str]:
    """Return what was cut short, the models with the same reason in one sentence.

    >>> grouped({"A": "left out, no time", "B": "left out, no time"})
    ['A, B: left out, no time']
    """
    by_reason: dict[str, list[str]] = {}
    for model, reason in reasons.items():
        by_reason.setdefault(reason, []).append(model)
    return [
        f"{', '.join(models[:8])}{f' and {len(models) - 8} more' if len(models) > 8 else ''}: {reason}"
        for reason, models in by_reason.items()
    ]


def build(way: Any, predictor: Any, model: str, recipe: str, tags: dict[str, Any]) -> list[str]:
    """Build the deliverable of a model, with tags, in the place of the one before; return what is slow in it, in words."""
    from slipway.project.files import move_folder, new_folder
    from slipway.search.packaging import model_digest, save_model

    with new_folder(Path("models/.staging")) as staging:
        shutil.copytree("models/recipe", staging, dirs_exist_ok=True)
        way.deploy(predictor, model, staging / "predictor")
        scorer = way.Scorer.load(staging / "contract.json", staging / "recipe.pkl", staging / "predictor")
        save_model(staging, scorer, recipe, {"digest": model_digest(scorer), **tags})
        move_folder(staging / "model", Path("models/model"))
        return [f"{name} answers single rows as slowly as AutoGluon does: {why}" for name, why in scorer.slow.items()]


def tell(table: "pd.DataFrame", tags: dict[str, Any], lines: list[str]) -> None:
    """Print what failed and why, what the budget cut short, and what won."""
    failed = table[table["cut_short"].str.startswith("failed")]
    told = [f"{model} {why}" for model, why in zip(failed["model"], failed["cut_short"], strict=True)]
    told += tags["cut_short"]
    if not tags["reproducible"]:
        told.append("the clock or the memory had a say in this: it cannot be repeated to the last bit")
    for line in [*told, *lines]:
        print(f"automl: {line}")


def main() -> None:  # noqa: PLR0915  one story in order
    arguments = parser(__doc__)
    arguments.add_argument("--debug", action="store_true", help="write everything into reports/automl.log")
    debug = arguments.parse_args().debug
    params = load_params()
    began = time.monotonic() - seconds_since_start()
    import autogluon.tabular
    import pandas as pd  # noqa: F401  the search's process shares what is imported before it begins
    import pyarrow.parquet as pq

    from slipway.project.availability import check_available, networks
    from slipway.project.files import whole_file, write_json
    from slipway.project.names import autogluon_metric
    from slipway.rows.series import load_contract
    from slipway.search import forecasting, tabular
    from slipway.search.budget import Search, list_packages_once, seconds_to_finish
    from slipway.search.display import SearchDisplay
    from slipway.search.events import COUNTED
    from slipway.search.memory import free_bytes
    from slipway.search.search import log_to

    data, settings = params.data, params.automl
    left_out = check_available(settings)
    way: Any = tabular
    if data.task == "forecasting":
        import autogluon.timeseries  # noqa: F401  as above

        way = forecasting
    if data.task == "forecasting" or networks([kind for kind in settings.kinds() if kind not in left_out]):
        importlib.import_module(
            "torch"
        )  # as above: fitting needs it, and so does what is asked of the model afterwards
    list_packages_once()
    log_to(Path("reports/automl.log"), 4 if debug else settings.verbosity)
    train, validation = (pq.read_metadata(f"data/prepared/{part}.parquet") for part in ("train", "validation"))
    held_out = f"{validation.num_rows} validation rows, " if validation.num_rows else ""
    print(
        f"automl: {train.num_rows} train rows, {held_out}{train.num_columns - 1} features; the log is reports/automl.log",
        flush=True,
    )
    if left_out:
        print(f"automl: without {', '.join(f'{kind} (no package {name})' for kind, name in left_out.items())}")
    positive = load_contract(Path("models/recipe/contract.json")).positive_class  # the setting may write 1 for "1"
    metric = autogluon_metric(settings.eval_metric, data.task) or settings.eval_metric
    variants = sum(map(len, way.hyperparameters(settings, params.seed).values()))
    with SearchDisplay(
        metric, settings.time_limit, min(variants, settings.max_models or variants) + settings.ensemble,
        free_bytes(settings), Path("reports/leaderboard.csv"),
    ) as display:  # fmt: skip
        started = time.monotonic()
        one = Search(
            Path("models/predictor"), data.label, positive, data.task, params.seed, settings, display, began,
            seconds_to_finish(started - began),
        )  # fmt: skip
        predictor = way.search(one)
        chosen, choices = way.choose(one, predictor)
        if choices:  # among them a blend may be new
            predictor = way.load_left(one.folder) or predictor
        won = way.why_it_won(predictor, chosen, settings)
        deployed = chosen
        if settings.refit_full and not one.is_baseline:
            deployed = way.refit(one, predictor, chosen)
            predictor = way.load_left(one.folder) or predictor
        threshold = way.decide(one, predictor, chosen)
        seconds = time.monotonic() - started
    table = way.leaderboard(predictor, display.cut_short)

    by_budget = {model: why for model, why in display.cut_short.items() if not why.startswith("failed")}
    haste = ["what models upon models are worth was tried against the clock"] if display.tried_in_haste else []
    measured = (
        ["how long a row takes was measured against the clock"] if settings.infer_limit and not one.is_baseline else []
    )
    whole_search = [*one.cut_short, *haste, *measured]
    tags = {
        "cut_short": whole_search + grouped(by_budget),
        "reproducible": not whole_search and all(why.startswith(COUNTED) for why in by_budget.values()),
        "baseline": one.is_baseline,
    }
    slow = build(way, predictor, deployed, data.recipe.name, tags)
    with whole_file(Path("reports/leaderboard.csv")) as part:
        table.assign(hyperparameters=table["model"].map(way.fitted_with(one, predictor))).to_csv(part, index=False)
    best, row = (table[table["model"] == model].iloc[0] for model in (chosen, deployed))
    write_json(
        Path("reports/automl.json"),
        summary(row, float(best["score_val"]), table, tags, seconds)
        | way.backtests(predictor, chosen)
        | ({} if threshold is None else {"decision_threshold": threshold}),
    )
    decides = [] if threshold in (None, 0.5) else [f"{positive} is said from a probability of {threshold:.3g} on"]
    megabytes, most = float(row["deployed_bytes"]) / 1e6, settings.max_size_mb
    over = settings.refit_full and most is not None and megabytes > most  # `choose` took it for what a refit is about
    choices += [f"{deployed} takes {megabytes:.1f} MB: more than automl.max_size_mb={most:g}"] if over else []
    tell(table, tags, [*slow, *display.notes, *choices, *decides, *won])
    print(
        f"automl: {deployed} won of {table['score_val'].notna().sum()} models with {metric} {best['score_val']:.4f} on validation rows"
    )


if __name__ == "__main__":
    heed_kill()
    run(main)
