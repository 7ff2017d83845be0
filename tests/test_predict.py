"""A whole table asked: every format, rows that cannot be read, an interruption anywhere."""

import gzip
import os
import signal
import sys
import time
from contextlib import closing
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from conftest import Project
from workbook import write_workbook

import predict
from slipway.predicting.batches import Asked
from slipway.predicting.records import delimited_records, is_json_lines, json_records
from slipway.project.data_settings import Read
from slipway.project.entry import UserError
from slipway.rows.contract import Contract, ContractError
from slipway.rows.written import Written
from slipway.tables.delimited import read_dialect

KINDS = {"age": "number", "alone": "boolean", "boarded": "datetime", "sex": "text", "noise": "number"}
CONTRACT = Contract(
    KINDS,
    {name: [] for name in KINDS},
    ("age", "alone", "boarded", "sex"),
    "survived",
    "binary",
    (0, 1),
    positive_class=1,
)
LINES = [
    "id,age,alone,boarded,sex,survived",
    "007,29.5,yes,1912-04-10,f,1",
    "008,,no,1912-04-10T12:00:00,m,0",
    "009,40,1,,,1",
]


class Model:
    """A model whose answer is the age and 100 for a woman; it takes no negative age, whatever the contract says."""

    metadata = SimpleNamespace(metadata={"digest": "abc"}, model_uuid="1")

    def __init__(self, contract=CONTRACT, fails_after=10**9):
        self.contract, self.left, self.asked = contract, fails_after, 0

    def unwrap_python_model(self):
        return SimpleNamespace(scorer=SimpleNamespace(contract=self.contract))

    def check(self, table):
        if (table["age"] < 0).any():
            raise ContractError("Got an age before birth.")

    def predict(self, rows, params):
        from mlflow.exceptions import MlflowException
        from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE

        assert len(rows), "recipes refuse tables without rows"
        try:
            table = self.contract.table(rows)
            self.check(table)
        except ContractError as error:
            raise MlflowException(str(error), error_code=INVALID_PARAMETER_VALUE) from error
        self.left -= 1
        self.asked += len(rows)
        if self.left < 0:
            raise KeyboardInterrupt
        answers = table["age"].fillna(0) + 100.0 * (table["sex"] == "f")
        return pd.DataFrame({"0": -answers, "1": answers}) if params else answers.rename("survived")


@pytest.fixture
def ask(monkeypatch, tmp_path):
    """Return a function that runs the script on a table of some lines with a made-up model."""
    monkeypatch.setattr(predict, "heed_kill", lambda: None)
    monkeypatch.setattr(
        predict, "load_params", lambda **_: SimpleNamespace(data=SimpleNamespace(label="y", read=Read()))
    )

    def asked(lines, *arguments, model=None, out="out.parquet", table="table.csv"):
        monkeypatch.setattr("slipway.registration.tracking.load_model", lambda _: model or Model())
        if lines is not None:
            (tmp_path / table).write_text("\n".join(lines) + "\n", encoding="utf-8")
        arguments = (str(tmp_path / table), "--out", str(tmp_path / out), *arguments)
        monkeypatch.setattr(sys, "argv", ["predict.py", *arguments])
        predict.main()
        return pd.read_parquet(tmp_path / out) if out.endswith("parquet") else pd.read_csv(tmp_path / out, dtype=str)

    return asked


def records(tmp_path, text):
    path = tmp_path / "t.csv"
    path.write_text(text, encoding="utf-8", newline="")
    dialect, _ = read_dialect(path, path, Read(delimiter=","))
    return [(r.line, r.fields, r.reason[:22]) for r in delimited_records(path, dialect)]


def test_broken_records_are_put_aside_and_the_next_line_is_read(tmp_path):
    """A record of too few or many fields, or with a stray quote, costs itself alone, also where the quote is never closed."""
    text = '\na,b\n1,2\n\n3\n4,5,6\n"x\ny",7\n"8"9,1\n10,"11\n12,13\n14,15\n'
    assert records(tmp_path, text) == [
        (3, ["1", "2"], ""),
        (5, None, "Got 1 fields, expected"),
        (6, None, "Got 3 fields, expected"),
        (7, ["x\ny", "7"], ""),
        (9, None, "Got a quote that is no"),
        (10, None, "Got a quote that is no"),
        (11, ["12", "13"], ""),
        (12, ["14", "15"], ""),
    ]
    assert records(tmp_path, "a,b\r1,2\r3,4") == [(2, ["1", "2"], ""), (3, ["3", "4"], "")]


