"""The user's recipe for one table: found by name, tried on a sample, fitted on train rows alone."""

import ast
import importlib.util
import pickle
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from slipway.project.entry import UserError
from slipway.project.files import whole_file

if TYPE_CHECKING:
    from types import ModuleType

    import numpy as np
    from sklearn.base import TransformerMixin

# How many rows a recipe is tried on, and how many of them one by one.
TRIED_ROWS = 200
TRIED_ALONE = 10


@dataclass(frozen=True)
class Recipe:
    """What src/recipes/<name>.py has: either function may be missing."""

    name: str
    clean: Callable[[pd.DataFrame], pd.DataFrame] | None
    features: "Callable[[Mapping[str, Any]], TransformerMixin] | None"

    def __str__(self) -> str:
        return f"src/recipes/{self.name}.py"


def load_recipe(name: str) -> Recipe:
    """Return a recipe by its name.

    Raises
    ------
    UserError
        There is no such recipe, it imports what no model carries, or ``clean`` or ``features`` in it is no function.
    """
    try:
        module = importlib.import_module(f"recipes.{name}")
    except ModuleNotFoundError as error:
        if error.name != f"recipes.{name}":
            raise
        raise UserError(
            f"Got data.recipe.name={name!r}, expected a file src/recipes/{name}.py. Write one, or take as_is."
        ) from error
    recipe = Recipe(name, getattr(module, "clean", None), getattr(module, "features", None))
    if beside := [one for one in _imports(module) if not one.startswith("slipway.rows") and _in_project(one)]:
        raise UserError(
            f"Got an import of {beside[0]} in {recipe}, a file of the project that models don't carry, expected imports of "
            "installed packages and slipway.rows alone. Write what it has into the recipe's own file."
        )
    for function in ("clean", "features"):
        if not (getattr(recipe, function) is None or callable(getattr(recipe, function))):
            raise UserError(f"Got {function} in {recipe} that is no function, expected one as as_is.py says, or none.")
    return recipe


def _imports(module: "ModuleType") -> list[str]:
    """Return the full names of what a module's file imports, inside of functions too."""
    file = getattr(module, "__file__", None)
    nodes = list(ast.walk(ast.parse(Path(file).read_bytes()))) if file else []
    found = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    for node in nodes:
        if isinstance(node, ast.ImportFrom):
            name = importlib.util.resolve_name("." * node.level + (node.module or ""), "recipes")
            found += [f"{name}.{alias.name}" for alias in node.names]
    return found


def _in_project(name: str) -> bool:
    """Return whether what has a name is one of the project's files, and not installed, be it into the project's folder."""
    project, spec = Path(__file__).resolve().parents[3], importlib.util.find_spec(name.partition(".")[0])
    places = [*(spec.submodule_search_locations or []), spec.origin or ""] if spec else []
    installed = Path(sys.prefix).resolve()
    found = [Path(place).resolve() for place in places if Path(place).is_absolute()]
    return any(place.is_relative_to(project) and not place.is_relative_to(installed) for place in found)


def cleaned(table: pd.DataFrame, recipe: Recipe) -> pd.DataFrame:
    """Return the rows that a recipe's clean() keeps, after checking that it changed nothing else."""
    if recipe.clean is None:
        return table
    kept = recipe.clean(table.copy())
    belongs = "expected it to drop rows only; what changes a column belongs into features()."
    if not isinstance(kept, pd.DataFrame):
        raise UserError(
            f"Got {type(kept).__name__} from clean() in {recipe}, expected the DataFrame with the rows to keep."
        )
    if list(kept.columns) != list(table.columns):
        raise UserError(f"Got other columns from clean() in {recipe} than it was given, {belongs}")
    if not (kept.index.is_unique and kept.index.isin(table.index).all() and kept.equals(table.loc[kept.index])):
        raise UserError(f"Got other values from clean() in {recipe} than it was given, {belongs}")
    return kept


