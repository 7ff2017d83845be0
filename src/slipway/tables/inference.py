"""Kinds of columns of texts: found over every row, in one pass, and the SQL that turns a text into its kind."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    import duckdb

    from slipway.rows.contract import Kind

# What a field can be, one bit each, so that their sum tells all that is in a column.
BOOLEAN, INTEGER, NUMBER, DATETIME, TEXT, BLANK, CODE, MARK = (1 << bit for bit in range(8))
FITTING = {"boolean": BOOLEAN, "integer": INTEGER, "number": INTEGER | NUMBER, "datetime": DATETIME}
CASTS = {"boolean": "BOOLEAN", "integer": "BIGINT", "number": "DOUBLE", "datetime": "TIMESTAMP", "text": "VARCHAR"}
NAN = "CAST('nan' AS DOUBLE)"
# A column is told of as mixed when one kind fits this share of its values, or all of the first tenth of them.
NEARLY_ALL = 0.9
# So many columns of a wide table are looked at together: with more, the values at hand are more than the reader's memory.
COLUMNS_AT_ONCE = 1000


@dataclass(frozen=True)
class Numbers:
    """How numbers are written: the decimal sign and what parts groups of three digits (nothing: no groups)."""

    decimal: str = "."
    thousands: str = ""

    def as_sql(self, text: str) -> str:
        """Return SQL for a text with the number in it as SQL writes it; what is no number stays as it is."""
        if self == Numbers():
            return text
        decimal = "\\" + self.decimal
        plain = f"[+-]?[0-9]*({decimal}[0-9]+|[0-9])([eE][+-]?[0-9]+)?"
        number, bare = plain, text
        if self.thousands:
            parts = "[ \\x{a0}\\x{202f}]" if self.thousands == " " else "\\" + self.thousands
            number = f"{plain}|[+-]?[0-9]{{1,3}}({parts}[0-9]{{3}})+({decimal}[0-9]+)?"
            bare = f"regexp_replace({text}, {literal(parts)}, '', 'g')"
        bare = f"replace({bare}, {literal(self.decimal)}, '.')"
        foreign = "" if self.decimal == "." else f" WHEN contains({text}, '.') THEN '?' || {text}"
        return f"CASE WHEN regexp_full_match({text}, {literal(number)}) THEN {bare}{foreign} ELSE {text} END"


@dataclass(frozen=True)
class Fields:
    """What a look at every field of delimited text has shown, by which it is read quicker from then on.

    Attributes
    ----------
    marks
        The texts that mean that a value is missing: those that occur, once that is known, as each takes its time.
    plain
        Column → kind, where every field is a number as SQL writes it: DuckDB's reader casts these itself, to the same.
    checksum
        Of the files and settings that this holds for; another reading goes by it where it has the same.
    """

    marks: Sequence[str]
    plain: "Mapping[str, Kind]" = field(default_factory=dict)
    checksum: str = ""


@dataclass(frozen=True)
class Rule:
    """How a column's texts become values: its kind, how numbers are written, and a date format where one is set.

    A kind that was set by hand takes what inference leaves alone: currency signs, leading zeros, yes and no. A plain
    column's numbers are some when it is read.
    """

    kind: "Kind"
    numbers: Numbers = Numbers()
    date_format: str | None = None
    by_hand: bool = False
    plain: bool = False

    def as_sql(self, column: str, *, attempt: bool = False) -> str:
        """Return SQL for the values of a quoted column of texts; on an attempt, what does not fit is missing."""
        if self.plain:
            return f"nullif({column}, {NAN})" if self.kind == "number" else column
        cast_ = "TRY_CAST" if attempt else "CAST"
        text = f"nullif(trim({column}), '')"
        if self.kind == "text":
            return column
        if self.kind == "boolean":
            truths = f"lower({text})"
            return (
                f"{cast_}(CASE WHEN {truths} IN ('true', 't', 'yes', 'y', '1', '1.0') THEN 'true' "
                f"WHEN {truths} IN ('false', 'f', 'no', 'n', '0', '0.0') THEN 'false' ELSE '?' || {text} END AS BOOLEAN)"
            )
        if self.kind == "datetime":
            if self.date_format:
                parse = "try_strptime" if attempt else "strptime"
                stamp = f"{parse}({text}, {literal(self.date_format)})"
            else:
                stamp = date_text(text)
            return f"({cast_}({stamp} AS TIMESTAMPTZ) AT TIME ZONE 'UTC')"
        if self.by_hand:
            text = f"regexp_replace({text}, '^[\\p{{Sc}} ]+|[\\p{{Sc}} ]+$|^([+-])\\p{{Sc}}', '\\1')"
        elif (
            self.numbers == Numbers()
        ):  # casts take blanks around a number; to trim what has none takes longer than the cast
            text = f"CASE WHEN {column} < '!' THEN {text} ELSE {column} END"
        number = self.numbers.as_sql(text)
        value = f"{cast_}({number} AS {CASTS[self.kind]})"
        if self.kind == "integer":  # a cast of '29.5' rounds it
            odd = "NULL" if attempt else f"CAST('?' || {number} AS BIGINT)"
            value = f"CASE WHEN {cast_}({number} AS DOUBLE) <> {value} THEN {odd} ELSE {value} END"
        # What is written as "nan" is missing, to SQL as it is to pandas; it is no misfit, so an attempt leaves it.
        return f"nullif({value}, {NAN})" if self.kind == "number" and not attempt else value

    def misfit(self, column: str) -> str:
        """Return SQL for whether a quoted column's text is no value of the kind."""
        return f"(trim({column}) <> '' AND ({self.as_sql(column, attempt=True)}) IS NULL)"


