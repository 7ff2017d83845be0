"""AutoGluon's search as a function: settings and train rows in, predictor and leaderboard out."""

import logging
import os
import sys
import warnings
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slipway.project.automl_settings import Automl, is_space
from slipway.project.availability import missing_packages
from slipway.project.entry import SAYS_FULL, UserError
from slipway.project.files import full_disk
from slipway.project.names import autogluon_metric
from slipway.search.bounded import Say
from slipway.search.events import callback_for
from slipway.search.memory import cpus_of, memory_gb
from slipway.search.quiet import let_quiet_models_tell, mend_trials
from slipway.search.stacking import only_if_it_holds

if TYPE_CHECKING:
    import pandas as pd
    from autogluon.core.callbacks import AbstractCallback
    from autogluon.tabular import TabularPredictor

LEADERBOARD = [
    "model", "score_val", "eval_metric", "fit_time", "pred_time_val", "size_bytes", "deployed_bytes", "stack_level",
    "cut_short",
]  # fmt: skip

# The kinds of models that stop by their score on validation rows.
STOP_EARLY = ("GBM", "GBM_PREP", "CAT", "XGB")
RAY_FROM_CPUS = 8


class LogFile(logging.FileHandler):
    """A log that cannot be written, as on a full disk, ends the search: Python's own prints a traceback per line."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  logging's name
        error = sys.exc_info()[1]
        if isinstance(error, OSError):
            raise error
        super().handleError(record)


def log_to(file: Path, verbosity: int) -> None:
    """Send all that AutoGluon logs, and warnings, to a file and nowhere else.

    Parameters
    ----------
    file
        The log, overwritten.
    verbosity
        AutoGluon's: 0 (errors) to 4 (everything).
    """
    import autogluon.tabular  # noqa: F401  puts its handler on the terminal when first imported

    file.parent.mkdir(parents=True, exist_ok=True)
    handler = LogFile(file, mode="w", encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    logging.captureWarnings(True)
    for name in ("autogluon", "py.warnings"):
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.propagate = False
    warnings.simplefilter("default")
    handler.setLevel({0: 40, 1: 25, 2: 20, 3: 15, 4: 10}[verbosity])


def hyperparameters(settings: Automl, seed: int) -> dict[str, list[dict[str, Any]]]:
    """Return AutoGluon's ``hyperparameters``: what is asked for and can run here, seeded, with its search spaces.

    AutoGluon takes no seed for a whole fit, but each kind of model looks for one; a seed that the settings name stays.
    """
    from autogluon.tabular.configs.hyperparameter_configs import get_hyperparameter_config
    from autogluon.tabular.registry import ag_model_registry

    portfolio = settings.portfolio and get_hyperparameter_config(settings.portfolio)
    asked: dict[str, Any] = portfolio or settings.models
    missing = missing_packages(settings.kinds())
    found: dict[str, list[dict[str, Any]]] = {}
    for kind in settings.kinds():
        if kind in missing:
            continue
        name = ag_model_registry.key_to_cls(kind).seed_name
        seeds = {} if name is None else {name: seed}
        if settings.early_stopping_rounds and kind in STOP_EARLY:
            seeds["ag.early_stop"] = settings.early_stopping_rounds
        variants = asked[kind] if isinstance(asked[kind], list) else [asked[kind]]
        fold = {} if name is None else {"ag_args_ensemble": {"model_random_seed": seed}}
        found[kind] = []
        for variant in variants:
            spaces = {key: _space(value) for key, value in variant.items()}
            if portfolio and fold:  # whose own seeds are not ours
                spaces |= seeds
                spaces["ag_args_ensemble"] = variant.get("ag_args_ensemble", {}) | fold["ag_args_ensemble"]
            found[kind].append({**seeds, **fold, **spaces})
    return found


def _space(value: Any) -> Any:
    """Return a search space where a setting is {low, high} or {choices}, else the setting."""
    from autogluon.common import space

    if not is_space(value):
        return value
    if "choices" in value:
        return space.Categorical(*value["choices"])
    low, high, log = value["low"], value["high"], value.get("log", False)
    if not (isinstance(low, int) and isinstance(high, int)):
        return space.Real(low, high, log=log)
    if not log:
        return space.Int(low, high)
    steps = 200  # AutoGluon has no whole numbers on a logarithmic scale
    return space.Categorical(*sorted({round(low * (high / low) ** (step / steps)) for step in range(steps + 1)}))


def fit_options(settings: Automl, seed: int, time_limit: float | None) -> dict[str, Any]:
    """Return what the settings say as arguments of AutoGluon's fit."""
    from autogluon.features.generators import AutoMLPipelineFeatureGenerator

    # What `fit:` gives for one model or for every fold is added to ours.
    given = dict(settings.fit)
    each = {"max_time_limit": settings.max_time_limit} if settings.max_time_limit else {}
    fold: dict[str, Any] = {}
    # Ray takes seconds to start and a process per fold: on few CPUs it only costs.
    if settings.concurrency == 1 or (
        settings.concurrency is None and (cpus_of(settings) or os.cpu_count() or 1) < RAY_FROM_CPUS
    ):
        fold["fold_fitting_strategy"] = "sequential_local"
    elif settings.concurrency:
        fold["num_folds_parallel"] = settings.concurrency
    options: dict[str, Any] = {
        "time_limit": time_limit,
        "hyperparameters": hyperparameters(settings, seed),
        "fit_weighted_ensemble": settings.ensemble,
        "num_bag_folds": settings.num_bag_folds,
        "num_bag_sets": settings.num_bag_sets,
        "num_stack_levels": settings.num_stack_levels,
        "holdout_frac": settings.holdout_frac,
        "calibrate_decision_threshold": False,  # for the model that is deployed, which is not known yet: see choice.py
        "dynamic_stacking": False,
        "num_cpus": cpus_of(settings) or "auto",
        "num_gpus": settings.num_gpus,
        "ag_args_fit": each | given.pop("ag_args_fit", {}),
        "ag_args_ensemble": fold | given.pop("ag_args_ensemble", {}),
    }
    if settings.infer_limit:
        options |= {"infer_limit": settings.infer_limit, "infer_limit_batch_size": 1}
    if settings.num_trials:
        options["hyperparameter_tune_kwargs"] = {
            "num_trials": settings.num_trials, "scheduler": "local", "searcher": "random",
            "search_options": {"random_seed": seed},
        }  # fmt: skip
    if settings.feature_generator != "auto":
        custom = settings.feature_generator
        as_they_are = ("enable_datetime_features", "enable_text_special_features", "enable_text_ngram_features")
        chosen = custom if isinstance(custom, dict) else dict.fromkeys(as_they_are, False)
        options["feature_generator"] = AutoMLPipelineFeatureGenerator(**chosen)
    return options | given


