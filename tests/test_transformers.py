"""Drawing missing numbers from the present ones: seeded, and row by row."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.utils.estimator_checks import check_no_attributes_set_in_init

from slipway.rows.transformers import DrawFromPresent

FEW = settings(max_examples=40, deadline=None)  # pandas takes milliseconds per table, more on a busy machine
AGES = [1.0, 2.0, 2.0, 2.0, 50.0, np.nan]
NUMBERS = st.one_of(st.none(), st.floats(-1e6, 1e6))
TABLES = st.lists(st.tuples(NUMBERS, NUMBERS, st.text(max_size=3)), min_size=1, max_size=6).map(
    lambda rows: pd.DataFrame(rows, columns=["age", "fare", "name"]).astype({"age": float, "fare": float})
)


def train():
    return pd.DataFrame({"age": AGES, "fare": [7.0, 8.0, 9.0, np.nan, 10.0, 11.0], "name": list("abcdef")})


def gaps(count):
    return pd.DataFrame({"age": np.nan, "fare": np.nan, "name": [f"passenger {n}" for n in range(count)]})


@FEW
@given(TABLES, st.integers(0, 2**31 - 1))
def test_a_row_alone_gets_what_it_gets_among_others(table, seed):
    """A row's fill does not depend on the rows beside it or on where it stands."""
    draw = DrawFromPresent(["age", "fare"], seed).fit(train())
    together = draw.transform(table)
    alone = pd.concat([draw.transform(table.iloc[[n]]) for n in range(len(table))])
    pd.testing.assert_frame_equal(together, alone)
    pd.testing.assert_frame_equal(draw.transform(table[::-1])[::-1], together)


@FEW
@given(TABLES)
def test_only_gaps_are_filled_and_only_with_train_values(table):
    """Present values and other columns stay; every gap gets a value that its column has in the train rows."""
    filled = DrawFromPresent(["age", "fare"]).fit(train()).transform(table)
    for column in ("age", "fare"):
        gap = table[column].isna()
        assert filled.loc[~gap, column].equals(table.loc[~gap, column])
        assert set(filled.loc[gap, column]) <= set(train()[column].dropna())
    assert filled["name"].equals(table["name"])


def test_input_is_left_alone():
    """The caller's table still has its gaps afterwards."""
    table = gaps(3)
    DrawFromPresent(["age"]).fit(train()).transform(table)
    assert table["age"].isna().all()


def test_seed_decides():
    """One seed gives the same draws again, another one others."""
    first, again, other = (DrawFromPresent(["age"], seed).fit(train()).transform(gaps(50)) for seed in (1, 1, 2))
    assert first.equals(again)
    assert not first.equals(other)


def test_draws_follow_the_present_values():
    """A value that three of five train rows have is drawn about three times in five; columns are drawn each by itself."""
    filled = DrawFromPresent(["age", "fare"], seed=3).fit(train()).transform(gaps(2000))
    shares = filled["age"].value_counts(normalize=True)
    assert shares[2.0] == pytest.approx(0.6, abs=0.05)
    assert shares[50.0] == pytest.approx(0.2, abs=0.04)
    assert len(filled[["age", "fare"]].drop_duplicates()) == 3 * 5


def test_column_without_values_stays_empty():
    """Where the train rows have nothing to draw from, a gap stays a gap."""
    draw = DrawFromPresent(["age"]).fit(train().assign(age=np.nan))
    assert draw.transform(gaps(2))["age"].isna().all()


def test_it_is_a_scikit_learn_transformer():
    """It clones, tells its parameters, names its features, and refuses to transform before it is fitted."""
    draw = DrawFromPresent(["age"], seed=5)
    check_no_attributes_set_in_init("DrawFromPresent", draw)
    assert clone(draw).get_params() == {"columns": ["age"], "seed": 5}
    with pytest.raises(NotFittedError):
        draw.transform(train())
    assert list(draw.fit(train()).get_feature_names_out()) == ["age", "fare", "name"]
    assert list(draw.set_output(transform="pandas").transform(train()).columns) == ["age", "fare", "name"]


def test_column_may_have_any_name():
    """A column that is called as something of Python's is filled as every other."""
    table = pd.DataFrame({"self": [1.0, np.nan], "x": [1.0, 2.0]})
    assert DrawFromPresent(["self"]).fit_transform(table)["self"].tolist() == [1.0, 1.0]
    assert table["self"].isna().sum() == 1
