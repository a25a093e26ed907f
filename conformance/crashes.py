"""Reports what ended a process before its time: how, in which case, and with which stack."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from textwrap import shorten
from typing import Any

import pytest

from . import journal, notes
from .ending import ending
from .journal import Watchdog
from .retrial import Crash, Retrial, place_of
from .shrinking import fork

# Frames of a stack that say nothing of torch.
RUNNERS = re.compile(r"[/\\](_pytest|pytest|pluggy|xdist|execnet|hypothesis)[/\\]|<(string|frozen runpy)>")
WITH_WORKERS = "With -n 1 the run goes on after that, and the case is shrunk."


class Crashes:
    """A plugin of pytest for the process that controls the workers, or that has none.

    Args:
        config: of the run.
        on_duty: the watch of this process.
    """

    def __init__(self, config: pytest.Config, on_duty: Watchdog) -> None:
        self._config = config
        self._folder, self._hang = on_duty.folder, on_duty.seconds
        self._retrial = Retrial(config, on_duty.seconds)
        self._workers = len(getattr(config.option, "tx", None) or [])
        self._lost = 0
        self._started: set[str] = set()
        self._alive = -1
        # Xdist gives up after a few crashes, but how often a library crashes is what people want to know.
        if getattr(config.option, "maxworkerrestart", "") is None:
            config.option.maxworkerrestart = str(sys.maxsize)
        if not self._workers and self._folder and hasattr(os, "fork") and not hasattr(config.option, "crash"):
            self._alive = self._witness()

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Tell a worker where the journals are."""
        node.workerinput[journal.SENT] = self._folder

    def pytest_runtest_logstart(self) -> None:
        """See that workers get as far as to begin a test."""
        self._lost = 0

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodeready(self, node: Any) -> None:
        """Note that a worker could start."""
        self._started.add(node.gateway.id)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object) -> None:
        """Give up if a worker cannot start, or if one after the other ends before it begins a test.

        New workers would do the same.

        Raises:
            pytest.UsageError: so it is.
        """
        self._lost += error is not None
        could_start = node.gateway.id in self._started
        if error is None or (could_start and self._lost < 2 * self._workers):
            return
        written, trace = journal.paths(self._folder, node.gateway.id)
        stack, latest = _text(trace), journal.read(written).latest
        frames = [line.strip() for line in _relevant(stack) if line.startswith("  File")]
        told = [f"{self._lost} workers in a row ended before they began a test"] if could_start else []
        told = [*(told or ["a worker could not start"]), self._how(node, stack)]
        told += [f"in {shorten(str(latest), 200)}"] * (latest is not None) + [
            f"at {frame}" for frame in frames[:1]
        ]
        raise pytest.UsageError(f"{', '.join(told)}; find out more with: pytest -n 0 --collect-only")

    @pytest.hookimpl(optionalhook=True)
    def pytest_handlecrashitem(self, report: Any) -> None:
        """Say how a worker ended, in which case and where, and whether the case alone does that."""
        self._lost = 0
        written, trace = journal.paths(self._folder, report.node.gateway.id)
        stack, entry = _text(trace), journal.read(written)
        where = place_of(report.nodeid, self._config)
        how = self._how(report.node, stack)
        hung, spent = stack.startswith("Timeout"), stack.startswith(journal.LEFT)
        reason = f"{how} in {where['loss']}" if "loss" in where and not spent else how
        told = [reason]
        if entry.latest is not None:
            crash = Crash(where, entry, written, hung, spent)
            told += self._retrial.told(crash)
        told += [] if spent else ["\n".join(_relevant(stack))]
        report.longrepr = "\n\n".join(told).rstrip()
        file, _, test = report.nodeid.partition("::")
        report.location = (file, None, test)  # which is what pytest heads it with
        notes.add(report, "ending", reason)

    def pytest_unconfigure(self) -> None:
        """Remove the journals, which nobody needs any more."""
        if self._alive >= 0:
            os.write(self._alive, b".")
            os.close(self._alive)
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _witness(self) -> int:
        """Fork a process that waits for the end of this one, and shows the case if it comes before its time.

        Returns:
            A pipe, into which this process has to write when it ends as it should.
        """
        read, write = os.pipe()
        if fork():
            os.close(read)
            return write
        try:
            os.close(write)
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # they are for the other process
                signal.signal(number, signal.SIG_IGN)
            if os.read(read, 1):
                os._exit(0)
            entry = journal.read(journal.own_journal())
            if entry.latest is not None:
                where = place_of(entry.test, self._config)
                script = Crash(where, entry, Path()).scripts()[0]
                told = f"{entry.test}: the process ended in this case:\n\n{script}\n\n{WITH_WORKERS}\n"
                os.write(2, f"\n{told}".encode())
            shutil.rmtree(self._folder, ignore_errors=True)
        finally:
            os._exit(0)

    def _how(self, node: Any, stack: str) -> str:
        """How a worker ended."""
        if stack.startswith("Timeout"):
            return f"no answer within {self._hang} s"
        if stack.startswith(journal.LEFT):
            return stack.removeprefix(journal.LEFT).strip()
        popen = getattr(getattr(node.gateway, "_io", None), "popen", None)
        with suppress(subprocess.TimeoutExpired):
            if popen:  # it has ended, or is about to
                return ending(popen.wait(5))
        return "the process ended"


def _relevant(stack: str) -> list[str]:
    """The lines of a stack without the frames of what runs tests, and without threads that have no others."""
    threads: list[list[str]] = []
    for line in stack.splitlines():
        if not line.startswith("  "):
            threads.append([line])
        elif not RUNNERS.search(line):
            threads[-1:] = [[*threads[-1], line]] if threads else [[line]]
    kept = [lines for lines in threads if len(lines) > 1 or "most recent call first" not in lines[0]]
    return [line for lines in kept for line in lines if line and not line.startswith("Extension modules")]


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
