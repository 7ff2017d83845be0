"""Bringing a table into a project: what is proposed, what is written, what is refused; and the model that comes of it."""

import io
import json
import os
import pty
import re
import shutil
import subprocess
import sys
from datetime import date, timedelta
from importlib.util import find_spec
from pathlib import Path

import pytest
from omegaconf import OmegaConf
from ruamel.yaml import YAML

from slipway.checks.profile import profile_of, task_of
from slipway.project.data_settings import Data, Read
from slipway.project.entry import UserError
from slipway.start.files import TABLE_NAME, as_yaml, recipe_file, settings_file, table_name
from slipway.start.proposal import positive_class_of
from slipway.start.series import ONE, hint_of, item_of
from slipway.tables.reading import read_raw_table

ROOT = Path(__file__).parents[1]
ROWS = 240
TINY = """
defaults: [base, _self_]
models: {GBM: {num_boost_round: 30, min_data_in_leaf: 5}}
ensemble: false
num_cpus: 1
verbosity: 0
"""


def days(i):
    return date(2026, 1, 1) + timedelta(days=i)


# Name → header, a row of each number, and the label: odd column names, dates of people, groups, identifiers, leaks.
TABLES = {
    "churn": (
        'Customer ID;since;plan: "it\'s";amount;"left ${x} #1"',
        lambda i: (
            f"C-{i:05d};{days(i * 7 % ROWS):%d.%m.%Y};{'abc'[i % 3]};{i * 37 % 101},5;{'yes' if i * 37 % 101 > 60 else 'no'}"
        ),
        "left ${x} #1",
    ),
    "species": ("length,width,kind", lambda i: f"{i % 3 + i % 7 / 10},{i % 5},{['asa', 'bel', 'cyd'][i % 3]}", "kind"),
    "prices": ("sold on,rooms,price", lambda i: f"{days(i)},{i % 6},{1000 + i % 6 * 250 + i % 11}", "price"),
    "stays": (
        "patient,visit,weight,pressure",
        lambda i: f"{i % 40 + 500},{i // 40},{60 + i % 40 * 7 % 13},{110 + i % 40 * 7 % 13 + i % 3 / 10}",
        "pressure",
    ),
}
PROPOSED = {
    "churn": ("binary", "roc_auc", "yes", {"method": "time", "column": "since"}),
    "species": ("multiclass", "log_loss", None, {"method": "random"}),
    "prices": ("regression", "root_mean_squared_error", None, {"method": "time", "column": "sold on"}),
    "stays": ("regression", "root_mean_squared_error", None, {"method": "group", "column": "patient"}),
}


@pytest.fixture
def project(tmp_path):
    """Return a folder with copies of src/ and conf/, and the tables beside it."""
    for part in ("src", "conf"):
        shutil.copytree(ROOT / part, tmp_path / "project" / part, ignore=shutil.ignore_patterns("__pycache__"))
    for name, (head, row, _) in TABLES.items():
        text = "\n".join([head, *(row(i) for i in range(ROWS))]) + "\n"
        (tmp_path / f"{name}.csv").write_text(text, encoding="utf-8")
    return tmp_path / "project"


