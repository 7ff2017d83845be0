"""The one typed schema of params.yaml. Defaults live in conf/, so every key must be there."""

import json
import os
from pathlib import Path
from typing import Annotated, Any, Self, get_args

from pydantic import BaseModel, Field, ValidationError, model_validator

from slipway.project.automl_settings import Automl
from slipway.project.data_settings import Data, HorizonSplit
from slipway.project.entry import UserError
from slipway.project.guard import check_conf_is_composed, check_is_passed_by
from slipway.project.names import (
    FORECASTERS,
    METRIC,
    METRICS,
    MODELS,
    NEAREST_METRICS,
    NO_QUANTILES,
    OF_PROBABILITIES,
    PRETRAINED,
    autogluon_metric,
    has_classes,
)
from slipway.project.sections import Section, closest
from slipway.project.stage_settings import Check, Dataprep, Evaluate, Register


class Params(Section):
    """All of params.yaml: a section per stage, the seed, the sweep, and the digest of the conf/ that it was composed from."""

    seed: Annotated[int, Field(ge=0, lt=2**31)]
    sweep: str | None
    conf_digest: dict[str, str]
    data: Data
    check: Check
    dataprep: Dataprep
    automl: Automl
    evaluate: Evaluate
    register_: Annotated[Register, Field(alias="register")]

    @model_validator(mode="after")
    def _task_fits(self) -> Self:
        task = self.data.task
        if task is None:
            return self  # until check has looked at the label, and `settled` tells it
        # conf/automl/ takes the table's metric unless told otherwise: then one sentence is enough for both.
        metrics = {self.automl.eval_metric: "automl.eval_metric", self.data.metric: "data.metric"}
        faults = [fault for metric, key in metrics.items() if metric and (fault := _metric_fault(key, metric, task))]
        if self.data.positive_class is not None and task != "binary":
            faults.append(f"Got data.positive_class={self.data.positive_class!r}, expected null for data.task={task}")
        if task != "forecasting" and (self.automl.quantile_levels is None) == (task == "quantile"):
            wanted = "levels such as [0.1, 0.5, 0.9]; try automl=quantile," if task == "quantile" else "null"
            faults.append(
                f"Got automl.quantile_levels={self.automl.quantile_levels}, expected {wanted} for data.task={task}"
            )
        unable = [model for model in self.automl.kinds() if task == "quantile" and model in NO_QUANTILES]
        if unable:
            faults.append(
                f"Got automl.models with {', '.join(unable)}, expected models that predict quantiles; try automl=quantile"
            )
        faults += _of_series_or_rows(self)
        if task != "binary" and self.automl.calibrate_decision_threshold is True:
            faults.append(
                f"Got automl.calibrate_decision_threshold=True, expected auto or false for data.task={task}: it has no threshold"
            )
        name = autogluon_metric(self.automl.eval_metric, task) if task == "binary" else None
        if name in OF_PROBABILITIES and self.automl.calibrate_decision_threshold is True:
            faults.append(
                f"Got automl.calibrate_decision_threshold=True, expected auto or false for the metric {name}: it takes "
                "probabilities, for which a threshold is nothing"
            )
        if not has_classes(task) and self.automl.sample_weight == "balance_weight":
            faults.append(
                f"Got automl.sample_weight='balance_weight', expected a column or null for data.task={task}: it has no classes"
            )
        if self.automl.holdout_frac is not None and getattr(self.data.split, "validation_size", None) is not None:
            faults.append(
                f"Got automl.holdout_frac={self.automl.holdout_frac} and data.split.validation_size, expected one of them"
            )
        reported, gate = list(getattr(self.evaluate.metrics, task)), self.register_.gate
        faults += [
            f"Got {key} with {name!r}, expected a metric that evaluate.metrics.{task} reports: {', '.join(reported)}"
            f"{closest(name, reported)}"
            for key, names in {
                "register.gate.metrics": list(gate.metrics),
                "register.gate.metric": [gate.metric],
            }.items()
            for name in names
            if name not in reported and (key.endswith("metrics") or gate.delta is not None or gate.bootstrap)
        ]
        if faults:
            raise ValueError("; ".join(faults))
        return self


