"""Makes the record of a run while it runs: in the process that controls the workers, if there are any."""

from __future__ import annotations

import os
import shlex
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ..failures import explain
from ..implementation import under_test
from ..notes import notes_of
from . import environment
from .coordinates import coordinates, own_id
from .markdown import summary
from .output import one_line, why, write_text
from .page import page
from .plan import Plan
from .record import BROKEN, NAME, VERSION, CellResult, Record, check_cell, write
from .rerun import command
from .statistics import counted, crashes_of
from .typed_json import SchemaError

# Seconds between two states of the file, of which the latter is what a killed run leaves.
INTERVAL = 20.0
# What a record takes over of a tally.
TOLD = ("examples", "worst", "ulp", "where", "ulps", "known", "untested", "digest", "prints")
# What is made of the record at the end.
PAGES = {"report.html": page, "summary.md": summary}
UNFINISHED = "it has not finished, or it was killed"

STOPPED = {
    pytest.ExitCode.INTERRUPTED: "it was interrupted",
    pytest.ExitCode.INTERNAL_ERROR: "pytest failed",
    pytest.ExitCode.USAGE_ERROR: "pytest could not collect the tests",
}


def prepared(config: pytest.Config) -> Path | None:
    """The folder that ``--report`` names; None if it names none. It is made when the first test is to run.

    Raises:
        pytest.UsageError: it cannot be used.
    """
    folder = config.option.report
    if folder is None:
        return None
    if not folder:
        raise pytest.UsageError("--report: no folder is named; write --report=DIR")
    try:
        path = config.invocation_params.dir / Path(folder).expanduser()
    except RuntimeError:
        raise _unusable(folder, ValueError("there is no such user")) from None
    # Pytest knows its own options when it looks for its settings, and takes what follows another for a place
    # to look at; so would each worker, once the folder is there.
    normal = Path(os.path.normpath(path))
    inside = config.rootpath in (normal, *normal.parents)
    if folder in config.invocation_params.args and not inside:
        told = f"{folder!r} is outside the checkout, where pytest would look for its settings"
        raise pytest.UsageError(f"--report: {told}; write --report={one_line(shlex.quote(folder))}")
    return path


def _unusable(folder: str, error: Exception) -> pytest.UsageError:
    told = f"{folder!r} cannot be made a folder ({why(error)})"
    return pytest.UsageError(f"--report: {told}; name one that can be written")


