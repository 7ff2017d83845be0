"""Run one stage and note the CPU's seconds of its search: `python fit_clock.py LOG src/<stage>.py`, for pipeline.py.

On a machine that others use, the clock says little and the CPU's seconds hold; of the search they must be known too.
"""

import gc
import runpy
import sys
import time
from pathlib import Path

log, script = sys.argv[1:3]
if Path(script).stem == "automl":
    gc.set_threshold(100_000, 50, 50)  # as the stage does for its imports
    from autogluon.tabular import TabularPredictor

    fit = TabularPredictor.fit

    def clocked(*args: object, **kwargs: object) -> object:
        """Fit, and write down what it took."""
        started = time.process_time()
        try:
            return fit(*args, **kwargs)
        finally:
            Path(log).write_text(str(time.process_time() - started), encoding="utf-8")

    TabularPredictor.fit = clocked
sys.argv = sys.argv[2:]
sys.path[0] = str(Path(script).parent)
runpy.run_path(script, run_name="__main__")
