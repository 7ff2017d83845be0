"""Ready pieces for recipes where scikit-learn has none. Travels inside the model."""

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted


def row_digests(table: pd.DataFrame, seed: int) -> pd.Series:
    """Return a 64-bit digest of every row of a table of shape (rows, columns).

    It depends on the row's values, taken in the order of the columns' names, and on the seed, not on how rows or columns
    are ordered. A whole number counts as another value in a column of integers than in one of floats. The seed is stirred in by splitmix64's finaliser, of which every output bit hangs on every input bit (Steele, Lea, Flood:
    Fast splittable pseudorandom number generators, OOPSLA 2014); pandas' own key would only reach texts.
    """
    columns = table[sorted(table.columns)]
    z = pd.util.hash_pandas_object(columns, index=False).to_numpy()
    z = z + np.uint64(seed * 0x9E3779B97F4A7C15 % 2**64)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return pd.Series(z ^ (z >> np.uint64(31)), index=table.index)


class DrawFromPresent(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Fill missing numbers with draws from the present ones.

    A draw depends on the seed and on the row's own values: the same row gets the same fill, alone or among others,
    while different rows follow the distribution of the train rows' present values.

    Parameters
    ----------
    columns
        The columns to fill; the others of the table only tell rows apart.
    seed
        Another seed gives other draws.

    Attributes
    ----------
    present_
        Column → its present train values, sorted, of shape (present,). A column without any stays unfilled.
    """

    def __init__(self, columns: list[str], seed: int = 0) -> None:
        self.columns = columns
        self.seed = seed

    def fit(self, X: pd.DataFrame, y: Any = None) -> Self:
        """Remember the present values of each column of the table of shape (rows, columns)."""
        self.feature_names_in_ = np.asarray(X.columns, dtype=object)
        self.n_features_in_ = X.shape[1]
        self.present_ = {column: np.sort(X[column].dropna().to_numpy(dtype=float)) for column in self.columns}
        return self

    def transform(self, X: pd.DataFrame) -> pd.DataFrame:
        """Return the table with every missing value of the columns filled."""
        check_is_fitted(self)
        table = X.copy()
        for column, values in self.filled({str(name): values.to_numpy() for name, values in X.items()}).items():
            table[column] = values
        return table

    def filled(self, table: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return the columns that had missing values, filled; a table is its columns' arrays here, each of shape (rows,)."""
        found = {}
        for place, column in enumerate(self.columns):
            missing, present = pd.isna(table[column]), self.present_[column]
            if missing.any() and len(present):
                gaps = pd.DataFrame({name: values[missing] for name, values in table.items()}, copy=False)
                digests = row_digests(gaps, self.seed * len(self.columns) + place).to_numpy()
                found[column] = table[column].copy()
                found[column][missing] = present[digests % np.uint64(len(present))]
        return found
