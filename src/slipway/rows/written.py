"""How values are written in the table that a model learned from, so that a caller's raw row is read alike. Travels inside the model."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

import pandas as pd


@dataclass(frozen=True)
class Written:
    """How values are written, where that is no matter of course: what reading the raw files went by.

    Only texts are read by it, and numbers that are a mark; a number or a timestamp is what it is.

    Attributes
    ----------
    missing
        Texts that mean that a value is missing; those that are numbers mean it as numbers too.
    decimal, thousands
        The decimal sign, and what parts groups of three digits (nothing: no groups).
    dates
        Column → the format of its dates, as ``strptime`` has it; all other dates are ISO 8601.
    by_hand
        Columns whose numbers may carry a currency sign.
    """

    missing: tuple[str, ...] = ()
    decimal: str = "."
    thousands: str = ""
    dates: Mapping[str, str] = field(default_factory=dict)
    by_hand: tuple[str, ...] = ()

    @cached_property
    def texts(self) -> frozenset[Any]:
        """The marks of columns of texts, dates and booleans."""
        return frozenset(self.missing)

    @cached_property
    def numbers(self) -> frozenset[Any]:
        """The marks of columns of numbers: the texts, and what they are as numbers."""
        found = set()
        for mark in self.missing:
            try:
                found.add(float(self.number(mark)))
            except ValueError:
                continue
        return self.texts | {number for number in found if number == number}  # noqa: PLR0124  nan is missing anyway

    def marks(self, kind: str) -> frozenset[Any]:
        """Return what means that a value of a kind is missing."""
        return self.numbers if kind in ("integer", "number") else self.texts

    def read(self, values: pd.Series, kind: str) -> pd.Series:
        """Return a column's values with what is written in the table's own way as everybody writes it.

        Raises
        ------
        ValueError
            A text is a number or a date in another way, which would be taken for another value.
        """
        marks, column = self.marks(kind), str(values.name)
        if values.dtype != object:
            numeric = pd.api.types.is_numeric_dtype(values)
            marks = frozenset(mark for mark in marks if numeric and isinstance(mark, float))
        if not marks.isdisjoint(values.tolist() if marks else ()):
            values = values.mask(values.isin(marks))
        convert: Any = None
        if kind == "datetime" and column in self.dates:
            convert = self._date(self.dates[column])
        elif kind in ("integer", "number") and (self.is_foreign or column in self.by_hand):
            convert = self._amount if column in self.by_hand else self.number
        if convert is None or values.dtype != object:
            return values
        known = {text: convert(text) for text in values.unique() if isinstance(text, str)}
        return values.map(lambda value: known[value] if isinstance(value, str) else value)

    @cached_property
    def is_foreign(self) -> bool:
        """Whether numbers are written in another way than Python's."""
        return (self.decimal, self.thousands) != (".", "")

    @cached_property
    def _groups(self) -> str:
        return "[ \u00a0\u202f]" if self.thousands == " " else re.escape(self.thousands)

    @cached_property
    def _pattern(self) -> "re.Pattern[str]":
        decimal = re.escape(self.decimal)
        plain = f"[+-]?[0-9]*({decimal}[0-9]+|[0-9])([eE][+-]?[0-9]+)?"
        grouped = f"|[+-]?[0-9]{{1,3}}({self._groups}[0-9]{{3}})+({decimal}[0-9]+)?" if self.thousands else ""
        return re.compile(plain + grouped)

    def number(self, text: str) -> str:
        """Return a text with the number in it as Python writes it; what is no number stays as it is.

        >>> german = Written(decimal=",", thousands=".")
        >>> german.number(" 1.723,5 "), german.number("1.723"), german.number("inf")
        ('1723.5', '1723', 'inf')
        """
        text = text.strip()
        if self._pattern.fullmatch(text):
            bare = re.sub(self._groups, "", text) if self.thousands else text
            return bare.replace(self.decimal, ".")
        if self.decimal != "." and "." in text:
            raise ValueError(text)
        return text

    def _amount(self, text: str) -> str:
        sign, digits = (text[:1], text[1:]) if text[:1] in ("+", "-") else ("", text)
        currency = "".join({c for c in digits if unicodedata.category(c) == "Sc"} | {" "})
        return self.number(sign + digits.strip(currency))

    @staticmethod
    def _date(how: str) -> Any:
        def convert(text: str) -> Any:
            try:
                return pd.Timestamp(datetime.strptime(text.strip(), how))  # noqa: DTZ007  without a zone it is in UTC
            except ValueError:
                if how.startswith("%Y") and text.strip():  # which ISO 8601 may take for another day
                    raise
                return text

        return convert
