"""What a table that nobody described yet proposes: its task, metric and split, and what is no feature of it."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from slipway.checks.shapes import DATES
from slipway.project.entry import UserError
from slipway.tables.inference import literal, quoted

if TYPE_CHECKING:
    from slipway.checks.profile import Sample
    from slipway.tables.reading import RawTable

YES = ("true", "yes", "y", "t", "1", "1.0", "positive", "pos")
# Findings of columns that say nothing about new rows, or too much.
LEAVE_OUT = ("label_copy", "label_leak", "identifier", "empty", "constant")
# A date of birth orders people, not rows.
TIMELESS = ("birth", "born", "dob")


def positive_class_of(classes: Mapping[str, int], kind: str) -> str | int | bool:
    """Return the class that says yes, otherwise the rarer one.

    Parameters
    ----------
    classes
        Class → its rows.
    kind
        The label's kind, whose type a class has in settings.

    >>> positive_class_of({"no": 5, "yes": 9}, "text"), positive_class_of({"2": 7, "1": 9}, "integer")
    ('yes', 1)
    """
    yes = [name for name in classes if name.lower() in YES]
    name = yes[0] if len(yes) == 1 else min(classes, key=lambda name: (classes[name], name))
    return int(name) if kind == "integer" else name == "True" if kind == "boolean" else name


def date_formats(columns: Sequence[str], sample: "Sample") -> tuple[dict[str, str], list[str]]:
    """Return column of texts → the one format that all its dates have, and the columns that more than one format fits."""
    found, doubtful = {}, []
    for column in columns:
        fits = ", ".join(
            f"coalesce(bool_and(try_strptime(trim({quoted(column)}), {literal(f)}) IS NOT NULL), false)" for f in DATES
        )
        told = sample.ask(f"SELECT {fits} FROM sample WHERE {quoted(column)} IS NOT NULL")[0]
        formats = [form for form, fit in zip(DATES, told, strict=True) if fit]
        # Formats that differ in how a month's name is written say the same.
        if formats and len({form.replace("%B", "%b") for form in formats}) == 1:
            found[column] = formats[0]
        elif formats:
            doubtful.append(column)
    return found, doubtful


def split_of(
    findings: Sequence[Mapping[str, Any]], profile: Mapping[str, Any], sample: "Sample"
) -> tuple[str, str | None, str]:
    """Return the method of the split that the findings propose, its column, and why."""
    facts = profile["columns"]

    def names_things(name: str) -> bool:
        """Return whether a column's values are names rather than phrases."""
        text = f"contains(trim(CAST({quoted(name)} AS VARCHAR)), ' ')"
        return bool(sample.ask(f"SELECT avg(CAST({text} AS INTEGER)) <= 0.1 FROM sample")[0][0])

    def whole(names: Sequence[str]) -> list[str]:
        return [name for name in names if not facts[name]["missing"]]

    repeated = [f for f in findings if f["name"] == "repeated_id" and f["severity"] != "note"]
    groups = [c for f in repeated for c in whole(f["columns"]) if names_things(c)]
    dates = [c for f in findings if f["name"] == "time_order" for c in whole(f["columns"])]
    dates = [c for c in dates if not any(word in c.lower() for word in TIMELESS)]
    if groups:
        also = f"; {dates[0]} could tell later rows instead" if dates else ""
        return "group", groups[0], f"rows of one {groups[0]} belong together{also}"
    if dates:
        latest = max(dates, key=lambda c: facts[c]["unique"])
        return "time", latest, f"the rows have dates, and {latest} tells the later ones"
    return "random", None, "no column tells groups of rows, or later ones"


def left_out_of(findings: Sequence[Mapping[str, Any]], method: str, column: str | None) -> dict[str, str]:
    """Return column → why the features had better do without it."""
    out = {c: f"{f['name']}: {f['what']}" for f in findings if f["name"] in LEAVE_OUT for c in f["columns"]}
    if method == "group" and column:
        out[column] = "a model that knows the group learns nothing that holds for the next one"
    return {name: " ".join(why.split()) for name, why in out.items() if method == "group" or name != column}


def check_no_feature_lost(raw: "RawTable", label: str, left_out: Mapping[str, str]) -> None:
    """Raise a UserError when nothing is left to learn from."""
    if set(raw.kinds) <= {label, *left_out}:
        raise UserError(
            f"Got no column to predict {label!r} from ({'; '.join(left_out.values()) or 'there is no other'}), expected one "
            "at least. Bring a table with more columns, or name another --label."
        )
