"""From raw files to split and prepared tables, in a folder of its own."""

import copy
import gc
import hashlib
import json
import sys
import types
from pathlib import Path

import duckdb
import pandas as pd
import pytest
from ruamel.yaml import YAML

import dataprep
from slipway.checks.profile import profile_of
from slipway.project.data_settings import Read
from slipway.project.entry import UserError
from slipway.project.settings import validate
from slipway.rows.series import load_contract
from slipway.tables.reading import read_raw_table

ROOT = Path(__file__).resolve().parents[1]
# What the first number of cores gave.
CORES: dict[str, bytes] = {}
RANDOM = {"method": "random", "test_size": 0.2, "validation_size": None}


def settings(**changes):
    """Return the project's own params with another table's data section."""
    params = YAML(typ="safe", pure=True).load(ROOT / "params.yaml")
    params["data"] |= {"name": "t", "label": "y", "positive_class": "yes", "split": RANDOM, **changes}
    params["data"]["recipe"] = {"name": "mine", "options": {}, "sample_rows": 1000}
    return params


def table(rows):
    return pd.DataFrame(
        {
            "id": range(rows),
            "when": pd.date_range("2024-01-01", periods=rows, freq="h").astype(str),
            "said": [None if i % 9 == 0 else f"something long, number {i}" for i in range(rows)],
            "n": [None if i % 5 == 0 else i / 8 for i in range(rows)],
            "y": ["yes" if i % 3 else "no" for i in range(rows)],
        }
    )


@pytest.fixture
def prepare(tmp_path, monkeypatch):
    """Return a function that runs dataprep on raw files with a recipe's functions, and gives the project's folder."""

    def prepared(files, params, *, batch_rows=1000, **functions):
        raw = tmp_path / "data/raw/t"
        raw.mkdir(parents=True, exist_ok=True)
        for old in raw.iterdir():
            old.unlink()
        for name, rows in files.items():
            rows.to_csv(raw / name, index=False)
        params = copy.deepcopy(params)
        params["dataprep"]["batch_rows"] = batch_rows
        monkeypatch.chdir(tmp_path)
        Path("params.yaml").write_text(json.dumps(params), encoding="utf-8")
        profile, _ = profile_of(read_raw_table(Path("data/raw/t"), Read()), "y", params["data"]["task"], 1000)
        Path("data/profile.json").write_text(json.dumps({**profile, "findings": []}, default=str), encoding="utf-8")
        recipe = types.ModuleType("recipes.mine")
        vars(recipe).update(functions)
        monkeypatch.setitem(sys.modules, "recipes.mine", recipe)
        monkeypatch.setattr(sys, "argv", ["dataprep"])
        monkeypatch.setattr(gc, "freeze", lambda: None)  # DuckDB is here already, and would list what it cannot collect
        dataprep.main()
        return tmp_path

    return prepared


def written(project):
    return {
        f.relative_to(project).as_posix(): f.read_bytes()
        for part in ("split", "prepared")
        for f in (project / "data" / part).iterdir()
    }


def test_same_rows_in_other_files_give_the_same_test_rows(prepare):
    """Which rows are tested on hangs on the rows, not on their files or order."""
    rows = table(40)
    prepare({"a.csv": rows}, settings())
    one = set(pd.read_parquet("data/split/test.parquet")["id"])
    prepare({"a.csv": rows[25:].iloc[::-1], "b.csv": rows[:25]}, settings())
    assert set(pd.read_parquet("data/split/test.parquet")["id"]) == one
    assert len(one) == 8


@pytest.mark.slow
@pytest.mark.parametrize(
    ("values", "classes"), [([0.0, 1.0, None], (0, 1)), ([2.0, None, -1.0], (-1, 2)), ([0.5, 1.0], (0.5, 1.0))]
)
def test_classes_that_are_whole_numbers_are_integers(prepare, values, classes):
    """A label of whole numbers that is one of floats for its missing rows has the classes that AutoGluon calls them by."""
    rows = table(60).assign(y=[values[i % len(values)] for i in range(60)])
    prepare({"a.csv": rows}, settings(positive_class=None))
    contract = load_contract(Path("models/recipe/contract.json"))
    assert repr(contract.classes) == repr(classes)
    for file in ("split/train", "split/test", "prepared/train"):
        assert set(pd.read_parquet(f"data/{file}.parquet")["y"]) == set(classes)
        assert pd.read_parquet(f"data/{file}.parquet")["y"].dtype == type(classes[0])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("values", "given", "positive"),
    [
        ([0, 1], "1", 1),
        ([0, 1], 0, 0),
        ([0.0, 1.0, None], "1.0", 1),
        (["n1", "1"], 1, "1"),
        (["no", "yes"], "no", "no"),
        (["no", "yes"], None, "yes"),
    ],
)  # fmt: skip
def test_positive_class_is_the_class_of_that_text(prepare, values, given, positive):
    """The positive class of a model is one of the train rows' classes, in their type, however the setting writes it."""
    rows = table(60).assign(y=[values[i % len(values)] for i in range(60)])
    prepare({"a.csv": rows}, settings(positive_class=given))
    contract = load_contract(Path("models/recipe/contract.json"))
    assert (type(contract.positive_class), contract.positive_class) == (type(positive), positive)
    assert contract.positive_class in contract.classes


