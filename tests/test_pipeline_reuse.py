"""What a change re-runs, and what comes from the cache."""

import pytest
from conftest import STAGES, Project

pytestmark = pytest.mark.slow


def test_second_repro_runs_no_stage(finished: Project):
    """A second `dvc repro` runs no stage."""
    done = finished.repro()
    assert done.ran == []
    assert "Data and pipelines are up to date" in done.stdout


def test_changed_evaluate_setting_runs_evaluate_and_register(finished: Project):
    """A changed evaluate setting runs evaluate and register, besides check, the guard, which looks at every change."""
    done = finished.run("dvc", "exp", "run", "-S", "evaluate.calibration_bins=5")
    assert done.ran == ["check", "evaluate", "register"]
    assert "Found the same model as version 1" in done.stdout


def test_plots_and_importance_take_as_many_rows_as_are_asked_for(finished: Project):
    """Of many test rows some are drawn, which is said; metrics are of all of them."""
    before = finished.read("reports/metrics.json")
    done = finished.run("dvc", "exp", "run", "-S", "evaluate.plot_rows=100")
    assert done.ran == ["check", "evaluate", "register"]
    assert "plots of single rows, and importance, take 100 of the 262 test rows (evaluate.plot_rows)" in done.stdout
    assert len(finished.read("reports/plots/confusion.csv").splitlines()) == 1 + 100
    assert finished.read("reports/metrics.json") == before


def test_changed_recipe_runs_from_dataprep(finished: Project):
    """A changed recipe file runs dataprep and all behind it; check, which does not read it, stays."""
    finished.edit("src/recipes/titanic.py", 'NUMBERS = ["pclass", "sibsp", "parch"]', 'NUMBERS = ["pclass", "sibsp"]')
    done = finished.repro()
    assert done.ran == STAGES[1:]
    assert "6 features" in done.stdout
    assert "Registered version 2" in done.stdout


def test_changed_row_runs_everything(finished: Project):
    """One changed value in one raw file runs every stage."""
    path = "data/raw/titanic/passengers-2.csv"
    header, first, *rest = finished.read(path).splitlines(keepends=True)
    finished.write(path, "".join([header, first.replace("male", "female", 1), *rest]))
    assert finished.repro().ran == STAGES


def test_setting_changed_and_changed_back_trains_nothing(finished: Project):
    """A search setting that is changed and changed back restores the first search from the cache, byte for byte."""
    files = ["reports/leaderboard.csv", "reports/automl.log", "reports/automl.json", "reports/metrics.json"]
    first = [finished.read(file) for file in files]
    away = finished.run("dvc", "exp", "run", "-S", "+automl.models.GBM.learning_rate=0.5")
    assert away.ran == ["check", "automl", "evaluate", "register"]
    assert "Registered version 2" in away.stdout
    assert finished.read("reports/automl.log") != first[1]

    back = finished.run("dvc", "exp", "run")
    assert set(back.ran) <= {"check", "register"}  # the one looks always; the other's effect is outside the cache
    assert "automl: fitting" not in back.stdout
    assert [finished.read(file) for file in files] == first
    assert "Found the same model as version 1" in back.stdout
