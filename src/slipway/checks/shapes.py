"""What the values of a text column look like: numbers and dates written as texts, odd ones out, marks for nothing."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from slipway.checks.profile import Sample
from slipway.tables.findings import Finding
from slipway.tables.inference import quoted

if TYPE_CHECKING:
    from slipway.project.stage_settings import Check

# A number as SQL writes it; a leading zero marks a code, such as a postcode.
PLAIN = "(try_cast(v AS DOUBLE) IS NOT NULL AND NOT regexp_full_match(v, '[+-]?0[0-9]+'))"
# A number with a sign, a currency before it, separators, and a unit behind it; RE2, as DuckDB has it.
NUMBER = (
    r"[-+(]?\s*(?:[$€£¥₹₩]|US\$|USD|EUR|GBP|CHF|Rs\.?)?\s*[-+]?"
    r"(?:\d{1,3}(?:[,.'\x{00a0}\x{202f} ]\d{3})+|\d+)(?:[.,]\d+)?\s*(?:[$€£¥₹₩%°]|[A-Za-zµ°]{1,6}[²³]?(?:/[A-Za-z]+[²³]?)?)?\)?"
)
DATES = (
    "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%d %b %Y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y", "%d-%b-%Y",
    "%d-%b-%y", "%Y.%m.%d", "%d.%m.%Y %H:%M", "%d/%m/%Y %H:%M", "%m/%d/%Y %H:%M", "%d.%m.%Y %H:%M:%S",
    "%Y-%m", "%m/%Y", "%b %Y", "%B %Y", "%d/%m/%Y %H:%M:%S", "%m/%d/%Y %H:%M:%S", "%m/%d/%Y %I:%M:%S %p",
)  # fmt: skip
MARKS = (
    "",
    "?",
    "-",
    "--",
    ".",
    "na",
    "n/a",
    "#n/a",
    "nan",
    "null",
    "none",
    "nil",
    "missing",
    "unknown",
    "n.a.",
    "(null)",
)
# With more units than these a letter behind the digits is no unit: seats, house numbers, ordinals.
MOST_UNITS = 3


def text_findings(column: str, sample: Sample, settings: "Check") -> Iterator[Finding]:
    """Find numbers and dates that are stored as texts, the odd values that make texts of numbers, marks for nothing.

    Values are looked at once each, however often they occur.
    """
    dates = ", ".join(f"'{form}'" for form in DATES)
    marks = ", ".join(f"'{mark}'" for mark in MARKS)
    sql = f"""
        WITH counted AS (SELECT trim({quoted(column)}) AS v, count(*) AS n FROM sample WHERE {quoted(column)} IS NOT NULL GROUP BY v),
        shaped AS (SELECT v, n, {PLAIN} AS plain, NOT plain AND regexp_full_match(v, '{NUMBER.replace("'", "''")}') AND NOT regexp_full_match(v, '[0-9]+') AS dressed,
                          try_strptime(v, [{dates}]) IS NOT NULL AS dated, lower(v) IN ({marks}) AS mark FROM counted)
        SELECT sum(n), coalesce(sum(n) FILTER (mark), 0), coalesce(sum(n) FILTER (plain), 0), count(*) FILTER (plain),
               coalesce(sum(n) FILTER (dressed), 0), count(DISTINCT regexp_extract(v, '[^0-9]*$')) FILTER (dressed),
               coalesce(sum(n) FILTER (dated), 0), arg_max(v, n) FILTER (dressed), arg_max(v, n) FILTER (dated),
               arg_max(v, n, 3) FILTER (mark), arg_max(v, n, 3) FILTER (NOT plain), count(*) FILTER (NOT plain)
        FROM shaped"""
    (present, marked, plain_rows, plain_values, dressed, units, dated, a_number, a_date, which, odd, odd_values) = (
        sample.ask(sql)[0]
    )
    fits = (1 - settings.odd_share) * (present - marked)
    if dressed and units <= MOST_UNITS and plain_rows + dressed >= fits:
        what = (
            f"{int(plain_rows + dressed)} of {int(present)} texts in {column} are numbers, such as {a_number!r}{sample}"
        )
        yield Finding("number_as_text", (column,), what, {"rows": int(plain_rows + dressed), "present": int(present)})
    elif (plain_rows and odd_values) and (
        plain_rows >= fits or (odd_values <= MOST_UNITS and plain_values >= 10 and 2 * plain_rows >= present)
    ):
        rest = int(present - plain_rows)
        what = f"{rest} of {int(present)} values in {column} are no numbers: {', '.join(map(repr, odd))}{sample}"
        yield Finding("mixed_types", (column,), what, {"rows": rest, "present": int(present)})
    elif dated and dated >= fits:
        what = f"{int(dated)} of {int(present)} texts in {column} are dates, such as {a_date!r}{sample}"
        yield Finding("date_as_text", (column,), what, {"rows": int(dated), "present": int(present)})
    elif marked:
        what = f"{int(marked)} times {' or '.join(map(repr, which))} in {column}{sample}"
        yield Finding("missing_mark", (column,), what, {"rows": int(marked)})
