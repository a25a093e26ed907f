"""Cells: the finite axes of the suite, and how many examples each gets."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

import pytest
from hypothesis import Phase, given, seed, settings, target
from hypothesis.strategies import SearchStrategy

from reference import FORMATS, Format

from .implementation import Untested
from .losses import Loss
from .running import obstacle

T = TypeVar("T")


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


@dataclass
class Tally:
    """What the examples of a cell came to.

    Attributes:
        cell: its coordinates.
        of: what was tested of it.
        examples: how many ran to a verdict.
        worst: the largest error / bound among conforming results.
        known: how many examples each known divergence covered.
        loss: the loss that was tested.
        untested: how many examples were not tested, by the reason.
    """

    cell: str
    of: str
    examples: int = 0
    worst: float = 0.0
    known: dict[str, int] = field(default_factory=dict)
    loss: str = ""
    untested: dict[str, int] = field(default_factory=dict)
    _latest: float = 0.0
    _last: dict[str, int] = field(default_factory=dict)

    def measure(self, ratio: float) -> None:
        """Take note of an error / bound of the present example."""
        self.worst = max(self.worst, ratio)
        self._latest = max(self._latest, ratio)

    def aim(self) -> None:
        """Tell Hypothesis how close the example came to its bounds, so that it tries to come closer."""
        target(self._latest, label="error / bound")
        self._latest = 0.0

    def meet(self, divergence: str) -> None:
        """Count the present example as one that a known divergence covers, however often it does."""
        if self._last.get(divergence) != self.examples:
            self._last[divergence] = self.examples
            self.known[divergence] = self.known.get(divergence, 0) + 1

    @contextmanager
    def counting(self) -> Iterator[None]:
        """Around the check of an example: one that cannot be tested is counted apart, with the reason."""
        before = self.examples
        try:
            yield
        except Untested as untested:
            self.examples = before
            self.leave_out(str(untested))

    def leave_out(self, reason: str) -> None:
        """Count something of an example as not tested."""
        self.untested[reason] = self.untested.get(reason, 0) + 1

    def skip_if_untested(self) -> None:
        """Skip the test, with the reasons, if no example could be tested.

        Raises:
            pytest.skip.Exception: so it is.
        """
        if self.untested and not self.examples:
            pytest.skip("; ".join(sorted(self.untested)))


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
        Whatever `check` raises, on the simplest example that makes it.
        pytest.skip.Exception: no example could be tested.
    """
    aims = Phase.target in settings().phases
    tally = tally or Tally(str(cell), "examples")

    @seed(zlib.crc32(f"{base_seed}:{cell}".encode()))
    @settings(
        max_examples=examples or settings().max_examples,
        report_multiple_bugs=False,
    )
    @given(drawn)
    def conforms(case: T) -> None:
        with tally.counting():
            check(case)
        if aims:
            tally.aim()

    conforms()
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
