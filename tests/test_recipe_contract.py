"""What a recipe may do, and what it is refused for."""

import sys
import types

import pandas as pd
import pytest
from sklearn import config_context
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OrdinalEncoder, StandardScaler, TargetEncoder

from slipway.preparation.recipe import (
    Recipe,
    cleaned,
    columns_read,
    fitted,
    load_recipe,
    needed_columns,
    try_clean,
    try_features,
)
from slipway.project.entry import UserError

ROWS = pd.DataFrame(
    {"a": [float(i % 7) for i in range(30)], "b": [f"t{i % 5}" for i in range(30)], "c": [float(i) for i in range(30)]}
)
LABEL = pd.Series([i % 2 for i in range(30)], name="y")


def by(function, **kwargs):
    return FunctionTransformer(function, **kwargs)


def recipe(clean=None, features=None):
    return Recipe("mine", clean, features)


CLEANS = {
    "drops a column": (lambda t: t.drop(columns="a"), "other columns from clean()"),
    "changes a value": (lambda t: t.assign(a=t["a"] + 1), "other values from clean()"),
    "counts rows anew": (lambda t: t[t["a"] > 2].reset_index(drop=True), "other values from clean()"),
    "makes rows": (lambda t: pd.concat([t, t]), "other values from clean()"),
    "gives no table": (lambda t: t["a"] > 2, "Got Series from clean()"),
    "looks at other rows": (lambda t: t[t["c"] > t["c"].mean()], "for a piece of the table than for the whole"),
    "drops duplicates": (lambda t: t.drop_duplicates("a"), "for a piece of the table than for the whole"),
}


@pytest.mark.parametrize(("clean", "says"), CLEANS.values(), ids=CLEANS)
def test_clean_that_does_more_than_dropping_rows_is_refused(clean, says):
    """clean() may drop rows, each for its own sake, and nothing else; the sentence names the file."""
    with pytest.raises(UserError, match=r"src/recipes/mine.py") as error:
        try_clean(ROWS, recipe(clean))
    assert says in str(error.value)


def test_clean_keeps_the_rows_it_returns():
    """The rows that clean() returns are kept, and it cannot change the table behind its back."""
    kept = cleaned(ROWS, recipe(lambda t: t[t["a"] > 2]))
    try_clean(ROWS, recipe(lambda t: t[t["a"] > 2]))
    assert kept.equals(ROWS[ROWS["a"] > 2])


class ByBatch(TransformerMixin, BaseEstimator):
    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return pd.DataFrame({"a": X["a"], "relative": X["c"] - X["c"].mean()})


FEATURES = {
    "need the label in the table": (lambda _: by(lambda t: t.assign(z=t["y"])), "do not work without the label 'y'"),
    "need the label beside it": (
        lambda _: TargetEncoder().set_output(transform="pandas"),
        "do not work without the label 'y'",
    ),
    "look at other rows": (lambda _: ByBatch(), "Got other features (relative)"),
    "have columns by their rows": (
        lambda _: by(lambda t: pd.get_dummies(t, columns=["b"])),
        "Got other features (other columns)",
    ),
    "are an array": (lambda _: FunctionTransformer(lambda t: t.to_numpy()), "Got ndarray from the transformer"),
    "drop rows": (lambda _: by(lambda t: t.head(3)), "Got 3 rows from the transformer"),
    "are named like the label": (lambda _: by(lambda t: t.assign(y=1.0)), "Got a feature 'y' from features()"),
    "are no transformer": (lambda _: print, "expected an unfitted scikit-learn transformer"),
}


@pytest.mark.parametrize(("features", "says"), FEATURES.values(), ids=FEATURES)
def test_features_that_break_the_contract_are_refused(features, says):
    """Features come of single rows without their label, as a table; the sentence names the file."""
    mine = recipe(features=features)
    with pytest.raises(UserError, match=r"src/recipes/mine.py") as error:
        try_features(fitted(mine, {}, ROWS, LABEL), ROWS, mine, ["y"])
    assert says in str(error.value)
    assert "\n" not in str(error.value)


def test_features_that_are_tables_in_this_thread_alone_are_refused():
    """scikit-learn's own configuration is of the thread that sets it, and a server answers in others."""
    scaled = recipe(features=lambda _: ColumnTransformer([("numbers", StandardScaler(), ["a", "c"])]))
    with config_context(transform_output="pandas"):
        features = fitted(scaled, {}, ROWS, LABEL)
        assert isinstance(features.transform(ROWS), pd.DataFrame)
        with pytest.raises(UserError, match="Got ndarray from the transformer"):
            try_features(features, ROWS, scaled, ["y"])


