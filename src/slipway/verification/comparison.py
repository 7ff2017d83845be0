"""Two searches of the same rows, compared to the last bit."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

# What of the leaderboard is a result; seconds and bytes differ from run to run.
RESULTS = ["model", "score_val", "eval_metric", "stack_level"]


def answers(model: str, rows: "pd.DataFrame") -> "pd.DataFrame":
    """Return what a model answers to raw rows: the probability of each class, or the predicted numbers.

    Parameters
    ----------
    model
        A folder or an address that MLflow loads.
    rows
        Of shape (rows, columns), with or without the label.

    Returns
    -------
    DataFrame
        Of shape (rows, classes), (rows, 1) or (rows, quantiles), in the order of the rows; of forecasts a row for each step.
    """
    import mlflow.pyfunc

    loaded = mlflow.pyfunc.load_model(model, suppress_warnings=True)
    has_classes = bool(loaded.unwrap_python_model().scorer.contract.classes)
    answered = loaded.predict(rows, params={"proba": True}) if has_classes else loaded.predict(rows)
    return (answered.to_frame() if answered.ndim == 1 else answered).select_dtypes("number")


def bits(column: "pd.Series") -> "np.ndarray":
    """Return numbers as the integers that their bits are: equal only when every bit is."""
    import numpy as np

    values = np.ascontiguousarray(column.to_numpy())
    return values.view(f"u{values.itemsize}")


def different_answers(before: "pd.DataFrame", after: "pd.DataFrame") -> list[str]:
    """Return a sentence for each column of answers whose bits are not the same, with the first row that differs.

    >>> import pandas as pd
    >>> before = pd.DataFrame({"yes": [0.25, 0.5]})
    >>> different_answers(before, pd.DataFrame({"yes": [0.25, 0.75]}))
    ["'yes' differs in 1 of 2 test rows, first in row 2: 0.5, now 0.75"]
    >>> different_answers(before, before)
    []
    """
    if list(before.columns) != list(after.columns) or len(before) != len(after):
        return [f"the answers were {_shape(before)}, now {_shape(after)}"]
    found = []
    for name in before.columns:
        if before[name].dtype != after[name].dtype:
            found.append(f"{name!r} was {before[name].dtype}, now {after[name].dtype}")
            continue
        differs = (bits(before[name]) != bits(after[name])).nonzero()[0]
        if len(differs):
            row = differs[0]
            found.append(
                f"{name!r} differs in {len(differs)} of {len(before)} test rows, first in row {row + 1}: "
                f"{before[name].iloc[row].item()!r}, now {after[name].iloc[row].item()!r}"
            )
    return found


def different_leaderboards(before: Path, after: Path) -> list[str]:
    """Return a sentence for each model whose place, score or metric is not the same on two leaderboards (CSV)."""
    import pandas as pd

    one, two = (pd.read_csv(file, float_precision="round_trip")[RESULTS].set_index("model") for file in (before, after))
    found = [f"{name} is missing now" for name in one.index.difference(two.index)]
    found += [f"{name} is new" for name in two.index.difference(one.index)]
    for name in one.index.intersection(two.index, sort=False):
        was, now = one.loc[name], two.loc[name]
        found += [
            f"{name}: {column} was {was[column]}, now {now[column]}"
            for column in one.columns
            if was[column] != now[column] and not (pd.isna(was[column]) and pd.isna(now[column]))
        ]
    return found or ([] if list(one.index) == list(two.index) else [f"the order was {', '.join(one.index)}"])


def _shape(answers: "pd.DataFrame") -> str:
    return f"{len(answers)} rows of {', '.join(map(str, answers.columns))}"
