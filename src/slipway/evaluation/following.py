"""How far permutation importance is, which asks the model many times."""

import sys
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

# What takes less is not worth a display.
QUIET_S = 2
# Where there is no terminal, a line so often.
LINE_EVERY_S = 10

T = TypeVar("T")


def following(items: Iterator[T], total: int, clock: Callable[[], float] = time.monotonic) -> Iterator[T]:
    """Give on what the model is asked, one by one: with a bar in a terminal, a line now and then elsewhere.

    Parameters
    ----------
    total
        How many there are; the next one is wanted when those before are done.
    clock
        Seconds, as ``time.monotonic`` counts them.
    """
    started = told = clock()
    bar = None
    try:
        for done, item in enumerate(items):
            spent = clock() - started
            if bar is None and spent >= QUIET_S and sys.stdout.isatty():
                from rich.progress import Progress

                bar = Progress(transient=True)
                bar.add_task("evaluate: importance", total=total)
                bar.start()
            if bar is not None:
                bar.update(bar.task_ids[0], completed=done)
            elif done and clock() - told >= LINE_EVERY_S:
                told = clock()
                left = spent * (total - done) / done
                print(
                    f"evaluate: importance, {done} of {total} shuffled tables asked of, {left:.0f} s left", flush=True
                )
            yield item
    finally:
        if bar is not None:
            bar.stop()