def test_features_that_work_in_this_thread_alone_are_refused():
    """Columns by name after a step that gives tables only here."""
    named = ColumnTransformer([("numbers", StandardScaler(), ["a"])])
    chained = recipe(
        features=lambda _: make_pipeline(FunctionTransformer(lambda t: t[["a", "c"]]), SimpleImputer(), named)
    )
    with config_context(transform_output="pandas"):
        features = fitted(chained, {}, ROWS, LABEL)
        with pytest.raises(UserError, match=r"that work in one thread alone .*\.set_output\(transform=\"pandas\"\)"):
            try_features(features, ROWS, chained, ["y"])


def test_a_bug_in_features_keeps_its_traceback():
    """What fails with and without the label is the recipe's own bug, and is raised as it is."""
    with pytest.raises(ZeroDivisionError):
        fitted(recipe(features=lambda _: by(lambda _: 1 / 0)), {}, ROWS, LABEL)


def test_without_features_the_columns_are_the_features():
    """A recipe without functions hands the columns over untouched."""
    features = fitted(recipe(), {}, ROWS, LABEL)
    try_features(features, ROWS, recipe(), ["y"])
    assert features.transform(ROWS).equals(ROWS)


def test_columns_that_no_step_takes_are_not_read():
    """A ColumnTransformer at the head names the columns that are read; anything else reads them all."""
    head = ColumnTransformer([("kept", "passthrough", ["a"]), ("coded", OrdinalEncoder(), ["b"])])
    columns = list(ROWS.columns)
    assert columns_read(head.fit(ROWS), columns) == ["a", "b"]
    assert columns_read(make_pipeline(head, FunctionTransformer()).fit(ROWS), columns) == ["a", "b"]
    rest = ColumnTransformer([("dropped", "drop", ["a"])], remainder="passthrough")
    assert columns_read(rest.fit(ROWS), columns) == ["b", "c"]
    assert columns_read(ColumnTransformer([("kept", "passthrough", slice(0, 1))]).fit(ROWS), columns) == columns
    assert columns_read(by(None).fit(ROWS), columns) == columns


def test_needed_columns_are_those_that_change_the_features():
    """A column that is read, but changes nothing, is not needed."""
    features = by(lambda t: t[["a"]].assign(n=t["c"] * 0)).fit(ROWS.assign(c=1.0))
    assert needed_columns(features, ROWS.assign(c=1.0), ["a", "b"]) == ("a",)


MANY = 20_000
RARE = pd.DataFrame({
    "code": ["X" if i % 667 == 5 else f"c{i % 7}" for i in range(MANY)],
    "id": ["X" if i % 667 == 5 else f"id{i}" for i in range(MANY)],
    "amount": [float(i * 7919 % MANY) for i in range(MANY)],
    "when": pd.Timestamp("2020-01-01") + pd.to_timedelta([i * 7919 % MANY for i in range(MANY)], unit="min"),
    "unused": [float(i % 3) for i in range(MANY)],
})  # fmt: skip


@pytest.mark.parametrize(
    ("column", "flag"),
    [
        ("code", lambda t: t["code"] == "X"),
        ("id", lambda t: t["id"] == "X"),
        ("amount", lambda t: t["amount"] >= MANY - 2),
        ("amount", lambda t: t["amount"] < 1),
        ("when", lambda t: t["when"] > pd.Timestamp("2020-01-14 21:18")),
    ],
    ids=["a rare value", "one that repeats among single ones", "the highest", "the lowest", "the latest"],
)
def test_needed_columns_are_found_by_their_rare_values(column, flag):
    """A feature of one value in a thousand, or of the largest ones, depends on its column; on the others it does not."""
    features = by(lambda t: pd.DataFrame({"flag": flag(t).astype(float)}, index=t.index)).fit(RARE)
    assert needed_columns(features, RARE, list(RARE)) == (column,)


def test_recipe_that_is_not_there_is_said():
    """A name without its file is one sentence."""
    with pytest.raises(UserError, match=r"expected a file src/recipes/nobody.py"):
        load_recipe("nobody")


def test_recipe_may_lack_either_function(monkeypatch):
    """An empty recipe is a recipe; a clean that is no function is refused."""
    monkeypatch.setitem(sys.modules, "recipes.empty", types.ModuleType("recipes.empty"))
    assert load_recipe("empty") == Recipe("empty", None, None)
    odd = types.ModuleType("recipes.odd")
    odd.clean = 3
    monkeypatch.setitem(sys.modules, "recipes.odd", odd)
    with pytest.raises(UserError, match=r"Got clean in src/recipes/odd.py that is no function"):
        load_recipe("odd")
