"""Preparing a long table: every step of every series, the last ones of each held out, what is known ahead made to features."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slipway.preparation.recipe import (
    cleaned,
    columns_read,
    fitted,
    load_recipe,
    needed_columns,
    save_recipe,
    try_clean,
    try_features,
)
from slipway.project.data_settings import HorizonSplit
from slipway.project.entry import UserError
from slipway.project.files import move_folder, new_folder, write_text
from slipway.rows.contract import ContractError, seen_values, typed
from slipway.rows.series import ITEM, TIME, SeriesContract, learned_from
from slipway.rows.written import Written
from slipway.tables.findings import findings_report, stop_on_errors, what_became
from slipway.tables.inference import Fields
from slipway.tables.reading import read_raw_table

if TYPE_CHECKING:
    import pandas as pd

    from slipway.preparation.recipe import Recipe
    from slipway.project.settings import Params
    from slipway.rows.contract import Kind


def contract_of(params: "Params", kinds: "dict[str, Kind]", freq: str) -> SeriesContract:
    """Return what a table's settings and kinds say of its series; without seen values yet."""
    data, split = params.data, params.data.split
    assert isinstance(split, HorizonSplit)  # noqa: S101  for mypy: settings agree
    known, past = tuple(split.known_covariates), tuple(split.past_covariates)
    named = {split.timestamp, data.label, *known, *past}
    columns = {c: kind for c, kind in kinds.items() if c in named} | ({split.item: "text"} if split.item else {})
    in_order: dict[str, Kind] = {c: columns[c] for c in kinds if c in columns}
    needed = tuple(c for c in in_order if c not in past)
    return SeriesContract(
        in_order, {}, needed, data.label, data.task, (), None, split.item, split.timestamp, split.prediction_length, freq,
        known, past, split.fill,
    )  # fmt: skip


def received_rows(
    params: "Params", recipe: "Recipe", contract: SeriesContract, kinds: "dict[str, Kind]", fields: Fields
) -> "tuple[pd.DataFrame, Written]":
    """Return the typed raw rows that clean() keeps, with the contract's columns, and how the raw files write values."""
    with read_raw_table(Path("data/raw") / params.data.name, params.data.read, kinds, fields) as raw:
        table = typed(raw.relation.to_arrow_table().to_pandas(), kinds)
    try_clean(table, recipe)
    return typed(cleaned(table, recipe)[list(contract.columns)], contract.columns), Written(**raw.written)


def fit_features(
    recipe: "Recipe", params: "Params", contract: SeriesContract, train: "pd.DataFrame"
) -> tuple[Any, tuple[str, ...]]:
    """Fit a recipe on the train rows of what is known ahead; return it with the contract's columns that a request must have.

    What is known ahead are series, date and known covariates; of these covariates, those that features depend on are needed.
    """
    read = [c for c in contract.columns if c not in (contract.label, *contract.past_covariates)]
    known = train.rename(columns={TIME: contract.timestamp} | ({ITEM: contract.item} if contract.item else {}))
    features = fitted(recipe, {**params.data.recipe.options, "seed": params.seed}, known[read], train[contract.label])
    try_features(features, known[read], recipe, (contract.label, *contract.past_covariates))
    covariates = columns_read(features, contract.known_covariates)
    used = needed_columns(features, known[read], covariates)
    return features, tuple(c for c in contract.needed if c not in contract.known_covariates or c in used)


def prepare_series(params: "Params", profile: dict[str, Any]) -> None:
    """Write what the stage dataprep does for a long table.

    The split has every step of every series, with its raw columns: ``train`` without the last ones, ``test`` with them,
    for a forecast needs the history before it. ``prepared`` has what the search reads of the train rows.
    """
    kinds = {column: says["kind"] for column, says in profile["columns"].items()}
    contract, recipe = contract_of(params, kinds, profile["series"]["freq"]), load_recipe(params.data.recipe.name)
    rows, written = received_rows(params, recipe, contract, kinds, Fields(**profile["fields"]))
    try:
        history, _ = contract.parted(rows)
    except ContractError as error:
        raise UserError(
            f"Got rows after clean() in {recipe} that are no series: {error} Edit it, or look into data/raw/{params.data.name}."
        ) from error
    left = history.groupby(ITEM, sort=False).cumcount(ascending=False)
    train = history[left >= contract.prediction_length].reset_index(drop=True)
    gone = sorted(set(history[ITEM]) - set(train[ITEM]))
    if gone:
        raise UserError(
            f"Got {len(gone)} series of at most {contract.prediction_length} steps after clean(), such as {gone[0]!r}, expected "
            f"longer ones. Edit {recipe}."
        )
    features, needed = fit_features(recipe, params, contract, train)
    read = [*needed, *contract.past_covariates]
    stop_on_errors(profile["findings"], read)
    seen = {
        c: seen_values(train[TIME if c == contract.timestamp else ITEM if c == contract.item else c], kind)
        for c, kind in contract.columns.items()
    }
    contract = replace(contract, seen=seen, needed=needed, written=written)
    prepared = learned_from(features, contract, train)
    names = {TIME: contract.timestamp} | ({ITEM: contract.item} if contract.item else {})
    raw = {"train": train, "test": history, "validation": train[:0]}
    tables = {f"split/{part}": table.rename(columns=names)[list(contract.columns)] for part, table in raw.items()}
    tables |= {
        "prepared/train": prepared,
        "prepared/validation": prepared[:0],
        "prepared/test": learned_from(features, contract, history),
    }
    with new_folder(Path("data/.dataprep")) as scratch:
        for name, table in tables.items():
            (scratch / name).parent.mkdir(exist_ok=True)
            table.to_parquet(scratch / f"{name}.parquet", index=False)
        for outs in ("split", "prepared"):
            move_folder(scratch / outs, Path("data") / outs)
    save_recipe(features, Path("models/recipe/recipe.pkl"))
    contract.save(Path("models/recipe/contract.json"))
    write_text(Path("reports/findings.md"), findings_report(profile["findings"], read))
    empty = int(train[contract.label].isna().sum())
    series = history[ITEM].nunique()
    print(
        f"dataprep: {series} series, {len(train)} steps of {contract.freq} for training"
        f"{f', {empty} of them without a value' * bool(empty)}, the last {contract.prediction_length} of each for testing; "
        f"{len(prepared.columns) - 3 - len(contract.past_covariates)} features known ahead, {len(contract.past_covariates)} known afterwards"
    )
    for line in what_became(profile["findings"], read):
        print(f"dataprep: {line}")
