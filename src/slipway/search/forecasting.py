"""The search on a long table: as `slipway.search.budget` has it for rows, with AutoGluon's predictor of series."""

import json
import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slipway.project.automl_settings import Automl
from slipway.project.entry import UserError
from slipway.project.names import LOCAL
from slipway.rows.series import ITEM, TIME, SeriesContract, load_contract
from slipway.search.bounded import Say, run_bounded
from slipway.search.budget import Search, load_whole, rows
from slipway.search.choice import within_size, won_by
from slipway.search.events import CUT_SHORT, CutShort, is_ensemble, keep_whole
from slipway.search.quiet import let_quiet_models_tell
from slipway.search.search import with_absent
from slipway.serving.forecasting import Forecaster as Scorer

if TYPE_CHECKING:
    import pandas as pd
    from autogluon.timeseries import TimeSeriesDataFrame, TimeSeriesPredictor

__all__ = [
    "Scorer", "backtests", "choose", "deploy", "fitted_with", "hyperparameters", "leaderboard", "load_left", "refit", "search",
    "why_it_won",
]  # fmt: skip
# What a predictor holds of the train rows, or no forecast needs.
NOT_DEPLOYED = ("utils", "logs", "trainer.whole.pkl")
# What the clock does to a model that it stops, and AutoGluon's name of the blend.
STOPPED, BLEND = CUT_SHORT["Ran out of time"], "WeightedEnsemble"
# Names of how many trees are asked for; what was found has one of them.
ROUNDS = ("num_boost_round", "n_estimators", "iterations", "num_trees", "num_iterations")
# The ends of the series that it was fitted on, in mlforecast's lags: to forecast it reads those that it is given.
KEPT_BY_MLFORECAST = ("ga", "uids", "last_dates", "static_features_")


def hyperparameters(settings: Automl, _: int) -> dict[str, list[dict[str, Any]]]:
    """Return AutoGluon's ``hyperparameters``: each kind of model that is asked for, with one or more settings; fit seeds them.

    AutoGluon forecasts series side by side in processes that take longer to start than hundreds of series; here it does so
    where a setting gives ``n_jobs``.
    """
    asked: dict[str, Any] = {**settings.models}
    variants = {kind: v if isinstance(v := asked[kind], list) else [v] for kind in settings.kinds()}
    return {
        kind: [{**({"n_jobs": 1} if kind in LOCAL else {}), **v} for v in of_kind] for kind, of_kind in variants.items()
    }


def load_left(folder: Path) -> "TimeSeriesPredictor | None":
    """Return the predictor of a search, whole or ended in the middle; None where it has no model that predicts."""
    from autogluon.timeseries import TimeSeriesPredictor

    def load(path: str) -> "TimeSeriesPredictor | None":
        predictor = TimeSeriesPredictor.load(path)
        return predictor if predictor.model_names() else None

    try:
        return load_whole(folder, load)
    except AttributeError:  # before the first model was done
        return None


def search(one: Search) -> "TimeSeriesPredictor":
    """Search within time and memory; return the predictor, of a baseline where nothing could be fitted.

    Raises
    ------
    UserError
        AutoGluon refuses the settings, or every model failed for another reason than the budget.
    """
    settings = one.settings
    shutil.rmtree(one.folder, ignore_errors=True)

    spare_s = min(one.blend_s(), one.left_s() / 2)

    def fit_all(say: Say) -> None:
        limit = one.fitting_limit()
        fit(one, hyperparameters(settings, one.seed), say, limit and max(0.1, min(limit, one.left_s() - spare_s - 0.5)))

    ends_at = one.ends_at()
    ended = one.bounded(fit_all, ends_at and ends_at - spare_s)
    if ended:
        one.tell_ended(ended)
    predictor = load_left(one.folder)
    if ended and predictor and settings.ensemble:
        blend(one, predictor)
        predictor = load_left(one.folder)
    if predictor is None and not one.cut_short and not one.display.cut_short:
        raise UserError(
            f"Got no model out of {', '.join(settings.kinds())} (reports/automl.log says why), expected one at least. Edit "
            "automl.models in conf/automl/."
        )
    if predictor is None:
        one.cut_short.append("no model could be fitted within the budget; the model repeats the last value")
        one.is_baseline = True
        shutil.rmtree(one.folder, ignore_errors=True)
        run_bounded(lambda say: fit(one, {"Naive": [{"n_jobs": 1}]}, say, None), one.display.hear, None, float("inf"))
        predictor = load_left(one.folder)
    assert predictor is not None  # noqa: S101  for mypy: what repeats the last value can always be fitted
    return predictor


