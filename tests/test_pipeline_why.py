"""`python src/why.py` answers as `dvc repro` and `dvc exp run` then do."""

import re

import pytest
from conftest import STAGES, Project

pytestmark = pytest.mark.slow


def why(project: Project) -> dict[str, list[str]]:
    """Return stage → its verdict and the reasons that why.py gives; the lines before and after under ''."""
    answers: dict[str, list[str]] = {"": []}
    stage = ""
    for line in project.run("python", "src/why.py").stdout.splitlines():
        if found := re.match(rf"({'|'.join(STAGES)}) +(.*)", line):
            stage, verdict = found.groups()
            answers[stage] = [verdict.rstrip(":")]
        elif line.startswith("  "):
            answers[stage].append(line.strip())
        else:
            answers[""].append(line)
    return answers


def verdicts(project: Project) -> list[str]:
    """Return a word per stage: runs, may, cached or unchanged."""
    words = {"would run": "runs", "may run": "may", "unchanged": "unchanged"}
    answers = why(project)
    return [words.get(answers[stage][0], "cached" if "cache" in answers[stage][0] else "?") for stage in STAGES]


def test_why_says_what_changed(finished: Project):
    """Which rows and columns, which module, which version, which setting: each is named, and nothing runs to ask."""
    assert verdicts(finished) == ["unchanged"] * 5
    table = "data/raw/titanic/passengers-2.csv"
    header, first, *rest = finished.read(table).splitlines(keepends=True)
    finished.write(table, "".join([header, first.replace("male", "female", 1), *rest]))
    finished.write("requirements.lock", finished.read("requirements.lock").replace("catboost==", "catboost==99."))
    finished.write("src/slipway/evaluation/plots.py", finished.read("src/slipway/evaluation/plots.py") + "# more\n")
    finished.edit("conf/automl/quick.yaml", "time_limit: 60", "time_limit: 61")
    lock = finished.read("dvc.lock")
    says = why(finished)
    assert "params.yaml is older than conf/automl/quick.yaml" in says[""][0]
    assert "data/raw/titanic: 1 of 1309 rows differ, in sex" in says["check"]
    assert f"{table} changed" in says["dataprep"]
    assert "automl.time_limit: 60 → 61" in says["automl"]
    assert [line for line in says["automl"] if line.startswith("catboost: 1") and " → 99.1" in line]
    assert "src/slipway/evaluation/plots.py changed" in says["evaluate"]
    assert not [line for line in says["automl"] if "plots.py" in line]
    assert "models/model may change when automl runs" in says["evaluate"]
    assert finished.read("dvc.lock") == lock


def test_why_knows_what_the_run_cache_has(finished: Project):
    """Before a run why.py says which stages run, and after it what was reused; a change that is taken back trains nothing.

    Through Debian's sh, which stays between DVC and a stage, as it does where nobody has set SHELL.
    """
    run = finished.run("env", "SHELL=/bin/sh", "dvc", "exp", "run", "-S", "evaluate.calibration_bins=5")
    assert run.ran == ["check", "evaluate", "register"]
    [told] = why(finished)[""]
    assert re.fullmatch(
        r"The last run ran check, evaluate, register in [\d.]+ s and reused dataprep, automl, which saved [\d.]+ s.",
        told,
    )
    finished.run("python", "src/compose.py")
    assert verdicts(finished) == ["cached", "unchanged", "unchanged", "cached", "runs"]
    says = why(finished)
    assert "evaluate.calibration_bins: 5 → 10" in says["evaluate"]
    assert finished.repro().ran == ["register"]
