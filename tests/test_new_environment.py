"""The model away from the project: in an environment of its own requirements, at another path, with the project gone."""

import http.client
import json
import os
import shutil
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pandas as pd
import pytest
from conftest import Project, end, moved
from servers import free_port

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]

CHAMPION = "models:/titanic-survival@champion"
# Asks models there as this file asks them here; each answer is a list of rows of values.
ASK = """
import io, json, sys, warnings
warnings.simplefilter("ignore")
import mlflow.pyfunc, pandas as pd
from mlflow.pyfunc import scoring_server

assert not [name for name in sys.modules if name.startswith(("slipway", "recipes"))]
said = {}
for name, (address, rows, params) in json.load(open("ask.json")).items():
    model, rows = mlflow.pyfunc.load_model(address), pd.read_pickle(rows)
    answers = {"dataframe": model.predict(rows, params=params), "labels": model.predict(rows)}
    said[name] = {form: pd.DataFrame(answer).to_numpy().tolist() for form, answer in answers.items()}
    schema = model.metadata.get_input_schema()
    for form, (body, kind) in json.load(open(f"{name}.json")).items():
        answer = scoring_server.invocations(body, kind, model, schema)
        assert answer.status == 200, answer.response
        said[name][form] = [list(row.values()) if isinstance(row, dict) else [row] for row in json.loads(answer.response)["predictions"]]
json.dump(said, open("said.json", "w"))
"""


def pip(environment: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(environment / "bin/python"), "-m", "pip", "--disable-pip-version-check", "--quiet", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=900)


@pytest.fixture(scope="module")
def away(finished_once: Project, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with an environment that holds what the model's own requirements.txt says, and nothing of the project."""
    home = tmp_path_factory.mktemp("away")
    environment = home / "environment"
    subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    requirements = finished_once.folder / "models/model/requirements.txt"
    done = pip(environment, "install", "--no-compile", "-r", str(requirements))
    if done.returncode and pip(environment, "download", "--no-deps", "--dest", str(home), "wheel").returncode:
        pytest.skip(f"pip reaches no package index: {done.stderr.strip().splitlines()[-1]}")
    assert done.returncode == 0, done.stderr
    return home


@pytest.fixture(scope="module")
def registry(finished_once: Project, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the project's registry alone, at another path; the project that it was in is gone."""
    project = moved(finished_once, tmp_path_factory.mktemp("gone") / "project")
    for entry in project.folder.iterdir():
        if entry.name not in ("mlflow.db", "mlartifacts"):
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
    there = moved(project, tmp_path_factory.mktemp("registry") / "elsewhere")
    shutil.rmtree(project.folder)
    return there.folder


def environment_of(away: Path, registry: Path) -> dict[str, str]:
    """Return the variables of processes there: of this project they have none."""
    mine = ("PYTHON", "MLFLOW_", "DVC_", "VIRTUAL_ENV")
    env = {name: value for name, value in os.environ.items() if not name.startswith(mine)}
    path = f"{away / 'environment/bin'}{os.pathsep}{env['PATH']}"
    return env | {
        "PATH": path,
        "MLFLOW_TRACKING_URI": f"sqlite:///{registry}/mlflow.db",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }


def raw_rows(project: Path, name: str, label: str) -> pd.DataFrame:
    """Return up to a thousand rows of a raw table as pandas reads them, without the label."""
    files = [file for file in sorted((project / "data/raw" / name).iterdir()) if file.suffix == ".csv"]
    return pd.concat(map(pd.read_csv, files), ignore_index=True).head(1000).drop(columns=label)


def bodies(rows: pd.DataFrame, params: dict[str, bool]) -> dict[str, tuple[str, str]]:
    """Return form → body and content type: the same rows as each of MLflow's kinds of JSON, and as CSV, which takes no params."""
    split = json.loads(rows.to_json(orient="split", index=False, double_precision=15))
    values = rows.astype(object).where(rows.notna(), None)
    split["data"] = values.to_numpy().tolist()
    records = values.to_dict(orient="records")
    columns = values.to_dict(orient="list")
    forms = {"dataframe_split": split, "dataframe_records": records, "instances": records, "inputs": columns}
    told = {
        form: (json.dumps({form: says, "params": params}, default=int), "application/json")
        for form, says in forms.items()
    }
    return told | {"csv": (rows.to_csv(index=False), "text/csv")}


def test_model_is_itself_away_from_the_project(
    finished_once: Project, wine: Path, diabetes: Path, diabetes_range: Path, away: Path, registry: Path
):
    """A thousand raw rows get from the champion the same bits in every form, over HTTP too; so does every task's model."""
    import mlflow.pyfunc

    asked = {
        "titanic": (finished_once.folder, "survived", {"proba": True}),
        "wine": (wine, "cultivar", {"proba": True}),
        "diabetes": (diabetes, "progression", {}),
        "diabetes_range": (diabetes_range, "progression", {}),
    }
    work, expected, told = away / "work", {}, {}
    work.mkdir()
    for name, (project, label, params) in asked.items():
        rows = raw_rows(project, name.partition("_")[0], label)
        model = mlflow.pyfunc.load_model(str(project / "models/model"))
        answers = {"dataframe": model.predict(rows, params=params), "labels": model.predict(rows)}
        expected[name] = {form: pd.DataFrame(answer).to_numpy().tolist() for form, answer in answers.items()}
        rows.to_pickle(work / f"{name}.pkl")
        told[name] = bodies(rows, params)
        (work / f"{name}.json").write_text(json.dumps(told[name]))
        if name != "titanic":
            shutil.copytree(project / "models/model", away / f"model-{name}")
    ask = {name: (str(away / f"model-{name}"), f"{name}.pkl", params) for name, (_, _, params) in asked.items()}
    ask["titanic"] = (CHAMPION, *ask["titanic"][1:])
    (work / "ask.json").write_text(json.dumps(ask))
    env = environment_of(away, registry)
    done = subprocess.run(
        ["python", "-c", ASK], cwd=work, env=env, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr
    said = json.loads((work / "said.json").read_text())
    assert len(said["titanic"]["dataframe"]) == 1000
    for name, forms in said.items():
        assert set(forms) == {"dataframe", "labels", *told[name]}
        for form, answers in forms.items():
            same = expected[name]["labels" if form in ("labels", "csv") else "dataframe"]
            assert answers == same, f"{name} as {form}"
    port = free_port()
    command = [
        "mlflow",
        "models",
        "serve",
        "-m",
        CHAMPION,
        "--env-manager",
        "local",
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
    ]
    with (away / "log").open("wb") as log:
        server = subprocess.Popen(command, cwd=work, env=env, stdout=log, stderr=log, start_new_session=True)
    try:
        deadline = time.monotonic() + 120
        while True:
            assert server.poll() is None, (away / "log").read_text()
            assert time.monotonic() < deadline
            try:
                over_http = {form: post(port, *told["titanic"][form]) for form in told["titanic"]}
                break
            except ConnectionRefusedError:
                time.sleep(0.2)
    finally:
        end(server)
    for form, answers in over_http.items():
        assert answers == expected["titanic"]["labels" if form == "csv" else "dataframe"], f"over HTTP as {form}"


def post(port: int, body: str, kind: str) -> list[list[object]]:
    """Return a server's predictions as rows of values."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
        connection.request("POST", "/invocations", body, {"Content-Type": kind})
        answer = connection.getresponse()
        content = answer.read()
        assert answer.status == 200, content
    return [list(row.values()) if isinstance(row, dict) else [row] for row in json.loads(content)["predictions"]]
