"""The profile of a raw table: what is in it, column by column, computed where the rows are read."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from slipway.project.entry import UserError
from slipway.project.names import has_classes
from slipway.tables.inference import quoted
from slipway.tables.reading import RawTable

if TYPE_CHECKING:
    import duckdb

# A query over all of thousands of columns takes minutes and gigabytes; counting different values takes megabytes for
# each column, however few the rows are.
COLUMNS_AT_ONCE, DISTINCT_AT_ONCE = 100, 16
FIGURES = ("missing", "unique", "min", "max", "mean", "infinite")
# The most frequent and the rarest classes are listed up to this number; a text with more is nobody's label, unless said.
MOST_CLASSES = 100
# Integers with more different values than this are amounts rather than classes.
MOST_INTEGER_CLASSES = 10
# A label that seems to have up to this many different values is counted exactly before its task is told.
COUNTED_LABELS = 1000


@dataclass(frozen=True)
class Sample:
    """Rows of a raw table that are held in memory, to be asked as often as needed: DuckDB's table ``sample``.

    A query on a table takes a quarter of the time that one on a relation takes, which for small
    tables is all there is.

    Attributes
    ----------
    rows
        How many rows it has.
    labelled
        How many of them have a label.
    share
        The part of the raw table that it is; 1.0 when it is all of it.
    connection
        What holds it: the raw table's own, which ends with it.
    """

    rows: int
    labelled: int
    share: float
    connection: "duckdb.DuckDBPyConnection" = field(repr=False)

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        """Return the rows that a query gives."""
        return self.connection.execute(sql).fetchall()

    def __str__(self) -> str:
        """Return where figures are from, as the end of a sentence; nothing when they are of all rows."""
        return "" if self.share == 1 else f" (in a sample of {self.rows} rows)"


def profile_of(raw: RawTable, label: str, task: str | None, sample_rows: int) -> tuple[dict[str, Any], Sample]:
    """Return a raw table's profile, and rows to look at closely.

    Memory is bounded by ``sample_rows`` and by the number of classes, not by the table.

    Returns
    -------
    dict
        ``rows``, ``files``, and ``columns``: name → kind, missing and unique values, whether those are ``exact``, the
        range of what can be ordered and the mean of numbers (both of finite ones), infinite values; ``task``: the one
        given, else what the label proposes; ``label``: as `label_profile` has it, without classes for a regression;
        ``sampled_rows``; ``fields``: what dataprep reads the files quicker by. Unique values are exact when all rows are
        in the sample, and where there is one or none, or classes; else within a tenth (HyperLogLog), and no fewer than the
        sample and the range show.
    Sample
        All rows, or about ``sample_rows`` of them.
    """
    names, rows = list(raw.kinds), 0
    columns: dict[str, dict[str, Any]] = {}
    sample = None
    if len(names) > COLUMNS_AT_ONCE:
        sample = sample_of(raw, label, raw.relation.count("*").fetchall()[0][0], sample_rows)
    # Few queries for all columns: every query reads the files again, but where the sample is all there is.
    for start in range(0, len(names), COLUMNS_AT_ONCE):
        few = {column: raw.kinds[column] for column in names[start : start + COLUMNS_AT_ONCE]}
        figures = ", ".join(
            ["count(*)", *(figure for column, kind in few.items() for figure in _figures(column, kind))]
        )
        if sample is not None and sample.share == 1:
            found = iter(sample.ask(f"SELECT {figures} FROM sample")[0])
        else:
            with raw.sources.following("profile the columns"):
                found = iter(raw.relation.aggregate(figures).fetchall()[0])
        rows = next(found)
        columns |= {column: {"kind": kind} | {name: next(found) for name in FIGURES} for column, kind in few.items()}
    sample = sample or sample_of(raw, label, rows, sample_rows)
    whole = sample.share == 1
    counted = [column for column in names if whole or columns[column]["unique"] < sample.rows]
    for start in range(0, len(counted), DISTINCT_AT_ONCE):
        some = counted[start : start + DISTINCT_AT_ONCE]
        exact = sample.ask(f"SELECT {', '.join(f'count(DISTINCT {quoted(column)})' for column in some)} FROM sample")
        for column, unique in zip(some, exact[0], strict=True):
            columns[column]["unique"] = unique if whole else max(unique, columns[column]["unique"])
    for facts in columns.values():
        facts.update({"exact": True} if whole else _settled(facts, rows))
        if isinstance(facts["mean"], float) and not math.isfinite(facts["mean"]):
            facts["mean"] = None  # the sum ran over
    label_facts = None
    if has_classes(task or "") or (task is None and columns[label]["unique"] <= COUNTED_LABELS):
        label_facts = label_profile(raw, label)
        columns[label] |= {"unique": label_facts["count"], "exact": True}
    task = task or task_of(label, columns[label], rows)[0]
    no_classes = {"column": label, "count": 0, "classes": {}, "rarest": {}}
    return {
        "rows": rows,
        "files": [file.name for file in raw.files],
        "columns": columns,
        "task": task,
        "label": label_facts if label_facts and has_classes(task) else no_classes,
        "sampled_rows": sample.rows,
        "fields": asdict(raw.sources.fields),
    }, sample


def _figures(column: str, kind: str) -> list[str]:
    """Return SQL for a column's `FIGURES`."""
    c = quoted(column)
    finite = f"CASE WHEN isfinite({c}) THEN {c} END" if kind == "number" else c
    mean = f"avg(CAST({finite} AS DOUBLE))" if kind in ("integer", "number", "boolean") else "NULL"
    infinite = f"count(*) FILTER (isinf({c}))" if kind == "number" else "0"
    return [f"count(*) - count({c})", f"approx_count_distinct({c})", f"min({finite})", f"max({finite})", mean, infinite]


