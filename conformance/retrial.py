"""Tries the case of a crash alone, in fresh processes, and has it shrunk there, within a stated time."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from .candidates import candidates
from .devices import default_devices
from .disposable import HANGS, attempt_apart
from .ending import ending, explained
from .journal import Entry, found_path
from .options import plugin_modules
from .report.coordinates import coordinates
from .report.environment import describe_settings
from .report.rerun import options

# Seconds for a crash. Two processes start, in five seconds each where the machine is busy, and Hypothesis
# shrinks a case in a few.
SECONDS = 30
# Seconds for all crashes of a run, so that a library that crashes everywhere does not make it much longer.
IN_ALL = 120
# In less time no process starts.
LEAST = 3
# Of a call that is shown in a line.
LENGTH = 400


@dataclass(frozen=True)
class Crash:
    """The end of a process before its time.

    Attributes:
        where: the coordinates of the test.
        entry: what the process was at.
        journal: from which that was read.
        hung: whether the process was ended because there was no answer.
        spent: whether it was ended because there could be no answer any more.
    """

    where: dict[str, str]
    entry: Entry
    journal: Path
    hung: bool = False
    spent: bool = False

    @property
    def fixed(self) -> str:
        """Why the case is not shrunk; empty if it may be."""
        if self.hung:
            return "each try takes as long as torch was waited for"
        if self.entry.drawn is None:
            return "it was not drawn"
        if self.where.get("device", "cpu") != "cpu":
            return "that takes forks, which leave an accelerator behind"
        return "" if hasattr(os, "fork") else "that takes forks, which this system does not have"

    def scripts(self) -> list[str]:
        """Scripts of what the process was at."""
        return candidates(self.entry.latest, self.where.get("way", ""), self.where.get("device", "cpu"))


class Retrial:
    """Tries the crashes of a run again.

    Args:
        config: of the run.
        hang: how many seconds torch may take for a case; 0: for ever.
    """

    def __init__(self, config: pytest.Config, hang: int) -> None:
        self._config = config
        self._hang = hang or SECONDS
        self._left = float(IN_ALL)
        self._seen: dict[str, tuple[str, bool]] = {}

    def told(self, crash: Crash) -> Iterator[str]:
        """Paragraphs that say whether the case alone ends a process, with a script."""
        begun = time.monotonic()
        try:
            yield from self._told(crash, begun + min(SECONDS, self._left))
        except OSError as error:  # a full disk, too many processes
            yield _shown("The process ended in this case", crash.scripts()[0])
            yield f"It was not tried alone or shrunk: {error}."
        finally:
            self._left -= time.monotonic() - begun

    def _told(self, crash: Crash, until: float) -> Iterator[str]:
        original, fixed = crash.scripts(), crash.fixed
        if crash.spent:
            yield _shown("The case", original[0])
            return
        if until - time.monotonic() < LEAST:
            yield _shown("The process ended in this case", original[0])
            yield f"It was not tried alone or shrunk: the {IN_ALL} s that a run has for this are spent."
            return
        found = {} if fixed else self._found(crash, until)
        if found.get("survived"):
            only = "The process ended in this case only after other calls. In a fresh process the case alone"
            yield _shown(f"{only} does not end it", original[0])
            return
        script, does, ended = self._alone([found["script"]] if found else original, until)
        if ended:
            yield _shown(f"In a fresh process this case alone {does}", script)
        elif found:
            how = _ends(ending(found["status"]))
            test = f"In a fresh process the test of this case alone {how}"
            yield _shown(f"{test}, but this script {does}", script)
        else:
            yield _shown(f"The process ended in this case. In a fresh process this script {does}", script)
        if fixed or not found:
            yield f"It was not shrunk: {fixed or f'its test did not end again within {SECONDS} s'}."
        elif found["script"] not in original:
            yield f"It was shrunk from: {_short(repr(crash.entry.latest))}"
            if found["stopped"]:
                yield f"Shrinking was stopped after {SECONDS} s."

    def _found(self, crash: Crash, until: float) -> dict[str, Any]:
        """What `conformance.shrinking` finds of a case; empty if it finds nothing in time."""
        options = [*self._options(), "-p", "no:cacheprovider", "--hang=0", "--progress=0"]
        shrinking = ["-p", "conformance.shrinking", "--crash", str(crash.journal)]
        command = [sys.executable, "-m", "pytest", *shrinking, *options, crash.entry.test]
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
        # What pytest has put onto the path of this process; and a place for what it cannot remove when it is
        # killed.
        paths = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "TMPDIR": str(crash.journal.parent)}
        environment = {**kept, **paths}
        process = subprocess.Popen(
            command, cwd=self._config.rootpath, env=environment, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            process.wait(until - time.monotonic())
            stopped = False
        except subprocess.TimeoutExpired:
            stopped = True
        finally:
            with suppress(ProcessLookupError):  # it has ended, and so have its children
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        with suppress(OSError, ValueError):
            return {"stopped": stopped, **json.loads(found_path(crash.journal).read_text())}
        return {}

    def _options(self) -> Iterator[str]:
        """The options with which a test draws the same cases again."""
        seed = int(self._config.getoption("hypothesis_seed", None) or 0)
        return options(describe_settings(self._config, seed))

    def _alone(self, tried: list[str], until: float) -> tuple[str, str, bool]:
        """The first script that ends a fresh process, else the first; what it does; whether it ends it."""
        told: list[str] = []
        for script in tried:
            left = until - time.monotonic()
            if told and left < 0:
                break
            if script not in self._seen:  # many tests meet a crash of the simplest case
                seconds = min(self._hang, max(LEAST, left))
                self._seen[script] = _outcome(script, seconds, plugin_modules(self._config))
            does, ended = self._seen[script]
            if ended:
                return script, does, True
            told.append(does)
        return tried[0], told[0], False


def _outcome(script: str, seconds: float, modules: Sequence[str]) -> tuple[str, bool]:
    """What a script does in a fresh process with some modules, and whether it ends it or gives no answer."""
    call = f"{script}\ntorch.zeros(())"  # the last line of a call has to be an expression
    with tempfile.TemporaryDirectory() as folder:
        try:
            outcome = attempt_apart([call], "cpu", Path(folder, "journal"), seconds, modules)[call]
        except RuntimeError as error:
            return f"cannot run ({str(error).splitlines()[-1]})", False
    if outcome.classes:
        return f"raises {outcome}", False
    if not isinstance(outcome.gives, str):
        return "does not end it", False
    return (
        f"gives no answer within {seconds:.0f} s"
        if outcome.gives == HANGS
        else _ends(explained(outcome.gives))
    ), True


def place_of(test: str, config: pytest.Config) -> dict[str, str]:
    """The coordinates of a test."""
    return coordinates(test, config.option.device or default_devices())


def _ends(how: str) -> str:
    return f"ends the process with {how}"


def _shown(sentence: str, script: str) -> str:
    return "\n".join([f"{sentence}:", "", *(f"    {line}".rstrip() for line in script.splitlines())])


def _short(call: str) -> str:
    return call if len(call) <= LENGTH else f"{call[:LENGTH]} ..."
