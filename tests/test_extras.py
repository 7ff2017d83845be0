"""The extras, each added to the environment by its one command: neural networks on rows, and forecasting, to served models."""

import csv
import json
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from importlib import metadata
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import REPOSITORY, Project, clone, end, environment, until_it_says
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from test_portable import traces

from slipway.project import names

pytestmark = pytest.mark.slow
# Searches of seconds: one model that learns nothing, one that learns.
TINY = """
defaults: [base, _self_]
quantile_levels: [0.1, 0.5, 0.9]
num_val_windows: 2
models:
  SeasonalNaive: {}
  AutoETS: {}
  RecursiveTabular: {model_hyperparameters: {n_estimators: 30}}
"""
# Trees and a network that only the clock stops, each its own: that of the search hangs on how long imports take.
ENDLESS = """
defaults: [base, _self_]
time_limit: 300
quantile_levels: [0.1, 0.5, 0.9]
models:
  SeasonalNaive: {}
  RecursiveTabular:
    model_hyperparameters: {num_boost_round: 9000000, learning_rate: 1.0e-9, ag.early_stop: 9000000, ag.num_cpus: 1}
    ag_args_fit: {max_time_limit: 4}
  DLinear:
    max_epochs: 9000000
    early_stopping_patience: 9000000
    trainer_kwargs: {limit_train_batches: 5}
    ag_args_fit: {max_time_limit: 6}
"""
# The search, whose process dies in the middle of its last model, as the system ends one that fills the memory.
KILLED = """
import os, runpy, sys
from autogluon.timeseries.trainer import TimeSeriesTrainer
fit = TimeSeriesTrainer._train_and_save
def killed(self, data, model, **kwargs):
    return os.kill(os.getpid(), 9) if model.name == "AutoETS" else fit(self, data, model=model, **kwargs)
TimeSeriesTrainer._train_and_save = killed
sys.path.insert(0, "src")
sys.argv = ["src/automl.py"]
runpy.run_path("src/automl.py", run_name="__main__")
"""
# Networks of seconds, in the place of the real ones.
TINY_NETWORKS = """
defaults: [base, _self_]
models:
  NN_TORCH: {num_epochs: 5}
  TABM: {tabm_k: 4, d_block: 64, n_epochs: 5}
num_cpus: 1
"""
ENDLESS_NETWORKS = """
defaults: [base, _self_]
time_limit: 60
max_time_limit: 5
models:
  NN_TORCH: {num_epochs: 1000000, epochs_wo_improve: 1000000}
  TABM: {tabm_k: 4, d_block: 64, patience: 1000000}
num_cpus: 1
"""


def link_or_copy(source: str, to: str) -> None:
    try:
        os.link(source, to)
    except OSError:
        shutil.copy2(source, to)


def environment_of_its_own(folder: Path) -> None:
    """Make a copy of this environment, of links to its files, in which nothing but the extra is missing."""
    venv = folder / ".venv"
    shutil.copytree(sys.prefix, venv, symlinks=True, copy_function=link_or_copy)
    for script in (venv / "bin").iterdir():
        content = b"" if script.is_symlink() or script.is_dir() else script.read_bytes()
        if content.startswith(b"#!"):
            script.unlink()
            script.write_bytes(content.replace(sys.prefix.encode(), str(venv).encode()))
            script.chmod(0o755)
    shutil.rmtree(venv / "made-from", ignore_errors=True)
    (venv / "made-from").mkdir()
    for lock in ("requirements-dev.lock", "requirements-build.lock"):
        shutil.copy2(folder / lock, venv / "made-from")


def with_its_own(home, make_environment):
    """Return a clone that uses the environment in its folder, and the variables for commands without make."""
    env = environment(home)
    env["PATH"] = env["PATH"].partition(os.pathsep)[2]
    project = clone(home / "project", env)
    make_environment(project.folder)
    return project, env | {"PATH": f"{project.folder}/.venv/bin{os.pathsep}{env['PATH']}"}


