"""A fitted recipe without scikit-learn's wrapping of tables between its steps: the same ones, in the same order.

Half of what a recipe of ColumnTransformers takes for a row goes into that, and as much of what it takes for many. What
has no quick way is asked as it is; if the features of one of the rows tried differ, all is. Travels inside the model.
"""

import math
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial, reduce
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from sklearn.base import TransformerMixin

# Of so few values each is looked up by itself.
FEW_ROWS = 16

# Columns by their names, each an array of shape (rows,).
Columns = dict[str, Any]
Step = Callable[[Columns], Columns]


class QuickRecipe:
    """A fitted recipe that is quick.

    Parameters
    ----------
    recipe
        What it does the same as.
    rows
        Typed rows to compare the features on: all together, a few, and some by themselves.

    Attributes
    ----------
    is_quick
        Whether the recipe has steps that are known to go without its wrapping, and that gives its features.
    """

    def __init__(self, recipe: "TransformerMixin", rows: pd.DataFrame) -> None:
        self.recipe = recipe
        alone = (slice(row, row + 1) for row in range(0, len(rows), len(rows) // 4 + 1))
        places = (slice(None), slice(0, FEW_ROWS), *alone)
        expected = [recipe.transform(rows[place]) for place in places]
        self.is_quick = False
        with suppress(Exception):  # what the recipe answers itself is answered by the recipe
            if step := _way(recipe):
                self._step = step
                self.is_quick = all(_same(self._quick(rows[p]), one) for p, one in zip(places, expected, strict=True))

    def transform(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Return the features of typed rows, or raise what the recipe raises."""
        if self.is_quick:
            with suppress(Exception):  # as above
                return self._quick(rows)
        return self.recipe.transform(rows)

    def features(self, columns: Columns) -> Columns:
        """Return the features of typed columns, where the recipe is quick; what goes wrong, `transform` has a word for."""
        return self._step(columns)

    def _quick(self, rows: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame(self._step(columns_of(rows)), index=rows.index)


def _same(got: pd.DataFrame, expected: Any) -> bool:
    return isinstance(expected, pd.DataFrame) and got.dtypes.equals(expected.dtypes) and got.equals(expected)


def columns_of(table: pd.DataFrame) -> Columns:
    """Return a table's columns as arrays, where its types are NumPy's."""
    columns = {str(name): values for name, values in table.items()}
    return {
        n: values.to_numpy() if isinstance(values.dtype, np.dtype) else values.array for n, values in columns.items()
    }


def _way(step: Any) -> Step | None:
    """Return a fitted transformer's transform without what scikit-learn does around it; None where that is not known."""
    from sklearn.compose import ColumnTransformer
    from sklearn.pipeline import Pipeline

    from slipway.rows.transformers import DrawFromPresent

    if type(step) is Pipeline and "passthrough" not in [part for _, part in step.steps]:
        return _chain([part for _, part in step.steps])
    if _is_identity(step):
        return lambda columns: columns
    if type(step) is DrawFromPresent:
        return lambda columns: columns | step.filled(columns)
    return _columns(step) if type(step) is ColumnTransformer else None


def _chain(steps: list[Any]) -> Step | None:
    """Return what steps do one after the other: as columns where that is known, and on one table what is between."""
    known = [_way(step) for step in steps]
    ways: list[Step] = []
    for is_known, same in groupby(zip(steps, known, strict=True), key=lambda one: one[1] is not None):
        group = list(same)
        ways += [way for _, way in group if way] if is_known else [partial(_by_table, [step for step, _ in group])]
    return (lambda columns: reduce(lambda so_far, way: way(so_far), ways, columns)) if any(known) else None


def _by_table(steps: list[Any], columns: Columns) -> Columns:
    return columns_of(reduce(lambda table, step: step.transform(table), steps, pd.DataFrame(columns)))


def _columns(step: Any) -> Step | None:
    """Return what a ColumnTransformer does: each part on its columns, the features side by side."""
    names = list(step.get_feature_names_out())
    parts = [
        (taken, _parallel(part), where)
        for (name, part, taken) in step.transformers_
        for where in [names[step.output_indices_[name]]]
        if where
    ]
    if not all(isinstance(c, list) and all(isinstance(name, str) for name in c) for c, _, _ in parts):
        return None

    def transform(columns: Columns) -> Columns:
        features: Columns = {}
        for taken, part, where in parts:
            features.update(zip(where, part({name: columns[name] for name in taken}), strict=True))
        return features

    return transform


def _parallel(part: Any) -> Callable[[Columns], Iterable[Any]]:
    """Return what a part of a ColumnTransformer makes of its columns: features, whose names are the ColumnTransformer's."""
    if _is_identity(part):
        return dict.values
    if ways := _by_column(part):
        return lambda columns: [way(values) for way, values in zip(ways, columns.values(), strict=True)]
    # scikit-learn's own transform as it was before set_output wrapped it: it gives an array
    bare = getattr(type(part).transform, "__wrapped__", None)
    if bare and type(part).__module__.startswith("sklearn.preprocessing"):
        return lambda columns: bare(part, pd.DataFrame(columns)).T
    way = _way(part) or partial(_by_table, [part])
    return lambda columns: way(columns).values()


def _is_identity(part: Any) -> bool:
    from sklearn.preprocessing import FunctionTransformer

    return type(part) is FunctionTransformer and part.func is None and not part.validate


def _by_column(part: Any) -> list[Any] | None:
    """Return what bins and integers for categories are, column by column; None for every other transformer."""
    from sklearn.preprocessing import KBinsDiscretizer, OrdinalEncoder

    if type(part) is KBinsDiscretizer and part.encode == "ordinal" and part.dtype is None:
        return [partial(_binned, edges[1:-1]) for edges in part.bin_edges_]
    if type(part) is not OrdinalEncoder or part.handle_unknown != "use_encoded_value":
        return None
    if part.min_frequency is not None or part.max_categories is not None:
        return None
    if not all(categories.dtype.kind in "Oifu" for categories in part.categories_):  # dates' tolist() gives numbers
        return None
    ways = []
    for categories in part.categories_:
        codes = {category: code for code, category in enumerate(categories.tolist()) if not _is_nan(category)}
        has_missing = len(codes) < len(categories)
        missing = part.encoded_missing_value if has_missing else part.unknown_value
        ways.append(partial(_encoded, codes, part.unknown_value, missing, part.dtype))
    return ways


def _is_nan(value: Any) -> bool:
    return type(value) is float and math.isnan(value)


def _binned(edges: np.ndarray, values: np.ndarray) -> np.ndarray:
    if not np.isfinite(values).all():
        raise ValueError("Input X contains NaN or infinity.")
    return np.searchsorted(edges, values, side="right").astype("float64")


def _encoded(codes: dict[Any, int], unknown: Any, missing: Any, dtype: Any, values: np.ndarray) -> np.ndarray:
    if values.dtype.kind == "f" and np.isinf(values).any():
        raise ValueError("Input X contains infinity.")
    if len(values) <= FEW_ROWS:
        few = [missing if _is_nan(value) else codes.get(value, unknown) for value in values.tolist()]
        return np.array(few, dtype=dtype)
    places = pd.Index(list(codes)).get_indexer(values)
    found = np.array([*codes.values(), unknown], dtype=dtype)[places]  # the last one is at -1
    absent = (places < 0).nonzero()[0]
    found[absent[[_is_nan(value) for value in values[absent].tolist()]]] = missing
    return found
