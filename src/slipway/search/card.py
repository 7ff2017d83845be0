"""The model card: what a model predicts, from what, and how it is asked; the README of its folder."""

from slipway.rows.contract import FALSE, TRUE, Contract
from slipway.serving.answers import params_for
from slipway.serving.whole import SUMS

# What a caller can rely on, a line each; tests/test_portable.py has a test of each, by these names.
INPUTS = {
    "missing": "Any value may be missing: null, NaN, an empty field, or an empty text where no text belongs.",
    "order": "Columns come in any order.",
    "extra": "Columns that are not listed are ignored; the log says so once.",
    "absent": "A column that must be there and is not is refused by its name; the others may be left out.",
    "number": "A number may be an integer, a float, a boolean or a text such as ` 29.5 ` or `1e3`.",
    "boolean": f"A boolean may be true or false, or in any case one of {', '.join(sorted(TRUE | FALSE))}.",
    "datetime": "A datetime is an ISO 8601 text or a timestamp; with a zone it is put into UTC, without one it is taken as UTC.",
    "text": "A text that no train row had is taken as unknown; a whole number in a text's place is its digits, a list or an object is refused.",
    "misfit": "Any other value is refused, with the column's name and what was expected; no row of the request is answered then.",
    "rows": "A request has no row, one, or a million; a row's answer does not depend on the rows beside it.",
}


def card(contract: Contract, digest: str, requirements: list[str], python: str) -> str:
    """Return the card of a model, Markdown."""
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
    inputs = "\n".join(f"- {line}" for line in INPUTS.values())
    return f"""# Model card

Predicts `{contract.label}` ({kind}). Digest {digest[:12]}.

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
