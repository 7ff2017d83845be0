"""Looking at a raw table as a careful colleague would. Every look is a query on rows held in memory."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from slipway.checks.association import class_by_missingness, groups_of, is_copy, share_of_error_taken
from slipway.checks.profile import MOST_CLASSES, Sample, different
from slipway.checks.shapes import text_findings
from slipway.project.names import has_classes
from slipway.tables.findings import Finding
from slipway.tables.inference import quoted
from slipway.tables.reading import RawTable

if TYPE_CHECKING:
    from slipway.project.stage_settings import Check

# Below so many rows outside the most frequent class, a column tells them all apart by chance.
LEAST_TOLD_APART = 10
# A gap tells the label when all of its rows are of one class and chance would do that less often than this.
CHANCE = 1e-6
# Texts that are numbers or dates name nothing.
MEASURES = ("number_as_text", "date_as_text", "mixed_types")
# The words in a column's name that say that its values name something.
NAMING = re.compile(r"(?:^|[\W_])(?:id|ids|key|uuid|guid|no|nr|number|code|index|patient|customer|user|session|household|subject|account|device|unnamed)(?:$|[\W_])|[a-z](?:Id|ID|Key|No|Nr)$", re.IGNORECASE)  # fmt: skip


def inspect(
    raw: RawTable, sample: Sample, profile: dict[str, Any], task: str, settings: "Check", split_by: set[str]
) -> Iterator[Finding]:
    """Find what a careful colleague would point out.

    Parameters
    ----------
    raw, sample, profile
        The table, rows of it, and what `profile_of` found out about it.
    task
        AutoGluon's problem type.
    settings
        The thresholds.
    split_by
        Columns by which the table is split: their dates and groups are taken care of.
    """
    label = profile["label"]["column"]
    facts = profile["columns"]
    features = [column for column in facts if column != label]
    yield from label_findings(sample, profile, task, settings)
    yield from row_findings(raw, sample, label, features, task, settings)
    told_apart = profile["rows"] - facts[label]["missing"] - max(profile["label"]["classes"].values(), default=0)
    for column in features:
        if facts[column]["infinite"]:
            n = facts[column]["infinite"]
            yield Finding("infinities", (column,), f"{_count(n, 'infinite value')} in {column}", {"rows": n})
        if facts[column]["missing"] == profile["rows"]:
            yield Finding("empty", (column,), f"no value at all in {column}")
        elif facts[column]["unique"] == 1 and not facts[column]["missing"]:
            yield Finding("constant", (column,), f"one value in all rows of {column}")
        else:
            if told_apart >= LEAST_TOLD_APART and facts[label]["unique"] > 1:
                yield from label_told_by(column, sample, profile, task, settings)
            written = list(written_findings(raw, sample, column, settings)) if facts[column]["kind"] == "text" else []
            yield from written
            if not any(finding.name in MEASURES for finding in written):
                yield from naming_findings(column, sample, profile, settings, column in split_by)
    dates = [column for column in features if facts[column]["kind"] == "datetime" and facts[column]["unique"] > 1]
    if dates and not split_by.intersection(dates):
        spans = ", ".join(f"{column} from {facts[column]['min']} to {facts[column]['max']}" for column in dates)
        yield Finding("time_order", tuple(dates), f"dates in {spans}")


def label_findings(sample: Sample, profile: dict[str, Any], task: str, settings: "Check") -> Iterator[Finding]:
    """Find what is odd about the label itself."""
    label, classes = profile["label"]["column"], profile["label"]["classes"]
    facts, rows = profile["columns"][label], profile["rows"]
    if facts["missing"]:
        what = f"{_count(facts['missing'], 'row')} of {rows} without a label"
        yield Finding("label_missing", (label,), what, {"rows": facts["missing"]})
    if facts["unique"] == 1:
        yield Finding("label_constant", (label,), f"one value in all rows of {label}, {facts['min']}")
    if not has_classes(task):
        yield from _regression_label(sample, label, facts, settings)
        return
    rarest = profile["label"]["rarest"]
    lonely = [name for name, n in rarest.items() if n == 1]
    rare = [name for name, n in rarest.items() if 1 < n < settings.rare_class_rows]
    for kind, names, size in (
        ("lonely_class", lonely, "one row"),
        ("rare_class", rare, f"fewer than {settings.rare_class_rows} rows"),
    ):
        if names:
            told = ", ".join(f"{name} ({rarest[name]})" for name in names[:5]) + ", …" * (len(names) > 5)
            count = f"{len(names)}{' or more' if len(names) == MOST_CLASSES else ''} of {profile['label']['count']}"
            yield Finding(kind, (label,), f"{count} classes have {size}: {told}", {"classes": names})
    most, least = next(iter(classes.items()), ("", 0)), next(iter(rarest.items()), ("", 0))
    if profile["label"]["count"] > 1 and most[1] >= settings.imbalance_ratio * least[1]:
        what = f"{most[1] / least[1]:.0f} rows of class {most[0]} for one of class {least[0]}"
        yield Finding("class_imbalance", (label,), what, {"ratio": round(most[1] / least[1], 1)})


def _regression_label(sample: Sample, label: str, facts: dict[str, Any], settings: "Check") -> Iterator[Finding]:
    if facts["min"] is None and not facts["infinite"]:
        return
    if facts["kind"] not in ("integer", "number"):
        yield Finding("label_not_a_number", (label,), f"{facts['kind']} in {label}, such as {facts['min']}")
        return
    if facts["infinite"]:
        what = f"{_count(facts['infinite'], 'infinite value')} in the label {label}"
        yield Finding("label_not_a_number", (label,), what, {"rows": facts["infinite"]})
    y, reach = f"CAST({quoted(label)} AS DOUBLE)", settings.outlier_iqrs
    low, high, n, least, most = sample.ask(f"""
        WITH finite AS (SELECT {y} AS y FROM sample WHERE isfinite({y})),
        middle AS (SELECT q[1] AS low, q[2] AS high FROM (SELECT quantile_cont(y, [0.25, 0.75]) AS q FROM finite))
        SELECT any_value(low), any_value(high), count(*), min(y), max(y) FROM finite, middle
        WHERE high > low AND (y < low - {reach} * (high - low) OR y > high + {reach} * (high - low))""")[0]
    if n:
        span = f"of {least:g}" if least == most else f"from {least:g} to {most:g}"
        what = f"{_count(n, 'label')} {span}, where half of all lie between {low:g} and {high:g}{sample}"
        yield Finding("label_outliers", (label,), what, {"rows": n, "min": least, "max": most})


def row_findings(
    raw: RawTable, sample: Sample, label: str, features: list[str], task: str, settings: "Check"
) -> Iterator[Finding]:
    """Find rows that are the same, and rows that are the same but for the label.

    In a larger table, those are compared whose features' hash ends alike: a row is looked at with all that equal it.
    """
    if not features:
        return
    every = round(1 / sample.share)
    place = "" if every == 1 else f" (among the rows of one in {every} contents)"
    sql = f"""
        WITH hashed AS (SELECT hash({", ".join(map(quoted, features))}) AS f, {quoted(label)} AS y FROM {"sample" if every == 1 else "raw"}),
        cells AS (SELECT f, y, count(*) AS n FROM hashed WHERE f % {every} = 0 AND y IS NOT NULL GROUP BY f, y),
        alike AS (SELECT sum(n) AS n, sum(n - 1) AS again, max(n) AS most, count(*) AS labels FROM cells GROUP BY f)
        SELECT coalesce(sum(n), 0), sum(again), sum(n) FILTER (labels > 1), sum(n - most) FILTER (labels > 1) FROM alike"""
    counted = (sample.ask(sql) if every == 1 else raw.relation.query("raw", sql).fetchall())[0]
    rows, again, contradicting, wrong = (int(figure or 0) for figure in counted)
    if again:
        what = f"{_count(again, 'row')} of {rows} repeat{'s' * (again == 1)} an earlier one{place}"
        yield Finding("duplicate_rows", (), what, {"rows": again, "of": rows})
    if contradicting:
        minor = contradicting < settings.contradicting_share * rows
        cost = f"; any model gets {wrong} of them wrong" if has_classes(task) else ""
        what = f"{contradicting} of {rows} rows equal others in all but {label}{cost}{place}"
        yield Finding("contradicting_rows", (), what, {"rows": contradicting, "of": rows}, minor)


def label_told_by(
    column: str, sample: Sample, profile: dict[str, Any], task: str, settings: "Check"
) -> Iterator[Finding]:
    """Find out whether one column alone, or the gaps in it, tell the label."""
    label, facts = profile["label"]["column"], profile["columns"][column]
    labels = profile["columns"][label]["unique"]
    taken = share_of_error_taken(sample, groups_of(column, facts, sample.labelled), label, task)
    gaps = share_of_error_taken(sample, f"{quoted(column)} IS NULL", label, task) if facts["missing"] else 0.0
    figures = {"share_of_error_taken": round(taken, 4), "by_missing_values": round(gaps, 4)}
    # In few bins a regression's copy cannot show; whether it is one is asked of every column that could be.
    could_be = 10 <= facts["unique"] <= 1.1 * labels <= 1.3 * facts["unique"]
    if (could_be if not has_classes(task) else taken >= settings.leak_share) and is_copy(sample, column, label, task):
        yield Finding("label_copy", (column,), f"{column} says the same as {label}, value for value{sample}", figures)
    elif gaps >= settings.strong_share:
        what = f"whether {column} is filled in takes away {gaps:.0%} of the error in telling {label}{sample}"
        yield Finding("label_leak", (column,), what, figures)
    elif taken >= settings.strong_share:
        name = "label_leak" if taken >= settings.leak_share else "strong_column"
        what = f"{column} alone takes away {taken:.0%} of the error in telling {label}{sample}"
        yield Finding(name, (column,), what, figures)
    elif facts["missing"] and has_classes(task):
        yield from _telling_gap(column, sample, label)


def _telling_gap(column: str, sample: Sample, label: str) -> Iterator[Finding]:
    sides = class_by_missingness(sample, column, label)
    for gone, (winner, top, rows) in sides.items():
        other_rows = sides[not gone][2] if len(sides) > 1 else 0
        elsewhere = sum(w[1] for w in sides.values() if w[0] == winner) / (rows + other_rows)
        if top == rows and other_rows and elsewhere < 1 and elsewhere**rows < CHANCE:
            where = "missing" if gone else "there"
            what = f"{label} is {winner} in all {rows} rows where {column} is {where}{sample}"
            yield Finding("telling_gap", (column,), what, {"rows": rows, "class": str(winner)})


def naming_findings(
    column: str, sample: Sample, profile: dict[str, Any], settings: "Check", split_by: bool
) -> Iterator[Finding]:
    """Find out whether a column's values name rows, or groups of rows.

    An integer names rows when its values are all different and, as numbers of rows are, dense or called so; texts name
    groups of rows when they repeat, are many and contain digits, or are called so.
    """
    facts = profile["columns"][column]
    present = profile["rows"] - facts["missing"]
    named = NAMING.search(column) is not None
    share = facts["unique"] / present
    rows_named = share >= settings.unique_share - (0 if facts["exact"] else 0.1)
    groups_named = facts["unique"] >= 10 and share >= (0.01 if named else 0.2) and facts["missing"] <= present / 10
    if facts["kind"] not in ("text", "integer") or present < 20 or not (rows_named or (groups_named and not split_by)):
        return
    unique, most, spaced, digits = sample.ask(f"""
        WITH counted AS (SELECT CAST({quoted(column)} AS VARCHAR) AS v, count(*) AS n FROM sample GROUP BY v)
        SELECT count(*) / sum(n), max(n) / sum(n), avg(CAST(contains(trim(v), ' ') AS INTEGER)),
               avg(CAST(regexp_matches(v, '[0-9]') AS INTEGER))
        FROM counted WHERE v IS NOT NULL""")[0]
    what = f"{different(facts)} in {present} rows of {column}"
    figures = {"unique": facts["unique"], "present": present}
    if rows_named and unique >= settings.unique_share:
        if facts["kind"] == "text":
            yield Finding("near_unique_text" if spaced > 0.1 else "identifier", (column,), what, figures)
        elif unique == 1 and (named or facts["max"] - facts["min"] < 2 * present):
            yield Finding("identifier", (column,), what, figures)
    elif groups_named and not split_by and most <= 0.2 and (named or (facts["kind"] == "text" and digits >= 0.9)):
        yield Finding("repeated_id", (column,), what, figures, minor=not named)


def written_findings(raw: RawTable, sample: Sample, column: str, settings: "Check") -> Iterator[Finding]:
    """Find what is odd about how a column of texts is written.

    What the reader says of all rows, and where the first odd one stands, goes before what a sample says; but numbers and
    dates in a dress are no odd ones among plain ones.
    """
    written = list(text_findings(column, sample, settings))
    odd = next((mixed for mixed in raw.mixed if mixed.column == column), None)
    if odd is None or any(finding.name in ("number_as_text", "date_as_text") for finding in written):
        yield from written
    else:
        yield Finding("mixed_types", (column,), str(odd), {"rows": odd.misfits, "share": round(odd.share, 4)})


def _count(n: int, thing: str) -> str:
    return f"{n} {thing}" if n == 1 else f"{n} {thing}s"
