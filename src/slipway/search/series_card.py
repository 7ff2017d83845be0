"""The model card of a model that forecasts: what it takes, what it answers; the README of its folder."""

from slipway.rows.series import SeriesContract
from slipway.search.card import where_it_runs

# What a caller can rely on, a line each; tests/test_series.py has a test of each, by these names.
INPUTS = {
    "history": "A request holds the history of one series or of many, a row for each step, in any order.",
    "ahead": "Rows after the last one with a label are steps to come; their label is null. Without known covariates they may be left out.",
    "known": "Of known covariates, the steps to come have a row each, in full; one that is missing is refused with its step.",
    "gaps": "Steps in the middle may be absent or without a label.",
    "step": "Two rows of one step, and dates that are no step, are refused with their step.",
    "nothing": "A series without any label is refused with its name.",
    "values": "Numbers, texts, booleans and dates may be written in all ways that models of rows take: ` 29.5 `, `yes`, ISO 8601.",
    "extra": "Columns that are not listed are ignored; the log says so once.",
}


def series_card(contract: SeriesContract, digest: str, requirements: list[str], python: str) -> str:
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
    inputs = "\n".join(f"- {line}" for line in INPUTS.values())
    fills = {
        None: "left to each of its models",
        "ffill": "the last value",
        "interpolate": "a line between its neighbours",
        "zero": "0",
    }
    return f"""# Model card

Predicts `{contract.label}` (forecasting): {contract.prediction_length} steps of {contract.freq} ahead. Digest {digest[:12]}.

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
