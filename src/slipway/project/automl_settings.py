"""The schema of conf/automl/: how long and how hard to search."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from slipway.project.names import MODELS
from slipway.project.sections import Section, Share


def _usable_folds(folds: int) -> int:
    if folds == 1:
        raise ValueError("0 for none, or 2 at least")
    return folds


def _rising(levels: list[float]) -> list[float]:
    if sorted(set(levels)) != levels:
        raise ValueError("levels that rise, such as [0.1, 0.5, 0.9]")
    return levels


class Automl(Section):
    """How long and how hard to search, under AutoGluon's names."""

    eval_metric: str
    time_limit: Annotated[float, Field(gt=0)] | None
    models: Annotated[
        dict[Literal[MODELS], dict[str, Any] | list[dict[str, Any]]],  # type: ignore[valid-type]
        Field(min_length=1),
    ]
    ensemble: bool
    num_bag_folds: Annotated[int, Field(ge=0), AfterValidator(_usable_folds)]
    num_cpus: Annotated[int, Field(gt=0)] | None
    verbosity: Annotated[int, Field(ge=0, le=4)]
    fit: dict[str, Any]
    quantile_levels: Annotated[list[Share], Field(min_length=1), AfterValidator(_rising)] | None = None