@pytest.fixture(scope="module")
def neural(tmp_path_factory):
    """Return a clone in which `make neural` ran with tiny networks, what check said before, and what make said."""
    project, env = with_its_own(tmp_path_factory.mktemp("neural"), environment_of_its_own)
    inside = Project(project.folder, env)
    project.write("conf/automl/neural.yaml", TINY_NETWORKS)
    project.edit("conf/evaluate/default.yaml", "importance_repeats: 5", "importance_repeats: 1")
    inside.run("python", "src/compose.py", "automl=neural")
    before = inside.run("python", "src/check.py", ok=False)
    done = project.run("make", "neural", timeout_s=900)
    return inside, before, done


@pytest.fixture(scope="module")
def forecast(neural, tmp_path_factory):
    """Return a clone in which `make forecast` ran, in the environment that has the other extra, and what it said."""
    venv = neural[0].folder / ".venv"
    project, env = with_its_own(tmp_path_factory.mktemp("forecast"), lambda folder: (folder / ".venv").symlink_to(venv))
    done = project.run("make", "forecast", timeout_s=900)
    return Project(project.folder, env), done


@pytest.fixture(scope="module")
def sales(forecast):
    """Return the same clone after another run there: several series with covariates, tried on two windows."""
    project, _ = forecast
    project.write("conf/automl/tiny.yaml", TINY)
    project.run(
        "python",
        "src/compose.py",
        "data=sales",
        "automl=tiny",
        "register.gate.delta=0",
        "register.gate.max_latency_ms=60000",
        "evaluate.importance_repeats=1",
    )
    return project, project.repro()


def python(project, code):
    """Return what code says in the project's environment, parsed."""
    return json.loads(project.run("python", "-W", "ignore", "-c", code).stdout.splitlines()[-1])


def test_one_command_adds_neural_networks(neural):
    """Without torch check says how to get it; `make neural` adds it and ends with a registered model of networks."""
    project, before, done = neural
    assert before.code == 1
    assert "Got the models NN_TORCH (no package torch), TABM (no package torch)" in before.stderr
    assert "Run `./environment.sh neural`, which adds torch" in before.stderr
    assert "Adding requirements-neural.lock and PyTorch to .venv" in done.stdout
    assert done.ran == ["check", "dataprep", "automl", "evaluate", "register"]
    assert "Registered version 1 of model titanic-survival" in done.stdout
    with (project.folder / "reports/leaderboard.csv").open() as file:
        fitted = {row["model"]: json.loads(row["hyperparameters"] or "{}") for row in csv.DictReader(file)}
    assert set(fitted) == {"NeuralNetTorch", "TabM", "WeightedEnsemble_L2"}
    seed = int(re.search(r"^seed: (\d+)", project.read("params.yaml"), re.MULTILINE)[1])
    assert (fitted["NeuralNetTorch"]["seed_value"], fitted["TabM"]["random_state"]) == (seed, seed)
    assert json.loads(project.read("reports/metrics.json"))["roc_auc"] > 0.7
    assert "torch==2.13.0" in project.read("models/model/requirements.txt").splitlines()
    assert project.run("./environment.sh").stdout == project.run("./environment.sh", "neural").stdout == ""


def test_networks_repeat_to_the_last_bit(neural):
    """The search of networks is fitted again elsewhere, with the same predictions and leaderboard to the last bit."""
    assert "the search repeats" in neural[0].run("python", "src/verify.py").stdout


ONE_BY_ONE = """
import json, sys, mlflow.pyfunc, pandas as pd
model = mlflow.pyfunc.load_model(sys.argv[1], suppress_warnings=True)
rows = pd.read_json("rows.json", orient="split")
ask = lambda rows: pd.DataFrame(model.predict(rows, params={"proba": True})).to_numpy().tolist()
print(json.dumps([ask(rows), [ask(rows.iloc[[place]])[0] for place in range(len(rows))]]))
"""


def test_no_train_row_is_in_a_network(neural):
    """No text of a single train row and no run of train values is in a model of networks."""
    project, *_ = neural
    for part in ("split", "prepared"):
        train = pd.read_parquet(project.folder / "data" / part / "train.parquet").drop(columns="survived")
        assert traces(project.folder / "models/model", train) == set(), part


