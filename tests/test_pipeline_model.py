"""The registered model: what was tested, behind a door for raw rows, in Python and over HTTP."""

import json
import re
import socket
import sqlite3
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pandas as pd
import pytest
from conftest import Project, end
from mlflow.pyfunc import PyFuncModel

# What MLflow and AutoGluon warn of while they open a model is theirs; ours have their own tests, where warnings are errors.
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]

MODEL = "models:/titanic-survival@champion"


@pytest.fixture(scope="module")
def model(finished_once: Project) -> PyFuncModel:
    """Return the registered model as MLflow opens it."""
    import mlflow

    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(finished_once.store())
    yield mlflow.pyfunc.load_model(MODEL)
    mlflow.set_tracking_uri(before)


@pytest.fixture(scope="module")
def rows(finished_once: Project) -> pd.DataFrame:
    """Return the raw test rows, without the label."""
    return pd.read_parquet(finished_once.folder / "data/split/test.parquet").drop(columns="survived")


def test_model_on_raw_rows_is_predictor_on_prepared_rows(
    finished_once: Project, model: PyFuncModel, rows: pd.DataFrame
):
    """On raw rows the registered model gives the labels and the probabilities of AutoGluon's predictor on prepared ones."""
    from autogluon.tabular import TabularPredictor

    predictor = TabularPredictor.load(str(finished_once.folder / "models/predictor"))
    prepared = pd.read_parquet(finished_once.folder / "data/prepared/test.parquet").drop(columns="survived")
    labels = model.predict(rows)
    assert labels.tolist() == predictor.predict(prepared).tolist()
    assert set(labels) == {0, 1}
    proba = model.predict(rows, params={"proba": True})
    assert list(proba.columns) == ["0", "1"]
    assert np.array_equal(proba.to_numpy(), predictor.predict_proba(prepared).to_numpy())


def test_every_row_alone_is_answered_as_among_others(model: PyFuncModel, rows: pd.DataFrame):
    """A row's answer does not depend on the rows beside it."""
    together = model.predict(rows, params={"proba": True})["1"].tolist()[:25]
    alone = [model.predict(rows.iloc[[place]], params={"proba": True})["1"].item() for place in range(25)]
    assert alone == together


def test_row_goes_without_a_table(model: PyFuncModel, rows: pd.DataFrame, monkeypatch: pytest.MonkeyPatch):
    """A row alone gets the answers of the table, and no table is made for it on the way; what is refused still is."""
    some = rows[rows["age"].notna() & rows["fare"].notna()].head(9)
    expected, labels = model.predict(some, params={"proba": True}), model.predict(some)
    scorer = model.unwrap_python_model().scorer
    by_table = Mock(side_effect=ValueError("not asked"))
    monkeypatch.setattr(scorer, "recipe", Mock(features=scorer.recipe.features, transform=by_table))
    for place in range(len(some)):
        row = some.iloc[[place]]
        assert model.predict(row, params={"proba": True}).equals(expected.iloc[[place]])
        assert model.predict(row).equals(labels.iloc[[place]])
    with pytest.raises(ValueError, match="not asked"):
        model.predict(some.astype({"age": str}).head(1))


def test_row_of_missing_values_is_answered(model: PyFuncModel, rows: pd.DataFrame):
    """A row in which every value is missing gets a label and probabilities."""
    nothing = pd.DataFrame([dict.fromkeys(rows.columns)])
    assert model.predict(nothing).item() in (0, 1)
    assert model.predict(nothing, params={"proba": True}).to_numpy().sum() == pytest.approx(1)


def test_types_and_order_of_columns_do_not_matter(model: PyFuncModel, rows: pd.DataFrame):
    """Whole numbers as int64, columns in another order, columns that nobody knows: the answers stay."""
    full = rows.dropna(subset=["age", "fare"])
    full = full[full["age"] % 1 == 0]
    expected = model.predict(full).tolist()
    others = full.astype({"age": "int64", "pclass": "int64"})[full.columns[::-1]].assign(weather="fine")
    assert model.predict(others).tolist() == expected
    assert model.predict(full.astype({"age": "int64"}).astype(str).where(full.notna(), None)).tolist() == expected


