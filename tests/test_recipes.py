"""Recipes: cleaning drops rows only, features are learned from the train rows only."""

import sys

import pandas as pd
import pytest

from recipes import as_is, titanic
from slipway.preparation.recipe import Recipe, cleaned, load_recipe, needed_columns, save_recipe
from slipway.project.entry import UserError
from slipway.rows.contract import typed

KINDS = {
    "pclass": "integer", "name": "text", "sex": "text", "age": "number", "sibsp": "integer", "parch": "integer",
    "fare": "number", "embarked": "text", "boat": "text",
}  # fmt: skip


@pytest.fixture
def train():
    rows = 40
    table = pd.DataFrame(
        {
            "pclass": [1, 2, 3, 3] * 10,
            "name": [f"passenger {n}" for n in range(rows)],
            "sex": ["male", "female"] * 20,
            "age": [None if n % 5 == 0 else float(n) for n in range(rows)],
            "sibsp": [0, 1] * 20,
            "parch": [0] * rows,
            "fare": [None if n == 7 else 10.0 * n for n in range(rows)],
            "embarked": [None, "S", "C", "Q"] * 10,
            "boat": [None, "2"] * 20,
        }
    )
    return typed(table, KINDS)


@pytest.fixture
def features(train):
    return titanic.features({"bins": 5, "seed": 1}).fit(train)


def test_passengers_become_seven_features(features, train):
    """The seven features come out by name, without a gap, and nothing that gives the label away is among them."""
    prepared = features.transform(train)
    assert list(prepared.columns) == ["pclass", "sibsp", "parch", "age", "fare", "sex", "embarked"]
    assert prepared.index.equals(train.index)
    assert not prepared.isna().any().any()


def test_ages_and_fares_fall_into_five_equal_bins(features, train):
    """Ages and fares are cut into five bins with about the same number of train rows."""
    prepared = features.transform(train)
    for column in ("age", "fare"):
        counts = prepared[column].value_counts()
        assert sorted(counts.index) == [0, 1, 2, 3, 4]
        assert counts.min() >= 4


def test_unknown_and_missing_categories_have_a_value_of_their_own(features, train):
    """A port that no train row has, and a missing one, are -1, which no known port is."""
    assert features.transform(train.head(1).assign(embarked="X"))["embarked"].tolist() == [-1]
    unknown = typed(train.head(1).assign(embarked=None, sex=None), KINDS)
    assert features.transform(unknown)[["embarked", "sex"]].to_numpy().tolist() == [[-1, -1]]
    assert sorted(features.transform(train[train["embarked"].notna()])["embarked"].unique()) == [0, 1, 2]


def test_features_are_learned_from_the_train_rows_alone(features, train):
    """What other rows hold moves no bin and no code: a train row's features stay what they were."""
    before = features.transform(train)
    features.transform(train.assign(age=1000.0, fare=-5.0, embarked="Z"))
    pd.testing.assert_frame_equal(features.transform(train), before)
    assert features.transform(train.head(1).assign(age=1000.0))["age"].tolist() == [4]


def test_features_of_a_row_alone(features, train):
    """A row alone, filled ages included, has the features that it has among all."""
    together = features.transform(train)
    alone = pd.concat([features.transform(train.loc[[row]]) for row in train.index])
    pd.testing.assert_frame_equal(alone, together)


def test_seed_of_the_settings_is_used(train):
    """The draws for missing ages hang on the seed in the settings."""
    one, same, other = (titanic.features({"bins": 5, "seed": s}).fit_transform(train) for s in (1, 1, 2))
    assert one.equals(same)
    assert not one.equals(other)


def test_as_is_hands_everything_over(train):
    """Without a recipe of its own a table reaches the search as it was typed."""
    assert load_recipe("as_is").clean is None
    pd.testing.assert_frame_equal(as_is.features({"seed": 1}).fit(train).transform(train), train)


def test_needed_columns_are_what_the_features_depend_on(features, train):
    """Columns that the recipe drops are not asked of callers; those it reads are, a half-empty one too."""
    assert needed_columns(features, train, KINDS) == ("pclass", "sex", "age", "sibsp", "parch", "fare", "embarked")
    assert needed_columns(as_is.features({}).fit(train), train, KINDS) == tuple(KINDS)


