"""The schema of conf/automl/: how long and how hard to search."""

from typing import Annotated, Any, Literal, Self, TypeAlias

from pydantic import AfterValidator, Field, model_validator

from slipway.project.data_settings import OpenMetric
from slipway.project.names import FORECASTERS, MODELS, PORTFOLIOS
from slipway.project.sections import Section, Share

Kind: TypeAlias = Literal[(*MODELS, *FORECASTERS)]  # type: ignore[valid-type]
Count = Annotated[int, Field(gt=0)]
Amount = Annotated[float, Field(gt=0)]

# What AutoGluon's fit takes → the setting that says it here.
NAMED_HERE = {
    "time_limit": "time_limit", "hyperparameters": "models", "presets": "portfolio", "infer_limit": "infer_limit",
    "fit_weighted_ensemble": "ensemble", "num_bag_folds": "num_bag_folds", "num_bag_sets": "num_bag_sets",
    "num_stack_levels": "num_stack_levels", "holdout_frac": "holdout_frac", "refit_full": "refit_full",
    "num_cpus": "num_cpus", "num_gpus": "num_gpus", "memory_limit": "memory_limit", "tuning_data": "data.split",
    "hyperparameter_tune_kwargs": "num_trials", "feature_generator": "feature_generator", "verbosity": "verbosity",
    "excluded_model_types": "excluded_model_types", "included_model_types": "included_model_types",
    "calibrate_decision_threshold": "calibrate_decision_threshold", "num_val_windows": "num_val_windows",
    "enable_ensemble": "ensemble", "random_seed": "seed",
}  # fmt: skip


def _usable_folds(folds: int) -> int:
    if folds == 1:
        raise ValueError("0 for none, or 2 at least")
    return folds


def _rising(levels: list[float]) -> list[float]:
    if sorted(set(levels)) != levels:
        raise ValueError("levels that rise, such as [0.1, 0.5, 0.9]")
    return levels


def _usable_fit(fit: dict[str, Any]) -> dict[str, Any]:
    for name in fit:
        if name in NAMED_HERE:
            raise ValueError(
                f"no {name} there: it is said by automl.{NAMED_HERE[name]}".replace("automl.data", "data").replace(
                    "automl.seed", "seed"
                )
            )
    if fit.get("fit_strategy", "sequential") != "sequential":
        raise ValueError("no other fit_strategy than sequential: AutoGluon would not say which model it fits")
    return fit


