"""The one typed schema of params.yaml. Defaults live in conf/, so every key must be there."""

import codecs
import difflib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from slipway.entry import UserError
from slipway.names import BINARY_METRICS, MODELS, OTHER_METRICS

METRICS = (*BINARY_METRICS, *OTHER_METRICS)

Share = Annotated[float, Field(gt=0, lt=1)]
# A folder or a file of the project: no way out of it, nothing hidden.
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$")]
ModuleName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_]+$")]


class Section(BaseModel):
    """A part of params.yaml: frozen, and without keys that nobody reads."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Recipe(Section):
    """Which recipe makes the features, and what it is told."""

    name: ModuleName
    options: dict[str, Any]


class Split(Section):
    """How the test rows are held out."""

    test_size: Share


def _known_encoding(encoding: str) -> str:
    try:
        codecs.lookup(encoding)
    except LookupError:
        raise ValueError("an encoding that Python knows, such as utf-8, cp1252, gb18030 or cp932") from None
    return encoding


class Read(Section):
    """How the raw files are read, where that is not to be guessed. A key that is left out is null or empty."""

    delimiter: Annotated[str, Field(min_length=1, max_length=1)] | None = None
    encoding: Annotated[str, AfterValidator(_known_encoding)] | None = None
    decimal: Literal[".", ","] | None = None
    thousands: Literal["", ".", ",", " ", "'"] | None = None
    missing: list[str] | None = None
    types: dict[str, Literal["integer", "number", "boolean", "datetime", "text"]] = {}
    dates: dict[str, str] = {}
    drop: list[str] = []
    where: str | None = None
    sheet: str | None = None

    @model_validator(mode="after")
    def _signs_differ(self) -> "Read":
        if self.decimal and self.decimal == self.thousands:
            raise ValueError("a thousands separator other than the decimal sign")
        return self


class Data(Section):
    """What the table is."""

    name: Name
    label: Annotated[str, Field(min_length=1)]
    task: Literal["binary"]
    positive_class: str | int | bool
    model: Annotated[str, Field(pattern=r"^[^/:]+$")]
    read: Read
    recipe: Recipe
    split: Split


def _usable_folds(folds: int) -> int:
    if folds == 1:
        raise ValueError("0 for none, or 2 at least")
    return folds


class Automl(Section):
    """How long and how hard to search, under AutoGluon's names."""

    eval_metric: Literal[BINARY_METRICS]  # type: ignore[valid-type]
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
        if not isinstance(raw, dict):
            raise UserError(
                f"Got {raw!r} for all of params.yaml, expected its sections. Compose it: `make params`."
            ) from error
        found = "; ".join(_sentences(error)[:3])
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


def _sentences(error: ValidationError) -> list[str]:
    """Return a sentence per key that is wrong; pydantic reports each type that a value could have had by itself."""
    by_key: dict[str, list[Any]] = {}
    for problem in error.errors():
        parts = [str(part) for part in problem["loc"]]
        key = ".".join(part for part in parts if "[" not in part and part not in ("str", "int", "bool"))
        by_key.setdefault(key, []).append(problem)
    return [_sentence(key, problems) for key, problems in by_key.items()]


def _sentence(key: str, problems: list[Any]) -> str:
    problem = problems[0]
    if problem["type"] == "extra_forbidden":
        return f"Got the setting {key!r}, which nothing reads{closest(key, known_keys())}"
    if problem["type"] == "missing":
        return f"Got no setting {key!r}, expected one"
    got = problem["input"]
    if problem["type"] == "literal_error":
        names = problem["ctx"]["expected"].replace("'", "").replace(" or ", ", ").split(", ")
        return f"Got {key}={got!r}, expected one of {', '.join(names)}{closest(str(got), names)}"
    if problem["type"] == "value_error":
        return f"Got {key}={got!r}, expected {problem['ctx']['error']}"
    # pydantic's own words: "Input should be greater than 0", "String should match pattern …".
    return f"Got {key}={got!r}, expected it to {' or '.join(p['msg'].partition(' should ')[2] for p in problems)}"
