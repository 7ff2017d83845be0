"""What AutoGluon says of budgets, and what is put into it where it says nothing: that both are still there."""

import importlib
import inspect
import logging
import re
from pathlib import Path

import autogluon.core
import autogluon.tabular
import pytest
from autogluon.core.models.ensemble.fold_fitting_strategy import ParallelFoldFittingStrategy

from slipway.search import quiet
from slipway.search.events import CUT_SHORT


@pytest.fixture(scope="module")
def source() -> str:
    """Return AutoGluon's own source."""
    folders = [Path(module.__file__).parent for module in (autogluon.core, autogluon.tabular)]
    return "\n".join(file.read_text(encoding="utf-8") for folder in folders for file in sorted(folder.rglob("*.py")))


@pytest.mark.parametrize(
    "words", [words for words in CUT_SHORT if words not in (quiet.MAY_HAVE, quiet.MAY_HAVE_IN_RAY)]
)
def test_autogluon_still_says_it_in_these_words(source: str, words: str):
    """Every pattern by which a budget is heard matches a line in AutoGluon's source, where a number is put in."""
    assert re.search(words.replace(r"[12]?\d", r"\{epochs\}"), source)


@pytest.mark.parametrize(
    ("line", "short"),
    [
        ("Automated epochs selection: training for 0 epoch(s). Estimated time", True),
        ("Automated epochs selection: training for 29 epoch(s). Estimated time", True),
        ("Automated epochs selection: training for 30 epoch(s). Estimated time", False),
        ("\tWarning: Reducing model 'n_estimators' from 300 -> 41 due to low time. Expected", True),
        ("\tWarning: Reducing model 'n_estimators' from 300 -> 41 due to low memory. Expected", True),
        ("No improvement since epoch 3: early stopping", False),
    ],
)
def test_what_is_short_and_what_is_not(line: str, short: bool):
    """A network that gets all the epochs that it wants is not cut short."""
    assert any(re.search(words, line) for words in CUT_SHORT) is short


def test_loggers_and_methods_are_there():
    """What is wrapped in AutoGluon has the name and the arguments that are taken."""
    for name in quiet.LOW:
        path = Path(autogluon.tabular.__file__).parent / f"{name.replace('.', '/')}.py"
        assert re.search(r"logger\.log\(\s*15,", path.read_text(encoding="utf-8")), name
    for _, module, owner, method in quiet.ASKED.values():
        if owner != "EarlyStoppingCustom":  # XGBoost's is used by a real fit in the tests of the budget
            assert callable(getattr(getattr(importlib.import_module(module), owner), method))
    for module, owner in quiet.FORESEEN.values():
        assert "time_limit" in inspect.signature(getattr(importlib.import_module(module), owner)._fit).parameters
    assert "time_limit_fold" in inspect.signature(ParallelFoldFittingStrategy._fit).parameters
    taken = inspect.signature(ParallelFoldFittingStrategy._update_bagged_ensemble).parameters
    assert {"time_start_fit", "time_end_fit"} <= taken.keys()


class Clocked:
    """A class like AutoGluon's, whose fit takes so many seconds of the test's clock."""

    def __init__(self, clock) -> None:
        self.clock = clock

    def _fit(self, seconds: float, time_limit: float | None = None) -> str:
        self.clock[0] += seconds
        return "fitted"


@pytest.mark.parametrize(("seconds", "limit", "heard"), [(4.9, 10, False), (5.0, 10, True), (99, None, False)])
def test_second_half_of_the_time_is_told(monkeypatch, caplog, seconds: float, limit: float | None, heard: bool):
    """A fit that foresees its end may have ended by the clock in the second half of its time, never before."""
    clock = [0.0]
    monkeypatch.setattr(quiet.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(Clocked, "_fit", Clocked._fit)
    caplog.set_level(logging.INFO, logger="autogluon")
    logging.getLogger("autogluon").addHandler(caplog.handler)
    quiet._wrap(Clocked, "_fit", quiet._tell_when_late)
    assert Clocked(clock)._fit(seconds, time_limit=limit) == "fitted"
    logging.getLogger("autogluon").removeHandler(caplog.handler)
    assert (quiet.MAY_HAVE in caplog.text) is heard