class Automl(Section):
    """How long and how hard to search; conf/automl/base.yaml says what each setting does."""

    eval_metric: OpenMetric
    time_limit: Amount | None
    max_time_limit: Amount | None
    max_models: Count | None
    early_stopping_patience: Count | None
    portfolio: Literal[tuple(PORTFOLIOS)] | None  # type: ignore[valid-type]
    models: dict[Kind, dict[str, Any] | list[dict[str, Any]]]
    included_model_types: list[Kind]
    excluded_model_types: list[Kind]
    skip_unavailable: bool
    num_trials: Annotated[int, Field(ge=2)] | None
    early_stopping_rounds: Count | None
    ensemble: bool
    num_bag_folds: Annotated[int, Field(ge=0), AfterValidator(_usable_folds)]
    num_bag_sets: Count
    num_stack_levels: Annotated[int, Field(ge=0, le=3)]
    holdout_frac: Share | None
    refit_full: bool
    feature_generator: Literal["auto", "off", False] | dict[str, Any]
    sample_weight: Annotated[str, Field(min_length=1)] | None
    weight_evaluation: bool
    calibrate_decision_threshold: bool | Literal["auto"]
    infer_limit: Amount | None
    max_size_mb: Amount | None
    concurrency: Count | None
    share: Annotated[float, Field(gt=0, le=1)]
    num_cpus: Count | None
    num_gpus: Annotated[int, Field(ge=0)]
    memory_limit: Amount | None
    verbosity: Annotated[int, Field(ge=0, le=4)]
    quantile_levels: Annotated[list[Share], Field(min_length=1), AfterValidator(_rising)] | None = None
    num_val_windows: Count | None = None
    fit: Annotated[dict[str, Any], AfterValidator(_usable_fit)]

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if faults := [says for wrong, says in self._contradictions() if wrong]:
            raise ValueError("; ".join(faults))
        return self

    def _contradictions(self) -> list[tuple[bool, str]]:
        folds, both = self.num_bag_folds, sorted(set(self.included_model_types) & set(self.excluded_model_types))
        limit, longest = self.time_limit, self.max_time_limit
        return [
            (not self.models and not self.portfolio, "Got neither automl.models nor automl.portfolio, expected one"),
            (
                bool(self.models and self.portfolio),
                f"Got automl.models and automl.portfolio={self.portfolio!r}, expected one of them: models={{}} or portfolio=null",
            ),
            (
                bool(both),
                f"Got {', '.join(both)} in automl.included_model_types and in excluded_model_types, expected one",
            ),
            (
                not both and bool(self.models or self.portfolio) and not self.kinds(),
                "Got no model that automl.included_model_types and excluded_model_types leave, expected one at least",
            ),
            (
                "KNN" in self.kinds(),
                "Got automl.models with KNN, which is its train rows and would carry them out of the project, expected other models",
            ),
            (
                not folds and self.num_stack_levels > 0,
                f"Got automl.num_stack_levels={self.num_stack_levels} without folds, expected automl.num_bag_folds of 2 at least",
            ),
            (
                not folds and self.num_bag_sets > 1,
                f"Got automl.num_bag_sets={self.num_bag_sets} without folds, expected automl.num_bag_folds of 2 at least",
            ),
            (
                not folds and (self.concurrency or 1) > 1,
                f"Got automl.concurrency={self.concurrency} with nothing to run side by side, expected automl.num_bag_folds of 2 at least",
            ),
            (
                self.holdout_frac is not None and folds > 0,
                f"Got automl.holdout_frac={self.holdout_frac} and num_bag_folds={folds}, expected one: folds hold out rows themselves",
            ),
            (
                bool(self.searched()) and not self.num_trials,
                f"Got a range for {', '.join(name for name, _ in self.searched())} in automl.models, expected a value, or automl.num_trials",
            ),
            (bool(self.unsearchable()), "; ".join(self.unsearchable())),
            (
                [] in self.models.values(),
                "Got a kind of model with an empty list of settings in automl.models, expected one at least, such as {}",
            ),
            (
                self.sample_weight == "auto_weight",
                "Got automl.sample_weight='auto_weight', which is no weights to AutoGluon, expected balance_weight, a column or null",
            ),
            (
                limit is not None and longest is not None and longest > limit,
                f"Got automl.max_time_limit={longest:g} for a model of a search of time_limit={limit:g}, expected less"
                if limit and longest
                else "",
            ),
            (
                self.weight_evaluation and self.sample_weight in (None, "balance_weight"),
                f"Got automl.weight_evaluation with sample_weight={self.sample_weight!r}, expected a column of weights",
            ),
            (
                bool(self.num_cpus and self.concurrency and self.concurrency > self.num_cpus),
                f"Got automl.concurrency={self.concurrency} on num_cpus={self.num_cpus}, expected no more than CPUs",
            ),
        ]

    def searched(self) -> list[tuple[str, dict[str, Any]]]:
        """Return which settings of which kinds of models are ranges or choices, such as GBM.learning_rate and the range."""
        variants = [
            (kind, one)
            for kind, given in self.models.items()
            if kind in self.kinds()
            for one in (given if isinstance(given, list) else [given])
        ]
        return [(f"{kind}.{key}", value) for kind, one in variants for key, value in one.items() if is_space(value)]

    def unsearchable(self) -> list[str]:
        """Return of each range that cannot be searched why, a sentence each."""
        return [
            f"Got {space} for automl.models.{name}, expected {why}"
            for name, space in self.searched()
            if (why := _fault_of_space(space))
        ]

    def kinds(self) -> list[str]:
        """Return the kinds of models that are asked for, in order."""
        asked = self.models or PORTFOLIOS.get(self.portfolio or "", ())
        allowed = self.included_model_types or asked
        return [kind for kind in asked if kind in allowed and kind not in self.excluded_model_types]


def is_space(value: Any) -> bool:
    """Return whether a setting of a model is meant as what to search in, {low, high, log} or {choices}, not as a value."""
    return isinstance(value, dict) and bool(value.keys() & {"low", "high", "choices"})


def _fault_of_space(space: dict[str, Any]) -> str:
    """Return what is expected in the place of a range that cannot be searched, or nothing."""
    if "choices" in space:
        fine = space.keys() == {"choices"} and isinstance(space["choices"], list) and space["choices"]
        return "" if fine else "{choices: [...]} with one at least, and nothing else beside it"
    if not {"low", "high"} <= space.keys() <= {"low", "high", "log"}:
        return "{low, high} and log at most beside them"
    low, high, log = space["low"], space["high"], space.get("log", False)
    if not all(isinstance(bound, int | float) and not isinstance(bound, bool) for bound in (low, high)):
        return "numbers for low and high"
    if not isinstance(log, bool):
        return "true or false for log"
    if not low < high:
        return "low below high"
    return "low above 0 where log is true" if log and low <= 0 else ""
