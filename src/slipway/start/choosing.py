"""A new table's settings: what it shows is proposed, a person may say otherwise."""

from argparse import Namespace
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import OmegaConf

from slipway.checks.findings_table import show_findings
from slipway.checks.inspection import inspect
from slipway.checks.profile import Sample, profile_of, task_of
from slipway.checks.schema import schema_of
from slipway.project.data_settings import Data
from slipway.project.entry import UserError
from slipway.project.names import METRIC, METRICS
from slipway.project.stage_settings import Check
from slipway.start.asking import answer, confirmed, number
from slipway.start.proposal import check_no_feature_lost, left_out_of, positive_class_of, split_of
from slipway.start.series import ONE, date_columns, hint_of, item_of, steps_ahead
from slipway.tables.findings import judged

if TYPE_CHECKING:
    from slipway.tables.reading import RawTable


@dataclass(frozen=True)
class Choice:
    """What a table's settings will say; the columns that its recipe leaves out, None for no recipe; its schema.

    Attributes
    ----------
    told
        The same in words, a line each.
    """

    values: dict[str, Any]
    left_out: dict[str, str] | None
    schema: dict[str, dict[str, Any]]
    told: list[str]


def check_settings() -> Check:
    """Return what conf/ says of check, which must be there: who looks at a table stands in a project."""
    file = Path("conf/check/default.yaml")
    if not file.is_file():
        raise UserError(f"Got no {file}, expected it in {Path.cwd()}. Run this in the folder of the project.")
    return Check.model_validate(OmegaConf.to_container(OmegaConf.load(file)))


def looked_at(
    raw: "RawTable", label: str, task: str, data: Data | None = None
) -> tuple[dict[str, Any], Sample, list[dict[str, Any]]]:
    """Return a table's profile, rows of it, and what check would find, after showing it; of a long table with its settings."""
    from slipway.checks.series import of_series  # with pandas

    settings = check_settings()
    profile, sample = profile_of(raw, label, task, settings.sample_rows)
    found = inspect(raw, sample, profile, task, settings, set())
    findings = judged(of_series(found, data) if data else found, settings)
    show_findings(findings)
    return profile, sample, findings


def choose(raw: "RawTable", label: str, name: str, dates: dict[str, str], given: Namespace, asking: bool) -> Choice:
    """Say what a table shows, and return what is proposed for it, or what is said instead."""
    profile, why = profile_of(raw, label, given.task, 1000)[0], "as said"
    proposed = None
    if given.task is None:
        proposed, why = task_of(label, profile["columns"][label], profile["rows"])
        if proposed == "regression" and (hint := hint_of(raw, profile)):
            print(f"new_table: {hint}")
    task = answer("--task", given.task, proposed, list(METRICS), asking)
    metric = answer("--metric", given.metric, METRIC[task], list(METRICS[task]), asking)
    options = ["split"] if task == "forecasting" else ["timestamp", "item", "prediction_length"]
    if odd := [option for option in options if getattr(given, option) is not None]:
        raise UserError(
            f"Got --{odd[0].replace('_', '-')} for --task {task}, which has none. Leave it out, or name another --task."
        )
    values = {"name": name, "label": label, "task": task, "metric": metric, "positive_class": None, "dates": dates}
    choice = (choose_series if task == "forecasting" else choose_split)(raw, values, profile, given, asking)
    positive = choice.values["positive_class"]
    print(f"new_table: {profile['rows']} rows, {len(raw.kinds)} columns")
    print(f"  task     {task} ({why})" + (f", positive class {positive}" if task == "binary" else ""))
    print(f"  metric   {metric}")
    for line in [*choice.told, *(f"dates    {date} as {form}" for date, form in dates.items())]:
        print(f"  {line}")
    return choice


def choose_split(
    raw: "RawTable", values: dict[str, Any], profile: Mapping[str, Any], given: Namespace, asking: bool
) -> Choice:
    """Return the settings of a table of rows: how they are split, and what is no feature."""
    label, task = values["label"], values["task"]
    profile, sample, findings = looked_at(raw, label, task)  # more than was needed so far
    method, by, reason = split_of(findings, profile, sample)
    ways = ["random", *(f"{way}:{column}" for column in raw.kinds if column != label for way in ("group", "time"))]
    split = answer("--split", given.split, f"{method}:{by}" if by else method, ways, asking)
    why = "" if given.split else f" (proposed {method}: {reason})" if asking else f" ({reason})"
    method, _, column = split.partition(":")
    left_out = left_out_of(findings, method, column or None)
    recipe = bool(left_out) if given.recipe is None else given.recipe
    if asking and given.recipe is None:
        recipe = confirmed("a recipe to begin with", recipe)
    if recipe:
        check_no_feature_lost(raw, label, left_out)
    positive = positive_class_of(profile["label"]["classes"], raw.kinds[label]) if task == "binary" else None
    out = "leaves out" if recipe else "better left out"
    told = [f"split    {split}{why}", *(f"{out} {name} ({because})" for name, because in left_out.items())]
    values |= {"positive_class": positive, "method": method, "column": column}
    return Choice(values, left_out if recipe else None, schema_of(raw, profile), told)


def choose_series(
    raw: "RawTable", values: dict[str, Any], profile: Mapping[str, Any], given: Namespace, asking: bool
) -> Choice:
    """Return the settings of a long table: its dates, what tells series apart, and how far ahead to forecast."""
    from slipway.checks.series import series_profile  # with pandas

    label, place = values["label"], "Name other columns by --timestamp and --item, or mend the files."
    dates = [column for column, kind in raw.kinds.items() if kind == "datetime"]
    if not dates:
        raise UserError(
            f"Got no column of dates beside {label!r}, expected one for --task forecasting, such as 2026-12-31."
        )
    timestamp = answer("--timestamp", given.timestamp, next(iter(date_columns(profile)), dates[-1]), dates, asking)
    others = [column for column in raw.kinds if column not in (label, timestamp)]
    proposed = item_of(raw, profile, timestamp)[0] if given.item is None else None
    item = answer("--item", given.item, proposed, [ONE, *others], asking)
    split: dict[str, Any] = {"method": "horizon", "item": None if item == ONE else item, "timestamp": timestamp}

    def described(**more: Any) -> Data:
        recipe = {"name": "as_is", "options": {}, "sample_rows": 2}
        told = {name: says for name, says in values.items() if name != "dates"}
        return Data.model_validate(
            {
                **told,
                "model": "new",
                "read": {},
                "recipe": recipe,
                "split": split | more,
            }
        )

    series, _ = series_profile(raw, described(prediction_length=1), 1, place)
    ahead = number(
        "--prediction-length", given.prediction_length, steps_ahead(series["freq"], series["shortest"]), asking
    )
    split |= {"freq": series["freq"], "prediction_length": ahead}
    _, notes = series_profile(raw, described(), 1, place)
    profile, _, _ = looked_at(raw, label, "forecasting", described())
    by = "told apart by " + item if split["item"] else "the table itself"
    told = [
        f"series   {series['series']}, {by}; the shortest of {series['shortest']} steps of {series['freq']} by {timestamp}",
        f"ahead    {ahead} steps, which are the test rows of every series",
        *(f"note     {note}" for note in notes),
    ]  # fmt: skip
    unused = ", ".join(column for column in others if column != item) or "none"
    return Choice(values | split | {"others": unused}, {} if given.recipe else None, schema_of(raw, profile), told)
