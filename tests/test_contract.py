"""What a model reads: every row the same alone and among others, and what does not fit is named."""

from dataclasses import replace
from datetime import date, datetime

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slipway.rows.contract import FALSE, TRUE, Contract, ContractError, seen_values, typed
from slipway.rows.series import load_contract
from slipway.rows.written import Written

FEW = settings(max_examples=40, deadline=None)  # pandas takes milliseconds per table, more on a busy machine
KINDS = {"age": "number", "sibsp": "integer", "alone": "boolean", "boarded": "datetime", "cabin": "text"}
NOTHING = st.sampled_from([None, float("nan"), pd.NA, pd.NaT])
WHOLE = st.integers(-(2**53), 2**53)
REAL = st.floats(allow_nan=False, width=64)
VALUES = {
    "number": st.one_of(NOTHING, REAL, WHOLE, st.booleans(), REAL.map(str), WHOLE.map(str)),
    "integer": st.one_of(NOTHING, WHOLE, WHOLE.map(float), WHOLE.map(lambda n: f" {n} ")),
    "boolean": st.one_of(NOTHING, st.booleans(), st.sampled_from([0, 1, 0.0, 1.0, *sorted(TRUE | FALSE)])),
    "datetime": st.one_of(
        NOTHING,
        st.datetimes(datetime(1700, 1, 1), datetime(2200, 1, 1)),  # noqa: DTZ001  naive ones are among what callers send
        st.dates(date(1700, 1, 1), date(2200, 1, 1)).map(str),
        st.datetimes(datetime(1700, 1, 1), datetime(2200, 1, 1), timezones=st.timezones()).map(  # noqa: DTZ001  see above
            lambda moment: moment.replace(fold=0, microsecond=0).astimezone(tz=None).isoformat()
        ),
    ),
    "text": st.one_of(NOTHING, st.text(), WHOLE, st.floats(allow_nan=False, allow_infinity=False), st.booleans()),
}
ROWS = st.lists(st.fixed_dictionaries({c: VALUES[kind] for c, kind in KINDS.items()}), min_size=1, max_size=4)
CONTRACT = Contract(
    KINDS, {c: [] for c in KINDS}, ("age", "cabin"), "survived", "binary", classes=(0, 1), positive_class=1
)


def one(value, kind):
    """Return one value as the models see it."""
    return typed(pd.DataFrame({"c": pd.Series([value], dtype=object)}), {"c": kind})["c"].iloc[0]


@FEW
@given(ROWS)
def test_a_row_alone_is_the_row_among_others(rows):
    """What a model sees of a row does not depend on the rows beside it."""
    together = typed(pd.DataFrame(rows, dtype=object), KINDS)
    alone = pd.concat([typed(pd.DataFrame([row], dtype=object), KINDS) for row in rows], ignore_index=True)
    pd.testing.assert_frame_equal(together, alone)


PLAIN = st.lists(
    st.fixed_dictionaries(
        {
            "age": st.one_of(NOTHING, REAL, WHOLE, st.just(-999)),
            "sibsp": st.one_of(st.none(), WHOLE, st.just(2**60)),
            "alone": st.one_of(st.none(), st.booleans()),
            "boarded": st.sampled_from([None, "-", pd.NaT, "2001-02-03"]),
            "cabin": st.one_of(NOTHING, st.text(), st.sampled_from(["-", "-999", 5])),
        },
        optional={"weather": st.text()},
    ),
    min_size=1,
    max_size=4,
)


@settings(max_examples=150, deadline=None)
@given(PLAIN, st.booleans(), st.lists(st.sampled_from(sorted(KINDS)), max_size=2))
def test_columns_without_a_table_are_the_tables(rows, as_they_come, left_out):
    """The short way gives the table's columns, value by value and in the same types, or leaves them to the table."""
    contract = replace(CONTRACT, written=Written(missing=("-", "-999")))
    raw = pd.DataFrame(rows, dtype=None if as_they_come else object).drop(columns=left_out)
    arrays = contract.arrays(raw)
    if arrays is not None:
        many = pd.concat([raw] * 20)  # which no short way takes
        pd.testing.assert_frame_equal(pd.DataFrame(arrays, index=raw.index), contract.table(many)[: len(raw)])


