"""What the sections of params.yaml are made of."""

import difflib
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

Share = Annotated[float, Field(gt=0, lt=1)]


class Section(BaseModel):
    """A part of params.yaml: frozen, and without keys that nobody reads."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


def closest(key: str, known: list[str]) -> str:
    """Return the hint ``; closest: 'x'``, or nothing when no known name is near.

    >>> closest("automl.time_limt", ["automl.time_limit", "seed"])
    "; closest: 'automl.time_limit'"
    """
    found = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
    return f"; closest: {found[0]!r}" if found else ""


def flat(settings: Any, prefix: str = "") -> dict[str, Any]:
    """Return nested settings with dotted keys; a list and an empty mapping are values.

    >>> flat({"automl": {"models": {"GBM": {}}, "fit": {}}})
    {'automl.models.GBM': {}, 'automl.fit': {}}
    """
    if not isinstance(settings, dict) or not settings:
        return {prefix: settings}
    return {
        dotted: value
        for key, inner in settings.items()
        for dotted, value in flat(inner, f"{prefix}.{key}" if prefix else str(key)).items()
    }
