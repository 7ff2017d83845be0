"""What MLflow runs to load a model: it opens the model's own parts with the model's own code.

Nothing of the project is imported, but for the copies that the model carries. They leave no trace among the process's
modules, so that models of different versions, and a project that went on, live side by side.
"""

import importlib
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from mlflow.exceptions import INVALID_PARAMETER_VALUE, MlflowException
from mlflow.models import set_model, utils
from mlflow.pyfunc import PythonModel, PythonModelContext
from mlflow.types import Schema
from mlflow.types.schema import AnyType


@contextmanager
def own_modules(code: Path) -> Iterator[None]:
    """Import ``slipway`` and ``recipes`` from a folder while the block lasts, leaving others of these names alone."""
    before = {name: sys.modules.pop(name) for name in _ours()}
    writes_bytecode, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    sys.path.insert(0, str(code))
    try:
        yield
    finally:
        sys.path.remove(str(code))
        sys.dont_write_bytecode = writes_bytecode
        for name in _ours():
            del sys.modules[name]
        sys.modules.update(before)


def _ours() -> list[str]:
    return [name for name in sys.modules if name.partition(".")[0] in ("slipway", "recipes")]


def _csv_types(schema: Schema) -> list[np.dtype]:
    """Return how the columns of a CSV body are read: as texts where any type goes, for which MLflow has no answer."""
    return [np.dtype(object) for _ in schema.inputs] if AnyType() in schema.input_types() else mlflow_csv_types(schema)


mlflow_csv_types = getattr(Schema, "mlflow_csv_types", Schema.pandas_types)
Schema.mlflow_csv_types = mlflow_csv_types
Schema.pandas_types = _csv_types


def csv_of_texts(server: Any) -> None:
    """Let MLflow's scoring server, where it is what runs here, leave a CSV body's texts to the contract: NA may be a country."""
    mlflows = getattr(server.parse_csv_input, "mlflows", server.parse_csv_input)

    def parse_csv_input(csv_input: Any, schema: Schema | None = None) -> pd.DataFrame:
        if schema is None or AnyType() not in schema.input_types():
            return mlflows(csv_input, schema)
        try:
            return pd.read_csv(csv_input, dtype=object, keep_default_na=False, na_values=[""])
        except Exception:  # noqa: BLE001  MLflow has a sentence for what is no table
            csv_input.seek(0)
            return mlflows(csv_input, schema)

    parse_csv_input.mlflows = mlflows  # type: ignore[attr-defined]  # another model may be loaded after this one
    server.parse_csv_input = parse_csv_input


if "mlflow.pyfunc.scoring_server" in sys.modules:
    csv_of_texts(sys.modules["mlflow.pyfunc.scoring_server"])


def _as_they_are(pf_input: pd.DataFrame, input_schema: Schema) -> pd.DataFrame:
    """Return the columns that a schema names, as they are where any type goes: MLflow looks at each value by itself."""
    if set(map(type, input_schema.input_types())) != {AnyType} or input_schema.required_input_names():
        return enforce_columns(pf_input, input_schema)
    names = {*input_schema.input_names()}
    known = [name in names or str(name).strip() in names for name in pf_input.columns]
    return pf_input if all(known) else pf_input.loc[:, known]


ENFORCE = "_enforce_named_col_schema"
enforce_columns = getattr(getattr(utils, ENFORCE), "mlflows", getattr(utils, ENFORCE))  # another model's may be there
_as_they_are.mlflows = enforce_columns  # type: ignore[attr-defined]
setattr(utils, ENFORCE, _as_they_are)


class RefusedError(MlflowException, ValueError):
    """What a caller must mend, in one sentence: MLflow's server answers 400 with it, without a stack trace."""

    def __init__(self, sentence: str) -> None:
        MlflowException.__init__(self, sentence, error_code=INVALID_PARAMETER_VALUE)

    def __setattr__(self, name: str, value: object) -> None:
        if name != "message" or not hasattr(self, name):  # the server would put all of the caller's rows before it
            super().__setattr__(name, value)


class Served(PythonModel):
    """A registered model: raw rows in, predictions out."""

    def load_context(self, context: PythonModelContext) -> None:
        """Open the model's parts, after a look at whether they are what they were and this the environment for them.

        Raises
        ------
        MlflowException
            A file was changed, or Python or a package is of another version; one sentence.
        """
        parts = {name: Path(path) for name, path in context.artifacts.items()}
        folder = parts["contract"].parents[1]
        with own_modules(parts.pop("code")):
            whole = importlib.import_module("slipway.serving.whole")
            try:
                whole.check_files(folder)
                whole.check_environment(folder)
            except whole.ModelError as error:
                raise MlflowException(str(error)) from None
            self.contract_error = importlib.import_module("slipway.rows.contract").ContractError
            contract = importlib.import_module("slipway.rows.series").load_contract(parts["contract"])
            if contract.task == "forecasting":
                self.answers = importlib.import_module("slipway.serving.forecasting")
                self.scorer = self.answers.Forecaster.load(**parts)
            else:
                self.answers = importlib.import_module("slipway.serving.answers")
                self.scorer = importlib.import_module("slipway.serving.scoring").Scorer.load(**parts)

    def predict(
        self, context: PythonModelContext, model_input: pd.DataFrame, params: dict[str, Any] | None = None
    ) -> pd.Series | pd.DataFrame:
        """Return predicted labels, or what the parameters ask for; the model's card says which there are.

        Raises
        ------
        RefusedError
            A row does not keep the contract, or a parameter is none for this model; says which.
        """
        try:
            return self.answers.answered(self.scorer, model_input, **(params or {}))
        except self.contract_error as error:
            raise RefusedError(str(error)) from error


def _once(record: logging.LogRecord, said: set[str] = set()) -> bool:  # noqa: B006  what was said is what is kept
    """Let each text of a logger through once: MLflow names the columns that it ignores at every request."""
    text = record.getMessage()
    return not (text in said or said.add(text))  # type: ignore[func-returns-value]


logging.getLogger("mlflow.models.utils").addFilter(_once)
set_model(Served())
