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
from types import ModuleType
from typing import Any

import pytest

from .disposable import HANGS, attempt_apart
from .ending import ending, explained
from .scripts import scripts
from .shrinking import found_by
from .watch import Entry

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
        test: the id of the test that ran.
        where: its coordinates.
        entry: what the process was at.
        journal: from which that was read.
        hung: whether the process was ended because there was no answer.
    """

    test: str
    where: dict[str, str]
    entry: Entry
    journal: Path
    hung: bool

    @property
    def fixed(self) -> str:
        """Why the case is not shrunk; empty if it may be."""
        if self.hung:
            return "each try takes as long as torch was waited for"
        if self.entry.drawn is None:
            return "this test does not draw its cases"
        if self.where.get("device", "cpu") != "cpu":
            return "that takes forks, which leave an accelerator behind"
        return "" if hasattr(os, "fork") else "that takes forks, which this system does not have"

    def scripts(self, modules: Sequence[str]) -> list[str]:
        """Scripts of what the process was at, which import modules first."""
        way, device = self.where.get("way", ""), self.where.get("device", "cpu")
        return scripts(self.entry.latest, way, device, modules)


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

    def told(self, crash: Crash) -> Iterator[str]:
        """Lines that say whether the case alone ends a process, with a script."""
        until = time.monotonic() + min(SECONDS, self._left)
        self._left -= SECONDS  # it is given back what is not used
        try:
            yield from self._told(crash, until)
        finally:
            self._left += max(0.0, until - time.monotonic())

    def _told(self, crash: Crash, until: float) -> Iterator[str]:
        original, fixed = crash.scripts(plugin_modules(self._config)), crash.fixed
        if until - time.monotonic() < LEAST:
            yield from _shown("The process ended in this case", original[0])
            yield f"It was not tried alone or shrunk: the {IN_ALL} s that a run has for this are spent."
            return
        found = {} if fixed else self._found(crash, until)
        if found.get("survived"):
            only = "The process ended in this case only after other calls. In a fresh process the case alone"
            yield from _shown(f"{only} does not end it", original[0])
            return
        tried = [found["script"]] if found else original
        script, how = self._alone(tried, until)
        alone = "In a fresh process this case alone"
        if how:
            yield from _shown(f"{alone} {how}", script)
        elif found:
            test = f"its test {_ends(ending(found['status']))}, but this script of its calls does not"
            yield from _shown(f"{alone} makes that {test}", script)
        else:
            yield from _shown(
                "The process ended in this case. In a fresh process this script does not end", script
            )
        if fixed or not found:
            yield f"It was not shrunk: {fixed or f'it was not drawn again within {SECONDS} s'}."
        elif found["script"] not in original:
            yield f"It was shrunk from: {_short(repr(crash.entry.latest))}"
            if found["stopped"]:
                yield f"Shrinking was stopped after {SECONDS} s."

    def _found(self, crash: Crash, until: float) -> dict[str, Any]:
        """What `conformance.shrinking` finds of a case; empty if it finds nothing in time."""
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "-p",
            "conformance.shrinking",
        ]
        command += [
            "--crash",
            str(crash.journal),
            "--hang=0",
            "--progress=0",
            *_options(self._config),
            crash.test,
        ]
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
        # What pytest has put onto the path of this process.
        environment = {**kept, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
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
            return {"stopped": stopped, **json.loads(found_by(crash.journal).read_text())}
        return {}

    def _alone(self, tried: list[str], until: float) -> tuple[str, str]:
        """The first script that ends a fresh process, and how; the first of all if none does."""
        with tempfile.TemporaryDirectory() as folder:
            for number, script in enumerate(tried):
                # The one that is left when the time is up has been run by the children at least.
                if number and time.monotonic() > until:
                    break
                journal = Path(folder, str(number))
                with suppress(RuntimeError):  # a module cannot be imported there
                    outcome = attempt_apart([script], "cpu", journal, min(self._hang, SECONDS))[script]
                    if isinstance(outcome.gives, str) and not outcome.classes:
                        gone = outcome.gives == HANGS
                        seconds = min(self._hang, SECONDS)
                        how = (
                            f"gives no answer within {seconds} s" if gone else _ends(explained(outcome.gives))
                        )
                        return script, how
        return tried[0], ""


def plugin_modules(config: pytest.Config) -> list[str]:
    """The modules that ``-p`` names: one may have registered the device, which another process needs, too."""
    plugins = map(config.pluginmanager.get_plugin, config.option.plugins)
    return [plugin.__name__ for plugin in plugins if isinstance(plugin, ModuleType)]


def _options(config: pytest.Config) -> list[str]:
    """The options with which a test of a run draws the same cases again."""
    option = config.option
    given: dict[str, Sequence[str | None]] = {
        "--loss": option.loss,
        "--device": option.device,
        "--dtype": option.dtype,
        "--way": option.way,
        "--examples": [option.examples],
        "--implementation": [option.implementation],
        "--registry": [option.registry],
        "--hypothesis-profile": [config.getoption("hypothesis_profile", None)],
        "--hypothesis-seed": [config.getoption("hypothesis_seed", None)],
        "-p": option.plugins,
    }
    return [word for name, values in given.items() for value in values if value for word in (name, value)]


def _ends(how: str) -> str:
    return f"ends the process with {how}"


def _shown(sentence: str, script: str) -> list[str]:
    return [f"{sentence}:", "", *(f"    {line}".rstrip() for line in script.splitlines()), ""]


def _short(call: str) -> str:
    return call if len(call) <= LENGTH else f"{call[:LENGTH]} ..."
