"""What a search says of itself while it runs, model by model: a callback and a listener to AutoGluon's log."""

import json
import logging
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slipway.search.quiet import FAILED_TRIAL, MAY_HAVE, MAY_HAVE_IN_RAY, NO_TIME_TO_TRY

if TYPE_CHECKING:
    from autogluon.core.callbacks import AbstractCallback

Say = Callable[[dict[str, Any]], None]

# How AutoGluon's log says that a budget was felt, as a pattern → what was cut short, in our words.
CUT_SHORT = {
    r"Ran out of time": "stopped by the time limit",
    r"Ensemble Selection ran out of time": "stopped by the time limit",
    r"Early stopping due to lack of time": "stopped by the time limit",
    r"Reducing model .* due to low time": "fewer trees than asked for, no time",
    r"training for [12]?\d epoch": "fewer rounds than its own 30, no time",
    NO_TIME_TO_TRY: "no time for more settings of it",
    r"Not enough time to retrain": "not fitted again with the best number of rounds, no time",
    r"Time limit exceeded": "left out, no time",
    r"due to lack of time remaining": "left out, no time",
    r"Not enough time left to finish repeated": "left out, no time",
    MAY_HAVE: "stopped by the time limit, or by itself in the second half of its time",
    MAY_HAVE_IN_RAY: "stopped by the time limit, or by itself in the last two thirds of its time",
    r"Memory not enough to fit .* folds in parallel": "fewer folds side by side, no memory",
    r"Ran low on memory": "stopped by the memory limit",
    r"may cause OOM error if training continues": "stopped by the memory limit",
    r"Reducing model .* due to low memory": "fewer trees than asked for, no memory",
    r"Not enough memory to train": "left out, no memory",
}
# How it begins where models were counted: no clock has a say in that.
COUNTED = "left out after"
# What is cut short between two models: the folds once more, of which AutoGluon tells no callback.
REST = "the rest"


class CutShort(logging.Handler):
    """Hears from AutoGluon's log which model a budget cut short, and says it."""

    def __init__(self, say: Say) -> None:
        super().__init__()
        self.say, self.model = say, ""

    def emit(self, record: logging.LogRecord) -> None:
        """Say what a line of the log means for the model that is being fitted."""
        line = record.getMessage()
        for words, meaning in CUT_SHORT.items():
            if re.search(words, line):
                self.say({"event": "cut", "model": self.model or REST, "why": meaning})
        if FAILED_TRIAL in line:
            why = f"failed with some of the settings: {line.partition(FAILED_TRIAL)[2]}"
            self.say({"event": "cut", "model": self.model, "why": why})


def settings_of(model: Any) -> str:
    """Return what a model was fitted with as JSON: its settings, and what fitting found, such as rounds.

    AutoGluon's own `info()` collects garbage for every fold, to say how large it is in memory: a fifth of a second each.
    """
    if not hasattr(model, "load_child"):
        return json.dumps(model.params | model.params_trained, default=str)
    folds = [(fold.params, fold.params_trained) for fold in map(model.load_child, model.models)]
    found = model._get_compressed_params([trained for _, trained in folds])  # noqa: SLF001  as AutoGluon refits with them
    return json.dumps(folds[0][0] | found, default=str)


def is_ensemble(model: str) -> bool:
    """Return whether a model blends others, by AutoGluon's name for it."""
    return model.startswith("WeightedEnsemble")


def callback_for(  # noqa: C901  one small class, made here because AutoGluon is imported here
    say: Say, max_models: int | None = None, patience: int | None = None
) -> "AbstractCallback":
    """Return an AutoGluon callback that says what is being fitted, and skips what comes after enough models.

    Parameters
    ----------
    say
        Called with dictionaries: ``event`` is fitting, fitted, left_out or cut; ``model`` its name; of a fitted one also
        what it was fitted with: read within the search's limit, since there may be many, of many folds.
    max_models
        How many fitted models are enough; failed ones and ensembles don't count.
    patience
        How many in a row that are not better are enough.
    """
    from autogluon.core.callbacks import AbstractCallback

    heard = CutShort(say)

    class Told(AbstractCallback):
        def __init__(self) -> None:
            super().__init__()
            self.fitted = self.no_better = 0
            self.best: float | None = None

        def __reduce__(self) -> tuple[type, tuple[()]]:
            return AbstractCallback, ()  # AutoGluon saves its callbacks with the predictor; what it tells stays here

        def before_trainer_fit(self, trainer: Any, **kwargs: Any) -> None:
            logging.getLogger("autogluon").addHandler(heard)

        def after_trainer_fit(self, trainer: Any) -> None:
            logging.getLogger("autogluon").removeHandler(heard)

        def _before_model_fit(self, trainer: Any, model: Any, **kwargs: Any) -> tuple[bool, bool]:
            self.model = heard.model = model.name
            if not is_ensemble(model.name) and (why := self._enough()):
                say({"event": "left_out", "model": model.name, "why": why})
                return False, True
            keep_whole(Path(trainer.path))
            say({"event": "fitting", "model": model.name})
            return False, False

        def _after_model_fit(self, trainer: Any, model_names: list[str], **kwargs: Any) -> bool:
            for name in model_names:
                score, *seconds = (
                    trainer.get_model_attribute(name, key) for key in ("val_score", "fit_time", "predict_time")
                )
                event = {
                    "event": "fitted",
                    "model": name,
                    "score": score,
                    "fit_time": seconds[0],
                    "pred_time_val": seconds[1],
                }
                if not is_ensemble(name):
                    self._count(score)
                    event["fitted_with"] = settings_of(trainer.load_model(name))
                say(event)
            if not model_names:
                say({"event": "fitted", "model": self.model, "score": None})
            heard.model = ""
            return False

        def _count(self, score: float | None) -> None:
            better = score is not None and (self.best is None or score > self.best)
            self.fitted, self.no_better = self.fitted + 1, 0 if better else self.no_better + 1
            self.best = score if better else self.best

        def _enough(self) -> str | None:
            if max_models and self.fitted >= max_models:
                return f"{COUNTED} {self.fitted} model{'s' * (self.fitted > 1)}"
            if patience and self.no_better >= patience:
                return f"{COUNTED} {patience} model{'s' * (patience > 1)} that were no better"
            return None

    return Told()


def keep_whole(trainer: Path) -> None:
    """Keep a copy of AutoGluon's list of models between two models, for the case that it dies while writing the next."""
    if (trainer / "trainer.pkl").exists():
        shutil.copyfile(trainer / "trainer.pkl", trainer / "trainer.whole.pkl")
