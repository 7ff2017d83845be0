"""Splits of small tables, made by the SQL that splits large ones."""

from typing import Any

import duckdb
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from slipway.preparation import splitting
from slipway.preparation.splitting import DIGEST, count_parts, part_sql, row_digest_sql, sampled_sql
from slipway.project.data_settings import AnySplit, Data, Recipe
from slipway.project.entry import UserError
from slipway.tables.inference import quoted
from slipway.tables.reading import FILE

KINDS = {
    "x": "number",
    "group": "text",
    "when": "datetime",
    "count": "integer",
    "label": "text",
    "amount": "number",
    "ok": "boolean",
}
RANDOM = {"method": "random", "test_size": 0.2, "validation_size": None}
GROUP = {"method": "group", "column": "group", "test_size": 0.3, "validation_size": None}
TIME = {"method": "time", "column": "when", "test_size": 0.25, "validation_size": None, "gap": 0.0}
BY_COLUMN = {"method": "column", "column": "group"}
QUICK = settings(max_examples=20, deadline=None)


def parts(
    table: pd.DataFrame, split: dict[str, Any], seed: int = 0, task: str = "binary", label: str = "label"
) -> pd.Series:
    """Return the part of each row, None in a gap, in the table's order."""
    chosen = TypeAdapter(AnySplit).validate_python(split)
    recipe = Recipe(name="as_is", options={}, sample_rows=1000)
    data = Data.model_construct(name="t", label=label, task=task, recipe=recipe, split=chosen)
    kinds = {column: KINDS[column] for column in table.columns if column != FILE}
    with duckdb.connect() as connection:
        rows = connection.from_df(table).project(f"*, {row_digest_sql(kinds, seed)} AS {quoted(DIGEST)}")
        part = part_sql(rows, data, kinds, seed)
        count_parts(rows, part, data)
        found = [value for (value,) in rows.project(part).fetchall()]
    return pd.Series(found, index=table.index, dtype=object)


def rows(n: int, classes: int = 2) -> pd.DataFrame:
    return pd.DataFrame({"x": [i / 7 for i in range(n)], "label": [f"c{i % classes}" for i in range(n)]})


@st.composite
def tables(draw):
    """Draw a table in which rows repeat, of two classes with two different rows at least."""
    cells = st.tuples(st.integers(0, 12), st.sampled_from("abcde"), st.sampled_from(["yes", "no"]))
    fixed = [(0, "a", "yes"), (1, "b", "yes"), (2, "c", "no"), (3, "d", "no")]
    drawn = draw(st.lists(cells, min_size=4, max_size=40))
    return pd.DataFrame([*fixed, *drawn], columns=["x", "group", "label"]).astype({"x": float})


@QUICK
@given(tables(), st.randoms(use_true_random=False), st.integers(0, 9))
def test_random_split_hangs_on_what_rows_say(table, random, seed):
    """The same rows in another order, with columns in another order, are split the same way; equal rows never part."""
    order, columns = list(table.index), list(table.columns)
    random.shuffle(order)
    random.shuffle(columns)
    as_is = parts(table, RANDOM, seed)
    shuffled = parts(table.loc[order, columns], RANDOM, seed)
    assert shuffled.sort_index().equals(as_is)
    assert not as_is.groupby([table[c] for c in ("x", "group", "label")]).nunique().gt(1).any()


@QUICK
@given(st.integers(5, 120), st.integers(2, 4), st.sampled_from([0.1, 0.2, 0.5, 0.8]), st.integers(0, 9))
def test_random_split_keeps_the_share_of_every_class(n, classes, share, seed):
    """Of the different rows of a class, the test rows are its share, rounded; one at least on either side."""
    table = rows(n, classes)
    assume(table["label"].value_counts().min() > 1)
    test = parts(table, {**RANDOM, "test_size": share}, seed) == "test"
    for _, mine in test.groupby(table["label"]):
        assert min(max(1, len(mine) * share - 0.5), len(mine) - 1) <= mine.sum() <= max(1, len(mine) * share + 0.5)
        assert mine.sum() < len(mine)


