"""A sweep on two workers, one of which is killed twice: nothing is lost and nothing there twice; then the best is taken."""

import itertools
import json
import random
import re
import shutil
import signal
import subprocess
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
from conftest import Project, moved, with_environment
from mlflow import MlflowClient
from servers import mlflow_server

# MLflow 3.17 uses what SQLAlchemy 2.1 deprecates; goes when MLflow stops.
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy")]

SWEPT = {"automl.models.GBM.num_boost_round": ("5", "6", "7"), "evaluate.calibration_bins": tuple("23456789")}
TREES = {
    f"trees-{n}": dict(zip(SWEPT, chosen, strict=True))
    for n, chosen in enumerate(itertools.product(*SWEPT.values()), 1)
}


def queue(project: Project, name: str, **settings: str) -> None:
    """Queue experiments with half of the machine each; values with commas are several experiments."""
    chosen = [word for key, value in settings.items() for word in ("-S", f"{key}={value}")]
    project.run("dvc", "exp", "run", "--queue", "--name", name, "-S", "compute=half", *chosen)


def start(project: Project) -> None:
    """Start two workers, or those that are missing; they outlive the command, and keep what it writes to open."""
    assert project.start("dvc", "queue", "start", "-j", "2", log=project.folder.with_name("workers")).wait(120) == 0


def of_queue(project: Project, *command: str) -> str:
    """Return what a command on the queue says; it is asked again where DVC meets a file that a worker is just writing."""
    deadline = time.monotonic() + 120
    while (done := project.run("dvc", "queue", *command, ok=False)).code:
        said = f"{command}\n{done.stdout}\n{done.stderr}"
        assert "Expecting value" in done.stderr, said
        assert time.monotonic() < deadline, said
    return done.stdout


def statuses(project: Project) -> dict[str, tuple[str, str]]:
    """Return experiment → its task and its status in the queue."""
    table = of_queue(project, "status").partition("\n\n")[0]
    rows = [line.split() for line in table.splitlines()[1:]]
    return {row[1]: (row[0], row[-1]) for row in rows}


def until_ended(project: Project, experiments: int) -> Counter[str]:
    """Wait until so many experiments of the queue are neither queued nor running; return how often there is which status."""
    deadline = time.monotonic() + 900
    while True:
        now = Counter(status for _, status in statuses(project).values())
        if now.total() - now["Queued"] - now["Running"] >= experiments:
            return now
        assert time.monotonic() < deadline, now
        time.sleep(5)


def at_work(project: Project) -> dict[psutil.Process, str]:
    """Return the workers of a project's queue that run an experiment → its name."""
    names = {task: name for name, (task, _) in statuses(project).items()}
    found = {}
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        books = [Path(word) for word in words if word.endswith(".run")]
        if "exec-run" in words and books[0].is_relative_to(project.folder):  # it works in a folder of its own
            with suppress(psutil.NoSuchProcess):
                worker = process.parent()
                task = books[0].parent.name[:7]  # which the table lacks for a moment, where a worker has just taken it
                if worker and "queue-worker" in worker.cmdline() and task in names:
                    found[worker] = names[task]
    return found


def lose_a_worker(project: Project, draw: random.Random, *, alone: bool) -> str:
    """Kill a worker in the middle of an experiment, alone or with all that it started; return the experiment.

    SIGKILL is what nothing can catch: a machine that goes down, or Linux when memory runs out.
    """
    deadline = time.monotonic() + 120
    time.sleep(draw.uniform(0, 8))
    while not (working := at_work(project)):
        assert time.monotonic() < deadline, statuses(project)
    worker, lost = draw.choice(sorted(working.items(), key=lambda pair: pair[1]))
    for process in [worker, *([] if alone else worker.children(recursive=True))]:
        process.send_signal(signal.SIGKILL)
    return lost


def let_go(project: Project, lost: str) -> None:
    """End what is left of a lost experiment: its process first, where that lives on, then what the queue's books say.

    They then say "Failed", or "Success" where the process came to its end with nobody left to bring the result home.
    """
    deadline = time.monotonic() + 120
    while statuses(project)[lost][1] == "Running":
        assert time.monotonic() < deadline, lost
        project.run("dvc", "queue", "kill", lost, ok=False)


