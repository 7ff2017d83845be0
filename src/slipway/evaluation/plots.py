"""The plots of one model as a picture, for places that draw no DVC plots, such as MLflow's page."""

import math
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from slipway.evaluation.fonts import legible


def draw_overview(
    path: Path,
    title: str,
    task: str,
    curves: dict[str, pd.DataFrame],
    sides: pd.DataFrame,
    importance: pd.DataFrame,
    metric: str,
) -> None:
    """Draw curves, actual against predicted values and importances side by side into a PNG.

    Parameters
    ----------
    task
        Classes are drawn as a confusion matrix, numbers as points.
    curves
        Name → points; the first column is drawn along x, the second along y, both from 0 to 1.
    sides
        ``actual`` and ``predicted``, a row per test row; of quantiles also ``lowest`` and ``highest``.
    importance
        ``column`` and ``importance``, the largest first; may be empty.
    metric
        What importance is measured in.
    """
    classes = () if task in ("regression", "quantile") else {*sides["actual"], *sides["predicted"]}
    with legible([title, *classes, *importance["column"].head(20)]):
        across = 3 if curves else 2
        down = math.ceil((len(curves) + 2) / across)
        figure = Figure(figsize=(13, 4 * down + 0.5 * (down == 1)), layout="constrained")
        figure.suptitle(title)
        axes = list(figure.subplots(down, across, squeeze=False).flat)
        for name, points in curves.items():
            _draw_curve(axes.pop(0), name, points)
        draw = {"regression": _draw_points, "quantile": _draw_band}.get(task, _draw_confusion)
        draw(axes.pop(0), sides)
        if len(importance):
            draw_importance(axes.pop(0), importance.head(20), metric)
        for unused in axes:
            unused.set_axis_off()
        figure.savefig(path, format="png", metadata={"Software": None})


def _draw_curve(ax: Axes, name: str, points: pd.DataFrame) -> None:
    x, y = points.columns
    ax.plot(points[x], points[y], marker="o" if len(points) < 30 else None)
    if name != "precision_recall":
        ax.plot([0, 1], [0, 1], color="0.7", linestyle="--", linewidth=1)
    ax.set(
        title=name.replace("_", " "),
        xlabel=x.replace("_", " "),
        ylabel=y.replace("_", " "),
        xlim=(0, 1),
        ylim=(0, 1.02),
    )


def _draw_points(ax: Axes, sides: pd.DataFrame) -> None:
    ax.scatter(sides["actual"], sides["predicted"], s=9, alpha=0.5)
    ends = [sides.min().min(), sides.max().max()]
    ax.plot(ends, ends, color="0.7", linestyle="--", linewidth=1)
    ax.set(title="actual and predicted", xlabel="actual", ylabel="predicted", aspect="equal")


def _draw_band(ax: Axes, sides: pd.DataFrame) -> None:
    rising = sides.sort_values("predicted", kind="stable", ignore_index=True)
    ax.fill_between(rising.index, rising["lowest"], rising["highest"], alpha=0.25, label="lowest to highest level")
    ax.plot(rising.index, rising["predicted"], label="predicted, the middle level")
    ax.scatter(rising.index, rising["actual"], s=9, color="0.3", label="actual", zorder=3)
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=3, fontsize="small", frameon=False)
    ax.set(title="actual and predicted", xlabel="test rows, by what is predicted", ylabel="")


def _draw_confusion(ax: Axes, sides: pd.DataFrame) -> None:
    classes = sorted({*sides["actual"], *sides["predicted"]})
    confusion = pd.crosstab(sides["actual"], sides["predicted"]).reindex(classes, columns=classes, fill_value=0)
    counts = confusion.to_numpy()
    ax.imshow(counts, cmap="Blues")
    legible = range(len(classes) if len(classes) <= 20 else 0)
    for row, column in [(r, c) for r in legible for c in legible]:
        dark = counts[row, column] > counts.max() / 2
        ax.text(column, row, counts[row, column], ha="center", va="center", color="white" if dark else "black")
    ax.set(title="confusion matrix", xlabel="predicted", ylabel="actual")
    size = min(10, 200 / len(classes))
    ax.set_xticks(range(len(classes)), classes, rotation=90 if len(classes) > 5 else 0, fontsize=size)
    ax.set_yticks(range(len(classes)), classes, fontsize=size)


def draw_importance(ax: Axes, importance: pd.DataFrame, metric: str) -> None:
    """Draw importances as bars, the largest on top."""
    upwards = importance[::-1]
    ax.barh(upwards["column"], upwards["importance"])
    ax.set(title="permutation importance", xlabel=f"{metric}: worse by this when shuffled")
