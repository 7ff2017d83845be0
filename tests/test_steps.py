"""A recipe's steps without scikit-learn's wrapping give the same features."""

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, KBinsDiscretizer, OneHotEncoder, OrdinalEncoder, StandardScaler

from slipway.rows.steps import QuickRecipe, columns_of
from slipway.rows.transformers import DrawFromPresent


def rows() -> pd.DataFrame:
    """Return thirty rows of numbers and texts with gaps."""
    random = np.random.default_rng(1)
    table = pd.DataFrame({"a": random.normal(size=30), "b": random.integers(0, 3, 30) * 1.0, "c": list("xyz") * 10})
    table["d"] = pd.Timestamp("2020-01-01") + pd.to_timedelta(np.arange(30), unit="D")
    table.loc[::7, ["a", "c"]] = np.nan
    return table


def columns(*parts, **options) -> ColumnTransformer:
    return ColumnTransformer(list(parts), **options)


BINS = KBinsDiscretizer(3, encode="ordinal", strategy="uniform")
RECIPES = {
    "like titanic's": make_pipeline(
        columns(("keep", "passthrough", ["b", "a", "c"]), verbose_feature_names_out=False),
        DrawFromPresent(["a"]),
        columns(
            ("as is", "passthrough", ["b"]),
            ("bins", BINS, ["a"]),
            ("codes", OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), ["c"]),
            verbose_feature_names_out=False,
        ),
    ),
    "the rest passed through, with prefixes": columns(
        ("left out", "drop", ["d"]), ("one", StandardScaler(), ["a", "b"]), remainder="passthrough"
    ),
    "nested": columns(
        ("numbers", make_pipeline(SimpleImputer(), StandardScaler()), ["a", "b"]),
        ("texts", OneHotEncoder(sparse_output=False, handle_unknown="ignore"), ["c"]),
    ),
    "selected by type": columns(("numbers", SimpleImputer(), make_column_selector(dtype_include="number"))),
    "a function": columns(("log", FunctionTransformer(np.exp, feature_names_out="one-to-one"), ["b"])),
    "categories of texts and numbers, one of them missing": columns(
        (
            "codes",
            OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-2),
            ["c", "b"],
        ),
        ("whole", OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan), ["c"]),
    ),
    "codes of dates": columns(
        ("codes", OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), ["d"]),
    ),
    "a function without names": columns(("log", FunctionTransformer(np.exp), ["b"])),
    "nothing": FunctionTransformer(feature_names_out="one-to-one"),
}


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES.keys())
def test_features_are_the_same(recipe):
    """A row alone, a few and many get from the quick steps what the recipe makes of them, in the same types."""
    recipe = recipe.set_output(transform="pandas").fit(rows())
    quick = QuickRecipe(recipe, rows())
    for place in (slice(0, 30), slice(3, 9), *(slice(k, k + 1) for k in range(30))):
        pd.testing.assert_frame_equal(quick.transform(rows()[place]), recipe.transform(rows()[place]), check_exact=True)


@pytest.mark.parametrize("name", ["like titanic's", "categories of texts and numbers, one of them missing"])
def test_values_that_were_never_seen_get_the_same_features(name):
    """Values beyond the outer bins, categories that were not there, and missing ones alone."""
    recipe = RECIPES[name].set_output(transform="pandas").fit(rows())
    quick = QuickRecipe(recipe, rows())
    odd = rows()[:6].assign(a=[-1e300, 1e300, 0, -0.0, np.nan, 1], b=[7, np.nan, 1, 0, 2, -1], c=["", "Z", np.nan] * 2)
    odd = pd.concat([odd.astype({"b": float}), rows(), odd[::-1]], ignore_index=True)
    for place in (slice(None), slice(0, 6), *(slice(k, k + 1) for k in range(6))):
        pd.testing.assert_frame_equal(quick.transform(odd[place]), recipe.transform(odd[place]), check_exact=True)
    assert quick.is_quick


REFUSE_INFINITY = {
    "bins": BINS,
    "codes": OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1),
    "nothing but a look": FunctionTransformer(validate=True, feature_names_out="one-to-one"),
}


@pytest.mark.parametrize("many", [1, 50])
@pytest.mark.parametrize("part", REFUSE_INFINITY.values(), ids=REFUSE_INFINITY)
def test_value_that_a_step_refuses_is_refused(part, many):
    """An infinite number is the error that scikit-learn has for it."""
    recipe = columns(("part", part, ["a"])).set_output(transform="pandas").fit(rows()[1:7])
    quick = QuickRecipe(recipe, rows()[1:7])
    assert quick.is_quick
    said = []
    for transform in (quick.transform, recipe.transform):
        with pytest.raises(ValueError, match="infinity") as error:
            transform(pd.DataFrame({"a": [0.5] * (many - 1) + [np.inf]}))
        said.append(str(error.value))
    assert said[0] == said[1]


def test_recipes_of_columns_take_the_quick_way():
    """Pipelines and ColumnTransformers, nested or not, are gone through without scikit-learn's own transform."""
    for name in ("like titanic's", "nested"):
        recipe = RECIPES[name].set_output(transform="pandas").fit(rows())
        assert QuickRecipe(recipe, rows()).is_quick, name


def doubled(table):
    return table * 2


def test_steps_that_are_not_known_cost_nothing():
    """A recipe of unknown steps alone is left to itself; between known ones they get one table for all of them."""
    own = FunctionTransformer(doubled)
    for recipe in (own, make_pipeline(own, own)):
        assert not QuickRecipe(recipe.fit(rows()[["a", "b"]]), rows()[["a", "b"]]).is_quick
    kept = columns(("keep", "passthrough", ["b", "a"]), verbose_feature_names_out=False)
    mixed = make_pipeline(kept, own, own, columns(("bins", BINS, ["b"]), remainder="passthrough"))
    mixed = mixed.set_output(transform="pandas").fit(rows())
    quick = QuickRecipe(mixed, rows())
    assert quick.is_quick
    pd.testing.assert_frame_equal(quick.transform(rows()[3:5]), mixed.transform(rows()[3:5]), check_exact=True)


def test_step_that_writes_into_its_rows_writes_into_a_copy():
    """scikit-learn's steps with copy=False leave the rows as they were."""
    recipe = columns(("one", StandardScaler(copy=False), ["a"])).set_output(transform="pandas").fit(rows())
    table = rows()
    quick = QuickRecipe(recipe, table)
    quick.transform(table)
    assert table.equals(rows())
    assert quick.is_quick


def test_other_features_are_refused(monkeypatch):
    """Quick steps that would give other features are not taken."""
    recipe = RECIPES["nested"].set_output(transform="pandas").fit(rows())
    taken = []

    def nearly(step):
        taken.append(step)
        return lambda columns: {
            name: v + 1e-12 for name, v in columns_of(step.transform(pd.DataFrame(columns))).items()
        }

    monkeypatch.setattr("slipway.rows.steps._columns", nearly)
    quick = QuickRecipe(recipe, rows())
    assert taken
    assert not quick.is_quick
    assert quick.transform(rows()[:2]).equals(recipe.transform(rows()[:2]))
