"""The schema of conf/check/, dataprep/, evaluate/ and register/."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from slipway.project.data_settings import OpenMetric
from slipway.project.names import FINDINGS, METRICS, OTHER_METRICS
from slipway.project.sections import Section, Share, closest


def _known_finding(key: str) -> str:
    name = key.partition(":")[0]
    if name not in FINDINGS:
        raise ValueError(f"a finding's name, alone or with :column{closest(name, list(FINDINGS))}")
    return key


class Check(Section):
    """What check looks for in the raw table, and what stops it."""

    errors: list[Literal[FINDINGS]]  # type: ignore[valid-type]
    acknowledged: dict[Annotated[str, AfterValidator(_known_finding)], Annotated[str, Field(pattern=r"\S")]]
    sample_rows: Annotated[int, Field(ge=1000)]
    leak_share: Share
    strong_share: Share
    rare_class_rows: Annotated[int, Field(ge=2)]
    imbalance_ratio: Annotated[float, Field(gt=1)]
    outlier_iqrs: Annotated[float, Field(gt=0)]
    unique_share: Share
    odd_share: Share
    contradicting_share: Share


class Dataprep(Section):
    """How much memory preparing takes; the results do not depend on it."""

    memory_mb: Annotated[int, Field(ge=128)]
    batch_rows: Annotated[int, Field(ge=1000)]


class Metrics(Section):
    """What to report for each task; the first one leads."""

    binary: Annotated[list[Literal[METRICS["binary"] + OTHER_METRICS["binary"]]], Field(min_length=1)]  # type: ignore[valid-type]
    multiclass: Annotated[list[Literal[METRICS["multiclass"]]], Field(min_length=1)]  # type: ignore[valid-type,name-defined]
    regression: Annotated[list[Literal[METRICS["regression"]]], Field(min_length=1)]  # type: ignore[valid-type,name-defined]
    quantile: Annotated[list[Literal[METRICS["quantile"] + OTHER_METRICS["quantile"]]], Field(min_length=1)]  # type: ignore[valid-type]
    forecasting: Annotated[list[Literal[METRICS["forecasting"] + OTHER_METRICS["forecasting"]]], Field(min_length=1)]  # type: ignore[valid-type]


class Evaluate(Section):
    """How the model is judged on the test rows."""

    metrics: Metrics
    calibration_bins: Annotated[int, Field(ge=2)]
    importance_repeats: Annotated[int, Field(ge=0)]
    plot_rows: Annotated[int, Field(ge=100)]


def _usable_alias(alias: str) -> str:
    if alias == "latest" or (alias[0] == "v" and alias[1:].isdigit()):
        raise ValueError("a name that MLflow does not keep for itself ('latest', 'v1', …)")
    return alias


class Gate(Section):
    """On which conditions a model becomes a version."""

    metrics: dict[str, Annotated[dict[Literal["min", "max"], float], Field(min_length=1)]]
    metric: OpenMetric
    delta: float | None
    bootstrap: Annotated[int, Field(ge=0)]
    confidence: Share
    max_size_mb: Annotated[float, Field(gt=0)] | None
    max_latency_ms: Annotated[float, Field(gt=0)] | None
    fail: bool


class Register(Section):
    """Where the tested model goes, and on which conditions."""

    model: Annotated[str, Field(pattern=r"^[^/:]+$")]
    experiment: Annotated[str, Field(min_length=1)]
    alias: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$"), AfterValidator(_usable_alias)]
    promote: Literal["first", "passed"]
    gate: Gate
