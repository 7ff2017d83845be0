"""Write the models that the last search fitted, with their settings, as a conf/automl file that fits them without a limit."""

import csv
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slipway.project.entry import UserError, parser, run
from slipway.project.names import FORECASTERS, MODELS
from slipway.project.settings import Params, load_params
from slipway.verification.workspace import search_is_current

if TYPE_CHECKING:
    from autogluon.tabular import TabularPredictor
    from autogluon.timeseries import TimeSeriesPredictor

FIRST_LINES = """\
# Yours. The models of one search as they came out of it, with the rounds after which each had stopped; no time limit.
# Written by src/freeze.py; `dvc exp run -S automl={name}` fits them again, to the last bit each time.
"""
FIRST_LINES_OF_SERIES = """\
# Yours. The models of one search as they were asked for; those that the clock had stopped as far as they came. No time limit.
# Written by src/freeze.py; `dvc exp run -S automl={name}` fits them again, to the last bit each time on as many CPUs.
"""
# What fitting writes into the settings of trees, beside rounds.
WRITTEN_BY_FITTING = "ag.quantile_levels"


def fitted_models(predictor: "TabularPredictor", names: tuple[str, ...], seed: int) -> dict[str, Any]:
    """Return AutoGluon's ``hyperparameters`` for the models that a search fitted, ensembles left out.

    Parameters
    ----------
    predictor
        The search's.
    names
        AutoGluon's keys to look for, such as GBM.
    seed
        The search's; a model's own seed is left out where it is this one, so that the settings' seed drives it.

    Returns
    -------
    dict
        Key → one set of settings per model: those it was given, and those that fitting found, such as the rounds
        after which it stopped. Of a bagged model these are its folds' averages. CatBoost draws other numbers when it is
        told another number of rounds, so its model comes out a little different, then the same each time.
    """
    from autogluon.tabular.registry import ag_model_registry

    keys = {ag_model_registry.key_to_cls(name).__name__: name for name in names}
    models: dict[str, Any] = {}
    for info in predictor.info()["model_info"].values():
        info = {**info, **{k.removeprefix("child_"): v for k, v in info.get("bagged_info", {}).items()}}  # noqa: PLW2901
        key = keys.get(info["model_type"])
        if key is None or info.get("stack_level", 1) > 1:
            continue
        given = {name: info["hyperparameters"][name] for name in info.get("hyperparameters_nondefault", [])}
        settings = {**given, **info["hyperparameters_fit"]}
        seed_name = ag_model_registry.key_to_cls(key).seed_name
        if settings.get(seed_name) == seed:
            del settings[seed_name]
        models.setdefault(key, []).append(settings)
    return models


def fitted_forecasters(
    predictor: "TimeSeriesPredictor", stopped: dict[str, dict[str, Any]]
) -> tuple[dict[str, Any], list[str]]:
    """Return what `fitted_models` does of models that forecast, and those of them that cannot be fitted as they were.

    Parameters
    ----------
    predictor
        The search's.
    stopped
        Model → what it was fitted with, of those that the clock stopped. Trees get the rounds and networks the epochs that
        they came to in the latest window before the test rows. The others stop by themselves where they stopped, in each
        window, and keep what they were given.
    """
    from autogluon.timeseries.models.registry import ModelRegistry

    trainer = predictor._trainer  # noqa: SLF001  the only door to a model
    kinds = {ModelRegistry.get_model_class(kind): kind for kind in FORECASTERS}
    models: dict[str, Any] = {}
    otherwise = []
    for name in [n for n in trainer.get_model_names(layer=0) if n not in trainer.model_refit_map.values()]:
        model = trainer.load_model(name)
        model = getattr(model, "most_recent_model", model)
        settings = model.get_params()["hyperparameters"]
        if settings.get("n_jobs") == 1:  # as the search has it where nothing is said
            del settings["n_jobs"]
        came_to = stopped.get(name, {})
        trees = {**settings.pop("model_hyperparameters", {})}
        if came_to and hasattr(model, "get_tabular_model"):
            trees = came_to["model_hyperparameters"]
        if trees := {key: value for key, value in trees.items() if key != WRITTEN_BY_FITTING}:
            settings["model_hyperparameters"] = trees
        if "max_epochs" in came_to:
            settings.pop("epochs", None)
            settings["max_epochs"] = came_to["max_epochs"]
        elif came_to and not hasattr(model, "get_tabular_model"):
            otherwise.append(name)
        models.setdefault(kinds[type(model)], []).append(settings)
    return models, otherwise


def models_of_series(params: Params) -> tuple[dict[str, Any], list[str]]:
    """Return the models of the workspace's search on series, and in words what of it they are not."""
    from slipway.project.availability import check_available
    from slipway.search.forecasting import STOPPED

    check_available(params.automl)
    from autogluon.timeseries import TimeSeriesPredictor

    with Path("reports/leaderboard.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    fitted = {row["model"]: row for row in rows if row["hyperparameters"]}
    stopped = {name: json.loads(r["hyperparameters"]) for name, r in fitted.items() if r["cut_short"] == STOPPED}
    models, otherwise = fitted_forecasters(TimeSeriesPredictor.load("models/predictor"), stopped)
    absent = [f"{row['model']} ({row['cut_short']})" for row in rows if not row["eval_metric"]]
    notes = [f"without what the search could not fit: {', '.join(absent)}"] if absent else []
    if came_to := [name for name in stopped if name not in otherwise]:
        notes.append(
            f"{', '.join(came_to)}: the clock had stopped them; they are fitted as far as in the latest window"
        )
    if otherwise:
        notes.append(f"{', '.join(otherwise)}: the clock had stopped them; they are fitted as far as they go")
    return models, notes


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("name", help="of the new file, conf/automl/NAME.yaml")
    name = arguments.parse_args().name
    file = Path(f"conf/automl/{name}.yaml")
    if file.exists():
        raise UserError(f"Got {file}, which is there already, expected a new name. Name another one or remove it.")
    search_is_current("models/predictor", "reports/leaderboard.csv")
    params = load_params(open_task=True)
    from ruamel.yaml import YAML

    from slipway.project.files import whole_file

    settings = params.model_dump(mode="json")["automl"]
    settings |= dict.fromkeys(("time_limit", "max_time_limit", "max_models", "early_stopping_patience", "num_trials"))
    settings |= {"included_model_types": [], "excluded_model_types": [], "skip_unavailable": False}
    settings |= {"portfolio": None, "share": 1}
    notes: list[str] = []
    if params.data.task == "forecasting":
        first_lines = FIRST_LINES_OF_SERIES
        settings["models"], notes = models_of_series(params)
    else:
        from autogluon.tabular import TabularPredictor

        from slipway.search.memory import cpus_of

        first_lines, predictor = FIRST_LINES, TabularPredictor.load("models/predictor")
        settings["models"] = fitted_models(predictor, tuple(MODELS), params.seed)
        settings["num_cpus"] = cpus_of(params.automl) or os.cpu_count()
    if settings["infer_limit"]:
        notes.append("automl.infer_limit stays: how long a row takes is measured, so another model may be deployed")
    if settings["eval_metric"] == params.data.metric:
        settings["eval_metric"] = "${data.metric}"
    with whole_file(file) as part, part.open("w", encoding="utf-8") as out:
        out.write(first_lines.format(name=name))
        YAML().dump(settings, out)
    for note in notes:
        print(f"freeze: {note}")
    print(f"freeze: wrote {file}; `dvc exp run -S automl={name}` fits these models without a limit")


if __name__ == "__main__":
    run(main)
