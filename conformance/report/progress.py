"""A line now and then on a long run: how far it is, what it is at, how long it will take."""

from __future__ import annotations

import time
from typing import Any

import pytest

from ..notes import notes_of
from .coordinates import coordinates
from .plan import Plan


class Progress(Plan):
    """A plugin of pytest that says how far a run is.

    Args:
        config: pytest's.
        interval: seconds between two lines.
    """

    def __init__(self, config: pytest.Config, interval: float) -> None:
        super().__init__()
        self._config = config
        self._interval = interval
        self._started = self._told = time.monotonic()
        self._done = self._examples = 0

    @pytest.hookimpl(trylast=True)  # after pytest's own dot
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count a test, and tell how far the run is if it is time to."""
        if report.when != "call" and report.passed:
            return
        self._done += 1
        self._examples += sum(
            value["examples"]
            for name, value in notes_of(report)
            if name == "tally" and isinstance(value, dict)
        )
        now = time.monotonic()
        if now - self._told >= self._interval:
            self._told = now
            terminal: Any = self._config.pluginmanager.get_plugin("terminalreporter")
            # Of dots that workers make pytest does not know that a line has begun.
            begun = "" if terminal.currentfspath else "\n"
            terminal.write_line(begun + self._line(report.nodeid, now - self._started))

    def _line(self, nodeid: str, elapsed: float) -> str:
        left = len(self.planned) - self._done
        now = coordinates(nodeid, ())
        at = ", ".join(now[name] for name in ("of", "loss") if name in now)
        return (
            f"{_clock(elapsed)}: {self._done} of {len(self.planned)} tests, {self._examples:,} examples; "
            f"now {at}; about {_clock(elapsed * left / self._done)} to go"
        )


def _clock(seconds: float) -> str:
    """A time as hours, minutes and seconds; hours if there are any."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
