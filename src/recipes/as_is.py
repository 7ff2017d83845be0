"""Yours. No recipe: the raw columns go to AutoGluon as they are. A copy of this file is a recipe to begin with.

A recipe has two functions, and may lack either.

``clean(table)`` returns the rows to keep; columns and values stay as they are, and so does the index. A large table is
cleaned in batches, so it looks at each row by itself.

``features(settings)`` returns an unfitted scikit-learn transformer from raw columns (without the label) to features.
``settings`` holds data.recipe.options and the seed. The transformer is fitted on train rows alone, takes a DataFrame and
gives one with a row for each row. What it learns, it learns in ``fit``: a row's features never depend on the rows beside it.

Numbers and booleans come as float64, dates as datetime64[ns], texts as str, and what is missing as NaN or NaT. Text, dates
and columns of many values are best passed through: AutoGluon makes features of them. What a recipe does otherwise is
found by trying it on some rows, and refused before anything is written.
"""

from collections.abc import Mapping
from typing import Any

from sklearn.base import TransformerMixin
from sklearn.preprocessing import FunctionTransformer


def features(settings: Mapping[str, Any]) -> TransformerMixin:
    """Return an unfitted transformer that changes nothing."""
    return FunctionTransformer(feature_names_out="one-to-one").set_output(transform="pandas")
