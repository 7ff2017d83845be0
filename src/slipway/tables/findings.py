"""What check finds in a raw table: how grave, why it matters, what to do; and who stops because of it."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from slipway.project.entry import UserError

if TYPE_CHECKING:
    from slipway.project.stage_settings import Check

SEVERITIES = ("error", "warning", "note")


class Meaning(NamedTuple):
    """What a finding means.

    Attributes
    ----------
    severity
        "warning" or "note"; the setting check.errors makes an error of it.
    if_used
        Whether it only matters where the features depend on the column, so that a recipe settles it by leaving it out.
    why, advice
        Why it matters, and what to do.
    """

    severity: str
    if_used: bool
    why: str
    advice: str


MEANINGS = {
    "label_constant": Meaning("warning", False, "There is nothing to learn.", "Look for the rows that are missing, or predict another column."),
    "label_not_a_number": Meaning("warning", False, "A regression predicts numbers.", "Set data.read.types to number for it where only a currency or a separator is in the way; else clean it in the raw files, or predict classes."),
    "lonely_class": Meaning("warning", False, "A single row cannot be both trained and tested on.", "Bring more rows of the class, merge it with another, or drop it in the recipe's clean()."),
    "label_copy": Meaning("warning", True, "It is the label under another name: the model would learn to read it, and fail where it is not known yet.", "Leave it out with data.read.drop or in the recipe's features()."),
    "label_leak": Meaning("warning", True, "Such a column is mostly filled in after the fact, or numbers rows that are sorted by the label: scores look perfect, and the model fails where it is not known yet.", "Leave it out with data.read.drop or in the recipe's features(), unless it is known when you predict."),
    "infinities": Meaning("warning", True, "Bins, scaling and several models fail on infinite numbers.", "Make them missing or cap them, in the raw files or the recipe."),
    "label_missing": Meaning("warning", False, "A row without a label can be neither trained nor tested on: dataprep drops it.", "Fill the label in if it is known; look whether the rows have something in common."),
    "rare_class": Meaning("warning", False, "Few rows are left to train and to test on: its scores are chance, and AutoGluon leaves out classes with fewer than 10 train rows.", "Bring more rows, or merge the class with another."),
    "class_imbalance": Meaning("warning", False, "Accuracy is high for a model that never predicts the rare class.", "Search and judge by average_precision, balanced_accuracy, f1 or mcc (automl.eval_metric, evaluate.metrics)."),
    "label_outliers": Meaning("warning", False, "A few labels decide squared errors, and with them which model wins.", "Look whether they are mistakes; else search by mean_absolute_error or predict the logarithm."),
    "strong_column": Meaning("warning", True, "One column tells nearly everything: a good predictor, or one filled in after the fact.", "Make sure that it is known when you predict; else leave it out with data.read.drop or in the recipe's features()."),
    "telling_gap": Meaning("warning", True, "Whether it is filled in tells the label, as with what is only written down after the fact.", "Make sure that it is known when you predict; else leave it out with data.read.drop or in the recipe's features()."),
    "time_order": Meaning("warning", False, "Test rows older than train rows let the model look into the future, and scores look better than they will be.", "If you predict for later rows, split by this date (data.split)."),
    "repeated_id": Meaning("warning", False, "Rows of one group on both sides of the split let the model recognise the group.", "If you predict for new groups, split by this column (data.split)."),
    "number_as_text": Meaning("warning", True, "Taken as a text, a number loses its order and distances.", "Set data.read.types where only a currency, a separator or a leading zero is in the way; else make them numbers in the recipe's features()."),
    "date_as_text": Meaning("warning", True, "Taken as a text, a date loses its order and its parts.", "Set the format in data.read.dates, or make them dates in the recipe's features()."),
    "mixed_types": Meaning("warning", True, "A few odd values make a text of a column of numbers or dates.", "List the odd values in data.read.missing if they stand for missing ones; else mend them in the raw files."),
    "contradicting_rows": Meaning("warning", False, "Rows alike in all but the label can fall on both sides of the split, and no model can tell them apart.", "Look whether a column that tells them apart is missing, or a label is wrong."),
    "test_row_in_train": Meaning("warning", False, "The test asks what the model has seen with its answer: scores look better than they will be.", "Drop copies in the recipe's clean(), or split at random (data.split), which keeps equal rows together."),
    "empty": Meaning("warning", True, "Nothing can be learned from it; often a reading error or a source that broke.", "Look into the raw files; else leave it out with data.read.drop."),
    "duplicate_rows": Meaning("note", False, "Repeated rows count more than others. A random split keeps equal rows together, so they leak nothing there.", "Look whether they are copies or honest repeats; copies can go in the recipe's clean()."),
    "constant": Meaning("note", True, "Nothing can be learned from one value.", "Nothing; or leave it out, and callers need not send it."),
    "identifier": Meaning("note", True, "It names a row and says nothing about new ones; a model can learn it by heart.", "Leave it out with data.read.drop or in the recipe's features()."),
    "near_unique_text": Meaning("note", True, "Its values hardly repeat: AutoGluon uses its words, slowly, or drops it.", "Take out what matters in the recipe's features(), or leave it out."),
    "missing_mark": Meaning("note", True, "It looks like a mark for a missing value, and is taken as a value.", "List it in data.read.missing if it means missing, with the usual marks that occur."),
}  # fmt: skip


@dataclass(frozen=True)
class Finding:
    """Something in a raw table that a careful colleague would point out.

    Attributes
    ----------
    name
        One of slipway.project.names.FINDINGS.
    columns
        The columns that it is about; none when it is about whole rows.
    what
        What was found, with its figures, as a sentence.
    figures
        The same for machines.
    minor
        Whether it is worth no more than a note here.
    """

    name: str
    columns: tuple[str, ...]
    what: str
    figures: dict[str, Any] = field(default_factory=dict)
    minor: bool = False


def judged(found: Iterable[Finding], settings: "Check") -> list[dict[str, Any]]:
    """Return findings for the profile, the gravest first: as they are, with what they mean and their acknowledgement."""
    judged = []
    for finding in found:
        meaning = MEANINGS[finding.name]
        severity = "error" if finding.name in settings.errors else "note" if finding.minor else meaning.severity
        keys = [finding.name, *(f"{finding.name}:{column}" for column in finding.columns)]
        reasons = [settings.acknowledged[key] for key in keys if key in settings.acknowledged]
        says = {key: value for key, value in asdict(finding).items() if key != "minor"}
        judged.append({
            **says, "severity": severity, "if_used": meaning.if_used, "why": meaning.why, "advice": meaning.advice,
            "acknowledged": reasons[-1] if reasons else None,
        })  # fmt: skip
    names = list(MEANINGS)
    return sorted(judged, key=lambda f: (_gravity(f), names.index(f["name"]), f["columns"]))


def _gravity(finding: dict[str, Any]) -> tuple[bool, int, bool]:
    """Return what findings are sorted by: settled ones last; of the same severity, those that hold in any case first."""
    return finding["acknowledged"] is not None, SEVERITIES.index(finding["severity"]), finding["if_used"]


def unfounded(findings: Sequence[dict[str, Any]], settings: "Check") -> list[str]:
    """Return the acknowledgements of what was not found, where check is who would find it."""
    there = {"test_row_in_train", *(f["name"] for f in findings)} | {
        f"{f['name']}:{column}" for f in findings for column in f["columns"]
    }
    return [key for key in settings.acknowledged if key not in there]


def stop_on_errors(findings: Sequence[dict[str, Any]], needed: Sequence[str] | None = None) -> None:
    """Raise a UserError when there is an error among the findings that nobody acknowledged.

    Parameters
    ----------
    findings
        As `judged` returns them, also read back from the profile.
    needed
        The columns that the features depend on; None as long as that is not known, when the errors that hang on it wait.
    """
    errors = [f for f in findings if f["severity"] == "error" and f["acknowledged"] is None and _matters(f, needed)]
    if not errors:
        return
    first = errors[0]
    more = f" (and {len(errors) - 1} more: {', '.join(key_of(f) for f in errors[1:])})" if errors[1:] else ""
    raise UserError(
        f"Got {key_of(first)}, {first['what']}{more}; expected a table without. {first['advice']} "
        f"Or give a reason in conf/check/, under acknowledged: {key_of(first)!r}: 'your reason'."
    )


def what_became(findings: Sequence[dict[str, Any]], needed: Sequence[str]) -> list[str]:
    """Return a sentence on the errors and warnings that hung on the recipe and that it settled, and one on those that stay."""
    waiting = [f for f in findings if f["if_used"] and f["severity"] != "note" and f["acknowledged"] is None]
    used = [key_of(f) for f in waiting if _matters(f, needed)]
    settled = [key_of(f) for f in waiting if key_of(f) not in used]
    lines = {"no feature depends on what check pointed out": settled, "features depend on what check warned of": used}
    return [f"{says}: {', '.join(keys)}" for says, keys in lines.items() if keys]


def findings_report(findings: Sequence[dict[str, Any]], needed: Sequence[str]) -> str:
    """Return in Markdown what was found, and what became of it: for the model's readers, who were not there."""
    if not findings:
        return "# What check found in the raw table\n\nNothing.\n"

    def became(finding: dict[str, Any]) -> str:
        if finding["acknowledged"] is not None:
            return f"acknowledged: {finding['acknowledged']}"
        if finding["if_used"] and not _matters(finding, needed):
            return "settled: no feature depends on it"
        return "stands" + (": features depend on it" if finding["if_used"] else "")

    rows = [(f["severity"], key_of(f), f["what"], became(f), f["why"]) for f in findings]
    lines = ["| " + " | ".join(" ".join(cell.replace("|", "\\|").split()) for cell in row) + " |" for row in rows]
    head = "| severity | finding | what was found | what became of it | why it matters |\n|---|---|---|---|---|\n"
    return "# What check found in the raw table\n\n" + head + "\n".join(lines) + "\n"


def key_of(finding: dict[str, Any]) -> str:
    """Return the name by which a finding is acknowledged."""
    return ":".join([finding["name"], *finding["columns"][:1]])


def _matters(finding: dict[str, Any], needed: Sequence[str] | None) -> bool:
    """Return whether a finding's time has come: once check knows it, once dataprep knows which columns are used."""
    if not finding["if_used"]:
        return needed is None
    return needed is not None and any(column in needed for column in finding["columns"])
