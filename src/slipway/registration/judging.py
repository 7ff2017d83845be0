"""The champion and the model side by side: what the gate needs to know that takes more than reading figures."""

import json
import statistics
import time
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pandas as pd

from slipway.evaluation.answers import known_classes, numbered, probabilities
from slipway.evaluation.scores import Metric, metric
from slipway.registration.gate import (
    Champion,
    Condition,
    at_most,
    bootstrap,
    improvement,
    no_baseline,
    no_errors,
    thresholds,
)
from slipway.registration.lineage import mlflow_params
from slipway.registration.registry import aliases_of
from slipway.registration.runs import ignoring
from slipway.rows.series import SeriesContract, load_contract

if TYPE_CHECKING:
    from mlflow import MlflowClient

    from slipway.project.settings import Params
    from slipway.rows.contract import Contract

MODEL = Path("models/model")
TIMED_ROWS = 50
# What a metric's figure is of, beside the test rows: where one was another, a recorded figure is of something else.
MEANT = ("data.label", "data.task", "data.positive_class", "automl.quantile_levels")


class IncomparableError(Exception):
    """Why a champion has no figure beside the model's, as the end of a sentence that begins with "it"."""


class Judge:
    """The present test rows, and models' answers to them."""

    def __init__(self, params: "Params") -> None:
        self.params = params
        self.asked: dict[str, Any] = {}

    @cached_property
    def contract(self) -> "Contract":
        return load_contract(MODEL / "artifacts/contract.json")

    @cached_property
    def test(self) -> "pd.DataFrame":
        return pd.read_parquet("data/split/test.parquet")

    @cached_property
    def classes(self) -> list[str]:
        return known_classes(self.test[self.contract.label], self.contract)

    @cached_property
    def levels(self) -> tuple[float, ...]:
        return tuple(self.params.automl.quantile_levels or ())

    @cached_property
    def metric(self) -> "Metric":
        if isinstance(self.contract, SeriesContract):
            from slipway.evaluation import forecasts

            return forecasts.metric(self.params.register_.gate.metric, self.contract)
        return metric(self.params.register_.gate.metric, self.params.data.task, self.levels)

    @cached_property
    def actual(self) -> Any:
        if isinstance(self.contract, SeriesContract):
            return self.test
        return numbered(self.test[self.contract.label], self.contract, self.classes)

    @cached_property
    def model(self) -> Any:
        """The one of this workspace, loaded."""
        import mlflow.pyfunc

        return mlflow.pyfunc.load_model(str(MODEL), suppress_warnings=True)

    def champions(self, place: str) -> Any:
        """Return what `answers` does of the champion at an MLflow address, which is asked once.

        Raises
        ------
        IncomparableError
            It predicts something else than this workspace's model, or refuses the rows.
        """
        import mlflow.artifacts
        import mlflow.pyfunc
        from mlflow.exceptions import MlflowException

        if place not in self.asked:
            with TemporaryDirectory() as scratch:
                # Not below: a server that fails is no model that refuses.
                folder = mlflow.artifacts.download_artifacts(artifact_uri=place, dst_path=scratch)
                self.compare(load_contract(Path(folder, "artifacts/contract.json")))
                try:
                    self.asked[place] = self.answers(mlflow.pyfunc.load_model(folder, suppress_warnings=True))
                except MlflowException as error:
                    raise IncomparableError(f"it refuses the present test rows: {error.message}") from error
        return self.asked[place]

    def compare(self, theirs: "Contract") -> None:
        """Raise an IncomparableError where a model's contract is to predict something else than this workspace's."""
        ours = self.contract
        if (theirs.label, theirs.task) != (ours.label, ours.task):
            raise IncomparableError(f"it predicts {theirs.label!r} ({theirs.task})")
        if isinstance(ours, SeriesContract) and isinstance(theirs, SeriesContract):
            if (theirs.prediction_length, theirs.freq) != (ours.prediction_length, ours.freq):
                raise IncomparableError(f"it forecasts {theirs.prediction_length} steps of {theirs.freq}")
            return
        known = ours.classes if ours.task == "binary" else self.classes if ours.classes else ()
        if other := sorted({str(name) for name in theirs.classes} - set(map(str, known))):
            raise IncomparableError(f"it knows other classes ({', '.join(other[:5])})")

    def answers(self, model: Any) -> Any:
        """Return a loaded model's answers to the test rows, as the metric takes them."""
        rows = self.contract.asked(self.test)
        if self.contract.classes and not self.metric.of_classes:
            return probabilities(model, rows, self.contract, self.classes)
        told = model.predict(rows)
        if absent := [level for level in self.levels if str(level) not in told]:
            raise IncomparableError(f"it predicts no quantile {absent[0]}")
        if isinstance(self.contract, SeriesContract):
            return told
        return numbered(told[[*map(str, self.levels)]] if self.levels else told, self.contract, self.classes)

    def latency_ms(self) -> float:
        """Return the median time of one test row alone, or of one series, through the model's own door."""
        if isinstance(self.contract, SeriesContract):
            asked = self.contract.asked(self.test)
            alone = [rows for _, rows in asked.groupby(self.contract.item or (lambda _: 0))][:TIMED_ROWS]
            alone = (alone * 3)[: max(3, len(alone))]
        else:
            rows = self.contract.asked(self.test).head(TIMED_ROWS)
            alone = [rows.iloc[[place]] for place in range(len(rows))]
        took = []
        for one in alone:
            started = time.perf_counter()
            self.model.predict(one)
            took.append((time.perf_counter() - started) * 1000)
        return statistics.median(took[len(took) // 10 :])  # the first ones warm up


def judged(
    client: "MlflowClient", params: "Params", digest: str, test: str, figures: dict[str, Any]
) -> list[Condition]:
    """Return the gate's conditions and what came of each for the model of this workspace.

    Parameters
    ----------
    digest
        The model's.
    test
        The test rows' digest, which says whether the champion's recorded figures are of the same rows.
    figures
        What the search and evaluate report.
    """
    gate, judge = params.register_.gate, Judge(params)
    findings = json.loads(Path("data/profile.json").read_text(encoding="utf-8"))["findings"]
    found = [no_baseline(params.data.task)] if figures.get("baseline") else []  # none said so before it was asked for
    found += [no_errors(findings, judge.contract.needed), *thresholds(figures, gate.metrics)]
    name, version = params.register_.model, aliases_of(client, params.register_.model).get(params.register_.alias)
    same = version is not None and client.get_model_version(name, str(version)).tags.get("digest") == digest
    if gate.delta is not None:
        champion = None
        if version is not None:
            value, says = (None, "") if same else _champions(client, judge, name, version, test)
            champion = Champion(version, same, value, says)
        greater = judge.metric.greater_is_better
        found.append(improvement(gate.metric, figures.get(gate.metric), greater, gate.delta, champion))
    if gate.bootstrap and version is not None and not same:
        try:
            sides = judge.answers(judge.model), judge.champions(f"models:/{name}/{version}")
        except IncomparableError as error:
            says = f"there is nothing to compare with version {version}: {error}"
            found.append(Condition("bootstrap", None, 0.0, None, False, says))
        else:
            greater = judge.metric.greater_is_better
            found.append(bootstrap(judge.metric.figure, judge.actual, *sides, greater, gate, params.seed))
    size_mb = sum(file.stat().st_size for file in MODEL.rglob("*") if file.is_file()) / 1e6
    found += [at_most("size_mb", size_mb, gate.max_size_mb)] if gate.max_size_mb else []
    found += [at_most("latency_ms", judge.latency_ms(), gate.max_latency_ms)] if gate.max_latency_ms else []
    return found


def _champions(client: "MlflowClient", judge: Judge, name: str, version: int, test: str) -> tuple[float | None, str]:
    """Return the champion's figure on the present test rows, and where it is from."""
    metric, why = judge.params.register_.gate.metric, "its run is gone"
    with ignoring("RESOURCE_DOES_NOT_EXIST"):
        run = client.get_run(client.get_model_version(name, str(version)).run_id).data
        now = mlflow_params(judge.params.model_dump(include={"data", "automl"}))
        if run.tags.get("digest.split") != test:
            why = "the test rows changed"
        elif metric not in run.metrics:
            why = f"it was not scored in {metric}"
        elif other := [key for key in MEANT if run.params.get(key, now[key]) != now[key]]:
            why = f"{other[0]} was {run.params[other[0]]}"
        else:
            return float(run.metrics[metric]), "on the same test rows"
    try:
        answers = judge.champions(f"models:/{name}/{version}")
    except IncomparableError as error:
        return None, f"{why}, and {error}"
    return judge.metric.figure(judge.actual, answers), f"scored anew, for {why}"