def test_an_open_quote_does_not_take_the_rest_into_memory(tmp_path, monkeypatch):
    """A quote that is not closed is given up after so many letters, and every row below it is read."""
    monkeypatch.setattr("slipway.predicting.records.LONGEST", 300)
    got = records(tmp_path, 'a,b\n1,"2\n' + "3,4\n" * 1000)
    assert [fields for _, fields, _ in got] == [None, *[["3", "4"]] * 1000]
    assert [line for line, _, _ in got] == list(range(2, 1003))


def test_lines_that_are_no_json_are_put_aside(tmp_path):
    """A broken line, and one that is no object, cost themselves alone; values are the texts that raw tables have."""
    path = tmp_path / "t.jsonl"
    lines = ['{"a": 1.5, "b": true, "c": null, "d": {"e": [1]}}', '{"a": 1', "", "[1]", "[" * 9999, '{"a": "x"}']
    path.write_text("\n".join(lines))
    got = list(json_records(path))
    assert [record.line for record in got] == [1, 2, 4, 5, 6]
    assert got[0].fields == {"a": "1.5", "b": "true", "c": None, "d": '{"e":[1]}'}
    assert [record.fields for record in got[1:]] == [None, None, None, {"a": "x"}]
    assert all(record.reason.startswith("Got a line ") for record in got[1:4])
    assert is_json_lines(path)
    path.write_text('[{"a": 1},\n{"a": 2}]')
    assert not is_json_lines(path)


@pytest.mark.slow
def test_predictions_have_row_keys_and_prediction(ask, tmp_path, capsys):
    """Each row has its number, the columns asked for as the file has them, and the prediction; nothing else is left behind."""
    out = ask(LINES, "--keep", "id", "sex")
    assert list(out.columns) == ["row", "id", "sex", "prediction"]
    assert out["id"].tolist() == ["007", "008", "009"]
    assert out["sex"].tolist() == ["f", "m", ""]
    assert out["prediction"].tolist() == [129.5, 0, 40]
    assert sorted(file.name for file in tmp_path.iterdir()) == ["out.parquet", "table.csv"]
    said = capsys.readouterr().out
    assert "predict: without survived, which the model does not know\n" in said
    assert "predict: without noise, on which nothing depends; missing here\n" in said
    assert said.endswith(f"predict: 3 rows predicted, in {tmp_path / 'out.parquet'}\n")


def test_csv_has_the_same_numbers(ask):
    """What is written as CSV comes back to the last bit."""
    lines = [LINES[0], *(f"{n},{n / 7!r},no,,f,1" for n in range(50))]
    assert ask(lines, "--proba", out="p.csv")["1"].astype(float).tolist() == ask(lines, "--proba")["1"].tolist()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["gzip", "jsonl", "json", "parquet", "feather", "excel", "latin-1", "folder"])
def test_every_format_gives_the_same_predictions(ask, tmp_path, kind):
    """A table that any reader of raw tables reads is answered alike."""
    expected = ask(LINES)["prediction"].tolist()
    table = pd.read_csv(tmp_path / "table.csv", dtype={"id": str})
    path = tmp_path / {"folder": "folder", "excel": "t.xlsx", "latin-1": "t.csv"}.get(kind, f"t.{kind}")
    if kind == "gzip":
        path.write_bytes(gzip.compress((tmp_path / "table.csv").read_bytes()))
    elif kind in ("jsonl", "json"):
        path.write_text(table.to_json(orient="records", lines=kind == "jsonl"))
    elif kind in ("parquet", "feather"):
        getattr(table.assign(boarded=pd.to_datetime(table["boarded"], format="ISO8601")), f"to_{kind}")(path)
    elif kind == "excel":
        write_workbook(path, {"Sheet": [LINES[0].split(","), *(line.split(",") for line in LINES[1:])]})
    elif kind == "latin-1":
        path.write_bytes(
            "\n".join([LINES[0] + ";é", *(f"{line};é" for line in LINES[1:])]).replace(",", ";").encode("latin-1")
        )
    else:
        path.mkdir()
        for n in (1, 2, 3):
            (path / f"{n}.csv").write_text(f"{LINES[0]}\n{LINES[n]}\n")
    out = ask(None, table=path.name)
    assert out["prediction"].tolist() == expected
    assert out["row"].tolist() == ([1, 1, 1] if kind == "folder" else [1, 2, 3])
    assert ("file" in out) == (kind == "folder")


