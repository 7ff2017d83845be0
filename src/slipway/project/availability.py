"""Which of the models that are asked for can run in this environment."""

import importlib.util
import shutil

from slipway.project.automl_settings import Automl
from slipway.project.entry import UserError
from slipway.project.names import MODELS


def missing_packages(kinds: list[str]) -> dict[str, str]:
    """Return kind of model → the package that it needs and that is not installed, of those that cannot run."""
    absent = {kind: [name for name in MODELS[kind] if importlib.util.find_spec(name) is None] for kind in kinds}
    return {kind: names[0] for kind, names in absent.items() if names}


def check_available(settings: Automl) -> dict[str, str]:
    """Return the models that are left out because they cannot run here, each with the package that it lacks.

    Raises
    ------
    UserError
        Such models are asked for and may not be left out, none is left, or there is no GPU.
    """
    missing = missing_packages(settings.kinds())
    said = ", ".join(f"{kind} (no package {package})" for kind, package in missing.items())
    if missing and (not settings.skip_unavailable or set(missing) == set(settings.kinds())):
        raise UserError(
            f"Got the models {said}, expected models that can run here. Install the package, take them out of "
            "conf/automl/ or name them in automl.excluded_model_types, or set automl.skip_unavailable=true to go on without."
        )
    if settings.num_gpus and not shutil.which("nvidia-smi"):
        raise UserError(
            f"Got automl.num_gpus={settings.num_gpus}, but no GPU is found here, expected 0. Edit conf/automl/."
        )
    return missing
