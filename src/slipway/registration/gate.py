"""The gate: on which conditions a tested model becomes a version, and what came of each."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from slipway.project.stage_settings import Gate


@dataclass(frozen=True)
class Condition:
    """A condition of the gate, and what came of it.

    Attributes
    ----------
    name
        What it is about: a metric, ``champion``, ``bootstrap``, ``size_mb``, ``latency_ms``, ``findings`` or ``baseline``.
    value
        The model's figure; None where there is none, which passes only where ``says`` has the reason.
    limit
        What the figure is held to.
    margin
        How far inside the limit it is, in the figure's own unit; negative outside.
    passed
        Whether the model may pass.
    says
        The condition in words.
    """

    name: str
    value: float | None
    limit: float | None
    margin: float | None
    passed: bool
    says: str


@dataclass(frozen=True)
class Champion:
    """The present champion's figure in a metric, on the same test rows as the model's.

    Attributes
    ----------
    version
        Its number.
    same
        Whether it is this very model.
    value
        Its figure; None where it has none on these rows.
    says
        Where the figure is from: recorded, or scored anew and why.
    """

    version: int
    same: bool
    value: float | None
    says: str


def at_most(name: str, value: float, limit: float) -> Condition:
    """Return the condition that a figure keeps below a limit."""
    return Condition(name, value, limit, limit - value, value <= limit, f"{value:.6g}, at most {limit:.6g}")


def thresholds(figures: dict[str, Any], limits: dict[str, dict[Any, float]]) -> list[Condition]:
    """Return the conditions that metrics keep their limits; a metric without a value does not."""
    found = []
    for name, limit in limits.items():
        value = figures.get(name)
        if value is None:
            found.append(Condition(name, None, None, None, False, "has no value on these test rows"))
            continue
        if (least := limit.get("min")) is not None:
            says = f"{value:.6g}, at least {least:.6g}"
            found.append(Condition(f"{name} min", value, least, value - least, value >= least, says))
        if (most := limit.get("max")) is not None:
            found.append(at_most(f"{name} max", value, most))
    return found


def improvement(metric: str, value: float | None, greater: bool, delta: float, champion: Champion | None) -> Condition:
    """Return the condition that a model is better than the champion by ``delta``, in the metric's natural sign.

    Without a champion it is kept, and so it is by the champion itself.
    """
    if champion is None:
        return Condition("champion", value, None, None, True, "there is no champion yet")
    if champion.same:
        return Condition("champion", value, None, None, True, f"this model is version {champion.version}, the champion")
    if value is None or champion.value is None:
        says = f"{metric} cannot be compared with version {champion.version}'s: {champion.says}"
        return Condition("champion", value, None, None, False, says)
    better = (value - champion.value) * (1 if greater else -1)
    limit = champion.value + (delta if greater else -delta)
    says = f"{metric} {value:.6g}, better by {better:.6g} than version {champion.version}'s {champion.value:.6g}"
    return Condition(
        "champion", value, limit, better - delta, better >= delta, f"{says} ({champion.says}); at least {delta:.6g}"
    )


def bootstrap(
    figure: Callable[[np.ndarray, np.ndarray], float],
    actual: np.ndarray,
    answers: np.ndarray,
    champions: np.ndarray,
    greater: bool,
    settings: "Gate",
    seed: int,
) -> Condition:
    """Return the condition that the improvement over the champion is no luck of the test rows.

    A paired bootstrap: both models are scored on the same rows, drawn with replacement, many times over. The lower end
    of the percentile interval of the difference has to be above 0. Source: Efron, Tibshirani: An Introduction to the
    Bootstrap (1993), chapter 13. Draws on which the metric has no value, such as those of one class, don't count.
    """
    random = np.random.default_rng(seed)
    differences = []
    for _ in range(settings.bootstrap):
        drawn = random.integers(0, len(actual), len(actual))
        if len(np.unique(actual[drawn])) > 1:
            ours, theirs = (figure(actual[drawn], side[drawn]) for side in (answers, champions))
            differences.append((ours - theirs) * (1 if greater else -1))
    if not differences:
        return Condition("bootstrap", None, 0.0, None, False, "has no value on test rows of one label")
    tail = (1 - settings.confidence) / 2
    low, high = (float(end) for end in np.quantile(differences, [tail, 1 - tail]))
    says = f"better by {low:.6g} to {high:.6g} in {settings.confidence:.0%} of {len(differences)} draws; above 0"
    return Condition("bootstrap", low, 0.0, low, low > 0, says)


def no_errors(findings: Sequence[dict[str, Any]], needed: Sequence[str]) -> Condition:
    """Return the condition that check found no error in the raw table that matters and nobody acknowledged."""
    errors = [
        ":".join([f["name"], *f["columns"][:1]])
        for f in findings
        if f["severity"] == "error"
        and f["acknowledged"] is None
        and (not f["if_used"] or set(f["columns"]) & set(needed))
    ]
    says = f"check's errors that nobody acknowledged: {', '.join(errors) or 'none'}"
    return Condition("findings", len(errors), 0, -len(errors), not errors, says)


def no_baseline(task: str) -> Condition:
    """Return the condition that a search found a model, which is not kept: what it made in place of one is for no caller."""
    does = "repeats the last value" if task == "forecasting" else "ignores every feature"
    says = f"it {does}, as no model could be fitted within the budget"
    return Condition("baseline", None, None, None, False, says)


def passed(conditions: Sequence[Condition]) -> bool:
    return all(condition.passed for condition in conditions)


def as_metrics(conditions: Sequence[Condition]) -> dict[str, Any]:
    """Return the verdict as DVC's metrics: whether all passed, and of each condition what is a figure."""
    each = {
        c.name: {k: v for k, v in asdict(c).items() if v is not None and k not in ("name", "says")} for c in conditions
    }
    return {"passed": passed(conditions), "conditions": each}


def lines(conditions: Sequence[Condition]) -> list[str]:
    """Return the verdict as lines for people: one, and one for each condition.

    >>> lines([at_most("size_mb", 3.0, 2.0)])
    ['not passed', '  no  size_mb: 3, at most 2 (margin -1)']
    """
    told = ["passed" if passed(conditions) else "not passed"]
    for c in conditions:
        margin = "" if c.margin is None else f" (margin {c.margin:+.4g})"
        told.append(f"  {'yes' if c.passed else 'no '} {c.name}: {c.says}{margin}")
    return told


def markdown(conditions: Sequence[Condition]) -> str:
    """Return the verdict as a page."""
    page = f"# Gate: {lines(conditions)[0]}\n\n| condition | passed | figure | limit | margin | in words |\n|---|---|---|---|---|---|\n"
    for c in conditions:
        value, limit, margin = ("" if v is None else f"{v:.6g}" for v in (c.value, c.limit, c.margin))
        page += f"| {c.name} | {'yes' if c.passed else '**no**'} | {value} | {limit} | {margin} | {c.says} |\n"
    return page