def test_two_runs_write_the_same_bytes(prepare):
    """The tables of two runs are the same to the last byte, also where they pass in several batches."""
    rows = table(5000)
    first = written(prepare({"a.csv": rows}, settings()))
    assert written(prepare({"a.csv": rows}, settings())) == first
    train = pd.read_parquet("data/split/train.parquet")
    assert train["id"].is_monotonic_increasing


@pytest.mark.slow
@pytest.mark.parametrize("threads", [1, 8])
def test_bytes_do_not_hang_on_the_number_of_cores(prepare, monkeypatch, threads):
    """A machine with other cores writes the same tables to the last byte, in several row groups too."""
    real = duckdb.connect
    monkeypatch.setattr(duckdb, "connect", lambda config: real(config={"threads": threads, **config}))
    rows = pd.DataFrame({"id": range(200_000), "y": ["yes", "no"] * 100_000})
    found = hashlib.sha256()
    for _, content in sorted(written(prepare({"a.csv": rows}, settings())).items()):
        found.update(content)
    assert CORES.setdefault("bytes", found.digest()) == found.digest()


def test_columns_pass_through_without_a_recipe(prepare):
    """Without a recipe every column is a feature as it is: text as text, dates as dates, numbers with their gaps."""
    prepare({"a.csv": table(40)}, settings())
    split, prepared = (pd.read_parquet(f"data/{part}/train.parquet") for part in ("split", "prepared"))
    assert list(prepared.columns) == list(split.columns)
    assert prepared["said"].fillna("").equals(split["said"].fillna(""))
    assert prepared["when"].dtype.kind == "M"
    assert prepared["n"].equals(split["n"])
    assert prepared["y"].equals(split["y"])


def test_wide_table_without_a_recipe_is_prepared(prepare):
    """More columns than pandas likes to be put side by side one by one, which it would warn of."""
    numbers = pd.DataFrame({f"n{k}": [k / 8 + i for i in range(40)] for k in range(120)})
    prepare({"a.csv": pd.concat([table(40), numbers], axis=1)}, settings())
    split, prepared = (pd.read_parquet(f"data/{part}/train.parquet") for part in ("split", "prepared"))
    assert prepared["n119"].equals(split["n119"])
    assert list(prepared.columns) == [*split.columns.drop("y"), "y"]


def test_prepared_rows_are_what_the_model_makes_of_raw_rows(prepare):
    """Batch by batch, the prepared features are those of the contract's door, whatever is not read for them."""
    from sklearn.compose import ColumnTransformer
    from sklearn.preprocessing import OrdinalEncoder

    def features(_):
        unknown = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
        parts = [("numbers", "passthrough", ["n"]), ("texts", unknown, ["said"])]
        return ColumnTransformer(parts, verbose_feature_names_out=False).set_output(transform="pandas")

    params = settings()
    params["data"]["recipe"]["sample_rows"] = 200
    prepare({"a.csv": table(3000)}, params, features=features)
    import pickle

    fitted = pickle.loads(Path("models/recipe/recipe.pkl").read_bytes())
    contract = load_contract(Path("models/recipe/contract.json"))
    for part in ("train", "test"):
        raw, found = (pd.read_parquet(f"data/{folder}/{part}.parquet") for folder in ("split", "prepared"))
        expected = fitted.transform(contract.table(raw))
        pd.testing.assert_frame_equal(found, expected.assign(y=raw["y"]))
    assert contract.needed == ("said", "n")
    assert len(fitted.named_transformers_["texts"].categories_[0]) < 300


def test_clean_drops_rows_batch_by_batch(prepare):
    """The rows that clean() drops are in no part, wherever they stood."""
    prepare({"a.csv": table(3000)}, settings(), clean=lambda rows: rows[rows["id"] % 2 == 0])
    parts = [pd.read_parquet(f"data/split/{part}.parquet") for part in ("train", "test")]
    assert sorted(pd.concat(parts)["id"]) == list(range(0, 3000, 2))


def test_rows_without_a_label_are_left_out(prepare):
    """A row without its label is in no part."""
    rows = table(40)
    rows.loc[[3, 8], "y"] = None
    prepare({"a.csv": rows}, settings())
    assert sum(len(pd.read_parquet(f"data/split/{part}.parquet")) for part in ("train", "test")) == 38


def test_validation_rows_are_written_where_they_are_asked_for(prepare):
    """The validation table has its share of the rows, and no row but the header where none are asked for."""
    prepare({"a.csv": table(40)}, settings())
    assert len(pd.read_parquet("data/prepared/validation.parquet")) == 0
    prepare({"a.csv": table(40)}, settings(split={**RANDOM, "validation_size": 0.25}))
    counts = {part: len(pd.read_parquet(f"data/prepared/{part}.parquet")) for part in ("train", "validation", "test")}
    assert counts == {"train": 22, "validation": 10, "test": 8}


