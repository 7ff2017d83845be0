"""The one typed schema of params.yaml. Defaults live in conf/, so every key must be there."""

import codecs
import difflib
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from slipway.project.entry import UserError
from slipway.project.names import FINDINGS, METRICS, MODELS, OTHER_METRICS

Share = Annotated[float, Field(gt=0, lt=1)]
# A folder or a file of the project: no way out of it, nothing hidden.
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$")]
Task = Literal["binary", "multiclass", "regression"]
ModuleName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_]+$")]


class Section(BaseModel):
    """A part of params.yaml: frozen, and without keys that nobody reads."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Recipe(Section):
    """Which recipe makes the features, and what it is told."""

    name: ModuleName
    options: dict[str, Any]
    sample_rows: Annotated[int, Field(ge=2)]


class Split(Section):
    """How large a share of the rows is held out, and where the search's own validation rows are asked for, of those."""

    test_size: Share
    validation_size: Share | None

    @field_validator("validation_size")
    @classmethod
    def _leaves_train_rows(cls, validation_size: float | None, info: ValidationInfo) -> float | None:
        if (validation_size or 0) + info.data.get("test_size", 0) >= 1:
            raise ValueError("a share that together with test_size is less than 1")
        return validation_size


class RandomSplit(Split):
    """By chance, the same share of every class, or of the label's quantiles."""

    method: Literal["random"]


class GroupSplit(Split):
    """Whole groups by chance: rows that are alike in a column stay together."""

    method: Literal["group"]
    column: str


class TimeSplit(Split):
    """The latest rows by a column of dates or numbers, after a gap in days or in the column's unit."""

    method: Literal["time"]
    column: str
    gap: Annotated[float, Field(ge=0)]


class ColumnSplit(Section):
    """As a column says: train, test or validation. No feature is made of it."""

    method: Literal["column"]
    column: str


class FilesSplit(Section):
    """Some of the table's files by name, the others for training."""

    method: Literal["files"]
    test: Annotated[list[str], Field(min_length=1)]
    validation: list[str]

    @field_validator("validation")
    @classmethod
    def _in_one_part(cls, validation: list[str], info: ValidationInfo) -> list[str]:
        if set(validation) & set(info.data.get("test", [])):
            raise ValueError("files that are not among data.split.test")
        return validation


AnySplit = Annotated[RandomSplit | GroupSplit | TimeSplit | ColumnSplit | FilesSplit, Field(discriminator="method")]


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
    task: Task
    metric: Literal[tuple(sorted({name for names in METRICS.values() for name in names}))]  # type: ignore[valid-type]
    positive_class: str | int | bool | None
    model: Annotated[str, Field(pattern=r"^[^/:]+$")]
    read: Read
    recipe: Recipe
    split: AnySplit


class Dataprep(Section):
    """How much memory preparing takes; the results do not depend on it."""

    memory_mb: Annotated[int, Field(ge=128)]
    batch_rows: Annotated[int, Field(ge=1000)]


def _usable_folds(folds: int) -> int:
    if folds == 1:
        raise ValueError("0 for none, or 2 at least")
    return folds


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


class Metrics(Section):
    """What to report for each task; the first one leads."""

    binary: Annotated[list[Literal[METRICS["binary"] + OTHER_METRICS["binary"]]], Field(min_length=1)]  # type: ignore[valid-type]
    multiclass: Annotated[list[Literal[METRICS["multiclass"]]], Field(min_length=1)]  # type: ignore[valid-type,name-defined]
    regression: Annotated[list[Literal[METRICS["regression"]]], Field(min_length=1)]  # type: ignore[valid-type,name-defined]


class Evaluate(Section):
    """How the model is judged on the test rows."""

    metrics: Metrics
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
    check: Check
    dataprep: Dataprep
    automl: Automl
    evaluate: Evaluate
    register_: Annotated[Register, Field(alias="register")]

    @model_validator(mode="after")
    def _task_fits(self) -> Self:
        task, names = self.data.task, METRICS[self.data.task]
        # conf/automl/ takes the table's metric unless told otherwise: then one sentence is enough for both.
        metrics = {self.automl.eval_metric: "automl.eval_metric", self.data.metric: "data.metric"}
        faults = [
            f"Got {key}={metric!r}, expected a metric for data.task={task}: {', '.join(names)}"
            f"{closest(metric, list(names))}"
            for metric, key in metrics.items()
            if metric not in names
        ]
        if (self.data.positive_class is None) == (task == "binary"):
            wanted = "one of the label's two classes" if task == "binary" else "null"
            faults.append(
                f"Got data.positive_class={self.data.positive_class!r}, expected {wanted} for data.task={task}"
            )
        if faults:
            raise ValueError("; ".join(faults))
        return self


def known_keys(model: type[BaseModel] = Params, prefix: str = "") -> list[str]:
    """Return every key of the schema in dotted form, such as ``automl.time_limit``."""
    keys = []
    for name, field in model.model_fields.items():
        key = prefix + (field.alias or name)
        keys.append(key)
        for kind in get_args(field.annotation) or (field.annotation,):
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                keys += known_keys(kind, key + ".")
    return list(dict.fromkeys(keys))


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
        if parts[:2] == ["data", "split"]:
            del parts[2:3]  # pydantic names the method there
        key = ".".join(part for part in parts if "[" not in part and part not in ("str", "int", "bool"))
        by_key.setdefault(key, []).append(problem)
    return [_sentence(key, problems) for key, problems in by_key.items()]


def _sentence(key: str, problems: list[Any]) -> str:  # noqa: PLR0911  one sentence per kind of problem
    problem = problems[0]
    if not key:  # what the sections say together
        return str(problem["ctx"]["error"])
    if problem["type"] == "extra_forbidden":
        return f"Got the setting {key!r}, which nothing reads{closest(key, known_keys())}"
    if problem["type"] in ("missing", "union_tag_not_found"):
        absent = key if problem["type"] == "missing" else f"{key}.method"
        return f"Got no setting {absent!r}, expected one"
    got = problem["input"]
    if problem["type"] == "union_tag_invalid":
        return f"Got {key}={got!r}, expected a method: random, group, time, column or files"
    if problem["type"] == "literal_error":
        names = problem["ctx"]["expected"].replace("'", "").replace(" or ", ", ").split(", ")
        return f"Got {key}={got!r}, expected one of {', '.join(names)}{closest(str(got), names)}"
    if problem["type"] == "value_error":
        return f"Got {key}={got!r}, expected {problem['ctx']['error']}"
    # pydantic's own words: "Input should be greater than 0", "String should match pattern …".
    return f"Got {key}={got!r}, expected it to {' or '.join(p['msg'].partition(' should ')[2] for p in problems)}"
