"""What a long table proposes: the column of dates, the one that tells series apart, and how far ahead to forecast."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from slipway.tables.inference import quoted

if TYPE_CHECKING:
    from slipway.tables.reading import RawTable

# The answer that the table is one series.
ONE = "none"
# Steps that people look ahead, by pandas' name of a step: a minute, an hour, a day, a week, a quarter of weeks, a year.
AHEAD = {"s": 60, "min": 60, "h": 24, "D": 7, "B": 5, "W": 13}
AHEAD |= dict.fromkeys(("MS", "ME", "BMS", "BME"), 12) | dict.fromkeys(("QS", "QE", "BQS", "BQE"), 4)
OTHERWISE_AHEAD = 3
# A column that tells series apart has that many rows of each on average.
ROWS_A_SERIES = 5
# Steps of one length differ by this much at most: months have 28 to 31 days.
DIFFERING = 1.15


def steps_ahead(freq: str, shortest: int) -> int:
    """Return how many steps ahead to forecast: a usual stretch of such steps, but a tenth of the shortest series at most.

    >>> steps_ahead("D", 210), steps_ahead("15min", 900), steps_ahead("MS", 60), steps_ahead("YS-JAN", 8)
    (7, 4, 6, 1)
    """
    from pandas.tseries.frequencies import to_offset

    step = to_offset(freq)
    usual = AHEAD.get(step.rule_code.partition("-")[0], OTHERWISE_AHEAD) // step.n
    return max(1, min(usual, shortest // 10))


def date_columns(profile: Mapping[str, Any]) -> list[str]:
    """Return the columns of dates that every row has, those with the most different ones first."""
    facts = profile["columns"]
    whole = [name for name, says in facts.items() if says["kind"] == "datetime" and not says["missing"]]
    return sorted(whole, key=lambda name: -facts[name]["unique"])


def item_of(raw: "RawTable", profile: Mapping[str, Any], timestamp: str) -> tuple[str | None, bool]:
    """Return the column of which each value has one row a date, and whether the dates then follow each other by one step.

    `ONE` where no date comes twice, None where no column parts those that do. What makes steps regular comes first, then
    texts, then what has fewer values.
    """
    kinds, rows = ("text", "integer"), profile["rows"]
    names = [
        name for name, says in profile["columns"].items()
        if says["kind"] in kinds and not says["missing"] and 1 < says["unique"] <= rows / ROWS_A_SERIES
        and name != profile["label"]["column"]
    ]  # fmt: skip
    names.sort(key=lambda name: (kinds.index(raw.kinds[name]), profile["columns"][name]["unique"]))
    steps = [quoted(timestamp), *(f"({quoted(timestamp)}, {quoted(name)})" for name in names)]
    counts = raw.relation.aggregate(", ".join(f"count(DISTINCT {step})" for step in steps)).fetchall()[0]
    apart = [name for name, count in zip([ONE, *names], counts, strict=True) if count == rows]
    regular = [name for name in apart if _regular(raw, timestamp, name)]
    return next(iter(regular or apart), None), bool(regular)


def _regular(raw: "RawTable", timestamp: str, item: str) -> bool:
    parted = "" if item == ONE else f"PARTITION BY {quoted(item)} "
    step = f"epoch({quoted(timestamp)}) - lag(epoch({quoted(timestamp)})) OVER ({parted}ORDER BY {quoted(timestamp)})"
    small, large = raw.relation.query(
        "raw", f"SELECT quantile_cont(step, 0.05), quantile_cont(step, 0.95) FROM (SELECT {step} AS step FROM raw)"
    ).fetchall()[0]
    return bool(small) and large <= small * DIFFERING


def hint_of(raw: "RawTable", profile: Mapping[str, Any]) -> str | None:
    """Return a sentence where a table of rows looks like series as well."""
    for timestamp in date_columns(profile):
        item, regular = item_of(raw, profile, timestamp)
        if regular:
            each = timestamp if item == ONE else f"{item} and {timestamp}"
            return f"one row for each {each}, at a regular step: --task forecasting would forecast {profile['label']['column']}"
    return None
