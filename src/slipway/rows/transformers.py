"""Ready pieces for recipes where scikit-learn has none. Travels inside the model."""

from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from slipway.rows.digests import row_digests


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
        filled = X.copy()
        for place, column in enumerate(self.columns):
            missing = X[column].isna()
            present = self.present_[column]
            if missing.any() and len(present):
                digests = row_digests(X[missing], self.seed * len(self.columns) + place).to_numpy()
                filled.loc[missing, column] = present[digests % np.uint64(len(present))]
        return filled
