"""Models of AutoGluon that say nothing where the clock stops them, or too quietly, made to say it in its log as others do.

What is put into AutoGluon here stays: the process ends with the search.
"""

import functools
import importlib
import importlib.util
import logging
import re
import time
from collections.abc import Callable, Collection
from typing import Any

# What the log says of a fit that ended in the second half of its time, by the clock or by itself.
MAY_HAVE = "May have run out of time"
# The same of a fold in a process of Ray, whose log nobody hears: CatBoost may stop at a third of its time, where two more
# rounds like the first one would be too long.
MAY_HAVE_IN_RAY, EARLIEST = "A fold may have run out of time", 3
# The same of settings that are tried: AutoGluon's words where it stops, and ours, before the error.
NO_TIME_TO_TRY = "Stopping HPO to satisfy time limit"
FAILED_TRIAL = "A setting failed: "

# Loggers that say it at a level below the usual ones.
LOW = (
    "trainer.abstract_trainer",
    "models.lgb.lgb_model",
    "models.tabular_nn.torch.tabular_nn_torch",
    "models.fastainn.tabular_nn_fastai",
)
# Kind of model → its package, and what AutoGluon asks after each round whether the time is up: module, class, method.
ASKED = {
    "XGB": ("xgboost", "autogluon.tabular.models.xgboost.callbacks", "EarlyStoppingCustom", "_time_check"),
    "EBM": ("interpret", "autogluon.tabular.models.ebm.ebm_model", "EbmCallback", "__call__"),
}
# Kind of model → its class. They stop before a round that would end too late, taking rounds to be equally long: in the first
# half of their time never.
FORESEEN = {
    "TABM": ("autogluon.tabular.models.tabm.tabm_model", "TabMModel"),
    "REALMLP": ("autogluon.tabular.models.realmlp.realmlp_model", "RealMLPModel"),
}


def let_quiet_models_tell(
    kinds: Collection[str], in_ray: bool = False, max_time_limit: float | None = None, parts: int = 1
) -> None:
    """Let AutoGluon's log say whom the clock stopped, where AutoGluon doesn't.

    Parameters
    ----------
    kinds
        The kinds of models that are asked for.
    in_ray
        Whether folds may be fitted in Ray's processes, whose log goes nowhere.
    max_time_limit
        Seconds that no fold may take more than, if any.
    parts
        Of how many fits a fold consists that share its time: one for each quantile level.
    """
    for name in LOW:
        logger = logging.getLogger(f"autogluon.tabular.{name}")
        logger.setLevel(min(15, logger.getEffectiveLevel()))
    for kind in kinds:
        if kind in ASKED and importlib.util.find_spec(ASKED[kind][0]):
            _, module, owner, method = ASKED[kind]
            _wrap(getattr(importlib.import_module(module), owner), method, _tell_when_true)
        elif kind in FORESEEN:
            module, owner = FORESEEN[kind]
            _wrap(getattr(importlib.import_module(module), owner), "_fit", _tell_when_late)
    if in_ray:
        from autogluon.core.models.ensemble.fold_fitting_strategy import ParallelFoldFittingStrategy as InRay

        _wrap(InRay, "_fit", _remember_limit)
        _wrap(
            InRay,
            "_update_bagged_ensemble",
            functools.partial(_tell_of_folds, max_time_limit=max_time_limit, parts=parts),
        )


def _wrap(owner: Any, method: str, told: Callable[..., Any]) -> None:
    """Let a function of our own stand in a class or module for one of AutoGluon's, which it is given as its first argument."""
    theirs = getattr(owner, method)

    @functools.wraps(theirs)
    def ours(*args: Any, **kwargs: Any) -> Any:
        return told(theirs, *args, **kwargs)

    setattr(owner, method, ours)


def _log(line: str) -> None:
    logging.getLogger("autogluon.tabular").info("\t%s", line)


def _tell_when_true(asked: Callable[..., bool], *args: Any, **kwargs: Any) -> bool:
    if time_is_up := asked(*args, **kwargs):
        _log("Ran out of time")
    return time_is_up


def _tell_when_late(fit: Callable[..., Any], *args: Any, time_limit: float | None = None, **kwargs: Any) -> Any:
    started = time.monotonic()
    fitted = fit(*args, time_limit=time_limit, **kwargs)
    if time_limit and time.monotonic() - started >= time_limit / 2:
        _log(MAY_HAVE)
    return fitted


def _remember_limit(fit: Callable[..., Any], folds: Any, *, time_limit_fold: float | None, **kwargs: Any) -> Any:
    folds.limit = time_limit_fold
    return fit(folds, time_limit_fold=time_limit_fold, **kwargs)


def _tell_of_folds(
    take_in: Callable[..., None],
    folds: Any,
    *,
    time_start_fit: float,
    time_end_fit: float,
    max_time_limit: float | None,
    parts: int,
    **kwargs: Any,
) -> None:
    own = (folds.model_base._user_params_aux or {}).get("max_time_limit")  # noqa: SLF001  no others before it is fitted
    limits = [limit for limit in (folds.limit, max_time_limit, own) if limit is not None]
    if limits and time_end_fit - time_start_fit >= min(limits) / (EARLIEST * parts):
        _log(MAY_HAVE_IN_RAY)
    take_in(folds, time_start_fit=time_start_fit, time_end_fit=time_end_fit, **kwargs)


def mend_trials() -> None:
    """Let settings that are tried be scored as models are without trials, and let the log say which failed.

    AutoGluon scores forests out of bag on train rows there, and ranks that with the others' scores on validation rows: where
    rows are held out by group or time, a forest would win by what it knows of the same groups.
    """
    from autogluon.core.models.abstract import model_trial

    _wrap(model_trial, "fit_and_save_model", _fit_trial)


def _fit_trial(
    fit: Callable[..., Any],
    model: Any,
    fit_args: dict[str, Any],
    predict_proba_args: dict[str, Any],
    y_val: Any,
    **kwargs: Any,
) -> Any:
    from autogluon.core.utils.exceptions import NotEnoughMemoryError, TimeLimitExceeded

    try:
        fitted = fit(model, fit_args, predict_proba_args, y_val, **kwargs)
    except TimeLimitExceeded:  # a kind that has no range is fitted once, here too, under its own name
        _log(NO_TIME_TO_TRY if re.search(r"/T\d+$", model.name) else "Time limit exceeded")
        raise
    except NotEnoughMemoryError:
        _log("Not enough memory to train")
        raise
    except Exception as error:
        _log(f"{FAILED_TRIAL}{type(error).__name__}: {str(error).partition(chr(10))[0]}")
        raise
    out_of_bag = fitted._get_tags().get("valid_oof", False)  # noqa: SLF001  where AutoGluon looks for it
    if y_val is not None and out_of_bag and not hasattr(fitted, "load_child"):
        proba = fitted.predict_proba(record_time=True, **predict_proba_args)
        weights = fit_args.get("sample_weight_val")
        fitted.val_score = fitted.score_with_y_pred_proba(y=y_val, y_pred_proba=proba, sample_weight=weights)
        fitted.save()
    return fitted
