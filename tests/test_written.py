"""A caller's raw texts are read as the raw files were: by the same marks, notation, formats and signs."""

import json
from dataclasses import replace
from io import StringIO
from types import SimpleNamespace

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from mlflow.types import Schema
from mlflow.types.schema import AnyType, ColSpec

from slipway.project.data_settings import Read
from slipway.rows.contract import Contract, ContractError, typed
from slipway.rows.series import load_contract
from slipway.rows.written import Written
from slipway.search.card import as_written, card
from slipway.serving.served import csv_of_texts
from slipway.tables.inference import Numbers, Rule
from slipway.tables.reading import read_raw_table

NUMBERS = [
    "1", "-1", "+1", "1.5", "1,5", "1.723", "1,723", "1.723,5", "1,723.5", "1.723.000", "1,723,000", "1 723", "1\u00a0723,25",
    "12.34", "12,34", "1e3", "1,5e3", "1.5e3", " 7 ", "0,5", ".5", ",5", "-1.234,5", "1.23.4", "1,23,4", "inf", "x", "1.", "1,",
    "$5", "5 €", "-$5", "$ 1.723", "€1.723,50", "1.723 $", "",
]  # fmt: skip


@pytest.mark.parametrize("by_hand", [False, True])
@pytest.mark.parametrize("how", [(".", ""), (".", ","), (",", "."), (",", ""), (",", " "), (".", " ")], ids=repr)
def test_contract_reads_a_number_as_the_reader_does(how, by_hand):
    """The same number, or a refusal, whatever the notation; blank is missing."""
    rule = Rule("number", Numbers(*how), by_hand=by_hand)
    sql = f"SELECT CAST({rule.as_sql('field')} AS DOUBLE) FROM (SELECT ? AS field)"
    contract = Contract(
        {"n": "number"}, {}, (), "y", "regression", (), None, written=Written((), *how, {}, ("n",) if by_hand else ())
    )
    wrong = {}
    for text in NUMBERS:
        try:
            expected = duckdb.execute(sql, [text]).fetchall()[0][0]
        except duckdb.ConversionException:
            expected = "refused"
        try:
            got = contract.table(pd.DataFrame({"n": [text]}))["n"].item()
        except ContractError:
            got = "refused"
        if got != expected and not (expected is None and np.isnan(got)):
            wrong[text] = (got, expected)
    assert wrong == {}


@pytest.mark.parametrize(
    ("how", "text", "expected"),
    [
        ("%Y-%d-%m", "2024-02-01", "2024-01-02"),
        ("%Y-%d-%m", "2024-13-01", "2024-01-13"),
        ("%Y-%d-%m", "2024-01-13", None),
        ("%Y-%d-%m", pd.Timestamp("2024-01-13"), "2024-01-13"),
        ("%d.%m.%Y", "01.02.2024", "2024-02-01"),
        ("%d.%m.%Y", "2024-02-01T00:00:00Z", "2024-02-01"),
        ("%d.%m.%Y", "soon", None),
        ("%d.%m.%Y", "", pd.NaT),
    ],
)
@pytest.mark.parametrize("rows", [1, 40])
def test_dates_are_read_by_their_format(how, text, expected, rows):
    """Where ISO 8601 would take the text for another day it is refused; a timestamp is what it is."""
    contract = Contract({"d": "datetime"}, {}, (), "y", "regression", (), None, written=Written(dates={"d": how}))
    asked = pd.DataFrame({"d": pd.Series([text] * rows, dtype=object)})
    if expected is None:
        with pytest.raises(ContractError, match=f"Got '{text}' in the column 'd', expected a datetime"):
            contract.table(asked)
        return
    got = contract.table(asked)["d"]
    assert got.isna().all() if expected is pd.NaT else (got == pd.Timestamp(expected)).all()


@pytest.mark.parametrize("rows", [1, 40])
def test_marks_are_missing_in_any_form(rows):
    """A mark is missing as a text, and as the number that it is; other values stay, the number in a text's place too."""
    contract = Contract(
        {"n": "number", "t": "text"}, {}, (), "y", "regression", (), None, written=Written(("-999.0", "NA", ""))
    )
    for value in ("-999.0", "NA", "", -999, -999.0, None):
        assert contract.table(pd.DataFrame({"n": [value] * rows, "t": "a"}))["n"].isna().all()
    assert contract.table(pd.DataFrame({"n": [-998] * rows, "t": "NA"}))["t"].isna().all()
    assert contract.table(pd.DataFrame({"n": np.full(rows, -999), "t": "Nancy"}))["t"].eq("Nancy").all()
    assert contract.table(pd.DataFrame({"n": np.full(rows, -999.0), "t": "b"}))["n"].isna().all()


def test_how_values_are_written_comes_back(tmp_path):
    """What was saved with the contract is loaded with it; a contract of before knows nothing of it."""
    how = Written(("?",), ",", ".", {"d": "%d.%m.%Y"}, ("n",))
    contract = Contract({"n": "number"}, {}, (), "y", "regression", (), None, written=how)
    contract.save(tmp_path / "contract.json")
    assert load_contract(tmp_path / "contract.json") == contract
    text = (tmp_path / "contract.json").read_text(encoding="utf-8")
    (tmp_path / "contract.json").write_text(text[: text.index(',\n  "written"')] + "}", encoding="utf-8")
    assert load_contract(tmp_path / "contract.json").written == Written()