@pytest.mark.slow
def test_rows_that_cannot_be_read_are_put_aside(ask, tmp_path, capsys):
    """Each row that is broken, or that contract or model refuse, stands with place, reason and text in a second file; the rest is answered."""
    lines = [*LINES, "010,old,no,soon,m,1", "011,1", "012,5,perhaps,,m,1", "013,-3,no,,m,0", "014,6,no,,m,0"]
    out = ask(lines, "--keep", "id", "--batch-rows", "4")
    assert out["id"].tolist() == ["007", "008", "009", "014"]
    assert out["row"].tolist() == [1, 2, 3, 8]
    aside = pd.read_csv(tmp_path / "out.refused.csv")
    assert aside[["row", "line"]].to_numpy().tolist() == [[4, 5], [5, 6], [6, 7], [7, 8]]
    assert aside["reason"].tolist() == [
        "Got 'old' in the column 'age', expected a number.",
        "Got 2 fields, expected 6 as in the header.",
        "Got 'perhaps' in the column 'alone', expected a boolean.",
        "Got an age before birth.",
    ]
    assert aside["text"].tolist() == lines[4:8]
    assert "4 rows predicted, in " in capsys.readouterr().out
    ask(LINES)
    assert not (tmp_path / "out.refused.csv").exists(), "of the predictions before"


def test_strict_stops_at_the_first_row(ask, tmp_path):
    """With --strict the first row that cannot be read ends it with its place and reason, and no output appears."""
    with pytest.raises(
        UserError, match=r"^Got a row in .*table.csv, line 3 that cannot be read: Got 'x' in the column 'age', expected"
    ):
        ask([LINES[0], "1,2,no,,m,1", "2,x,no,,m,1", "3,y,no,,m,1"], "--strict")
    assert not (tmp_path / "out.parquet").exists()


def test_table_that_is_damaged_further_on_ends_in_a_sentence(ask, tmp_path):
    """Parquet whose last rows cannot be unpacked is named as such, though the rows before them were read, and no output appears."""
    file, rows = tmp_path / "table.parquet", 40_000
    age = np.random.default_rng(1).normal(40, 10, rows)
    whole = pd.DataFrame({"age": age, "alone": True, "boarded": pd.Timestamp("1912-04-10"), "sex": "f"})
    whole.to_parquet(file, row_group_size=10_000, index=False)
    chunk = pq.read_metadata(file).row_group(3).column(0)
    content = bytearray(file.read_bytes())
    start = chunk.dictionary_page_offset or chunk.data_page_offset
    content[start + 40 : start + chunk.total_compressed_size] = b"\xff" * (chunk.total_compressed_size - 40)
    file.write_bytes(content)
    with pytest.raises(UserError, match=r"Got .*table.parquet, which cannot be read as Parquet"):
        ask(None, "--batch-rows", "1000", table="table.parquet")
    assert not (tmp_path / "out.parquet").exists()


def test_no_row_that_the_model_takes_is_an_error(ask, tmp_path):
    """A table of which nothing can be read does not end well, and the reasons are there; one without rows does."""
    with pytest.raises(UserError, match="Got no row that the model takes"):
        ask([LINES[0], "1,x,no,,m,1"])
    assert len(pd.read_csv(tmp_path / "out.refused.csv")) == 1
    out = ask(LINES[:1], "--keep", "id")
    assert out.dtypes.astype(str).to_dict() == {"row": "int64", "id": "object", "prediction": "float64"}