def run(project, script, *arguments, ok=True):
    done = subprocess.run(
        [sys.executable, f"src/{script}.py", *arguments],
        cwd=project, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == (0 if ok else 1), done.stdout + done.stderr
    return done.stdout if ok else done.stderr


def settings(project, name):
    return YAML(typ="safe").load(project / f"conf/data/{name}.yaml")


def files(project):
    return {
        file: file.read_bytes() for file in project.rglob("*") if file.is_file() and "__pycache__" not in file.parts
    }


@pytest.mark.slow
@pytest.mark.parametrize("name", TABLES)
def test_new_table_becomes_a_tested_model(project, name):
    """Every kind of table gets the proposal it deserves, a schema that holds it, and a tested model, with no edit at all."""
    said = run(project, "new_table", f"../{name}.csv", "--label", TABLES[name][2], "--yes")
    assert f"dvc exp run -S data={name}" in said
    task, metric, positive, split = PROPOSED[name]
    says = settings(project, name)
    assert (says["task"], says["metric"], says["positive_class"]) == (task, metric, positive)
    assert says["split"] == split | ({"gap": 0} if split["method"] == "time" else {}) | {
        "test_size": 0.2,
        "validation_size": None,
    }
    assert (project / f"data/raw/{name}/{name}.csv").read_bytes() == (project / f"../{name}.csv").read_bytes()
    (project / "conf/automl/tiny.yaml").write_text(TINY, encoding="utf-8")
    run(project, "compose", f"data={name}", "automl=tiny", "evaluate.importance_repeats=1")
    told = "".join(run(project, stage) for stage in ("check", "dataprep", "automl", "evaluate"))
    assert "data/schema" not in told  # check found the schema, and the table meets it
    metrics = json.loads((project / "reports/metrics.json").read_text(encoding="utf-8"))
    contract = json.loads((project / "models/recipe/contract.json").read_text(encoding="utf-8"))
    assert metrics["test_rows"] >= 40
    assert contract["label"] == TABLES[name][2]
    assert not {"Customer ID", "patient"} & set(contract["needed"])
    if name == "churn":
        assert contract["columns"]["since"] == "datetime"
        assert metrics["roc_auc"] > 0.9


@pytest.mark.slow
def test_written_files_are_formatted_and_never_overwritten(project):
    """The recipe is as the formatter would have it; a second run under the same name changes nothing and says why."""
    run(project, "new_table", "../churn.csv", "--label", "left ${x} #1", "--yes")
    subprocess.run(
        [sys.executable, "-m", "ruff", "format", "--check", "--config", ROOT / "pyproject.toml", "src/recipes"],
        cwd=project,
        check=True,
    )
    subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--config", ROOT / "pyproject.toml", "src/recipes"],
        cwd=project,
        check=True,
    )
    before = files(project)
    said = run(project, "new_table", "../churn.csv", "--label", "left ${x} #1", "--yes", ok=False)
    assert re.fullmatch(
        r"Error: Got the table's name 'churn', but .* is there and is left as it is; .*--name\.\n", said
    )
    run(project, "new_table", "data/raw/churn", "--label", "left ${x} #1", "--yes", ok=False)
    assert files(project) == before


@pytest.mark.slow
def test_table_that_lies_in_its_folder_is_described_where_it_is(project):
    """A file that was put into data/raw/<table>/ by hand stays there, alone."""
    place = project / "data/raw/homes"
    place.mkdir(parents=True)
    shutil.copy(project / "../prices.csv", place / "2026.csv")
    run(
        project, "new_table", "data/raw/homes/2026.csv", "--label", "price", "--split", "random", "--no-recipe", "--yes"
    )
    assert [file.name for file in place.iterdir()] == ["2026.csv"]
    assert settings(project, "homes")["split"]["method"] == "random"
    assert settings(project, "homes")["recipe"]["name"] == "as_is"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["../specie.csv", "--label", "kind"], r"Got no file \.\./specie\.csv, expected the table there; closest: 'species\.csv'\."),
        (["../species.csv", "--label", "kin"], r"Got --label 'kin', expected one of length, width, kind; closest: 'kind'\."),
        (["../species.csv"], r"Got no --label, expected one: .* length, width, kind\."),
        (["../species.csv", "--label", "kind", "--task", "binery"], "Got --task 'binery', expected .*; closest: 'binary'"),
        (["../species.csv", "--label", "kind", "--metric", "logloss"], "Got --metric 'logloss', .*; closest: 'log_loss'"),
        (["../species.csv", "--label", "kind", "--split", "group:widht"], "Got --split 'group:widht', .*'group:width'"),
        (["../species.csv", "--label", "kind", "--name", "Ka d"], "Got the table's name 'Ka d', .* --name ka_d"),
        (["../prices.csv", "--label", "sold on"], "Got dates in the label 'sold on', expected numbers, or 2 to 100 classes"),
        (["../empty.csv", "--label", "a"], "Got .*empty.csv"),
    ],
    ids=["file", "column", "no label", "task", "metric", "split", "name", "dates as label", "empty file"],
)  # fmt: skip
def test_what_cannot_work_is_one_sentence_and_writes_nothing(project, arguments, says):
    """A wrong argument ends in one sentence with the closest name, and leaves the project as it was."""
    (project / "../empty.csv").write_text("", encoding="utf-8")
    before = files(project)
    said = run(project, "new_table", *arguments, "--yes", ok=False)
    assert said.count("\n") == 1
    assert re.search(f"^Error: {says}", said), said
    assert files(project) == before
    assert "--yes" in run(project, "new_table", *arguments, ok=False) or "Got no file" in said


