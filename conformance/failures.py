"""What a failure says: the whole text, and its cause in a line."""

from __future__ import annotations

from typing import Any

import pytest

# Lines of our own explanations that complete the first one.
COMPLETE = ("expected ", "got ", "left ", "right ")
# A cause is a line, of a terminal or a table.
LONGEST = 300


class Explanation:
    """A failure without a traceback. Pytest shows the cause in its short summary.

    Args:
        text: the whole failure.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.reprcrash = _Cause(cause(text))

    def __str__(self) -> str:
        return self.text

    def toterminal(self, writer: Any) -> None:
        """Show the whole failure."""
        writer.line(self.text)


class _Cause:
    """The one attribute that pytest's summaries read of where an exception was raised."""

    def __init__(self, message: str) -> None:
        self.message = message


def cause(text: str) -> str:
    """The cause of a failure in a line: what is wrong, and for numbers what was expected and what came.

    Args:
        text: an explanation of the suite, the message of an exception, or a traceback of pytest.
    """
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    raised = [line.removeprefix("E ").strip() for line in lines if line.startswith("E ")]
    first, *rest = raised or lines or ["no word"]
    # What pytest and Python call a failure that a test states itself.
    told = first.removeprefix("Failed: ").removeprefix("AssertionError: ")
    for line in rest:
        if line.startswith("To reproduce:"):
            break
        if line.startswith(COMPLETE):
            told += f"; {' '.join(line.split())}"
    return _cut(told)


def _cut(line: str) -> str:
    return line if len(line) <= LONGEST else f"{line[:LONGEST]} ..."


def name_cause(report: pytest.TestReport | pytest.CollectReport) -> None:
    """Have pytest show the cause of a failure, in a line, wherever it names the test."""
    where: Any = getattr(report.longrepr, "reprcrash", None)
    if where is None:
        report.longrepr = Explanation(str(report.longrepr or ""))  # type: ignore[assignment]  # pytest asks no more of it
    else:
        where.message = cause(where.message)