def test_what_cannot_work_is_one_sentence(ask, tmp_path):
    """A column that is not there, an output that is the table, and a name that two columns would have are refused."""
    with pytest.raises(UserError, match=r"Got a model of the column 'age', but .* has no such column; closest: 'aged'"):
        ask(["aged,alone,boarded,sex", "1,no,,m"])
    with pytest.raises(UserError, match=r"Got --keep 'idd', but .* closest: 'id'"):
        ask(LINES, "--keep", "idd")
    with pytest.raises(UserError, match="Got --keep prediction, a column that the predictions have too"):
        ask([f"{LINES[0]},prediction", f"{LINES[1]},1"], "--keep", "prediction")
    assert [file.name for file in tmp_path.iterdir()] == ["table.csv"]
    with pytest.raises(UserError, match="which is the table"):
        ask(LINES, out="table.csv")
    with pytest.raises(UserError, match=r"expected a name that ends in .parquet or .csv"):
        ask(LINES, out="out.xlsx")
    with pytest.raises(UserError, match="Got no file"):
        ask(None, table="nothing.csv")


def test_numbers_and_dates_are_read_as_the_raw_table_is(ask, monkeypatch):
    """Decimal commas are found, and formats of dates come from data.read where the model is of the project's own label."""
    lines = ["age;alone;boarded;sex", "1.234,5;no;10/04/1912;f", "2,5;ja;;m", "3,5;no;1912-04-10;m"]
    read = Read(dates={"boarded": "%d/%m/%Y", "gone": "%Y"}, drop=["sex"], where="age > 9", missing=["ja"])
    data = SimpleNamespace(label="survived", read=read)
    monkeypatch.setattr(predict, "load_params", lambda **_: SimpleNamespace(data=data))
    seen = []
    model = Model()
    model.predict = lambda rows, params: (seen.append(rows), Model().predict(rows, params))[1]
    assert ask(lines, model=model)["prediction"].tolist() == [1334.5, 2.5]
    assert CONTRACT.table(seen[-1])["boarded"].tolist() == [pd.Timestamp("1912-04-10"), pd.NaT]


@pytest.mark.parametrize(
    ("learned", "ages", "read"),
    [
        ((",", "."), ["2.500", "350"], [2500.0, 350.0]),  # of which the file alone says nothing
        ((",", "."), ["2.5", "350"], [2.5, 350.0]),
        ((".", ","), ["2.5", "1,234"], [2.5, 1234.0]),
        ((".", ""), ["1,234,567", "5"], [1234567.0, 5.0]),
        ((".", ""), ["2,5", "1.234,5"], [2.5, 1234.5]),
    ],
)
def test_numbers_are_read_as_the_file_shows_or_as_the_model_learned(tmp_path, learned, ages, read):
    """A notation that the file leaves no doubt about counts; what it leaves open is as in the model's raw files."""
    (tmp_path / "t.csv").write_text("age;sex\n" + "".join(f"{age};f\n" for age in ages), encoding="utf-8")
    contract = replace(CONTRACT, columns={"age": "number", "sex": "text"}, written=Written(("",), *learned))
    with closing(Asked(tmp_path, (tmp_path / "t.csv",), Read(), contract)) as table:
        batch = next(table.batches([], 10, 0))
    assert batch.refused == []
    assert contract.table(batch.rows.assign(alone=None, boarded=None))["age"].tolist() == read


def test_whole_numbers_in_a_text_column_keep_their_digits(tmp_path):
    """Integers beside missing ones do not pass through floats: a long id in a text column keeps every digit."""
    pd.DataFrame({"sex": pd.array([2**60 + 1, None], dtype="Int64")}).to_parquet(tmp_path / "t.parquet")
    with closing(Asked(tmp_path, (tmp_path / "t.parquet",), Read(), CONTRACT)) as table:
        rows = next(table.batches([], 10, 0)).rows
    assert Contract({"sex": "text"}, {}, (), "y", "binary", (0, 1), 1).table(rows)["sex"].tolist()[0] == str(2**60 + 1)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_what_was_done_is_not_done_again(ask, tmp_path, capsys, kind):
    """After an interruption the same command predicts what is left, and its output is that of an undisturbed run."""
    lines = [LINES[0], *(f"{n},{n if n % 7 else 'x'},no,,f,1" for n in range(95))]
    whole = ask(lines, "--keep", "id", "--batch-rows", "10", out="whole.parquet")
    table = pd.read_csv(tmp_path / "table.csv", dtype=str)
    table.to_json(tmp_path / "table.jsonl", orient="records", lines=True)
    table.to_parquet(tmp_path / "table.parquet")
    arguments = ("--keep", "id", "--batch-rows", "10")
    with pytest.raises(KeyboardInterrupt):
        ask(None, *arguments, model=Model(fails_after=5), table=f"table.{kind}")
    assert not (tmp_path / "out.parquet").exists()
    capsys.readouterr()
    model = Model()
    out = ask(None, *arguments, model=model, table=f"table.{kind}")
    assert "goes on after 40 rows that are done" in capsys.readouterr().out
    assert model.asked < 60
    pd.testing.assert_frame_equal(out, whole)
    aside = [pd.read_csv(tmp_path / f"{name}.refused.csv") for name in ("whole", "out")]
    pd.testing.assert_frame_equal(*(table.drop(columns=["file", "line", "text"]) for table in aside))


