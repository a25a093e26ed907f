"""Makes the record of a run while it runs: in the process that controls the workers, if there are any."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ..implementation import under_test
from . import environment
from .coordinates import coordinates
from .markdown import summary
from .page import page
from .plan import Plan
from .record import NAME, VERSION, Cell, Record, write, write_text

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
    """The folder that ``--report`` names, which is made at need; None if it names none.

    Raises:
        pytest.UsageError: it cannot be used.
    """
    folder = config.option.report
    if folder is None:
        return None
    path = Path(folder).absolute()
    # Pytest knows its own options when it looks for its settings, and takes what follows another for a place
    # to look at; so would each worker, once the folder is there.
    if folder in config.invocation_params.args and config.rootpath not in path.parents:
        told = f"{folder!r} is outside the checkout, where pytest would look for its settings"
        raise pytest.UsageError(f"--report: {told}; write --report={folder}")
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        told = f"{folder!r} cannot be made a folder ({error.strerror or error})"
        raise pytest.UsageError(f"--report: {told}; name one that can be written") from None
    return path


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
        self._written = 0.0
        self._cells: dict[str, Cell] = {}
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

    def pytest_sessionstart(self) -> None:
        """Leave a record that says that nothing is known yet.

        Raises:
            pytest.UsageError: it cannot be written.
        """
        if not self._config.option.collectonly:
            self._write()
        if self.problem:
            raise pytest.UsageError(f"--report: {self.problem}; name a folder that can be written")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take note of what became of a test."""
        if _is_ours(report.nodeid) and (report.when == "call" or not report.passed):
            self._cells[report.nodeid] = self.cell(report)
        if time.monotonic() - self._written > INTERVAL:
            self._write()

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, exitstatus: int) -> None:
        """Close the record."""
        self._gather()
        because = self._incomplete_because(exitstatus)
        self.record.complete, self.record.incomplete_because = not because, because
        self._write()
        if self.path is None or self._config.option.collectonly:
            return
        for name, render in PAGES.items():
            try:
                write_text(render(self.record), self.path.with_name(name))
            except OSError as error:
                self.problem = self.problem or f"{name} cannot be written ({error.strerror or error})"
        names = ", ".join([NAME, *PAGES])
        self.told.append(f"report: {self.problem or f'{names} in {self.path.parent}'}")

    def cell(self, report: pytest.TestReport) -> Cell:
        """What became of a test, in the terms of the record."""
        said: defaultdict[str, list[Any]] = defaultdict(list)
        for name, value in report.user_properties:
            said[name].append(value)
        found: dict[str, Any] = {key: tally[key] for tally in said["tally"] for key in TOLD}
        found["known"] = {**found.get("known", {}), **Counter(said["known"])}
        # Elsewhere the examples are a run's own, or those of a failure's many attempts.
        of_bits = self.record.settings.deterministic and report.passed
        if not (of_bits and found.get("digest")):
            found |= {"digest": "", "prints": ""}
        reasons = said["ending"] + said["drift"]
        verdict = _verdict(report, bool(found["known"])) | ({"reason": reasons[0]} if reasons else {})
        where: dict[str, Any] = {**coordinates(report.nodeid, self.record.devices)}
        return Cell(
            id=report.nodeid,
            **where,
            **verdict,
            **found,
            seconds=report.duration,
            side=next(iter(said["side"]), None),
        )

    def _incomplete_because(self, exitstatus: int) -> str:
        crashed = sum(cell.outcome == "crashed" for cell in self._cells.values())
        missing = self.record.planned - len(self.record.cells)
        reasons = [STOPPED[status] for status in STOPPED if status == exitstatus]
        reasons += [f"{crashed} cells crashed"] if crashed else []
        reasons += [f"{missing} cells were not run"] if missing else []
        return "; ".join(reasons)

    def _gather(self) -> None:
        """Bring the record up to the present."""
        self.record.finished = _now()
        ours = [name for name in self.planned if _is_ours(name)]
        self.record.planned = len(ours)
        # Workers end in any order.
        self.record.cells = [self._cells[name] for name in ours if name in self._cells]

    def _write(self) -> None:
        self._written = time.monotonic()
        if self.path is None:
            return
        self._gather()
        try:
            write(self.record, self.path)
            self.problem = ""
        except OSError as error:
            self.problem = f"{self.path} cannot be written ({error.strerror or error})"


def _is_ours(nodeid: str) -> bool:
    """Whether a test is about torch, and not about the suite."""
    return nodeid.startswith("conformance/")


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
    failure = str(report.longrepr or "")  # longreprtext begins with the worker, which is no cause of anything
    if report.when == "call":
        return {"outcome": "diverges", "failure": failure}
    lines = failure.strip().splitlines() or ["no word"]
    return {"outcome": "crashed", "reason": lines[-1], "failure": failure}


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
