"""Score the deliverable on the raw test rows, through the door that its callers use."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slipway.project.entry import parser, run
from slipway.project.settings import load_params

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from slipway.project.stage_settings import Evaluate
    from slipway.rows.series import SeriesContract


# Every plot of dvc.yaml, whatever the task: DVC complains of a missing file, of one without rows it draws nothing.
PLOTS = {
    "roc": ["false_positive_rate", "true_positive_rate"],
    "precision_recall": ["recall", "precision"],
    "calibration": ["predicted_probability", "observed_share"],
    "confusion": ["actual", "predicted"],
    "points": ["actual", "predicted", "lowest", "highest"],
    "importance": ["column", "importance"],
    "forecast": ["place", "item", "timestamp", "actual", "predicted", "lowest", "highest"],
}


def card(readme: str, figures: dict[str, Any]) -> str:
    """Return the model's own card with how well it does, after what it predicts."""
    scores = "\n".join(f"| {name} | {value:.4f} |" for name, value in figures.items() if isinstance(value, float))
    what, heading, how = readme.partition("## What a row is")
    return f"{what}| metric on {figures['test_rows']} test rows | value |\n|---|---|\n{scores}\n\n{heading}{how}"


def both_sides(label: "pd.Series", predicted: "pd.Series | pd.DataFrame") -> "pd.DataFrame":
    """Return labels beside predictions, a row per test row; of quantiles the middle one, the lowest and the highest."""
    if predicted.ndim == 1:
        return label.to_frame("actual").assign(predicted=predicted.to_numpy())
    levels = predicted.to_numpy().T
    return label.to_frame("actual").assign(predicted=levels[len(levels) // 2], lowest=levels[0], highest=levels[-1])


def finite(figures: dict[str, Any]) -> dict[str, Any]:
    """Return figures without those that have no value, which are said."""
    for name in [name for name, value in figures.items() if not math.isfinite(value)]:
        print(f"evaluate: {name} is left out: it has no value on these test rows")
    return {name: value for name, value in figures.items() if math.isfinite(value)}


def tell_of_some(drawn: int, rows: int, who: str) -> None:
    """Print who takes some of the test rows, where that is not all of them."""
    if drawn < rows:
        print(f"evaluate: {who} {drawn} of the {rows} test rows (evaluate.plot_rows)")


def write_reports(figures: dict[str, Any], tables: "dict[str, pd.DataFrame]", draw: "Callable[[Path], None]") -> None:
    """Write metrics, the points of the plots, those that the task has not without rows, their picture and the card."""
    import pandas as pd

    from slipway.project.files import whole_file, write_json, write_text

    plots = Path("reports/plots")
    for file, columns in PLOTS.items():
        with whole_file(plots / f"{file}.csv") as part:
            tables.get(file, pd.DataFrame(columns=columns)).to_csv(part, index=False, lineterminator="\n")
    with whole_file(plots / "overview.png") as part:
        draw(part)
    write_json(Path("reports/metrics.json"), figures)
    write_text(Path("reports/card.md"), card(Path("models/model/README.md").read_text(encoding="utf-8"), figures))
    told = ", ".join(f"{name} {value:.4f}" for name, value in figures.items() if isinstance(value, float))
    print(f"evaluate: {figures['test_rows']} test rows; {told}")


def evaluate_forecasts(
    model: Any, test: "pd.DataFrame", contract: "SeriesContract", settings: "Evaluate", seed: int
) -> None:
    """Write how good forecasts of the last steps of every series are, and what covariates have to do with it."""
    import pandas as pd

    from slipway.evaluation.forecasts import beside, calibration, draw_forecasts, importance, metric, some_series

    answers = model.predict(contract.asked(test))
    metrics = {name: metric(name, contract) for name in settings.metrics.forecasting}
    figures = finite({name: one.figure(test, answers) for name, one in metrics.items()})
    sides = beside(test, answers, contract)
    some = some_series(sides, settings.plot_rows, seed)
    tell_of_some(len(some), len(sides), "plots of single steps take whole series,")
    tables = {
        "forecast": some.reset_index(names="place"),
        "points": some[["actual", "predicted", "lowest", "highest"]],
        "calibration": calibration(test, answers, contract),
    }
    importances, name = pd.DataFrame(columns=PLOTS["importance"]), next(iter(figures), "")
    if settings.importance_repeats and name and (contract.known_covariates or contract.past_covariates):
        importances = importance(model.predict, metrics[name], test, contract, settings.importance_repeats, seed)
    title = f"{contract.label}: the last {contract.prediction_length} steps"
    write_reports(
        figures | {"test_rows": len(sides)}, tables | {"importance": importances},
        lambda part: draw_forecasts(part, title, test, sides, contract, importances, name),
    )  # fmt: skip


def main() -> None:
    parser(__doc__).parse_args()
    params = load_params()
    import mlflow.pyfunc
    import pandas as pd

    from slipway.evaluation import scores
    from slipway.evaluation.answers import known_classes, numbered, probabilities
    from slipway.evaluation.plots import draw_overview
    from slipway.rows.series import SeriesContract, load_contract

    settings = params.evaluate
    test = pd.read_parquet("data/split/test.parquet")
    contract = load_contract(Path("models/model/artifacts/contract.json"))
    # MLflow would compare the model's pins with every installed package, which takes most of a second. Where another
    # version made the model, AutoGluon refuses it and scikit-learn warns.
    model = mlflow.pyfunc.load_model("models/model", suppress_warnings=True)
    if isinstance(contract, SeriesContract):
        evaluate_forecasts(model, test, contract, settings, params.seed)
        return
    rows = contract.asked(test)
    classes = known_classes(test[contract.label], contract)
    actual = numbered(test[contract.label], contract, classes)

    predicted = model.predict(rows)
    decided = numbered(predicted, contract, classes)
    levels = () if predicted.ndim == 1 else tuple(float(level) for level in predicted.columns)
    answers = probabilities(model, rows, contract, classes) if contract.classes else decided
    metrics = {name: scores.metric(name, contract.task, levels) for name in getattr(settings.metrics, contract.task)}
    figures: dict[str, Any] = {
        name: metric.figure(actual, decided if metric.of_classes else answers) for name, metric in metrics.items()
    }
    figures = finite(figures) | {"test_rows": len(test)}
    tables: dict[str, pd.DataFrame] = {}
    some = scores.some_rows(test[contract.label], settings.plot_rows, params.seed, every_class=bool(contract.classes))
    takers = (
        "plots of single rows, and importance, take" if settings.importance_repeats else "plots of single rows take"
    )
    tell_of_some(len(some), len(test), takers)
    name, first = next(iter(metrics.items()))
    if settings.importance_repeats:
        of_classes = first.of_classes or not contract.classes

        def asked(raw: pd.DataFrame) -> Any:
            if of_classes:
                return numbered(model.predict(raw), contract, classes)
            return probabilities(model, raw, contract, classes)

        sign = 1 if first.greater_is_better else -1
        tables["importance"] = scores.permutation_importance(
            asked, lambda a: sign * first.figure(actual[some], a), rows.iloc[some], list(contract.needed),
            settings.importance_repeats, params.seed,
        )  # fmt: skip
    curves = scores.curves(contract.task, actual, answers, settings.calibration_bins, levels)
    sides = both_sides(test[contract.label], predicted)
    tables |= {**curves, "confusion" if contract.classes else "points": sides.iloc[some]}
    importance = tables.get("importance", pd.DataFrame(columns=PLOTS["importance"]))
    title = f"{contract.label}: {len(test)} test rows"
    drawn = sides if contract.classes else sides.iloc[some]  # counts are of all rows
    write_reports(
        figures, tables, lambda part: draw_overview(part, title, contract.task, curves, drawn, importance, name)
    )


if __name__ == "__main__":
    run(main)
