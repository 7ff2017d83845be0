"""Bring a table into the project: look at it, propose how to learn from it, and write the files that say so."""

import re
import shutil
import sys
import tempfile
from argparse import Namespace
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slipway.project.entry import UserError, parser, run
from slipway.project.names import METRIC, METRICS
from slipway.project.sections import closest
from slipway.start.files import TABLE_NAME, recipe_file, settings_file, table_name

if TYPE_CHECKING:
    from slipway.checks.profile import Sample
    from slipway.tables.reading import RawTable

RAW = Path("data/raw")
# Rows that are looked at for the formats of dates.
SAMPLE_ROWS = 100_000


@dataclass(frozen=True)
class Choice:
    """What a table's settings will say; the columns that its recipe leaves out, None for no recipe; its schema."""

    values: dict[str, Any]
    left_out: dict[str, str] | None
    schema: dict[str, dict[str, Any]]


def arguments() -> Namespace:
    wanted = parser(__doc__)
    wanted.add_argument("path", type=Path, help="a file, or a folder with the files of one table")
    wanted.add_argument("--label", help="the column to predict")
    wanted.add_argument("--name", help="the table's name; made of the file's if left out")
    wanted.add_argument("--task", help="binary, multiclass, regression or quantile")
    wanted.add_argument("--metric", help="what the search makes best")
    wanted.add_argument("--split", help="random, group:COLUMN or time:COLUMN")
    recipe = wanted.add_mutually_exclusive_group()
    recipe.add_argument("--recipe", action="store_true", default=None, help="write a recipe to begin with")
    recipe.add_argument("--no-recipe", dest="recipe", action="store_false", help="write none: all columns as they are")
    wanted.add_argument("--yes", action="store_true", help="take what is proposed, ask nothing")
    return wanted.parse_args()


def one_of(what: str, got: str, known: list[str]) -> str:
    """Return what was got when it is known; otherwise raise a UserError with the closest name."""
    if got not in known:
        shown = ", ".join(known[:30]) + ", …" * (len(known) > 30)
        raise UserError(f"Got {what} {got!r}, expected one of {shown}{closest(got, known)}.")
    return got


def answer(what: str, given: str | None, proposed: str | None, known: list[str], asking: bool) -> str:
    """Return what was given on the command line, else what a person says, else what is proposed."""
    if given is not None:
        return one_of(what, given, known)
    if not asking:
        if proposed is None:
            raise UserError(
                f"Got no {what}, expected one: {what}, such as {what} {known[-1]!r}. {len(known)} columns are there: {', '.join(known[:30])}{', …' * (len(known) > 30)}."
            )
        return proposed
    from rich.prompt import Prompt

    while True:
        said = Prompt.ask(what.lstrip("-"), default=proposed) or ""
        if said in known:
            return said
        print(f"Expected one of {', '.join(known)}{closest(said, known)}.")


def place_of(path: Path, name: str | None) -> tuple[str, Path]:
    """Return the table's name and its folder, after checking that the files are there and nothing is in their way."""
    if not path.exists():
        near = [file.name for file in path.parent.iterdir()] if path.parent.is_dir() else []
        raise UserError(f"Got no file {path}, expected the table there{closest(path.name, near)}.")
    home = path if path.is_dir() else path.parent
    inside = home.resolve().parent == RAW.resolve()
    name = name or (home.resolve().name if inside else table_name(path.name.split(".")[0]))
    if not re.fullmatch(TABLE_NAME, name):
        raise UserError(
            f"Got the table's name {name!r}, expected small letters, digits and _ after a letter. Name it: --name {table_name(name)}."
        )
    folder = RAW / name
    if inside and home.resolve() != folder.resolve():
        raise UserError(
            f"Got --name {name} for a table that lies in {home}, expected {home.name!r}. Leave --name out, or move the files."
        )
    taken = [Path(f"conf/data/{name}.yaml"), Path(f"data/schema/{name}.yaml"), Path(f"src/recipes/{name}.py")]
    if not inside and folder.is_dir():
        taken += [file for file in folder.iterdir() if file.stem.upper() != "README"]
    for file in taken:
        if file.exists():
            raise UserError(
                f"Got the table's name {name!r}, but {file} is there and is left as it is; expected a new name: --name."
            )
    return name, folder


def linked(path: Path, to: Path) -> list[Path]:
    """Return a path's files in a folder of links to them, so that a table is read where it lies."""
    from slipway.tables.reading import raw_files

    files = list(raw_files(path)) if path.is_dir() else [path]
    for file in files:
        link = to / (file.relative_to(path) if path.is_dir() else file.name)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(file.resolve())
    return files


def check_settings() -> Any:
    from omegaconf import OmegaConf

    from slipway.project.stage_settings import Check

    file = Path("conf/check/default.yaml")
    if not file.is_file():
        raise UserError(f"Got no {file}, expected it in {Path.cwd()}. Run this in the folder of the project.")
    return Check.model_validate(OmegaConf.to_container(OmegaConf.load(file)))


def looked_at(raw: "RawTable", label: str, task: str) -> tuple[dict[str, Any], "Sample", list[dict[str, Any]]]:
    """Return a table's profile, rows of it, and what check would find."""
    from slipway.checks.inspection import inspect
    from slipway.checks.profile import profile_of
    from slipway.tables.findings import judged

    settings = check_settings()
    profile, sample = profile_of(raw, label, task, settings.sample_rows)
    return profile, sample, judged(inspect(raw, sample, profile, task, settings, set()), settings)


