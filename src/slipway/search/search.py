"""AutoGluon's search as a function: settings and train rows in, predictor and leaderboard out."""

import logging
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slipway.project.automl_settings import Automl
from slipway.project.entry import UserError

if TYPE_CHECKING:
    import pandas as pd
    from autogluon.core.callbacks import AbstractCallback
    from autogluon.tabular import TabularPredictor

LEADERBOARD = ["model", "score_val", "eval_metric", "fit_time", "pred_time_val", "size_bytes", "stack_level"]


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
    handler = logging.FileHandler(file, mode="w", encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    logging.captureWarnings(True)
    for name in ("autogluon", "py.warnings"):
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.propagate = False
    warnings.simplefilter("default")
    logging.getLogger("autogluon").setLevel({0: 40, 1: 25, 2: 20, 3: 15, 4: 10}[verbosity])


def seeded_models(models: dict[str, Any], seed: int) -> dict[str, list[dict[str, Any]]]:
    """Return AutoGluon's ``hyperparameters`` with the seed where each kind of model looks for it.

    AutoGluon takes no seed for a whole fit; a seed that the settings name for a model stays.
    """
    from autogluon.tabular.registry import ag_model_registry

    seeded = {}
    for key, variants in models.items():
        name = ag_model_registry.key_to_cls(key).seed_name
        own_seed = {} if name is None else {name: seed, "ag_args_ensemble": {"model_random_seed": seed}}
        seeded[key] = [{**own_seed, **variant} for variant in (variants if isinstance(variants, list) else [variants])]
    return seeded


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

    Raises
    ------
    UserError
        No model could be fitted.
    """
    from autogluon.tabular import TabularPredictor

    predictor = TabularPredictor(
        label=label,
        problem_type=task,
        quantile_levels=settings.quantile_levels,
        eval_metric=settings.eval_metric,
        path=str(folder),
        verbosity=settings.verbosity,
        learner_kwargs={"positive_class": positive_class, "random_state": seed},
    )
    options: dict[str, Any] = {
        "time_limit": settings.time_limit,
        "hyperparameters": seeded_models(settings.models, seed),
        "fit_weighted_ensemble": settings.ensemble,
        "num_bag_folds": settings.num_bag_folds,
        "num_stack_levels": 0,
        "dynamic_stacking": False,
        "num_cpus": settings.num_cpus or "auto",
        "num_gpus": 0,
    }
    if len(validation):
        options |= {"tuning_data": validation, "use_bag_holdout": settings.num_bag_folds > 0}
    try:
        predictor.fit(train, callbacks=[callback], raise_on_no_models_fitted=False, **{**options, **settings.fit})
    except (ValueError, TypeError, AssertionError) as error:
        if not settings.fit:
            raise
        reason = str(error).partition("\n")[0]
        raise UserError(
            f"Got automl.fit={settings.fit}, which AutoGluon refuses: {reason}. Edit conf/automl/."
        ) from error
    if not predictor.model_names(can_infer=True):
        failures = "; ".join(f"{model}: {why}" for model, why in failed_models(predictor).items()) or "no time was left"
        raise UserError(
            f"Got no model out of {', '.join(settings.models)} within automl.time_limit={settings.time_limit} "
            f"({failures}), expected one at least. Raise the limit or edit automl.models in conf/automl/."
        )
    return predictor


def failed_models(predictor: "TabularPredictor") -> dict[str, str]:
    """Return model → why it could not be fitted."""
    failures = predictor.model_failures()
    return {row.model: f"{row.exc_type}: {row.exc_str}" for row in failures.itertuples()}


def leaderboard(predictor: "TabularPredictor") -> "pd.DataFrame":
    """Return the ranking of the models on validation rows, the best first.

    Returns
    -------
    DataFrame
        Per model: its score (higher is better), seconds to fit and to predict the validation rows, each with the
        models that it builds on, and the bytes of its files.
    """
    table = predictor.leaderboard()
    sizes = [_bytes(Path(predictor.path) / "models" / model) for model in table["model"]]
    return table.assign(size_bytes=sizes)[LEADERBOARD]


def _bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