def _settled(facts: Mapping[str, Any], rows: int) -> dict[str, Any]:
    """Return how many different values a column has as far as its rough count and its range say, and whether that is exact.

    The rough count takes some pairs of values for one, and a table of either value alone for constant.
    """
    ends = 0 if facts["min"] is None else 1 if facts["min"] == facts["max"] else 2
    if not facts["infinite"] and (ends < 2 or facts["kind"] == "boolean"):
        return {"unique": ends, "exact": True}
    least = ends + (facts["infinite"] > 0)
    return {"unique": max(least, min(facts["unique"], rows - facts["missing"])), "exact": False}


def different(facts: Mapping[str, Any]) -> str:
    """Return how many different values a column has, in words.

    >>> different({"unique": 1, "exact": True}), different({"unique": 48211, "exact": False})
    ('1 different value', 'about 48211 different values')
    """
    return f"{'' if facts['exact'] else 'about '}{facts['unique']} different value{'s' * (facts['unique'] != 1)}"


def sample_of(raw: RawTable, label: str, rows: int, sample_rows: int) -> Sample:
    """Return all rows, or about ``sample_rows`` of more, chosen by a hash of their place: spread evenly, always the same."""
    every = math.ceil(rows / sample_rows)
    chosen = raw.relation
    if every > 1:
        place = quoted("".join(raw.kinds) + " place")  # no column's name
        chosen = chosen.query(
            "raw",
            f"SELECT * EXCLUDE ({place}) FROM (SELECT *, row_number() OVER () AS {place} FROM raw) "
            f"WHERE hash({place}) % {every} = 0",
        )
    raw.connection.execute("DROP TABLE IF EXISTS sample")
    with raw.sources.following("take a sample"):
        chosen.create("sample")
    taken, labelled = raw.connection.execute(f"SELECT count(*), count({quoted(label)}) FROM sample").fetchall()[0]
    return Sample(taken, labelled, taken / rows if every > 1 else 1.0, raw.connection)


def task_of(label: str, facts: Mapping[str, Any], rows: int) -> tuple[str, str]:
    """Return the task that a label's facts propose, and why.

    >>> task_of("sold", {"kind": "boolean", "unique": 2, "exact": True}, 40)
    ('binary', 'sold has 2 different values')
    """
    kind, unique = facts["kind"], facts["unique"]
    if kind == "datetime" or unique < 2 or (kind == "text" and unique > min(MOST_CLASSES, rows / 2)):
        what = "dates" if kind == "datetime" else f"{different(facts)} in {rows} rows"
        raise UserError(
            f"Got {what} in the label {label!r}, expected numbers, or 2 to {MOST_CLASSES} classes of several rows. Name "
            "another column as the label."
        )
    if unique == 2:
        return "binary", f"{label} has {different(facts)}"
    if kind == "text" or (kind == "integer" and unique <= min(MOST_INTEGER_CLASSES, rows / 10)):
        return "multiclass", f"{label} has {different(facts)}"
    return "regression", f"{label} holds numbers, {different(facts).replace('values', 'ones')}"


def label_profile(raw: RawTable, label: str) -> dict[str, Any]:
    """Return how many classes a label has, and class → rows of the most frequent and of the rarest ones.

    Missing labels don't count.
    """
    c = quoted(label)
    with raw.sources.following("count the classes"):
        counts = raw.relation.filter(f"{c} IS NOT NULL").aggregate(f"{c} AS y, count(*) AS n", c).materialize()
    most, least = (counts.order(f"n {way}, y").limit(MOST_CLASSES).fetchall() for way in ("DESC", "ASC"))
    return {
        "column": label,
        "count": counts.count("*").fetchall()[0][0],
        "classes": {str(value): n for value, n in most},
        "rarest": {str(value): n for value, n in least},
    }


def rounded(figures: Any) -> Any:
    """Return nested figures with floats to ten digits: sums over threads differ in the last ones from run to run.

    >>> rounded({"mean": [33.2954792813456, 33.29547928134572]})
    {'mean': [33.29547928, 33.29547928]}
    """
    if isinstance(figures, dict):
        return {key: rounded(value) for key, value in figures.items()}
    if isinstance(figures, list | tuple):
        return [rounded(value) for value in figures]
    return float(f"{figures:.10g}") if isinstance(figures, float) else figures
