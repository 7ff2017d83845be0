"""MLflow runs: one per outcome, however often and from wherever it is logged."""

import csv
import itertools
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import DatasetInput

# A run's key says which outcome it is: runs of equal keys are one run, and its children carry it too.
KEY, PUBLISHED = "slipway.key", "slipway.published"


def run_once(client: "MlflowClient", experiment_id: str, key: str, log: Callable[[], str]) -> tuple[str, bool]:
    """Return the id of the one run with a key, and whether it is new.

    MLflow gives ids out by itself and has nothing unique about a run, so that two who look, find none and make one
    would end with two. What is unique in every store is the name of an experiment, which also takes tags when it is
    made. So a run is logged whole, unseen by others, and then claimed: an experiment of the key's name is made, with the
    run's id in its tags, and put into MLflow's bin, where its name stays taken. The one who makes it first has the run;
    the others read there whose it is. After a crash before the claim nobody has found the run yet, and the next one
    logs its own; after a crash behind it the claim tells. Whatever else was logged under the key goes at the end: it
    was never claimed, and can't be any more. A claim whose run somebody deleted counts for nothing.

    Parameters
    ----------
    log
        Logs a run, ended and tagged with the key, and returns its id.
    """
    from mlflow.exceptions import MlflowException

    def all_runs(also: str = "") -> list[Any]:
        return client.search_runs([experiment_id], f"tags.`{KEY}` = '{key}'{also}", max_results=5000)

    published = all_runs(f" AND tags.`{PUBLISHED}` = 'true'")
    if published:
        return str(published[0].info.run_id), False
    mine, run_id = None, _claim(client, experiment_id, key, None)
    if run_id is None:
        try:
            mine = log()
        except MlflowException:
            if _claim(client, experiment_id, key, None) is None:  # else that one's sweep took this run away
                raise
        run_id = str(_claim(client, experiment_id, key, mine))
    client.set_tag(run_id, PUBLISHED, "true")
    for run in all_runs():
        if run_id not in (run.info.run_id, run.data.tags.get("mlflow.parentRunId")):
            with ignoring("RESOURCE_DOES_NOT_EXIST"):
                client.delete_run(run.info.run_id)
    return run_id, run_id == mine


def _claim(client: "MlflowClient", experiment_id: str, key: str, run_id: str | None) -> str | None:
    """Return the run that a key belongs to, claimed for ``run_id`` if it belongs to none."""
    place = client.get_experiment(experiment_id).artifact_location
    for number in itertools.count(1):
        name = f"slipway/{experiment_id}/{key}/{number}"
        claim = client.get_experiment_by_name(name)
        if claim is None:
            if run_id is None:
                return None
            with ignoring("RESOURCE_ALREADY_EXISTS"):
                client.create_experiment(name, artifact_location=place, tags={"run": run_id})
            claim = client.get_experiment_by_name(name)
        if claim.lifecycle_stage == "active":
            with ignoring("RESOURCE_DOES_NOT_EXIST"):
                client.delete_experiment(claim.experiment_id)
        with ignoring("RESOURCE_DOES_NOT_EXIST"):
            if client.get_run(claim.tags["run"]).info.lifecycle_stage == "active":
                return str(claim.tags["run"])
    return None


@contextmanager
def ignoring(code: str) -> Iterator[None]:
    """Let an error of MLflow pass that says that somebody else was quicker."""
    from mlflow.exceptions import MlflowException

    try:
        yield
    except MlflowException as error:
        if error.error_code != code and "'active' state" not in str(error):
            raise


def log_run(
    client: "MlflowClient",
    experiment_id: str,
    name: str | None,
    tags: dict[str, str],
    params: dict[str, str],
    figures: dict[str, Any],
    inputs: "list[DatasetInput]",
    reports: Path,
    others: dict[str, str],
) -> str:
    """Log an outcome as one ended run, with a child for every model of the leaderboard; return its id.

    Parameters
    ----------
    tags
        Of the run; the children get its key.
    figures
        What of them is a number becomes a metric.
    reports
        A folder; among its files ``leaderboard.csv``.
    others
        Further files: name → what they say.
    """
    from mlflow.entities import Metric, Param
    from mlflow.utils.time import get_current_time_millis

    now = get_current_time_millis()
    run_id = str(client.create_run(experiment_id, start_time=now, run_name=name, tags=tags).info.run_id)
    metrics = [Metric(k, v, now, 0) for k, v in figures.items() if isinstance(v, int | float)]
    client.log_batch(run_id, metrics, [Param(k, v) for k, v in params.items()])
    client.log_inputs(run_id, inputs)
    _log_children(client, experiment_id, run_id, tags[KEY], reports / "leaderboard.csv", now)
    client.log_artifacts(run_id, str(reports))
    for file, text in others.items():
        client.log_text(run_id, text, file)
    client.set_terminated(run_id)
    return run_id


def _log_children(
    client: "MlflowClient", experiment_id: str, run_id: str, key: str, leaderboard: Path, now: int
) -> None:
    """Log a run for every model of the leaderboard, below the search's own."""
    from mlflow.entities import Metric, Param

    with leaderboard.open(encoding="utf-8", newline="") as file:
        for rank, row in enumerate(csv.DictReader(file), 1):
            name = row.pop("model")
            tags = {"mlflow.parentRunId": run_id, KEY: key}
            child = client.create_run(experiment_id, start_time=now, run_name=name, tags=tags).info.run_id
            chosen = json.loads(row.pop("hyperparameters", "") or "{}")
            numbers = {k: float(v) for k, v in row.items() if v and _is_number(v)} | {"rank": float(rank)}
            others = {k: v for k, v in row.items() if v and k not in numbers}
            params = {"model": name, **others, **{f"hyperparameters.{k}": str(v)[:6000] for k, v in chosen.items()}}
            metrics = [Metric(k, v, now, 0) for k, v in numbers.items()]
            client.log_batch(child, metrics, [Param(k, v) for k, v in params.items()])
            client.set_terminated(child)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
