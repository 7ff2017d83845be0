"""Holding out rows, in SQL over a table of any size: by what a row says, never by where it stands.

Every row has a key: the rows with the lowest keys are the test rows, those after them the validation rows. Rows with
equal keys stay together: equal rows, the rows of a group, those of one moment.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slipway.project.data_settings import (
    AnySplit,
    ColumnSplit,
    Data,
    FilesSplit,
    GroupSplit,
    HorizonSplit,
    RandomSplit,
    TimeSplit,
)
from slipway.project.entry import UserError
from slipway.project.names import has_classes
from slipway.project.sections import closest
from slipway.tables.inference import CASTS, literal, quoted
from slipway.tables.reading import FILE

if TYPE_CHECKING:
    import duckdb
    import pandas as pd

    from slipway.rows.contract import Kind

PARTS = ("train", "test", "validation")
# The column with a row's digest, a whole number of 60 bits.
DIGEST = "slipway.digest"
# Keys are counted in so many ranges, and one by one in the range alone in which a part ends: memory stays bounded.
RANGES = 4096
# A regression's label is cut into at most so many quantile bins, found on at most so many rows.
MOST_BINS = 10
BIN_ROWS = 200_000
DAY_US = 86_400_000_000
# Of more classes than this, one is looked up rather than compared with each.
FEW_CLASSES = 16
PLACE = "Edit data.split in conf/data/."


@dataclass(frozen=True)
class Order:
    """How rows line up for a split, in SQL: those with the lowest keys of every stratum are its test rows.

    Attributes
    ----------
    key
        A number per row.
    low, high
        The range of the keys.
    stratum
        A whole number per row from 0 on; every stratum keeps its share.
    gap
        Rows whose keys come less than this after the end of a part are left out.
    """

    key: str
    low: float = 0
    high: float = 2**60
    stratum: str = "0"
    gap: float = 0


@dataclass(frozen=True)
class Parts:
    """Which rows of a Parquet file belong to which part.

    Attributes
    ----------
    path
        The file.
    columns
        Its columns without those that only tell its rows apart.
    part
        SQL that says a row's part.
    counts
        Part → its rows.
    classes
        The classes among the train rows, sorted; none for a regression.
    whole
        The label, if its classes are whole numbers in a column of floats, as missing labels make one: rows are given with
        them as integers, which is what they are and what AutoGluon calls 0.0 and 1.0.
    """

    path: Path
    columns: tuple[str, ...]
    part: str
    counts: dict[str, int]
    classes: tuple[Any, ...]
    whole: str | None = None

    def seen_in_training(self, split: "AnySplit", connection: "duckdb.DuckDBPyConnection") -> int:
        """Return how many test rows are equal to a row that is learned from, but for the column that splits them."""
        if isinstance(split, RandomSplit):
            return 0  # equal rows stay together
        columns = [column for column in self.columns if column != getattr(split, "column", None)]
        placed = connection.read_parquet(str(self.path)).project(
            f"{digest_sql(sorted(map(quoted, columns)), 0)} AS d, {self.part} AS p"
        )
        learned = "SELECT d FROM placed WHERE p IN ('train', 'validation')"
        found = placed.query("placed", f"SELECT count(*) FROM placed WHERE p = 'test' AND d IN ({learned})")
        return int(found.fetchall()[0][0])

    def rows(self, name: str, connection: "duckdb.DuckDBPyConnection") -> "duckdb.DuckDBPyRelation":
        """Return the rows of a part, in the file's order."""
        here = f"{self.part} = '{name}'" if self.counts[name] else "false"
        return connection.read_parquet(str(self.path)).filter(here).project(self._columns())

    def sample(self, name: str, rows: int, connection: "duckdb.DuckDBPyConnection") -> "pd.DataFrame":
        """Return about so many rows of a part, or all where it has no more than that."""
        chosen = connection.read_parquet(str(self.path)).filter(sampled_sql(self.counts[name], rows))
        found = chosen.filter(f"{self.part} = '{name}'").project(self._columns())
        return found.to_arrow_table().to_pandas()

    def _columns(self) -> str:
        own = {self.whole: f"CAST({quoted(self.whole)} AS BIGINT) AS {quoted(self.whole)}"} if self.whole else {}
        return ", ".join(own.get(column) or quoted(column) for column in self.columns)


