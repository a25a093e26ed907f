"""A line now and then on a long run: how far it is, what it is at, how long it will take."""

from __future__ import annotations

import time
from typing import Any

import pytest

from .coordinates import coordinates


class Progress:
    """A plugin of pytest that says how far a run is.

    Args:
        config: pytest's.
        interval: seconds between two lines.
    """

    def __init__(self, config: pytest.Config, interval: float) -> None:
        self._config = config
        self._interval = interval
        self._started = self._told = time.monotonic()
        self._planned: set[str] = set()
        self._done = self._examples = 0

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Take note of the tests that are to run here."""
        self._planned |= {item.nodeid for item in session.items}

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: list[str]) -> None:
        """Take note of the tests that are to run in workers."""
        self._planned |= set(ids)

    @pytest.hookimpl(trylast=True)  # after pytest's own dot
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count a test, and tell how far the run is if it is time to."""
        if report.when != "call" and report.passed:
            return
        self._done += 1
        self._examples += sum(
            value["examples"]
            for name, value in report.user_properties
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
        left = len(self._planned) - self._done
        now = coordinates(nodeid, ())
        at = ", ".join(now[name] for name in ("of", "loss") if name in now)
        return (
            f"{_clock(elapsed)}: {self._done} of {len(self._planned)} tests, {self._examples:,} examples; "
            f"now {at}; about {_clock(elapsed * left / self._done)} to go"
        )


def _clock(seconds: float) -> str:
    """A time as hours, minutes and seconds; hours if there are any."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
