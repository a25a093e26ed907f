"""Shrinks a case that ends the process: ``pytest -p conformance.shrinking --crash JOURNAL TEST``.

The test runs again, and torch runs in children of this process, which never runs it itself. A child that ends
before its time is a failure like any other, so that Hypothesis makes its case simpler. Whoever started this
may kill it whenever the time is up: the simplest case up to then is in a file beside the journal.
"""

from __future__ import annotations

import faulthandler
import json
import os
import pickle
import signal
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar, cast

import pytest

from . import journal
from .session import session as own

T = TypeVar("T")

# How long a child may take. The check of an example takes milliseconds, but where torch compiles.
SECONDS = 10


class DiedError(Exception):
    """A child ended before its time."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


def fork() -> int:
    """As os.fork; without its warning of threads, which a fork does not copy: none has anything to do."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return os.fork()


def in_child(function: Callable[[], T]) -> T | None:
    """Call a function in a child of this process.

    Returns:
        What it returns, which has to have a short pickle; None if it raises.

    Raises:
        DiedError: it ends the child.
        TimeoutError: it takes too long.
    """
    read, write = os.pipe()
    child = fork()
    if not child:
        _answer(function, write)
    _, status = os.waitpid(child, 0)
    os.close(write)
    with open(read, "rb") as answer:
        data = answer.read()
    code = os.waitstatus_to_exitcode(status)
    if code == -signal.SIGALRM:
        raise TimeoutError
    if not data:
        raise DiedError(code)
    result: T | None = pickle.loads(data)
    return result


def _answer(function: Callable[[], object], to: int) -> None:
    """Call a function, send what it returns, and end this process."""
    import resource

    try:
        faulthandler.disable()  # a child that ends is no news
        # Each child would leave a file as large as torch.
        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(SECONDS)
        try:
            result = function()
        except BaseException:  # a failed check is no crash, and the run has reported it
            result = None
        os.write(to, pickle.dumps(result))
    finally:
        os._exit(0)


class Shrinking:
    """A plugin of pytest that runs torch in children, from the example on that a journal has.

    Args:
        config: of the run, which has one test.
    """

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._journal = Path(config.option.crash)
        self._crash = journal.read(self._journal)
        self._where: dict[str, str] = {}
        self._number = 0
        self._own = journal.own_journal()

    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """See where the test runs torch."""
        from .retrial import place_of

        self._where = place_of(item.nodeid, self._config)

    def run(self, function: Callable[[], T]) -> T:
        """Call a function in a child."""
        return cast(T, in_child(function))

    def check(self, check: Callable[[T], None], example: T) -> None:
        """Check an example in a child, or first the one that ended a process.

        Raises:
            DiedError: it ends the child.
        """
        self._number += 1
        if self._number == 1:
            try:
                if not self._dies(check, self._crash.drawn):
                    self._write(survived=True)
                    os._exit(0)
            except TimeoutError:
                os._exit(0)
        # What was drawn before that example has been checked.
        if self._number >= self._crash.number:
            with suppress(TimeoutError):
                error = self._dies(check, example)
                if error:
                    raise error

    def _dies(self, check: Callable[[Any], None], example: Any) -> DiedError | None:
        """Whether the check of an example ends a child; then what shows it is written down."""
        from .candidates import candidates

        def noted() -> None:
            journal.note(example)
            check(example)

        try:
            in_child(noted)
        except DiedError as error:
            latest = journal.read(self._own).latest
            made = candidates(latest, self._where.get("way", ""), self._where.get("device", "cpu"))
            shown = next((script for script in made if self._ends(script)), None)
            self._write(status=error.status, script=shown or made[0], shows=shown is not None)
            return error
        return None

    def _ends(self, script: str) -> bool:
        try:
            in_child(lambda: exec(script, {}))
        except DiedError:
            return True
        except TimeoutError:
            pass
        return False

    def _write(self, **found: Any) -> None:
        """Write down what was found, in place of what was before."""
        path = journal.found_path(self._journal)
        draft = path.with_suffix(".draft")
        draft.write_text(json.dumps(found))
        draft.replace(path)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that names the journal."""
    parser.addoption("--crash", metavar="JOURNAL", help="the journal of the process that ended")


def pytest_collection_finish(session: pytest.Session) -> None:
    """Run torch in children from now on; the watch of this process has been set up."""
    shrinking = Shrinking(session.config)
    session.config.pluginmanager.register(shrinking)
    own.isolation = shrinking
