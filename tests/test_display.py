"""What a person sees of the search: lines where there is no terminal, a table that lives where there is one."""

import csv
import io
import logging
import pickle
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.console import Console

from slipway.search.display import SearchDisplay
from slipway.search.events import callback_for


class Clock:
    """A clock that is set by hand."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def displayed(clock, terminal=False, time_limit=60.0):
    """Return a display with its console, which writes into memory."""
    console = Console(
        file=io.StringIO(), force_terminal=terminal, width=100, soft_wrap=True, record=True, color_system=None
    )
    return SearchDisplay("roc_auc", time_limit, 3, console=console, clock=clock), console


def fit(display, clock, model, score, seconds=0.0):
    """Let the display hear of a model from its beginning to its end."""
    display.hear({"event": "fitting", "model": model})
    clock.now += seconds
    display.hear({"event": "fitted", "model": model, "score": score})


def search(display, clock):
    """Fit one model well and let another one fail."""
    with display:
        fit(display, clock, "LightGBM", 0.85, 2.5)
        fit(display, clock, "RandomForest", None, 1)


def test_trial_is_shown_and_its_words_are_kept(clock):
    """A trial has a line when it begins, is no model that was fitted, and leaves its words, if it has any."""
    display, console = displayed(clock)
    with display:
        for why in ("", "models were not stacked: …"):
            display.hear({"event": "fitting", "model": "a trial of stacking"})
            display.hear({"event": "tried", "model": "stacking", "why": why, "in_haste": not why})
            assert display.tried_in_haste is (not why)
    assert (display.notes, display.fitted, display.cut_short, display.running) == ([why], {}, {}, None)
    assert console.file.getvalue().count("automl: fitting a trial of stacking (0 of 3 models done") == 2


def test_lines_without_a_terminal(clock):
    """In a log every model has a line when it begins and one when it ends: score, seconds, the best so far, time left."""
    display, console = displayed(clock)
    search(display, clock)
    assert console.file.getvalue().splitlines() == [
        "automl: fitting LightGBM (0 of 3 models done, 60 of 60 s left)",
        "automl: LightGBM roc_auc 0.8500 after 2.5 s; best so far LightGBM with roc_auc 0.8500",
        "automl: fitting RandomForest (1 of 3 models done, 58 of 60 s left)",
        "automl: RandomForest failed after 1.0 s; best so far LightGBM with roc_auc 0.8500",
    ]


def test_model_that_the_limit_left_out_did_not_fail(clock):
    """A model that a budget left out is said to be left out, not to have failed, and remembered."""
    display, console = displayed(clock, time_limit=3)
    display.hear({"event": "cut", "model": "RandomForest", "why": "left out, no time"})
    search(display, clock)
    assert display.cut_short == {"RandomForest": "left out, no time"}
    assert "automl: RandomForest left out, no time after" in console.file.getvalue()


def test_model_that_was_being_fitted_when_the_search_ended(clock):
    """The model in whose middle the search was ended is said to be ended; nothing happens where none was fitted."""
    display, console = displayed(clock)
    display.ended("ended, no time")
    display.hear({"event": "fitting", "model": "CatBoost"})
    display.ended("ended, no time")
    assert display.cut_short == {"CatBoost": "ended, no time"}
    assert "automl: CatBoost ended, no time after 0.0 s; no model yet" in console.file.getvalue()


def test_board_follows_the_search(clock, tmp_path):
    """The file has a whole ranking after each model: those with a score, the best first, with what was cut short."""
    display, _ = displayed(clock)
    display.board = tmp_path / "reports/leaderboard.csv"
    fit(display, clock, "A", 0.5)
    display.hear({"event": "cut", "model": "B", "why": "stopped by the time limit"})
    fit(display, clock, "B", 0.75)
    fit(display, clock, "C", None)
    with display.board.open(encoding="utf-8", newline="") as file:
        rows = [(row["model"], row["score_val"], row["cut_short"]) for row in csv.DictReader(file)]
    assert rows == [("B", "0.75", "stopped by the time limit"), ("A", "0.5", "")]
    assert [file.name for file in display.board.parent.iterdir()] == ["leaderboard.csv"]


def test_table_of_many_models_stays_on_the_screen(clock):
    """A search of a hundred models shows the last ones, and how many more there are; memory stands below."""
    display, console = displayed(clock)
    display.memory_limit = 4 * 2**30
    for number in range(100):
        fit(display, clock, f"Model{number}", number / 100)
    display.hear({"memory": 2**30})
    lines = len(console.file.getvalue())
    console.print(display.table())
    shown = console.file.getvalue()[lines:]
    assert "80 more" in shown
    assert " Model79 " not in shown
    assert " Model80 " in shown
    assert "1.0 of 4 GB of memory" in " ".join(shown.split())


def test_table_in_a_terminal(clock):
    """In a terminal the models stand in a table, the failed one as failed, and no line is printed beside it."""
    display, console = displayed(clock, terminal=True)
    search(display, clock)
    shown = console.file.getvalue()
    last = shown[shown.rindex("automl") :]
    assert "automl: " not in shown
    assert [cell.strip() for cell in next(line for line in last.splitlines() if "LightGBM " in line).split("│")[1:4]] == [
        "LightGBM", "0.8500", "2.5",
    ]  # fmt: skip
    assert "failed" in last
    assert "best so far LightGBM with roc_auc 0.8500" in " ".join(last.split())


def test_table_shows_what_is_being_fitted(clock):
    """The model that is being fitted stands in the table with its seconds so far."""
    display, console = displayed(clock)
    display.hear({"event": "fitting", "model": "CatBoost"})
    clock.now += 4
    console.print(display.table())
    row = next(line for line in console.file.getvalue().splitlines() if "CatBoost …" in line)
    assert "4.0" in row


def test_time_left_ends_at_nothing(clock):
    """A search that runs over its limit has no time left, not less than none; without a limit the time spent is told."""
    display, _ = displayed(clock)
    clock.now += 75
    assert display.progress() == "0 of 3 models done, 0 of 60 s left"
    unlimited, _ = displayed(clock, time_limit=None)
    clock.now += 75
    assert unlimited.progress() == "0 of 3 models done, 75 s, no limit"


def test_higher_is_better(clock):
    """The best model is the one with the highest score, also where scores are negative losses."""
    display, _ = displayed(clock)
    assert display.best() == "no model yet"
    for model, score in {"A": -0.5, "B": -0.3, "C": None}.items():
        fit(display, clock, model, score)
    assert display.best() == "best so far B with roc_auc -0.3000"


def test_interrupted_search_leaves_the_terminal_usable(clock):
    """Ctrl-C in the middle shows the cursor again."""
    display, console = displayed(clock, terminal=True)

    def interrupted():
        with display:
            display.hear({"event": "fitting", "model": "LightGBM"})
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert console.file.getvalue().rindex("\x1b[?25h") > console.file.getvalue().rindex("\x1b[?25l")


def fitted(callback, trainer, *models):
    """Let AutoGluon's trainer fit these models, each with its score; return those that the callback did not skip."""
    done = []
    for name, score in models:
        trainer.get_model_attribute = lambda _, key, score=score: score if key == "val_score" else 1.0
        if callback._before_model_fit(trainer, SimpleNamespace(name=name)) == (False, False):
            callback._after_model_fit(trainer, [name] if score is not None else [])
            done.append(name)
    return done


