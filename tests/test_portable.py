"""The model as it leaves the project: whole, of its own versions, without train rows, and asked as its card says."""

import bz2
import gzip
import json
import lzma
import shutil
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import REPOSITORY, Project

from slipway.rows.contract import Contract, ContractError
from slipway.rows.written import Written
from slipway.search.card import INPUTS, card
from slipway.serving.answers import answered, params_for
from slipway.serving.explaining import contributions
from slipway.serving.whole import SUMS, ModelError, check_environment, check_files, write_sums

KINDS = {"age": "number", "alone": "boolean", "boarded": "datetime", "sex": "text", "noise": "number"}
SEEN = {
    "age": [1.0, 30.0, 70.0],
    "alone": [0.0, 1.0],
    "boarded": ["1912-04-10 00:00:00"],
    "sex": ["f", "m"],
    "noise": [0.0],
}
CONTRACT = Contract(
    KINDS, SEEN, ("age", "alone", "boarded", "sex"), "survived", "binary", classes=(0, 1), positive_class=1
)


class Linear:
    """A scorer whose answers are a sum that can be taken apart by hand."""

    def __init__(self, contract=CONTRACT):
        self.contract = contract

    def score(self, rows):
        table = self.contract.table(rows)
        assert len(table), "recipes refuse tables without rows"
        return 0.1 + 0.005 * table["age"].fillna(0) + 0.2 * (table["sex"] == "f") + 0.1 * table["alone"].fillna(0)

    def predict(self, rows):
        score = self.score(rows)
        return score if self.contract.task == "regression" else (score > 0.5).astype(int)

    def predict_proba(self, rows):
        return pd.DataFrame({"0": 1 - self.score(rows), "1": self.score(rows)})


def row(**values):
    return pd.DataFrame([{"age": 40, "alone": "no", "boarded": "1912-04-10", "sex": "m", **values}])


def score(rows):
    return Linear().score(rows).item()


def line_missing():
    assert score(row(age=None)) == score(row(age=np.nan)) == score(row(age="")) == score(row(age=pd.NA))
    answered(Linear(), pd.DataFrame([dict.fromkeys(KINDS)]))


def line_order():
    assert score(row()[::-1]) == score(row()[["sex", "boarded", "alone", "age"]]) == score(row())

    assert score(row().rename(columns=" {} ".format)) == score(row())


def line_extra():
    assert score(row(colour="red")) == score(row())


def line_absent():
    with pytest.raises(ContractError, match="without the column 'sex'"):
        score(row().drop(columns="sex"))
    assert "noise" not in row()


def line_number():
    assert score(row(age=" 29.5 ")) == score(row(age=29.5))
    assert score(row(age="3e1")) == score(row(age=30)) == score(row(age=30.0)) == score(row(age=np.int8(30)))
    assert score(row(age=True)) == score(row(age=1))


def line_boolean():
    for word in (True, 1, 1.0, "1", "1.0", "T", "true", "TRUE", " Yes", "y"):
        assert score(row(alone=word)) == score(row(alone=True))
    for word in (False, 0, 0.0, "0", "0.0", "f", "False", "NO", "n"):
        assert score(row(alone=word)) == score(row(alone=False))


def line_datetime():
    moments = [
        "1912-04-10T12:00:00",
        "1912-04-10 12:00",
        "1912-04-10T14:00:00+02:00",
        pd.Timestamp("1912-04-10 12:00"),
        pd.Timestamp("1912-04-10 14:00", tz="+02:00"),
    ]
    assert {CONTRACT.table(row(boarded=moment))["boarded"].item() for moment in moments} == {
        pd.Timestamp("1912-04-10 12:00")
    }


def line_text():
    assert score(row(sex="neither")) == score(row(sex=None))
    assert CONTRACT.table(row(sex=5.0))["sex"].item() == CONTRACT.table(row(sex=5))["sex"].item() == "5"
    for value in (["f"], {"f": 1}, ["f", ["m"]], [], {}):
        with pytest.raises(ContractError, match=r"^Got .* in the column 'sex', expected a text\.$"):
            score(row(sex=value))


