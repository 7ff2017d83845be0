"""Search for the best model of the train rows and build the deliverable from it."""

import shutil
import time
from pathlib import Path
from typing import Any

from slipway.project.entry import parser, run
from slipway.project.settings import load_params


def summary(table: Any, failed: dict[str, str], left_out: list[str], seconds: float) -> dict[str, Any]:
    """Return the search in a few figures: the best model, its validation score, what was fitted, what failed or had no time."""
    best = table.iloc[0]
    return {
        "best_model": best["model"],
        "eval_metric": best["eval_metric"],
        "score_val": float(best["score_val"]),
        "models": len(table),
        "failed": len(failed),
        "left_out": len(left_out),
        "fit_s": round(seconds, 3),
    }


def main() -> None:
    parser(__doc__).parse_args()
    params = load_params()
    import mlflow.pyfunc  # noqa: F401  AutoGluon would import it within the fit, whose seconds are reported
    import pandas as pd

    from slipway.project.files import whole_file, write_json
    from slipway.search.display import SearchDisplay, callback_for
    from slipway.search.packaging import model_digest, save_model
    from slipway.search.search import failed_models, fit, leaderboard, log_to
    from slipway.serving.scoring import Scorer

    data, settings = params.data, params.automl
    log_to(Path("reports/automl.log"), settings.verbosity)
    train, validation = (pd.read_parquet(f"data/prepared/{part}.parquet") for part in ("train", "validation"))
    held_out = f"{len(validation)} validation rows, " if len(validation) else ""
    print(f"automl: {len(train)} train rows, {held_out}{train.shape[1] - 1} features; the log is reports/automl.log")
    variants = sum(len(v) if isinstance(v, list) else 1 for v in settings.models.values())
    with SearchDisplay(settings.eval_metric, settings.time_limit, variants + settings.ensemble) as display:
        started = time.monotonic()
        predictor = fit(
            train, validation, data.label, data.positive_class, data.task, settings, params.seed,
            Path("models/predictor"), callback_for(display),
        )  # fmt: skip
        seconds = time.monotonic() - started
    table, failed = leaderboard(predictor), failed_models(predictor)

    staging = Path("models/.staging")
    shutil.rmtree(staging, ignore_errors=True)
    try:
        shutil.copytree("models/recipe", staging)
        predictor.clone_for_deployment(str(staging / "predictor"))
        scorer = Scorer.load(staging / "contract.json", staging / "recipe.pkl", staging / "predictor")
        save_model(staging, scorer, data.recipe.name, {"digest": model_digest(scorer)})
        shutil.rmtree("models/model", ignore_errors=True)
        (staging / "model").rename("models/model")
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    with whole_file(Path("reports/leaderboard.csv")) as part:
        table.to_csv(part, index=False)
    write_json(Path("reports/automl.json"), summary(table, failed, display.left_out, seconds))
    for name, why in scorer.slow.items():
        print(f"automl: {name} answers single rows as slowly as AutoGluon does: {why}")
    for name, why in failed.items():
        print(f"automl: {name} failed ({why})")
    if display.left_out:
        print(
            f"automl: the limit of {settings.time_limit:g} s left out {', '.join(display.left_out)}; "
            "raise automl.time_limit to fit them"
        )
    best = table.iloc[0]
    print(
        f"automl: {best['model']} won of {len(table)} models with {best['eval_metric']} {best['score_val']:.4f} on validation rows"
    )


if __name__ == "__main__":
    run(main)