@pytest.mark.slow
@pytest.mark.parametrize("changed", ["input", "model", "params", "batch_rows"])
def test_parts_of_something_else_are_not_joined(ask, changed, tmp_path, capsys):
    """With another input, model or question than before the interruption it begins anew, and says so."""
    lines = [LINES[0], *(f"{n},{n},no,,f,1" for n in range(30))]
    with pytest.raises(KeyboardInterrupt):
        ask(lines, "--batch-rows", "10", model=Model(fails_after=2))
    model = Model()
    if changed == "input":
        lines[5] = "4,5,no,,m,1"
    if changed == "model":
        model.metadata = SimpleNamespace(metadata={"digest": "abd"}, model_uuid="1")
    more = ["--proba"] if changed == "params" else []
    capsys.readouterr()
    out = ask(lines, "--batch-rows", "15" if changed == "batch_rows" else "10", *more, model=model)
    assert f"begins anew, for another {changed} than" in capsys.readouterr().out
    assert len(out) == 30
    assert (tmp_path / ".out.parquet.parts").exists() is False
    if changed == "input":
        assert out["prediction"].iloc[4] == 5


def test_two_at_once_are_refused(ask, tmp_path):
    """Another process that writes the same output is refused, and what the first one has done stays."""
    from slipway.predicting.parts import alone

    with alone(tmp_path / "out.parquet"), pytest.raises(UserError, match="Got another process that writes"):
        ask(LINES)


@pytest.mark.slow
def test_explaining_takes_more_rows_than_a_request(ask):
    """A batch of more rows than a request may explain is asked in pieces."""
    model, sizes = Model(), []
    model.predict = lambda rows, params: (sizes.append(len(rows)), Model().predict(rows, params))[1]
    assert len(ask([LINES[0], *["1,2,no,,f,1"] * 450], "--explain", model=model)) == 450
    assert max(sizes) == 200


def raw_table(project: Project) -> pd.DataFrame:
    files = sorted((project.folder / "data/raw/titanic").glob("*.csv"))
    return pd.concat([pd.read_csv(file, dtype=str, keep_default_na=False) for file in files], ignore_index=True)