def line_written():
    how = Written(("-999", "?"), ",", ".", {"boarded": "%d.%m.%Y"}, ("age",))
    contract = replace(CONTRACT, written=how)

    def read(**values):
        return contract.table(row(**{"boarded": "10.04.1912", **values})).iloc[0].to_dict()

    assert read(age="1.040,5 €")["age"] == 1040.5
    assert read(boarded="02.01.1912")["boarded"] == pd.Timestamp("1912-01-02")
    for column, marks in {
        "age": ("?", "-999", -999, -999.0),
        "sex": ("?", "-999"),
        "alone": ("?",),
        "boarded": ("?",),
    }.items():
        assert all(pd.isna(read(**{column: mark})[column]) for mark in marks)
    with pytest.raises(ContractError, match=r"Got '40\.5' in the column 'age', expected a number\."):
        read(age="40.5")
    many = pd.concat([row(age="1.040", boarded="10.04.1912")] * 50)
    assert contract.table(many)["age"].tolist() == [1040.0] * 50


def line_misfit():
    for column, value, kind in [("age", "old", "number"), ("alone", "perhaps", "boolean"), ("boarded", "soon", "date")]:
        with pytest.raises(ContractError, match=f"Got '{value}' in the column '{column}', expected a {kind}"):
            answered(Linear(), pd.concat([row(), row(**{column: value})]))


def line_rows():
    assert len(answered(Linear(), row()[:0])) == 0
    assert len(answered(Linear(), row())) == 1
    many = pd.concat([row(age=n % 80, sex="fm"[n % 2], alone=n % 3 == 0) for n in range(40)])
    million = pd.concat([many] * 25_000, ignore_index=True)
    answers = answered(Linear(), million)
    assert len(answers) == 1_000_000
    assert answers[:40].tolist() == [answered(Linear(), many.iloc[[n]]).item() for n in range(40)]


LINES = {name.removeprefix("line_"): test for name, test in list(globals().items()) if name.startswith("line_")}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(n, marks=[pytest.mark.slow] if n == "rows" else [])
        for n in [*INPUTS, *(LINES.keys() - INPUTS.keys())]
    ],
)
def test_card_keeps_its_word(name):
    """Every line of the card on what may be sent holds; a line without a test fails, and so does a test without a line."""
    assert INPUTS[name] in card(CONTRACT, "0" * 64, ["numpy==1"], "3.11")
    assert "baseline" not in card(CONTRACT, "0" * 64, ["numpy==1"], "3.11")
    LINES[name]()


def test_threshold_decides():
    """The positive class is predicted above the threshold that is given; one that is no probability is refused."""
    rows = pd.concat([row(age=age) for age in (20, 40, 60)])
    assert [answered(Linear(), rows, threshold=t).sum() for t in (0, 0.25, 0.35, 1)] == [3, 2, 1, 0]
    for wrong in (-0.1, 1.1, float("nan")):
        with pytest.raises(ContractError, match="expected a probability from 0 to 1"):
            answered(Linear(), rows, threshold=wrong)


def test_contributions_take_a_sum_apart():
    """Of a sum, each column adds its own term less that of the made-up rows, exactly; and all of them sum to the answer."""
    table = contributions(CONTRACT, lambda rows: Linear().score(rows).to_numpy(), pd.concat([row(), row(sex="f")]))
    assert list(table.columns) == ["base", *CONTRACT.needed]
    assert table.sum(axis=1).to_numpy() == pytest.approx([0.3, 0.5])
    assert (table["boarded"] == 0).all()
    assert table["sex"].diff().iloc[1] == pytest.approx(0.2)
    assert table["age"].diff().iloc[1] == pytest.approx(0)


def test_a_rows_contributions_do_not_depend_on_other_rows():
    """A row is explained alone as among others, with rows that share an index."""
    rows = pd.concat([row(age=n, sex="fm"[n % 2]) for n in range(45)])
    among = answered(Linear(), rows, explain=True)
    for place in (0, 21, 44):
        alone = answered(Linear(), rows.iloc[[place]], explain=True)
        pd.testing.assert_frame_equal(alone, among.iloc[[place]])
    assert among["explained"].tolist() == Linear().score(rows).tolist()


def test_explaining_is_bounded():
    """One request explains a bounded number of rows, and one row takes a bounded number of predictions."""
    with pytest.raises(ContractError, match="Got 201 rows to explain, expected at most 200"):
        answered(Linear(), pd.concat([row()] * 201), explain=True)
    asked = []
    contributions(CONTRACT, lambda rows: asked.append(len(rows)) or np.zeros(len(rows)), row())
    assert sum(asked) <= 256


