"""What a model reads and predicts: the columns with their kinds, and the label. Travels inside the model.

Only the standard library, NumPy and pandas are imported here: this file is copied into every model.
"""

import json
import math
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from slipway.rows.written import Written

Kind = Literal["integer", "number", "boolean", "datetime", "text"]

TRUE = {"true", "t", "yes", "y", "1", "1.0"}
FALSE = {"false", "f", "no", "n", "0", "0.0"}
# The days that nanoseconds reach.
FIRST, LAST = pd.Timestamp("1677-09-22"), pd.Timestamp("2262-04-11")

# Of so few rows each value is looked at by itself, and those of these types are taken as they are.
FEW_ROWS = 16
PLAIN: dict[Kind, set[type]] = {
    "integer": {int, float},
    "number": {int, float},
    "boolean": {bool},
    "datetime": set(),
    "text": {str},
}

# A text of fewer rows than this stays at home.
COMMON = 5


class ContractError(ValueError):
    """A row that the model cannot take: says which column, what was got and what was expected."""


@dataclass(frozen=True)
class Contract:
    """What a model reads and predicts.

    Attributes
    ----------
    columns
        Raw column without the label → kind, in the raw table's order.
    seen
        Column → values that are common in the train rows, in order: five quantiles of numbers, rounded, and of dates, the
        day, neither the smallest nor the largest; and texts that several rows have. Made-up rows are drawn from them.
    needed
        The columns that the features depend on: a row must have them, though their values may be missing.
    label
        The column that is predicted.
    task
        AutoGluon's problem type.
    classes
        The label's classes as the train rows have them, sorted; empty for a regression.
    positive_class
        The class that counts as positive, for a binary label.
    written
        How values are written in the raw table.
    """

    columns: dict[str, Kind]
    seen: dict[str, list[Any]]
    needed: tuple[str, ...]
    label: str
    task: str
    classes: tuple[Any, ...]
    positive_class: Any
    written: Written = field(default_factory=Written, kw_only=True)

    def table(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Return raw rows as the recipe expects them: the contract's columns in its order, each of its kind's type.

        Blanks around a column's name do not count. Columns that the contract does not know are left out; of those that the features don't depend on, missing ones
        are filled with missing values.

        Raises
        ------
        ContractError
            A needed column is not there, or a value is not of its column's kind.
        """
        padded = {name: name.strip() for name in rows.columns if isinstance(name, str) and name != name.strip()}
        if padded and not set(self.columns) <= set(rows.columns):
            rows = rows.rename(columns=padded)  # as reading the raw files did
        absent = [column for column in self.needed if column not in rows.columns]
        if absent:
            raise ContractError(
                f"Got rows without the column {absent[0]!r}, expected it; send it with null where it is unknown."
            )
        if not rows.columns.is_unique:
            twice = rows.columns[rows.columns.duplicated()][0]
            raise ContractError(f"Got the column {twice!r} twice, expected each column once.")
        if any(column not in rows.columns for column in self.columns):
            rows = rows.reindex(columns=list(self.columns))
        return typed(rows, self.columns, self.written)

    def arrays(self, rows: pd.DataFrame) -> dict[str, np.ndarray] | None:
        """Return the columns that `table` returns, each of shape (rows,), in a fraction of the time.

        None where only `table` can tell: a needed column is not there, or a value is to be converted or refused.
        """
        names = rows.columns.tolist()
        values = dict(zip(names, rows.to_numpy(dtype=object).T.tolist(), strict=True))
        absent = [column for column in self.columns if column not in values]
        if len(values) < len(names) or (
            absent and ({*absent} & {*self.needed} or any(str(n) != str(n).strip() for n in names))
        ):
            return None
        missing = [None] * len(rows)
        arrays = {c: _plain(values.get(c, missing), kind, self.written) for c, kind in self.columns.items()}
        return arrays if all(array is not None for array in arrays.values()) else None  # type: ignore[return-value]

    def refusals(self, rows: pd.DataFrame) -> dict[int, str]:
        """Return place of a row, counted from 0 → why `table` refuses it, for all rows of which a value does not fit."""
        found: dict[int, str] = {}
        for column, kind in self.columns.items():
            if column not in rows:
                continue
            try:
                typed(rows[[column]], {column: kind}, self.written)
            except ContractError:
                fits: dict[Any, bool] = {}
                for place, value in enumerate(rows[column].astype(object)):
                    key = (type(value), repr(value))
                    if key not in fits:
                        fits[key] = _fits(value, column, kind, self.written)
                    if not fits[key]:
                        found.setdefault(place, _misfit(value, column, kind))
        return found

    def asked(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Return what a model is asked of raw rows with their label: the rows without it."""
        return rows.drop(columns=self.label)

    def save(self, path: Path) -> None:
        """Write the contract as JSON."""
        path.write_text(json.dumps(asdict(self), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def seen_values(values: pd.Series, kind: Kind) -> list[Any]:
    """Return some values of a typed train column, in order: what `Contract.seen` keeps."""
    if kind == "text":
        counts = values.value_counts()
        return sorted(counts[counts >= COMMON].index[:20])
    present = values.dropna()
    present = present[present.abs() < np.inf] if kind != "datetime" else present
    if not len(present):
        return []
    quantiles = present.quantile([0.05, 0.25, 0.5, 0.75, 0.95], interpolation="nearest")
    if kind == "datetime":
        return [str(day) for day in quantiles.dt.floor("D").unique()]
    return list(dict.fromkeys(float(f"{value:.3g}") for value in quantiles))


def typed(rows: pd.DataFrame, kinds: Mapping[str, Kind], written: Written | None = None) -> pd.DataFrame:
    """Return the columns of ``kinds``, each in the one type that recipes and models see of its kind.

    ``written`` says how raw values are written, where these are some; what DuckDB has read needs none.

    Numbers and booleans become float64 with NaN, texts str with NaN, dates datetime64[ns] without a zone (in UTC) with
    NaT: the same whether a value was missing or not, so that train rows and a caller's single row look alike. A date
    out of the type's reach, such as 9999-12-31 for "open", becomes the first or the last day within, 1677-09-22 or 2262-04-11.
    """
    cast = _cast_few if len(rows) <= FEW_ROWS else _cast
    columns = {column: cast(rows[column], kind, written) for column, kind in kinds.items()}
    return pd.DataFrame(columns, index=rows.index, copy=False)  # they are copies of the rows' already


def _cast_few(values: pd.Series, kind: Kind, written: Written | None) -> "pd.Series | np.ndarray":
    """Return what `_cast` does: at once, where the values need no conversion."""
    array = _plain(values.tolist(), kind, written)
    return _cast(values, kind, written) if array is None else array


def _plain(values: list[Any], kind: Kind, written: Written | None) -> np.ndarray | None:
    """Return a column's values as they are, of shape (rows,); None where one is to be converted or refused."""
    plain, marks = PLAIN[kind], written.marks(kind) if written else frozenset()
    items = []
    for value in values:
        type_ = type(value)
        if value is None or (type_ is float and math.isnan(value)):
            items.append(np.nan)
        elif type_ not in plain or (type_ is int and abs(value) > 2**53):
            return None
        else:
            items.append(np.nan if type_ is not bool and value in marks else value)
    if kind == "datetime":
        return np.full(len(items), "NaT", dtype="datetime64[ns]")
    return np.array(items, dtype=object if kind == "text" else "float64")


def _cast(values: pd.Series, kind: Kind, written: Written | None) -> pd.Series:
    try:
        return _converted(written.read(values, kind), kind, written.texts) if written else _converted(values, kind)
    except (ValueError, TypeError) as error:
        odd = next(value for value in values.dropna() if not _fits(value, values.name, kind, written))
        raise ContractError(_misfit(odd, values.name, kind)) from error


def _misfit(value: Any, column: Any, kind: Kind) -> str:
    return f"Got {value!r} in the column {column!r}, expected a {kind}."


def _converted(values: pd.Series, kind: Kind, marks: frozenset[Any] = frozenset()) -> pd.Series:
    if kind == "text":
        texts = values.astype(object, copy=False)
        if pd.api.types.infer_dtype(texts, skipna=False) == "string":  # nothing is missing
            return texts.copy()
        if pd.api.types.infer_dtype(texts, skipna=True) not in ("string", "empty"):
            texts = texts.map(_text, na_action="ignore").astype(object)
            texts = texts.mask(texts.isin(marks))  # as reading the raw files does, whose values are texts first
        array = texts.to_numpy(copy=True)
        array[pd.isna(array)] = np.nan
        return pd.Series(array, index=values.index, name=values.name)
    if values.dtype == object:
        values = values.where(values.notna(), np.nan)  # NaT is no missing number to pandas, nor NA a missing date
    is_date = pd.api.types.is_datetime64_any_dtype(values)
    if kind == "datetime":
        dates = values if is_date else values.map(_date, na_action="ignore")
        try:
            return pd.to_datetime(dates, utc=True, format="ISO8601").dt.tz_localize(None).astype("datetime64[ns]")
        except pd.errors.OutOfBoundsDatetime:
            if is_date:
                moments = pd.to_datetime(dates, utc=True).dt.tz_localize(None)
                return moments.clip(FIRST, LAST).astype("datetime64[ns]")  # type: ignore[call-overload]  # stubs know floats
            return pd.to_datetime(dates.map(_within_reach, na_action="ignore"), utc=True).dt.tz_localize(None)
    if is_date or pd.api.types.is_timedelta64_dtype(values):
        if values.notna().any():
            raise TypeError("pandas would count nanoseconds")
        values = pd.Series(np.nan, index=values.index, name=values.name)
    return pd.to_numeric(values.map(_truth, na_action="ignore") if kind == "boolean" else values).astype("float64")


def _fits(value: Any, column: Any, kind: Kind, written: Written | None) -> bool:
    try:
        values = pd.Series([value], dtype=object, name=column)
        _converted(written.read(values, kind) if written else values, kind)
    except (ValueError, TypeError):
        return False
    return True


def _text(value: Any) -> str:
    if isinstance(value, Collection | bytes) and not isinstance(value, str):
        raise TypeError("a list or an object is no text, whatever Python writes for it")
    # Whole numbers beside a missing one arrive as floats: 5 is the same text as 5.0.
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _truth(value: Any) -> float | None:
    word = str(value).strip().lower()
    if word and word not in TRUE | FALSE:
        raise ValueError(word)
    return float(word in TRUE) if word else None


def _within_reach(value: Any) -> pd.Timestamp:
    try:
        return pd.Timestamp(pd.to_datetime(value, utc=True, format="ISO8601")).as_unit("ns")
    except pd.errors.OutOfBoundsDatetime:
        return (LAST if str(value)[:4] > "2000" else FIRST).tz_localize("UTC")


def _date(value: Any) -> Any:
    # pandas would take a number for nanoseconds since 1970, and "now" for the time of the prediction.
    if not isinstance(value, date | np.datetime64 | str) or (
        isinstance(value, str) and not value[:1].isdigit() and value
    ):
        raise ValueError(value)
    return value