def fit(one: Search, models: dict[str, list[dict[str, Any]]], say: Say, time_limit: float | None) -> None:
    """Fit models of series into the search's folder, saying what is being fitted."""
    from autogluon.timeseries import TimeSeriesDataFrame, TimeSeriesPredictor

    contract, settings = contract_of_search(), one.settings
    train = TimeSeriesDataFrame.from_data_frame(rows("train"), id_column=ITEM, timestamp_column=TIME)
    known = [c for c in train.columns if c not in (contract.label, *contract.past_covariates)]
    predictor = TimeSeriesPredictor(
        target=contract.label,
        known_covariates_names=known,
        prediction_length=contract.prediction_length,
        freq=contract.freq,
        eval_metric=settings.eval_metric,
        quantile_levels=settings.quantile_levels,
        path=str(one.folder),
        verbosity=max(settings.verbosity, 2),  # the log's file takes less; what was cut short must be heard
        log_to_file=False,
    )
    predictor.save()  # AutoGluon does so at the end alone
    blend_in_order()
    try:
        with told(say):
            predictor.fit(
                train, time_limit=time_limit, hyperparameters=models, num_val_windows=settings.num_val_windows or 1,
                enable_ensemble=settings.ensemble, random_seed=one.seed, **settings.fit,
            )  # fmt: skip
    except (ValueError, TypeError) as error:
        if not settings.fit:
            raise
        reason = str(error).partition("\n")[0]
        raise UserError(
            f"Got automl.fit={settings.fit}, which AutoGluon refuses: {reason}. Edit conf/automl/."
        ) from error


def blend(one: Search, predictor: "TimeSeriesPredictor") -> None:
    """Fit the blend of models that an ended search left, if there is time for it: AutoGluon does so at the end alone."""
    trainer = predictor._trainer  # noqa: SLF001  no door of a predictor blends what is there
    models = trainer.get_model_names(layer=0)
    if len(models) < 2 or len(models) < len(trainer.get_model_names()):  # one, or blended already
        return

    def fit_blend(say: Say) -> None:
        given = one.settings.fit.get("ensemble_hyperparameters", {"GreedyEnsemble": {}})
        blend_in_order()
        with told(say):
            trainer._fit_ensembles(  # noqa: SLF001
                data_per_window=trainer._get_validation_windows(trainer.load_train_data(), None),  # noqa: SLF001
                predictions_per_window=trainer._get_base_model_predictions(models),  # noqa: SLF001
                time_limit=None if one.settings.time_limit is None else one.left_s(),
                ensemble_hyperparameters=given if isinstance(given, list) else [given],
                num_windows_per_layer=trainer.num_val_windows,
            )
        keep_whole(Path(trainer.path))
        trainer.save()

    one.blend(fit_blend, len(models))


def blend_in_order() -> None:
    """Let a blend take its models by their names; AutoGluon's order is a set's, on which a weighted sum's last bit hangs."""
    from autogluon.timeseries.trainer.ensemble_composer import EnsembleComposer

    fit_one = EnsembleComposer._fit_single_ensemble  # noqa: SLF001  where all blends get their models from

    def in_order(self: Any, *args: Any, predictions_per_window: dict[str, Any], **kwargs: Any) -> Any:
        return fit_one(self, *args, predictions_per_window=dict(sorted(predictions_per_window.items())), **kwargs)

    EnsembleComposer._fit_single_ensemble = in_order  # noqa: SLF001  not put back: the process ends with the search


