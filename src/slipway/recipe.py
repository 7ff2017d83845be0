"""The user's recipe for one table: found by name, tried, fitted on the train rows alone."""

import importlib
import pickle
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from slipway.contract import Kind
from slipway.entry import UserError
from slipway.files import whole_file

if TYPE_CHECKING:
    from sklearn.base import TransformerMixin


def load_recipe(
    name: str,
) -> tuple[Callable[[pd.DataFrame], pd.DataFrame], "Callable[[Mapping[str, Any]], TransformerMixin]"]:
    """Return a recipe's two functions, ``clean`` and ``features``.

    Raises
    ------
    UserError
        There is no such recipe, or it lacks a function.
    """
    try:
        module = importlib.import_module(f"recipes.{name}")
    except ModuleNotFoundError as error:
        if error.name != f"recipes.{name}":
            raise
        raise UserError(
            f"Got data.recipe.name={name!r}, expected a file src/recipes/{name}.py. Write one, or take as_is."
        ) from error
    for function in ("clean", "features"):
        if not callable(getattr(module, function, None)):
            raise UserError(f"Got src/recipes/{name}.py without a function {function}(), expected one as in as_is.py.")
    return module.clean, module.features


def cleaned(table: pd.DataFrame, clean: Callable[[pd.DataFrame], pd.DataFrame], name: str) -> pd.DataFrame:
    """Return the rows that a recipe keeps, after checking that it changed nothing else."""
    kept = clean(table.copy())
    if list(kept.columns) != list(table.columns):
        raise UserError(
            f"Got other columns from clean() in src/recipes/{name}.py than it was given, expected it to drop rows only; "
            "what changes a column belongs into features()."
        )
    known = kept.index.is_unique and kept.index.isin(table.index).all()
    if not known or not kept.equals(table.loc[kept.index]):
        raise UserError(
            f"Got other values from clean() in src/recipes/{name}.py than it was given, expected it to drop rows only; "
            "what changes a column belongs into features()."
        )
    return kept


def needed_columns(recipe: "TransformerMixin", table: pd.DataFrame, kinds: Mapping[str, Kind]) -> tuple[str, ...]:
    """Return the columns that the features depend on.

    Each is blanked and shuffled in up to 200 rows, spread over those in which it has a value: in the first rows of a
    table that is sorted, a column that is often missing may have none.
    """
    needed = []
    for column in kinds:
        present = table[column].notna().to_numpy().nonzero()[0]
        sample = table.iloc[present[:: len(present) // 200 + 1]]
        if sample.empty:
            continue
        features = recipe.transform(sample)
        blank = sample.assign(**{column: sample[column].where(lambda values: values.isna())})
        shuffled = sample.assign(**{column: sample[column].to_numpy()[::-1]})
        if not (recipe.transform(blank).equals(features) and recipe.transform(shuffled).equals(features)):
            needed.append(column)
    return tuple(needed)


def save_recipe(recipe: "TransformerMixin", path: Path) -> None:
    """Write a fitted recipe, byte for byte the same for the same fit."""
    with whole_file(path) as part:
        part.write_bytes(pickle.dumps(recipe, protocol=5))
