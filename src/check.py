"""Check the settings and the raw table before anything is spent, and write the table's profile."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from slipway.project.entry import UserError, heed_kill, parser, run

# What comes first says which Python lacks what the others import.
# isort: split
from slipway.project.data_settings import Data
from slipway.project.names import class_named, has_classes
from slipway.project.sections import closest
from slipway.project.settings import Params, load_params, settled

if TYPE_CHECKING:
    from collections.abc import Iterable

    from slipway.tables.findings import Finding
    from slipway.tables.reading import RawTable


def check_label(profile: dict[str, Any], data: Data) -> None:
    """Raise a UserError when the label of a profiled table cannot be learned."""
    place = f"Edit conf/data/, or look into data/raw/{data.name}."
    if not profile["rows"]:
        raise UserError(f"Got no row in data/raw/{data.name}, expected some to learn from. {place}")
    if not has_classes(data.task):
        label = profile["columns"][data.label]
        if label["kind"] not in ("integer", "number"):
            raise UserError(
                f"Got a {label['kind']} as label {data.label!r}, expected a number for task={data.task}. Where only a currency or a "
                f"separator is in the way, set data.read.types.{data.label}=number. {place}"
            )
        if label["unique"] < 2:
            raise UserError(
                f"Got {label['unique']} value{'s' * (label['unique'] != 1)} in the label {data.label!r}, expected different ones. {place}"
            )
        return
    classes = profile["label"]["classes"]
    if len(classes) < 2:
        wanted = "2 classes" if data.task == "binary" else "2 at least"
        raise UserError(
            f"Got {'the class ' + next(iter(classes)) + ' alone' if classes else 'no value at all'} in the label "
            f"{data.label!r}, expected {wanted}. {place}"
        )
    if data.task == "binary" and len(classes) > 2:
        raise UserError(f"Got {len(classes)} classes in the label {data.label!r}, expected 2 for task=binary. {place}")
    if data.task == "binary" and data.positive_class is not None and class_named(data.positive_class, classes) is None:
        raise UserError(
            f"Got data.positive_class={data.positive_class!r}, expected a class of {data.label!r}: "
            f"{' or '.join(classes)}{', in quotes: YAML takes it for a truth' * isinstance(data.positive_class, bool)}. {place}"
        )
    rarest = min(classes, key=classes.__getitem__)
    if classes[rarest] < 2:
        raise UserError(f"Got one row of class {rarest!r}, expected at least 2, to train and to test on. {place}")


def dates_out_of_reach(profile: dict[str, Any]) -> list[str]:
    """Return a sentence for every column of dates that `slipway.rows.contract.typed` has to bring within reach."""
    return [
        f"dates in {column!r} go from {says['min']} to {says['max']}; features see those before 1677-09-22 or after "
        "2262-04-11 as these days"
        for column, says in profile["columns"].items()
        if says["kind"] == "datetime" and says["min"] is not None
        and not "1677-09-22" <= str(says["min"]) <= str(says["max"]) <= "2262-04-11 00:00:00"
    ]  # fmt: skip


def balance_in_words(profile: dict[str, Any], data: Data) -> str:
    """Return how many rows each class has, or how far a number reaches."""
    if not has_classes(data.task):
        label, series = profile["columns"][data.label], profile.get("series")
        told = (
            f"; {series['series']} series, the longest of {series['longest']} steps of {series['freq']}"
            if series
            else ""
        )
        return f"{data.label} from {label['min']} to {label['max']}{told}"
    return ", ".join(f"{n} of class {c}" for c, n in profile["label"]["classes"].items())


def of_this_task(found: "Iterable[Finding]", data: Data) -> "Iterable[Finding]":
    """Return what is to be known of a table of rows, or of series."""
    if data.task != "forecasting":
        return found
    from slipway.checks.series import of_series  # with pandas, which takes as long as the rest of check

    return of_series(found, data)


def told_series(raw: "RawTable", params: Params) -> dict[str, Any]:
    """Return the profile of a long table's series, after saying what is to be known of them; nothing of any other table."""
    if params.data.task != "forecasting":
        return {}
    from slipway.checks.series import series_profile

    series, notes = series_profile(raw, params.data, params.automl.num_val_windows or 1)
    for note in notes:
        print(f"check: {note}")
    return {"series": series}


def main() -> None:  # noqa: PLR0915  one story in order
    parser(__doc__).parse_args()
    params = load_params(open_task=True)
    from slipway.checks.findings_table import show_findings
    from slipway.checks.inspection import inspect
    from slipway.checks.profile import profile_of, rounded, task_of
    from slipway.checks.schema import check_schema
    from slipway.project.availability import check_available
    from slipway.project.files import write_json
    from slipway.project.guard import check_conf_is_composed
    from slipway.project.names import rescaled
    from slipway.tables.findings import judged, stop_on_errors, unfounded
    from slipway.tables.progress import RowProgress
    from slipway.tables.reading import read_raw_table

    check_conf_is_composed(Path("conf"), params.conf_digest)
    data = params.data
    left_out = check_available(params.automl)
    if left_out:
        print(f"check: the search goes without {', '.join(f'{k} (no package {p})' for k, p in left_out.items())}")
    with read_raw_table(Path("data/raw") / data.name, data.read, progress=RowProgress("check", "MB")) as raw:
        notes = [*raw.notes, *(str(mixed) for mixed in raw.mixed if mixed.column == data.label)]
        for note in notes:
            print(f"check: {note}")
        if data.label not in raw.kinds:
            raise UserError(
                f"Got data.label={data.label!r}, but data/raw/{data.name} has no such column"
                f"{closest(data.label, list(raw.kinds))}. Edit conf/data/."
            )
        profile, sample = profile_of(raw, data.label, data.task, params.check.sample_rows)
        if data.task is None:
            _, why = task_of(data.label, profile["columns"][data.label], profile["rows"])
            notes.append(f"the task is {profile['task']}, as {why}; data.task sets it")
            print(f"check: {notes[-1]}")
        params = settled(params, profile["task"])
        data, metric = params.data, params.automl.eval_metric
        if ours := rescaled(metric, data.task):
            print(f"check: the search ranks by {ours}, which ranks as {metric} does; its figures differ")
        for note in (far := dates_out_of_reach(profile)):
            print(f"check: {note}")
        notes += far
        profile |= told_series(raw, params)
        split_by = {value for value in data.split.model_dump().values() if isinstance(value, str)}
        found = inspect(raw, sample, profile, data.task, params.check, split_by)
        findings = judged(of_this_task(found, data), params.check)
        show_findings(findings)
        if unaccepted := check_schema(raw, profile, Path("data/schema") / f"{data.name}.yaml"):
            print(f"check: {unaccepted}")
    for key in unfounded(findings, params.check):
        print(f"check: {key} is acknowledged in conf/check/, but was not found; you can take it out")
    check_label(profile, data)
    if data.task == "binary" and data.positive_class is None:
        second = profile["columns"][data.label]["max"]
        print(f"check: the positive class is {second}, the second in order; data.positive_class sets it")
    stop_on_errors(findings)
    write_json(
        Path("data/profile.json"),
        rounded({**profile, "reading": notes, "findings": findings}),
    )
    balance = balance_in_words(profile, data)
    files = "1 file" if len(raw.files) == 1 else f"{len(raw.files)} files"
    print(f"check: {profile['rows']} rows, {len(raw.kinds)} columns in {files}; {balance}")


if __name__ == "__main__":
    heed_kill()
    run(main)