def test_plain_rows_go_the_short_way():
    """Rows that need no conversion do: with gaps, with columns that nobody needs left out, and with more columns."""
    row = {"age": 1, "alone": True, "boarded": None, "cabin": "C3", "weather": "fine"}
    assert CONTRACT.arrays(pd.DataFrame([row, row | {"cabin": None}])) is not None
    for odd in ({"age": "1"}, {"cabin": 5}, {"cabin": []}, {"boarded": "2001-02-03"}, {"age": 2**60}):
        assert CONTRACT.arrays(pd.DataFrame([row | odd])) is None, odd
    assert CONTRACT.arrays(pd.DataFrame([row]).drop(columns="cabin")) is None
    assert CONTRACT.arrays(pd.DataFrame([row | {" sibsp ": 3}])) is None
    assert CONTRACT.arrays(pd.DataFrame([row | {7: 3}])) is not None
    assert CONTRACT.arrays(pd.DataFrame([[*row.values(), 1]], columns=[*row, "age"])) is None


@pytest.mark.parametrize("rows", [1, 40])
@pytest.mark.parametrize("kind", sorted(set(KINDS.values())))
def test_typed_rows_are_not_the_callers(kind, rows):
    """Whatever a recipe writes into its table, the caller's rows stay as they were, also those that needed no conversion."""
    caller = typed(pd.DataFrame({"c": ["2001-02-03" if kind == "datetime" else "1"] * rows}), {"c": kind})
    assert caller["c"].notna().all()
    assert not np.shares_memory(typed(caller, {"c": kind})["c"].to_numpy(), caller["c"].to_numpy())


@FEW
@given(ROWS)
def test_typing_twice_is_typing_once(rows):
    """Typed rows, as dataprep writes them, come out of typing as they went in."""
    once = typed(pd.DataFrame(rows, dtype=object), KINDS)
    pd.testing.assert_frame_equal(typed(once, KINDS), once)


@pytest.mark.parametrize("kind", sorted(set(KINDS.values())))
def test_missing_is_missing_in_every_kind(kind):
    """Every spelling of a missing value is missing, in a type that does not depend on what else there is."""
    empty = typed(pd.DataFrame({"c": pd.Series([None, np.nan, pd.NA, pd.NaT], dtype=object)}), {"c": kind})["c"]
    assert empty.isna().all()
    assert empty.dtype == {"datetime": "datetime64[ns]", "text": "object"}.get(kind, "float64")


@pytest.mark.parametrize("kind", ["number", "integer", "boolean", "datetime"])
def test_empty_text_is_missing(kind):
    """An empty cell of a form is a missing value where no text belongs."""
    assert pd.isna(one("", kind))


@pytest.mark.parametrize(
    ("value", "truth"),
    [
        (True, 1), (np.True_, 1), (1, 1), (1.0, 1), ("1", 1), ("1.0", 1), ("true", 1), ("TRUE", 1), (" Yes ", 1), ("y", 1),
        ("T", 1), (False, 0), (0, 0), (0.0, 0), ("0", 0), ("False", 0), ("no", 0), ("N", 0), ("f", 0),
    ],
)  # fmt: skip
def test_booleans_have_many_spellings(value, truth):
    """Each common spelling of a boolean is taken for what it means."""
    assert one(value, "boolean") == truth


@pytest.mark.parametrize(("value", "number"), [("29.5", 29.5), (" 7 ", 7), ("1e3", 1000), (True, 1), (np.int8(3), 3)])
def test_texts_that_are_numbers_are_numbers(value, number):
    """A number that comes as a text counts as the number."""
    assert one(value, "number") == number


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        ("2026-03-01", "2026-03-01 00:00"),
        ("2026-03-01T12:30:00", "2026-03-01 12:30"),
        ("2026-03-01T12:30:00Z", "2026-03-01 12:30"),
        ("2026-03-01T12:30:00+02:00", "2026-03-01 10:30"),
        (pd.Timestamp("2026-03-01 12:30", tz="America/New_York"), "2026-03-01 17:30"),
        (date(2026, 3, 1), "2026-03-01 00:00"),
        (np.datetime64("2026-03-01T12:30"), "2026-03-01 12:30"),
        ("9999-12-31", "2262-04-11"),
        (date(9999, 12, 31), "2262-04-11"),
        ("1066-10-14T09:00", "1677-09-22"),
    ],
)
def test_dates_are_in_utc(value, moment):
    """A date with a zone is the same moment in UTC; one without is taken as it is."""
    assert one(value, "datetime") == pd.Timestamp(moment)