def test_moved_network_answers_a_row_as_the_table(neural, tmp_path):
    """The model alone, in another place, gives a row what it gives the table and what the server gives, to single precision."""
    project, *_ = neural
    model = shutil.copytree(project.folder / "models/model", tmp_path / "elsewhere/model")
    rows = pd.read_parquet(project.folder / "data/split/test.parquet").drop(columns="survived").head(60)
    rows.to_json(tmp_path / "rows.json", orient="split", index=False)
    (tmp_path / "ask.py").write_text(ONE_BY_ONE)
    command = [f"{project.folder}/.venv/bin/python", "-W", "ignore", "ask.py", str(model)]
    done = subprocess.run(command, cwd=tmp_path, env=project.env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    together, alone = map(np.array, json.loads(done.stdout.splitlines()[-1]))
    assert together.shape == (60, 2)
    assert np.unique(together[:, 1]).size > 30
    assert np.allclose(together, alone, rtol=1e-5, atol=1e-6)
    log = tmp_path / "serve.txt"
    process = project.start("python", "src/serve.py", "--model", str(model), "--port", "0", log=log)
    try:
        split = {
            key: value for key, value in json.loads((tmp_path / "rows.json").read_text()).items() if key != "index"
        }
        body = json.dumps({"dataframe_split": split, "params": {"proba": True}})
        status, said = post(port_of(process, log), body, "application/json")
    finally:
        end(process)
    assert status == 200, said
    assert np.array_equal(pd.DataFrame(json.loads(said)["predictions"]).to_numpy(), together)


def test_networks_hear_the_time_limit(neural):
    """Networks that would train for ever stop at their limits by themselves, and the stage says so."""
    project, *_ = neural
    params = project.read("params.yaml")
    project.write("conf/automl/endless.yaml", ENDLESS_NETWORKS)
    project.run("python", "src/compose.py", "automl=endless")
    done = project.run("python", "src/automl.py")
    project.write("params.yaml", params)
    assert "did not end by itself" not in done.stdout
    assert "NeuralNetTorch: stopped by the time limit" in done.stdout
    assert "TabM: stopped by the time limit, or by itself in the second half of its time" in done.stdout
    search = json.loads(project.read("reports/automl.json"))
    assert (search["models"], search["reproducible"]) == (3, False)
    assert search["fit_s"] < 1.1 * 60


def test_one_command_forecasts_the_example(forecast):
    """`make forecast` adds the extra and ends with a registered model that beats repeating the last season."""
    project, done = forecast
    assert "Adding requirements-forecasting.lock and PyTorch to .venv" in done.stdout
    assert done.ran == ["check", "dataprep", "automl", "evaluate", "register"]
    assert "1964-02-01 to 1964-04-01" in done.stdout
    assert "Registered version 1 of model co2-forecast" in done.stdout
    metrics = json.loads(project.read("reports/metrics.json"))
    assert set(metrics) == {"MASE", "WQL", "SMAPE", "RMSE", "coverage", "test_rows"}
    assert metrics["test_rows"] == 12
    assert 0 < metrics["MASE"] < 0.7
    assert 0 < metrics["WQL"] < metrics["SMAPE"] * 1.5 < 0.01
    with (project.folder / "reports/leaderboard.csv").open() as file:
        models = {row["model"] for row in csv.DictReader(file)}
    assert {"SeasonalNaive", "AutoETS"} <= models
    drawn = {f.stem for f in (project.folder / "reports/plots").glob("*.csv") if len(pd.read_csv(f))}
    assert drawn == {"forecast", "points", "calibration"}
    assert (project.folder / "reports/plots/overview.png").read_bytes().startswith(b"\x89PNG")
    assert "| MASE |" in project.read("reports/card.md")
    assert project.run("./environment.sh").stdout == project.run("./environment.sh", "forecasting").stdout == ""


def test_blend_takes_its_models_in_one_order(forecast):
    """A blend adds its models up by their names: in another order, AutoGluon's is a set's, the sum's last bit is another."""
    blends = python(
        forecast[0],
        "import json; from autogluon.timeseries import TimeSeriesPredictor as P; p = P.load('models/predictor');"
        "names = [n for n in p.model_names() if n.startswith('WeightedEnsemble')];"
        "print(json.dumps([list(p._trainer.load_model(n).model_to_weight) for n in names]))",
    )
    assert blends
    assert all(len(models) > 1 for models in blends)
    assert blends == [sorted(models) for models in blends]


def test_commands_of_the_page_run(forecast):
    """docs/forecasting.md: what adds the extra and forecasts ran above, what searches for a minute composes; its history is answered."""
    project, _ = forecast
    page = (REPOSITORY / "docs/forecasting.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```sh\n(.*?)```", page, re.DOTALL)
    commands = [
        line.partition("  #")[0].strip() for block in blocks for line in block.splitlines() if not line.startswith("#")
    ]
    makes, adds, runs, asks, predicts = commands
    assert makes == "make forecast"
    assert project.run("sh", "-c", adds).stdout == ""
    params = project.read("params.yaml")
    project.run("sh", "-c", runs.replace("dvc exp run", "python src/compose.py").replace("-S ", ""))
    project.write("params.yaml", params)
    history = pd.read_csv(project.folder / "data/raw/co2/co2.csv")
    history.to_csv(project.folder / "history.csv", index=False)
    log = project.folder / "serve.txt"
    process = project.start(
        "python", "src/serve.py", "--model", "models:/co2-forecast@champion", "--port", "0", log=log
    )
    try:
        answer = project.run("sh", "-c", asks.replace("5001", str(port_of(process, log)))).stdout
    finally:
        end(process)
    shown = re.search(r'# (\{"predictions": \[\{.*?\})', page)[1] + "]}"
    predictions = json.loads(answer)["predictions"]
    assert len(predictions) == 12
    assert list(predictions[0]) == list(json.loads(shown)["predictions"][0])
    project.run("sh", "-c", predicts)
    written = pd.read_parquet(project.folder / "forecasts.parquet")
    assert written["mean"].tolist() == [one["mean"] for one in predictions]


def test_build_for_cpus_is_taken_where_pip_has_one(forecast):
    """Where pip is set up with a folder that holds torch for CPUs, that build is there and nothing of CUDA."""
    project, _ = forecast
    folders = project.run("python", "-m", "pip", "config", "get", "global.find-links", ok=False).stdout.split()
    folders += project.env.get("PIP_FIND_LINKS", "").split()
    held = [w for folder in folders if Path(folder).is_dir() for w in Path(folder).glob("torch-2.13.0+cpu-*.whl")]
    if not any(f"-cp{sys.version_info[0]}{sys.version_info[1]}-" in wheel.name for wheel in held):
        pytest.skip("pip has no folder with a build of torch for CPUs and this Python")
    listed = project.run("python", "-m", "pip", "list", "--format", "freeze").stdout
    assert "torch==2.13.0+cpu" in listed
    assert "nvidia" not in listed


def test_names_are_autogluons(forecast):
    """The models that settings may name are AutoGluon's without those that download, and so are the metrics."""
    project, _ = forecast
    known = python(project, (
        "import json\nfrom autogluon.timeseries.metrics import AVAILABLE_METRICS as metrics\n"
        "from autogluon.timeseries.models.registry import ModelRegistry as models\nimport autogluon.timeseries.models\n"
        "from autogluon.timeseries.models.local.abstract_local_model import AbstractLocalModel as local\n"
        "print(json.dumps([[m for m, c in metrics.items() if not c.evaluate_only], list(models.REGISTRY),"
        " [n for n, r in models.REGISTRY.items() if issubclass(r.model_class, local)]]))"
    ))  # fmt: skip
    assert set(names.METRICS["forecasting"]) <= set(known[0])
    assert set(names.FORECASTERS) <= set(known[1])
    assert set(names.LOCAL) == set(names.FORECASTERS) & set(known[2])


def test_example_is_what_statsmodels_carries(forecast):
    """The committed series is what make_examples.py makes of the package's."""
    project, _ = forecast
    project.run("python", "tests/make_examples.py", "data/raw")
    for name in ("co2", "sales"):
        assert project.read(f"data/raw/{name}/{name}.csv") == (REPOSITORY / f"data/raw/{name}/{name}.csv").read_text()


ASK = """
import json, sys, os, mlflow.pyfunc, pandas as pd
model = mlflow.pyfunc.load_model(sys.argv[1], suppress_warnings=True)
rows = pd.read_json(sys.argv[2], orient="split", convert_dates=False, dtype=False)
params = json.loads(sys.argv[3])
print(json.dumps(pd.DataFrame(model.predict(rows, params=params)).to_dict("split"), default=str))
"""


def asked(project, rows, model, cwd, venv=None, params=None):
    """Return a model's answer to rows, asked in another folder, and maybe in another environment than the project's."""
    rows.to_json(cwd / "rows.json", orient="split", index=False)
    (cwd / "ask.py").write_text(ASK)
    venv = venv or project.folder / ".venv"
    command = [f"{venv}/bin/python", "-W", "ignore", "ask.py", str(model), "rows.json", json.dumps(params)]
    done = subprocess.run(command, cwd=cwd, env=project.env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout.splitlines()[-1])
    return pd.DataFrame(answer["data"], columns=answer["columns"])


def environment_of_requirements(requirements, source, to):
    """Make an environment of what a requirements.txt asks for, with all that needs, of links into one that has it."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", to], check=True)
    held, site = (next(venv.glob("lib/python*/site-packages")) for venv in (source, to))
    there = {canonicalize_name(one.name): one for one in metadata.distributions(path=[str(held)])}
    todo, done = [Requirement(line) for line in requirements.read_text().splitlines()], set()
    while todo:
        needed = todo.pop()
        if str(needed) in done:
            continue
        done.add(str(needed))
        found = there[canonicalize_name(needed.name)]
        assert found.version in needed.specifier, needed
        for file in map(Path, found.files):
            compiled = file.parent / "__pycache__" / f"{file.stem}.{sys.implementation.cache_tag}.pyc"
            for part in {file, compiled} if ".." not in file.parts else ():
                if (held / part).is_file() and not (site / part).exists():
                    (site / part).parent.mkdir(parents=True, exist_ok=True)
                    link_or_copy(held / part, site / part)
        extras = needed.extras or {""}
        behind = map(Requirement, found.requires or [])
        todo += [one for one in behind if one.marker is None or any(one.marker.evaluate({"extra": e}) for e in extras)]
    return to


def test_models_need_no_more_than_they_say(neural, sales, tmp_path):
    """Each model, alone in an environment of its own requirements.txt, gives the bits that it gives in the project.

    torch takes minutes to install: the packages that a requirements.txt leads to are linked in from the extras' environment.
    """
    venv = neural[0].folder / ".venv"
    rows = pd.read_parquet(neural[0].folder / "data/split/test.parquet").drop(columns="survived")
    series = horizon_blanked(sales[0], "sold", 14, "shop", ["visitors"])
    asks = {"neural": (neural[0], rows, {"proba": True}), "sales": (sales[0], series, None)}
    for name, (project, asking, params) in asks.items():
        model = shutil.copytree(project.folder / "models/model", tmp_path / name / "model")
        alone = environment_of_requirements(model / "requirements.txt", venv, tmp_path / name / "venv")
        listed = {path.name.split("-")[0] for path in alone.glob("lib/python*/site-packages/*.dist-info")}
        assert "torch" in listed
        assert listed.isdisjoint({"dvc", "hydra_core", "pytest"})
        told, expected = (asked(project, asking, model, tmp_path, where, params) for where in (alone, venv))
        assert len(expected) > 50
        pd.testing.assert_frame_equal(told, expected, check_exact=True)


def horizon_blanked(project, label, length, by, past=()):
    """Return the test rows as a caller has them: the last steps of each series without what came, dates as texts."""
    rows = pd.read_parquet(project.folder / "data/split/test.parquet")
    time_column = next(c for c in rows if pd.api.types.is_datetime64_any_dtype(rows[c]))
    rows[time_column] = rows[time_column].astype(str)
    left = rows.groupby(by or (lambda _: 0)).cumcount(ascending=False)
    for column in (label, *past):
        rows[column] = rows[column].astype(object).where(left >= length, None)
    return rows


def test_covariates_quantiles_windows_and_gate(sales, tmp_path):
    """Several series with covariates go through all stages; the model needs what is known ahead, and its quantiles rise."""
    project, done = sales
    assert done.ran == ["check", "dataprep", "automl", "evaluate", "register"]
    assert "2 features known ahead, 1 known afterwards" in done.stdout
    assert "village: 2025-06-09 to 2025-06-14" in done.stdout
    assert "Registered version 1 of model shop-sales" in done.stdout
    search = json.loads(project.read("reports/automl.json"))
    assert search["reproducible"]
    assert search["backtest_1"] != search["backtest_2"]
    importance = pd.read_csv(project.folder / "reports/plots/importance.csv").set_index("column")["importance"]
    assert importance.idxmax() == "promotion"
    assert importance["promotion"] > 0.05
    assert importance["visitors"] == 0, "none of these models looks at what is known afterwards"
    gate = json.loads(project.read("reports/gate.json"))
    assert gate["passed"]
    assert gate["conditions"]["latency_ms"]["value"] > 0
    rows = horizon_blanked(project, "sold", 14, "shop", ["visitors"])
    answer = asked(
        project, rows.sample(frac=1, random_state=1).assign(colour="red"), project.folder / "models/model", tmp_path
    )
    assert list(answer.columns) == ["shop", "day", "mean", "0.1", "0.5", "0.9"]
    assert answer.groupby("shop").size().to_dict() == dict.fromkeys(["north", "south", "station", "village"], 14)
    assert (answer[["0.1", "0.5", "0.9"]].diff(axis=1).iloc[:, 1:] >= 0).all(axis=None)
    actual = pd.read_parquet(project.folder / "data/split/test.parquet").assign(day=lambda t: t["day"].astype(str))
    both = actual.merge(answer.assign(day=answer["day"].str[:10]), on=["shop", "day"])
    assert len(both) == 56
    inside = both["sold"].between(both["0.1"], both["0.9"]).mean()
    assert json.loads(project.read("reports/metrics.json"))["coverage"] == pytest.approx(inside)
    rmse = float(np.sqrt(((both["sold"] - both["mean"]) ** 2).mean()))
    assert json.loads(project.read("reports/metrics.json"))["RMSE"] == pytest.approx(rmse, rel=1e-6)


def test_moved_model_answers_the_same_over_http(sales, tmp_path):
    """The model alone, in another place, gives over HTTP what it gives in Python, as JSON and as CSV; what it refuses is a 400."""
    project, _ = sales
    model = shutil.copytree(project.folder / "models/model", tmp_path / "elsewhere/model")
    rows = horizon_blanked(project, "sold", 14, "shop", ["visitors"])
    expected = asked(project, rows, model, tmp_path).drop(columns=["shop", "day"]).to_numpy()
    log, command = tmp_path / "serve.txt", ["python", "src/serve.py", "--model", str(model), "--port", "0"]
    process = project.start(*command, log=log)
    try:
        port = port_of(process, log)
        as_json = json.dumps(
            {"dataframe_split": {k: v for k, v in json.loads(rows.to_json(orient="split")).items() if k != "index"}}
        )
        for body, kind in ((as_json, "application/json"), (rows.to_csv(index=False), "text/csv")):
            told = post(port, body, kind)
            assert told[0] == 200, told
            answer = pd.DataFrame(json.loads(told[1])["predictions"]).drop(columns=["shop", "day"]).to_numpy()
            assert np.array_equal(answer, expected)
        status, sentence = post(port, rows[rows["sold"].notna()].to_csv(index=False), "text/csv")
        assert status == 400
        assert "expected what is known ahead (promotion, price)" in json.loads(sentence)["message"]
    finally:
        end(process)


def test_script_forecasts_a_table_as_the_model_does(sales, tmp_path):
    """predict.py gives every series of a file, to the last bit, what the model gives them all, together or one after the other.

    So also beside a series that is too short for one of the models, which another one forecasts in its place.
    """
    project, _ = sales
    rows = horizon_blanked(project, "sold", 14, "shop", ["visitors"])
    rows = pd.concat([rows, rows[rows["shop"] == "north"].tail(15).assign(shop="short")], ignore_index=True)
    expected = asked(project, rows, project.folder / "models/model", tmp_path)
    rows.sample(frac=1, random_state=1).to_csv(tmp_path / "history.csv", index=False)
    for size in ((), ("--batch-rows", "250")):
        out = tmp_path / "forecasts.parquet"
        project.run("python", "src/predict.py", str(tmp_path / "history.csv"), "--out", str(out), *size)
        got = pd.read_parquet(out)
        assert got["day"].dtype == "datetime64[ns]"
        pd.testing.assert_frame_equal(
            got.assign(day=got["day"].astype(str)), expected.assign(day=expected["day"].str[:10]), check_exact=True
        )


def port_of(process, log):
    """Return the port that a server took, once it listens."""
    import psutil

    until_it_says("Serving ", process, log)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for connection in psutil.Process(process.pid).net_connections():
            if connection.status == "LISTEN":
                return connection.laddr.port
        time.sleep(0.1)
    raise AssertionError(log.read_text())


def post(port, body, kind):
    request = urllib.request.Request(f"http://127.0.0.1:{port}/invocations", body.encode(), {"Content-Type": kind})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_no_train_row_is_in_the_model(sales):
    """No run of a series' values is in any file of the model, as numbers or as text."""
    project, _ = sales
    train = pd.read_parquet(project.folder / "data/split/train.parquet")
    runs = [rows["sold"].to_numpy()[k : k + 4] for _, rows in train.groupby("shop") for k in range(0, 180, 3)]
    looked_for = {
        run.astype(t).tobytes() for run in runs if np.isfinite(run).all() for t in ("float64", "float32", "int64")
    }
    files = [f for f in (project.folder / "models/model").rglob("*") if f.is_file()]
    assert len(files) > 20
    full = list((project.folder / "models/predictor").rglob("*.pkl"))
    assert any(run in f.read_bytes() for f in full for run in looked_for), "the search's own folder has them"
    assert [f for f in files if any(run in f.read_bytes() for run in looked_for)] == []


def test_same_model_is_registered_once_and_repeats(sales):
    """Registering again finds the version, and the search repeats to the last bit in another place."""
    project, _ = sales
    again = project.repro("--force", "--single-item", "register")
    assert "found the same as run" in again.stdout
    assert "Found the same model as version 1 of model shop-sales" in again.stdout
    said = project.run("python", "src/verify.py").stdout
    assert "the search repeats" in said


def test_budget_is_kept(sales):
    """A limit that is too small to train anything still gives a model in time, and says what was cut short."""
    project, _ = sales
    params = project.read("params.yaml")
    project.run("python", "src/compose.py", "data=sales", "automl=tiny", "automl.time_limit=1")
    before = os.times()
    done = project.run("python", "src/automl.py")
    after = os.times()  # of the processor: the machine may have other things to do
    used_s = after.children_user + after.children_system - before.children_user - before.children_system
    assert used_s < 1.1 + 10
    with (project.folder / "reports/leaderboard.csv").open() as file:
        told = [json.loads(row["hyperparameters"]) for row in csv.DictReader(file) if row["hyperparameters"]]
    assert {fitted["n_jobs"] for fitted in told if "n_jobs" in fitted} == {1}, "processes, which take seconds to start"
    assert "automl: the clock or the memory had a say in this" in done.stdout
    search = json.loads(project.read("reports/automl.json"))
    assert (search["reproducible"], search["baseline"]) == (False, search["best_model"] == "Naive")
    project.write("params.yaml", params)


def test_ended_search_blends_what_is_there(sales):
    """Where the search has to be ended, the models that are done are blended in the time that is left, and the blend is deployed."""
    project, _ = sales
    params = project.read("params.yaml")
    project.run("python", "src/compose.py", "data=sales", "automl=tiny")
    project.write("killed.py", KILLED)
    done = project.run("python", "killed.py")
    project.write("params.yaml", params)
    assert "automl: the search was ended by the system" in done.stdout
    assert "AutoETS: ended, no memory" in done.stdout
    assert "models were not blended" not in done.stdout
    blend = re.search(r"automl: WeightedEnsemble blends (.*)", done.stdout)[1]
    assert "RecursiveTabular" in blend
    search = json.loads(project.read("reports/automl.json"))
    assert (search["models"], search["reproducible"]) == (3, False)
    files = {file.name for file in (project.folder / "models/model/artifacts/predictor/models").iterdir()}
    assert files - {"SeasonalNaive"} == {"RecursiveTabular", "WeightedEnsemble", "trainer.pkl"}


def test_what_the_clock_stopped_is_said_and_frozen(sales):
    """Trees and networks that the clock stopped are named; written as settings they end where they were, and repeat."""
    project, _ = sales
    params = project.read("params.yaml")
    project.write("conf/automl/endless.yaml", ENDLESS)
    project.run("python", "src/compose.py", "data=sales", "automl=endless")
    assert "RecursiveTabular, DLinear: stopped by the time limit" in project.repro("automl").stdout
    assert not json.loads(project.read("reports/automl.json"))["reproducible"]
    said = project.run("python", "src/freeze.py", "frozen").stdout
    stopped = re.search(r"freeze: (.*): the clock had stopped them; they are fitted as far as in the latest", said)[1]
    assert set(stopped.split(", ")) == {"DLinear", "RecursiveTabular"}
    fitted = pd.read_csv(project.folder / "reports/leaderboard.csv").set_index("model")["hyperparameters"].dropna()
    network, trees = (json.loads(fitted[name]) for name in ("DLinear", "RecursiveTabular"))
    rounds = trees["model_hyperparameters"]["num_boost_round"]
    assert 0 < network["max_epochs"] < 9000000
    assert 0 < rounds < 9000000
    project.run("python", "src/compose.py", "data=sales", "automl=frozen")
    frozen = project.read("params.yaml")
    for setting in ("time_limit: null", f"max_epochs: {network['max_epochs']}\n", f"num_boost_round: {rounds}\n"):
        assert setting in frozen
    assert "stopped" not in project.repro("automl").stdout
    again = pd.read_csv(project.folder / "reports/leaderboard.csv").set_index("model")["hyperparameters"].dropna()
    assert set(again.index) == set(fitted.index)
    assert json.loads(again["RecursiveTabular"])["model_hyperparameters"]["num_boost_round"] == rounds
    assert "the search repeats: 56 test rows" in project.run("python", "src/verify.py").stdout
    project.write("params.yaml", params)


def test_new_long_table_becomes_a_tested_model(sales, tmp_path):
    """A file of series that nobody described goes from `src/new_table.py` to a tested model, with no edit at all."""
    project, _ = sales
    shutil.copy(project.folder / "data/raw/sales/sales.csv", tmp_path / "shops.csv")
    said = project.run(
        "python", "src/new_table.py", f"{tmp_path}/shops.csv", "--label", "sold", "--task", "forecasting", "--yes"
    ).stdout
    assert "-S data=shops -S automl=forecasting" in said
    assert "environment.sh" not in said
    project.run("python", "src/compose.py", "data=shops", "automl=tiny", "automl.num_val_windows=1")
    for stage in ("check", "dataprep", "automl", "evaluate"):
        project.run("python", f"src/{stage}.py")
    metrics = json.loads(project.read("reports/metrics.json"))
    assert metrics["test_rows"] == 4 * 7
    assert 0 < metrics["WQL"] < 0.3
