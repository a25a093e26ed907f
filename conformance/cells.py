"""Cells: the finite axes of the suite, and how many examples each gets."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import pytest
from hypothesis import Phase, given, seed, settings
from hypothesis.errors import FlakyFailure
from hypothesis.strategies import SearchStrategy

from reference import FORMATS, Format

from . import journal
from .devices import is_spent
from .losses import Loss
from .running import obstacle
from .tally import Tally

T = TypeVar("T")

DOES_NOT_REPEAT = (
    "The same case conformed, or failed otherwise, when it ran again: the result does not repeat."
)


@dataclass(frozen=True)
class Cell:
    """One loss, reduction, format and device; as a string, the coordinates in a test's id."""

    loss: Loss
    reduction: str
    format: Format
    device: str

    def __str__(self) -> str:
        return f"{self.loss.name}-{self.reduction}-{self.format.name}-{self.device}"

    @property
    def obstacle(self) -> str | None:
        """Why torch cannot run this cell, or None."""
        return obstacle(self.loss.name, self.format.name, self.device)

    @property
    def obstacle_backward(self) -> str | None:
        """Why torch cannot differentiate in this cell, or None."""
        return obstacle(self.loss.name, self.format.name, self.device, backward=True)


def run_drawn(
    cell: Cell,
    base_seed: int,
    check: Callable[[T], None],
    drawn: SearchStrategy[T],
    examples: int | None = None,
    tally: Tally | None = None,
) -> None:
    """Draw what a cell is tested with and check each. The same base seed and cell give the same examples.

    Args:
        cell: its coordinates are part of the seed.
        base_seed: the other part.
        check: raises where an example does not conform.
        drawn: the examples.
        examples: how many; by default as many as the profile says.
        tally: counts what cannot be tested, and measures how close each example comes to its bounds; a
            profile may aim there.

    Raises:
        Whatever `check` raises, on the simplest example that makes it. Of an example that fails in one run
            and not in another, the failure says so.
        pytest.skip.Exception: no example could be tested.
    """
    aims = Phase.target in settings().phases
    tally = tally or Tally()

    @seed(zlib.crc32(f"{base_seed}:{cell}".encode()))
    @settings(
        max_examples=examples or settings().max_examples,
        report_multiple_bugs=False,
    )
    @given(drawn)
    def conforms(case: T) -> None:
        journal.check_drawn(checked, case)
        tally.finish_example()
        if aims:
            tally.aim()

    def checked(case: T) -> None:
        try:
            with tally.counting():
                check(case)
        except BaseException:  # a failed check is no Exception
            # Before anything simpler is made of an error that stays, and is no verdict on any loss.
            if cell.device != "cpu" and is_spent(cell.device):
                journal.leave(f"{cell.device} gives nothing but errors after this case")
            raise

    try:
        conforms()
    except FlakyFailure as flaky:
        first = flaky.exceptions[0]
        told = first.__cause__ or first  # Hypothesis wraps what is no Exception
        if not isinstance(told, pytest.fail.Exception):
            raise
        raise pytest.fail.Exception(f"{told}\n\n{DOES_NOT_REPEAT}", pytrace=False) from None
    tally.skip_if_untested()


def all_cells(losses: list[Loss], formats: list[str], devices: list[str]) -> list[Cell]:
    """Every cell of the given axes, in a stable order."""
    return [
        Cell(loss, reduction, FORMATS[name], device)
        for loss in losses
        for reduction in loss.reductions
        for name in formats
        for device in devices
    ]