def fit(
    train: "pd.DataFrame",
    validation: "pd.DataFrame",
    label: str,
    positive_class: Any,
    task: str,
    settings: Automl,
    seed: int,
    folder: Path,
    callback: "AbstractCallback",
    time_limit: float | None = None,
    say: Say = lambda _: None,
) -> "TabularPredictor":
    """Search for the best model of the train rows.

    Parameters
    ----------
    train
        Features and label, of shape (rows, features + 1).
    validation
        Rows of the same columns to validate on; without any, AutoGluon holds out some of its own choice.
    folder
        Where the predictor saves all that it fits.
    callback
        Told before and after each model.
    time_limit
        What is left of the settings' own.
    say
        Told of a trial of stacking, where the settings ask for stacking and AutoGluon would score it on train rows.

    Raises
    ------
    UserError
        No model could be fitted though there was time, or AutoGluon refuses what the settings give it.
    """
    from autogluon.tabular import TabularPredictor

    check_weight(settings.sample_weight, train.drop(columns=label))
    make = partial(
        TabularPredictor,
        label=label,
        problem_type=task,
        quantile_levels=settings.quantile_levels,
        eval_metric=autogluon_metric(settings.eval_metric, task),
        verbosity=max(settings.verbosity, 2),  # the log's file takes less; what was cut short must be heard
        sample_weight=settings.sample_weight,
        weight_evaluation=settings.weight_evaluation,
        learner_kwargs={"positive_class": positive_class, "random_state": seed},
    )
    predictor = make(path=str(folder))
    try:
        options = fit_options(settings, seed, time_limit)
        in_ray = (
            settings.num_bag_folds > 0
            and options["ag_args_ensemble"].get("fold_fitting_strategy") != "sequential_local"
        )
        let_quiet_models_tell(settings.kinds(), in_ray, settings.max_time_limit, len(settings.quantile_levels or [0]))
        if settings.num_trials:
            mend_trials()
        if len(validation):
            options |= {"tuning_data": validation, "use_bag_holdout": settings.num_bag_folds > 0}
        if gigabytes := memory_gb(settings):
            options["memory_limit"] = gigabytes
        if settings.num_stack_levels and not len(validation) and "dynamic_stacking" not in settings.fit:
            cuts: list[dict[str, Any]] = []
            hear = callback_for(cuts.append, settings.max_models, settings.early_stopping_patience)
            trial = make(path=str(folder / "trial"))
            options = only_if_it_holds(trial, train, options | {"callbacks": [hear]}, seed, say, cuts)
        predictor.fit(train, raise_on_no_models_fitted=False, **options | {"callbacks": [callback]})
    except (ValueError, TypeError, AssertionError) as error:
        if not settings.fit and not isinstance(settings.feature_generator, dict):
            raise
        reason = str(error).partition("\n")[0]
        raise UserError(
            f"Got automl.fit={settings.fit}, feature_generator={settings.feature_generator}, which AutoGluon refuses: "
            f"{reason}. Edit conf/automl/."
        ) from error
    failures = failed_models(predictor)
    if full := [why for why in failures.values() if any(words in why for words in SAYS_FULL)]:
        raise full_disk(full[0], folder)  # the search of a machine with room has these models as well
    if not predictor.model_names(can_infer=True) and (settings.time_limit is None or failures):
        said = "; ".join(f"{model}: {why}" for model, why in failures.items())
        raise UserError(
            f"Got no model out of {', '.join(settings.kinds())} ({said or 'AutoGluon says why in the log'}), "
            "expected one at least. Edit automl.models in conf/automl/."
        )
    return predictor


