"""Write the models that the last search fitted, with their settings, as a conf/automl file that fits them without a limit."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slipway.project.entry import UserError, parser, run
from slipway.project.settings import load_params
from slipway.verification.workspace import search_is_current

if TYPE_CHECKING:
    from autogluon.tabular import TabularPredictor

FIRST_LINES = """\
# Yours. The models of one search as they came out of it, with the rounds after which each had stopped; no time limit.
# Written by src/freeze.py; `dvc exp run -S automl={name}` fits them again, to the last bit each time.
"""


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


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("name", help="of the new file, conf/automl/NAME.yaml")
    name = arguments.parse_args().name
    file = Path(f"conf/automl/{name}.yaml")
    if file.exists():
        raise UserError(f"Got {file}, which is there already, expected a new name. Name another one or remove it.")
    search_is_current("models/predictor")
    params = load_params(open_task=True)
    if params.data.task == "forecasting":
        raise UserError(
            "Got data.task=forecasting, expected another task: its models are named in conf/automl/ as they are. Take "
            "automl=forecasting_reproducible, which has no limit."
        )
    from autogluon.tabular import TabularPredictor
    from ruamel.yaml import YAML

    from slipway.project.files import whole_file
    from slipway.project.names import MODELS
    from slipway.search.memory import cpus_of

    predictor = TabularPredictor.load("models/predictor")
    settings = params.model_dump(mode="json")["automl"]
    settings |= dict.fromkeys(("time_limit", "max_time_limit", "max_models", "early_stopping_patience", "num_trials"))
    settings |= {"models": fitted_models(predictor, tuple(MODELS), params.seed), "portfolio": None}
    settings |= {"included_model_types": [], "excluded_model_types": [], "skip_unavailable": False}
    settings |= {"num_cpus": cpus_of(params.automl) or os.cpu_count(), "share": 1}
    if settings["eval_metric"] == params.data.metric:
        settings["eval_metric"] = "${data.metric}"
    with whole_file(file) as part, part.open("w", encoding="utf-8") as out:
        out.write(FIRST_LINES.format(name=name))
        YAML().dump(settings, out)
    print(f"freeze: wrote {file}; `dvc exp run -S automl={name}` fits these models without a limit")


if __name__ == "__main__":
    run(main)
