"""Score the deliverable on the raw test rows, through the door that its callers use."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from slipway.entry import parser, run
from slipway.settings import load_params

if TYPE_CHECKING:
    import pandas as pd

    from slipway.contract import Contract


def card(contract: "Contract", figures: dict[str, Any], digest: str) -> str:
    """Return the model card: what the model predicts, from what, and how well."""
    columns = "\n".join(
        f"| {name} | {kind} | {'yes' if name in contract.needed else 'no, nothing depends on it'} |"
        for name, kind in contract.columns.items()
    )
    scores = "\n".join(f"| {name} | {value:.4f} |" for name, value in figures.items() if isinstance(value, float))
    kind = contract.task
    if contract.classes:
        kind += f": {', '.join(map(str, contract.classes))}"
    if contract.positive_class is not None:
        kind += f"; positive class {contract.positive_class}"
    return f"""# Model card

Predicts `{contract.label}` ({kind}). Digest {digest[:12]}.

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


def expected_answers(label: "pd.Series", contract: "Contract") -> Any:
    """Return what a perfect model would answer: 0 or 1 for binary, the class's number for multiclass, else the label."""
    if contract.task == "regression":
        return label.to_numpy(dtype=float)
    if contract.task == "binary":
        return (label.astype(str) == str(contract.positive_class)).to_numpy(dtype=int)
    return label.map({name: number for number, name in enumerate(contract.classes)}).to_numpy(dtype=int)


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
    actual = expected_answers(test[contract.label], contract)

    def predict(raw: pd.DataFrame) -> Any:
        if contract.task == "regression":
            return model.predict(raw).to_numpy(dtype=float)
        proba = model.predict(raw, params={"proba": True})
        wanted = str(contract.positive_class) if contract.task == "binary" else list(map(str, contract.classes))
        return proba[wanted].to_numpy(dtype=float)

    names = getattr(settings.metrics, contract.task)
    answers = predict(rows)
    figures: dict[str, Any] = {name: scores.metric(name, contract.task)(actual, answers) for name in names}
    figures["test_rows"] = len(test)

    importance = pd.DataFrame({"column": [], "importance": []})
    if settings.importance_repeats:
        first = scores.metric(names[0], contract.task)
        importance = scores.permutation_importance(
            predict, lambda a: first(actual, a), rows, list(contract.needed), settings.importance_repeats, params.seed
        )
    predicted = answers if contract.task == "regression" else model.predict(rows).to_numpy()
    curves = scores.curves(contract.task, actual, answers, settings.calibration_bins)
    sides = pd.DataFrame({"actual": test[contract.label], "predicted": predicted})
    tables = {**curves, "points" if contract.task == "regression" else "confusion": sides, "importance": importance}
    plots = Path("reports/plots")
    for name, table in tables.items():
        with whole_file(plots / f"{name}.csv") as part:
            table.to_csv(part, index=False, lineterminator="\n")
    with whole_file(plots / "overview.png") as part:
        draw_overview(part, f"{contract.label}: {len(test)} test rows", contract.task, curves, sides, importance)
    write_json(Path("reports/metrics.json"), figures)
    write_text(Path("reports/card.md"), card(contract, figures, model.metadata.metadata["digest"]))
    told = ", ".join(f"{name} {value:.4f}" for name, value in figures.items() if isinstance(value, float))
    print(f"evaluate: {len(test)} test rows; {told}")


if __name__ == "__main__":
    run(main)
