"""The schema of conf/automl/: how long and how hard to search."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from slipway.project.names import MODELS
from slipway.project.sections import Section


def _usable_folds(folds: int) -> int:
    if folds == 1:
        raise ValueError("0 for none, or 2 at least")
    return folds


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