@pytest.fixture(scope="module")
def swept(finished_once: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Return a project without an MLflow store, in which a sweep of 24 ran, whose workers were killed twice."""
    project = with_environment(moved(finished_once, tmp_path_factory.mktemp("sweeps") / "project"))
    (project.folder / "mlflow.db").unlink()
    shutil.rmtree(project.folder / "mlartifacts")
    draw = random.Random(1)
    queue(project, "trees", **{key: ",".join(values) for key, values in SWEPT.items()})
    start(project)
    for ended, alone in ((4, False), (12, True)):
        until_ended(project, ended)
        lost = lose_a_worker(project, draw, alone=alone)
        assert statuses(project)[lost][1] == "Running"  # for ever; README.md says what to do:
        let_go(project, lost)
        of_queue(project, "remove", lost)
        queue(project, lost, **TREES[lost])
        start(project)
    assert until_ended(project, 24) == {"Success": 24}
    yield project
    project.run("dvc", "queue", "stop", "--kill", ok=False)


def runs_of(project: Project) -> list[Any]:
    """Return the MLflow runs of the sweep."""
    client = MlflowClient(project.store())
    return client.search_runs([e.experiment_id for e in client.search_experiments()], "tags.`dvc.sweep` = 'trees'")


def test_every_experiment_has_one_run_and_no_version(swept: Project):
    """24 results, and 24 MLflow runs, tagged with their names and the sweep, in the project's store alone; no version."""
    results = [name for name in swept.run("dvc", "exp", "list", "--name-only").stdout.split() if "trees" in name]
    assert sorted(results) == sorted(TREES)
    runs = runs_of(swept)
    assert {run.data.tags["dvc.experiment"]: {key: run.data.params[key] for key in SWEPT} for run in runs} == TREES
    assert len(runs) == 24
    assert all(run.info.artifact_uri.startswith((swept.folder / "mlartifacts").as_uri()) for run in runs)
    assert list(MlflowClient(swept.store()).search_model_versions()) == []
    assert list((swept.folder / ".dvc/tmp").rglob("mlflow.db")) == []


def test_table_of_experiments_fits_a_terminal(swept: Project):
    """`make compare` shows names, scores and what differs within 120 columns, nothing cut, the best first."""
    swept.env["COLUMNS"] = "120"
    lines = swept.run("make", "compare").stdout.splitlines()
    del swept.env["COLUMNS"]
    assert max(map(len, lines)) <= 120
    assert lines[1].split() == ["Experiment", "score_val", "roc_auc", *SWEPT]
    rows = [line.split() for line in lines if "trees-" in line]
    assert {
        re.sub(r"\W*(trees-\d+)\W*", r"\1", row[2]): dict(zip(SWEPT, row[-2:], strict=True)) for row in rows
    } == TREES
    scores = [float(row[3]) for row in rows]
    assert scores == sorted(scores, reverse=True)


def test_plots_of_any_two_are_compared(swept: Project):
    """`dvc plots diff` draws two experiments of the sweep into one page."""
    swept.run("dvc", "plots", "diff", "trees-3", "trees-20")
    page = swept.read("dvc_plots/index.html")
    assert all(word in page for word in ("trees-3", "trees-20", "true_positive_rate"))
    assert "trees-4" not in page


def test_page_of_mlflow_shows_what_dvc_shows(swept: Project, tmp_path: Path):
    """MLflow's page, opened in a browser, lists the 24 runs under their names; a run's page has the figures of `dvc exp show`."""
    if not (chromium := shutil.which("chromium")):
        pytest.skip("Chromium is not installed (Debian: apt install chromium)")
    runs = {run.data.tags["dvc.experiment"]: run for run in runs_of(swept)}
    of_dvc = json.loads(swept.run("dvc", "exp", "show", "--json").stdout)
    shown = {exp["name"]: exp["revs"][0]["data"]["metrics"] for exp in of_dvc[1]["experiments"]}
    best = max(shown, key=lambda name: shown[name]["reports/automl.json"]["data"]["score_val"])
    figures = [
        shown[best][f"reports/{file}.json"]["data"][key]
        for file, key in (("automl", "score_val"), ("metrics", "roc_auc"))
    ]
    browser = [
        *(chromium, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}/chromium"),
        *("--window-size=2400,2400", "--virtual-time-budget=30000", "--dump-dom"),
    ]
    with mlflow_server(tmp_path, swept.store()) as server:
        home = f"{server}/#/experiments/{runs[best].info.experiment_id}/runs"
        pages = {home: sorted(TREES), f"{home}/{runs[best].info.run_id}": [best, *map(str, figures)]}
        for address, words in pages.items():
            page, deadline = "", time.monotonic() + 180
            while not all(f">{word}<" in page for word in words):
                assert time.monotonic() < deadline, [word for word in words if f">{word}<" not in page]
                page = subprocess.run(
                    [*browser, address], capture_output=True, text=True, timeout=120, check=False
                ).stdout


def test_best_is_applied_and_registered(swept: Project):
    """`dvc exp apply` of the best and `dvc repro` register the model that the sweep logged, which leads back to its run."""
    best = max(runs_of(swept), key=lambda run: (run.data.metrics["score_val"], run.info.run_name))
    swept.run("dvc", "exp", "apply", best.info.run_name)
    done = swept.repro()
    assert set(done.ran) <= {"check", "register"}
    assert "Registered version 1 of model titanic-survival" in done.stdout
    client = MlflowClient(swept.store())
    version = client.get_model_version("titanic-survival", "1")
    assert version.tags["digest"] == best.data.tags["model.digest"]
    assert version.run_id == best.info.run_id
    assert client.get_run(version.run_id).data.tags["dvc.experiment"] == best.info.run_name


def test_failed_experiment_says_why_in_one_sentence(swept: Project):
    """A search that AutoGluon refuses and a registration that MLflow refuses: `dvc queue logs` ends with our sentence.

    After it there is only DVC's own line, twice, which names the stage. (tests/test_pipeline_guard.py has stale settings.)
    """
    client = MlflowClient(swept.store())
    client.delete_experiment(client.create_experiment("gone"))
    queue(swept, "no-search", **{"+automl.fit.nonsense": "1"})
    queue(swept, "no-store", **{"register.experiment": "gone"})
    start(swept)
    assert until_ended(swept, 26) == {"Success": 24, "Failed": 2}
    said = {
        "no-search": (
            "automl",
            "Error: Got automl.fit={'nonsense': 1}, feature_generator=auto, which AutoGluon refuses: ",
        ),
        "no-store": ("register", "Error: Got register.experiment='gone', an MLflow experiment that was deleted; "),
    }
    for name, (stage, sentence) in said.items():
        lines = swept.run("dvc", "queue", "logs", name).stdout.split("\n")
        ours, *dvcs = [line for line in lines if line.strip()][-3:]
        assert ours.startswith(sentence)
        assert dvcs[0] == dvcs[1]
        assert dvcs[0].startswith(f"ERROR: failed to reproduce '{stage}'")
