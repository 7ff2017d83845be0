"""Run one script and say where its time went: `python stopwatch.py LOG src/<stage>.py`, for where_time_goes.py.

Each second counts once, for the innermost thing that goes on: an import inside a fit counts as import.
"""

import atexit
import builtins
import functools
import importlib
import json
import os
import runpy
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

# What is watched, once its module is there.
WATCHED = {
    "slipway.project.settings:load_params": "reading",
    "slipway.tables.reading:read_raw_table": "reading",
    "slipway.checks.profile:profile_of": "reading",
    "pandas:read_parquet": "reading",
    "slipway.project.guard:check_conf_is_composed": "reading",
    "dataprep:fit_recipe": "fitting",
    "sklearn.pipeline:Pipeline.fit": "fitting",
    "slipway.preparation.recipe:needed_columns": "fitting",
    "slipway.search.bounded:run_bounded": "fitting",  # the search has a process of its own
    "autogluon.tabular.predictor.predictor:TabularPredictor.fit": "fitting",
    "autogluon.tabular.predictor.predictor:TabularPredictor.predict": "predicting",
    "autogluon.tabular.predictor.predictor:TabularPredictor.predict_proba": "predicting",
    "autogluon.tabular.predictor.predictor:TabularPredictor.load": "reading",
    "autogluon.tabular.predictor.predictor:TabularPredictor.clone_for_deployment": "writing",
    "slipway.project.files:write_text": "writing",
    "slipway.project.files:write_parquet": "writing",
    "slipway.evaluation.plots:draw_overview": "writing",
    "slipway.search.packaging:save_model": "MLflow",
    "mlflow.pyfunc:load_model": "MLflow",
    "mlflow.pyfunc:PyFuncModel.predict": "MLflow",
    "slipway.registration.tracking:connect": "MLflow",
    "slipway.registration.registry:find_version": "MLflow",
    "slipway.registration.registry:register_once": "MLflow",
    "slipway.registration.registry:settle_alias": "MLflow",
    "mlflow.tracking.client:MlflowClient.create_run": "MLflow",
    "mlflow.tracking.client:MlflowClient.log_batch": "MLflow",
    "mlflow.tracking.client:MlflowClient.log_artifacts": "MLflow",
    "mlflow.tracking.client:MlflowClient.set_terminated": "MLflow",
}

seconds: dict[str, float] = defaultdict(float)
going_on = ["the stage itself"]
since = time.time()


def switch() -> None:
    """Give the seconds since the last switch to what goes on."""
    global since  # noqa: PLW0603  a stopwatch
    now = time.time()
    seconds[going_on[-1]] += now - since
    since = now


def watched(function: Callable[..., Any], category: str) -> Callable[..., Any]:
    """Return a function that counts for a category while it runs."""

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        switch()
        going_on.append(category)
        try:
            return function(*args, **kwargs)
        finally:
            switch()
            going_on.pop()
            if category == "imports" and "imports" not in going_on:
                watch_what_is_there()

    return call


def watch_what_is_there() -> None:
    """Watch those functions whose modules are imported by now."""
    for place in list(WATCHED):
        module, _, path = place.partition(":")
        *outer, name = path.split(".")
        owner = functools.reduce(lambda o, n: getattr(o, n, None), outer, sys.modules.get(module))
        if hasattr(owner, name):
            setattr(owner, name, watched(getattr(owner, name), WATCHED.pop(place)))


def main() -> None:
    log, script = sys.argv[1:3]
    seconds["start"] = since - float(os.environ["STARTED"])

    def write_down() -> None:
        switch()
        with Path(log).open("a", encoding="utf-8") as file:
            file.write(json.dumps({"stage": Path(script).stem, "seconds": seconds, "ended": time.time()}) + "\n")

    atexit.register(write_down)
    builtins.__import__ = watched(builtins.__import__, "imports")
    importlib.import_module = watched(importlib.import_module, "imports")
    sys.argv = sys.argv[2:]
    sys.path[0] = str(Path(script).parent)
    runpy.run_path(script, run_name="__main__")


main()