def split_up(
    path: Path, data: Data, kinds: "Mapping[str, Kind]", seed: int, connection: "duckdb.DuckDBPyConnection"
) -> Parts:
    """Return how the rows of a Parquet file, each with its digest, are split.

    Raises
    ------
    UserError
        They cannot be split as the settings say.
    """
    rows = connection.read_parquet(str(path))
    part = part_sql(rows, data, kinds, seed)
    counts, classes, all_whole = count_parts(rows, part, data)
    if all_whole:
        return Parts(path, tuple(kinds), part, counts, tuple(map(int, classes)), data.label)
    return Parts(path, tuple(kinds), part, counts, classes)


def digest_sql(values: Sequence[str], seed: int) -> str:
    """Return SQL for a number of 60 bits that depends on the seed and the values alone.

    It is DuckDB's own hash: a twentieth of MD5's work, and the same for as long as requirements.lock pins the same
    DuckDB; another one may split otherwise. The second hash lets every bit hang on every value and the seed.
    """
    return f"CAST(hash(hash({', '.join([str(seed), *values])})) >> 4 AS BIGINT)"


def row_digest_sql(kinds: "Mapping[str, Kind]", seed: int) -> str:
    """Return SQL for a row's digest, whatever the order of the columns; -0.0 and 0.0 are one number."""
    return digest_sql([quoted(column) for column in sorted(kinds)], seed)


def sampled_sql(rows: int, wanted: int) -> str:
    """Return SQL that is true for about ``wanted`` of some rows, and for all where they are no more than that.

    It looks at a digest's last bits, so it draws evenly from rows that were chosen by the first ones.
    """
    return f"({quoted(DIGEST)} & {2**30 - 1}) < {2**30 * min(1.0, wanted / max(1, rows)):.0f}"


def part_sql(rows: "duckdb.DuckDBPyRelation", data: Data, kinds: "Mapping[str, Kind]", seed: int) -> str:
    """Return SQL that says to which of ``PARTS`` a row belongs; NULL for the rows of a gap.

    Parameters
    ----------
    rows
        The cleaned rows that have a label, with the column ``DIGEST``, and ``FILE`` for a split by files.
    kinds
        Column → kind.

    Raises
    ------
    UserError
        These rows cannot be split as the settings say.
    """
    split = data.split
    assert not isinstance(split, HorizonSplit)  # noqa: S101  for mypy: slipway.preparation.series splits so
    if isinstance(split, FilesSplit):
        return _by_files(rows, split)
    if isinstance(split, RandomSplit):
        order = Order(
            quoted(DIGEST),
            stratum=_classes(rows, data, kinds[data.label]) if has_classes(data.task) else _bins(rows, data, split),
        )
    else:
        _check_column(rows, split.column, kinds)
        if isinstance(split, ColumnSplit):
            return _by_column(rows, split.column)
        order = _by_group(split, seed) if isinstance(split, GroupSplit) else _by_time(rows, split, kinds)
    ends = {"test": _ends(rows, order, split.test_size)}
    if split.validation_size:
        ends["validation"] = _ends(rows, order, split.test_size + split.validation_size)
    cases = []
    for part, end in ends.items():
        cases += [f"WHEN {order.key} <= {end} THEN '{part}'"]
        cases += [f"WHEN {order.key} < {end} + {order.gap} THEN NULL"] if order.gap else []
    return f"CASE {' '.join(cases)} ELSE 'train' END"