# What a search on a long table does not know, and what says so.
NOT_FOR_SERIES: dict[str, tuple[Any, ...]] = {
    **dict.fromkeys(("max_time_limit", "max_models", "early_stopping_patience", "num_trials", "infer_limit"), (None,)),
    **dict.fromkeys(("early_stopping_rounds", "holdout_frac", "sample_weight", "num_cpus", "portfolio"), (None,)),
    **dict.fromkeys(("num_bag_folds", "num_stack_levels", "num_gpus"), (0,)),
    "num_bag_sets": (1,),
    "weight_evaluation": (False,),
    "feature_generator": ("auto",),
    "calibrate_decision_threshold": ("auto", False),
    "concurrency": (1, None),
}


def _of_series_or_rows(params: Params) -> list[str]:
    """Return what is set for long tables and does not fit other tasks, or the other way round, a sentence each."""
    data, automl, gate = params.data, params.automl, params.register_.gate
    task, series = data.task, data.task == "forecasting"
    wrong = [kind for kind in automl.kinds() if kind not in (FORECASTERS if series else MODELS)]
    known = ", ".join(name for name in FORECASTERS if name not in PRETRAINED) if series else ", ".join(MODELS)
    faults = [
        (
            series != isinstance(data.split, HorizonSplit),
            f"Got data.split.method={data.split.method!r}, expected {'horizon' if series else 'another one'} for data.task={task}",
        ),
        (
            bool(wrong),
            f"Got automl.models with {', '.join(wrong)}, expected models for data.task={task}: {known}"
            + "; try automl=forecasting" * series,
        ),
        (
            not series and automl.num_val_windows is not None,
            f"Got automl.num_val_windows={automl.num_val_windows}, expected null for data.task={task}: its rows have no windows",
        ),
        (
            series and gate.bootstrap > 0,
            "Got register.gate.bootstrap, expected 0 for data.task=forecasting: the steps of a series hang together",
        ),
    ]
    if isinstance(data.split, HorizonSplit):
        split = data.split
        named = [split.item, split.timestamp, *split.known_covariates, *split.past_covariates]
        faults.append(
            (data.label in named, f"Got data.label={data.label!r} among the columns of data.split, expected others")
        )
    odd = [name for name, off in NOT_FOR_SERIES.items() if series and getattr(automl, name) not in off]
    faults.append(
        (
            bool(odd),
            f"Got automl.{', '.join(odd)}, which a search for data.task=forecasting has not; expected it as base.yaml has it",
        )
    )
    return [says for wrong_, says in faults if wrong_]


def _metric_fault(key: str, metric: str, task: str) -> str | None:
    if autogluon_metric(metric, task):
        return None
    nearest = NEAREST_METRICS.get(metric, {}).get(task)
    hint = f"; the nearest to it: {nearest!r}" if nearest else closest(metric, list(METRICS[task]))
    return f"Got {key}={metric!r}, expected a metric for data.task={task}: {', '.join(METRICS[task])}{hint}"


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


def settled(params: Params, task: str) -> Params:
    """Return settings with the task that the label proposes, and with its usual metric, where they leave them open."""
    if params.data.task and params.data.metric and params.automl.eval_metric and params.register_.gate.metric:
        return params
    raw = params.model_dump(by_alias=True)
    raw["data"]["task"] = raw["data"]["task"] or task
    raw["data"]["metric"] = raw["data"]["metric"] or METRIC[raw["data"]["task"]]
    for section, key in ((raw["automl"], "eval_metric"), (raw["register"]["gate"], "metric")):
        section[key] = section[key] or raw["data"]["metric"]
    return validate(raw)


