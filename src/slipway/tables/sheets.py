"""Sheets of Excel and LibreOffice workbooks as delimited text, read by calamine."""

import csv
import datetime as dt
import re
import zipfile
from pathlib import Path
from xml.etree import ElementTree as ET

from slipway.project.entry import UserError

# A cell with what a formula failed with, such as #DIV/0! or #N/A.
FAILED = re.compile(rb"""<(?:\w+:)?c\s[^>]*\bt=["']e["'][^>]*""")


def sheet_as_text(file: Path, path: Path, sheet: str | None, scratch: Path) -> tuple[Path, tuple[str, ...]]:
    """Write one sheet of a workbook to the scratch folder as comma-separated UTF-8; return where, and what was guessed.

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
    failed, first = failed_cells(path, name)
    note = (
        f"{failed} cells of the sheet {name!r} hold an error of a formula and are taken as missing, the first {first}"
    )
    return target, (note,) if failed else ()


def failed_cells(path: Path, name: str) -> tuple[int, str]:
    """Return how many cells of a sheet hold an error, which calamine gives as empty ones, and the first; of .xlsx alone."""
    with path.open("rb") as stream:
        if not zipfile.is_zipfile(stream):
            return 0, ""
    with zipfile.ZipFile(path) as book:
        described = ("xl/workbook.xml", "xl/_rels/workbook.xml.rels")
        if not {*described} <= {*book.namelist()}:
            return 0, ""
        # Python's parser reads no other file, and calamine has read these parts already.
        sheets, parts = (ET.fromstring(book.read(part)) for part in described)  # noqa: S314
        links = [sheet.attrib for sheet in sheets.findall(".//{*}sheet") if sheet.get("name") == name]
        ids = {link for attributes in links for key, link in attributes.items() if key.endswith("}id")}
        target = next((part.get("Target", "") for part in parts if part.get("Id") in ids), "")
        target = target[1:] if target.startswith("/") else f"xl/{target}"
        if target not in book.namelist():
            return 0, ""
        count, first, rest = 0, "", b""
        with book.open(target) as stream:
            while piece := stream.read(1 << 20):
                whole, tag, begun = (rest + piece).rpartition(b"<")
                found = FAILED.findall(whole)
                if found and not count:
                    first = found[0].partition(b' r="')[2].partition(b'"')[0].decode()
                count, rest = count + len(found), tag + begun
    return count, first


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
