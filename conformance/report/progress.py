"""A line now and then on a long run: how far it is, what it is at, how long it will take."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import settings

from ..notes import notes_of
from .coordinates import coordinates
from .costs import cost
from .plan import Plan


class Progress(Plan):
    """A plugin of pytest that says how far a run is.

    Args:
        config: pytest's.
        interval: seconds between two lines.
        absent: the devices that are not there.
    """

    def __init__(self, config: pytest.Config, interval: float, absent: frozenset[str] = frozenset()) -> None:
        super().__init__()
        self._config = config
        self._interval = interval
        self._absent = absent
        self._started = self._told = time.monotonic()
        self._first = 0.0  # when the first test began: collection says nothing of how long tests take
        self._done: dict[str, None] = {}
        self._examples = 0

    def pytest_runtest_logstart(self) -> None:
        """Take the time of the first test."""
        self._first = self._first or time.monotonic()

    @pytest.hookimpl(trylast=True)  # after pytest's own dot
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count a test, and tell how far the run is if it is time to."""
        if report.when != "call" and report.passed:
            return
        self._done[report.nodeid] = None
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
            terminal.write_line(begun + self._line(report.nodeid, now))

    def time_left(self, elapsed: float) -> float:
        """How many seconds the rest will take, if it goes on at the pace of what is done.

        The pace counts what tests are known to cost, and not how many they are.

        Args:
            elapsed: seconds since the first test began.
        """
        examples = settings().max_examples
        costs = {name: cost(name, examples, self._absent) for name in self.planned}
        done = sum(costs.get(name, 0.0) for name in self._done)
        return elapsed * (sum(costs.values()) - done) / done if done else 0.0

    def _line(self, nodeid: str, now: float) -> str:
        where = coordinates(nodeid, ())
        at = ", ".join(where[name] for name in ("of", "loss") if name in where)
        return (
            f"{_clock(now - self._started)}: {len(self._done)} of {len(self.planned)} tests, "
            f"{self._examples:,} examples; now {at}; about {_clock(self.time_left(now - self._first))} to go"
        )


def _clock(seconds: float) -> str:
    """A time as hours, minutes and seconds; hours if there are any."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
