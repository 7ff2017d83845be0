"""The accepted schema of a raw table: what new files are held to, committed beside the raw data."""

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slipway.checks.profile import COLUMNS_AT_ONCE
from slipway.project.entry import UserError
from slipway.tables.inference import CASTS, literal, quoted

if TYPE_CHECKING:
    from slipway.tables.reading import RawTable

# A text column is closed, that is, its texts are categories, up to this many, each on ten rows or more on average.
MOST_CATEGORIES, ROWS_A_CATEGORY = 20, 10
HEAD = """\
# What the raw table held when it was accepted; check stops when new files break it. `python src/accept.py` writes it
# anew. Yours to loosen: take out a range or categories, or set missing to true.
"""


def schema_of(raw: "RawTable", profile: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return what to expect of a table like this one.

    Returns
    -------
    dict
        Column → its ``kind``; whether values may be ``missing``; the ``range`` of numbers, but not of integers that all
        differ (nearly all, where they were counted roughly), which go on as rows come; the ``categories`` of texts that
        are few.
    """
    schema = {}
    for column, figures in profile["columns"].items():
        kind, unique, rows = figures["kind"], figures["unique"], profile["rows"] - figures["missing"]
        expected: dict[str, Any] = {"kind": kind, "missing": figures["missing"] > 0}
        if kind == "number" or (kind == "integer" and unique < (rows if figures["exact"] else 0.9 * rows)):
            limits = [figures["min"], figures["max"]]
            if all(limit is not None and math.isfinite(limit) for limit in limits):
                expected["range"] = limits
        if kind == "text" and 0 < unique <= min(MOST_CATEGORIES, rows / ROWS_A_CATEGORY):
            expected["categories"] = None
        schema[column] = expected
    closed = [column for column, expected in schema.items() if "categories" in expected]
    for start in range(0, len(closed), COLUMNS_AT_ONCE):
        few = closed[start : start + COLUMNS_AT_ONCE]
        lists = ", ".join(f"list(DISTINCT {quoted(c)}) FILTER ({quoted(c)} IS NOT NULL)" for c in few)
        for column, found in zip(few, raw.relation.aggregate(lists).fetchall()[0], strict=True):
            schema[column]["categories"] = sorted(found)
    return schema


def write_schema(path: Path, schema: dict[str, dict[str, Any]]) -> None:
    """Write a schema as YAML, a column a line, so that a difference in Git names the column."""
    from slipway.project.files import write_text

    def plain(value: object) -> str:
        return json.dumps(value, ensure_ascii=False)

    lines = [
        f"{plain(column)}: {{{', '.join(f'{key}: {plain(value)}' for key, value in expected.items())}}}\n"
        for column, expected in schema.items()
    ]
    write_text(path, HEAD + "".join(lines))


def load_schema(path: Path) -> dict[str, dict[str, Any]]:
    """Read a schema that was written by `write_schema`, and perhaps edited."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        schema = YAML(typ="safe").load(path)
    except YAMLError as error:
        raise UserError(
            f"Got a {path} that is not YAML ({' '.join(str(error).split())}). Edit it, or accept anew."
        ) from error
    for column, expected in schema.items() if isinstance(schema, dict) else [("the whole", schema)]:
        known = isinstance(expected, dict) and expected.keys() <= {"kind", "missing", "range", "categories"}
        if not known or not {"kind", "missing"} <= expected.keys():
            raise UserError(
                f"Got {expected!r} for {column} in {path}, expected kind and missing, and perhaps range or categories. Edit "
                "it, or write it anew: `python src/accept.py`."
            )
    return schema


def check_schema(raw: "RawTable", profile: dict[str, Any], path: Path) -> str | None:
    """Return a sentence for a table without an accepted schema.

    Raises
    ------
    UserError
        The table breaks the schema: says the columns, what was expected and where the first row stands that breaks it.
    """
    if not path.is_file():
        return f"{path} is not there, so new files will be held to nothing; accept these: `python src/accept.py`"
    schema = load_schema(path)
    broken = [f"no column {column!r}" for column in schema if column not in raw.kinds]
    broken += [f"a new column {column!r}" for column in raw.kinds if column not in schema]
    for column, expected in schema.items():
        if column in raw.kinds:
            broken += _broken(raw, profile, column, expected)
    if broken:
        more = f", and {len(broken) - 3} more such things" if len(broken) > 3 else ""
        raise UserError(
            f"Got {'; '.join(broken[:3])}{more}; expected what {path} says. Mend the files, or if the new table is right, "
            "accept it: `python src/accept.py`."
        )
    return None


def _broken(raw: "RawTable", profile: dict[str, Any], column: str, expected: dict[str, Any]) -> list[str]:
    """Return how a column breaks what is expected of it."""
    figures, c = profile["columns"][column], quoted(column)
    broken = []
    empty = figures["missing"] == profile["rows"]
    if (
        raw.kinds[column] != expected["kind"]
        and not empty
        and (raw.kinds[column], expected["kind"]) != ("integer", "number")
    ):
        odd = next((str(m) for m in raw.mixed if m.column == column), None)
        misfit = (
            f"{c} <> floor({c})"
            if raw.kinds[column] == "number"
            else f"TRY_CAST({c} AS {CASTS[expected['kind']]}) IS NULL"
        )
        example = raw.first(column, f"{c} IS NOT NULL AND {misfit}")
        shown = f" ({odd})" if odd else f" (such as {example.value!r} in {example})" if example else ""
        return [f"{raw.kinds[column]} in the column {column!r}{shown}, expected {expected['kind']}"]
    if figures["missing"] and not expected["missing"]:
        broken.append(
            f"no value in {figures['missing']} rows of {column!r} (first {raw.first(column, f'{c} IS NULL')}), expected one"
        )
    if limits := expected.get("range"):
        low, high = limits
        if not empty and (figures["min"] < low or figures["max"] > high):
            place = raw.first(column, f"{c} < {low} OR {c} > {high}")
            broken.append(f"{place and place.value!r} in the column {column!r} ({place}), expected {low} to {high}")
    if categories := expected.get("categories"):
        known = ", ".join(literal(category) for category in categories)
        if place := raw.first(column, f"CAST({c} AS VARCHAR) NOT IN ({known})"):
            broken.append(
                f"{place.value!r} in the column {column!r} ({place}), expected one of {', '.join(map(repr, categories))}"
            )
    return broken