def contract_of_search() -> SeriesContract:
    """Return what dataprep says of the series."""
    contract = load_contract(Path("models/recipe/contract.json"))
    assert isinstance(contract, SeriesContract)  # noqa: S101  for mypy
    return contract


class Heard(CutShort):
    """Hears also why a model failed, which AutoGluon tells its log alone."""

    error = ""

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the last line of a traceback, and do what `CutShort` does."""
        super().emit(record)
        if record.getMessage().startswith("Traceback"):
            self.error = record.getMessage().strip().rpartition("\n")[2]


@contextmanager
def told(say: Say) -> Iterator[None]:
    """Say what AutoGluon fits while the block lasts; it has no callbacks for series, so this wraps what fits one model.

    After each model the list of models is saved, for the case that the process is ended in the middle of the next.
    """
    from autogluon.timeseries.trainer import TimeSeriesTrainer

    wrapped = ("get_trainable_base_models", "_train_and_save", "_fit_ensembles")
    listed, fit_one, blend = (getattr(TimeSeriesTrainer, name) for name in wrapped)
    heard = Heard(say)
    waiting: list[str] = []
    timers = timers_of_networks()
    let_trees_tell()

    def told_list(self: Any, *args: Any, **kwargs: Any) -> Any:
        models = listed(self, *args, **kwargs)
        waiting.extend(model.name for model in models)
        return models

    def told_fit(self: Any, train_data: Any, model: Any, **kwargs: Any) -> Any:
        heard.model, heard.error = model.name, ""
        timers.clear()
        waiting[:] = [name for name in waiting if name != model.name]
        say({"event": "fitting", "model": model.name})
        names = fit_one(self, train_data, model=model, **kwargs)
        if heard.error:
            say({"event": "cut", "model": model.name, "why": f"failed: {heard.error}"})
        if names and any(timer.time_remaining() <= 0 for timer in timers):
            say({"event": "cut", "model": model.name, "why": STOPPED})
        epochs = timers[-1].epochs if timers else None
        say({"event": "fitted", "model": model.name, "epochs": epochs, **_outcome(self, *names)})
        keep_whole(Path(self.path))
        self.save()
        return names

    def told_blend(self: Any, **kwargs: Any) -> Any:
        heard.model = BLEND
        if several := len(kwargs["predictions_per_window"]) > 1:
            say({"event": "fitting", "model": BLEND})
        names = blend(self, **kwargs)
        for name in names or [BLEND] * several:
            say({"event": "fitted", "model": name, **_outcome(self, *[n for n in names if n == name])})
        return names

    logging.getLogger("autogluon").addHandler(heard)
    for name, function in zip(wrapped, (told_list, told_fit, told_blend), strict=True):
        setattr(TimeSeriesTrainer, name, function)
    yield  # nothing is put back: the process ends with the search
    for name in waiting:
        say({"event": "cut", "model": name, "why": "left out, no time"})


def timers_of_networks() -> list[Any]:
    """Return a list that fills with the timers that stop networks, each with the `epochs` that it let pass.

    The networks' library says when a timer stops one, but AutoGluon silences it.
    """
    from autogluon.timeseries.models.gluonts.abstract import AbstractGluonTSModel

    timers: list[Any] = []
    made = AbstractGluonTSModel._get_callbacks  # noqa: SLF001

    def kept(self: Any, *args: Any, **kwargs: Any) -> Any:
        callbacks = made(self, *args, **kwargs)
        for timer in [one for one in callbacks if hasattr(one, "time_remaining")]:
            timer.epochs = None
            timer.on_train_end = partial(_counted, timer, timer.on_train_end)
            timers.append(timer)
        return callbacks

    AbstractGluonTSModel._get_callbacks = kept  # noqa: SLF001
    return timers


def _counted(timer: Any, ended: Any, trainer: Any, network: Any) -> None:
    timer.epochs = trainer.current_epoch
    ended(trainer, network)


def let_trees_tell() -> None:
    """Let models of lags say in the log that the clock stopped them, which AutoGluon silences."""
    from autogluon.timeseries.models.autogluon_tabular import mlforecast, per_step

    for module in (mlforecast, per_step):
        module.set_loggers_level = lambda **_: nullcontext()
    logging.getLogger("autogluon.tabular").setLevel(logging.INFO)
    let_quiet_models_tell(["XGB"])


def _outcome(trainer: Any, *fitted: str) -> dict[str, Any]:
    """Return what there is to say of a model that was fitted, or was not."""
    keys = {"score": "val_score", "fit_time": "fit_time", "pred_time_val": "predict_time"}
    return {ours: trainer.get_model_attribute(fitted[0], key) if fitted else None for ours, key in keys.items()}


def leaderboard(predictor: "TimeSeriesPredictor", cut_short: dict[str, str]) -> "pd.DataFrame":
    """Return what `slipway.search.search.leaderboard` does, of a predictor of series."""
    trainer, table = predictor._trainer, predictor.leaderboard()  # noqa: SLF001  AutoGluon says nowhere else what a model builds on
    layers = trainer._get_model_layers()  # noqa: SLF001
    sizes = {model: _bytes(_place(predictor, model)) for model in table["model"]}
    needed = [sum(sizes[part] for part in trainer.get_minimum_model_set(model)) for model in table["model"]]
    there = table.assign(
        eval_metric=predictor.eval_metric.name, fit_time=table["fit_time_marginal"], size_bytes=table["model"].map(sizes),
        deployed_bytes=needed, stack_level=[layers[model] + 1 for model in table["model"]],
        cut_short=table["model"].map(cut_short).fillna(""),
    )  # fmt: skip
    return with_absent(there, cut_short)


def fitted_with(one: Search, predictor: "TimeSeriesPredictor") -> dict[str, str]:
    """Return model → what it was fitted with as JSON: its settings, and what the latest fit came to; no ensembles.

    That is the rounds of trees, and the epochs of a network that the clock stopped.
    """
    names = [name for name in predictor.model_names() if not is_ensemble(name)]
    stopped = {name: says for name, says in one.display.fitted.items() if one.display.cut_short.get(name) == STOPPED}
    epochs = {name: {"max_epochs": says["epochs"]} for name, says in stopped.items() if says.get("epochs")}
    return {name: json.dumps(settings_of(predictor, name) | epochs.get(name, {}), default=str) for name in names}


def settings_of(predictor: "TimeSeriesPredictor", name: str) -> dict[str, Any]:
    """Return the settings of a model, AutoGluon's own included, and the rounds of its trees in the latest fit."""
    model = predictor._trainer.load_model(name)  # noqa: SLF001  the only door to a model
    model = getattr(model, "most_recent_model", model)
    settings: dict[str, Any] = model.get_hyperparameters()
    if hasattr(model, "get_tabular_model"):
        found, given = model.get_tabular_model().model.params_trained, settings["model_hyperparameters"]
        settings["model_hyperparameters"] = {k: v for k, v in given.items() if k not in ROUNDS or not found} | found
    return settings


