"""Bring a table into the project: look at it, propose how to learn from it, and write the files that say so."""

import re
import shutil
import sys
from argparse import Namespace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from slipway.project.entry import UserError, parser, run
from slipway.project.sections import closest
from slipway.start.asking import answer, confirmed
from slipway.start.files import TABLE_NAME, recipe_file, settings_file, table_name

if TYPE_CHECKING:
    from slipway.start.choosing import Choice

RAW = Path("data/raw")
# Rows that are looked at for the formats of dates.
SAMPLE_ROWS = 100_000
# Task → the search that it wants, where that is not the usual one.
SEARCH = {"quantile": "quantile", "forecasting": "forecasting"}


def arguments() -> Namespace:
    wanted = parser(__doc__)
    wanted.add_argument("path", type=Path, help="a file, or a folder with the files of one table")
    wanted.add_argument("--label", help="the column to predict")
    wanted.add_argument("--name", help="the table's name; made of the file's if left out")
    wanted.add_argument("--task", help="binary, multiclass, regression, quantile or forecasting")
    wanted.add_argument("--metric", help="what the search makes best")
    wanted.add_argument("--split", help="random, group:COLUMN or time:COLUMN")
    wanted.add_argument("--timestamp", help="the column of dates; for forecasting")
    wanted.add_argument("--item", help="the column that tells series apart, or none; for forecasting")
    wanted.add_argument("--prediction-length", type=int, help="how many steps ahead to forecast")
    recipe = wanted.add_mutually_exclusive_group()
    recipe.add_argument("--recipe", action="store_true", default=None, help="write a recipe to begin with")
    recipe.add_argument("--no-recipe", dest="recipe", action="store_false", help="write none: all columns as they are")
    wanted.add_argument("--yes", action="store_true", help="take what is proposed, ask nothing")
    return wanted.parse_args()


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


def write(name: str, folder: Path, given: Path, files: tuple[Path, ...], choice: "Choice") -> list[Path]:
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
    be = "comes next of" if choice.values["task"] == "forecasting" else "is"
    named = {
        "about": f"{name}: what {be} {choice.values['label']}?",
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
    from slipway.start.choosing import check_settings, choose

    check_settings()
    from slipway.checks.profile import profile_of
    from slipway.project.data_settings import Read
    from slipway.start.proposal import date_formats
    from slipway.tables.reading import read_raw_table

    with read_raw_table(given.path, Read()) as raw:
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
    with read_raw_table(given.path, Read(dates=dates)) as raw:
        choice = choose(raw, label, name, dates, given, asking)
    if asking and not confirmed("write the files", True):
        raise UserError("Got no for an answer, so nothing was written.")
    written = write(name, folder, given.path, raw.files, choice)
    print(f"Wrote {', '.join(str(path) for path in written)}")
    task = choice.values["task"]
    search, also = (f" -S automl={SEARCH[task]}", f" and `automl: {SEARCH[task]}`") if task in SEARCH else ("", "")
    if task == "forecasting" and find_spec("autogluon.timeseries") is None:
        print("  add the extra  ./environment.sh forecasting")
    print(f"  try it         dvc exp run -S data={name}{search}")
    print(f"  make it yours  write `data: {name}`{also} into conf/config.yaml, then dvc exp run")


if __name__ == "__main__":
    run(main)
