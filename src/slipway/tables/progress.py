"""How far the reading of a table is."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import duckdb

# What takes less is not worth a display.
QUIET_S = 2
# Where there is no terminal, a line so often.
LINE_EVERY_S = 10
# So often a query is asked how far it is.
ASK_EVERY_S = 0.5


@dataclass
class RowProgress:
    """How much of how much has passed: a bar in a terminal, now and then a line elsewhere, nothing for quick work.

    Attributes
    ----------
    stage
        Whose rows they are.
    unit
        What is counted: rows, or the files' megabytes where nobody has counted the rows yet.
    clock
        Seconds, as ``time.monotonic`` counts them.
    """

    stage: str
    unit: str = "rows"
    clock: Callable[[], float] = time.monotonic
    console: Any = None

    @contextmanager
    def step(self, what: str, total: int) -> Iterator[Callable[[int], None]]:
        """Give a function to call with the number that is done by now."""
        started = told = self.clock()
        bar = task = None

        def tell(done: int) -> None:
            nonlocal bar, task, told
            spent = self.clock() - started
            if spent < QUIET_S or not done:
                return
            if bar is None and self._console().is_terminal:
                bar, task = self._new_bar(what, total)
                bar.start()
            if bar is not None:
                bar.update(task, completed=done, rate=f"{done / spent:,.0f} {self.unit}/s".replace(",", " "))
            elif self.clock() - told >= LINE_EVERY_S:
                told = self.clock()
                left = spent * max(0, total - done) / done
                print(
                    f"{self.stage}: {what}, {done} of {total} {self.unit}, {done / spent:.0f} {self.unit}/s, {left:.0f} s left",
                    flush=True,
                )

        try:
            yield tell
        finally:
            if bar is not None:
                bar.stop()

    @contextmanager
    def following(self, what: str, total: int, connection: "duckdb.DuckDBPyConnection") -> Iterator[None]:
        """Follow a query of a connection, which knows itself how far it is."""
        ended = threading.Event()
        with self.step(what, total) as tell:

            def follow() -> None:
                while not ended.wait(ASK_EVERY_S):
                    tell(int(max(0.0, connection.query_progress()) / 100 * total))

            follower = threading.Thread(target=follow, daemon=True)
            follower.start()
            try:
                yield
            finally:
                ended.set()
                follower.join()

    def _console(self) -> Any:
        from rich.console import Console

        self.console = self.console or Console()
        return self.console

    def _new_bar(self, what: str, total: int) -> Any:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
        )  # fmt: skip
        bar = Progress(*columns, console=self._console(), transient=True)
        return bar, bar.add_task(f"{self.stage}: {what}", total=total, rate="")