@pytest.mark.parametrize(("label", "classes"), [("label", 3), ("count", 3), ("x", 3), ("ok", 2), ("label", 40)])
def test_few_classes_and_many_are_split_alike(monkeypatch, label, classes):
    """Few classes are compared with each other, many are looked up: the same rows are test rows."""
    table = rows(400, classes).assign(count=[i % classes - 1 for i in range(400)], amount=[i / 3 for i in range(400)])
    table["x"] = table["x"] if label != "x" else [[-0.0, 0.1, 0.0, 1e300][i % 4] for i in range(400)]
    table = table.assign(
        label=[f'it\'s {name}, "quoted"' for name in table["label"]], ok=[i % 3 > 0 for i in range(400)]
    )
    settings = {**RANDOM, "validation_size": 0.2}
    expected = parts(table, settings, task="multiclass", label=label)
    assert expected.value_counts().to_dict() == pytest.approx({"train": 240, "test": 80, "validation": 80}, abs=classes)
    for few in (0, 1000):
        monkeypatch.setattr(splitting, "FEW_CLASSES", few)
        assert parts(table, settings, task="multiclass", label=label).equals(expected)


@QUICK
@given(st.integers(20, 120), st.integers(0, 9))
def test_validation_rows_leave_the_test_rows_as_they_are(n, seed):
    """Asking for validation rows takes them from the train rows, in their share."""
    table = rows(n)
    without, found = parts(table, RANDOM, seed), parts(table, {**RANDOM, "validation_size": 0.3}, seed)
    assert (without == "test").equals(found == "test")
    assert abs((found == "validation").sum() - 0.3 * n) <= 2


@QUICK
@given(tables(), st.integers(0, 9))
def test_group_never_on_both_sides(table, seed):
    """A group's rows are all in one part."""
    try:
        found = parts(table, GROUP, seed)
    except UserError as error:
        assume("of one class" not in str(error))
        raise
    assert not found.groupby(table["group"]).nunique().gt(1).any()
    assert set(found) == {"train", "test"}


@QUICK
@given(st.lists(st.integers(0, 60), min_size=5, max_size=40), st.integers(0, 12))
def test_time_split_tests_on_what_comes_later(days, gap):
    """Every test row is later than every validation row, and that than every train row, by the gap at least."""
    when = pd.Timestamp("2024-01-01") + pd.to_timedelta([0, 30, 61, *days], unit="D")
    table = pd.DataFrame({"when": when, "label": [f"c{i % 2}" for i in range(len(when))]})
    try:
        found = parts(table, {**TIME, "validation_size": 0.25, "gap": float(gap)})
    except UserError as error:
        assume("Got no" not in str(error) and "of one class" not in str(error))
        raise
    spans = {part: (mine.min(), mine.max()) for part, mine in table["when"].groupby(found)}
    for earlier, later in (("train", "validation"), ("validation", "test")):
        assert spans[later][0] - spans[earlier][1] >= pd.Timedelta(days=max(gap, 1))


def test_time_split_without_gap_takes_the_share():
    """The quarter of the rows with the highest numbers is tested on, and no row is lost."""
    table = pd.DataFrame({"count": range(40), "label": ["a", "b"] * 20})
    assert list(parts(table, {**TIME, "column": "count"})) == ["train"] * 30 + ["test"] * 10


