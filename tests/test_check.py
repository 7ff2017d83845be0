"""What check says of a label that cannot be learned."""

import pytest

from check import balance_in_words, check_label, dates_out_of_reach
from slipway.checks.profile import profile_of
from slipway.project.data_settings import Data, Read
from slipway.project.entry import UserError
from slipway.tables.reading import read_raw_table

BINARY, MULTICLASS, REGRESSION = "binary", "multiclass", "regression"


def data(task, positive_class=None):
    return Data(
        name="fruit", label="y", task=task, metric="r2", positive_class=positive_class, model="fruit", read={},
        recipe={"name": "as_is", "options": {}, "sample_rows": 1000},
        split={"method": "random", "test_size": 0.2, "validation_size": None},
    )  # fmt: skip


@pytest.fixture
def profile(tmp_path):
    """Return a function that profiles a raw table of a label and one more column."""

    def profiled(task, values):
        rows = ["x,y", *(f"{x},{'' if value is None else value}" for x, value in enumerate(values))]
        (tmp_path / "fruit.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
        return profile_of(read_raw_table(tmp_path, Read()), "y", task, 100)[0]

    return profiled


@pytest.mark.parametrize(
    ("task", "positive_class", "values", "told"),
    [
        (BINARY, "b", "aabbb", "3 of class b, 2 of class a"),
        (BINARY, "1", [0, 0, 1, 1, 1], "3 of class 1, 2 of class 0"),
        (BINARY, 1, ["0.0", "0.0", "1.0", "1.0"], "2 of class 0.0, 2 of class 1.0"),
        (BINARY, True, [True, True, False, False], "2 of class False, 2 of class True"),
        (MULTICLASS, None, "aabbbcc", "3 of class b, 2 of class a, 2 of class c"),
        (MULTICLASS, None, [1, 1, 2, 2], "2 of class 1, 2 of class 2"),
        (REGRESSION, None, [3, None, -1], "y from -1 to 3"),
        (REGRESSION, None, [0.5, 2.5, 2.5], "y from 0.5 to 2.5"),
    ],
)
def test_label_that_fits_its_task_passes(profile, task, positive_class, values, told):
    """A label with classes for a classification, or with different numbers for a regression, passes and is described."""
    found = profile(task, values)
    check_label(found, data(task, positive_class))
    assert balance_in_words(found, data(task, positive_class)) == told


@pytest.mark.parametrize(
    ("task", "positive_class", "values", "says"),
    [
        (BINARY, "a", "aaa", r"Got the class a alone in the label 'y', expected 2 classes\."),
        (BINARY, "a", [None, None], "Got no value at all in the label 'y', expected 2 classes"),
        (BINARY, "a", "", "Got no row in data/raw/fruit, expected some to learn from"),
        (REGRESSION, None, "", "Got no row in data/raw/fruit, expected some to learn from"),
        (BINARY, "a", "aabbcc", "Got 3 classes in the label 'y', expected 2 for task=binary"),
        (BINARY, "c", "aabb", "Got data.positive_class='c', expected a class of 'y': a or b"),
        (
            BINARY,
            True,
            ["Yes", "No"] * 2,
            "Got data.positive_class=True, .*: No or Yes, in quotes: YAML takes it for a truth",
        ),
        (BINARY, "a", "aab", "Got one row of class 'b', expected at least 2"),
        (MULTICLASS, None, "aaa", r"Got the class a alone in the label 'y', expected 2 at least"),
        (MULTICLASS, None, "aabbc", "Got one row of class 'c', expected at least 2"),
        (
            REGRESSION,
            None,
            "abc",
            r"Got a text as label 'y', expected a number for task=regression.*data\.read\.types\.y=number",
        ),
        (REGRESSION, None, [True, False], "Got a boolean as label 'y', expected a number"),
        (REGRESSION, None, [1.5, 1.5], "Got 1 value in the label 'y', expected different ones"),
        (REGRESSION, None, [None, None], "Got 0 values in the label 'y', expected different ones"),
    ],
)
def test_label_that_does_not_fit_its_task_is_refused(profile, task, positive_class, values, says):
    """A label that its task cannot learn is refused in a sentence that says where to look."""
    with pytest.raises(UserError, match=says) as refused:
        check_label(profile(task, values), data(task, positive_class))
    assert "Edit conf/data/, or look into data/raw/fruit" in str(refused.value)


def test_dates_beyond_what_models_reach_are_said():
    """A date such as 9999-12-31 is said, with what becomes of it; a date of our days is not."""
    dates = {"kind": "datetime", "min": "2001-01-01 00:00:00", "max": "9999-12-31 00:00:00"}
    (said,) = dates_out_of_reach({"columns": {"until": dates, "x": {"kind": "number", "min": 1, "max": 2}}})
    assert "'until' go from 2001-01-01 00:00:00 to 9999-12-31" in said
    assert dates_out_of_reach({"columns": {"since": {**dates, "max": "2030-01-01 00:00:00"}}}) == []
