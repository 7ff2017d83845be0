"""What a person sees of the search: lines where there is no terminal, a table that lives where there is one."""

import io
import pickle
from types import SimpleNamespace

import pytest
from rich.console import Console

from slipway.search.display import SearchDisplay, callback_for


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


def search(display, clock):
    """Fit one model well and let another one fail."""
    with display:
        display.fitting("LightGBM")
        clock.now += 2.5
        display.fitted("LightGBM", 0.85)
        display.fitting("RandomForest")
        clock.now += 1
        display.fitted("RandomForest", None)


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
    """A model without a score at the end of the time is said to have had no time, and remembered."""
    display, console = displayed(clock, time_limit=3)
    search(display, clock)
    assert display.left_out == ["RandomForest"]
    assert "automl: RandomForest left out, no time after" in console.file.getvalue()


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
    display.fitting("CatBoost")
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
        display.fitting(model)
        display.fitted(model, score)
    assert display.best() == "best so far B with roc_auc -0.3000"


def test_interrupted_search_leaves_the_terminal_usable(clock):
    """Ctrl-C in the middle shows the cursor again."""
    display, console = displayed(clock, terminal=True)

    def interrupted():
        with display:
            display.fitting("LightGBM")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert console.file.getvalue().rindex("\x1b[?25h") > console.file.getvalue().rindex("\x1b[?25l")


def test_callback_tells_the_display(clock):
    """What AutoGluon says before and after a model reaches the display; a model that brought nothing has failed."""
    display, _ = displayed(clock)
    callback = callback_for(display)
    trainer = SimpleNamespace(get_model_attribute=lambda *_: 0.7)
    assert callback._before_model_fit(trainer, SimpleNamespace(name="GBM")) == (False, False)
    assert callback._after_model_fit(trainer, ["GBM"]) is False
    callback._before_model_fit(trainer, SimpleNamespace(name="XGB"))
    callback._after_model_fit(trainer, [])
    assert display.scores == {"GBM": 0.7, "XGB": None}


def test_callback_stays_out_of_the_predictor(clock):
    """A predictor that is saved with its callbacks carries neither display nor console."""
    display, _ = displayed(clock)
    saved = pickle.dumps(callback_for(display))
    assert b"slipway" not in saved
    pickle.loads(saved)