def test_column_that_says_the_part_is_no_feature(prepare):
    """The column that a split goes by stays in the split rows and makes no feature."""
    rows = table(12).assign(part=["train", "train", "test"] * 4)
    prepare({"a.csv": rows}, settings(split={"method": "column", "column": "part"}))
    assert "part" not in pd.read_parquet("data/prepared/train.parquet")
    assert "part" not in load_contract(Path("models/recipe/contract.json")).columns
    assert set(pd.read_parquet("data/split/test.parquet")["part"]) == {"test"}


def test_named_file_holds_the_test_rows(prepare):
    """Split by files, the named file's rows are the test rows."""
    rows = table(20)
    prepare(
        {"a.csv": rows[:14], "b.csv": rows[14:]},
        settings(split={"method": "files", "test": ["b.csv"], "validation": []}),
    )
    assert list(pd.read_parquet("data/split/test.parquet")["id"]) == [14, 15, 16, 17, 18, 19]


@pytest.mark.parametrize(
    ("split", "repeated"),
    [
        ({"method": "files", "test": ["b.csv"], "validation": []}, 3),
        ({"method": "column", "column": "part"}, 3),
        ({"method": "group", "column": "part", "test_size": 0.3, "validation_size": None}, 3),
        (RANDOM, 0),
    ],
)
def test_test_rows_that_training_has_seen_are_counted(prepare, capsys, split, repeated):
    """Copies on both sides of a split are a finding, said and reported; a random split keeps them together."""
    rows = table(20).assign(part="train")
    part = "train" if split["method"] == "files" else "test"
    copies = pd.concat([rows[:3], table(30)[26:]]).assign(part=part)
    prepare({"a.csv": rows, "b.csv": copies}, settings(split=split))
    said = [line for line in capsys.readouterr().out.splitlines() if "test_row_in_train" in line]
    report = Path("reports/findings.md").read_text()
    if not repeated:
        assert (said, "test_row_in_train" in report) == ([], False)
        return
    assert (
        f"dataprep: warning: test_row_in_train: {repeated} of {len(pd.read_parquet('data/split/test.parquet'))} test"
        in said[0]
    )
    assert f"{repeated} of " in report


def test_test_rows_that_training_has_seen_can_stop_or_be_acknowledged(prepare, capsys):
    """Like every finding, it is an error where check.errors says so, and a reason settles it."""
    files = {"a.csv": table(20), "b.csv": table(24)[17:]}
    params = settings(split={"method": "files", "test": ["b.csv"], "validation": []})
    params["check"]["errors"] = ["test_row_in_train"]
    with pytest.raises(UserError, match=r"Got test_row_in_train, 3 of 7 test rows .*acknowledged"):
        prepare(files, params)
    assert not Path("data/split").exists()
    params["check"]["acknowledged"] = {"test_row_in_train": "the same patients come back"}
    prepare(files, params)
    assert "Acknowledged: the same patients come back" in capsys.readouterr().out


def test_refused_recipe_leaves_nothing_behind(prepare, tmp_path):
    """A recipe that breaks the contract is refused before anything is written, and no half of a table stays."""
    with pytest.raises(UserError, match="other values from clean"):
        prepare({"a.csv": table(40)}, settings(), clean=lambda rows: rows.assign(n=1.0))
    assert sorted(f.name for f in (tmp_path / "data").iterdir()) == ["profile.json", "raw"]
    assert not (tmp_path / "models").exists()


@pytest.mark.parametrize(
    ("split", "says"),
    [
        ({**RANDOM, "gap": 3.0}, "Got the setting 'data.split.gap', which nothing reads"),
        ({**RANDOM, "column": "id"}, "Got the setting 'data.split.column', which nothing reads"),
        ({**RANDOM, "method": "group"}, "Got no setting 'data.split.column'"),
        ({**RANDOM, "test_size": 0.7, "validation_size": 0.3}, "together with test_size is less than 1"),
        ({**RANDOM, "method": "grouped"}, "expected a method: random, group, time, column, files or horizon"),
        ({"test_size": 0.2}, "Got no setting 'data.split.method'"),
        ({"method": "column", "column": "id", "test_size": 0.2}, "'data.split.test_size', which nothing reads"),
        ({"method": "files", "test": ["a"], "validation": ["a"]}, "files that are not among data.split.test"),
        ({"method": "files", "test": [], "validation": []}, "Got data.split.test=[]"),
        ({**RANDOM, "method": "time", "column": "x", "gap": -1.0}, "Got data.split.gap=-1.0"),
    ],
    ids=[
        "gap by chance", "column by chance", "group without column", "nothing left", "unknown method", "no method",
        "share and column", "file twice", "no test file", "gap backwards",
    ],
)  # fmt: skip
def test_settings_that_contradict_are_refused(split, says):
    """A method takes its own settings and no others; the sentence names the key as it is written in conf/."""
    with pytest.raises(UserError) as error:
        validate(settings(split=split))
    assert says in str(error.value)