def test_clean_may_drop_rows():
    """A recipe may keep some of the rows, in another order too."""
    table = pd.DataFrame({"age": [1.0, None, 3.0], "sex": ["f", "m", None]})
    kept = cleaned(table, Recipe("mine", lambda rows: rows[rows["age"].notna()][::-1], None))
    assert kept["age"].tolist() == [3.0, 1.0]


@pytest.mark.parametrize(
    ("clean", "says"),
    [
        (lambda rows: rows.drop(columns="sex"), "other columns"),
        (lambda rows: rows.assign(deck="A"), "other columns"),
        (lambda rows: rows[["sex", "age"]], "other columns"),
        (lambda rows: rows.fillna({"age": 30.0}), "other values"),
        (lambda rows: rows.astype({"age": str}), "other values"),
        (lambda rows: rows[1:].reset_index(drop=True), "other values"),
        (lambda rows: pd.concat([rows, rows.set_axis([7, 8, 9])]), "other values"),
        (lambda rows: pd.concat([rows, rows]), "other values"),
    ],
    ids=[
        "column gone",
        "column new",
        "columns moved",
        "value filled",
        "type changed",
        "rows renumbered",
        "rows made up",
        "rows doubled",
    ],
)
def test_clean_may_do_nothing_else(clean, says):
    """A recipe that changes a column, a value or a type while cleaning is refused with the file to edit."""
    table = pd.DataFrame({"age": [1.0, None, 3.0], "sex": ["f", "m", None]})
    with pytest.raises(UserError, match=rf"Got {says} from clean\(\) in src/recipes/mine.py.*belongs into features"):
        cleaned(table, Recipe("mine", clean, None))


def test_clean_that_works_in_place_is_refused():
    """A recipe cannot hide a change by making it in the table it was given."""

    def fill(rows):
        rows.loc[rows["age"].isna(), "age"] = 30.0
        return rows

    with pytest.raises(UserError, match="Got other values"):
        cleaned(pd.DataFrame({"age": [1.0, None]}), Recipe("mine", fill, None))


def test_recipe_is_found_by_name():
    """A recipe's two functions are those of the file of its name."""
    assert load_recipe("titanic") == Recipe("titanic", None, titanic.features)


def test_unknown_recipe_is_refused():
    """A recipe without a file ends in a sentence that says which file is expected."""
    with pytest.raises(UserError, match=r"Got data.recipe.name='titanik', expected a file src/recipes/titanik.py"):
        load_recipe("titanik")


def test_missing_import_of_a_recipe_is_a_bug_of_its_own(tmp_path, monkeypatch):
    """A recipe that imports what is not installed keeps its traceback: the recipe itself is there."""
    import recipes

    (tmp_path / "needy.py").write_text("import no_such_package\n")
    monkeypatch.setattr(recipes, "__path__", [*recipes.__path__, str(tmp_path)])
    with pytest.raises(ModuleNotFoundError, match="no_such_package"):
        load_recipe("needy")


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("from slipway.project.names import MODELS", "slipway.project.names.MODELS"),
        ("from slipway import rows, search", "slipway.search"),
        ("def features(settings):\n    import dataprep", "dataprep"),
        ("from . import titanic", "recipes.titanic"),
        ("from recipes.titanic import features", "recipes.titanic.features"),
        ("from __future__ import annotations\nimport json, pandas.api.types\nfrom slipway.rows.transformers import row_digests", None),
    ],
    ids=["machinery", "one of two", "a script, in a function", "relative", "another recipe", "what is carried"],
)  # fmt: skip
def test_recipe_may_import_what_is_installed_or_carried(line, named, tmp_path, monkeypatch):
    """A recipe's import of a file of the project is refused, wherever it stands: the model would lack it."""
    import recipes

    monkeypatch.delitem(sys.modules, "recipes.social", raising=False)
    (tmp_path / "social.py").write_text(f"{line}\n")
    monkeypatch.setattr(recipes, "__path__", [*recipes.__path__, str(tmp_path)])
    if named is None:
        load_recipe("social")
    else:
        with pytest.raises(
            UserError, match=rf"Got an import of {named} in src/recipes/social.py, a file of the project"
        ):
            load_recipe("social")
    del sys.modules["recipes.social"]


def test_recipe_is_saved_the_same_for_the_same_fit(tmp_path, train):
    """Two fits on the same rows write the same bytes."""
    for name in ("one", "two"):
        save_recipe(titanic.features({"bins": 5, "seed": 1}).fit(train.copy()), tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
