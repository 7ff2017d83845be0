"""Sheets of Excel and LibreOffice workbooks as delimited text, read by calamine."""

import csv
import datetime as dt
from pathlib import Path

from slipway.project.entry import UserError


def sheet_as_text(file: Path, path: Path, sheet: str | None, scratch: Path) -> Path:
    """Write one sheet of a workbook to the scratch folder as comma-separated UTF-8; return where.

    Raises
    ------
    UserError
        It has no such sheet, several where the settings name none, or merged cells.
    """
    from python_calamine import CalamineError, CalamineWorkbook

    from slipway.tables.formats import new_path

    try:
        with path.open("rb") as stream:
            workbook = CalamineWorkbook.from_filelike(stream)
            name = _chosen(file, workbook.sheet_names, sheet)
            content = workbook.get_sheet_by_name(name)
    except CalamineError as error:
        raise UserError(
            f"Got a workbook {file} that cannot be read ({error or type(error).__name__}), expected Excel or LibreOffice without "
            "a password. Save it again."
        ) from error
    if merged := content.merged_cell_ranges:
        (top, left), (bottom, right) = merged[0]
        raise UserError(
            f"Got {len(merged)} merged cells in the sheet {name!r} of {file}, the first in rows {top + 1} to {bottom + 1}, "
            f"columns {left + 1} to {right + 1}; expected a value in every cell of its own. Unmerge them in the workbook."
        )
    target = new_path(scratch)
    with target.open("w", encoding="utf-8", newline="") as text:
        writer = csv.writer(text, lineterminator="\n")
        writer.writerows([_plain(value) for value in row] for row in content.iter_rows())
    return target


def _chosen(file: Path, names: list[str], sheet: str | None) -> str:
    if sheet is None and len(names) == 1:
        return names[0]
    if sheet not in names:
        got = f"no sheet {sheet!r}" if sheet else f"{len(names)} sheets"
        raise UserError(f"Got {got} in {file}, expected one of {', '.join(map(repr, names))}. Set data.read.sheet.")
    return sheet


def _plain(value: object) -> object:
    """Return a cell as text says it: whole numbers without a fraction, dates as in ISO 8601."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) < 2**53 else repr(value)
    if isinstance(value, dt.datetime | dt.date | dt.time):
        return value.isoformat()
    return value