@pytest.mark.slow
def test_files_are_named_as_they_were_given(project):
    """What is said of a table names its file where the person has it, in sentences, notes and findings alike."""
    odd = project / "../odd.csv"
    rows = "".join(f"{i % 7},{'x' if i == 90 else i},{'ab'[i % 2]}\n" for i in range(100))
    odd.write_text(f" a,b,y\n{rows}", encoding="utf-8")
    said = run(project, "new_table", "../odd.csv", "--label", "y", "--yes")
    assert "new_table: ../odd.csv: " in said
    assert re.search(r"the\s+first\s+in\s+../odd.csv,\s+line\s+92", said), said
    odd.write_text("a,b\n1,2,3\n", encoding="utf-8")
    said = run(project, "new_table", "../odd.csv", "--label", "b", "--name", "two", "--yes", ok=False)
    assert re.match("Error: Got .* in ../odd.csv, line 2", said), said
    (project / "../README.csv").write_text("a,b\n1,2\n", encoding="utf-8")  # which is no part of a table in its folder
    assert "Got no file in ../README.csv" in run(
        project, "new_table", "../README.csv", "--label", "b", "--yes", ok=False
    )


SALES = ROOT / "data/raw/sales/sales.csv"


def split_of(project, name):
    return {key: says for key, says in settings(project, name)["split"].items() if not key.endswith("covariates")}


