"""The kinds of a raw table's columns: as set, else found over all of its rows; and the columns that are of two kinds."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from slipway.project.entry import UserError
from slipway.tables.inference import (
    BLANK,
    CODE,
    NEARLY_ALL,
    Fields,
    Numbers,
    Rule,
    fields_found,
    kind_of,
    main_kind,
    quoted,
)

if TYPE_CHECKING:
    from slipway.rows.contract import Kind
    from slipway.tables.sources import Place, Sources


# A mark for a missing value is told of with at most so many columns by name.
COLUMNS_NAMED = 3


@dataclass(frozen=True)
class Mixed:
    """A column that is of one kind but for some rows, and was therefore read as text.

    Attributes
    ----------
    kind
        What most of its values are.
    share
        The share of its values that are.
    misfits
        How many are not.
    first
        The first that is not.
    """

    column: str
    kind: "Kind"
    share: float
    misfits: int
    first: "Place"

    def __str__(self) -> str:
        """Return the finding in words."""
        return (
            f"{self.column!r} is {self.kind} in {self.share:.1%} of its values, but {self.misfits} are not, the first in "
            f"{self.first}: {str(self.first.value)[:60]!r}"
        )


def numbers_of(sources: "Sources", notes: list[str]) -> Numbers:
    """Return how the table's numbers are written: as set, else as the files show."""
    settings = sources.settings
    dialects = [source.dialect for source in sources.sources if source.dialect]
    decimals = sorted({dialect.decimal for dialect in dialects} - {""})
    if settings.decimal is None and len(decimals) > 1:
        raise UserError(
            f"Got numbers with a decimal point and with a decimal comma in {sources.folder}, expected one way. Set "
            "data.read.decimal, or write the files the same way."
        )
    decimal = settings.decimal or (decimals[0] if decimals else ".")
    groups = sorted({dialect.thousands for dialect in dialects} - {"", decimal})
    thousands = settings.thousands if settings.thousands is not None else groups[0] if groups else ""
    if settings.decimal is None and decimal == ",":
        notes.append("the comma is taken for the decimal sign; data.read.decimal sets it")
    if settings.thousands is None and thousands == ",":
        notes.append("the comma is taken for the thousands separator; data.read.thousands sets it")
    return Numbers(decimal, "" if thousands == decimal else thousands)


def check_by_hand(sources: "Sources", rules: dict[str, Rule]) -> None:
    """Raise a UserError when a value does not fit the type that the settings give its column."""
    rules = {column: rule for column, rule in rules.items() if rule.kind != "text"}
    if not rules:
        return
    misfits = {column: rule.misfit(quoted(column)) for column, rule in rules.items()}
    texts = sources.connection.sql(sources.sql())
    counted = [f"count(*) FILTER ({misfit}), count(nullif(trim({quoted(c)}), ''))" for c, misfit in misfits.items()]
    counts = texts.aggregate(", ".join(counted)).fetchall()[0]
    for (column, misfit), count, present in zip(misfits.items(), counts[::2], counts[1::2], strict=True):
        if count:
            place = sources.first(sources.sql(numbered=True), quoted(column), misfit)
            way = f"dates.{column}={rules[column].date_format!r}" if rules[column].date_format else f"types.{column}"
            raise UserError(
                f"Got {place and place.value!r} in the column {column!r} of {place}, expected a {rules[column].kind} there"
                f"{f' as in all but {count} rows' if count < present else f'; none of {present} values is one'}. Edit "
                f"data.read.{way}, or list the value in data.read.missing."
            )


def inferred_kinds(
    sources: "Sources", columns: list[str], numbers: Numbers, notes: list[str]
) -> "tuple[dict[str, Kind], list[Mixed], Fields]":
    """Return column → the kind that fits all of its fields, and the columns that are of one kind but for some rows.

    And by what all columns can be read from now on, those whose kind is set among them.
    """
    is_text = sources.format == "delimited text"
    marks = [mark for mark in sources.fields.marks if mark] if is_text else []
    looked_at = sources.columns if marks else columns
    found, marked = fields_found(sources.connection, sources.sql(marked=False), looked_at, numbers, marks)
    notes += _marks_in_words(marked)
    found = {column: found[column] for column in columns}
    kinds = {column: kind_of(counts) for column, counts in found.items()}
    fields = sources.fields
    if is_text:
        as_sql = {c: k for c, k in kinds.items() if k in ("integer", "number") and BLANK not in found[c]}
        fields = Fields(["", *sorted(marked)], as_sql if numbers == Numbers() else {}, sources.checksum())
    mixed = []
    for column, counts in found.items():
        if kinds[column] != "text":
            if blank := counts.get(BLANK):
                notes.append(f"{blank} blank fields of the {kinds[column]} column {column!r} are taken as missing")
            continue
        kind, share = main_kind(counts)
        if share == 0 or CODE in counts:
            continue
        place = sources.first(sources.sql(numbered=True), quoted(column), Rule(kind, numbers).misfit(quoted(column)))
        values = sum(counts.values()) - counts.get(BLANK, 0)
        if place and (share >= NEARLY_ALL or place.row > max(10, values / 10)):
            mixed.append(Mixed(column, kind, share, round(values * (1 - share)), place))
    return kinds, mixed, fields


def _marks_in_words(marked: dict[str, dict[str, int]]) -> list[str]:
    """Return a sentence for each mark that occurs, the most frequent first: it may be a value, as NA is of Namibia."""
    said = []
    for mark, columns in sorted(marked.items(), key=lambda one: (-sum(one[1].values()), one[0])):
        most = sorted(columns, key=lambda column: (-columns[column], column))
        which = ", ".join(map(repr, most[:COLUMNS_NAMED]))
        more = f" and {len(most) - COLUMNS_NAMED} more columns" if len(most) > COLUMNS_NAMED else ""
        count = sum(columns.values())
        fields = f"{count} field{'s' * (count != 1)}"
        said.append(f"{mark!r} is taken as missing in {fields} of {which}{more}; data.read.missing sets the marks")
    return said
