"""Holding out test rows: by what a row says, never by where it stands."""

import numpy as np
import pandas as pd

from slipway.digests import row_digests


def is_test_row(table: pd.DataFrame, label: str | None, test_size: float, seed: int) -> pd.Series:
    """Choose the test rows: the same share of every class, drawn by the seed.

    Every class gives the rows whose digests are its lowest. A row's digest depends on its values and the seed alone,
    so the same rows in other files or another order are split the same way, and equal rows never part.

    Parameters
    ----------
    table
        The cleaned table, label included, of shape (rows, columns).
    label
        The column whose classes keep their shares; None for a regression.
    test_size
        The share of test rows, between 0 and 1.
    seed
        Another seed gives another split.

    Returns
    -------
    Series of bool, shape (rows,)
        True for a test row.
    """
    digests = row_digests(table, seed)
    classes = table[label] if label else pd.Series(0, index=table.index)
    ranks = digests.groupby(classes.to_numpy()).rank(method="max")
    sizes = classes.map(classes.value_counts())
    # One row of a class at least on either side.
    return ranks <= np.round(sizes * test_size).clip(1, np.maximum(1, sizes - 1))