def count_parts(rows: "duckdb.DuckDBPyRelation", part: str, data: Data) -> tuple[dict[str, int], tuple[Any, ...], bool]:
    """Return part → its rows, the classes among the train rows, sorted, and whether all are floats that are whole numbers.

    A regression has no classes.

    Raises
    ------
    UserError
        A part that must have rows has none, or the train rows are of one class.
    """
    label = quoted(data.label) if has_classes(data.task) else "NULL"
    found = rows.aggregate(f"{part} AS part, {label} AS label, count(*) AS n", "ALL").order("label").fetchall()
    counts = {p: sum(n for of, _, n in found if of == p) for p in PARTS}
    classes = tuple(label for of, label, _ in found if of == "train" and label is not None)
    expected = [p for p in PARTS if p != "validation" or getattr(data.split, "validation_size", None)]
    for missing in (p for p in expected if not counts[p]):
        raise UserError(
            f"Got no {missing} row out of {sum(n for *_, n in found)} rows from data.split.method={data.split.method}, "
            f"expected some. {PLACE}"
        )
    if len(classes) == 1:
        raise UserError(
            f"Got train rows of one class of {data.label!r} only from data.split.method={data.split.method}, "
            f"expected at least 2. {PLACE}"
        )
    labels = {label for _, label, _ in found if label is not None}
    whole = all(isinstance(label, float) and label.is_integer() and abs(label) < 2**53 for label in labels)
    return counts, classes, bool(labels) and whole


def _ends(rows: "duckdb.DuckDBPyRelation", order: Order, share: float) -> str:
    """Return SQL for the highest key of a row's stratum that is still within a share of the stratum's rows.

    The end is as near to the share as whole keys allow, but one key at least is within and one is not; NULL for a
    stratum of one key, which has nothing to hold out.
    """
    placed = rows.project(f"{order.stratum} AS s, {order.key} AS k")
    ranged = placed.project(
        f"s, k, CAST(floor({RANGES} * ((k - {order.low}) / ({order.high} - {order.low}))) AS BIGINT) AS r"
    )
    ends = ranged.query(
        "ranged",
        f"""
        WITH counted AS (SELECT s, r, count(*) AS n, min(k) AS low, max(k) AS high FROM ranged GROUP BY ALL),
        summed AS (
            SELECT s, r, sum(n) OVER upto - n AS before, lag(high) OVER upto AS below, sum(n) OVER whole * {share} AS wanted,
                min(low) OVER whole AS low, max(high) OVER whole AS high
            FROM counted WINDOW upto AS (PARTITION BY s ORDER BY r), whole AS (PARTITION BY s)
        ),
        border AS (FROM summed WHERE before < wanted QUALIFY row_number() OVER (PARTITION BY s ORDER BY r DESC) = 1),
        near AS (
            SELECT s, k, sum(count(*)) OVER (PARTITION BY s ORDER BY k) - count(*) / 2 AS middle
            FROM ranged SEMI JOIN border USING (s, r) GROUP BY s, k
        )
        SELECT s, coalesce(
            max(k) FILTER (before + middle <= wanted AND k < high), any_value(below),
            any_value(low) FILTER (low < high))
        FROM near JOIN border USING (s) GROUP BY s ORDER BY s
        """,
    ).fetchall()
    found = dict(ends)
    listed = ["NULL" if found.get(s) is None else repr(found[s]) for s in range(max(found, default=0) + 1)]
    if len(listed) > FEW_CLASSES:
        return f"[{', '.join(listed)}][1 + {order.stratum}]"
    return f"CASE {order.stratum} {' '.join(f'WHEN {s} THEN {end}' for s, end in enumerate(listed))} END"


def _classes(rows: "duckdb.DuckDBPyRelation", data: Data, kind: "Kind") -> str:
    label = f"({quoted(data.label)} + 0.0)" if kind == "number" else quoted(data.label)  # -0.0 and 0.0 are one class
    text = f"CAST({label} AS VARCHAR)"
    d = quoted(DIGEST)
    classes = rows.aggregate(f"{text} AS class, count(*), min({d}) = max({d})", "class").order("class").fetchall()
    for name, count, all_equal in classes:
        if all_equal:
            got = "one row" if count == 1 else f"{count} equal rows"
            raise UserError(
                f"Got {got} of class {name!r} in the label {data.label!r}, expected at least 2 different ones, to train and "
                f"to test on. Add rows, or drop that class in clean() of src/recipes/{data.recipe.name}.py."
            )
    names = [literal(name) for name, _, _ in classes]
    if len(names) > FEW_CLASSES:
        return f"enum_code(CAST({text} AS ENUM({', '.join(names)})))"
    cases = [f"WHEN CAST({name} AS {CASTS[kind]}) THEN {place}" for place, name in enumerate(names)]
    return f"CASE {label} {' '.join(cases)} END"