def test_what_check_found_is_part_of_the_report_and_of_the_version(finished_once: Project):
    """The report says what check found and that the recipe settled it; the registered version's description has it."""
    report = finished_once.read("reports/findings.md")
    assert re.search(r"label_leak:boat \|.* \| settled: no feature depends on it \|", report)
    with closing(sqlite3.connect(finished_once.folder / "mlflow.db")) as database:
        ((description,),) = database.execute("SELECT description FROM model_versions").fetchall()
    assert description.startswith("# Model card")
    assert report.splitlines()[0] in description


def test_missing_column_is_refused_by_name(model: PyFuncModel, rows: pd.DataFrame):
    """A needed column that is missing is refused by its name; one that no feature depends on is not missed."""
    with pytest.raises(Exception, match="Got rows without the column 'sex', expected it"):
        model.predict(rows.drop(columns="sex"))
    assert model.predict(rows.drop(columns=["boat", "cabin"])).tolist() == model.predict(rows).tolist()


def test_unknown_category_is_taken_as_unknown(model: PyFuncModel, rows: pd.DataFrame):
    """A text that no train row had is answered, as a missing one is; only the draws for missing ages tell them apart."""
    assert len(model.predict(rows.assign(embarked="Atlantis"))) == len(rows)
    full = rows.dropna(subset=["age", "fare"])
    unknown, missing = (model.predict(full.assign(embarked=port)).tolist() for port in ("Atlantis", None))
    assert unknown == missing


def test_text_for_a_number_is_refused_by_name(model: PyFuncModel, rows: pd.DataFrame):
    """A text where a number belongs is refused with the column's name and the text."""
    with pytest.raises(Exception, match="Got 'old' in the column 'age', expected a number"):
        model.predict(rows.assign(age="old"))


def serve(project: Project, log: Path, *command: str) -> Iterator[str]:
    """Start a server on a free port of this machine alone, give its address, and end it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = project.start(*command, "--host", "127.0.0.1", "--port", str(port), log=log)
    try:
        deadline = time.monotonic() + 120
        while True:
            assert server.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/ping", timeout=5).close()
                break
            except OSError:
                time.sleep(0.2)
        yield f"http://127.0.0.1:{port}/invocations"
    finally:
        end(server)


def ask(address: str, body: str, content: str = "application/json") -> list:
    request = urllib.request.Request(address, body.encode(), {"Content-Type": content})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)["predictions"]


@pytest.fixture(scope="module", params=["mlflow", "serve.py"])
def address(request, finished_once: Project, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return where the registered model answers: served by MLflow's own command, and by src/serve.py."""
    mlflows = ["mlflow", "models", "serve", "-m", MODEL, "--env-manager", "local"]
    command = mlflows if request.param == "mlflow" else ["python", "src/serve.py"]
    yield from serve(finished_once, tmp_path_factory.mktemp("serving") / "log", *command)


@pytest.mark.parametrize("form", ["dataframe_split", "dataframe_records"])
def test_json_over_http_gets_pythons_answers(address: str, form: str, model: PyFuncModel, rows: pd.DataFrame):
    """Raw rows as JSON get over HTTP what they get in Python: labels, and with proba probabilities."""
    some = rows.head(8)
    body = {form: json.loads(some.to_json(orient=form.removeprefix("dataframe_")))}
    answers = ask(address, json.dumps(body))
    assert pd.DataFrame(answers).iloc[:, 0].tolist() == model.predict(some).tolist()
    proba = pd.DataFrame(ask(address, json.dumps(body | {"params": {"proba": True}})))
    assert np.array_equal(proba.to_numpy(), model.predict(some, params={"proba": True}).to_numpy())


def test_csv_over_http_gets_pythons_answers(address: str, model: PyFuncModel, rows: pd.DataFrame):
    """Raw rows as CSV, with gaps, get over HTTP what they get in Python."""
    some = rows.head(8)
    answers = ask(address, some.to_csv(index=False), "text/csv")
    assert pd.DataFrame(answers).iloc[:, 0].tolist() == model.predict(some).tolist()


def test_refusal_over_http_names_the_column(address: str, rows: pd.DataFrame):
    """A row that does not keep the contract is refused over HTTP, with the sentence that names the column."""
    body = json.dumps({"dataframe_records": [{**dict.fromkeys(rows.columns), "age": "old"}]})
    with pytest.raises(urllib.error.HTTPError) as refused:
        ask(address, body)
    assert refused.value.code == 400
    assert "Got 'old' in the column 'age', expected a number" in refused.value.read().decode()
