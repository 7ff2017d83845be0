"""Score the deliverable on the raw test rows, through the door that its callers use."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from slipway.entry import parser, run
from slipway.settings import load_params

if TYPE_CHECKING:
    from slipway.contract import Contract


def card(contract: "Contract", figures: dict[str, Any], digest: str) -> str:
    """Return the model card: what the model predicts, from what, and how well."""
    columns = "\n".join(
        f"| {name} | {kind} | {'yes' if name in contract.needed else 'no, nothing depends on it'} |"
        for name, kind in contract.columns.items()
    )
    scores = "\n".join(f"| {name} | {value:.4f} |" for name, value in figures.items() if isinstance(value, float))
    return f"""# Model card

Predicts `{contract.label}` ({contract.task}: {", ".join(map(str, contract.classes))}; positive class
{contract.positive_class}). Digest {digest[:12]}.

| metric on {figures["test_rows"]} test rows | value |
|---|---|
{scores}

A row needs these columns; any value may be missing (null).

| column | kind | must be there |
|---|---|---|
{columns}

A number's place takes numbers and texts that are numbers, a boolean's place also yes/no and 1/0; anything else there is
refused with the column's name. Texts never seen in training are taken as unknown. Columns not listed are ignored.
"""


def main() -> None:
    parser(__doc__).parse_args()
    params = load_params()
    import mlflow.pyfunc
    import pandas as pd

    from slipway import scores
    from slipway.contract import Contract
    from slipway.files import whole_file, write_json, write_text
    from slipway.plots import draw_overview

    settings = params.evaluate
    test = pd.read_parquet("data/split/test.parquet")
    contract = Contract.load(Path("models/model/artifacts/contract.json"))
    # MLflow would compare the model's pins with every installed package, which takes most of a second. Where another
    # version made the model, AutoGluon refuses it and scikit-learn warns.
    model = mlflow.pyfunc.load_model("models/model", suppress_warnings=True)
    rows = test.drop(columns=contract.label)
    positive = str(contract.positive_class)
    actual = (test[contract.label].astype(str) == positive).to_numpy(dtype=int)

    def predict(raw: pd.DataFrame) -> Any:
        return model.predict(raw, params={"proba": True})[positive].to_numpy(dtype=float)

    proba = predict(rows)
    figures: dict[str, Any] = {name: scores.metric(name)(actual, proba) for name in settings.metrics}
    figures["test_rows"] = len(test)

    plots = Path("reports/plots")
    predicted = model.predict(rows).astype(str)
    answers = pd.DataFrame({"actual": test[contract.label].astype(str), "predicted": predicted.to_numpy()})
    curves = {
        "ROC": scores.roc_points(actual, proba),
        "precision and recall": scores.precision_recall_points(actual, proba),
        "calibration": scores.calibration_points(actual, proba, settings.calibration_bins),
    }
    importance = None
    if settings.importance_repeats:
        first = scores.metric(settings.metrics[0])
        importance = scores.permutation_importance(
            predict, lambda p: first(actual, p), rows, list(contract.needed), settings.importance_repeats, params.seed
        )
    names = dict(zip(curves, ("roc", "precision_recall", "calibration"), strict=True))
    tables = {names[title]: points for title, points in curves.items()} | {"confusion": answers}
    tables["importance"] = pd.DataFrame({"column": [], "importance": []}) if importance is None else importance
    for name, table in tables.items():
        with whole_file(plots / f"{name}.csv") as part:
            table.to_csv(part, index=False, lineterminator="\n")
    with whole_file(plots / "overview.png") as part:
        counts = pd.crosstab(answers["actual"], answers["predicted"])
        draw_overview(part, f"{contract.label}: {len(test)} test rows", curves, counts, importance)
    write_json(Path("reports/metrics.json"), figures)
    write_text(Path("reports/card.md"), card(contract, figures, model.metadata.metadata["digest"]))
    told = ", ".join(f"{name} {value:.4f}" for name, value in figures.items() if isinstance(value, float))
    print(f"evaluate: {len(test)} test rows; {told}")


if __name__ == "__main__":
    run(main)