def test_dates_of_files_out_of_reach_are_those_of_callers():
    """A date beyond what nanoseconds reach becomes the same day, whether a file has it as a date or a caller as a text."""
    texts = ["9999-12-31", None, "2026-03-01", "0001-01-01"]
    stored = pd.Series(np.array(texts, dtype="datetime64[us]"))
    assert typed(pd.DataFrame({"d": stored}), {"d": "datetime"}).equals(
        typed(pd.DataFrame({"d": texts}), {"d": "datetime"})
    )


@pytest.mark.parametrize(
    ("value", "text"), [(5, "5"), (5.0, "5"), (5.5, "5.5"), ("007", "007"), (" a ", " a "), ("", "")]
)
def test_texts_stay_and_whole_numbers_have_one_spelling(value, text):
    """Texts are left alone; a whole number among texts is the same text whether a table made it a float or not."""
    assert one(value, "text") == text


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("number", "many"),
        ("number", "1,5"),
        ("number", [1]),
        ("number", pd.Timestamp("2026-01-01")),
        ("integer", "x"),
        ("boolean", "maybe"),
        ("boolean", 2),
        ("boolean", 0.5),
        ("datetime", "soon"),
        ("datetime", "now"),
        ("datetime", "03/04/2026"),
        ("datetime", "10000-12-31"),
        ("datetime", 1_700_000_000),
        ("datetime", True),
        ("text", ["B5"]),
        ("text", {"deck": "B"}),
        ("text", b"B5"),
    ],
)
def test_refusal_names_column_and_value(kind, value):
    """A value that is not of its column's kind is refused with the column, the value and the kind, among good ones too."""
    good = {"datetime": "2026-01-01", "boolean": "yes"}.get(kind, 1)
    with pytest.raises(ContractError) as refused:
        typed(pd.DataFrame({"fare": pd.Series([good, None, value, good], dtype=object)}), {"fare": kind})
    assert str(refused.value) == f"Got {value!r} in the column 'fare', expected a {kind}."


def test_all_rows_that_do_not_fit_are_known():
    """For a whole table every row that is refused is named, with the sentence that it gets alone; the others pass."""
    rows = pd.DataFrame(
        {"age": ["29", "x", None, "x", 3], "cabin": ["B5", None, ["B5"], ["C1"], 7], "noise": 1}, dtype=object
    )
    found = CONTRACT.refusals(rows)
    assert sorted(found) == [1, 2, 3]
    for place, sentence in found.items():
        with pytest.raises(ContractError) as refused:
            CONTRACT.table(rows.iloc[[place]])
        assert str(refused.value) == sentence
    CONTRACT.table(rows.drop(index=list(found)))


def test_dates_without_any_are_missing_numbers():
    """A column of dates of which none is there holds no number, which is no misfit."""
    for rows in (1, 40):
        nothing = pd.DataFrame({"c": pd.Series([pd.NaT] * rows, dtype="datetime64[ns]")})
        assert typed(nothing, {"c": "number"})["c"].isna().all()


def test_dates_are_no_numbers():
    """A column of dates or of durations in a number's place is refused, not counted in nanoseconds."""
    for odd in (pd.to_datetime(["2026-01-01"]), pd.to_timedelta(["1D"])):
        with pytest.raises(ContractError, match="expected a number"):
            typed(pd.DataFrame({"age": odd}), {"age": "number"})


def test_table_has_the_contracts_columns():
    """Unknown columns are left out, unneeded ones filled with missing values, and the order is the contract's."""
    rows = pd.DataFrame({"cabin": ["B5"], "colour": ["red"], "age": ["29"]}, index=[7])
    table = CONTRACT.table(rows)
    assert list(table.columns) == list(KINDS)
    assert table.loc[7, "age"] == 29
    assert table.loc[7, ["sibsp", "alone", "boarded"]].isna().all()


@pytest.mark.parametrize("count", [2, 40])
def test_typed_rows_are_no_window_on_the_callers(count):
    """A recipe that writes into its table leaves the rows that it was given as they were."""
    given = pd.DataFrame({"t": ["a"] * count, "n": [1.0] * count, "d": [pd.Timestamp("2026-01-01")] * count})
    table = typed(given, {"t": "text", "n": "number", "d": "datetime"})
    for column, value in {"t": "b", "n": 2.0, "d": pd.Timestamp("2027-01-01")}.items():
        table[column].to_numpy()[:] = value
        table.loc[0, column] = value
    assert given.drop_duplicates().to_dict("records") == [{"t": "a", "n": 1.0, "d": pd.Timestamp("2026-01-01")}]