def confirmed(question: str, proposed: bool) -> bool:
    from rich.prompt import Confirm

    return Confirm.ask(question, default=proposed)


def choose(raw: "RawTable", label: str, dates: dict[str, str], given: Namespace, asking: bool) -> Choice:
    """Say what a table shows, and return what is proposed for it, or what is said instead."""
    from slipway.checks.findings_table import show_findings
    from slipway.checks.profile import profile_of, task_of
    from slipway.checks.schema import schema_of
    from slipway.start.proposal import check_no_feature_lost, left_out_of, positive_class_of, split_of

    facts, why = profile_of(raw, label, "regression", 1000)[0], "as said"
    proposed = None
    if given.task is None:
        proposed, why = task_of(label, facts["columns"][label], facts["rows"])
    task = answer("--task", given.task, proposed, list(METRICS), asking)
    metric = answer("--metric", given.metric, METRIC[task], list(METRICS[task]), asking)
    profile, sample, findings = looked_at(raw, label, task)
    show_findings(findings)
    method, by, reason = split_of(findings, profile, sample)
    ways = ["random", *(f"{way}:{column}" for column in raw.kinds if column != label for way in ("group", "time"))]
    split = answer("--split", given.split, f"{method}:{by}" if by else method, ways, asking)
    method, _, column = split.partition(":")
    left_out = left_out_of(findings, method, column or None)
    recipe = bool(left_out) if given.recipe is None else given.recipe
    if asking and given.recipe is None:
        recipe = confirmed("a recipe to begin with", recipe)
    if recipe:
        check_no_feature_lost(raw, label, left_out)
    positive = positive_class_of(profile["label"]["classes"], raw.kinds[label]) if task == "binary" else None
    print(f"new_table: {profile['rows']} rows, {len(raw.kinds)} columns")
    print(f"  task     {task} ({why})" + (f", positive class {positive}" if task == "binary" else ""))
    print(f"  metric   {metric}")
    print(
        f"  split    {split}" + ("" if given.split else f" (proposed {method}: {reason})" if asking else f" ({reason})")
    )
    for date, form in dates.items():
        print(f"  dates    {date} as {form}")
    for out, because in left_out.items():
        print(f"  {'leaves out' if recipe else 'better left out'} {out} ({because})")
    values = {"label": label, "task": task, "metric": metric, "positive_class": positive, "dates": dates}
    return Choice(values | {"method": method, "column": column}, left_out if recipe else None, schema_of(raw, profile))


def write(name: str, folder: Path, given: Path, files: list[Path], choice: Choice) -> list[Path]:
    """Write all that describes a table, and copy its files where they are not there yet; return what was written."""
    from slipway.checks.schema import write_schema
    from slipway.project.files import write_text

    home = given if given.is_dir() else given.parent
    if folder.resolve() != home.resolve():
        for file in files:
            place = folder / file.relative_to(home)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, place)
    schema, recipe, settings = (
        Path(p) for p in (f"data/schema/{name}.yaml", f"src/recipes/{name}.py", f"conf/data/{name}.yaml")
    )
    write_schema(schema, choice.schema)
    if choice.left_out is not None:
        write_text(recipe, recipe_file(name, choice.left_out))
    named = {
        "about": f"{name}: what is {choice.values['label']}?",
        "name": name,
        "model": name.replace("_", "-"),
        "recipe": "as_is" if choice.left_out is None else name,
    }
    write_text(settings, settings_file(named | choice.values))
    return [folder, schema, *([] if choice.left_out is None else [recipe]), settings]


def main() -> None:
    given = arguments()
    asking = not given.yes and sys.stdin.isatty()
    if not asking and not given.yes:
        raise UserError("Got no terminal to ask on, expected --yes, which takes what is proposed, or a terminal.")
    name, folder = place_of(given.path, given.name)
    check_settings()
    from slipway.checks.profile import profile_of
    from slipway.project.data_settings import Read
    from slipway.start.proposal import date_formats
    from slipway.tables.reading import read_raw_table

    with tempfile.TemporaryDirectory() as scratch:
        links = Path(scratch) / name
        files = linked(given.path, links)
        with read_raw_table(links, Read()) as raw:
            for note in raw.notes:
                print(f"new_table: {note}")
            label = answer("--label", given.label, None, list(raw.kinds), asking)
            texts = [column for column, kind in raw.kinds.items() if kind == "text"]
            dates, doubtful = date_formats(texts, profile_of(raw, label, "regression", SAMPLE_ROWS)[1])
        if doubtful:
            which = ", ".join(doubtful)
            print(
                f"new_table: the dates in {which} may begin with the day or the month, and stay texts; data.read.dates says"
            )
        with read_raw_table(links, Read(dates=dates)) as raw:
            choice = choose(raw, label, dates, given, asking)
    if asking and not confirmed("write the files", True):
        raise UserError("Got no for an answer, so nothing was written.")
    written = write(name, folder, given.path, files, choice)
    print(f"Wrote {', '.join(str(path) for path in written)}")
    search = " -S automl=quantile" if choice.values["task"] == "quantile" else ""
    print(f"  try it         dvc exp run -S data={name}{search}")
    print(f"  make it yours  write `data: {name}` into conf/config.yaml, then dvc exp run")


if __name__ == "__main__":
    run(main)
