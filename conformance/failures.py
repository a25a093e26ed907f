"""What a failure says: the whole text, and its cause in a line."""

from __future__ import annotations

from itertools import dropwhile, takewhile
from typing import Any

import pytest

# Lines of our own explanations that complete the first one.
COMPLETE = ("expected ", "got ", "left ", "right ")
AGAIN = "Run this again:"
# A cause is a line, of a terminal or a table.
LONGEST = 300


class Explanation:
    """A failure as the suite shows it. Pytest takes the cause from here for its short summary.

    Args:
        shown: what pytest would show, a text or an object that writes itself to a terminal.
        command: the command that runs the test again, if there is one.
    """

    def __init__(self, shown: Any, command: str = "") -> None:
        self._shown = shown
        self._words = f"\n\n{AGAIN}\n\n    {command}\n" if command else ""
        where = getattr(shown, "reprcrash", None)
        self.reprcrash = _Cause(cause(where.message if where else str(shown or "")))

    def __str__(self) -> str:
        return f"{self._shown or ''}{self._words}"

    def toterminal(self, terminal: Any) -> None:
        """Show the whole failure."""
        if hasattr(self._shown, "toterminal"):
            self._shown.toterminal(terminal)
        else:
            terminal.line(str(self._shown or ""))
        for line in self._words.split("\n")[1:]:
            terminal.line(line)


class _Cause:
    """The one attribute that pytest's summaries read of where an exception was raised."""

    def __init__(self, message: str) -> None:
        self.message = message


def cause(text: str) -> str:
    """The cause of a failure in a line: what is wrong, and for numbers what was expected and what came.

    Args:
        text: an explanation of the suite, the message of an exception, or a traceback of pytest.
    """
    lines = [line.strip() for line in text.splitlines()]
    raised = [line.removeprefix("E ").strip() for line in lines if line.startswith("E ")]
    paragraph = takewhile(bool, raised or dropwhile(lambda line: not line, lines))
    first, *rest = [*paragraph] or ["no word"]
    # What pytest and Python call a failure that a test states itself.
    told = first.removeprefix("Failed: ").removeprefix("AssertionError: ")
    for line in rest:
        if line.startswith(COMPLETE):
            told += f"; {' '.join(line.split())}"
    return _cut(told)


def _cut(line: str) -> str:
    return line if len(line) <= LONGEST else f"{line[:LONGEST]} ..."


def explain(report: pytest.TestReport | pytest.CollectReport, command: str = "") -> None:
    """Have pytest show a failure with its cause in a line, and with the command that runs its test again."""
    if not isinstance(report.longrepr, Explanation):
        report.longrepr = Explanation(report.longrepr, command)  # type: ignore[assignment]  # pytest asks no more
