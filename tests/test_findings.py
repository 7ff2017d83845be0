"""What check finds in a table, what it leaves in peace, and who stops because of it."""

import csv
import io
import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from rich.console import Console
from ruamel.yaml import YAML

from slipway.checks.association import groups_of, share_of_error_taken
from slipway.checks.findings_table import show_findings
from slipway.checks.inspection import inspect
from slipway.checks.profile import profile_of, task_of
from slipway.checks.schema import schema_of
from slipway.project.data_settings import Read
from slipway.project.entry import UserError
from slipway.project.names import FINDINGS
from slipway.project.settings import load_params, validate
from slipway.project.stage_settings import Check
from slipway.tables.findings import MEANINGS, findings_report, judged, stop_on_errors, unfounded, what_became
from slipway.tables.reading import read_raw_table

ROOT = Path(__file__).resolve().parents[1]
DEFAULTS = YAML(typ="safe").load(ROOT / "conf/check/default.yaml")
LABEL = ["yes", "no"] * 20
random.seed(7)
NOISE = [round(random.random(), 3) for _ in LABEL]


def written(folder, columns):
    folder.mkdir(exist_ok=True)
    with (folder / "table.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(columns)
        rows.writerows(zip(*columns.values(), strict=True))
    return folder


@pytest.fixture
def look(tmp_path):
    """Return the findings of a table of columns, as the profile has them."""

    def looked(columns, task="binary", label="y", split_by=(), **settings):
        check = Check.model_validate({**DEFAULTS, **settings})
        raw = read_raw_table(written(tmp_path / "raw", columns), Read())
        profile, sample = profile_of(raw, label, task, check.sample_rows)
        return judged(inspect(raw, sample, profile, task, check, set(split_by)), check)

    return looked


def keys(findings):
    return [":".join([f["name"], *f["columns"]]) for f in findings]


def mixed(values, odd, every):
    return [odd if place % every == 0 else value for place, value in enumerate(values)]


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        pytest.param({"x": NOISE, "y": mixed(LABEL, "", 7)}, "label_missing:y", id="label missing"),
        pytest.param({"x": NOISE, "y": ["yes"] * 40}, "label_constant:y", id="label constant"),
        pytest.param({"x": NOISE, "y": ["maybe", *LABEL[1:]]}, "lonely_class:y", id="a row of its class"),
        pytest.param({"x": NOISE, "y": ["maybe"] * 5 + LABEL[5:]}, "rare_class:y", id="rare class"),
        pytest.param({"x": NOISE, "y": ["a"] + ["b"] * 39}, "class_imbalance:y", id="imbalance"),
        pytest.param({"x": NOISE, "y": LABEL, "id": range(100, 140)}, "identifier:id", id="numbers of rows"),
        pytest.param({"x": NOISE, "y": LABEL, "row": range(40)}, "identifier:row", id="dense numbers"),
        pytest.param({"x": NOISE, "y": LABEL, "k": [f"K-{n}x" for n in range(40)]}, "identifier:k", id="codes"),
        pytest.param({"x": NOISE, "y": LABEL, "t": [f"name {n}x of" for n in range(40)]}, "near_unique_text:t", id="text"),
        pytest.param({"x": NOISE, "y": LABEL, "c": ["a"] * 40}, "constant:c", id="constant"),
        pytest.param({"x": NOISE, "y": LABEL, "c": [""] * 40}, "empty:c", id="all missing"),
        pytest.param({"x": [0.5, 0.5, *NOISE[2:]], "y": ["no", "no", *LABEL[2:]]}, "duplicate_rows", id="duplicates"),
        pytest.param({"x": [0.5, 0.5, *NOISE[2:]], "y": LABEL}, "contradicting_rows", id="contradiction"),
        pytest.param({"x": NOISE, "y": LABEL, "z": LABEL}, "label_copy:z", id="equal to the label"),
        pytest.param({"x": NOISE, "y": LABEL, "z": [int(y == "no") for y in LABEL]}, "label_copy:z", id="renamed label"),
        pytest.param(
            {"x": NOISE, "y": LABEL, "z": [f"{y}{n % 3}" for n, y in enumerate(LABEL)]}, "label_leak:z", id="by value"
        ),
        pytest.param(
            {"x": NOISE, "y": LABEL, "z": [n % 9 if y == "yes" else "" for n, y in enumerate(LABEL)]},
            "label_leak:z",
            id="by missing values",
        ),
        pytest.param(
            {"x": NOISE, "y": sorted(LABEL), "id": range(40)}, "label_leak:id", id="place in a table sorted by label"
        ),
        pytest.param(
            {"x": NOISE * 2, "y": LABEL * 2, "z": ["1" if n < 46 and n % 2 else "" for n in range(80)]},
            "telling_gap:z",
            id="all of one class where it is there",
        ),
        pytest.param(
            {"x": NOISE, "y": LABEL, "d": [f"2020-01-{n % 28 + 1:02}" for n in range(40)]}, "time_order:d", id="dates"
        ),
        pytest.param({"x": NOISE, "y": LABEL, "patient_id": [n // 3 for n in range(40)]}, "repeated_id:patient_id", id="groups"),
        pytest.param({"x": NOISE, "y": LABEL, "ref": [f"R{n // 3}" for n in range(40)]}, "repeated_id:ref", id="codes that repeat"),
        pytest.param({"x": NOISE, "y": LABEL, "p": [f"${v} " for v in NOISE]}, "number_as_text:p", id="currency"),
        pytest.param({"x": NOISE, "y": LABEL, "p": [f"{n},{n + 100}" for n in range(1, 41)]}, "number_as_text:p", id="thousands"),
        pytest.param({"x": NOISE, "y": LABEL, "p": [f"{n} kg" for n in range(40)]}, "number_as_text:p", id="unit"),
        pytest.param({"x": NOISE, "y": LABEL, "p": [f"{n % 28 + 1:02}.03.2020" for n in range(40)]}, "date_as_text:p", id="day first"),
        pytest.param({"x": NOISE, "y": LABEL, "p": mixed(NOISE, "none yet", 9)}, "mixed_types:p", id="mixed"),
        pytest.param({"x": NOISE, "y": LABEL, "p": mixed(["red", "blue"] * 20, "?", 3)}, "missing_mark:p", id="mark"),
        pytest.param({"x": mixed(NOISE, "inf", 9), "y": LABEL}, "infinities:x", id="infinite"),
    ],
)  # fmt: skip
def test_fault_is_found(look, columns, expected):
    """Each fault that a colleague would point out is found, under its name and with the column that has it."""
    assert expected in keys(look(columns))


def test_table_without_fault_has_no_finding(look):
    """A table of measures, categories, codes with leading zeros and honest texts raises no alarm at all."""
    table = {
        "measure": NOISE,
        "count": [n * 7 % 30 for n in range(40)],
        "half": mixed(NOISE, "", 2),
        "colour": random.choices(["red", "green", "blue"], k=40),
        "postcode": [f"0{n % 9}100" for n in range(40)],
        "seat": random.choices(["1A", "1B", "2C", "2D", "3E", "3F"], k=40),
        "flag": random.choices(["true", "false"], k=40),
        "y": random.choices(LABEL, k=40),
    }
    assert keys(look(table)) == []


def test_honest_strong_predictor_is_left_in_peace(look):
    """A category that is right four times out of five is what one hopes for, not a leak."""
    honest = [y if n % 5 else "no" for n, y in enumerate(LABEL)]
    assert not [k for k in keys(look({"x": NOISE, "s": honest, "y": LABEL})) if k.endswith(":s")]


@given(classes=st.lists(st.sampled_from("abc"), min_size=20, max_size=40))
@hypothesis_settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_identifier_never_tells_the_label(tmp_path, classes):
    """For every label, a column of values that never repeat takes away none of the error."""
    raw = read_raw_table(written(tmp_path / "raw", {"k": [f"k{n}" for n in range(len(classes))], "y": classes}), Read())
    profile, sample = profile_of(raw, "y", "multiclass", 1000)
    group = groups_of("k", profile["columns"]["k"], sample.labelled)
    assert share_of_error_taken(sample, group, "y", "multiclass") <= 0


def test_share_of_error_taken_is_goodman_and_kruskals_lambda(tmp_path):
    """Of 40 rows 22 are no; two groups of which 16 and 18 of 20 are right spare 12 of the 18 wrong answers."""
    table = {"g": ["a"] * 20 + ["b"] * 20, "y": ["yes"] * 16 + ["no"] * 4 + ["yes"] * 2 + ["no"] * 18}
    raw = read_raw_table(written(tmp_path / "raw", table), Read())
    profile, sample = profile_of(raw, "y", "binary", 1000)
    group = groups_of("g", profile["columns"]["g"], sample.labelled)
    assert share_of_error_taken(sample, group, "y", "binary") == pytest.approx((34 - 22) / 18)


PRICES = [round(100 + 3 * n + 40 * NOISE[n], 2) for n in range(40)]


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        pytest.param({"x": NOISE, "y": [*PRICES[:-1], 1e7]}, "label_outliers:y", id="outlier"),
        pytest.param({"x": NOISE, "y": [f"${p}" for p in PRICES]}, "label_not_a_number:y", id="currency"),
        pytest.param({"x": NOISE, "y": [*PRICES[:-1], "inf"]}, "label_not_a_number:y", id="infinite"),
        pytest.param({"x": NOISE, "y": PRICES, "z": [-3 * p for p in PRICES]}, "label_copy:z", id="falling recoding"),
        pytest.param({"x": NOISE, "y": PRICES, "z": [p**3 for p in PRICES]}, "label_copy:z", id="rising recoding"),
    ],
)
def test_fault_of_a_regression_is_found(look, columns, expected):
    """A regression's label must be a number without extremes, and no column its recoding."""
    assert expected in keys(look(columns, task="regression"))


