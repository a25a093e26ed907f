"""Cells: the finite axes of the suite, and how many examples each gets."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass, field

from hypothesis import Phase, given, seed, settings

from reference import FORMATS, Format
from strategies import Case

from .losses import Loss
from .running import obstacle


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


@dataclass
class Tally:
    """What the examples of a cell came to.

    Attributes:
        cell: its coordinates.
        examples: how many ran to a verdict.
        worst: the largest error / bound among conforming results.
        known: how many examples each known divergence covered.
    """

    cell: str
    examples: int = 0
    worst: float = 0.0
    known: dict[str, int] = field(default_factory=dict)


def run_examples(cell: Cell, base_seed: int, check: Callable[[Case], None]) -> None:
    """Draw cases of a cell and check each. The same base seed and cell give the same cases.

    Raises:
        Whatever `check` raises, on the simplest case that makes it.
    """

    @seed(zlib.crc32(f"{base_seed}:{cell}".encode()))
    @settings(phases=[Phase.generate, Phase.shrink], report_multiple_bugs=False)
    @given(cell.loss.cases(cell.format, cell.reduction))
    def conforms(case: Case) -> None:
        check(case)

    conforms()


def all_cells(losses: list[Loss], formats: list[str], devices: list[str]) -> list[Cell]:
    """Every cell of the given axes, in a stable order."""
    return [
        Cell(loss, reduction, FORMATS[name], device)
        for loss in losses
        for reduction in loss.reductions
        for name in formats
        for device in devices
    ]
