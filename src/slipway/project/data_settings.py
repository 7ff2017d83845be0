"""The schema of conf/data/: what a table is, how it is read and split."""

import codecs
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, Field, ValidationInfo, field_validator, model_validator

from slipway.project.names import CLOUD_METRICS, METRICS, NEAREST_METRICS, RESCALED_METRICS
from slipway.project.sections import Section, Share, closest

# A folder or a file of the project: no way out of it, nothing hidden.
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$")]
Task = Literal["binary", "multiclass", "regression", "quantile", "forecasting"]
# What may be left open in conf/: whoever reads it but check has it told by `slipway.project.settings.settled`.
if TYPE_CHECKING:
    OpenTask: TypeAlias = Task
    OpenMetric: TypeAlias = str
else:
    OpenTask = Task | None
    OpenMetric = str | None
ModuleName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_]+$")]


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


def _known_frequency(freq: str) -> str:
    from pandas.tseries.frequencies import to_offset

    try:
        return str(to_offset(freq).freqstr)
    except ValueError:
        raise ValueError("one of pandas' frequencies, such as h, D, B, W-SUN, MS, ME, QS or YS") from None


class HorizonSplit(Section):
    """The last steps of every series of a long table; for forecasting, which takes from here what its columns are."""

    method: Literal["horizon"]
    item: str | None
    timestamp: str
    prediction_length: Annotated[int, Field(ge=1)]
    freq: Annotated[str, AfterValidator(_known_frequency)] | None = None
    known_covariates: list[str] = Field(default_factory=list)
    past_covariates: list[str] = Field(default_factory=list)
    fill: Literal["ffill", "interpolate", "zero"] | None = None

    @model_validator(mode="after")
    def _each_once(self) -> "HorizonSplit":
        named = [self.timestamp, *self.known_covariates, *self.past_covariates, *([self.item] if self.item else [])]
        if twice := sorted({column for column in named if named.count(column) > 1}):
            raise ValueError(f"the column {twice[0]!r} in one of item, timestamp, known_covariates and past_covariates")
        return self


AnySplit = Annotated[
    RandomSplit | GroupSplit | TimeSplit | ColumnSplit | FilesSplit | HorizonSplit, Field(discriminator="method")
]


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
    types: dict[str, Literal["integer", "number", "boolean", "datetime", "text"]] = Field(default_factory=dict)
    dates: dict[str, str] = Field(default_factory=dict)
    drop: list[str] = Field(default_factory=list)
    where: str | None = None
    sheet: str | None = None

    @model_validator(mode="after")
    def _signs_differ(self) -> "Read":
        if self.decimal and self.decimal == self.thousands:
            raise ValueError("a thousands separator other than the decimal sign")
        return self


def _known_metric(metric: str | None) -> str | None:
    known = {
        *CLOUD_METRICS,
        *RESCALED_METRICS,
        *NEAREST_METRICS,
        *(name for names in METRICS.values() for name in names),
    }
    if metric is not None and metric not in known:
        raise ValueError(f"one of {', '.join(sorted(known))}{closest(metric, sorted(known))}")
    return metric


class Data(Section):
    """What the table is."""

    name: Name
    label: Annotated[str, Field(min_length=1)]
    task: OpenTask
    metric: Annotated[OpenMetric, AfterValidator(_known_metric)]
    positive_class: str | int | bool | None
    model: Annotated[str, Field(pattern=r"^[^/:]+$")]
    read: Read
    recipe: Recipe
    split: AnySplit