def peak_mb(process) -> float:
    """Wait for a process to end well; return the most memory that it took."""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return usage.ru_maxrss / 1024


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # MLflow and AutoGluon warn of each other's versions and of their own plans
def test_script_predicts_the_raw_table_as_the_model_does(finished_once: Project, tmp_path):
    """Every row of the raw table gets to the last bit what the tested model gives its typed row; the model is the local one."""
    import mlflow.pyfunc

    parts = [pd.read_parquet(finished_once.folder / f"data/split/{part}.parquet") for part in ("train", "test")]
    rows = pd.concat(parts, ignore_index=True)
    model = mlflow.pyfunc.load_model(str(finished_once.folder / "models/model"))
    rows["1"] = model.predict(rows.drop(columns="survived"), params={"proba": True})["1"]
    out = tmp_path / "out.parquet"
    command = ("src/predict.py", "data/raw/titanic", "--out", str(out), "--proba", "--keep", "name", "survived")
    finished_once.run(sys.executable, *command)
    got = pq.read_table(out).to_pandas()
    assert got.groupby("file")["row"].agg(["min", "max", "size"]).sum().tolist() == [2, 1309, 1309]
    by = ["name", "1"]
    expected = rows[by].sort_values(by, ignore_index=True)
    pd.testing.assert_frame_equal(got[by].sort_values(by, ignore_index=True), expected, check_exact=True)


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # MLflow and AutoGluon warn of each other's versions and of their own plans
@pytest.mark.parametrize(
    ("name", "params", "refused"),
    [
        ("wine", ("proba", "explain"), {"--threshold=0.5": "has not two classes"}),
        (
            "diabetes",
            ("explain",),
            {"--proba": "is a number; leave proba out", "--threshold=0.5": "has not two classes"},
        ),
        ("diabetes_range", (), {"--explain": "of the task quantile", "--proba": "is a number"}),
    ],
    ids=["multiclass", "regression", "quantile"],
)
def test_every_tasks_model_is_asked(name, params, refused, request, monkeypatch, tmp_path):
    """A model of each task predicts its raw table, gives what its task has beside, and refuses the rest in its own sentence."""
    import mlflow.pyfunc

    folder = request.getfixturevalue(name)
    monkeypatch.chdir(folder)
    monkeypatch.setattr(predict, "heed_kill", lambda: None)
    [table] = (folder / "data/raw" / name.partition("_")[0]).glob("*.csv")
    rows = pd.read_csv(table).head(60)
    rows.to_csv(tmp_path / "table.csv", index=False)
    model = mlflow.pyfunc.load_model("models/model")
    for option in ((), *((f"--{param}",) for param in params)):
        monkeypatch.setattr(
            sys, "argv", ["predict.py", str(tmp_path / "table.csv"), "--out", str(tmp_path / "o.parquet"), *option]
        )
        predict.main()
        got = pd.read_parquet(tmp_path / "o.parquet").drop(columns="row")
        expected = pd.DataFrame(model.predict(rows, params={param[2:]: True for param in option}))
        assert list(got.columns) == (["prediction"] if len(expected.columns) == 1 else list(expected.columns))
        assert got.to_numpy().tolist() == expected.to_numpy().tolist()
    for option, sentence in refused.items():
        monkeypatch.setattr(sys, "argv", ["predict.py", str(tmp_path / "table.csv"), option])
        with pytest.raises(UserError, match=sentence):
            predict.main()


@pytest.mark.slow
def test_killed_run_goes_on_and_appends_nothing_twice(finished_once: Project, tmp_path, stopping):
    """Interrupted and then killed in the middle, the same command ends with every row once; its memory does not grow with the table."""
    one = raw_table(finished_once)
    out, folder, large = tmp_path / "out.csv", tmp_path / ".out.csv.parts", tmp_path / "large.csv"
    one.to_csv(tmp_path / "one.csv", index=False)
    pd.concat([one] * 100).to_csv(large, index=False)
    command = [sys.executable, "src/predict.py"]
    little = peak_mb(
        finished_once.start(
            *command, str(tmp_path / "one.csv"), "--out", str(tmp_path / "one.parquet"), log=tmp_path / "0"
        )
    )
    command += [str(large), "--out", str(out), "--keep", "name", "--batch-rows", "5000"]
    command += ["--model", "models:/titanic-survival@champion"]
    for stop, parts in ((signal.SIGINT, 3), (signal.SIGKILL, 8)):
        log = tmp_path / stop.name
        process = finished_once.start(*command, log=log)
        stopping.append(process)
        while len(list(folder.glob("??????.parquet"))) < parts:
            assert process.poll() is None, log.read_text()
            time.sleep(0.02)
        process.send_signal(stop)
        process.wait(timeout=60)
        assert not out.exists()
    assert (
        (tmp_path / "SIGINT")
        .read_text()
        .endswith("Interrupted. Finished batches are kept; the same command goes on from here.\n")
    )
    much = peak_mb(finished_once.start(*command, log=tmp_path / "2"))
    assert "goes on after " in (tmp_path / "2").read_text()
    got = pd.read_csv(out)
    assert got["row"].tolist() == list(range(1, len(one) * 100 + 1))
    alone = pd.read_parquet(tmp_path / "one.parquet")["prediction"].to_numpy()
    assert (got["prediction"].to_numpy() == np.tile(alone, 100)).all()
    assert got["name"].tolist() == one["name"].tolist() * 100
    assert not folder.exists()
    assert much < little + 150, "megabytes; the table is 10 MB, and ten times as much as objects of Python's"