def test_honest_regression_has_no_finding(look):
    """Prices that grow with a measure are nothing to point out."""
    assert keys(look({"size": [p + 30 * n for p, n in zip(PRICES, reversed(NOISE), strict=True)], "x": NOISE, "y": PRICES}, task="regression")) == []  # fmt: skip


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        ([*NOISE[:-1], "none yet"], "number"),
        ([*(f"2020-01-{n % 28 + 1:02}" for n in range(39)), "unknown"], "datetime"),
    ],
)
def test_odd_value_is_one_finding_with_its_line(look, column, kind):
    """What the reader and the look at a sample both see of a column is said once, with the line of the first odd value."""
    found = [f for f in look({"x": range(100, 180, 2), "y": LABEL, "p": column}) if "p" in f["columns"]]
    assert keys(found) == ["mixed_types:p"]
    assert f"is {kind} in 97.5% of its values" in found[0]["what"]
    assert f"table.csv, line 41: {column[-1]!r}" in found[0]["what"]


def test_split_by_settles_dates_and_groups(look):
    """Where the split goes by the date or the group, nothing asks for it any more."""
    table = {"x": NOISE, "y": LABEL, "user_id": [n // 3 for n in range(40)], "d": [f"2020-01-{n % 28 + 1:02}" for n in range(40)]}  # fmt: skip
    assert {"time_order:d", "repeated_id:user_id"} <= set(keys(look(table)))
    assert keys(look(table, split_by={"d", "user_id"})) == []


def test_larger_table_is_sampled_and_says_so(look):
    """Beyond sample_rows a finding says that it is from a sample; the figures of all rows are still of all rows."""
    label = random.choices(["yes", "no"], k=5000)
    findings = look({"x": range(5000), "z": ["t" if y == "yes" else "" for y in label], "y": label}, sample_rows=1000)
    leak = next(f for f in findings if f["name"] == "label_leak")
    assert "in a sample of" in leak["what"]


def test_duplicates_of_a_larger_table_are_found_in_every_content_or_none(look):
    """In a sampled table a row is compared with all that equal it, so the share of duplicates stays right."""
    values = list(range(3000)) * 2
    findings = look({"x": values, "y": [LABEL[v % 40] for v in values]}, sample_rows=1000)
    found = next(f for f in findings if f["name"] == "duplicate_rows")["figures"]
    assert 2 * found["rows"] == found["of"] > 500


def test_profile_counts_exactly_and_leaves_infinity_out(tmp_path):
    """Unique values of a small table are exact; range and mean are of finite numbers; nan is missing."""
    folder = written(tmp_path / "raw", {"x": ["1", "3", "inf", "nan", "-inf"], "y": ["a", "b", "a", "b", "a"]})
    profile, _ = profile_of(read_raw_table(folder, Read()), "y", "binary", 1000)
    assert profile["columns"]["x"] == {
        "kind": "number", "missing": 1, "unique": 4, "exact": True, "min": 1.0, "max": 3.0, "mean": 2.0, "infinite": 2,
    }  # fmt: skip
    assert profile["label"]["classes"] == {"a": 3, "b": 2}


def test_numbers_that_are_texts_by_hand_are_left_in_peace(tmp_path):
    """A column that the settings call a text may hold plain numbers alone: no value is odd."""
    folder = written(tmp_path / "raw", {"x": NOISE, "store": [(3, 5, 17)[i % 3] for i in range(40)], "y": LABEL})
    raw = read_raw_table(folder, Read(types={"store": "text"}))
    profile, sample = profile_of(raw, "y", "binary", 1000)
    found = inspect(raw, sample, profile, "binary", Check.model_validate(DEFAULTS), set())
    assert not [finding.name for finding in found if "store" in finding.columns]


@pytest.mark.parametrize(("column", "unique"), [("x", 2), ("y", 3)], ids=["feature", "label"])
def test_a_rough_count_is_no_fact(tmp_path, column, unique):
    """Values that DuckDB's rough count takes for one are different ones: the column is not constant, the label has its classes."""
    n = range(1200)
    columns = {"x": [29 if i % 2 else 79 for i in n], "y": [(29, 79, 5)[i % 3] for i in n], "z": [i // 2 for i in n]}
    raw = read_raw_table(written(tmp_path, columns), Read())
    roughly = raw.relation.aggregate(f"approx_count_distinct({column})").fetchall()[0][0]
    assert roughly < unique, "the test needs other values, as DuckDB counts these right"
    profile, sample = profile_of(raw, "y", None, 1000)
    assert sample.share < 1
    assert profile["columns"][column]["unique"] == unique
    assert profile["task"] == "multiclass"
    check = Check.model_validate(DEFAULTS)
    assert not {"constant", "label_constant"} & {
        f.name for f in inspect(raw, sample, profile, "multiclass", check, set())
    }


def test_rough_counts_are_said_to_be_and_bound_by_what_is_known(tmp_path):
    """A count of a larger table is at least what its range and its sample show, exact where they settle it, else "about"."""
    n = range(3000)
    columns = {
        "same": [5] * len(n),
        "none": [""] * len(n),
        "yes": ["true", "false"] * 1500,
        "id": n,
        "y": [i / 7 for i in n],
    }
    raw = read_raw_table(written(tmp_path, columns), Read())
    profile, sample = profile_of(raw, "y", None, 1000)
    facts = profile["columns"]
    assert [(facts[c]["unique"], facts[c]["exact"]) for c in ("same", "none", "yes")] == [
        (1, True),
        (0, True),
        (2, True),
    ]
    for column in ("id", "y"):
        assert not facts[column]["exact"]
        assert sample.rows <= facts[column]["unique"] <= len(n)
    assert task_of("y", facts["y"], len(n))[1].startswith("y holds numbers, about ")
    assert "range" not in schema_of(raw, profile)["id"]  # all differ, as far as a rough count can tell


@pytest.mark.parametrize("sample_rows", [1000, 100_000], ids=["larger than the sample", "small"])
def test_columns_are_profiled_in_parts_as_at_once(tmp_path, monkeypatch, sample_rows):
    """A table of many columns, which is profiled a few columns at a time, has the profile that one query gives."""
    n = range(2400)
    columns = {"a": [i % 7 for i in n], "b": [i / 3 for i in n], "c": [f"w{i % 900}" for i in n], "d": [""] * len(n), "y": [i % 2 for i in n]}  # fmt: skip
    raw = read_raw_table(written(tmp_path, columns), Read())
    at_once, sample = profile_of(raw, "y", "binary", sample_rows)
    monkeypatch.setattr("slipway.checks.profile.COLUMNS_AT_ONCE", 2)
    monkeypatch.setattr("slipway.checks.profile.DISTINCT_AT_ONCE", 2)
    assert profile_of(raw, "y", "binary", sample_rows)[0] == at_once
    assert (sample.share == 1) == (sample_rows > len(n))


@pytest.mark.slow
def test_hundreds_of_columns_are_looked_at_in_bounded_memory(look):
    """Where DuckDB ran out of memory, or compared every column with every other: 400 columns, each looked at."""
    columns = {f"c{i}": [round(random.random(), 3) for _ in LABEL] for i in range(399)}
    findings = look({**columns, "copy": LABEL, "y": LABEL})
    assert keys(findings) == ["label_copy:copy"]


def test_rare_classes_are_found_among_many(look):
    """Of more classes than are listed, the rarest are found all the same, and told in one finding."""
    label = [f"c{n}" for n in range(150)] * 20 + ["rare"] * 2 + ["once"]
    found = {f["name"]: f for f in look({"x": range(len(label)), "y": label}, task="multiclass")}
    assert found["lonely_class"]["what"] == "1 of 152 classes have one row: once (1)"
    assert found["rare_class"]["figures"] == {"classes": ["rare"]}


COPY = {"x": NOISE, "z": LABEL, "w": LABEL, "y": LABEL}


def test_error_about_a_column_waits_for_the_recipe(look):
    """No check stops on what the recipe may leave out; dataprep stops when the features depend on it."""
    findings = look(COPY)
    stop_on_errors(findings)
    stop_on_errors(findings, needed=["x"])
    with pytest.raises(UserError, match=r"Got label_copy:z, z says the same as y.*conf/check/.*'label_copy:z'"):
        stop_on_errors(findings, needed=["x", "z"])
    assert what_became(findings, ["x"]) == ["no feature depends on what check pointed out: label_copy:w, label_copy:z"]
    assert what_became(findings, ["z"]) == [
        "no feature depends on what check pointed out: label_copy:w",
        "features depend on what check warned of: label_copy:z",
    ]


def test_report_says_of_every_finding_what_became_of_it(look):
    """A reader of the model sees what was found, what the recipe settled, what stands, and the reasons that were given."""
    report = findings_report(look({**COPY, "a | b": ["1"] * 40}, acknowledged={"label_copy:w": "known before"}), ["x"])
    rows = {row.split(" | ")[1]: row.split(" | ")[3] for row in report.splitlines() if row.startswith("| ")}
    assert rows["label_copy:w"] == "acknowledged: known before"
    assert rows["label_copy:z"] == "settled: no feature depends on it"
    assert len([row for row in report.splitlines() if row.count(" | ") == 4 and "constant:a \\| b" in row]) == 1
    assert "| stands: features depend on it |" in findings_report(look(COPY), ["x", "z"])
    assert findings_report([], ["x"]).endswith("Nothing.\n")


def test_error_about_the_table_stops_check_alone(look):
    """What no recipe can mend stops check in one sentence."""
    findings = look({"x": NOISE, "y": ["yes"] * 40})
    with pytest.raises(UserError, match=r"Got label_constant:y, one value in all rows of y, yes"):
        stop_on_errors(findings)


def test_which_findings_are_errors_is_a_setting(look):
    """A finding stops when check.errors names it, and not when it does not."""
    stop_on_errors(look({"x": NOISE, "y": ["yes"] * 40}, errors=[]))
    with pytest.raises(UserError, match="Got duplicate_rows,"):
        stop_on_errors(look({"x": ["1"] * 40, "y": LABEL}, errors=["duplicate_rows"]))


@pytest.mark.parametrize(("key", "left"), [("label_copy", 0), ("label_copy:z", 1)], ids=["all", "one column"])
def test_acknowledged_finding_does_not_stop(look, key, left):
    """A finding acknowledged by name holds for every column, by name and column for that one; the reason is kept."""
    findings = look(COPY, acknowledged={key: "known before"})
    assert sum(f["acknowledged"] is None for f in findings if f["name"] == "label_copy") == left
    assert findings[-1]["acknowledged"] == "known before"
    stop_on_errors(findings, needed=["z"])


def test_acknowledging_what_is_not_there_is_said(look):
    """An acknowledgement without its finding is named, so that it does not lie in wait for a later one."""
    settings = Check.model_validate(
        {**DEFAULTS, "acknowledged": {"empty": "r", "label_copy:q": "r", "label_copy:z": "r"}}
    )
    assert unfounded(look(COPY), settings) == ["empty", "label_copy:q"]


@pytest.mark.parametrize(
    ("acknowledged", "says"),
    [
        ({"label_copi:z": "known"}, "closest: 'label_copy'"),
        ({"label_copy:z": " "}, "Got check.acknowledged.label_copy:z=' '"),
        ({"label_copy:z": None}, "valid string"),
    ],
    ids=["unknown finding", "blank reason", "no reason"],
)
def test_acknowledgement_needs_a_known_finding_and_a_reason(acknowledged, says):
    """A wrong name or a missing reason ends with the key and the way out."""
    params = load_params(ROOT / "params.yaml").model_dump(by_alias=True)
    params["check"]["acknowledged"] = acknowledged
    with pytest.raises(UserError) as error:
        validate(params)
    assert says in str(error.value)


def test_every_finding_has_a_meaning():
    """The names that settings know are those that have a meaning, the gravest first."""
    assert tuple(MEANINGS) == FINDINGS


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
@pytest.mark.parametrize(
    "columns",
    [
        pytest.param({"x": [], "y": []}, id="header only"),
        pytest.param({"x": [1], "y": [2]}, id="one row"),
        pytest.param({"x": [1, 2], "y": ["", ""]}, id="no label at all"),
        pytest.param({"y": LABEL}, id="nothing but the label"),
        pytest.param({"x": ["inf"] * 4, "y": ["inf"] * 4}, id="infinite alone"),
        pytest.param({'a "b"': NOISE, "# '": ["it's", "5'"] * 20, "g": LABEL, "n": LABEL, "sample": LABEL, "y": LABEL}, id="names"),
        pytest.param({"x": ["1e308", "-1e308"] * 20, "y": ["1e308", "-1e308"] * 20}, id="very large"),
    ],
)  # fmt: skip
def test_odd_table_is_looked_at_without_a_crash(look, columns, task):
    """For a table with hardly anything in it, or odd names, there are findings or none, and they go into JSON."""
    json.dumps(look(columns, task=task), allow_nan=False, default=str)


@pytest.mark.parametrize("terminal", [True, False], ids=["terminal", "file"])
def test_findings_are_shown_with_the_way_to_acknowledge(look, terminal):
    """Worst first, within the width, and the key to write is in the text as it is (':boat:' is no emoji)."""
    out = io.StringIO()
    table = {"boat": LABEL, **{f"c{n}": ["a"] * 40 for n in range(30)}, "y": LABEL}
    show_findings(look(table), Console(file=out, force_terminal=terminal, width=80, color_system=None))
    text = out.getvalue()
    assert text.index("label_copy:boat") < text.index("30 times")
    assert 'acknowledged: {"label_copy:boat"' in " ".join(text.split())
    if terminal:
        assert max(map(len, text.splitlines())) <= 80


@pytest.fixture
def project(tmp_path):
    """Return a copy of the project with its raw table and its settings."""
    for part in ("conf", "data/raw", "src", "params.yaml"):
        source, target = ROOT / part, tmp_path / "project" / part
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(source, target) if source.is_dir() else shutil.copy(source, target)
    return tmp_path / "project"


def ran(project, *command):
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run([sys.executable, *command], cwd=project, env=environment, capture_output=True, text=True, check=False)  # fmt: skip


@pytest.mark.slow
def test_dataprep_stops_when_the_features_depend_on_what_leaks(project):
    """The same table with a recipe that keeps `boat` ends in dataprep, with one sentence and nothing written."""
    assert ran(project, "src/check.py").returncode == 0
    done = ran(project, "src/dataprep.py")
    assert "no feature depends on what check pointed out: label_leak:boat" in done.stdout
    shutil.rmtree(project / "data/prepared")
    params = (project / "params.yaml").read_text(encoding="utf-8")
    (project / "params.yaml").write_text(params.replace("    name: titanic", "    name: as_is"), encoding="utf-8")
    done = ran(project, "src/dataprep.py")
    assert done.returncode == 1
    assert done.stderr.startswith("Error: Got label_leak:boat, whether boat is filled in takes away 94% of the error")
    assert not (project / "data/prepared").exists()


def test_check_imports_no_heavy_library(project):
    """Without pandas, scikit-learn and pyarrow, check and its findings answer in about a second."""
    code = (
        "import sys; sys.path.insert(0, 'src'); sys.argv = ['check.py']; import check; check.main(); "
        "print('HEAVY', [m for m in ('pandas', 'sklearn', 'pyarrow', 'autogluon') if m in sys.modules])"
    )
    done = ran(project, "-c", code)
    assert done.returncode == 0, done.stderr
    assert "HEAVY []" in done.stdout
    findings = json.loads((project / "data/profile.json").read_text(encoding="utf-8"))["findings"]
    assert "label_leak:boat" in keys(findings)
    assert not [f for f in findings if f["columns"] == ["sex"]]
