"""What a person sees of the search: a live table in a terminal, a line per model elsewhere, and a file that follows."""

import csv
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from rich.console import Console
from rich.live import Live
from rich.table import Table

from slipway.project.files import whole_file

LIVE_COLUMNS = ("model", "score_val", "eval_metric", "fit_time", "pred_time_val", "cut_short")
SHOWN_ROWS = 20


@dataclass
class SearchDisplay:
    """The state of a search and how it is shown: hears what happens, between ``__enter__`` and ``__exit__``.

    Attributes
    ----------
    metric
        What the scores are; higher is better.
    time_limit
        Seconds for the search, or None.
    expected
        How many models are to be fitted.
    memory_limit
        Bytes that the search may fill, or None.
    board
        A CSV of the models so far, the best first, written anew after each.
    """

    metric: str
    time_limit: float | None
    expected: int
    memory_limit: float | None = None
    board: Path | None = None
    console: Console = field(default_factory=lambda: Console(soft_wrap=True))
    clock: Any = time.monotonic

    def __post_init__(self) -> None:
        self.fitted: dict[str, dict[str, Any]] = {}
        self.cut_short: dict[str, str] = {}
        self.notes: list[str] = []
        self.tried_in_haste = False
        self.running: str | None = None
        self.memory = 0
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

    def hear(self, event: dict[str, Any]) -> None:
        """Take in what the search says of itself; ``slipway.search.events`` has the kinds of events."""
        if "memory" in event:
            self.memory = event["memory"]
            return
        model = event["model"]
        if event["event"] == "fitting":
            self.running, self.model_started = model, self.clock()
            self._say(f"fitting {model} ({self.progress()})")
        elif event["event"] in ("cut", "left_out"):
            self.cut_short[model] = event["why"]
        elif event["event"] == "tried":
            self.running, self.tried_in_haste = None, event["in_haste"]
            self.notes += [event["why"]] if event["why"] else []
        else:
            self.fitted[model] = {"seconds": self.clock() - self.model_started, "score": None, **event}
            self.running = None
            self._write_board()
            self._say(f"{model} {self.outcome(model)} after {self.fitted[model]['seconds']:.1f} s; {self.best()}")

    def ended(self, why: str) -> None:
        """Say that the search was ended in the middle of the model that was being fitted."""
        if self.running:
            self.cut_short[self.running] = why
            self.hear({"event": "fitted", "model": self.running})

    def outcome(self, model: str) -> str:
        """Return the score of a model in words, or why it has none; the log has more."""
        score = self.fitted[model]["score"]
        if score is not None:
            return f"{self.metric} {score:.4f}"
        return self.cut_short.get(model, "done" if self.fitted[model]["event"] == "refitted" else "failed")

    def scores(self) -> dict[str, float]:
        """Return the scores so far, the best first."""
        known = {model: says["score"] for model, says in self.fitted.items() if says["score"] is not None}
        return dict(sorted(known.items(), key=lambda item: -item[1]))

    def best(self) -> str:
        """Return the best model so far in words."""
        for model, score in self.scores().items():
            return f"best so far {model} with {self.metric} {score:.4f}"
        return "no model yet"

    def progress(self) -> str:
        """Return the models done and the time left in words."""
        done = f"{len(self.fitted)} of {max(self.expected, len(self.fitted))} models done"
        spent = self.clock() - self.started
        if self.time_limit is None:
            return f"{done}, {spent:.0f} s, no limit"
        return f"{done}, {max(0.0, self.time_limit - spent):.0f} of {self.time_limit:.0f} s left"

    def table(self) -> Table:
        """Return the live table."""
        gigabytes = f"{self.memory / 2**30:.1f}" + (f" of {self.memory_limit / 2**30:.0f}" if self.memory_limit else "")
        caption = f"{self.progress()}; {self.best()}; {gigabytes} GB of memory"
        table = Table(title="automl", caption=caption, title_justify="left", min_width=60)
        table.add_column("model")
        table.add_column(self.metric, justify="right")
        table.add_column("seconds", justify="right")
        table.add_column("")
        hidden = len(self.fitted) - SHOWN_ROWS
        if hidden > 0:
            table.add_row(f"{hidden} more", "", "", "", style="dim")
        for model in list(self.fitted)[-SHOWN_ROWS:]:
            score, seconds = self.fitted[model]["score"], f"{self.fitted[model]['seconds']:.1f}"
            shown = self.outcome(model) if score is None else f"{score:.4f}"
            table.add_row(model, shown, seconds, self.cut_short.get(model, "") if score is not None else "")
        if self.running:
            table.add_row(f"{self.running} …", "", f"{self.clock() - self.model_started:.1f}", "", style="dim")
        return table

    def _say(self, line: str) -> None:
        if not self.live:
            self.console.print(f"automl: {line}", highlight=False)

    def _write_board(self) -> None:
        if self.board is None:
            return
        with whole_file(self.board) as part, part.open("w", encoding="utf-8", newline="") as file:
            written = csv.DictWriter(file, LIVE_COLUMNS, lineterminator="\n", extrasaction="ignore")
            written.writeheader()
            for model, score in self.scores().items():
                more = {"score_val": score, "eval_metric": self.metric, "cut_short": self.cut_short.get(model, "")}
                written.writerow({**self.fitted[model], **more})