def try_clean(table: pd.DataFrame, recipe: Recipe) -> None:
    """Refuse a clean() that decides about a row by the rows beside it: a large table is cleaned in batches."""
    sample = table.head(TRIED_ROWS)
    half = len(sample) // 2
    pieces = [sample.iloc[:half], sample.iloc[half:], *(sample.iloc[[place]] for place in _places(sample))]
    kept = set(cleaned(sample, recipe).index)
    for piece in pieces:
        if set(cleaned(piece, recipe).index) != kept & set(piece.index):
            raise UserError(
                f"Got other rows from clean() in {recipe} for a piece of the table than for the whole, expected it to look at "
                "each row by itself. Whatever needs the other rows too, such as duplicates, belongs before the raw table."
            )


def fitted(recipe: Recipe, settings: Mapping[str, Any], rows: pd.DataFrame, label: pd.Series) -> "TransformerMixin":
    """Return a recipe's features() fitted on typed train rows without their label.

    Raises
    ------
    UserError
        They need the label, or are no transformer that gives a DataFrame with a row for each row.
    """
    if recipe.features is None:
        from sklearn.preprocessing import FunctionTransformer

        return FunctionTransformer(feature_names_out="one-to-one").set_output(transform="pandas").fit(rows)
    features = recipe.features(settings)
    if not (hasattr(features, "fit") and hasattr(features, "transform")):
        raise UserError(f"Got {features!r} from features() in {recipe}, expected an unfitted scikit-learn transformer.")
    try:
        features.fit(rows).transform(rows.head(TRIED_ROWS))
    except Exception as error:
        if not _fits_with_label(recipe, settings, rows, label):
            raise
        raise UserError(
            f"Got features() in {recipe} that do not work without the label {label.name!r}, expected features of the "
            "other columns alone: the label is not there when the model is asked. Take it out."
        ) from error
    return features


def try_features(features: "TransformerMixin", rows: pd.DataFrame, recipe: Recipe, beside: Collection[str]) -> None:
    """Refuse fitted features that are no table, or differ between a row by itself and among others.

    None may have the name of a column that is put beside them, as the label is.
    """
    sample = rows.head(TRIED_ROWS)
    try:  # as a server asks, which has threads: sklearn.set_config() is of the one that says it
        with ThreadPoolExecutor(1) as server:
            whole = server.submit(features.transform, sample).result()
    except Exception as error:
        features.transform(sample)  # a bug keeps its traceback
        raise UserError(
            f"Got features() in {recipe} that work in one thread alone ({' '.join(str(error).split())[:160]}), expected them to work "
            'in those of a server too. Say .set_output(transform="pandas") in place of sklearn.set_config().'
        ) from error
    if not isinstance(whole, pd.DataFrame) or len(whole) != len(sample):
        got = f"{len(whole)} rows" if isinstance(whole, pd.DataFrame) else type(whole).__name__
        raise UserError(
            f"Got {got} from the transformer of features() in {recipe} for {len(sample)} rows, expected a DataFrame with a row "
            'for each; .set_output(transform="pandas") makes one.'
        )
    if taken := sorted(set(beside) & set(whole.columns)):
        raise UserError(
            f"Got a feature {taken[0]!r} from features() in {recipe}, expected a name that no other column has."
        )
    for place in _places(sample):
        alone, among = features.transform(sample.iloc[[place]]), whole.iloc[[place]]
        same_columns = list(alone.columns) == list(among.columns)
        odd = _differing(alone, among) if same_columns else ["other columns"]
        if odd:
            raise UserError(
                f"Got other features ({', '.join(odd)}) from features() in {recipe} for a row by itself than among other rows, "
                "expected the same: a model is asked about single rows. Learn in fit(), apply in transform() what was learned."
            )


