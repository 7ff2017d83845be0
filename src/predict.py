"""Predict every row of a table, or forecast every series, in batches. What cannot be read goes to a second file, with reasons."""

import argparse
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from slipway.project.entry import UserError, heed_kill, parser, run
from slipway.project.sections import closest
from slipway.project.settings import load_params

if TYPE_CHECKING:
    import pyarrow as pa

    from slipway.predicting.asking import Asking
    from slipway.predicting.batches import Asked, Refused
    from slipway.predicting.parts import Parts
    from slipway.project.data_settings import Data
    from slipway.rows.contract import Contract

# Values in a batch: a few hundred megabytes at most, while it is predicted.
VALUES = 500_000
MOST_ROWS, FEWEST_ROWS, EXPLAINED_ROWS = 20_000, 500, 1_000


def arguments() -> argparse.Namespace:
    """Return what the command line says."""
    asked = parser(__doc__)
    asked.add_argument("table", type=Path, help="a file of any format that raw tables have, or a folder of such files")
    asked.add_argument(
        "--out", type=Path, default=Path("predictions.parquet"), help=".parquet or .csv (default: %(default)s)"
    )
    asked.add_argument(
        "--keep", nargs="+", default=[], metavar="COLUMN", help="columns of the table to write beside the predictions"
    )
    asked.add_argument("--model", default="models/model", help="a model's folder or address (default: %(default)s)")
    asked.add_argument("--strict", action="store_true", help="stop at the first row, or series, that is refused")
    asked.add_argument("--proba", action="store_true", help="the probability of each class instead of the label")
    asked.add_argument("--threshold", type=float, help="above which probability the positive class is predicted")
    asked.add_argument("--explain", action="store_true", help="what each column adds to a prediction; slow")
    asked.add_argument(
        "--batch-rows", type=int, help="rows that are predicted at once (default: by the number of columns)"
    )
    return asked.parse_args()


def opened(table: Path, contract: "Contract", data: "Data", keep: list[str]) -> "Asked":
    """Return the files of a table, opened, after a look at whether they have the columns that are asked for.

    They are opened as data.read says where the model predicts the project's own label, else as they show themselves; the
    contract says how values are written in them.
    """
    from slipway.predicting.batches import Asked
    from slipway.predicting.histories import Histories
    from slipway.project.data_settings import Read
    from slipway.tables.reading import raw_files

    folder, files = (table, raw_files(table)) if table.is_dir() else (table.parent, (table,))
    read = data.read if contract.label == data.label else Read()
    kind: type[Asked] = Histories if contract.task == "forecasting" else Asked
    asked = kind(folder, files, read, contract)
    for name in [*contract.needed, *keep]:
        if name not in asked.names:
            what = "--keep" if name in keep else "a model of the column"
            raise UserError(
                f"Got {what} {name!r}, but {table} has no such column{closest(name, list(asked.names))}. Rename it there, or "
                "add it, empty where it is unknown."
            )
    return asked


def tell(asked: "Asked", contract: "Contract", table: Path, keep: list[str]) -> None:
    """Print how the table is read, and which columns the model does not."""
    for note in asked.notes:
        print(f"predict: {note}")
    left_out = [name for name in asked.names if name not in contract.columns and name not in keep]
    absent = [name for name in contract.columns if name not in asked.names]
    for names, what in (
        (left_out, "which the model does not know"),
        (absent, "on which nothing depends; missing here"),
    ):
        if names:
            print(
                f"predict: without {', '.join(names[:8])}{f' and {len(names) - 8} more' if len(names) > 8 else ''}, {what}"
            )
    print(f"predict: {len(asked.read)} columns of {table}", flush=True)


def check(given: argparse.Namespace) -> None:
    """Raise a UserError for what cannot work, before anything is loaded."""
    if given.out.suffix not in (".parquet", ".csv"):
        raise UserError(f"Got --out {given.out}, expected a name that ends in .parquet or .csv.")
    if given.batch_rows is not None and given.batch_rows < 1:
        raise UserError(f"Got --batch-rows {given.batch_rows}, expected 1 or more.")
    if not given.table.exists():
        raise UserError(f"Got no file {given.table}, expected a table there.")
    if given.out.resolve() in (given.table.resolve(), *(file.resolve() for file in given.table.glob("*"))):
        raise UserError(f"Got --out {given.out}, which is the table, or lies in it; expected another place.")


