"""What a person sees of the findings: a table in a terminal, plain lines elsewhere."""

import textwrap
from collections.abc import Sequence
from itertools import groupby
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from slipway.tables.findings import key_of

STYLES = {"error": "bold red", "warning": "yellow", "error if used": "bold yellow", "warning if used": "yellow"}
# Columns with the same finding, from which on they share a row.
MANY = 4
PLAIN_WIDTH = 100


def show_findings(findings: Sequence[dict[str, Any]], console: Console | None = None) -> None:
    """Show findings, the gravest first, with what to do and how to acknowledge them."""
    console = console or Console()
    if not findings:
        return
    rows = [row for _, same in groupby(findings, _kind) for row in _rows(list(same))]
    if not console.is_terminal:
        for severity, name, what, meaning in rows:
            line = f"check: {severity}: {name}: {what}. {meaning}"
            console.print(
                "\n".join(textwrap.wrap(line, PLAIN_WIDTH, subsequent_indent="  ", break_long_words=False)),
                markup=False,
                highlight=False,
                emoji=False,
                soft_wrap=True,
            )
    else:
        table = Table(box=box.HORIZONTALS, show_lines=True, pad_edge=False, width=min(console.width, 140))
        table.add_column("finding", ratio=3, overflow="fold")
        table.add_column("what was found, why it matters, what to do", ratio=7)
        for severity, name, what, meaning in rows:
            style = STYLES.get(severity, "dim")
            table.add_row(
                Text.assemble((severity, style), "\n", (name, "bold")), Text.assemble(f"{what}.\n", (meaning, "dim"))
            )
        console.print(table)
    open_ = [f for f in findings if f["acknowledged"] is None]
    hints = []
    if any(f["if_used"] and f["severity"] != "note" for f in open_):
        hints.append(
            "If used: it matters only where the features depend on the column. dataprep finds out, and stops on errors."
        )
    if open_:
        hints.append(
            f'Acknowledge what you have looked into in conf/check/:  acknowledged: {{"{key_of(open_[0])}": "your reason"}}'
        )
    for hint in hints:
        console.print(hint, markup=False, highlight=False, emoji=False, soft_wrap=not console.is_terminal)


def _kind(finding: dict[str, Any]) -> tuple[Any, ...]:
    return finding["severity"], finding["name"], finding["acknowledged"]


def _rows(same: list[dict[str, Any]]) -> list[tuple[str, str, str, str]]:
    """Return severity, name, what was found and what it means: a row for each finding, or one for many of a kind."""
    first = same[0]
    severity = first["severity"] + (" if used" if first["if_used"] else "")
    if first["acknowledged"] is not None:
        return [("acknowledged", key_of(f), f["what"], f["acknowledged"]) for f in same]
    meaning = f"{first['why']} {first['advice']}"
    if len(same) < MANY:
        return [(severity, key_of(f), f["what"], meaning) for f in same]
    columns = ", ".join(column for f in same for column in f["columns"][:1])
    what = f"{len(same)} times, such as: {first['what']}; in {textwrap.shorten(columns, 300, placeholder=' …')}"
    return [(severity, first["name"], what, meaning)]