def load_params(path: Path = Path("params.yaml"), *, open_task: bool = False) -> Params:
    """Read and validate params.yaml, with the YAML 1.2 rules that DVC reads it by.

    A task that is left open is the one that check found, but with ``open_task``, for those who do without.

    A script that is run by hand compares it with conf/ first, and so does a stage that DVC was told to run without those
    before it. Else the stage check has done so, and conf/ may be edited for the next run while the others go on.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    conf = path.parent / "conf"
    try:
        params = validate(YAML(typ="safe").load(path))
    except FileNotFoundError as error:
        raise UserError(f"Got no {path}, expected it in {Path.cwd()}. Compose it: `make params`.") from error
    except YAMLError as error:
        first = " ".join(str(error).split())
        raise UserError(f"Got a {path} that is not YAML ({first}). Compose it again: `make params`.") from error
    if conf.is_dir() and ("DVC_STAGE" not in os.environ or check_is_passed_by()):
        check_conf_is_composed(conf, params.conf_digest)
    if open_task:
        return params
    task, profile = params.data.task, path.parent / "data/profile.json"
    if task is None:
        if not profile.is_file():
            raise UserError(
                f"Got data.task=null and no {profile}, expected it, as it has the task that check finds. Run `dvc repro`."
            )
        task = json.loads(profile.read_text(encoding="utf-8"))["task"]
    return settled(params, task)


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


def _in_words(key: str) -> str:
    """Return ``: `` and what may be written for a setting: an old project's conf/ lacks it after an update."""
    schema: dict[str, Any] = Params.model_json_schema()
    inner = schema
    for part in key.split("."):
        ref = inner.get("$ref", "").rpartition("/")[2]
        inner = (schema["$defs"][ref] if ref else inner).get("properties", {}).get(part, {})
    kinds = [inner, *inner.get("anyOf", [])]
    words = [f"one of {', '.join(map(str, kind['enum']))}" if "enum" in kind else _kind(kind) for kind in kinds]
    said = " or ".join(dict.fromkeys(word for word in words if word))
    return f": {said}" if said else ""


def _kind(kind: dict[str, Any]) -> str:
    names = {"integer": "an integer", "number": "a number", "string": "a text", "boolean": "true or false"}
    names |= {"array": "a list", "object": "keys with values", "null": "null"}
    bounds = {"minimum": "{} or more", "exclusiveMinimum": "more than {}", "maximum": "{} or less"}
    bounds |= {"exclusiveMaximum": "less than {}"}
    limits = [words.format(kind[name]) for name, words in bounds.items() if name in kind]
    return ", ".join([names[kind["type"]], *limits]) if "type" in kind else ""


def _sentence(key: str, problems: list[Any]) -> str:  # noqa: PLR0911  one sentence per kind of problem
    problem = problems[0]
    if not key or (problem["type"] == "value_error" and str(problem["ctx"]["error"]).startswith("Got ")):
        # what several settings say together
        return str(problem["ctx"]["error"])
    if problem["type"] == "extra_forbidden":
        return f"Got the setting {key!r}, which nothing reads{closest(key, known_keys())}"
    if problem["type"] in ("missing", "union_tag_not_found"):
        absent = key if problem["type"] == "missing" else f"{key}.method"
        return f"Got no setting {absent!r}, expected one{_in_words(absent)}"
    got = problem["input"]
    if problem["type"] == "union_tag_invalid":
        return f"Got {key}={got!r}, expected a method: random, group, time, column, files or horizon"
    if problem["type"] == "literal_error":
        names = problem["ctx"]["expected"].replace("'", "").replace(" or ", ", ").split(", ")
        return f"Got {key}={got!r}, expected one of {', '.join(names)}{closest(str(got), names)}"
    if problem["type"] == "value_error":
        return f"Got {key}={got!r}, expected {problem['ctx']['error']}"
    # pydantic's own words: "Input should be greater than 0", "String should match pattern …".
    return f"Got {key}={got!r}, expected it to {' or '.join(p['msg'].partition(' should ')[2] for p in problems)}"
