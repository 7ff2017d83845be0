"""How far a long evaluation is."""

import io
import sys

from slipway.evaluation.following import following


def given(step_s):
    """Follow ten items, each of which takes so many seconds."""
    taken = []
    for item in following(iter("abcdefghij"), 10, clock=lambda: len(taken) * step_s):
        taken.append(item)  # noqa: PERF402  the clock goes by it
    return taken


def test_long_importance_says_how_far_it_is(capsys):
    """Where there is no terminal, every ten seconds a line says how much is done and how long the rest takes."""
    assert "".join(given(6)) == "abcdefghij"
    first, *others = capsys.readouterr().out.splitlines()
    assert first == "evaluate: importance, 2 of 10 shuffled tables asked of, 48 s left"
    assert len(others) == 3


def test_quick_importance_says_nothing(capsys):
    """What is over within two seconds is not worth a word."""
    assert "".join(given(0.01)) == "abcdefghij"
    assert capsys.readouterr().out == ""


def test_importance_is_a_bar_in_a_terminal(monkeypatch):
    """In a terminal a bar shows what is done, and is gone at the end."""
    screen = io.StringIO()
    screen.isatty = lambda: True
    monkeypatch.setattr(sys, "stdout", screen)
    monkeypatch.setenv("TERM", "xterm")
    given(6)
    assert "evaluate: importance" in screen.getvalue()
    assert "90%" in screen.getvalue()
