"""Checks cases of the sizes that people train with, and finds the smallest size that fails."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pytest

from reference import FORMATS
from strategies import Differentiation
from strategies.case import PERIOD
from strategies.sizes import AXES, Sized, axes_of, sized

from .. import journal
from ..cells import Cell
from ..losses import Loss
from ..tally import Tally
from .gradient import check_gradient

# Seconds for finding the smallest size that fails.
SECONDS = 60
# In formats other than this one, every other size is tested, up to a length that keeps the run short.
USUAL = "float32"
LONGEST = 70_000
ONES = np.ones(1)


@dataclass(frozen=True)
class SizeCell(Cell):
    """A loss along an axis that is long; as a string, the coordinates in a test's id."""

    axis: str

    def __str__(self) -> str:
        return f"{self.loss.name}-{self.axis}-{self.format.name}-{self.device}"


def size_cells(losses: list[Loss], formats: list[str], devices: list[str]) -> list[SizeCell]:
    """Every axis along which each loss can be long, in a stable order; reductions take turns."""
    return [
        SizeCell(loss, "mean", FORMATS[name], device, axis)
        for loss in losses
        for axis in axes_of(loss.name)
        for name in formats
        for device in devices
    ]


def planned(cell: SizeCell, base_seed: int, more: int = 0) -> Iterator[tuple[Sized, str]]:
    """What is tested in a cell, each with a reduction; the largest last.

    Args:
        cell: its axis gives the sizes.
        base_seed: chooses the numbers.
        more: how many cases of other sizes follow, as an audit has them.
    """
    axis, reductions = AXES[cell.axis], cell.loss.reductions
    turn = list(FORMATS).index(cell.format.name)
    seed = 100 * base_seed + turn
    sizes = axis.sizes
    if cell.format.name != USUAL:
        sizes = tuple(size for size in sizes if size <= LONGEST)[::-2][::-1]
    rng = np.random.default_rng(seed)
    others = tuple(int(size) for size in np.exp(rng.uniform(4, np.log(axis.sizes[-1]), more)))
    for i, case in enumerate(sized(cell.loss.name, cell.axis, seed, sizes)):
        yield case, reductions[(i + turn) % len(reductions)]
    for i, case in enumerate(sized(cell.loss.name, cell.axis, seed + len(sizes), others)):
        yield case, reductions[i % len(reductions)]


def check_size(cell: SizeCell, case: Sized, reduction: str, tally: Tally) -> None:
    """Check the value and the gradients of a case. A failure reports the smallest size that fails.

    Raises:
        pytest.fail.Exception: torch differs from the oracle, and no record explains it.
    """
    __tracebackhide__ = True

    def check(size: int, count: Tally) -> None:
        __tracebackhide__ = True
        called = case.resized(size).case(cell.format, reduction)
        # Ones are what most training passes; numbers that repeat show whether each is read where it is.
        upstream = ONES if reduction != "none" else np.resize([1.0, -0.5, 2.0], PERIOD)
        example = Differentiation(called, upstream, ONES, 0)
        journal.check_drawn(lambda e: check_gradient(cell, e, count, with_value=True), example)

    with tally.counting():
        failed = _failure(lambda: check(case.size, tally))
        if failed:
            found = _smallest(lambda size: _failure(lambda: check(size, Tally())), case.size, failed)
            passes, size, told = found
            conforms = f", and conforms at {passes:,}" if passes else ""
            where = f"{cell.loss.name} fails at {size:,} {cell.axis}{conforms}."
            raise pytest.fail.Exception(f"{told}\n\n{where}", pytrace=False) from None
    tally.finish_example()


def _failure(check: Callable[[], None]) -> str:
    """How a check fails; empty if it passes."""
    try:
        check()
    except pytest.fail.Exception as failed:
        return str(failed)
    return ""


def _smallest(failure: Callable[[int], str], size: int, told: str) -> tuple[int, int, str]:
    """Bisect for the smallest size that fails, for `SECONDS` at most.

    Args:
        failure: how a size fails; empty if it passes.
        size: one that fails.
        told: how it does.

    Returns:
        The largest size that was seen to pass, or 0; the smallest one that was seen to fail; how it does.
    """
    passes, until = 0, time.monotonic() + SECONDS
    while size - passes > 1 and time.monotonic() < until:
        middle = (passes + size) // 2
        found = failure(middle)
        if found:
            size, told = middle, found
        else:
            passes = middle
    return passes, size, told
