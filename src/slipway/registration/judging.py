"""The champion and the model side by side: what the gate needs to know that takes more than reading figures."""

import json
import statistics
import time
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from slipway.evaluation.answers import known_classes, numbered, probabilities
from slipway.evaluation.scores import Metric, metric
from slipway.registration.gate import Champion, Condition, at_most, bootstrap, improvement, no_errors, thresholds
from slipway.registration.registry import aliases_of
from slipway.registration.runs import ignoring
from slipway.rows.series import SeriesContract, load_contract

if TYPE_CHECKING:
    from mlflow import MlflowClient

    from slipway.project.settings import Params
    from slipway.rows.contract import Contract

MODEL = Path("models/model")
TIMED_ROWS = 50


class Judge:
    """The present test rows, and models' answers to them."""

    def __init__(self, params: "Params") -> None:
        self.params = params

    @cached_property
    def contract(self) -> "Contract":
        return load_contract(MODEL / "artifacts/contract.json")

    @cached_property
    def test(self) -> "pd.DataFrame":
        return pd.read_parquet("data/split/test.parquet")

    @cached_property
    def metric(self) -> "Metric":
        if isinstance(self.contract, SeriesContract):
            from slipway.evaluation import forecasts

            return forecasts.metric(self.params.register_.gate.metric, self.contract)
        levels = tuple(self.params.automl.quantile_levels or ())
        return metric(self.params.register_.gate.metric, self.params.data.task, levels)

    @cached_property
    def actual(self) -> Any:
        if isinstance(self.contract, SeriesContract):
            return self.test
        label = self.test[self.contract.label]
        return numbered(label, self.contract, known_classes(label, self.contract))

    def answers(self, place: str) -> Any:
        """Return a model's answers to the test rows, as the metric takes them."""
        import mlflow.pyfunc

        model, rows = mlflow.pyfunc.load_model(place, suppress_warnings=True), self.contract.asked(self.test)
        if isinstance(self.contract, SeriesContract):
            return model.predict(rows)
        classes = known_classes(self.test[self.contract.label], self.contract)
        if self.contract.classes and not self.metric.of_classes:
            return probabilities(model, rows, self.contract, classes)
        return numbered(model.predict(rows), self.contract, classes)

    def latency_ms(self) -> float:
        """Return the median time of one test row alone, or of one series, through the model's own door."""
        import mlflow.pyfunc

        model = mlflow.pyfunc.load_model(str(MODEL), suppress_warnings=True)
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
            model.predict(one)
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
        What evaluate reports.
    """
    gate, judge = params.register_.gate, Judge(params)
    findings = json.loads(Path("data/profile.json").read_text(encoding="utf-8"))["findings"]
    found = [no_errors(findings, judge.contract.needed), *thresholds(figures, gate.metrics)]
    name, version = params.register_.model, aliases_of(client, params.register_.model).get(params.register_.alias)
    same = version is not None and client.get_model_version(name, str(version)).tags.get("digest") == digest
    champion_place = f"models:/{name}/{version}"
    if gate.delta is not None:
        champion = None
        if version is not None:
            value, says = (None, "") if same else _champions(client, judge, name, version, test)
            champion = Champion(version, same, value, says)
        greater = judge.metric.greater_is_better
        found.append(improvement(gate.metric, figures.get(gate.metric), greater, gate.delta, champion))
    if gate.bootstrap and version is not None and not same:
        found.append(bootstrap(
            judge.metric.figure, judge.actual, judge.answers(str(MODEL)), judge.answers(champion_place),
            judge.metric.greater_is_better, gate, params.seed,
        ))  # fmt: skip
    size_mb = sum(file.stat().st_size for file in MODEL.rglob("*") if file.is_file()) / 1e6
    found += [at_most("size_mb", size_mb, gate.max_size_mb)] if gate.max_size_mb else []
    found += [at_most("latency_ms", judge.latency_ms(), gate.max_latency_ms)] if gate.max_latency_ms else []
    return found


def _champions(client: "MlflowClient", judge: Judge, name: str, version: int, test: str) -> tuple[float | None, str]:
    """Return the champion's figure on the present test rows, and where it is from."""
    from mlflow.exceptions import MlflowException

    metric = judge.params.register_.gate.metric
    why = "its run is gone"
    with ignoring("RESOURCE_DOES_NOT_EXIST"):
        run = client.get_run(client.get_model_version(name, str(version)).run_id).data
        if run.tags.get("digest.split") == test and metric in run.metrics:
            return float(run.metrics[metric]), "on the same test rows"
        why = "the test rows changed" if run.tags.get("digest.split") != test else f"it was not scored in {metric}"
    try:
        answers = judge.answers(f"models:/{name}/{version}")
    except MlflowException as error:
        return None, f"{why}, and it refuses the present ones: {error.message}"
    return judge.metric.figure(judge.actual, answers), f"scored anew, for {why}"
