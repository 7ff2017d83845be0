"""Looking at a long table: whether its series are of one step, without two rows of one, and long enough."""

from collections import Counter
from typing import TYPE_CHECKING, Any

import pandas as pd

from slipway.project.data_settings import Data, HorizonSplit
from slipway.project.entry import UserError
from slipway.project.sections import closest
from slipway.tables.inference import quoted

if TYPE_CHECKING:
    from collections.abc import Iterable

    from slipway.tables.findings import Finding
    from slipway.tables.reading import RawTable

# So many neighbouring dates tell a step, and so many places are looked at.
NEIGHBOURS, PLACES = 8, 400
# What check finds in a table of rows that is also to be known of series; what is known ahead must not tell the label.
OF_ANY_COLUMN = (
    "label_constant",
    "label_not_a_number",
    "infinities",
    "empty",
    "constant",
    "number_as_text",
    "mixed_types",
)
OF_KNOWN_COLUMNS = ("label_copy", "label_leak")
SHOWN = 3
FILLS = {
    None: "each model in its own way",
    "ffill": "the last value",
    "interpolate": "a line between their neighbours",
    "zero": "0",
}


def of_series(findings: "Iterable[Finding]", data: Data) -> "list[Finding]":
    """Return the findings that matter of a long table."""
    split = data.split
    assert isinstance(split, HorizonSplit)  # noqa: S101  for mypy: settings agree
    used = {data.label, split.timestamp, split.item, *split.known_covariates, *split.past_covariates}
    return [
        found for found in findings
        if (found.name in OF_ANY_COLUMN and used & set(found.columns))
        or (found.name in OF_KNOWN_COLUMNS and set(found.columns) & set(split.known_covariates))
    ]  # fmt: skip


def series_profile(
    raw: "RawTable", data: Data, num_val_windows: int, place: str | None = None
) -> tuple[dict[str, Any], list[str]]:
    """Return what there is to know of the series of a long table, and what is to be said of them.

    Parameters
    ----------
    place
        Where to mend what is refused, a sentence; None for the table's files.

    Returns
    -------
    dict
        ``freq``, ``series``, ``steps``, ``shortest``, ``longest``, and ``gaps``: series → ranges of steps without a value, of
        some of the series.
    list
        Sentences.

    Raises
    ------
    UserError
        A column is not there or of the wrong kind, a row has no series or date, two are of one step, there is no common
        step, or a series is too short.
    """
    split, place = data.split, place or f"Edit conf/data/, or look into data/raw/{data.name}."
    assert isinstance(split, HorizonSplit)  # noqa: S101  for mypy: settings agree
    _check_columns(raw, data, split)
    rows = _rows_of(raw, data, split, place)
    freq = split.freq or _step_of(rows, place)
    notes = [] if split.freq else [f"the step between rows is {freq}; data.split.freq sets it"]
    last = rows["time"].where(rows["label"].notna()).groupby(rows["item"]).transform("max")
    if len(unknown := rows.loc[last.isna(), "item"]):
        raise UserError(f"Got no value of {data.label!r} in the series {unknown.iloc[0]!r}, expected some. {place}")
    if ahead := int((rows["time"] > last).sum()):
        notes.append(f"{ahead} rows after the last value of their series are left out")
    gaps, lengths = _gaps_of(rows[rows["time"] <= last], freq, place)
    notes += _lengths_told(lengths - split.prediction_length, split.prediction_length, num_val_windows, place)
    if gaps:
        some = list(gaps.items())[:SHOWN]
        told = "; ".join(f"{name}: {', '.join(spans[:SHOWN])}{' …' * (len(spans) > SHOWN)}" for name, spans in some)
        notes.append(
            f"steps without a value in {len(gaps)} of {len(lengths)} series ({told}{' …' * (len(gaps) > SHOWN)}); "
            f"filled for training: {FILLS[split.fill]} (data.split.fill)"
        )
    used = {data.label, split.timestamp, split.item, *split.known_covariates, *split.past_covariates}
    if unused := [column for column in raw.kinds if column not in used]:
        named = "data.split.known_covariates or past_covariates"
        notes.append(f"not used: {', '.join(unused)}; name them in {named} to use them")
    spans = {"steps": int(lengths.sum()), "shortest": int(lengths.min()), "longest": int(lengths.max())}
    return {"freq": freq, "series": len(lengths), **spans, "gaps": dict(list(gaps.items())[:100])}, notes


def _rows_of(raw: "RawTable", data: Data, split: HorizonSplit, place: str) -> pd.DataFrame:
    """Return ``item``, ``time`` and ``label`` of every row, sorted, after a look at whether each has its own step."""
    item = f"CAST({quoted(split.item)} AS VARCHAR)" if split.item else "'the series'"
    columns = f"{item} AS item, {quoted(split.timestamp)} AS time, CAST({quoted(data.label)} AS DOUBLE) AS label"
    rows: pd.DataFrame = raw.relation.project(columns).order("item, time").to_arrow_table().to_pandas()
    for column, name in (("item", split.item), ("time", split.timestamp)):
        if missing := int(rows[column].isna().sum()):
            raise UserError(f"Got {missing} rows without a value of {name!r}, expected one in every row. {place}")
    rows = rows.assign(time=pd.to_datetime(rows["time"], utc=True).dt.tz_localize(None).astype("datetime64[ns]"))
    if (twice := rows.duplicated(["item", "time"])).any():
        first = rows[twice].iloc[0]
        raise UserError(
            f"Got {int(twice.sum())} rows of steps that another row has, first {first['item']} at {first['time']}, expected "
            f"one row for each. Is it data.split.item that tells series apart? {place}"
        )
    return rows


