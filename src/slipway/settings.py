"""The one typed schema of params.yaml. Defaults live in conf/, so every key must be there."""

import difflib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from slipway.entry import UserError
from slipway.names import BINARY_METRICS, MODELS, OTHER_METRICS

METRICS = (*BINARY_METRICS, *OTHER_METRICS)

Share = Annotated[float, Field(gt=0, lt=1)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]+$")]


class Section(BaseModel):
    """A part of params.yaml: frozen, and without keys that nobody reads."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Recipe(Section):
    """Which recipe makes the features, and what it is told."""

    name: Name
    options: dict[str, Any]


class Split(Section):
    """How the test rows are held out."""

    test_size: Share


class Data(Section):
    """What the table is."""

    name: Name
    label: str
    task: Literal["binary"]
    positive_class: str | int | bool
    model: Annotated[str, Field(pattern=r"^[^/:]+$")]
    recipe: Recipe
    split: Split


class Automl(Section):
    """How long and how hard to search, under AutoGluon's names."""

    eval_metric: Literal[BINARY_METRICS]  # type: ignore[valid-type]
    time_limit: Annotated[float, Field(gt=0)] | None
    models: Annotated[
        dict[Literal[MODELS], dict[str, Any] | list[dict[str, Any]]],  # type: ignore[valid-type]
        Field(min_length=1),
    ]
    ensemble: bool
    num_bag_folds: Annotated[int, Field(ge=0)]
    num_cpus: Annotated[int, Field(gt=0)] | None
    verbosity: Annotated[int, Field(ge=0, le=4)]
    fit: dict[str, Any]


class Evaluate(Section):
    """How the model is judged on the test rows."""

    metrics: Annotated[list[Literal[METRICS]], Field(min_length=1)]  # type: ignore[valid-type]
    calibration_bins: Annotated[int, Field(ge=2)]
    importance_repeats: Annotated[int, Field(ge=0)]


def _usable_alias(alias: str) -> str:
    if alias == "latest" or (alias[0] == "v" and alias[1:].isdigit()):
        raise ValueError("a name that MLflow does not keep for itself ('latest', 'v1', …)")
    return alias


class Register(Section):
    """Where the tested model goes."""

    model: Annotated[str, Field(pattern=r"^[^/:]+$")]
    experiment: Annotated[str, Field(min_length=1)]
    alias: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$"), AfterValidator(_usable_alias)]


class Params(Section):
    """All of params.yaml: a section per stage, the seed, and the digest of the conf/ that it was composed from."""

    seed: Annotated[int, Field(ge=0, lt=2**31)]
    conf_digest: dict[str, str]
    data: Data
    automl: Automl
    evaluate: Evaluate
    register_: Annotated[Register, Field(alias="register")]


def known_keys(model: type[BaseModel] = Params, prefix: str = "") -> list[str]:
    """Return every key of the schema in dotted form, such as ``automl.time_limit``."""
    keys = []
    for name, field in model.model_fields.items():
        key = prefix + (field.alias or name)
        keys.append(key)
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            keys += known_keys(field.annotation, key + ".")
    return keys


def closest(key: str, known: list[str]) -> str:
    """Return the hint ``; closest: 'x'``, or nothing when no known name is near.

    >>> closest("automl.time_limt", ["automl.time_limit", "seed"])
    "; closest: 'automl.time_limit'"
    """
    found = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
    return f"; closest: {found[0]!r}" if found else ""


def validate(raw: object) -> Params:
    """Return the settings as typed sections.

    Raises
    ------
    UserError
        Names the first few keys that are unknown, missing or impossible, and the folder of conf/ to look into.
    """
    try:
        return Params.model_validate(raw)
    except ValidationError as error:
        found = "; ".join(_sentence(problem) for problem in error.errors()[:3])
        raise UserError(
            f"{found}. Edit conf/ or the -S of your command, then compose again: `dvc exp run`, or `make params`."
        ) from error


def load_params(path: Path = Path("params.yaml")) -> Params:
    """Read and validate params.yaml, with the YAML 1.2 rules that DVC reads it by."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        return validate(YAML(typ="safe", pure=True).load(path))
    except FileNotFoundError as error:
        raise UserError(f"Got no {path}, expected it in {Path.cwd()}. Compose it: `make params`.") from error
    except YAMLError as error:
        first = " ".join(str(error).split())
        raise UserError(f"Got a {path} that is not YAML ({first}). Compose it again: `make params`.") from error


def _sentence(problem: Any) -> str:
    key = ".".join(str(part) for part in problem["loc"] if part != "[key]")
    if problem["type"] == "extra_forbidden":
        return f"Got the setting {key!r}, which nothing reads{closest(key, known_keys())}"
    if problem["type"] == "missing":
        return f"Got no setting {key!r}, expected one"
    got = problem["input"]
    if problem["type"] == "literal_error":
        names = problem["ctx"]["expected"].replace("'", "").replace(" or ", ", ").split(", ")
        return f"Got {key}={got!r}, expected one of {', '.join(names)}{closest(str(got), names)}"
    expected = problem["msg"].removeprefix("Input should be ").removeprefix("Value error, ")
    return f"Got {key}={got!r}, expected {expected}"
