"""A model asked for a batch of rows, of which those that it cannot take are put aside with its own reasons."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa

from slipway.predicting.batches import Batch, Refused
from slipway.project.entry import UserError
from slipway.serving.explaining import MOST_ROWS

if TYPE_CHECKING:
    from mlflow.pyfunc import PyFuncModel

    from slipway.rows.contract import Contract


def contract_of(model: "PyFuncModel", address: str) -> "Contract":
    """Return the contract that a model carries."""
    from mlflow.exceptions import MlflowException

    try:
        contract: Contract = model.unwrap_python_model().scorer.contract
    except (MlflowException, AttributeError) as error:
        raise UserError(
            f"Got a model from {address} that carries no contract, expected one that this pipeline made. Edit --model."
        ) from error
    return contract


class Asking:
    """A loaded model, and what is asked of it for every row.

    Attributes
    ----------
    schema
        The columns of the answers.
    """

    def __init__(self, model: "PyFuncModel", contract: "Contract", params: dict[str, Any]) -> None:
        from mlflow.exceptions import MlflowException

        self.model, self.contract, self.params = model, contract, params
        self.refusal = MlflowException
        try:
            self.schema = self._schema()
        except MlflowException as error:
            raise UserError(error.message) from error

    def batch(self, batch: Batch) -> tuple[pa.Table, list[Refused]]:
        """Return the answers to the rows of a batch with their key columns, and the rows that got none."""
        answers, reasons = self._sifted(batch.rows)
        taken = batch.without(np.array([row in reasons for row in batch.rows.index], dtype=bool))
        columns = taken.kept | {name: answers[name] for name in answers.column_names}
        rows = pa.array(taken.rows.index, pa.int64())
        table = pa.table({"file": pa.array([batch.file] * len(rows), pa.string()), "row": rows, **columns})
        return table, [*batch.refused, *(batch.refusal(row, reason) for row, reason in reasons.items())]

    def _schema(self) -> pa.Schema:
        return self._asked(pd.DataFrame([dict.fromkeys(self.contract.columns)])).schema

    def _sifted(self, rows: pd.DataFrame) -> tuple[pa.Table, dict[int, str]]:
        """Return the answers to the rows that the model takes, and row → why it does not take it."""
        try:
            return (self._asked(rows).cast(self.schema) if len(rows) else self.schema.empty_table()), {}
        except self.refusal as error:
            if error.error_code != "INVALID_PARAMETER_VALUE":
                raise
            places = self.contract.refusals(rows)
            reasons = {int(rows.index[place]): reason for place, reason in places.items()}
            if reasons:
                rows = rows.drop(index=list(reasons))
                parts = [rows]
            elif len(rows) == 1:
                return self.schema.empty_table(), {int(rows.index[0]): error.message}
            else:  # what only the model itself knows, such as a number that its kind cannot take
                parts = [rows.iloc[: len(rows) // 2], rows.iloc[len(rows) // 2 :]]
            sifted = [self._sifted(part) for part in parts]
            for _, more in sifted:
                reasons |= more
            return pa.concat_tables([answers for answers, _ in sifted]), reasons

    def _asked(self, rows: pd.DataFrame) -> pa.Table:
        together = MOST_ROWS if self.params.get("explain") else max(1, len(rows))
        tables = []
        for start in range(0, len(rows), together):
            answers = self.model.predict(rows.iloc[start : start + together], params=self.params or None)
            frame = answers.to_frame("prediction") if answers.ndim == 1 else answers
            tables.append(pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata())
        return pa.concat_tables(tables)
