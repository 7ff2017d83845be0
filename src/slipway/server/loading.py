"""A model of any address, loaded."""

import os
from typing import TYPE_CHECKING

from slipway.project.entry import UserError, project_root

if TYPE_CHECKING:
    from mlflow.pyfunc import PyFuncModel


def load_model(address: str) -> "PyFuncModel":
    """Return the model of a folder or of an MLflow address; the project's own store is asked unless another one is set."""
    os.environ.setdefault("MLFLOW_TRACKING_URI", f"sqlite:///{project_root()}/mlflow.db")
    import mlflow.pyfunc
    from mlflow.exceptions import MlflowException

    try:
        return mlflow.pyfunc.load_model(address)
    except (MlflowException, OSError) as error:
        reason = str(error).partition("\n")[0]
        raise UserError(
            f"Got no model from {address} ({reason}), expected one: `dvc repro`, or name one by --model."
        ) from error
