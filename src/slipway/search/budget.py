"""The search within its budget: fitted in a process that ends in time, and made usable from what it left."""

import functools
import pickle
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from slipway.project.automl_settings import Automl
from slipway.search.bounded import Say, run_bounded
from slipway.search.display import SearchDisplay
from slipway.search.events import callback_for, is_ensemble, settings_of
from slipway.search.memory import free_bytes
from slipway.search.search import fit

if TYPE_CHECKING:
    import pandas as pd
    from autogluon.tabular import TabularPredictor

Predictor = TypeVar("Predictor")
# A stage's promise: it ends by SHARE times its limit and SPARE_S.
SHARE, SPARE_S = 1.1, 10.0
# The search is ended when it fills this share of the memory that was free.
ENDED_AT = 0.95
BASELINE_ROWS = 20_000
# Where the search had to be ended, this is left to blend what is there: seconds, or a share of what comes after the search.
BLEND_S, BLEND_SHARE = 2.0, 0.4


@dataclass
class Search:
    """What is searched, in what folder and until when.

    Attributes
    ----------
    folder
        Where the predictor is.
    label, positive_class, task, seed
        What AutoGluon is told about the table.
    started
        When the stage began, on the clock of ``time.monotonic``.
    finish_s
        What the stage needs after the search, in seconds: loading, building and saving the deliverable.
    """

    folder: Path
    label: str
    positive_class: Any
    task: str
    seed: int
    settings: Automl
    display: SearchDisplay
    started: float
    finish_s: float
    cut_short: list[str] = field(default_factory=list)
    is_baseline: bool = False

    def ends_at(self) -> float | None:
        """Return when fitting has to be over for the stage to keep its promise, or None."""
        limit = self.settings.time_limit
        return None if limit is None else self.started + SHARE * limit + SPARE_S - self.finish_s

    def left_s(self) -> float:
        """Return the seconds that are left for fitting."""
        ends_at = self.ends_at()
        return float("inf") if ends_at is None else ends_at - time.monotonic()

    def bounded(self, work: Any, ends_at: float | None) -> str | None:
        """Run work of this search in a process of its own; return what ended it before its time."""
        memory = free_bytes(self.settings) * ENDED_AT
        return run_bounded(work, self.display.hear, ends_at, memory, get_ready)

    def fitting_limit(self) -> float | None:
        """Return the seconds that AutoGluon is told to fit within, or None."""
        limit = self.settings.time_limit
        return None if limit is None else max(0.1, min(limit * fitting_share(self.settings), self.left_s() - 0.5))

    def blend_s(self) -> float:
        """Return the seconds that are kept to blend what an ended search left."""
        return max(BLEND_S, BLEND_SHARE * self.finish_s) * self.settings.ensemble

    def blend(self, work: Any, models: int) -> None:
        """Run work that blends so many models that are there, if there is time for it."""
        if self.left_s() < 1 or self.bounded(work, self.ends_at()):
            self.cut_short.append(f"{models} models were not blended: no time")

    def refit(self, predictor: Any, model: str, needed_s: float, refits: Callable[[Path], dict[str, str]]) -> str:
        """Fit a model again on all rows, if there is time for it; return the name of the one to deploy.

        ``refits`` says of a predictor's folder which model was fitted again as which.
        """
        if needed_s < self.left_s():
            self.display.hear({"event": "fitting", "model": f"{model} on all rows"})
            ended = self.bounded(lambda _: predictor.refit_full(model=model), self.ends_at())
            if not ended and (refitted := refits(self.folder).get(model)):
                self.display.hear({"event": "refitted", "model": refitted})
                return refitted
        self.display.running = None
        self.cut_short.append(f"{model} was not fitted again on all rows: no time")
        return model

    def tell_ended(self, ended: str) -> None:
        """Keep and show in words what `bounded` says has ended the search before its time."""
        self.cut_short.append(
            {
                "time": "the search did not end by itself and was ended, for the stage to keep its limit",
                "memory": "the search was ended: it had nearly filled the memory",
                "killed": "the search was ended by the system, most likely because memory ran out",
            }[ended]
        )
        self.display.ended(f"ended, no {'time' if ended == 'time' else 'memory'}")


def seconds_to_finish(so_far_s: float, waits: Path = Path("/proc/self/schedstat")) -> float:
    """Return what the stage needs after the search, from what it took until here, most of it imports.

    It is as much again at the pace that the machine has now, beside whatever else runs. What the imports waited for the
    disk is left out, where the system says so: the libraries are in memory now.
    """
    try:
        on_cpu, for_cpu = map(int, waits.read_text(encoding="ascii").split()[:2])
        so_far_s = min(so_far_s, (on_cpu + for_cpu) / 1e9)
    except (OSError, ValueError):
        pass
    return 1 + 0.8 * so_far_s


def list_packages_once() -> None:
    """Let AutoGluon read once what packages there are, and not at each save and load of a predictor."""
    from autogluon.common.utils import utils

    utils.get_package_versions = functools.cache(utils.get_package_versions)


def get_ready() -> None:
    """Import and list, while the search leaves this process idle, what saving and loading a model takes afterwards."""
    import mlflow.pyfunc  # noqa: F401
    from autogluon.common.utils import utils
    from mlflow.utils import requirements_utils

    utils.get_package_versions()
    requirements_utils._init_modules_to_packages_map()  # noqa: SLF001  which it keeps