def choose(one: Search, predictor: "TimeSeriesPredictor") -> tuple[str, list[str]]:
    """Return the model to deploy, the best that is not too large, and in words what the limit of its size costs."""
    table = ranked(predictor)
    return within_size(table, table.iloc[0], one.settings.max_size_mb)


def decide(_: Search, __: "TimeSeriesPredictor", ___: str) -> None:
    """Return nothing: forecasts have no classes."""


def ranked(predictor: "TimeSeriesPredictor") -> "pd.DataFrame":
    """Return the models that have a score, best first."""
    numbers = {"score_val": float, "pred_time_val": float, "deployed_bytes": float}
    return leaderboard(predictor, {}).dropna(subset="score_val").set_index("model", drop=False).astype(numbers)


def why_it_won(predictor: "TimeSeriesPredictor", model: str, _: Automl) -> list[str]:
    """Return in words what a model won by, what it blends, and what a faster or a smaller one would cost in score."""
    weights = predictor._trainer.load_model(model).model_to_weight if is_ensemble(model) else {}  # noqa: SLF001
    return won_by(ranked(predictor), model, dict(sorted(weights.items(), key=lambda w: -w[1])))


def refit(one: Search, predictor: "TimeSeriesPredictor", model: str) -> str:
    """Fit a model again up to the last train step, if there is time for it; return the name of the one to deploy."""
    took = leaderboard(predictor, {}).set_index("model")["fit_time"]
    parts = predictor._trainer.get_minimum_model_set(model)  # noqa: SLF001
    needed = float(took[parts].sum()) / (one.settings.num_val_windows or 1) * 1.3

    def refits(folder: Path) -> dict[str, str]:
        again = load_left(folder)
        return dict(again._trainer.model_refit_map) if again else {}  # noqa: SLF001

    return one.refit(predictor, model, needed, refits)