@pytest.mark.slow
def test_long_table_is_described(project):
    """A table of series gets its columns, step and horizon, settings that compose, and the commands to go on with."""
    said = run(project, "new_table", str(SALES), "--label", "sold", "--task", "forecasting", "--name", "shops", "--yes")
    assert "4, told apart by shop; the shortest of 210 steps of D by day" in said
    assert "ahead    7 steps" in said
    assert "not used: promotion, price, visitors; name them" in said
    assert "dvc exp run -S data=shops -S automl=forecasting" in said
    assert ("./environment.sh forecasting" in said) == (find_spec("autogluon.timeseries") is None)
    split = {"method": "horizon", "item": "shop", "timestamp": "day", "prediction_length": 7, "freq": "D", "fill": None}
    assert split_of(project, "shops") == split
    assert settings(project, "shops")["metric"] == "WQL"
    text = (project / "conf/data/shops.yaml").read_text(encoding="utf-8")
    assert "# Not used yet: promotion, price, visitors.\n" in text
    run(project, "compose", "data=shops", "automl=forecasting")
    run(project, "new_table", "../prices.csv", "--label", "price", "--task", "forecasting", "--metric", "MASE",
        "--prediction-length", "9", "--recipe", "--yes")  # fmt: skip
    assert split_of(project, "prices") == split | {"item": None, "timestamp": "sold on", "prediction_length": 9}
    assert (settings(project, "prices")["metric"], settings(project, "prices")["recipe"]["name"]) == ("MASE", "prices")
    run(project, "compose", "data=prices", "automl=forecasting")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("table", "arguments", "says"),
    [
        ("prices", ["--label", "price", "--task", "forecasting", "--split", "random"], "Got --split for --task forecasting, which has none"),
        ("prices", ["--label", "price", "--prediction-length", "3"], "Got --prediction-length for --task regression, which has none"),
        ("stays", ["--label", "pressure", "--task", "forecasting"], "Got no column of dates beside 'pressure', expected one"),
        ("prices", ["--label", "price", "--task", "forecasting", "--item", "room"], "Got --item 'room', expected one of none, rooms; closest: 'rooms'"),
        ("prices", ["--label", "price", "--task", "forecasting", "--prediction-length", "0"], "Got --prediction-length 0, expected 1 or more"),
        ("prices", ["--label", "price", "--task", "forecasting", "--prediction-length", "900"], "Got 1 series of at most 900 steps"),
        ("twice", ["--label", "price", "--task", "forecasting"], "Got no --item, expected one: --item, such as --item 'rooms'"),
        ("twice", ["--label", "price", "--task", "forecasting", "--item", "none"], "Got 240 rows of steps that another row has"),
    ],
    ids=["split", "another task", "no dates", "item", "no step", "too far", "nothing tells apart", "one series"],
)  # fmt: skip
def test_series_that_cannot_be_described_are_one_sentence(project, table, arguments, says):
    """What does not fit a long table, or its data, ends in one sentence, and nothing is written."""
    prices = (project / "../prices.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    (project / "../twice.csv").write_text("".join(prices + prices[1:]), encoding="utf-8")
    before = files(project)
    said = run(project, "new_table", f"../{table}.csv", *arguments, "--yes", ok=False)
    assert said.startswith(f"Error: {says}"), said
    assert said.count("\n") == 1
    assert files(project) == before


def series_of(folder, rows):
    """Return which column tells the series of a table apart, and what is said of it where nobody asks."""
    folder.mkdir()
    (folder / "table.csv").write_text("\n".join(["day,shop,no,y", *rows]) + "\n", encoding="utf-8")
    with read_raw_table(folder, Read()) as raw:
        profile = profile_of(raw, "y", "regression", 1000)[0]
        return item_of(raw, profile, "day"), hint_of(raw, profile)


@pytest.mark.parametrize(
    ("row", "item", "hint"),
    [
        (lambda i: f"{days(i)},{'ab'[i % 2]},{i % 7},{i / 8}", (ONE, True), "one row for each day, at"),
        (lambda i: f"{days(i // 2)},{'ab'[i % 2]},{i},{i / 8}", ("shop", True), "one row for each shop and day, at"),
        (lambda i: f"{days(i // 3)},a,{i % 3},{i / 8}", ("no", True), "one row for each no and day, at"),
        (lambda i: f"{days(i * i)},{'ab'[i % 2]},1,{i / 8}", (ONE, False), None),
        (lambda i: f"{days(i // 3)},{'ab'[i % 2]},1,{i / 8}", (None, False), None),
    ],
    ids=["one", "texts", "numbers", "irregular", "nothing"],
)
def test_series_are_told_apart(tmp_path, row, item, hint):
    """The column is found of which each value has one row a date; only regular steps are worth a word where nobody asks."""
    got, said = series_of(tmp_path / "raw", [row(i) for i in range(60)])
    assert got == item
    assert said is None if hint is None else said.startswith(hint)


def test_settings_of_a_long_table_fit_the_schema():
    """The written settings are those of a long table, whatever its columns are called."""
    values = {"about": "t", "name": "t", "label": "y: ${z}", "task": "forecasting", "metric": "MASE", "positive_class": None,
              "model": "t", "dates": {}, "recipe": "as_is", "method": "horizon", "item": "no", "timestamp": "on: #",
              "prediction_length": 3, "freq": "15min", "others": "a\nb: c"}  # fmt: skip
    says = Data.model_validate(OmegaConf.to_container(OmegaConf.create(settings_file(values)), resolve=True))
    assert (says.label, says.split.item, says.split.timestamp) == ("y: ${z}", "no", "on: #")
    assert (says.split.prediction_length, says.split.freq, says.split.known_covariates) == (3, "15min", [])


def on_a_terminal(project, typed, *arguments):
    """Return what new_table.py prints where a person types, once it has ended well."""
    ours, theirs = pty.openpty()
    asked = subprocess.Popen(
        [sys.executable, "src/new_table.py", *arguments],
        cwd=project,
        stdin=theirs,
        stdout=subprocess.PIPE,
        text=True,
    )
    os.write(ours, typed.encode())
    said, _ = asked.communicate(timeout=60)
    os.close(ours)
    os.close(theirs)
    assert asked.returncode == 0, said
    return said


@pytest.mark.slow
def test_terminal_is_asked_about_series(project):
    """On a terminal a long table's columns and horizon are asked about; Enter takes what is proposed."""
    typed = "forecasting\nMASE\n\nshopp\nshop\n21\ny\n"
    said = on_a_terminal(project, typed, str(SALES), "--name", "shops", "--label", "sold")
    assert "one row for each shop and day, at a regular step: --task forecasting would forecast sold" in said
    assert "closest: 'shop'" in said
    assert settings(project, "shops")["metric"] == "MASE"
    assert split_of(project, "shops")["prediction_length"] == 21


@pytest.mark.slow
def test_terminal_is_asked(project):
    """On a terminal each proposal is asked about: a wrong column is asked again with the closest, Enter takes what is proposed."""
    said = on_a_terminal(project, "kin\nkind\n\n\nrandom\n\ny\n", "../species.csv")
    assert "closest: 'kind'" in said
    assert settings(project, "species")["task"] == "multiclass"


def test_settings_file_says_what_the_example_says():
    """The written settings explain every key in the words of the example's file, and have its keys and no others."""

    def comments(text):
        return [line.strip() for line in text.splitlines() if line.strip().startswith("#")][1:]

    example = (ROOT / "conf/data/titanic.yaml").read_text(encoding="utf-8")
    values = {"about": "a\nb", "name": "t", "label": "y", "task": "binary", "metric": "f1", "positive_class": True, "model": "t",
              "dates": {}, "recipe": "as_is", "method": "random", "column": ""}  # fmt: skip
    written = settings_file(values)
    ours, examples = (
        comments(written),
        comments(example.replace("; age and fare are cut into this many quantile bins.", ".")),
    )
    assert ours == examples
    assert list(YAML(typ="safe").load(io.StringIO(written))) == list(YAML(typ="safe").load(io.StringIO(example)))


@pytest.mark.parametrize(
    "label", ["a: b", "yes", "#1", 'it\'s "q"', "ünï", "😀", "a\tb\x85\ufeff", "1", "null", "{x}", "%", "\\d"]
)
def test_any_column_name_survives_yaml(label):
    """A column's name comes back from YAML 1.1 and 1.2 as it was, whatever is in it, and from the recipe too."""
    import yaml

    text = f"label: {as_yaml(label)}\n"
    assert YAML(typ="safe").load(io.StringIO(text)) == {"label": label}
    assert yaml.safe_load(text) == {"label": label}
    scope: dict = {}
    exec(recipe_file("t", {label: "why"}), scope)
    assert scope["LEFT_OUT"] == [label]


@pytest.mark.parametrize(
    ("kind", "unique", "task"),
    [("boolean", 2, "binary"), ("integer", 2, "binary"), ("number", 2, "binary"), ("text", 30, "multiclass"),
     ("integer", 10, "multiclass"), ("integer", 11, "regression"), ("number", 3, "regression")],
)  # fmt: skip
def test_task_follows_from_the_label(kind, unique, task):
    """Two values make a binary label, texts and a few whole numbers classes, other numbers a regression."""
    assert task_of("y", {"kind": kind, "unique": unique, "exact": True}, 1000)[0] == task


@pytest.mark.parametrize(
    ("kind", "unique"), [("text", 600), ("text", 101), ("datetime", 2), ("text", 1), ("number", 0)]
)
def test_label_that_cannot_be_one_is_refused(kind, unique):
    """Texts that hardly repeat, dates and a single value are no label."""
    with pytest.raises(UserError, match="in the label 'y', expected numbers, or 2 to 100 classes"):
        task_of("y", {"kind": kind, "unique": unique, "exact": True}, 1000)


def test_positive_class_is_yes_or_the_rarer():
    """The class that says yes is positive, in the type that the label has; where none says so, the rarer one."""
    assert positive_class_of({"False": 3, "True": 9}, "boolean") is True
    assert positive_class_of({"0": 3, "1": 9}, "integer") == 1
    assert positive_class_of({"stays": 9, "goes": 3}, "text") == "goes"


@pytest.mark.parametrize("stem", ["", "é", "class", "NULL", "a" * 99, "_x_", "2026"])
def test_every_file_name_makes_a_table_name(stem):
    """Whatever a file is called, the name made of it is a folder, a module and a word for Hydra."""
    assert re.fullmatch(TABLE_NAME, table_name(stem))