def rows(part: str) -> "pd.DataFrame":
    """Return the train or the validation rows."""
    import pandas as pd

    return pd.read_parquet(f"data/prepared/{part}.parquet")


def load_left(folder: Path) -> "TabularPredictor | None":
    """Return the predictor of a search, whole or ended in the middle; None where it has no model that predicts."""
    from autogluon.tabular import TabularPredictor

    def load(path: str) -> "TabularPredictor | None":
        predictor = TabularPredictor.load(path)
        return predictor if predictor.model_names(can_infer=True) else None

    return load_whole(folder, load)


def load_whole(folder: Path, load: Callable[[str], Predictor]) -> Predictor | None:
    """Return what a function loads of a search's folder, also where the search was ended while it wrote it; None if nothing."""
    for _ in range(2):
        try:
            return load(str(folder))
        except (EOFError, pickle.UnpicklingError):  # ended while it wrote its list of models: the one before is whole
            if not (kept := folder / "models/trainer.whole.pkl").exists():
                return None
            shutil.copyfile(kept, folder / "models/trainer.pkl")
        except (OSError, AssertionError):
            return None
    return None


def search(one: Search) -> "TabularPredictor":
    """Search within time and memory; return the predictor, of a baseline where nothing could be fitted.

    Raises
    ------
    UserError
        AutoGluon refuses the settings, or every model failed for another reason than the budget.
    """
    settings = one.settings
    shutil.rmtree(one.folder, ignore_errors=True)
    callback = (settings.max_models, settings.early_stopping_patience)

    def fit_all(say: Say) -> None:
        fit(
            rows("train"), rows("validation"), one.label, one.positive_class, one.task, settings, one.seed, one.folder,
            callback_for(say, *callback), one.fitting_limit(), say,
        )  # fmt: skip

    ends_at = one.ends_at()
    ended = one.bounded(fit_all, ends_at and ends_at - one.blend_s())
    if ended:
        one.tell_ended(ended)
        shutil.rmtree(one.folder / "trial", ignore_errors=True)
    predictor = load_left(one.folder)
    if predictor is None:
        one.cut_short.append(
            "no model could be fitted within the budget; the model is a baseline that ignores every feature"
        )
        return baseline(one)
    if ended and settings.ensemble:
        blend(one, predictor, base_models(predictor))
        return load_left(one.folder) or predictor
    return predictor


def fitted_with(one: Search, predictor: "TabularPredictor") -> dict[str, str]:
    """Return model → what it was fitted with as JSON, no ensembles: what the search said, the rest read from its files."""
    said = {model: fitted["fitted_with"] for model, fitted in one.display.fitted.items() if "fitted_with" in fitted}
    rest = [model for model in predictor.model_names() if model not in said and not is_ensemble(model)]
    trainer = predictor._trainer  # noqa: SLF001  the only door to a model
    return said | {model: settings_of(trainer.load_model(model)) for model in rest}


def fitting_share(settings: Automl) -> float:
    """Return the share of the time limit for the search itself, where refitting the winner comes after it."""
    if not settings.refit_full:
        return 1.0
    return 1 - 1 / (settings.num_bag_folds + 1) if settings.num_bag_folds else 0.5


def base_models(predictor: "TabularPredictor") -> list[str]:
    """Return the models that blend no others and have a score."""
    table = predictor.leaderboard()
    return [row.model for row in table.itertuples() if not is_ensemble(row.model) and row.score_val == row.score_val]


def blend(one: Search, predictor: "TabularPredictor", models: list[str], name: str = "Rest") -> None:
    """Fit a weighted ensemble of models that are there, if there is time for it."""
    if len(models) < 2:
        return

    def fit_ensemble(_: Say) -> None:
        predictor.fit_weighted_ensemble(base_models=models, name_suffix=name)

    one.blend(fit_ensemble, len(models))


def refit(one: Search, predictor: "TabularPredictor", model: str) -> str:
    """Fit a model again on all rows, if there is time for it; return the name of the one to deploy.

    It takes about as long as the model itself without its folds.
    """
    took = float(predictor.leaderboard().set_index("model").loc[model, "fit_time"])
    needed = took / max(1, one.settings.num_bag_folds) * 1.3

    def refits(folder: Path) -> dict[str, str]:
        again = load_left(folder)
        return again.model_refit_map() if again else {}

    return one.refit(predictor, model, needed, refits)


def baseline(one: Search) -> "TabularPredictor":
    """Fit the model that ignores every feature, on some of the rows at most; takes a second."""
    from autogluon.tabular import TabularPredictor

    one.is_baseline = True
    shutil.rmtree(one.folder, ignore_errors=True)
    changed: dict[str, Any] = {
        "time_limit": None, "portfolio": None, "models": {"DUMMY": {}}, "included_model_types": [],
        "excluded_model_types": [], "num_bag_folds": 0, "num_stack_levels": 0, "num_trials": None, "infer_limit": None,
        "ensemble": False, "max_time_limit": None, "calibrate_decision_threshold": False, "memory_limit": None, "share": 1.0,
    }  # fmt: skip
    settings = one.settings.model_copy(update=changed)

    def fit_baseline(say: Say) -> None:
        train = rows("train")
        few = train.sample(min(len(train), BASELINE_ROWS), random_state=one.seed)
        fit(
            few, train[:0], one.label, one.positive_class, one.task, settings, one.seed, one.folder, callback_for(say)
        )  # fmt: skip

    run_bounded(fit_baseline, one.display.hear, None, float("inf"))
    return TabularPredictor.load(str(one.folder))
