"""The model card: what a model predicts, from what, and how it is asked; the README of its folder."""

from slipway.rows.contract import FALSE, TRUE, Contract
from slipway.rows.series import SeriesContract
from slipway.serving.answers import params_for
from slipway.serving.whole import SUMS

# What a caller can rely on, a line each; tests/test_portable.py has a test of each, by these names.
INPUTS = {
    "missing": "Any value may be missing: null, NaN, an empty field, or an empty text where no text belongs.",
    "order": "Columns come in any order; blanks around a name do not count.",
    "extra": "Columns that are not listed are ignored; the log says so once.",
    "absent": "A column that must be there and is not is refused by its name; the others may be left out.",
    "number": "A number may be an integer, a float, a boolean or a text such as ` 29.5 ` or `1e3`.",
    "boolean": f"A boolean may be true or false, or in any case one of {', '.join(sorted(TRUE | FALSE))}.",
    "datetime": "A datetime is an ISO 8601 text or a timestamp; with a zone it is put into UTC, without one it is taken as UTC.",
    "text": "A text that no train row had is taken as unknown; a whole number in a text's place is its digits, a list or an object is refused.",
    "written": "Texts are read as the raw files were: by their marks for a missing value, decimal sign, groups of digits, date formats and currency signs.",
    "misfit": "Any other value is refused, with the column's name and what was expected; no row of the request is answered then.",
    "rows": "A request has no row, one, or a million; a row's answer does not depend on the rows beside it.",
}
# The same of a model that forecasts; tests/test_series.py has a test of each.
SERIES_INPUTS = {
    "history": "A request holds the history of one series or of many, a row for each step, in any order.",
    "ahead": "Rows after the last one with a label are steps to come; their label is null. Without known covariates they may be left out.",
    "known": "Of known covariates, the steps to come have a row each, in full; one that is missing is refused with its step.",
    "gaps": "Steps in the middle may be absent or without a label.",
    "step": "Two rows of one step, and dates that are no step, are refused with their step.",
    "nothing": "A series without any label is refused with its name.",
    "values": "Numbers, texts, booleans and dates may be written in all ways that models of rows take: ` 29.5 `, `yes`, ISO 8601.",
    "extra": "Columns that are not listed are ignored; the log says so once.",
}


def as_written(contract: Contract) -> list[str]:
    """Return a line on each thing that the raw files write in a way of their own."""
    how, found = contract.written, []
    if marks := [f"`{mark}`" for mark in how.missing if mark]:
        found.append(f"These texts mean a missing value: {', '.join(marks)}.")
    if how.is_foreign:
        groups = f", and `{how.thousands}` parts groups of three digits" if how.thousands else ""
        found.append(f"In a text's number `{how.decimal}` is the decimal sign{groups}.")
    found += [f"A text's date in `{column}` is written `{form}`." for column, form in how.dates.items()]
    if how.by_hand:
        found.append(f"A currency sign may stand beside a number: {', '.join(how.by_hand)}.")
    return found


BASELINE = "\n\n**A baseline: it {}, as no model could be fitted within the budget.**"


def card(contract: Contract, digest: str, requirements: list[str], python: str, *, baseline: bool = False) -> str:
    """Return the card of a model, Markdown."""
    note = BASELINE.format("ignores every feature") if baseline else ""
    kind = contract.task
    if contract.classes:
        kind += f": {', '.join(map(str, contract.classes))}"
    if contract.positive_class is not None:
        kind += f"; positive class {contract.positive_class}"
    columns = "\n".join(
        f"| {name} | {kind_} | {'yes' if name in contract.needed else 'no, nothing depends on it'} |"
        for name, kind_ in contract.columns.items()
    )
    params = "\n".join(
        f"| `{name}` | {type_} | {what} |" for name, (type_, _, what) in params_for(contract.task).items()
    )
    inputs = "\n".join(f"- {line}" for line in (*INPUTS.values(), *as_written(contract)))
    return f"""# Model card

Predicts `{contract.label}` ({kind}). Digest {digest[:12]}.{note}

## What a row is

| column | kind | must be there |
|---|---|---|
{columns}

{inputs}

## What it answers

A prediction per row, in the rows' order. `params` ask for more:

| parameter | type | gives |
|---|---|---|
{params}

{where_it_runs(requirements, python)}"""


def where_it_runs(requirements: list[str], python: str) -> str:
    """Return the part of a card that is the same for every task."""
    return f"""## Where it runs

Python {python}, with {", ".join(requirements)}: `pip install -r requirements.txt`. In Python
`mlflow.pyfunc.load_model("<this folder>").predict(rows)`, over HTTP `mlflow models serve -m <this folder> --env-manager local`.
Other versions are refused in a sentence, and so is a file that is not what `{SUMS}` says. No train row is in here; trees, words,
categories and quantiles learned from them are.
"""


def series_card(
    contract: SeriesContract, digest: str, requirements: list[str], python: str, *, baseline: bool = False
) -> str:
    """Return the card of a model that forecasts, Markdown."""
    roles = {contract.timestamp: "the step", contract.label: "what is forecast: its history"}
    roles |= {contract.item: "tells series apart"} if contract.item else {}
    roles |= dict.fromkeys(contract.known_covariates, "known ahead") | dict.fromkeys(
        contract.past_covariates, "known afterwards"
    )
    columns = "\n".join(
        f"| {name} | {kind} | {roles[name]} | {'yes' if name in contract.needed else 'no'} |"
        for name, kind in contract.columns.items()
    )
    inputs = "\n".join(f"- {line}" for line in (*SERIES_INPUTS.values(), *as_written(contract)))
    note = BASELINE.format("repeats the last value") if baseline else ""
    fills = {
        None: "left to each of its models",
        "ffill": "the last value",
        "interpolate": "a line between its neighbours",
        "zero": "0",
    }
    return f"""# Model card

Predicts `{contract.label}` (forecasting): {contract.prediction_length} steps of {contract.freq} ahead. Digest {digest[:12]}.{note}

## What a row is

| column | kind | what it is | must be there |
|---|---|---|---|
{columns}

{inputs}

A step without a label is filled: {fills[contract.fill]}.

## What it answers

For every series a row for each of the {contract.prediction_length} steps after its last label: the step, the `mean`, and a column for each
quantile, such as `0.9`, below which that share of outcomes is to stay. The series are forecast together; where a model draws
samples, the draws, not what they are of, hang on the series beside. There are no `params`.

{where_it_runs(requirements, python)}"""
