"""Where MLflow keeps its runs and versions, and how a server that does not answer is borne with."""

import hashlib
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from slipway.project.entry import UserError, is_full_disk, project_root
from slipway.project.files import whole_file

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.pyfunc import PyFuncModel

T = TypeVar("T")

# Seconds between the tries; a server that restarts is back by then.
WAITS_S = (1, 2, 4, 8, 15)
# What a server, or a database that is locked, may get over; MLflow has no better name for most of it.
TRANSIENT = ("INTERNAL_ERROR", "TEMPORARILY_UNAVAILABLE", "REQUEST_LIMIT_EXCEEDED", "ABORTED")
REFUSED = ("PERMISSION_DENIED", "UNAUTHENTICATED", "CUSTOMER_UNAUTHORIZED", "ENDPOINT_NOT_FOUND")


def tracking_uri() -> str:
    """Return the tracking store: MLFLOW_TRACKING_URI where that is set, else a file of the main project.

    So it is also from the temporary folder of a queued experiment.
    """
    return os.environ.get("MLFLOW_TRACKING_URI") or local_store()


def local_store() -> str:
    """Return the address of the store that lies in the main project."""
    return f"sqlite:///{project_root()}/mlflow.db"


def client_of_store() -> "MlflowClient":
    """Return a client of the tracking store."""
    import mlflow
    from mlflow.utils.file_utils import ExclusiveFileLock

    # `retrying` tries again with a line for people; MLflow would do so for minutes without one.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
    uri = tracking_uri()
    mlflow.set_tracking_uri(uri)
    place, _, file = uri.partition("sqlite:///")
    if place or not file:
        return mlflow.MlflowClient()
    # A client makes the tables of a new file: two at once would get in each other's way, and what a kill left half made
    # could never be used. So one makes them, beside the file that they become.
    with ExclusiveFileLock(f"{tempfile.gettempdir()}/slipway-{hashlib.sha256(uri.encode()).hexdigest()[:16]}.lock"):
        if not Path(file).exists():
            with whole_file(Path(file)) as part:
                for left in (part, part.with_name(f"{part.name}-journal")):
                    left.unlink(missing_ok=True)
                mlflow.MlflowClient(f"sqlite:///{part}")
        return mlflow.MlflowClient()


def load_model(address: str) -> "PyFuncModel":
    """Return the model of a folder or of an MLflow address; the project's own store is asked unless another one is set."""
    os.environ.setdefault("MLFLOW_TRACKING_URI", local_store())
    import mlflow.pyfunc
    from mlflow.exceptions import MlflowException

    try:
        return mlflow.pyfunc.load_model(address)
    except (MlflowException, OSError) as error:
        reason = str(error).partition("\n")[0]
        raise UserError(
            f"Got no model from {address} ({reason}), expected one: `dvc repro`, or name one by --model."
        ) from error


def connect(experiment: str) -> str:
    """Point MLflow to the tracking store and return the id of the experiment, made if it is new.

    The place for artifacts is given when the experiment is made: MLflow would take the current folder, for good.
    """
    from mlflow.exceptions import MlflowException

    client, uri = client_of_store(), tracking_uri()
    found = client.get_experiment_by_name(experiment)
    if found is None:
        place = (project_root() / "mlartifacts").as_uri() if uri == local_store() else None
        try:
            return str(client.create_experiment(experiment, artifact_location=place))
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
            found = client.get_experiment_by_name(experiment)  # somebody else was quicker
    if found.lifecycle_stage != "active":
        raise UserError(
            f"Got register.experiment={experiment!r}, an MLflow experiment that was deleted; expected one that is there. "
            f"Restore it: `mlflow experiments restore -x {found.experiment_id}`, or edit conf/register/."
        )
    return str(found.experiment_id)


def in_queue() -> bool:
    """Return whether this is an experiment of DVC's queue, which runs in a temporary folder and registers nothing."""
    return Path.cwd().resolve() != project_root()


def retrying(what: str, work: Callable[[], T]) -> T:
    """Return what work returns; try again while the server does not answer, with a line each time.

    Parameters
    ----------
    what
        Begins the lines: ``register``.
    work
        Leaves what is whole as it finds it, for it begins anew with every try.

    Raises
    ------
    UserError
        The server refuses, or did not answer in all of the tries.
    """
    from mlflow.exceptions import MlflowException
    from requests.exceptions import RequestException

    place = tracking_uri()
    shown = place.rpartition("@")[2]  # without a password
    for tried, wait_s in enumerate((*WAITS_S, None), 1):
        try:
            return work()
        except (MlflowException, RequestException, OSError) as error:
            if place.startswith("sqlite:") and is_full_disk(error):
                raise
            code = getattr(error, "error_code", "INTERNAL_ERROR")
            status = getattr(getattr(error, "response", None), "status_code", 0)
            says = " ".join(str(error).split())[:160]
            if code in REFUSED or status in (401, 403):
                raise UserError(
                    f"Got a refusal by the tracking store {shown} ({says}), expected to be let in. "
                    "See to MLFLOW_TRACKING_URI and its credentials, then run `dvc repro` again."
                ) from error
            collided = "unique constraint" in str(error).lower()  # two wrote the same tag at once
            if (code not in TRANSIENT and not collided) or (
                isinstance(error, OSError) and not isinstance(error, RequestException)
            ):
                raise
            if wait_s is None:
                raise UserError(
                    f"Got no answer from the tracking store {shown} in {tried} tries ({says}), expected one. "
                    "When it is back, `dvc repro` completes what is missing."
                ) from error
            print(f"{what}: {shown} fails ({says}); trying again in {wait_s} s ({tried} of {len(WAITS_S)})", flush=True)
            time.sleep(wait_s)
    raise AssertionError