class Recorder(Plan):
    """A plugin of pytest that makes the record of a run, and keeps it on disk if there is a folder for it.

    Attributes:
        record: what has been found up to now.
        problem: why the file could not be written the last time; empty if it could.
        told: what there is to say of the files at the end.
    """

    def __init__(self, config: pytest.Config, seed: int, left_out: list[str], folder: Path | None) -> None:
        super().__init__()
        self._config = config
        self.path = folder and folder / NAME
        self.problem = ""
        self.told: list[str] = []
        self._begun = self._unfit = False
        self._written = 0.0
        self._cells: dict[str, CellResult] = {}
        now = _now()
        self.record = Record(
            VERSION,
            environment.describe_suite(),
            environment.describe_torch(),
            environment.describe_platform(),
            environment.describe_settings(config, seed),
            environment.describe_devices(config),
            now,
            now,
            complete=False,
            incomplete_because=UNFINISHED,
            left_out=left_out,
            lacking=environment.lacking_losses(),
            signatures=environment.describe_signatures(),
            findings=environment.describe_findings(),
        )

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self) -> None:
        """Begin the record where tests run here; a mistake in the options would have ended the run by now."""
        option = self._config.option
        if not (option.collectonly or option.setuponly or self._config.pluginmanager.has_plugin("dsession")):
            self._begin()

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: list[str]) -> None:
        """Begin the record where workers run tests."""
        super().pytest_xdist_node_collection_finished(ids)
        if not self._begun:
            self._begin()

    def _begin(self) -> None:
        """Leave a record that says that nothing is known yet, unless there is nothing to be known.

        Raises:
            pytest.UsageError: it cannot be written.
        """
        # Where workers are given a path that does not exist, xdist goes on without a test.
        if self.path is None or not any(map(self._own, self.planned)):
            return
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except FileExistsError:
            error = ValueError("there is a file, or a link to nothing")
            raise _unusable(self._config.option.report, error) from None
        except OSError as error:
            raise _unusable(self._config.option.report, error) from None
        self._write()
        if self.problem:
            raise pytest.UsageError(f"--report: {self.problem}; name a folder that can be written")
        self._begun = True

    @pytest.hookimpl(tryfirst=True)  # a plugin that prints failures at once prints the command, too
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take note of what became of a test."""
        name = self._own(report.nodeid)
        if name and (report.when == "call" or not report.passed):
            cell = self._cells[name] = self.cell(report)
            if cell.outcome in BROKEN:  # after the cell was made: a record says how it was run anyway
                explain(report, command(self.record.settings, name, cell.outcome == "crashed"))
        if self._begun and time.monotonic() - self._written > INTERVAL:
            self._write()

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Close the record, and make its pages; a run that cannot do so does not succeed."""
        self._gather()
        because = self._incomplete_because(exitstatus)
        self.record.complete, self.record.incomplete_because = not because, because
        if self._begun and self.path:
            self._write()
            for name, render in PAGES.items():
                self._try(name, _put_page, render, self.record, self.path.with_name(name))
            names = ", ".join([NAME, *PAGES])
            told = self.problem or f"{names} in {self.path.parent}"
            self.told.append(f"report: {one_line(told)}")
        elif self.path and exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED:
            told = f"nothing is written into {self.path.parent}, because no test of a loss was selected"
            self.told.append(f"report: {one_line(told)}")
        if (self.problem or self._unfit) and exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def cell(self, report: pytest.TestReport) -> CellResult:
        """What became of a test, in the terms of the record."""
        said: defaultdict[str, list[Any]] = defaultdict(list)
        for name, value in notes_of(report):
            said[name].append(value)
        found: dict[str, Any] = {key: tally[key] for tally in said["tally"] for key in TOLD}
        found["known"] = {**found.get("known", {}), **Counter(said["known"])}
        # Elsewhere the examples are a run's own, or those of a failure's many attempts.
        of_bits = self.record.settings.deterministic and report.passed
        if not (of_bits and found.get("digest")):
            found |= {"digest": "", "prints": ""}
        reasons = said["ending"] + said["drift"]
        # Some plugin may have a test pass without running it.
        idle = report.passed and not found.get("examples", 1)
        nothing = {"outcome": "not tested", "reason": "no example was run"}
        verdict = nothing if idle else _verdict(report, bool(found["known"]))
        verdict |= {"reason": reasons[0]} if reasons else {}
        name = self._own(report.nodeid) or report.nodeid
        where: dict[str, Any] = {**coordinates(name, self.record.devices)}
        side = next(iter(said["side"]), None)
        made = CellResult(name, **where, **verdict, **found, seconds=report.duration, side=side)
        try:
            check_cell(made)
        except SchemaError as error:  # an infinite figure, for instance, says nothing of what was tested
            self._unfit = True
            if verdict["outcome"] not in BROKEN:
                reason = f"the suite measured what no record can hold, so there is no verdict: {error}"
                verdict = {"outcome": "crashed", "reason": reason}
            return CellResult(name, **where, **verdict)
        return made

    def _own(self, nodeid: str) -> str | None:
        """The id of a test as the record has it; None if it is not about torch."""
        return own_id(nodeid, self._config.rootpath)

    def _incomplete_because(self, exitstatus: int) -> str:
        missing = self.record.planned - len(self.record.cells)
        reasons = [STOPPED[status] for status in STOPPED if status == exitstatus]
        reasons.append(crashes_of(self._cells.values()))
        reasons += [f"{counted(missing, 'cell was', 'cells were')} not run"] if missing else []
        return "; ".join(filter(None, reasons))

    def _gather(self) -> None:
        """Bring the record up to the present."""
        self.record.finished = _now()
        ours = [name for name in map(self._own, self.planned) if name]
        self.record.planned = len(ours)
        # Workers end in any order.
        self.record.cells = [self._cells[name] for name in ours if name in self._cells]

    def _write(self) -> None:
        self._written = time.monotonic()
        self._gather()
        self.problem = ""
        self._try(str(self.path), write, self.record, self.path)

    def _try(self, name: str, put: Callable[..., None], *arguments: Any) -> None:
        """Write a file, and take note of why that fails, be it the disk's fault or the suite's."""
        try:
            put(*arguments)
        except Exception as error:
            self.problem = self.problem or f"{name} cannot be written ({why(error)})"


def _put_page(render: Callable[[Record], str], record: Record, path: Path) -> None:
    write_text(render(record), path)


def _verdict(report: pytest.TestReport, known: bool) -> dict[str, Any]:
    """The outcome of a test, and what there is to say of it."""
    if report.passed:
        return {"outcome": "known" if known else "conforms"}
    if report.skipped:
        _, _, reason = report.longrepr if isinstance(report.longrepr, tuple) else ("", 0, report.longreprtext)
        reason = reason.removeprefix("Skipped: ")
        # Torch's version is in the record, and the same reason is the same in every version.
        told = reason.removeprefix(f"{under_test().name}: ")
        refused = told != reason or reason.startswith("torch ")
        return {"outcome": "unsupported" if refused else "not tested", "reason": told}
    failure = str(report.longrepr or "")
    if report.when == "call":
        return {"outcome": "diverges", "failure": failure}
    lines = failure.strip().splitlines() or ["no word"]
    return {"outcome": "crashed", "reason": lines[-1], "failure": failure}


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
