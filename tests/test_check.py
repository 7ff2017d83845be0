"""What check says of a label that cannot be learned."""

import duckdb
import pytest

from check import balance_in_words, check_label
from slipway.entry import UserError
from slipway.profile import profile_of
from slipway.reading import RawTable
from slipway.settings import Data

BINARY, MULTICLASS, REGRESSION = "binary", "multiclass", "regression"


def data(task, positive_class=None):
    return Data(
        name="fruit", label="y", task=task, metric="r2", positive_class=positive_class, model="fruit",
        recipe={"name": "as_is", "options": {}}, split={"test_size": 0.2},
    )  # fmt: skip


def profile(kind, values):
    types = {"text": "VARCHAR", "integer": "BIGINT", "number": "DOUBLE", "boolean": "BOOLEAN"}
    listed = ", ".join(f"({value!r})" if value is not None else "(NULL)" for value in values)
    relation = duckdb.sql(f"SELECT CAST(y AS {types[kind]}) AS y FROM (VALUES {listed}) AS t(y)")
    return profile_of(RawTable(relation, {"y": kind}, ()), "y")


@pytest.mark.parametrize(
    ("task", "positive_class", "kind", "values", "told"),
    [
        (BINARY, "b", "text", "aabbb", "3 of class b, 2 of class a"),
        (BINARY, True, "boolean", [True, True, False, False], "2 of class False, 2 of class True"),
        (MULTICLASS, None, "text", "aabbbcc", "3 of class b, 2 of class a, 2 of class c"),
        (MULTICLASS, None, "integer", [1, 1, 2, 2], "2 of class 1, 2 of class 2"),
        (REGRESSION, None, "integer", [3, None, -1], "y from -1 to 3"),
        (REGRESSION, None, "number", [0.5, 2.5, 2.5], "y from 0.5 to 2.5"),
    ],
)
def test_label_that_fits_its_task_passes(task, positive_class, kind, values, told):
    """A label with classes for a classification, or with different numbers for a regression, passes and is described."""
    found = profile(kind, values)
    check_label(found, data(task, positive_class))
    assert balance_in_words(found, data(task, positive_class)) == told


@pytest.mark.parametrize(
    ("task", "positive_class", "kind", "values", "says"),
    [
        (BINARY, "a", "text", "aaa", r"Got 1 class in the label 'y' \(a\), expected 2\."),
        (BINARY, "a", "text", "aabbcc", "Got 3 classes in the label 'y', expected 2 for task=binary"),
        (BINARY, "c", "text", "aabb", "Got data.positive_class='c', expected a class of 'y': a or b"),
        (BINARY, "a", "text", "aab", "Got one row of class 'b', expected at least 2"),
        (MULTICLASS, None, "text", "aaa", r"Got 1 class in the label 'y' \(a\), expected 2 at least"),
        (MULTICLASS, None, "text", "aabbc", "Got one row of class 'c', expected at least 2"),
        (REGRESSION, None, "text", "abc", "Got a text as label 'y', expected a number for task=regression"),
        (REGRESSION, None, "boolean", [True, False], "Got a boolean as label 'y', expected a number"),
        (REGRESSION, None, "number", [1.5, 1.5], "Got 1 value in the label 'y', expected different ones"),
        (REGRESSION, None, "number", [None, None], "Got 0 values in the label 'y', expected different ones"),
    ],
)
def test_label_that_does_not_fit_its_task_is_refused(task, positive_class, kind, values, says):
    """A label that its task cannot learn is refused in a sentence that says where to look."""
    with pytest.raises(UserError, match=says) as refused:
        check_label(profile(kind, values), data(task, positive_class))
    assert "Edit conf/data/, or look into data/raw/fruit" in str(refused.value)