def columns_read(features: "TransformerMixin", columns: Sequence[str]) -> list[str]:
    """Return the columns that fitted features can read: what a ColumnTransformer at their head takes; otherwise all."""
    from sklearn.compose import ColumnTransformer
    from sklearn.pipeline import Pipeline

    head = features.steps[0][1] if isinstance(features, Pipeline) else features
    if not isinstance(head, ColumnTransformer):
        return list(columns)
    taken = [names for _, step, names in head.transformers_ if not (isinstance(step, str) and step == "drop")]
    if not all(isinstance(names, list) and all(isinstance(name, str) for name in names) for names in taken):
        return list(columns)
    return [column for column in columns if any(column in names for names in taken)]


def needed_columns(features: "TransformerMixin", rows: pd.DataFrame, columns: Sequence[str]) -> tuple[str, ...]:
    """Return those of some columns that features depend on.

    Each is blanked and shuffled in some rows, spread over those in which it has a value: in the first rows of a table
    that is sorted, a column that is often missing may have none. Where that changes nothing, so it is in rows of its
    rarest values, its commonest and its extremes: features may be of one value alone.
    """

    def matters(column: str, places: "np.ndarray") -> bool:
        sample = rows.iloc[places]
        as_is = features.transform(sample)
        blank = sample.assign(**{column: sample[column].where(lambda values: values.isna())})
        shuffled = sample.assign(**{column: sample[column].to_numpy()[::-1]})
        return not (features.transform(blank).equals(as_is) and features.transform(shuffled).equals(as_is))

    needed = []
    for column in columns:
        present = rows[column].notna().to_numpy().nonzero()[0]
        spread = present[:: len(present) // TRIED_ROWS + 1]
        if len(present) and (matters(column, spread) or matters(column, present[_notable(rows[column].iloc[present])])):
            needed.append(column)
    return tuple(needed)


def save_recipe(features: "TransformerMixin", path: Path) -> None:
    """Write fitted features, byte for byte the same for the same fit."""
    with whole_file(path) as part:
        part.write_bytes(pickle.dumps(features, protocol=5))


def _notable(values: pd.Series) -> "np.ndarray":
    """Return where values, none missing, have their rarest, their commonest, the lowest and the highest first."""
    import numpy as np

    codes, _ = pd.factorize(values)
    first = np.flatnonzero(np.diff(np.maximum.accumulate(codes), prepend=-1))  # codes count in order of appearance
    by_count = np.argsort(np.bincount(codes), kind="stable")
    picked = first[np.concatenate([by_count[:TRIED_ROWS], by_count[-TRIED_ROWS:]])]
    ends = [] if values.dtype == object else [values.to_numpy().argmin(), values.to_numpy().argmax()]
    return np.unique([*picked, *ends])


def _places(sample: pd.DataFrame) -> range:
    """Return where the rows stand that are tried one by one."""
    return range(0, len(sample), max(1, len(sample) // TRIED_ALONE))


def _fits_with_label(recipe: Recipe, settings: Mapping[str, Any], rows: pd.DataFrame, label: pd.Series) -> bool:
    assert recipe.features is not None  # noqa: S101  for mypy: it was called before
    for table, y in ((rows.assign(**{str(label.name): label}), None), (rows, label)):
        try:
            recipe.features(settings).fit(table, y).transform(table.head(TRIED_ROWS))
        except Exception:  # noqa: BLE001, S112  whatever it is, the first error is the one that is shown
            continue
        return True
    return False


def _differing(alone: pd.DataFrame, among: pd.DataFrame) -> list[str]:
    """Return the columns of two one-row tables that differ by more than the order of a sum makes."""
    import numpy as np

    odd = []
    for column in among.columns:
        one, other = alone[column].iloc[0], among[column].iloc[0]
        same = one is other or bool(pd.isna(one) and pd.isna(other)) or one == other
        if not same and isinstance(one, float) and isinstance(other, float):
            same = bool(np.isclose(one, other, rtol=1e-9, atol=1e-12))
        if not same:
            odd.append(str(column))
    return odd