def _bins(rows: "duckdb.DuckDBPyRelation", data: Data, split: RandomSplit) -> str:
    label = quoted(data.label)
    count = rows.aggregate("count(*)").fetchall()[0][0]
    bins = max(1, min(MOST_BINS, int(count * min(split.test_size, 1 - split.test_size))))
    steps = [step / bins for step in range(1, bins)]
    if not steps:
        return "0"
    sample = rows.filter(sampled_sql(count, BIN_ROWS))
    edges = sample.aggregate(f"quantile_disc({label}, {steps})").fetchall()[0][0]
    edges = sorted(set(edges) - set(rows.aggregate(f"max({label})").fetchall()[0]))
    return " + ".join(f"CAST({label} > {edge!r} AS INTEGER)" for edge in edges) or "0"


def _by_group(split: GroupSplit, seed: int) -> Order:
    return Order(digest_sql([quoted(split.column)], seed))


def _by_time(rows: "duckdb.DuckDBPyRelation", split: TimeSplit, kinds: "Mapping[str, Kind]") -> Order:
    kind = kinds[split.column]
    if kind not in ("datetime", "integer", "number"):
        raise UserError(
            f"Got the column {split.column!r} of kind {kind} as data.split.column, expected dates or numbers to tell later "
            f"rows by. {PLACE}"
        )
    c = quoted(split.column)
    key = f"-epoch_us({c})" if kind == "datetime" else f"-{c}"
    low, high = rows.aggregate(f"min({key}), max({key})").fetchall()[0]
    return Order(key, low, high, gap=split.gap * DAY_US if kind == "datetime" else split.gap)


def _by_column(rows: "duckdb.DuckDBPyRelation", column: str) -> str:
    said = f"lower(trim(CAST({quoted(column)} AS VARCHAR)))"
    values = {value for (value,) in rows.aggregate(said, said).limit(100).fetchall()}
    if odd := sorted(values - set(PARTS)):
        raise UserError(f"Got {odd[0]!r} in the column {column!r}, expected train, test or validation. {PLACE}")
    return said


def _by_files(rows: "duckdb.DuckDBPyRelation", split: FilesSplit) -> str:
    file = quoted(FILE)
    there = sorted(name for (name,) in rows.aggregate(file, file).fetchall())
    for name in (*split.test, *split.validation):
        if name not in there:
            raise UserError(f"Got {name!r} in data.split, but no such file has rows{closest(name, there)}. {PLACE}")
    lists = {p: ", ".join(map(literal, getattr(split, p))) for p in PARTS[1:]}
    cases = [f"WHEN {file} IN ({names}) THEN '{part}'" for part, names in lists.items() if names]
    return f"CASE {' '.join(cases)} ELSE 'train' END"


def _check_column(rows: "duckdb.DuckDBPyRelation", column: str, kinds: "Mapping[str, Kind]") -> None:
    if column not in kinds:
        raise UserError(
            f"Got data.split.column={column!r}, but the table has no such column{closest(column, list(kinds))}. {PLACE}"
        )
    c = quoted(column)
    odd = f"{c} IS NULL" + (f" OR isnan({c}) OR isinf({c})" if kinds[column] == "number" else "")
    missing, one = rows.aggregate(f"count(*) FILTER ({odd}), min({c}) IS NOT DISTINCT FROM max({c})").fetchall()[0]
    if missing:
        raise UserError(
            f"Got {missing} rows without a value in the column {column!r}, expected one in every row to split by. "
            f"Fill them in, drop those rows in clean(), or edit data.split in conf/data/."
        )
    if one:
        raise UserError(f"Got one value only in the column {column!r}, expected at least 2 to split by. {PLACE}")