def test_texts_of_stored_numbers_are_those_of_the_contract(tmp_path):
    """What a Parquet file holds as numbers and truths, and the settings call texts, is the same text to a caller's row."""
    given = pd.DataFrame({"store": [3.0, 4.5, np.nan, -17.0, 1e20], "flag": [True, False, None, True, False]})
    stored = pa.table({"store": pa.array(given["store"].to_numpy()), "flag": pa.array(given["flag"])})  # NaN, and null
    pq.write_table(stored, tmp_path / "t.parquet")
    kinds = dict.fromkeys(given, "text")
    with read_raw_table(tmp_path, Read(types=kinds)) as raw:
        read = raw.relation.to_arrow_table().to_pandas()
    assert read["store"].tolist()[:2] == ["3", "4.5"]
    assert typed(read, kinds).equals(typed(given, kinds))


def test_texts_of_json_are_those_of_the_contract(tmp_path):
    """Numbers and truths among the texts of JSON Lines are the texts that a caller's JSON gets; so are numbers set as texts."""
    mixed = ["x", True, False, 5, 5.0, 5.25, -0.0, 1e20, 1e-7, 2**70, None, np.nan, np.inf, "true", "5.0", 'a"b']
    rows = [{"mixed": value, "store": n + 0.0, "n": 2.0, "yes": n > 3} for n, value in enumerate(mixed)]
    del rows[3]["mixed"]
    (tmp_path / "t.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    with read_raw_table(tmp_path, Read(types={"store": "text"})) as raw:
        read, kinds = raw.relation.to_arrow_table().to_pandas(), raw.kinds
    assert kinds == {"mixed": "text", "store": "text", "n": "number", "yes": "boolean"}
    assert read["mixed"].tolist()[:3] == ["x", "True", "False"]
    told = pd.DataFrame([json.loads(json.dumps(row)) for row in rows])
    assert typed(read, kinds).equals(typed(told, kinds))


def test_marks_among_texts_are_marks_as_numbers_too(tmp_path):
    """A number whose text is a mark is missing among texts, in the file as in a caller's row; another number is not."""
    values = ["A1", -999, -999.0, "-999", 5, True, "x"]
    (tmp_path / "t.jsonl").write_text("".join(json.dumps({"code": v}) + "\n" for v in values), encoding="utf-8")
    with read_raw_table(tmp_path, Read(missing=["-999", "True"])) as raw:
        read, written = raw.relation.to_arrow_table().to_pandas(), Written(**raw.written)
    assert read["code"].fillna("?").tolist() == ["A1", "?", "?", "?", "5", "?", "x"]
    with read_raw_table(tmp_path, Read(missing=["-999.0", "true"])) as raw:  # as the file writes them
        assert (
            raw.relation.to_arrow_table().to_pandas()["code"].fillna("?").tolist() == read["code"].fillna("?").tolist()
        )
    told = pd.DataFrame({"code": values}, dtype=object)
    assert typed(told, {"code": "text"}, written).equals(typed(read, {"code": "text"}, written))
    for place in range(len(values)):
        alone = typed(told[place : place + 1], {"code": "text"}, written)
        assert alone.equals(typed(read[place : place + 1], {"code": "text"}, written))


def test_card_says_how_values_are_written():
    """A caller reads in the card which marks, notation, formats and signs there are; nothing where there are none."""
    kinds = {"n": "number", "d": "datetime"}
    contract = Contract(kinds, {}, ("n", "d"), "y", "regression", (), None)
    assert as_written(contract) == []
    how = Written(("", "NA", "?"), ",", ".", {"d": "%d.%m.%Y"}, ("n",))
    text = card(replace(contract, written=how), "0" * 64, ["numpy==1"], "3.11")
    for line in (
        "- These texts mean a missing value: `NA`, `?`.",
        "- In a text's number `,` is the decimal sign, and `.` parts groups of three digits.",
        "- A text's date in `d` is written `%d.%m.%Y`.",
        "- A currency sign may stand beside a number: n.",
    ):
        assert line in text.splitlines()


def test_csv_body_is_left_to_the_contract():
    """MLflow's server makes no missing value of NA; of an empty field it does, and of other models' bodies what it did."""
    server = SimpleNamespace(parse_csv_input=lambda *_: "MLflow's")
    csv_of_texts(server)
    csv_of_texts(server)
    any_type = Schema([ColSpec(AnyType(), "country"), ColSpec(AnyType(), "n")])
    read = server.parse_csv_input(StringIO("country,n\nNA,1.723\n,2\n"), any_type)
    assert read["country"].tolist()[0] == "NA"
    assert read["n"].tolist() == ["1.723", "2"]
    assert read["country"].isna().tolist() == [False, True]
    assert server.parse_csv_input(StringIO("a\n1\n"), Schema([ColSpec("long", "a")])) == "MLflow's"
    assert server.parse_csv_input(StringIO(""), any_type) == "MLflow's"
