"""Digests hang on what rows say and the seed, never on where rows stand."""

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from slipway.rows.transformers import row_digests

FEW = settings(max_examples=40, deadline=None)  # pandas takes milliseconds per table, more on a busy machine
SEEDS = st.integers(0, 2**31 - 1)
ROW = st.tuples(
    st.sampled_from(["died", "saved"]),
    st.floats(0, 100) | st.just(float("nan")),
    st.sampled_from(["S", "C", None]),
)
TABLES = st.lists(ROW, min_size=1, max_size=40).map(lambda rows: pd.DataFrame(rows, columns=["label", "age", "port"]))
UNIQUE = st.tuples(st.integers(2, 30), st.integers(2, 30)).map(
    lambda n: pd.DataFrame({"label": ["a"] * n[0] + ["b"] * n[1], "id": range(sum(n))})
)


@FEW
@given(TABLES, SEEDS, st.randoms(use_true_random=False))
def test_digest_moves_with_its_row(table, seed, random):
    """A row keeps its digest in another order of rows and of columns, and in a part of the table."""
    digests = row_digests(table, seed)
    order = list(table.index)
    random.shuffle(order)
    moved = row_digests(table.loc[order[: len(order) // 2 + 1], ["port", "age", "label"]], seed)
    assert moved.equals(digests.loc[moved.index])


def test_digest_hangs_on_every_value_and_the_seed():
    """Another value in any column, or another seed, gives another digest, for numbers as for texts."""
    table = pd.DataFrame({"age": [29.0], "port": ["S"]})
    others = [
        row_digests(table, 0),
        row_digests(table, 1),
        row_digests(table.assign(age=29.5), 0),
        row_digests(table.assign(age=np.nan), 0),
        row_digests(table.assign(port="C"), 0),
        row_digests(table.assign(port=None), 0),
        row_digests(table.drop(columns="port"), 1),
        row_digests(table.drop(columns="port"), 2),
    ]
    assert len({int(digest.iloc[0]) for digest in others}) == len(others)


def test_digests_spread_evenly():
    """Digests fill 64 bits evenly: what is drawn by them follows no pattern of the values."""
    digests = row_digests(pd.DataFrame({"n": range(4000)}), 1).to_numpy()
    tenths = np.bincount((digests // np.uint64(2**64 // 10 + 1)).astype(int), minlength=10)
    assert tenths.min() > 330
    assert tenths.max() < 470
    lasts = np.bincount((digests % np.uint64(10)).astype(int), minlength=10)
    assert lasts.min() > 330
