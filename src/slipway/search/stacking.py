"""Whether models upon models are worth their validation scores: a trial with rows held out from it."""

import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slipway.search.bounded import Say

if TYPE_CHECKING:
    import pandas as pd
    from autogluon.tabular import TabularPredictor

# The trial's share of the time and of the rows, as AutoGluon's own trial has them. Where it took this share of its time, the
# clock may have had a say in it.
TIME, HELD_OUT, IN_HASTE = 1 / 4, 1 / 9, 0.8
# What stacking gains on validation rows has to be a gain of this share on the rows held out. AutoGluon wants any gain at all,
# which chance gives it half of the time.
BORNE_OUT = 0.5


def only_if_it_holds(
    trial: "TabularPredictor",
    train: "pd.DataFrame",
    options: dict[str, Any],
    seed: int,
    say: Say,
    heard: Sequence[dict[str, Any]] = (),
) -> dict[str, Any]:
    """Return the options of a search that is to stack, without stacking where a trial does not bear it out.

    A stacked model learns from what the models below it predict. On small tables its validation score says far more than it
    holds, and it would win: on the demo 0.94 of roc_auc where test rows say 0.80, and 0.82 of the best blend without it. AutoGluon
    has the same trial (``dynamic_stacking``), in a process of Ray that overruns its time, or in this one, where a trial that
    fails leaves the predictor in the trial's folder.

    Parameters
    ----------
    trial
        A predictor like the search's own, in a folder of its own, which is removed.
    train
        Features and label, of shape (rows, features + 1); a ninth of the rows is held out from the trial.
    options
        Of ``TabularPredictor.fit``; the time that the trial took is taken off the limit.
    say
        Told what the trial found, and whether the clock had a say in it.
    heard
        What the trial's callback says of its models; filled while it runs.
    """
    started, limit = time.monotonic(), options["time_limit"]
    say({"event": "fitting", "model": "a trial of stacking"})
    why = not_to_stack(trial, train, options | {"time_limit": limit and limit * TIME}, seed)
    shutil.rmtree(Path(trial.path), ignore_errors=True)
    took = time.monotonic() - started
    cut = any(event["event"] == "cut" for event in heard)
    in_haste = cut or bool(limit and took > limit * TIME * IN_HASTE)
    say({"event": "tried", "model": "stacking", "why": why, "in_haste": in_haste})
    return options | {
        "num_stack_levels": 0 if why else options["num_stack_levels"],
        "time_limit": limit and max(0.1, limit - took),
    }


def not_to_stack(trial: "TabularPredictor", train: "pd.DataFrame", options: dict[str, Any], seed: int) -> str:
    """Return why a trial of these options does not speak for stacking, or nothing."""
    from autogluon.core.stacked_overfitting.utils import get_best_val_models
    from autogluon.core.utils import generate_train_test_split_combined

    try:
        fitted, held_out = generate_train_test_split_combined(
            train, trial.label, trial.problem_type, test_size=HELD_OUT, random_state=seed
        )
        trial.fit(fitted, raise_on_no_models_fitted=False, **options)
        table = trial.leaderboard(held_out) if trial.model_names(can_infer=True) else None
    except ValueError as error:  # too few rows of a class for a ninth of them, or for a score on them
        return f"models were not stacked: no trial of it ({str(error).partition('.')[0]})"
    if table is None:
        return "models were not stacked: its trial came to no model"
    without, stacked, any_stacked = get_best_val_models(table)
    if not any_stacked:
        return "models were not stacked: its trial came to no stacked model"
    scores = table.set_index("model")[["score_val", "score_test"]].astype(float)
    gain = scores.loc[stacked] - scores.loc[without]
    if gain["score_val"] > 0 and gain["score_test"] > BORNE_OUT * gain["score_val"]:
        return ""
    shown = "; ".join(
        f"{name} {scores.loc[name, 'score_val']:.4f} and {scores.loc[name, 'score_test']:.4f}"
        for name in (stacked, without)
    )
    return f"models were not stacked: in a trial, their scores on validation rows and on rows held out are {shown}"