@pytest.fixture
def trainer(tmp_path):
    (tmp_path / "trainer.pkl").write_bytes(b"whole")
    model = SimpleNamespace(params={"seed": 1}, params_trained={"rounds": 7})
    return SimpleNamespace(path=str(tmp_path), load_model=lambda _: model)


def test_callback_tells_what_is_fitted(trainer):
    """What AutoGluon does is told model by model; a model that brought nothing has no score."""
    told = []
    assert fitted(callback_for(told.append), trainer, ("GBM", 0.7), ("XGB", None)) == ["GBM", "XGB"]
    assert [(event["event"], event["model"], event.get("score")) for event in told] == [
        ("fitting", "GBM", None), ("fitted", "GBM", 0.7), ("fitting", "XGB", None), ("fitted", "XGB", None),
    ]  # fmt: skip
    assert [event.get("fitted_with") for event in told] == [None, '{"seed": 1, "rounds": 7}', None, None]
    assert (Path(trainer.path) / "trainer.whole.pkl").read_bytes() == b"whole"


def test_enough_models_leave_out_the_rest(trainer):
    """After as many models as are asked for the others are left out and told; failed ones and blends don't count."""
    told = []
    models = [("GBM", 0.7), ("XGB", None), ("CAT", 0.6), ("RF", 0.9), ("WeightedEnsemble_L2", 0.8)]
    assert fitted(callback_for(told.append, max_models=2), trainer, *models) == [
        "GBM", "XGB", "CAT", "WeightedEnsemble_L2",
    ]  # fmt: skip
    assert [event for event in told if event["event"] == "left_out"] == [
        {"event": "left_out", "model": "RF", "why": "left out after 2 models"}
    ]


def test_models_that_are_no_better_end_the_search(trainer):
    """After so many models in a row that are no better, the rest is left out; a better one starts the count anew."""
    models = [("A", 0.5), ("B", 0.4), ("C", 0.6), ("D", 0.6), ("E", 0.1), ("F", 0.9)]
    assert fitted(callback_for([].append, patience=2), trainer, *models) == ["A", "B", "C", "D", "E"]


def test_what_a_budget_cut_short_is_heard_in_the_log(trainer, caplog):
    """AutoGluon says in its log alone that time ended a model's training; that is told with the model's name."""
    caplog.set_level(logging.INFO, logger="autogluon")  # a search before this one may have left it quieter
    told, log = [], logging.getLogger("autogluon.of.this.test")
    callback = callback_for(told.append)
    callback.before_trainer_fit(trainer)
    callback._before_model_fit(trainer, SimpleNamespace(name="GBM"))
    log.warning("\tRan out of time, early stopping on iteration 12.")
    callback.after_trainer_fit(trainer)
    log.warning("\tRan out of time, early stopping on iteration 13.")
    assert told[1:] == [{"event": "cut", "model": "GBM", "why": "stopped by the time limit"}]


def test_callback_stays_out_of_the_predictor():
    """A predictor that is saved with its callbacks carries nothing of ours."""
    saved = pickle.dumps(callback_for([].append))
    assert b"slipway" not in saved
    pickle.loads(saved)