def _lengths_told(trained: pd.Series, prediction_length: int, windows: int, place: str) -> list[str]:
    """Return what is to be said of how many train steps series have; too few are refused."""
    needed = max(prediction_length + 1, 5) + prediction_length * windows  # as AutoGluon has it
    if (trained < 1).any():
        raise UserError(
            f"Got {int((trained < 1).sum())} series of at most {prediction_length} steps, first "
            f"{trained.index[trained < 1][0]!r}, expected longer ones: that many are the test rows. Set "
            f"data.split.prediction_length lower, or leave these out with data.read.where. {place}"
        )
    short = trained < needed
    if short.all():
        raise UserError(
            f"Got no series with the {needed} train steps that prediction_length={prediction_length} and {windows} validation "
            f"windows need; the longest has {trained.max()}. Lower data.split.prediction_length or automl.num_val_windows."
        )
    some = f"{int(short.sum())} of {len(short)} series have fewer than {needed} train steps"
    return [f"{some}: they are forecast, but not learned from"] if short.any() else []


def _check_columns(raw: "RawTable", data: Data, split: HorizonSplit) -> None:
    named = {"timestamp": [split.timestamp], "item": [split.item] if split.item else []}
    named |= {"known_covariates": split.known_covariates, "past_covariates": split.past_covariates}
    for setting, columns in named.items():
        for column in columns:
            if column not in raw.kinds:
                raise UserError(
                    f"Got data.split.{setting} with {column!r}, but data/raw/{data.name} has no such column"
                    f"{closest(column, list(raw.kinds))}. Edit conf/data/."
                )
            kind = raw.kinds[column]
            if (setting == "timestamp") != (kind == "datetime") and setting != "item":
                wanted = "dates" if setting == "timestamp" else "numbers, texts or booleans"
                raise UserError(
                    f"Got a {kind} as data.split.{setting}, {column!r}, expected {wanted}. Edit conf/data/, or set data.read.types or "
                    "data.read.dates."
                )
    if raw.kinds[data.label] not in ("integer", "number"):
        raise UserError(
            f"Got a {raw.kinds[data.label]} as label {data.label!r}, expected a number for task=forecasting. Where only a currency "
            f"or a separator is in the way, set data.read.types.{data.label}=number."
        )
    inside = {"item_id": split.item, "timestamp": split.timestamp}
    for column in (data.label, *split.known_covariates, *split.past_covariates):
        if column in inside and column != inside[column]:
            raise UserError(
                f"Got a column {column!r} that is not what AutoGluon calls so, expected another name. Edit data/raw/{data.name}."
            )


def _step_of(rows: pd.DataFrame, place: str) -> str:
    """Return the step that most neighbouring dates of a series have, as pandas names it."""
    votes: Counter[str] = Counter()
    for _, times in rows.groupby("item", sort=False)["time"]:
        for start in range(0, max(1, len(times) - NEIGHBOURS + 1), max(1, len(times) // 20)):
            few = pd.DatetimeIndex(times.iloc[start : start + NEIGHBOURS])
            if len(few) > 2 and (freq := pd.infer_freq(few)):
                votes[freq] += 1
        if votes.total() >= PLACES:
            break
    if not votes:
        raise UserError(
            "Got dates without a common step, expected series that go on by hours, days, weeks, months or the like. Set "
            f"data.split.freq (h, D, W-SUN, MS …), or bring the rows into such steps. {place}"
        )
    return votes.most_common(1)[0][0]


def _gaps_of(rows: pd.DataFrame, freq: str, place: str) -> tuple[dict[str, list[str]], pd.Series]:
    """Return series → steps without a value, in ranges, and series → how many steps it has."""
    gaps: dict[str, list[str]] = {}
    lengths = {}
    for item, of_one in rows.groupby("item", sort=False):
        times = of_one["time"]
        steps = pd.date_range(times.iloc[0], times.iloc[-1], freq=freq)
        if len(odd := times[~times.isin(steps)]):
            raise UserError(
                f"Got {len(odd)} of {len(times)} dates of {item} that are no step of {freq} after its first, first {odd.iloc[0]}, expected "
                f"all to be. Set data.split.freq to the step that they have, or bring them into steps. {place}"
            )
        lengths[item] = len(steps)
        if len(absent := steps[~steps.isin(times[of_one["label"].notna()])]):
            run = (pd.Series(steps.get_indexer(absent)).diff() != 1).cumsum()
            spans = pd.Series(absent).groupby(run.to_numpy()).agg(["first", "last"])
            ends = spans.astype(str)  # without the time of day where every one is midnight
            gaps[str(item)] = [f if f == t else f"{f} to {t}" for f, t in zip(ends["first"], ends["last"], strict=True)]
    return gaps, pd.Series(lengths)
