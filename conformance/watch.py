"""Keeps watch over torch: what ends the process, or does not answer, is reported with its case.

Each worker keeps a journal, a file with the example that it is testing. If it ends before its time, the
process that controls it finds the example there, and goes on with a new worker.
"""

from __future__ import annotations

import faulthandler
import os
import pickle
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import pytest

SENT = "conformance-journals"

_on_duty: Watch | None = None


def note(example: object) -> None:
    """Take note of the example that is tested next, in the journal of this process, if it has one."""
    if _on_duty:
        _on_duty.note(example)


def leave_if_spent(device: str) -> None:
    """End this process if a device gives nothing but errors from now on, which are no verdict on any loss."""
    from .disposable import is_spent  # imports torch, of which the plugin makes sure first

    if _on_duty and device != "cpu" and is_spent(device):
        _on_duty.leave(f"{device} gives nothing but errors after this case, so the process was ended.")


class Watch:
    """A plugin of pytest: a worker's keeps a journal, and the one in control of workers reads it.

    Args:
        config: of the run.
        seconds: how long torch may take for an example, or for a test without any; 0: for ever.
    """

    def __init__(self, config: pytest.Config, seconds: int) -> None:
        global _on_duty
        _on_duty = self
        worker: dict[str, Any] = getattr(config, "workerinput", {})
        self._controls = not worker
        self._folder: str = worker[SENT] if worker else _new_folder()
        self._seconds = seconds
        self._armed = 0.0
        self._started: set[str] = set()
        self._journal: IO[bytes] | None = None
        # Without workers nobody is left to read it, so it goes to where pytest has not begun to capture.
        self._trace = os.dup(2)
        if worker and self._folder:
            journal, trace = self._paths(worker["workerid"])
            with suppress(OSError):
                self._journal = journal.open("wb", buffering=0)
                self._trace = os.open(trace, os.O_WRONLY | os.O_CREAT)

    def note(self, example: object) -> None:
        """Take note of the example that is tested next; None for what has none."""
        if self._journal:
            written = pickle.dumps(example)
            with suppress(OSError):  # a full disk; then the end is told without its case
                self._journal.seek(0)
                self._journal.write(len(written).to_bytes(8) + written)
        now = time.monotonic()
        if self._seconds and now - self._armed > 0.1:  # to arm it takes a moment, too
            faulthandler.dump_traceback_later(self._seconds, exit=True, file=self._trace)
            self._armed = now

    def leave(self, reason: str) -> None:
        """End this process, and tell why."""
        os.write(self._trace, f"{reason}\n".encode())
        os._exit(1)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self) -> Iterator[None]:
        """Watch one test, which begins without an example."""
        self.note(None)
        try:
            return (yield)
        finally:
            faulthandler.cancel_dump_traceback_later()
            self._armed = 0.0

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Tell a worker where the journals are."""
        node.workerinput[SENT] = self._folder

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodeready(self, node: Any) -> None:
        """Note that a worker could start."""
        self._started.add(node.gateway.id)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object) -> None:
        """End the run if a worker could not start, since no other one would."""
        if error and node.gateway.id not in self._started:
            pytest.exit(
                "a worker could not start, for the reason above", returncode=pytest.ExitCode.USAGE_ERROR
            )

    @pytest.hookimpl(optionalhook=True)
    def pytest_handlecrashitem(self, report: Any) -> None:
        """Tell what a worker that ended was at, and why it ended if that is known."""
        if not self._folder:
            return
        journal, trace = self._paths(report.node.gateway.id)
        told = []
        example = _read(journal)
        if example is not None:
            told += ["The process ended in this case, or in a gradient of it:", "", _script(example), ""]
        told += [str(report.longrepr)]
        with suppress(OSError):
            reason = trace.read_text()
            told += [reason] if reason else []
            if reason.startswith("Timeout"):
                told += [f"torch did not answer within {self._seconds} s, so the process was ended."]
        report.longrepr = "\n".join(told)

    def pytest_unconfigure(self) -> None:
        """End the watch."""
        global _on_duty
        _on_duty = None
        if self._controls and self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _paths(self, worker: str) -> tuple[Path, Path]:
        return Path(self._folder, f"{worker}.journal"), Path(self._folder, f"{worker}.trace")


def _new_folder() -> str:
    """A folder for journals; empty where none can be made."""
    try:
        return tempfile.mkdtemp(prefix="conformance-")
    except OSError:
        return ""


def _script(example: object) -> str:
    """The call of an example as torch code, indented."""
    from .implementation import under_test  # imports torch, of which the plugin makes sure first

    call = repr(getattr(example, "case", example))
    lines = ["import torch", *under_test().imports, "", *call.splitlines()]
    return "\n".join(f"    {line}".rstrip() for line in lines)


def _read(journal: Path) -> object:
    """The example in a journal; None if there is none, or not a whole one."""
    with suppress(OSError, pickle.UnpicklingError, EOFError):
        data = journal.read_bytes()
        return pickle.loads(data[8 : 8 + int.from_bytes(data[:8])])
    return None
