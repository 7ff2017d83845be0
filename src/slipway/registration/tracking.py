"""Where MLflow keeps its runs, and what ties a run to the revision, the settings and the data it came from."""

import hashlib
import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

from slipway.project.entry import project_root


def connect(experiment: str) -> str:
    """Point MLflow to the tracking store and return the id of the experiment, made if it is new.

    The store is MLFLOW_TRACKING_URI where that is set, else a file of the main project, also from the temporary folder
    of a queued experiment. The place for artifacts is given when the experiment is made: MLflow would take the current
    folder, for good.
    """
    import mlflow

    uri = os.environ.get("MLFLOW_TRACKING_URI")
    root = project_root()
    mlflow.set_tracking_uri(uri or f"sqlite:///{root}/mlflow.db")
    found = mlflow.get_experiment_by_name(experiment)
    if found:
        return str(found.experiment_id)
    place = None if uri else (root / "mlartifacts").as_uri()
    return mlflow.create_experiment(experiment, artifact_location=place)


def in_queue() -> bool:
    """Return whether this is an experiment of DVC's queue, which runs in a temporary folder and registers nothing."""
    return Path.cwd().resolve() != project_root()


def lineage() -> dict[str, str]:
    """Return the tags that lead from a run back to what made it."""
    tags = {
        "git.revision": _git("rev-parse", "HEAD") or "none",
        "git.dirty": str(bool(_git("status", "--porcelain", "--untracked-files=no"))).lower(),
        "dvc.experiment": os.environ.get("DVC_EXP_NAME", ""),
        "python": platform.python_version(),
        "autogluon": version("autogluon.tabular"),
    }
    files = {"params": "params.yaml", "lock": "requirements.lock", "split": "data/split/test.parquet"}
    for name, file in files.items():
        if Path(file).is_file():
            tags[f"digest.{name}"] = hashlib.sha256(Path(file).read_bytes()).hexdigest()
    return tags


def flat(settings: dict[str, Any], prefix: str = "") -> dict[str, str]:
    """Return nested settings as MLflow's params: dotted names, values as texts of at most 6 000 characters.

    >>> flat({"split": {"test_size": 0.2}})
    {'split.test_size': '0.2'}
    """
    params: dict[str, str] = {}
    for key, value in settings.items():
        if isinstance(value, dict) and value:
            params |= flat(value, f"{prefix}{key}.")
        else:
            params[f"{prefix}{key}"] = str(value)[:6000]
    return params


def _git(*command: str) -> str:
    done = subprocess.run(["git", *command], capture_output=True, text=True, check=False)  # noqa: S603, S607
    return done.stdout.strip()
