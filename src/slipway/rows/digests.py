"""Digests of rows, for what must hang on a row's values and the seed alone. Travels inside the model."""

import numpy as np
import pandas as pd


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
