"""A fitted recipe without scikit-learn's wrapping of tables between its steps: the same ones, in the same order.

Half of what a recipe of ColumnTransformers takes for a row goes into that, and as much of what it takes for many. What
has no quick way is asked as it is; if the features of one of the rows tried differ, all is. Travels inside the model.
"""

import math
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from sklearn.base import TransformerMixin

# Of so few values each is looked up by itself.
FEW_ROWS = 16

Step = Callable[[pd.DataFrame], Any]


class QuickRecipe:
    """A fitted recipe that is quick.

    Parameters
    ----------
    recipe
        What it does the same as.
    rows
        Typed rows to compare the features on: all together, a few, and some by themselves.
    """

    def __init__(self, recipe: "TransformerMixin", rows: pd.DataFrame) -> None:
        self.recipe = recipe
        alone = (slice(row, row + 1) for row in range(0, len(rows), len(rows) // 4 + 1))
        places = (slice(None), slice(0, FEW_ROWS), *alone)
        expected = [recipe.transform(rows[place]) for place in places]
        try:
            self._quick = _way(recipe)
            same = all(_same(self._quick(rows[place]), one) for place, one in zip(places, expected, strict=True))
        except Exception:  # noqa: BLE001  what the recipe answers itself is answered by the recipe
            same = False
        if not same:
            self._quick = recipe.transform

    def transform(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Return the features of typed rows, or raise what the recipe raises."""
        try:
            return self._quick(rows)
        except Exception:  # noqa: BLE001  as above
            return self.recipe.transform(rows)


def _same(got: Any, expected: pd.DataFrame) -> bool:
    return isinstance(got, pd.DataFrame) and got.dtypes.equals(expected.dtypes) and got.equals(expected)


def _way(step: Any) -> Step:
    """Return a fitted transformer's transform, without what scikit-learn does around it where that is known."""
    from sklearn.compose import ColumnTransformer
    from sklearn.pipeline import Pipeline

    if type(step) is Pipeline and "passthrough" not in [part for _, part in step.steps]:
        ways = [_way(part) for _, part in step.steps]
        return lambda rows: _chained(ways, rows)
    if type(step) is ColumnTransformer:
        return _columns(step)
    return step.transform


def _chained(ways: list[Step], rows: Any) -> Any:
    for way in ways:
        rows = way(rows)
    return rows


def _columns(step: Any) -> Step:
    """Return what a ColumnTransformer does: each part on its columns, the features side by side."""
    names = list(step.get_feature_names_out())
    parts = [
        (
            columns,
            None if _is_identity(part) else _by_column(part) or _bare(part),
            where,
        )
        for (name, part, columns) in step.transformers_
        for where in [names[step.output_indices_[name]]]
        if where
    ]
    if not all(isinstance(c, list) and all(isinstance(name, str) for name in c) for c, _, _ in parts):
        return step.transform

    def transform(rows: pd.DataFrame) -> pd.DataFrame:
        features: dict[str, Any] = {}
        for columns, part, where in parts:
            if part is None or isinstance(part, list):
                values: Any = [rows[column].to_numpy() for column in columns]
                values = [one(value) for one, value in zip(part, values, strict=True)] if part else values
            else:
                made = part(rows[columns])
                values = made.T if isinstance(made, np.ndarray) else [column for _, column in made.items()]
            features.update(zip(where, values, strict=True))
        return pd.DataFrame(features, index=rows.index)

    return transform


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


def _bare(part: Any) -> Step:
    """Return scikit-learn's own transform as it was before set_output wrapped it: it gives an array."""
    bare = getattr(type(part).transform, "__wrapped__", None)
    if bare is None or not type(part).__module__.startswith("sklearn.preprocessing"):
        return _way(part)
    return lambda rows: bare(part, rows)
