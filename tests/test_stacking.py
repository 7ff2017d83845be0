"""Models upon models are fitted only where a trial on rows held out from it bears out what they seem to gain."""

import numpy as np
import pandas as pd
import pytest
from test_model import search

from slipway.search import stacking
from slipway.search.search import leaderboard

OPTIONS = {"time_limit": 40.0, "num_stack_levels": 1, "num_bag_folds": 5}
WITHOUT = [("RF_BAG_L1", 0.80, 0.79, 1), ("WeightedEnsemble_L2", 0.82, 0.81, 2)]


class Trial:
    """A predictor whose scores are made by hand: on validation rows, on rows held out, and the layer of each model."""

    label, problem_type = "survived", "binary"

    def __init__(self, folder, models):
        self.path, self.models, self.options = str(folder), models, {}
        folder.mkdir()

    def fit(self, train, **options):
        self.rows, self.options = len(train), options

    def model_names(self, can_infer):
        return [model[0] for model in self.models]

    def leaderboard(self, held_out):
        assert len(held_out) + self.rows == 90
        return pd.DataFrame(self.models, columns=["model", "score_val", "score_test", "stack_level"])


def tried(folder, models, heard=(), **options):
    """Return the options after a trial, the trial, and what was said."""
    train = pd.DataFrame({"age": range(90), "survived": np.arange(90) % 2})
    trial, said = Trial(folder / "trial", models), []
    return stacking.only_if_it_holds(trial, train, OPTIONS | options, 1, said.append, heard), trial, said


@pytest.mark.parametrize(
    ("stacked", "why"),
    [
        (("RF_BAG_L2", 0.83, 0.83, 2), ""),
        (
            ("RF_BAG_L2", 0.95, 0.82, 2),
            "on rows held out are RF_BAG_L2 0.9500 and 0.8200; WeightedEnsemble_L2 0.8200 and 0.8100",
        ),
        (("RF_BAG_L2", 0.95, 0.70, 2), "RF_BAG_L2 0.9500 and 0.7000"),
        (("WeightedEnsemble_L3", 0.82, 0.81, 3), "WeightedEnsemble_L3 0.8200 and 0.8100"),
        (None, "its trial came to no stacked model"),
    ],
)
def test_stacking_has_to_gain_where_it_did_not_learn(tmp_path, stacked, why):
    """Half of what it gains on validation rows is a gain on rows held out, or there is no stacking and the reason is said."""
    options, trial, said = tried(tmp_path, [*WITHOUT, *([stacked] if stacked else [])])
    assert options["num_stack_levels"] == (0 if why else 1)
    assert [event["event"] for event in said] == ["fitting", "tried"]
    assert why in said[1]["why"]
    assert bool(said[1]["why"]) is bool(why)
    assert trial.rows == 80
    assert not (tmp_path / "trial").exists()


def test_trial_takes_a_quarter_of_the_time_and_says_when_it_needed_it(tmp_path, monkeypatch):
    """The search has what the trial left of its time; a trial that used its time up is one of the clock, which is told."""
    options, trial, said = tried(tmp_path, WITHOUT)
    assert trial.options["time_limit"] == 10
    assert 39 < options["time_limit"] < 40
    assert said[1]["in_haste"] is False
    clock = iter([0.0, 9.0])
    monkeypatch.setattr(stacking.time, "monotonic", lambda: next(clock))
    options, _, said = tried(tmp_path, WITHOUT)
    assert options["time_limit"] == 31
    assert said[1]["in_haste"] is True


def test_trial_with_a_model_that_was_cut_short_is_one_of_the_clock(tmp_path):
    """A model that the clock stopped in the trial may have decided it, also where time was left in the end."""
    fitted, left_out = (
        {"event": "fitted", "model": "RF"},
        {"event": "left_out", "model": "XT", "why": "left out after 1 model"},
    )
    cut = {"event": "cut", "model": "RF", "why": "stopped by the time limit"}
    for heard, in_haste in (([fitted, left_out], False), ([fitted, cut], True)):
        _, _, said = tried(tmp_path, WITHOUT, heard)
        assert said[1]["in_haste"] is in_haste


def test_trial_that_has_no_model_or_no_score_stacks_nothing(tmp_path):
    """Nothing fitted in time, or too few rows of a class to score: what was not tried is not fitted; without a limit there is none."""
    options, _, said = tried(tmp_path, [])
    assert (options["num_stack_levels"], said[1]["why"]) == (
        0,
        "models were not stacked: its trial came to no model",
    )
    options, _, said = tried(tmp_path, [("RF_BAG_L1", 0.8, 0.8)], time_limit=None)  # no table of scores
    assert (options["num_stack_levels"], options["time_limit"], said[1]["in_haste"]) == (0, None, False)
    assert said[1]["why"].startswith("models were not stacked: no trial of it (")


@pytest.mark.slow
def test_labels_by_chance_are_not_stacked(tmp_path, monkeypatch):
    """On a table where there is nothing to learn, stacked models seem to learn; the search finds out and leaves them out."""
    draw = np.random.default_rng(1)
    noise = pd.DataFrame(draw.normal(size=(300, 6)), columns=list("abcdef")).assign(survived=draw.integers(0, 2, 300))
    monkeypatch.setattr("test_model.train", lambda: noise)
    stacks = {"models": {"GBM": {"num_boost_round": 60}}, "num_bag_folds": 5, "num_stack_levels": 1, "fit": {}}
    trusting = search(tmp_path / "trusting", **stacks | {"fit": {"dynamic_stacking": False}})
    scores = leaderboard(trusting, {}).set_index("model")["score_val"].astype(float)
    inflated = scores[[model.endswith("BAG_L2") for model in scores.index]].max()
    predictor = search(tmp_path / "tried", **stacks)
    honest = leaderboard(predictor, {}).set_index("model")["score_val"].astype(float)
    assert not any(model.endswith("BAG_L2") for model in honest.index)
    assert inflated > honest.max() + 0.03
    assert not (tmp_path / "tried/trial").exists()