def date_text(text: str) -> str:
    """Return SQL for a text with its date as SQL casts it: ISO 8601, with or without a time or a zone, also a month."""
    iso = f"substr({text}, 5, 1) IN ('-', '/') AND {text} < ':'"
    return (
        f"CASE WHEN {iso} THEN CASE WHEN strlen({text}) = 7 THEN {text} || '-01' ELSE {text} END ELSE '?' || {text} END"
    )


def field_sql(column: str, numbers: Numbers) -> str:
    """Return SQL for what a quoted column's text is, as one of the bits.

    A text that begins with a letter is no number and no date: that is decided first, because it is cheap, and the rest
    in the order of what is frequent. Leading zeros and more digits than an integer holds mark a code, such as a postcode.
    """
    text, short = f"trim({column})", f"strlen({column}) < 12"
    plain = numbers == Numbers()
    number = column if plain else numbers.as_sql(text)
    digits = text if plain else number
    return f"""CAST(CASE WHEN {column} IS NULL THEN NULL
        WHEN {column} >= ':' THEN CASE
            WHEN {short} AND lower({text}) IN ('true', 'false') THEN {BOOLEAN}
            WHEN {short} AND lower({text}) IN ('inf', 'infinity') THEN {NUMBER} ELSE {TEXT} END
        WHEN TRY_CAST(TRY_CAST({number} AS BIGINT) AS VARCHAR) = {number} THEN {INTEGER}
        WHEN TRY_CAST({number} AS DOUBLE) IS NOT NULL THEN CASE
            WHEN NOT regexp_matches({digits}, '^[+-]?0[0-9]|_|^[+-]?[0-9]+$') THEN {NUMBER}
            WHEN contains({digits}, '_') THEN {TEXT}
            WHEN regexp_full_match({digits}, '[+-]?(0|[1-9][0-9]{{0,17}})') THEN {INTEGER} ELSE {CODE} END
        WHEN {text} = '' THEN {BLANK}
        WHEN TRY_CAST({date_text(text)} AS TIMESTAMPTZ) IS NOT NULL THEN {DATETIME}
        ELSE {TEXT} END AS UTINYINT)"""


def fields_found(
    connection: "duckdb.DuckDBPyConnection", texts: str, columns: list[str], numbers: Numbers, marks: Sequence[str]
) -> tuple[dict[str, dict[int, int]], dict[str, dict[str, int]]]:
    """Return column → bit → fields that are that, and mark → column → fields, over every row of a query that gives texts.

    Missing ones don't count; nor do marks for missing values among the former. The columns are turned into rows, so that
    one expression serves all of them: planned by column, it would cost more than most tables take to read.
    """
    found: dict[str, dict[int, int]] = {column: {} for column in columns}
    marked: dict[str, dict[str, int]] = {}
    bit = field_sql("field", numbers)
    if marks:
        longest = max(len(mark.encode()) for mark in marks)
        is_mark = f"strlen(field) <= {longest} AND field IN ({', '.join(map(literal, marks))})"
        bit = f"CASE WHEN {is_mark} THEN {MARK} ELSE {bit} END"
    for start in range(0, len(columns), COLUMNS_AT_ONCE):
        chosen = ", ".join(map(quoted, columns[start : start + COLUMNS_AT_ONCE]))
        rows = connection.sql(
            f"SELECT name, bit, CASE WHEN bit = {MARK} THEN field END AS mark, count(*) FROM (SELECT name, field, {bit} AS bit "
            f"FROM (UNPIVOT (SELECT {chosen} FROM ({texts})) ON COLUMNS(*) INTO NAME name VALUE field)) GROUP BY ALL"
        ).fetchall()
        for column, what, mark, count in rows:
            if mark is None:
                found[column][what] = count
            else:
                marked.setdefault(mark, {})[column] = count
    return found, marked


def kind_of(counts: Mapping[int, int]) -> "Kind":
    """Return the narrowest kind that fits every field of a column; a column without values is a number.

    >>> kind_of({INTEGER: 5, NUMBER: 1}), kind_of({INTEGER: 5, TEXT: 1}), kind_of({BLANK: 1})
    ('number', 'text', 'number')
    """
    bits = sum(counts) & ~BLANK
    return cast("Kind", "number" if not bits else next((k for k, fit in FITTING.items() if bits & ~fit == 0), "text"))


def main_kind(counts: Mapping[int, int]) -> tuple["Kind", float]:
    """Return the kind that fits most fields of a column, the narrowest of equals, and its share of them."""
    fits = {kind: sum(n for bit, n in counts.items() if bit & fit) for kind, fit in FITTING.items()}
    kind = max(fits, key=fits.__getitem__)
    values = sum(n for bit, n in counts.items() if bit != BLANK)
    return cast("Kind", kind), fits[kind] / values if values else 0.0


def quoted(name: str) -> str:
    """Return a column's name as SQL writes it.

    >>> quoted('fare "in" pounds')
    '"fare ""in"" pounds"'
    """
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Return a text as SQL writes it.

    >>> literal("l'âge")
    "'l''âge'"
    """
    return "'" + text.replace("'", "''") + "'"
