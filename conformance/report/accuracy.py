"""How accurate the conforming results of a run were, gathered by loss."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest

from .record import CellResult


@dataclass(frozen=True)
class Accuracy:
    """How far off the conforming results of a loss were, of a property in a dtype.

    Attributes:
        of: the property.
        dtype: of the results.
        worst: the largest error, in units of the allowed error.
        ulp: likewise, in ulps.
        where: the call with the largest error in ulps, and the element.
        ulps: how many elements were how far off, see `conformance.report.record.Cell`.
    """

    of: str
    dtype: str
    worst: float
    ulp: float
    where: str
    ulps: list[int]


def accuracy(cells: Sequence[CellResult], order: Sequence[str]) -> dict[str, list[Accuracy]]:
    """How accurate each loss was, where errors were measured, by property and dtype.

    Args:
        cells: of a run.
        order: of the properties; any other comes last.
    """
    measured: defaultdict[tuple[str, str, str], list[CellResult]] = defaultdict(list)
    for cell in cells:
        if cell.loss and cell.dtype and (cell.worst or any(cell.ulps)):
            measured[cell.loss, cell.of, cell.dtype].append(cell)
    found: defaultdict[str, list[Accuracy]] = defaultdict(list)
    for (loss, of, dtype), group in measured.items():
        farthest = max(group, key=lambda cell: cell.ulp)
        worst = max(cell.worst for cell in group)
        found[loss].append(Accuracy(of, dtype, worst, farthest.ulp, farthest.where, histogram(group)))
    for rows in found.values():
        rows.sort(key=lambda row: order.index(row.of) if row.of in order else len(order))
    return dict(found)


def histogram(cells: Sequence[CellResult]) -> list[int]:
    """How many elements of cells were how far off, see `conformance.report.record.Cell`."""
    return [sum(counts) for counts in zip_longest(*(cell.ulps for cell in cells), fillvalue=0)]


def bars(counts: Sequence[int], height: int, width: int) -> str:
    """A histogram as the path of an SVG, each bar as high as the logarithm of its count.

    Args:
        counts: of the bins, of which one at least has something.
        height: of the highest bar.
        width: of a bar and the gap after it.
    """
    top = math.log1p(max(counts))
    shares = ((i, math.log1p(count) / top) for i, count in enumerate(counts) if count)
    return "".join(
        f"M{i * width} {height}v{-max(1, round(s * height))}h{width - 1}V{height}z" for i, s in shares
    )