@pytest.mark.parametrize(
    ("task", "params"),
    [("binary", "proba threshold explain"), ("multiclass", "proba explain"), ("regression", "explain")],
)
def test_tasks_have_the_parameters_that_make_sense(task, params):
    """A task's card names what can be asked, and no more."""
    assert " ".join(params_for(task)) == params


@pytest.fixture
def folder(tmp_path):
    """Return a folder that is a model as far as its sums go."""
    versions = {"autogluon.tabular": "1.6.3", "scikit-learn": "1.9.1"}
    for name, text in {
        "MLmodel": "flavors: {python_function: {}}\nmetadata: {digest: abc}\nmodel_id: null\n",
        "requirements.txt": "".join(f"{name}=={version}\n" for name, version in versions.items()),
        "python_env.yaml": "python: 3.11.7\n",
        "artifacts/contract.json": "{}",
        "artifacts/code/slipway/a b.py": "",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    write_sums(tmp_path)
    return tmp_path


def test_what_mlflow_writes_is_no_change(folder):
    """MLflow's own ids in MLmodel and its note beside it are no change; the model opens after registering and copying."""
    (folder / "registered_model_meta").write_text("model_name: m\n")
    (folder / "MLmodel").write_text((folder / "MLmodel").read_text().replace("model_id: null", "model_id: m-1"))
    check_files(folder)


@pytest.mark.parametrize("name", ["artifacts/contract.json", "artifacts/code/slipway/a b.py", "requirements.txt"])
def test_changed_and_missing_files_are_named(folder, name):
    """A file that was changed is refused with its name, and so is one that is gone."""
    (folder / name).write_text("changed")
    with pytest.raises(ModelError, match=f"Got a changed file {name} in the model"):
        check_files(folder)
    (folder / name).unlink()
    with pytest.raises(ModelError, match=f"Got no file {name} in the model"):
        check_files(folder)


def test_changed_mlmodel_and_added_code_are_named(folder):
    """What MLmodel says of opening the model is held, and no file joins the model's parts; without sums it is refused."""
    (folder / "artifacts/code/numpy.py").write_text("")
    with pytest.raises(ModelError, match=r"Got a file artifacts/code/numpy\.py in the model"):
        check_files(folder)
    (folder / "artifacts/code/numpy.py").unlink()
    (folder / "MLmodel").write_text((folder / "MLmodel").read_text().replace("abc", "abd"))
    with pytest.raises(ModelError, match="Got a changed file MLmodel"):
        check_files(folder)
    (folder / SUMS).unlink()
    with pytest.raises(ModelError, match=f"Got no {SUMS}"):
        check_files(folder)


def test_other_versions_are_named(folder, monkeypatch):
    """Another Python, or AutoGluon or scikit-learn of another version or none at all, is one sentence."""
    from slipway.serving import whole

    monkeypatch.setattr(whole, "sys", type("Sys", (), {"version_info": (3, 13, 1)}))
    got = {"autogluon.tabular": "1.5.0", "scikit-learn": "1.9.1"}
    monkeypatch.setattr(whole, "_version", got.get)
    with pytest.raises(ModelError) as refused:
        check_environment(folder)
    assert str(refused.value).startswith(
        "Got Python 3.13, autogluon.tabular 1.5.0, expected Python 3.11, autogluon.tabular 1.6.3, with which the model"
    )
    monkeypatch.setattr(whole, "sys", type("Sys", (), {"version_info": (3, 11, 2)}))
    got["autogluon.tabular"] = "1.6.3"
    check_environment(folder)


def traces(folder: Path, train: pd.DataFrame) -> set[str]:
    """Return the columns of which a file of a folder, plain or unpacked, has runs of train values or texts of one row."""
    needles: dict[bytes, str] = {}
    for column in train:
        values = train[column]
        if values.dtype == object:
            counts = values.dropna().astype(str).value_counts()
            shared = "\n".join(counts[counts > 1].index)  # of which a text of one row may be a part, as a town is
            alone = [text for text in counts[counts == 1].index if len(text) > 9 and text not in shared]
            needles |= {text.encode(code): column for text in alone for code in ("utf-8", "utf-16-le", "utf-32-le")}
        else:
            runs = [values.iloc[start : start + 12] for start in range(0, len(values) - 12, 50)]
            for run in runs:
                if run.nunique() < 6:
                    continue
                types = ["f8", "f4"] if run.isna().any() or (run % 1).any() else ["f8", "f4", "i8", "i4", "i2"]
                needles |= {run.to_numpy().astype(type_).tobytes(): column for type_ in types}
    found = set()
    for file in folder.rglob("*"):
        if file.is_file():
            content = file.read_bytes()
            for unpack in (zlib.decompress, gzip.decompress, bz2.decompress, lzma.decompress):
                try:
                    content += unpack(file.read_bytes())
                except (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError):
                    continue
            found |= {column for needle, column in needles.items() if needle in content}
    return found


@pytest.mark.slow
def test_no_train_row_is_in_the_model(finished_once: Project, tmp_path):
    """No text of a single train row, no run of train values and no table of AutoGluon's is in the model; where rows are, they are found."""
    raw = pd.read_parquet(finished_once.folder / "data/split/train.parquet").drop(columns="survived")
    prepared = pd.read_parquet(finished_once.folder / "data/prepared/train.parquet").drop(columns="survived")
    model, predictor = finished_once.folder / "models/model", finished_once.folder / "models/predictor"
    assert traces(model, raw) == set()
    assert traces(model, prepared) == set()
    assert (predictor / "utils/data/X.pkl").exists()
    assert not list(model.rglob("X*.pkl")) + list(model.rglob("y*.pkl"))
    raw.to_pickle(tmp_path / "rows.pkl")
    assert traces(tmp_path, raw) >= {"name", "ticket", "fare"}
    raw.to_pickle(tmp_path / "rows.pkl", compression="gzip")
    assert traces(tmp_path, raw) >= {"name", "ticket", "fare"}
    example = json.loads((model / "input_example.json").read_text(encoding="utf-8"))
    assert not (raw[example["columns"]].astype(str) == [str(v) for v in example["data"][0]]).all(axis=1).any()


def test_page_says_what_the_card_says():
    """docs/serving.md has every line of the card on what may be sent, and every parameter of each task."""
    page = " ".join((REPOSITORY / "docs/serving.md").read_text(encoding="utf-8").split())
    assert [line for line in INPUTS.values() if line not in page] == []
    assert [name for name in params_for("binary") if f"`{name}`" not in page] == []


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # what MLflow and AutoGluon warn of while they open a model is theirs
def test_columns_that_are_not_listed_are_said_once(finished_once: Project, caplog):
    """Columns that the model does not know change no answer, and the log names them once, however many requests have them."""
    import mlflow.pyfunc

    rows = pd.read_parquet(finished_once.folder / "data/split/test.parquet")
    model = mlflow.pyfunc.load_model(str(finished_once.folder / "models/model"))
    expected = model.predict(rows.drop(columns="survived"))
    caplog.clear()
    with caplog.at_level("WARNING"):
        for _ in range(3):
            assert model.predict(rows.assign(colour="red")).equals(expected)
    assert len([record for record in caplog.records if "colour" in record.getMessage()]) == 1


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # what MLflow and AutoGluon warn of while they open a model is theirs
def test_changed_model_is_refused_by_mlflow(finished_once: Project, tmp_path):
    """MLflow refuses a changed model and one of another version with the sentence, and opens one that was moved."""
    import mlflow.pyfunc

    model = shutil.copytree(finished_once.folder / "models/model", tmp_path / "elsewhere")
    rows = pd.read_parquet(finished_once.folder / "data/split/test.parquet").drop(columns="survived")
    loaded = mlflow.pyfunc.load_model(str(model))
    assert len(loaded.predict(rows, params={"threshold": 0.9})) == len(rows)
    assert len(loaded.predict(rows[:0])) == len(loaded.predict(rows[:0], params={"explain": True})) == 0
    explained = loaded.predict(rows[:3], params={"explain": True})
    proba = loaded.predict(rows[:3], params={"proba": True})
    assert explained["explained"].tolist() == proba["1"].tolist()
    assert explained.drop(columns=["prediction", "explained"]).sum(axis=1).tolist() == pytest.approx(
        proba["1"].tolist()
    )
    recipe = model / "artifacts/recipe.pkl"
    recipe.write_bytes(recipe.read_bytes() + b"\0")
    with pytest.raises(Exception, match=r"^Got a changed file artifacts/recipe\.pkl in the model"):
        mlflow.pyfunc.load_model(str(model))
