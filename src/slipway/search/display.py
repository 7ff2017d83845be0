"""What a person sees of the search: a live table in a terminal, a line per model elsewhere."""

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from rich.console import Console
from rich.live import Live
from rich.table import Table

if TYPE_CHECKING:
    from autogluon.core.callbacks import AbstractCallback


@dataclass
class SearchDisplay:
    """The state of a search and how it is shown: tell it what happens, between ``__enter__`` and ``__exit__``.

    Attributes
    ----------
    metric
        What the scores are; higher is better.
    time_limit
        Seconds for the search, or None.
    expected
        How many models are to be fitted.
    """

    metric: str
    time_limit: float | None
    expected: int
    console: Console = field(default_factory=lambda: Console(soft_wrap=True))
    clock: Any = time.monotonic

    def __post_init__(self) -> None:
        self.scores: dict[str, float | None] = {}
        self.seconds: dict[str, float] = {}
        self.left_out: list[str] = []
        self.running: str | None = None
        self.model_started = self.started = self.clock()
        self.live: Live | None = None

    def __enter__(self) -> Self:
        self.started = self.clock()
        if self.console.is_terminal:
            self.live = Live(get_renderable=self.table, console=self.console, refresh_per_second=4)
            self.live.__enter__()
        return self

    def __exit__(self, *exception: object) -> None:
        self.running = None
        if self.live:
            self.live.__exit__(*exception)  # type: ignore[arg-type]

    def fitting(self, model: str) -> None:
        """Say that a model is being fitted."""
        self.running, self.model_started = model, self.clock()
        if not self.live:
            self.console.print(f"automl: fitting {model} ({self.progress()})", highlight=False)

    def fitted(self, model: str, score: float | None) -> None:
        """Say that a model is done, and its score; None where it failed."""
        self.scores[model] = score
        self.seconds[model] = self.clock() - self.model_started
        if score is None and self.time_limit and self.clock() - self.started > 0.95 * self.time_limit:
            self.left_out.append(model)
        self.running = None
        if not self.live:
            told = self.missing(model) if score is None else f"{self.metric} {score:.4f}"
            took = f"{self.seconds[model]:.1f} s"
            self.console.print(f"automl: {model} {told} after {took}; {self.best()}", highlight=False)

    def missing(self, model: str) -> str:
        """Return why a model has no score in words; the log has more."""
        return "left out, no time" if model in self.left_out else "failed"

    def best(self) -> str:
        """Return the best model so far in words."""
        known = {model: score for model, score in self.scores.items() if score is not None}
        if not known:
            return "no model yet"
        model = max(known, key=known.__getitem__)
        return f"best so far {model} with {self.metric} {known[model]:.4f}"

    def progress(self) -> str:
        """Return the models done and the time left in words."""
        done = f"{len(self.scores)} of {self.expected} models done"
        spent = self.clock() - self.started
        if self.time_limit is None:
            return f"{done}, {spent:.0f} s, no limit"
        return f"{done}, {max(0.0, self.time_limit - spent):.0f} of {self.time_limit:.0f} s left"

    def table(self) -> Table:
        """Return the live table."""
        table = Table(title="automl", caption=f"{self.progress()}; {self.best()}", title_justify="left", min_width=60)
        table.add_column("model")
        table.add_column(self.metric, justify="right")
        table.add_column("seconds", justify="right")
        for model, score in self.scores.items():
            table.add_row(model, self.missing(model) if score is None else f"{score:.4f}", f"{self.seconds[model]:.1f}")
        if self.running:
            table.add_row(f"{self.running} …", "", f"{self.clock() - self.model_started:.1f}", style="dim")
        return table


def callback_for(display: SearchDisplay) -> "AbstractCallback":
    """Return an AutoGluon callback that tells the display what is being fitted."""
    from autogluon.core.callbacks import AbstractCallback

    class Told(AbstractCallback):
        def __reduce__(self) -> tuple[type, tuple[()]]:
            return AbstractCallback, ()  # AutoGluon saves its callbacks with the predictor; the display stays here

        def _before_model_fit(self, trainer: Any, model: Any, **kwargs: Any) -> tuple[bool, bool]:
            self.model = model.name
            display.fitting(model.name)
            return False, False

        def _after_model_fit(self, trainer: Any, model_names: list[str], **kwargs: Any) -> bool:
            for name in model_names:
                display.fitted(name, trainer.get_model_attribute(name, "val_score"))
            if not model_names:
                display.fitted(self.model, None)
            return False

    return Told()
