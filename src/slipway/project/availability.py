"""Which of the models that are asked for can run in this environment."""

import importlib.util
import shutil
from pathlib import Path

from slipway.project.automl_settings import Automl
from slipway.project.entry import UserError
from slipway.project.names import FORECASTERS, MODELS, PRETRAINED


def missing_packages(kinds: list[str]) -> dict[str, str]:
    """Return kind of model → the package that it needs and that is not installed, of those that cannot run."""
    packages = MODELS | FORECASTERS
    absent = {kind: [name for name in packages[kind] if importlib.util.find_spec(name) is None] for kind in kinds}
    return {kind: names[0] for kind, names in absent.items() if names}


def networks(kinds: list[str]) -> list[str]:
    """Return those of these kinds of models that are neural networks on rows."""
    return [kind for kind in kinds if "torch" in MODELS.get(kind, ())]


def check_available(settings: Automl) -> dict[str, str]:
    """Return the models that are left out because they cannot run here, each with the package that it lacks.

    Raises
    ------
    UserError
        Such models are asked for and may not be left out, none is left, one would ignore the weights, or there is no GPU.
    """
    missing = missing_packages(settings.kinds())
    if "autogluon.timeseries" in missing.values():
        raise UserError(
            "Got data.task=forecasting in an environment without its extra, expected autogluon.timeseries. Run "
            "`./environment.sh forecasting`, which adds it, or `make forecast`, which runs the pipeline afterwards."
        )
    for kind in set(PRETRAINED).intersection(settings.kinds()):
        variants = settings.models[kind]
        for variant in variants if isinstance(variants, list) else [variants]:
            if not Path(str(variant.get("model_path", ""))).is_dir() or not variant.get("model_path"):
                raise UserError(
                    f"Got automl.models.{kind} with model_path={variant.get('model_path')!r}, expected a folder that has its "
                    "weights: nothing is downloaded. Put them there, or take another file of conf/automl/."
                )
    said = ", ".join(f"{kind} (no package {package})" for kind, package in missing.items())
    if missing and (not settings.skip_unavailable or set(missing) == set(settings.kinds())):
        install = (
            "Run `./environment.sh neural`, which adds torch" if "torch" in missing.values() else "Install the package"
        )
        raise UserError(
            f"Got the models {said}, expected models that can run here. {install}, take them out of "
            "conf/automl/ or name them in automl.excluded_model_types, or set automl.skip_unavailable=true to go on without."
        )
    unweighted = networks([kind for kind in settings.kinds() if kind not in missing])
    if settings.sample_weight and unweighted:
        raise UserError(
            f"Got automl.sample_weight={settings.sample_weight!r} with {', '.join(unweighted)}, which AutoGluon fits without "
            "weights, expected models that weigh rows. Name them in automl.excluded_model_types, or set automl.sample_weight=null."
        )
    if settings.num_gpus and not shutil.which("nvidia-smi"):
        raise UserError(
            f"Got automl.num_gpus={settings.num_gpus}, but no GPU is found here, expected 0. Edit conf/automl/."
        )
    return missing