def test_needed_column_must_be_there():
    """Rows without a column that the features depend on are refused with its name."""
    with pytest.raises(ContractError, match=r"Got rows without the column 'cabin', expected it; send it with null"):
        CONTRACT.table(pd.DataFrame({"age": [1]}))


def test_no_rows_are_a_table():
    """A table without rows passes, in the types of the contract."""
    table = CONTRACT.table(pd.DataFrame({"age": [], "cabin": []}))
    assert len(table) == 0
    assert table["boarded"].dtype == "datetime64[ns]"


@pytest.mark.parametrize(
    ("classes", "positive"), [((0, 1), 1), (("no", "yes"), "yes"), ((False, True), True), (("", "城"), "城")]
)
def test_contract_survives_its_file(tmp_path, classes, positive):
    """A saved contract comes back equal, its classes in their own types."""
    seen = {
        "age": [0.17, 29.0, 80.0],
        "cabin": ["B5", "城"],
        "sibsp": [],
        "alone": [1.0],
        "boarded": ["2026-01-01 00:00:00"],
    }
    contract = Contract(KINDS, seen, ("age",), "survived", "binary", classes, positive)
    contract.save(tmp_path / "contract.json")
    back = load_contract(tmp_path / "contract.json")
    assert back == contract
    assert [type(c) for c in back.classes] == [type(c) for c in classes]
    assert type(back.positive_class) is type(positive)


def test_seen_texts_are_common():
    """No text of a few rows is kept: names and addresses do not travel with the model."""
    values = typed(pd.DataFrame({"c": [*"SSSSSCCCCC", *["Miss Allen"] * 4, None]}), {"c": "text"})["c"]
    assert seen_values(values, "text") == ["C", "S"]


def test_seen_numbers_are_round_and_from_the_middle():
    """Of numbers and dates five quantiles are kept, rounded, neither end among them; of an empty column none."""
    numbers = pd.Series([n * 123.456 for n in range(101)] + [np.nan, np.inf])
    assert seen_values(numbers, "number") == [617.0, 3090.0, 6170.0, 9260.0, 11700.0]
    assert seen_values(pd.Series([np.nan]), "number") == []
    moments = pd.Series(pd.to_datetime(["2026-01-01 09:30", "2026-01-01 12:00"]))
    assert seen_values(moments, "datetime") == ["2026-01-01 00:00:00"]


@pytest.mark.parametrize("kind", ["integer", "number", "boolean", "datetime", "text"])
def test_few_values_become_what_they_become_among_many(kind):
    """A value alone is taken or refused as it is among many rows: the same number, text or date, in the same type."""
    values = [
        None,
        np.nan,
        pd.NaT,
        pd.NA,
        True,
        False,
        0,
        1,
        -7,
        2**60,
        2**70,
        1.5,
        5.0,
        1e300,
        np.float32(0.1),
        np.int8(3),
    ]
    values += [
        "",
        " ",
        "5",
        "5.0",
        "yes",
        "No",
        "old",
        "NaN",
        "2020-01-02",
        "2020-01-02T03:04+02:00",
        pd.Timestamp("2021-05-06"),
    ]
    for value in values:
        few, many = (pd.DataFrame({"x": pd.Series([value] * n, dtype=object)}) for n in (2, 40))
        answers = []
        for rows in (few, many):
            try:
                answers.append(typed(rows, {"x": kind}).iloc[:2])
            except ContractError as error:
                answers.append(str(error))
        if isinstance(answers[1], str):
            assert answers[0] == answers[1], value
        else:
            pd.testing.assert_frame_equal(*answers, check_exact=True)
    for dtype in ("float64", "int64", "bool", "datetime64[ns]", "string", "Int64", "category"):
        some = pd.Series([1, 0], dtype="int64").astype(dtype)
        few, many = pd.DataFrame({"x": some}), pd.DataFrame({"x": pd.concat([some] * 20, ignore_index=True)})
        try:
            expected = typed(many, {"x": kind}).iloc[:2]
        except ContractError:
            with pytest.raises(ContractError):
                typed(few, {"x": kind})
        else:
            pd.testing.assert_frame_equal(typed(few, {"x": kind}), expected, check_exact=True)
