"""The search's budget: kept, with a model that works, and said where it was felt."""

import json
import os
import signal
import time
from pathlib import Path

import pandas as pd
import pytest
from autogluon.tabular import TabularPredictor
from conftest import Project, until_it_says

pytestmark = pytest.mark.slow

# The forest comes first; LightGBM is the one that is spoiled below.
SLOW = """\
defaults: [base, _self_]
time_limit: {limit}
models:
  GBM: {{num_boost_round: 20}}
  XT: {{n_estimators: 5}}
  DUMMY: {{}}
  RF: {{n_estimators: 5, ag_args: {{priority: 100}}}}
{more}
"""


def search(project: Project, limit: float, more: str = "", patch: str = "", ok: bool = True, config: str = ""):
    """Run the search alone under a limit; ``patch`` is Python that runs in it first. Return it with its seconds.

    The imports are made before its clock starts: on a machine that others use they may take longer than the limit.
    """
    project.write("conf/automl/quick.yaml", config or SLOW.format(limit=limit, more=more))
    project.run("python", "src/compose.py")
    script = f"import sys; sys.path[:0] = ['src']; sys.argv = ['automl.py']\n{patch}\n"
    script += """
import time, autogluon.tabular.models, catboost, lightgbm, mlflow.pyfunc, automl
from slipway.project.entry import run
automl.seconds_since_start, started = lambda: 0.0, time.monotonic()
run(automl.main)
print("took", time.monotonic() - started)
"""
    done = project.run("python", "-c", script, ok=ok)
    return done, float(done.stdout.split()[-1])


def state(project: Project) -> tuple[dict, pd.DataFrame, dict]:
    """Return the search's figures, its leaderboard and the tags of its model."""
    from mlflow.models import Model

    board = pd.read_csv(project.folder / "reports/leaderboard.csv")
    return json.loads(project.read("reports/automl.json")), board, Model.load(project.folder / "models/model").metadata


# LightGBM that takes no notice of the time that AutoGluon gives it.
DEAF = """
import time
from autogluon.tabular.models import LGBModel
LGBModel._fit = lambda self, **kwargs: time.sleep(600)
"""


def test_model_that_ignores_its_time_is_ended(finished: Project):
    """A model that goes on for ten minutes under a limit of 12 s is ended; the model is made of the rest."""
    done, took = search(finished, 12, patch=DEAF)
    assert took < 60  # benchmarks/budgets.py has the promise itself, which a machine that others use cannot keep
    figures, board, tags = state(finished)
    assert figures["best_model"] != "Dummy"
    assert figures["baseline"] is tags["baseline"] is False
    assert figures["reproducible"] is tags["reproducible"] is False
    assert "LightGBM: ended, no time" in tags["cut_short"]
    assert board.set_index("model").loc["LightGBM", "cut_short"] == "ended, no time"
    assert "automl: the search did not end by itself" in done.stdout
    finished.run("python", "src/evaluate.py")


# Each stops by the clock alone, and AutoGluon does not say so: XGBoost, folds in processes of Ray, settings that were not tried.
ENDLESS = "learning_rate: 0.00001, ag_args_fit: {early_stop: 1000000, max_time_limit: 2}"
UNSAID = {
    "xgboost": (f"XGB: {{n_estimators: 1000000, {ENDLESS}}}", "", "XGBoost: stopped by the time limit"),
    "ray": (
        f"GBM: {{num_boost_round: 1000000, {ENDLESS}}}",
        "num_bag_folds: 2\nconcurrency: 2\n",
        "LightGBM_BAG_L1: stopped by the time limit, or by itself in the last two thirds of its time",
    ),
    "trials": (
        "RF: {n_estimators: 30, max_features: {low: 0.1, high: 1.0}}",
        "num_trials: 80\n",
        "RandomForest: no time for more settings of it",
    ),
}


@pytest.mark.parametrize("quiet", UNSAID)
def test_clock_is_heard_where_autogluon_says_nothing(finished: Project, quiet: str):
    """A search that the clock cut short is not called reproducible, whoever of AutoGluon's keeps silent about it."""
    model, more, says = UNSAID[quiet]
    limit = 30 if quiet == "ray" else 12
    config = f"defaults: [base, _self_]\ntime_limit: {limit}\nensemble: false\n{more}models:\n  {model}\n"
    done, _ = search(finished, limit, config=config)
    figures, board, tags = state(finished)
    assert says in figures["cut_short"]
    assert figures["reproducible"] is tags["reproducible"] is False
    assert board["score_val"].notna().any()
    assert f"automl: {says}" in done.stdout


def test_limit_too_small_for_any_model_gives_a_baseline(finished: Project):
    """When the limit is too small to train anything, a baseline is delivered, tested, said to be one and not registered."""
    # No model may be there by chance before the search is ended.
    patch = "import slipway.search.budget as b; b.SPARE_S = 0.0" + DEAF.replace("LGBModel._fit", "RFModel.fit")
    patch = patch.replace("import LGBModel", "import RFModel")
    done, _ = search(finished, 0.01, patch=patch)
    figures, _, tags = state(finished)
    assert figures["best_model"] == "Dummy"
    assert figures["reproducible"] is False
    assert any("baseline that ignores every feature" in line for line in tags["cut_short"])
    assert "baseline that ignores every feature" in done.stdout
    finished.run("python", "src/evaluate.py")
    assert "**A baseline: it ignores every feature, as no model could be" in finished.read("reports/card.md")
    finished.edit("conf/register/default.yaml", "promote: first", "promote: passed")
    finished.run("python", "src/compose.py", "automl=quick")
    finished.run("python", "src/register.py")
    assert json.loads(finished.read("models/registered.json"))["version"] is None
    assert "| baseline | **no** |" in finished.read("reports/gate.md")
    said = finished.run("python", "src/summary.py").stdout
    assert "Registered nothing: the gate is not passed; no  baseline: it ignores every feature" in said