def stop(table: "Asked", refused: "list[Refused]") -> NoReturn:
    """Raise a UserError for the first of what is refused."""
    first = min(refused, key=lambda one: one.row or 0)
    if first.row is None:
        raise UserError(
            f"Got the series {first.series!r}, which the model refuses: {first.reason} Mend it, or leave --strict out."
        )
    raise UserError(
        f"Got a row in {table.place(first)} that cannot be read: {first.reason} Mend it, or leave --strict out."
    )


def predict(
    table: "Asked", asking: "Asking", parts: "Parts", schema: "pa.Schema", total: int, given: argparse.Namespace
) -> None:
    """Predict the batches that are not done yet, a part file each; with --strict, up to the first one that is refused."""
    from slipway.tables.progress import RowProgress

    before = parts.rows + parts.refused
    with RowProgress("predict").step("predicting", max(0, total - before)) as progress:
        for batch in table.batches(parts.asked["keep"], parts.asked["batch_rows"], parts.done):
            answers, refused = asking.batch(batch)
            if refused and given.strict:
                stop(table, refused)
            parts.add(answers.select(schema.names), refused)
            progress(parts.rows + parts.refused - before)
    table.check_unchanged()


def main() -> None:
    given = arguments()
    heed_kill()
    check(given)
    data = load_params(open_task=True).data
    import pyarrow as pa

    from slipway.predicting.asking import Asking, contract_of
    from slipway.predicting.histories import Forecasting, Histories
    from slipway.predicting.parts import REFUSED, REFUSED_SERIES, Parts, alone
    from slipway.registration.tracking import load_model

    params = {
        name: getattr(given, name)
        for name in ("proba", "threshold", "explain")
        if getattr(given, name) not in (None, False)
    }
    model, keep = load_model(given.model), list(dict.fromkeys(given.keep))
    contract = contract_of(model, given.model)
    forecasts = contract.task == "forecasting"
    if forecasts and keep:
        raise UserError(
            f"Got --keep for a model that forecasts, expected none: its answers are steps to come, no rows of {given.table}."
        )
    asking = (Forecasting if forecasts else Asking)(model, contract, params)
    table = opened(given.table, contract, data, keep)
    one, more = ("series", "series") if forecasts else ("row", "rows")
    with alone(given.out), closing(table), table.spoken():
        places = [("file", pa.string())] * (len(table.files) > 1) + [("row", pa.int64())]
        schema = asking.schema if forecasts else pa.schema([*places, *table.kept_schema(keep), *asking.schema])
        if twice := [name for name in schema.names if schema.names.count(name) > 1]:
            raise UserError(
                f"Got --keep {twice[0]}, a column that the predictions have too; rename it in {given.table}."
            )
        most = EXPLAINED_ROWS if given.explain else MOST_ROWS
        rows = given.batch_rows or max(FEWEST_ROWS, min(most, VALUES // max(1, len(table.read))))
        digests, total = table.digests()
        what: dict[str, Any] = {"input": digests, "reading": table.settings.model_dump(mode="json")}
        what |= {"model": [model.metadata.metadata["digest"], model.metadata.model_uuid]}
        what |= {"params": params, "keep": keep, "batch_rows": rows}
        parts = Parts(given.out, what, REFUSED_SERIES if forecasts else REFUSED)
        tell(table, contract, given.table, keep)
        if parts.former:
            print(f"predict: begins anew, for another {' and '.join(parts.former)} than before it was interrupted")
        elif parts.done:
            print(f"predict: goes on after {parts.rows + parts.refused} rows that are done", flush=True)
        if isinstance(table, Histories):
            total = table.gather(total)
        predict(table, asking, parts, schema, total, given)
        parts.join(schema)
    aside = f"; {parts.refused} {more} put aside, with reasons, in {parts.aside}" if parts.refused else ""
    print(f"predict: {parts.rows} rows predicted, in {given.out}{aside}")
    if parts.refused and not parts.rows:
        raise UserError(f"Got no {one} that the model takes in {given.table}, expected some; {parts.aside} says why.")


if __name__ == "__main__":
    run(main, kept="Finished batches are kept; the same command goes on from here.")