def test_regression_split_keeps_the_quantiles_shares():
    """Of every tenth of a regression's label a fifth is tested on."""
    table = pd.DataFrame({"x": [float(i * 7919 % 997) for i in range(400)], "amount": [float(i) for i in range(400)]})
    test = parts(table, RANDOM, task="regression", label="amount") == "test"
    assert test.groupby(table["amount"] // 40).sum().between(7, 9).all()


def test_regression_of_few_rows_splits():
    """A regression with fewer rows than quantiles still has test rows."""
    table = pd.DataFrame({"amount": [1.0, 2.0, 2.0, 5.0, 7.0]})
    assert (parts(table, RANDOM, task="regression", label="amount") == "test").sum() in (1, 2)


def test_column_says_the_part():
    """Rows go where their column says, in any case and with spaces around."""
    said = ["train", "Train ", "test", "TEST", "validation", "train"]
    assert list(parts(rows(6).assign(group=said), BY_COLUMN)) == [word.strip().lower() for word in said]


def test_files_are_the_test_rows():
    """All rows of the named files, and no others, are tested on."""
    table = rows(6).assign(**{FILE: ["a.csv", "a.csv", "a.csv", "b'.csv", "b'.csv", "c.csv"]})
    found = parts(table, {"method": "files", "test": ["b'.csv"], "validation": ["c.csv"]})
    assert list(found) == ["train"] * 3 + ["test"] * 2 + ["validation"]


def test_another_seed_splits_otherwise():
    """The seed decides which rows are tested on."""
    assert not parts(rows(60), RANDOM, seed=1).equals(parts(rows(60), RANDOM, seed=2))


def test_digest_is_the_same_wherever_a_row_stands():
    """A row's digest hangs on its values and the seed alone: the numbers are pinned, for no DuckDB to change them unnoticed."""
    kinds: dict[str, Any] = {"x": "number", "label": "text", "count": "integer"}
    sql = row_digest_sql(kinds, 7)
    with duckdb.connect() as connection:
        one = "SELECT CAST(-0.0 AS DOUBLE) AS x, 'é' AS label, CAST(3 AS BIGINT) AS count"
        other = "SELECT CAST(range AS DOUBLE) AS x, 'é' AS label, 3 + range AS count FROM range(5000)"
        found = [connection.sql(table).project(sql).fetchall()[0] for table in (one, other)]
        missing = (
            connection.sql("SELECT NULL::DOUBLE AS x, NULL::VARCHAR AS label, 1 AS count").project(sql).fetchall()[0]
        )
    assert found == [(150551241696393729,)] * 2
    assert missing != (150551241696393729,)


def test_seeds_split_one_column_independently():
    """Of the rows that one seed tests on, another seed tests on its share, also where a single column tells rows apart."""
    table = pd.DataFrame({"x": [float(i) for i in range(4000)], "label": ["a", "b"] * 2000})
    tested = [set(table.index[parts(table, RANDOM | {"test_size": 0.25}, seed=seed) == "test"]) for seed in range(6)]
    for seed in range(5):
        assert 180 < len(tested[seed] & tested[seed + 1]) < 320


def test_sample_takes_all_of_a_small_table_and_a_share_of_a_large_one():
    """Tables up to the wanted size are taken whole, larger ones by about as much."""
    with duckdb.connect() as connection:
        table = connection.sql("SELECT range AS x FROM range(20000)")
        digests = table.project(f"{row_digest_sql({'x': 'integer'}, 1)} AS {quoted(DIGEST)}")
        counts = [len(digests.filter(sampled_sql(20000, wanted))) for wanted in (20000, 50000, 5000)]
    assert counts[:2] == [20000, 20000]
    assert 4700 < counts[2] < 5300


IMPOSSIBLE = {
    "class of one row": (rows(5).assign(label=[*"aaaab"]), RANDOM, "Got one row of class 'b' in the label 'label'"),
    "class of equal rows": (
        rows(5).assign(x=[1.0, 1, 2, 3, 4], label=[*"aabbb"]),
        RANDOM,
        "Got 2 equal rows of class 'a'",
    ),
    "no such column": (rows(9), GROUP, "data.split.column='group', but the table has no such column"),
    "one group": (rows(9).assign(group="a"), GROUP, "one value only in the column 'group'"),
    "row without group": (
        rows(9).assign(group=["a", None, *"bcdefgh"]),
        GROUP,
        "1 rows without a value in the column 'group'",
    ),
    "dates missing": (
        rows(4).assign(when=pd.to_datetime(["2024-01-01", None, None, "2024-01-02"])),
        TIME,
        "2 rows without a value in the column 'when'",
    ),
    "text as time": (rows(4).assign(group=[*"abcd"]), {**TIME, "column": "group"}, "of kind text as data.split.column"),
    "gap over all": (
        rows(9).assign(count=range(9)),
        {**TIME, "column": "count", "gap": 100.0},
        "no train row out of 9 rows",
    ),
    "unknown word": (rows(2).assign(group=["train", "tset"]), BY_COLUMN, "Got 'tset' in the column 'group'"),
    "all for training": (rows(4).assign(group="train"), BY_COLUMN, "one value only in the column"),
    "no such file": (
        rows(4).assign(**{FILE: "a.csv"}),
        {"method": "files", "test": ["b.csv"], "validation": []},
        "no such file has rows; closest: 'a.csv'",
    ),
    "all files": (
        rows(4).assign(**{FILE: "a.csv"}),
        {"method": "files", "test": ["a.csv"], "validation": []},
        "no train row out of 4 rows",
    ),
    "one train class": (
        rows(4).assign(count=[1, 2, 3, 4], label=[*"aaab"]),
        {**TIME, "column": "count"},
        "train rows of one class",
    ),
}


@pytest.mark.parametrize(("table", "split", "says"), IMPOSSIBLE.values(), ids=IMPOSSIBLE)
def test_impossible_split_is_one_sentence(table, split, says):
    """A split that these rows cannot have is refused in one sentence."""
    with pytest.raises(UserError) as error:
        parts(table, split)
    assert says in str(error.value)
    assert "\n" not in str(error.value)
