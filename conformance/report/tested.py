"""How much of a run got a verdict: a run that tested nothing, or too little, has a status of its own."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Generator

import pytest

from .record import UNTESTED, CellResult, Record
from .recorder import Recorder
from .statistics import present

# Pytest's own statuses end with 5.
NOT_TESTED = 6
OPTION = "--require-tested"


def required_share(text: str | None) -> float:
    """The share that ``--require-tested`` asks for, from 0 to 1; without it the smallest share that there is.

    Raises:
        pytest.UsageError: the text is no percentage.
    """
    if text is None:
        return math.ulp(0.0)
    try:
        percent = float(text)
    except ValueError:
        percent = math.nan
    if not 0 <= percent <= 100:
        shown = text if len(text) <= 40 else f"{text[:40]}..."
        raise pytest.UsageError(f"{OPTION}: must be a percentage from 0 to 100, got {shown!r}")
    return percent / 100


def shares(record: Record) -> dict[str, float]:
    """The share of the cells of each available device that got a verdict, from 0 to 1.

    Of a cell in which some examples could not be tested the others count. If no cell is on a device, all
    cells count, under an empty name.
    """
    cells = present(record)
    on_devices = [cell for cell in cells if cell.device] or cells
    devices = dict.fromkeys(cell.device for cell in on_devices)
    return {device: _share([c for c in on_devices if c.device == device]) for device in devices}


def _share(cells: list[CellResult]) -> float:
    return sum(map(_tested, cells)) / len(cells)


def _tested(cell: CellResult) -> float:
    if cell.outcome in UNTESTED:
        return 0.0
    untested = sum(cell.untested.values())
    return cell.examples / (cell.examples + untested) if untested else 1.0


def shortage(record: Record, required: float) -> list[str]:
    """A line for each device that got verdicts for less than the required share of its cells."""
    told = []
    for device, share in shares(record).items():
        if share < required:
            where = f" on {device}" if device else ""
            if share:
                least = math.floor(1e4 * share) / 100  # what falls short of all is not told as all
                told.append(f"{least:g} % was tested{where}, and {OPTION} asks for {100 * required:g} %")
            else:
                told.append(f"nothing was tested{where}{_why(record, device)}")
    return told


def _why(record: Record, device: str) -> str:
    """The most frequent reason, or nothing where there is none."""
    reasons: Counter[str] = Counter()
    for cell in record.cells:
        if cell.device == device:
            reasons.update(cell.untested or ({cell.reason: 1} if cell.reason else {}))
    return f": {reasons.most_common(1)[0][0]}" if reasons else ""


class RequireTested:
    """A plugin of pytest that ends a run with `NOT_TESTED` if too little of it got a verdict.

    Args:
        recorder: makes the record of the run, which is closed before this looks at it.
        required: the share that must have a verdict on each available device.
    """

    def __init__(self, recorder: Recorder, required: float) -> None:
        self._recorder = recorder
        self._required = required

    @pytest.hookimpl(wrapper=True, trylast=True)  # after the record is closed, before the summary is shown
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None]:
        """Change the status of a run that ended well."""
        yield
        if session.config.option.collectonly or session.exitstatus != pytest.ExitCode.OK:
            return
        told = shortage(self._recorder.record, self._required)
        if told:
            session.exitstatus = NOT_TESTED
            self._recorder.told += [f"NOT TESTED (exit status {NOT_TESTED}): {line}" for line in told]
