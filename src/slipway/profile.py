"""The profile of a raw table: what is in it, column by column, computed where the rows are read."""

from typing import Any

from slipway.inference import quoted
from slipway.reading import RawTable

# Classes beyond these are counted, not listed.
MOST_CLASSES = 100


def profile_of(raw: RawTable, label: str) -> dict[str, Any]:
    """Return a raw table's profile.

    Returns
    -------
    dict
        ``rows``, ``files``, and ``columns``: name → kind, missing and unique values (exact), the range of what can be
        ordered, the mean of numbers; and ``label``: the rows of each class, the most frequent first.
    """
    figures = ["count(*)"]
    for column, kind in raw.kinds.items():
        c = quoted(column)
        mean = f"avg(CAST({c} AS DOUBLE))" if kind in ("integer", "number", "boolean") else "NULL"
        figures += [f"count(*) - count({c})", f"count(DISTINCT {c})", f"min({c})", f"max({c})", mean]
    # One query for all columns: every query reads the files again.
    found = iter(raw.relation.aggregate(", ".join(figures)).fetchall()[0])
    rows = next(found)
    columns = {
        column: {"kind": kind} | {figure: next(found) for figure in ("missing", "unique", "min", "max", "mean")}
        for column, kind in raw.kinds.items()
    }
    return {
        "rows": rows,
        "files": [file.name for file in raw.files],
        "columns": columns,
        "label": {"column": label, "classes": class_counts(raw, label)},
    }


def class_counts(raw: RawTable, label: str) -> dict[str, int]:
    """Return class → rows of the label, the most frequent first; missing labels don't count."""
    c = quoted(label)
    counts = raw.relation.filter(f"{c} IS NOT NULL").aggregate(f"{c}, count(*) AS n", c).order(f"n DESC, {c}")
    return {str(value): n for value, n in counts.limit(MOST_CLASSES).fetchall()}