def test_memory_that_fills_ends_the_search_and_not_the_stage(finished: Project):
    """A search that fills its memory is ended; what was fitted until then is the model, and the report says so."""
    fill = DEAF.replace("time.sleep(600)", "[bytearray(1 << 20) for _ in range(4000)] and time.sleep(600)")
    done, _ = search(finished, 60, more="memory_limit: 1.5", patch=fill)
    figures, board, tags = state(finished)
    assert figures["best_model"] != "Dummy"
    assert board.set_index("model").loc["LightGBM", "cut_short"] == "ended, no memory"
    assert any("nearly filled the memory" in line for line in tags["cut_short"])
    assert "automl: LightGBM: ended, no memory" in done.stdout


def test_number_of_models_is_kept_and_said(finished: Project):
    """`max_models` fits that many and the blend of them; the others stand on the leaderboard as left out."""
    done, _ = search(finished, 60, more="max_models: 2\nmax_size_mb: 0.001")
    figures, board, tags = state(finished)
    assert figures["reproducible"] is tags["reproducible"] is True  # models were counted, and no clock had a say
    assert "cannot be repeated" not in done.stdout
    left_out = board[board["cut_short"] == "left out after 2 models"]
    assert len(left_out) == 2
    assert left_out["score_val"].isna().all()
    assert figures["left_out"] == 2
    assert figures["models"] == 3
    assert figures["deployed_mb"] < 0.2


def test_model_that_is_too_large_gives_way_to_a_blend_of_small_ones(finished: Project):
    """Where a forest makes the winner larger than the limit, the others are blended anew, and the stage says what that costs."""
    done, _ = search(
        finished, 60, more="max_size_mb: 0.3\nexcluded_model_types: [DUMMY]",
        patch="""
import slipway.search.search as s
asked = s.hyperparameters
s.hyperparameters = lambda *a: {"RF": [{"n_estimators": 200}], "GBM": [{"num_boost_round": 2}], "LR": [{}]}
""",
    )  # fmt: skip
    figures, board, _ = state(finished)
    assert figures["best_model"] == "WeightedEnsemble_L2Small"
    assert figures["deployed_mb"] < 0.3
    by_name = board.set_index("model")
    assert by_name.loc["RandomForest", "size_bytes"] > 300_000
    assert "would win with" in done.stdout
    assert f"WeightedEnsemble_L2Small is deployed: {figures['deployed_mb']:.1f} MB" in done.stdout
    finished.run("python", "src/evaluate.py")


def test_winner_fitted_again_on_all_rows_is_deployed(finished: Project):
    """With folds and `refit_full` the blend that won is fitted again and deployed, with the score that it won by."""
    search(finished, 60, more="num_bag_folds: 2\nrefit_full: true\nexcluded_model_types: [XT]")
    figures, board, _ = state(finished)
    assert figures["best_model"].endswith("_FULL")
    assert figures["score_val"] == board["score_val"].max()
    finished.run("python", "src/evaluate.py")
    # What each was fitted with is read from the folds alone, and is what AutoGluon says of the whole.
    trainer = TabularPredictor.load(str(finished.folder / "models/predictor"))._trainer
    told = board.dropna(subset="hyperparameters").set_index("model")["hyperparameters"].map(json.loads)
    assert {model.removesuffix("_FULL") for model in told.index} == {
        "LightGBM_BAG_L1",
        "RandomForest_BAG_L1",
        "Dummy_BAG_L1",
    }
    for model, settings in told.items():
        info = trainer.get_model_info(model)["bagged_info"]
        assert settings == info["child_hyperparameters"] | info["child_hyperparameters_fit"]


def test_killed_search_leaves_nothing_and_is_taken_up(fresh: Project, tmp_path: Path, stopping: list):
    """SIGKILL of the whole run in the middle of the search: no process, no temporary folder, no model; repro finishes."""
    fresh.edit("conf/automl/quick.yaml", "GBM: {num_boost_round: 20}", "RF: {n_estimators: 3000}")
    fresh.run("python", "src/compose.py")
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    project = Project(fresh.folder, {**fresh.env, "TMPDIR": str(scratch)})
    log = tmp_path / "log"
    repro = project.start("dvc", "repro", log=log)
    stopping.append(repro)
    until_it_says("fitting RandomForest", repro, log)
    os.killpg(repro.pid, signal.SIGKILL)
    repro.wait(timeout=30)
    until = time.monotonic() + 20
    while time.monotonic() < until and (list(scratch.glob("slipway-*")) or of_project(project)):
        time.sleep(0.05)
    assert list(scratch.glob("slipway-*")) == []
    assert of_project(project) == []
    assert not (project.folder / "models/model").exists()

    fresh.edit("conf/automl/quick.yaml", "n_estimators: 3000", "n_estimators: 10")
    fresh.run("python", "src/compose.py")
    assert fresh.repro("automl").ran == ["check", "automl"]


def of_project(project: Project) -> list[int]:
    """Return the processes that run in a project's folder."""
    found = []
    for link in Path("/proc").glob("[0-9]*/cwd"):
        try:
            if link.resolve(strict=True) == project.folder.resolve():
                found.append(int(link.parent.name))
        except OSError:
            continue
    return found
