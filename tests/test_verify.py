"""A search that is repeated: the same to the last bit, or the first differences."""

import pandas as pd
import pytest
from conftest import Project

from slipway.verification.comparison import different_answers, different_leaderboards

BOARD = pd.DataFrame(
    {"model": ["A", "B"], "score_val": [0.1 + 0.2, None], "eval_metric": "roc_auc", "stack_level": 1, "fit_time": 1.0}
)


@pytest.mark.parametrize(
    ("after", "said"),
    [
        (BOARD.assign(fit_time=9.0), []),
        (BOARD.assign(score_val=[0.3, None]), ["A: score_val was 0.30000000000000004, now 0.3"]),
        (BOARD.iloc[::-1], ["the order was A, B"]),
        (BOARD.iloc[:1], ["B is missing now"]),
        (BOARD.assign(model=["A", "C"]), ["B is missing now", "C is new"]),
    ],
    ids=["other seconds", "last bit", "order", "one less", "another"],
)
def test_leaderboards_differ_in_results_alone(tmp_path, after, said):
    """Scores count to the last bit, and which models there are in which order; seconds do not count."""
    BOARD.to_csv(tmp_path / "before.csv", index=False)
    after.to_csv(tmp_path / "after.csv", index=False)
    assert different_leaderboards(tmp_path / "before.csv", tmp_path / "after.csv") == said


@pytest.mark.parametrize(
    ("after", "said"),
    [
        (pd.DataFrame({"yes": [0.5, float("nan")]}), []),
        (pd.DataFrame({"yes": [0.5000000000000001, float("nan")]}), ["first in row 1: 0.5, now 0.5000000000000001"]),
        (pd.DataFrame({"yes": [0.5, -float("nan")]}), ["first in row 2"]),
        (pd.DataFrame({"yes": [0.5]}), ["2 rows of yes, now 1 rows of yes"]),
        (pd.DataFrame({"no": [0.5, float("nan")]}), ["now 2 rows of no"]),
        (pd.DataFrame({"yes": [0.5, float("nan")]}, dtype="float32"), ["was float64, now float32"]),
    ],
    ids=["same", "last bit", "bits of nan", "rows", "columns", "type"],
)
def test_answers_differ_by_any_bit(after, said):
    """One bit of one answer is a difference, and so is another number of rows, other classes or another precision."""
    found = different_answers(pd.DataFrame({"yes": [0.5, float("nan")]}), after)
    assert len(found) == len(said)
    assert all(part in sentence for part, sentence in zip(said, found, strict=True))


@pytest.mark.slow
def test_verify_proves_or_shows_the_difference(finished: Project):
    """A search that repeats ends with 0; another score in the workspace ends with 1 and both scores; an old one is refused."""
    done = finished.run("python", "src/verify.py")
    assert "agree to the last bit" in done.stdout
    assert "lets the clock decide" in done.stdout

    board = pd.read_csv(finished.folder / "reports/leaderboard.csv", float_precision="round_trip")
    board.assign(score_val=board["score_val"] + 1).to_csv(finished.folder / "reports/leaderboard.csv", index=False)
    finished.run("dvc", "commit", "--force", "automl")
    done = finished.run("python", "src/verify.py", ok=False)
    assert done.code == 1
    assert "score_val was 1." in done.stdout
    assert done.told[-1].startswith("Error: Got 2 differences")

    finished.run("python", "src/compose.py", "seed=7")
    done = finished.run("python", "src/verify.py", ok=False)
    assert (done.code, len(done.told)) == (1, 1)
    assert "expected a finished search of its present settings" in done.told[0]


@pytest.mark.slow
def test_verify_repeats_a_registered_version_from_its_tags(finished: Project):
    """A version is repeated from its revision, the changes of then and its raw data, whatever the workspace holds now."""
    finished.edit("params.yaml", "num_boost_round: 20", "num_boost_round: 21")
    finished.edit("conf/automl/quick.yaml", "num_boost_round: 20", "num_boost_round: 21")
    finished.run("python", "src/compose.py")
    assert "Registered version 2" in finished.repro().stdout
    finished.run("git", "checkout", "--quiet", "--", ".")
    finished.run("python", "src/compose.py", "seed=9")
    for what in ("models:/titanic-survival@champion", "2"):
        done = finished.run("python", "src/verify.py", "--model", what)
        assert "262 test rows and the leaderboard agree to the last bit" in done.stdout, done.stdout
    assert "seed: 9" in finished.read("params.yaml")
    missing = finished.run("python", "src/verify.py", "--model", "models:/titanic-survival/77", ok=False)
    assert (missing.code, len(missing.told)) == (1, 1)


@pytest.mark.slow
def test_frozen_search_fits_the_same_models_without_a_limit(finished: Project):
    """The models of a search with a limit, written as settings, compose, have no limit, and repeat to the last bit."""
    done = finished.run("python", "src/freeze.py", "frozen")
    assert "automl=frozen" in done.stdout
    again = finished.run("python", "src/freeze.py", "frozen", ok=False)
    assert again.told == [
        "Error: Got conf/automl/frozen.yaml, which is there already, expected a new name. Name another one or remove it."
    ]
    finished.run("python", "src/compose.py", "automl=frozen")
    written = finished.read("params.yaml")
    assert "time_limit: null" in written
    assert "num_boost_round: 20" in written
    before = pd.read_csv(finished.folder / "reports/leaderboard.csv")
    finished.repro("automl")
    after = pd.read_csv(finished.folder / "reports/leaderboard.csv")
    assert list(after["model"]) == list(before["model"])
    assert "agree to the last bit" in finished.run("python", "src/verify.py").stdout
