"""Score the deliverable on the raw test rows, through the door that its callers use."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slipway.project.entry import parser, run
from slipway.project.settings import load_params

if TYPE_CHECKING:
    import pandas as pd


# Every plot of dvc.yaml, whatever the task: DVC complains of a missing file, of one without rows it draws nothing.
PLOTS = {
    "roc": ["false_positive_rate", "true_positive_rate"],
    "precision_recall": ["recall", "precision"],
    "calibration": ["predicted_probability", "observed_share"],
    "confusion": ["actual", "predicted"],
    "points": ["actual", "predicted", "lowest", "highest"],
    "importance": ["column", "importance"],
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


def main() -> None:
    parser(__doc__).parse_args()
    params = load_params()
    import mlflow.pyfunc
    import pandas as pd

    from slipway.evaluation import scores
    from slipway.evaluation.answers import known_classes, numbered, probabilities
    from slipway.evaluation.plots import draw_overview
    from slipway.project.files import whole_file, write_json, write_text
    from slipway.rows.contract import Contract

    settings = params.evaluate
    test = pd.read_parquet("data/split/test.parquet")
    contract = Contract.load(Path("models/model/artifacts/contract.json"))
    # MLflow would compare the model's pins with every installed package, which takes most of a second. Where another
    # version made the model, AutoGluon refuses it and scikit-learn warns.
    model = mlflow.pyfunc.load_model("models/model", suppress_warnings=True)
    rows = test.drop(columns=contract.label)
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
    for name in [name for name, value in figures.items() if not math.isfinite(value)]:
        del figures[name]
        print(f"evaluate: {name} is left out: it has no value on these test rows")
    figures["test_rows"] = len(test)

    tables = {file: pd.DataFrame(columns=columns) for file, columns in PLOTS.items()}
    name, first = next(iter(metrics.items()))
    if settings.importance_repeats:
        of_classes = first.of_classes or not contract.classes

        def asked(raw: pd.DataFrame) -> Any:
            if of_classes:
                return numbered(model.predict(raw), contract, classes)
            return probabilities(model, raw, contract, classes)

        sign = 1 if first.greater_is_better else -1
        tables["importance"] = scores.permutation_importance(
            asked, lambda a: sign * first.figure(actual, a), rows, list(contract.needed),
            settings.importance_repeats, params.seed,
        )  # fmt: skip
    curves = scores.curves(contract.task, actual, answers, settings.calibration_bins, levels)
    sides = both_sides(test[contract.label], predicted)
    tables |= {**curves, "confusion" if contract.classes else "points": sides}
    plots = Path("reports/plots")
    for file, table in tables.items():
        with whole_file(plots / f"{file}.csv") as part:
            table.to_csv(part, index=False, lineterminator="\n")
    with whole_file(plots / "overview.png") as part:
        draw_overview(
            part, f"{contract.label}: {len(test)} test rows", contract.task, curves, sides, tables["importance"], name
        )
    write_json(Path("reports/metrics.json"), figures)
    write_text(Path("reports/card.md"), card(Path("models/model/README.md").read_text(encoding="utf-8"), figures))
    told = ", ".join(f"{name} {value:.4f}" for name, value in figures.items() if isinstance(value, float))
    print(f"evaluate: {len(test)} test rows; {told}")


if __name__ == "__main__":
    run(main)