def check_weight(weight: str | None, features: "pd.DataFrame") -> None:
    """Refuse a feature as weights that is not there, or that has a row which no model could weigh."""
    if weight in (None, "balance_weight"):
        return
    if weight not in features:
        raise UserError(
            f"Got automl.sample_weight={weight!r}, but no feature of that name, expected balance_weight or "
            f"one of: {', '.join(map(str, features))}. Edit conf/automl/, or let the recipe keep the column."
        )
    import pandas as pd

    values = features[weight]
    if not pd.api.types.is_numeric_dtype(values):
        found = f"values of type {values.dtype}"
    elif not (bad := values[~(values >= 0) | (values == float("inf"))]).empty:
        found = (
            f"{'a missing value' if pd.isna(bad.iloc[0]) else bad.iloc[0]} in {len(bad)} of {len(values)} train rows"
        )
    elif not values.any():
        found = "0 in every train row"
    else:
        return
    raise UserError(
        f"Got automl.sample_weight={weight!r}, but {found} there, expected numbers of 0 and above. Edit conf/automl/ or the recipe."
    )


# How AutoGluon names what a budget did to a model; no failure of the model.
OF_BUDGETS = ("TimeLimitExceeded", "InsufficientTime", "NotEnoughMemoryError")


def failed_models(predictor: "TabularPredictor") -> dict[str, str]:
    """Return model → why it could not be fitted, of those that failed for another reason than the budget."""
    failures = predictor.model_failures()
    return {
        row.model: f"{row.exc_type}: {row.exc_str}" for row in failures.itertuples() if row.exc_type not in OF_BUDGETS
    }


def leaderboard(predictor: "TabularPredictor", cut_short: dict[str, str]) -> "pd.DataFrame":
    """Return the ranking of the models on validation rows, the best first, and last those without a score.

    Returns
    -------
    DataFrame
        Per model: its score (higher is better), seconds to fit and to predict the validation rows, each with the
        models that it builds on, the bytes of its own files and of all that it needs to predict, and what a budget cut
        short in it. A model that is not there, because it failed or was left out, has nothing but the reason.
    """
    table = predictor.leaderboard()
    sizes = {model: _bytes(Path(predictor.path) / "models" / model) for model in table["model"]}
    trainer = predictor._trainer  # noqa: SLF001  AutoGluon says nowhere else what a model builds on
    needed = [sum(sizes[part] for part in trainer.get_minimum_model_set(model)) for model in table["model"]]
    why = {model: f"failed: {reason}" for model, reason in failed_models(predictor).items()}
    why |= {model: reason for model, reason in cut_short.items() if model not in why}
    there = table.assign(
        size_bytes=table["model"].map(sizes), deployed_bytes=needed, cut_short=table["model"].map(why).fillna("")
    )
    return with_absent(there, why)


def with_absent(there: "pd.DataFrame", why: dict[str, str]) -> "pd.DataFrame":
    """Return a ranking, and below it the models that are not in it with the reason."""
    import pandas as pd

    absent = pd.DataFrame([{"model": m, "cut_short": says} for m, says in why.items() if m not in set(there["model"])])
    if absent.empty:
        return there[LEADERBOARD]
    sides = (table.reindex(columns=LEADERBOARD).astype(object) for table in (there, absent))
    return pd.concat(sides, ignore_index=True)


def _bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