def backtests(predictor: "TimeSeriesPredictor", model: str) -> dict[str, float]:
    """Return a model's error in each window before the test rows, the latest first, in the metric's natural sign.

    Each is of a fit that ended before its window.
    """
    trainer, metric = predictor._trainer, predictor.eval_metric  # noqa: SLF001
    forecasts = trainer.backtest_predictions(None, [model])[model]
    actual: list[TimeSeriesDataFrame] = trainer.backtest_targets(None)
    errors = [metric(a, f, target=predictor.target) * metric.sign for a, f in zip(actual, forecasts, strict=True)]
    return {f"backtest_{number}": float(error) for number, error in enumerate(reversed(errors), 1)}


def deploy(predictor: "TimeSeriesPredictor", model: str, to: Path) -> None:
    """Write a predictor with one model and what it blends, without train rows, to a folder."""
    from autogluon.core.utils.loaders import load_pkl
    from autogluon.core.utils.savers import save_pkl
    from autogluon.timeseries import TimeSeriesPredictor

    shutil.copytree(predictor.path, to, ignore=shutil.ignore_patterns(*NOT_DEPLOYED))
    slim = TimeSeriesPredictor.load(str(to))
    trainer = slim._trainer  # noqa: SLF001  AutoGluon clones predictors of rows alone
    needed = trainer.get_minimum_model_set(model)
    places = [_place(slim, name) for name in needed]  # of what was fitted again, inside the former fit's own
    for file in [path for path in Path(trainer.path).glob("*/**/*") if path.is_file()]:
        if not any(file.is_relative_to(place) for place in places):
            file.unlink()
    for file in Path(trainer.path).rglob("model.pkl"):
        fitted = load_pkl.load(str(file), verbose=False)
        if lags := getattr(getattr(fitted, "_mlf", None), "ts", None):
            for name in KEPT_BY_MLFORECAST:
                setattr(lags, name, None)
            for part in [part for step in lags.target_transforms or [] for part in getattr(step, "scalers_", [])]:
                if hasattr(part, "tails_"):
                    part.tails_ = part.tails_[:0]
            save_pkl.save(str(file), fitted, verbose=False)
    trainer.model_graph.remove_nodes_from(set(slim.model_names()) - set(needed))
    trainer.model_best, trainer.hpo_results, trainer.model_refit_map = model, {}, {}
    trainer.save()


def _place(predictor: "TimeSeriesPredictor", model: str) -> Path:
    trainer = predictor._trainer  # noqa: SLF001
    return Path(trainer.path, trainer.get_model_attribute(model, "path"))


def _bytes(folder: Path) -> int:
    return sum(
        file.stat().st_size for file in folder.rglob("*") if file.is_file() and file.parent.name not in NOT_DEPLOYED
    )
