"""How well one column alone tells the label: the share of the error that it takes away.

A column is cut into groups: the values of texts, booleans and numbers of few values; quantile bins, of 20 rows or more,
of other numbers and dates; missing values are a group of their own. Each row's label is then predicted from the other
rows of its group, and from the other rows of the table where its group has none (leave-one-out), so that a column gains
nothing by having many values: an identifier scores 0.

- classes: the most frequent class is predicted (the 1R rule: Holte, Very simple classification rules perform well on
  most commonly used datasets, Machine Learning 11, 1993), and the share of the wrong answers that the column spares is
  Goodman and Kruskal's lambda (Measures of association for cross classifications, JASA 49, 1954):
  (right - majority) / (rows - majority). Unlike accuracy or AUC it is not flattered by a rare class.
- regression: the mean is predicted of the label's rank (as in Spearman's correlation, so that neither outliers nor a
  recoding of the label matter), and the share is that of the root mean squared error: 1 - sqrt(SSE / SST).
"""

from typing import Any

from slipway.checks.profile import Sample
from slipway.project.names import has_classes
from slipway.tables.inference import quoted

ROWS_PER_BIN = 20
MOST_BINS = 1000


def groups_of(column: str, facts: dict[str, Any], rows: int) -> str:
    """Return SQL for the group that a row belongs to by its value in a column; NULL where that is missing."""
    c = quoted(column)
    bins = max(2, min(MOST_BINS, rows // ROWS_PER_BIN))
    if facts["kind"] in ("text", "boolean") or facts["unique"] <= bins:
        return c
    return f"CASE WHEN {c} IS NOT NULL THEN (rank() OVER (ORDER BY {c}) - 1) * {bins} // {rows} END"


def share_of_error_taken(sample: Sample, group: str, label: str, task: str) -> float:
    """Return the share of the error in predicting the label that a grouping of the rows takes away.

    Parameters
    ----------
    sample
        Of which those with a label count.
    group
        SQL that gives a row's group.
    label, task
        What is predicted, and as what.

    Returns
    -------
    float
        1 where every row's label is told right by the others of its group, about 0 where the group tells nothing,
        below 0 where it misleads.
    """
    y = quoted(label)
    if not has_classes(task):
        # A row's distance to the mean of the n - 1 others is n / (n - 1) times that to the mean of all n.
        sql = f"""
            WITH ranked AS (SELECT percent_rank() OVER (ORDER BY {y}) AS y, {group} AS g FROM sample WHERE sample.{y} IS NOT NULL),
            groups AS (SELECT count(*) AS n, avg(y) AS mean, var_pop(y) AS spread FROM ranked GROUP BY g)
            SELECT sum(CASE WHEN n = 1 THEN (mean - total) ** 2 ELSE n * spread * (n / (n - 1)) ** 2 END),
                   (SELECT var_pop(y) * count(*) FROM ranked)
            FROM groups, (SELECT avg(y) AS total FROM ranked)"""
        wrong, before = sample.ask(sql)[0]
        return 1 - (wrong / before) ** 0.5 if before else 0.0
    sql = f"""
        WITH cells AS (SELECT g, y, count(*) AS n FROM (SELECT {group} AS g, {y} AS y FROM sample WHERE sample.{y} IS NOT NULL) GROUP BY g, y),
        groups AS (SELECT sum(n) AS size, max(n, 2) AS top, arg_max(y, n) AS y FROM cells GROUP BY g),
        majority AS (SELECT y, sum(n) AS n FROM cells GROUP BY y ORDER BY n DESC, y LIMIT 1)
        SELECT sum(CASE WHEN size = 1 THEN CAST(groups.y = majority.y AS INTEGER)
                        WHEN top[1] - 1 > coalesce(top[2], 0) THEN top[1] ELSE 0 END),
               any_value(majority.n), sum(size)
        FROM groups, majority"""
    right, majority, rows = sample.ask(sql)[0]
    return (right - majority) / (rows - majority) if rows > majority else 0.0


def is_copy(sample: Sample, column: str, label: str, task: str) -> bool:
    """Return whether a column is the label under other names, or for a regression a rising or falling recoding of it."""
    c, y = quoted(column), quoted(label)
    if not has_classes(task):
        sql = f"SELECT corr(c, y), count(c) = count(*) FROM (SELECT CASE WHEN {c} IS NOT NULL THEN dense_rank() OVER (ORDER BY {c}) END AS c, dense_rank() OVER (ORDER BY {y}) AS y FROM sample WHERE sample.{y} IS NOT NULL)"
        agreement, everywhere = sample.ask(sql)[0]
        return everywhere and agreement is not None and abs(agreement) > 1 - 1e-9
    pairs, values, classes, everywhere = sample.ask(
        f"SELECT count(DISTINCT ({c}, {y})), count(DISTINCT {c}), count(DISTINCT {y}), count({c}) = count(*) FROM sample WHERE sample.{y} IS NOT NULL"
    )[0]
    return everywhere and pairs == values == classes


def class_by_missingness(sample: Sample, column: str, label: str) -> dict[bool, tuple[Any, int, int]]:
    """Return for the rows where a column is missing (True) and where it is not: the most frequent class, its rows, all rows."""
    sql = f"""
        WITH cells AS (SELECT {quoted(column)} IS NULL AS gone, {quoted(label)} AS y, count(*) AS n FROM sample WHERE sample.{quoted(label)} IS NOT NULL GROUP BY ALL)
        SELECT gone, arg_max(y, n), max(n), CAST(sum(n) AS BIGINT) FROM cells GROUP BY gone"""
    return {gone: (winner, top, rows) for gone, winner, top, rows in sample.ask(sql)}
