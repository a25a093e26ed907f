"""Keeps watch over torch, which may end the process or never answer, so that the case is not lost.

Each process that runs tests keeps a journal, a file with the example that it is testing. If the process ends
before its time, another one finds the example there: `conformance.crashes` reads it.
"""

from __future__ import annotations

import faulthandler
import os
import pickle
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, NamedTuple, Protocol, TypeVar

import pytest

from .session import session

T = TypeVar("T")

# The key of the journals' folder in what a worker is given.
SENT = "conformance-journals"
# The name of the process that has no workers.
MAIN = "main"
# How the reason begins for which a process ended itself.
LEFT = "Left: "
# faulthandler takes no more seconds.
LONGEST = int(threading.TIMEOUT_MAX) - 1


class Entry(NamedTuple):
    """What a process is at.

    Attributes:
        test: its id; empty between tests.
        number: how many examples the test has drawn.
        drawn: the last of them.
        latest: what was noted last: that example, a case that it led to, or torch code.
    """

    test: str = ""
    number: int = 0
    drawn: object = None
    latest: object = None


class Isolation(Protocol):
    """Runs torch so that this process survives."""

    def check(self, check: Callable[[Any], None], example: Any) -> None:
        """Check a drawn example."""

    def run(self, function: Callable[[], T]) -> T:
        """Call a function."""


def note(example: object) -> None:
    """Note what runs next, an example or torch code, in the journal of this process, if it has one."""
    if session.watchdog:
        session.watchdog.note(example)


def check_drawn(check: Callable[[T], None], example: T) -> None:
    """Note a drawn example and check it."""
    if session.watchdog:
        session.watchdog.note(example, drawn=True)
    if session.isolation:
        session.isolation.check(check, example)
    else:
        check(example)


def run(function: Callable[[], T]) -> T:
    """Call a function that runs torch."""
    return session.isolation.run(function) if session.isolation else function()


def leave(reason: str) -> None:
    """End this process and say why, if anyone reads that."""
    if session.watchdog:
        session.watchdog.leave(reason)


def own_journal() -> Path:
    """The journal of this process, which has no workers."""
    return paths(session.watchdog.folder if session.watchdog else "", MAIN)[0]


class Watchdog:
    """A plugin of pytest that keeps the journal of this process, and ends it when torch does not answer.

    Args:
        config: of the run.
        seconds: how long torch may take for an example, or for a test without any; 0: for ever.

    Attributes:
        folder: of the journals; empty if none can be made.
        seconds: the same.
    """

    def __init__(self, config: pytest.Config, seconds: int) -> None:
        session.watchdog = self
        worker: dict[str, Any] = getattr(config, "workerinput", {})
        self.folder: str = worker[SENT] if worker else _new_folder()
        self.seconds = min(seconds, LONGEST)
        self._armed = 0.0
        self._entry = Entry()
        self._journal: IO[bytes] | None = None
        # Without workers nobody is left to read it, so it goes to where pytest has not begun to capture.
        self._trace = os.dup(2)
        self._keeps_stack = False
        if self.folder:
            journal, trace = paths(self.folder, worker.get("workerid", MAIN))
            with suppress(OSError):
                self._journal = journal.open("wb", buffering=0)
                if worker:
                    self._trace = os.open(trace, os.O_WRONLY | os.O_CREAT)
                    self._keeps_stack = True

    def note(self, example: object, drawn: bool = False) -> None:
        """Note what runs next; if it was drawn, what is noted later belongs to it."""
        before = self._entry
        if drawn:
            self._enter(Entry(before.test, before.number + 1, example, example))
        else:
            self._enter(before._replace(latest=example))

    def leave(self, reason: str) -> None:
        """End this process and say why."""
        os.write(self._trace, f"{LEFT}{reason}\n".encode())
        os._exit(1)

    def pytest_sessionstart(self) -> None:
        """Have the stack of a crash written beside the journal, now that pytest's own plugin is set up."""
        if self._keeps_stack:
            faulthandler.enable(file=self._trace)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """Watch one test, which begins without an example."""
        self._enter(Entry(item.nodeid))
        try:
            return (yield)
        finally:
            self._entry = Entry()
            faulthandler.cancel_dump_traceback_later()
            self._armed = 0.0

    def pytest_unconfigure(self) -> None:
        """End the watch."""
        session.watchdog = None
        if self._journal:
            self._journal.close()

    def _enter(self, entry: Entry) -> None:
        self._entry = entry
        if self._journal:
            written = pickle.dumps(tuple(entry))
            with suppress(OSError):  # a full disk; then the crash is reported without its case
                self._journal.seek(0)
                self._journal.write(len(written).to_bytes(8) + written)
        now = time.monotonic()
        # Nobody cancels it between tests, where devices are tried.
        if entry.test and self.seconds and now - self._armed > 0.1:  # to arm it takes a moment, too
            faulthandler.dump_traceback_later(self.seconds, exit=True, file=self._trace)
            self._armed = now


def paths(folder: str, process: str) -> tuple[Path, Path]:
    """The journal of a process, and where its stack is if it has crashed."""
    return Path(folder, f"{process}.journal"), Path(folder, f"{process}.trace")


def found_path(journal: Path) -> Path:
    """Where it is written what was found when the case of a journal was tried again."""
    return journal.with_suffix(".found")


def read(journal: Path) -> Entry:
    """What a process was at; nothing if its journal is not whole."""
    # What the disk did not take in full may raise anything when it is read.
    with suppress(Exception):
        data = journal.read_bytes()
        return Entry(*pickle.loads(data[8 : 8 + int.from_bytes(data[:8])]))
    return Entry()


def _new_folder() -> str:
    """A folder for journals; empty where none can be made."""
    try:
        return tempfile.mkdtemp(prefix="conformance-")
    except OSError:
        return ""
