"""What people ask of a record first, in figures: of each loss, of each property, of each way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from reference import FORMATS

from ..losses import LOSSES
from .record import CellResult, Record

# What a table calls the tests that are about no single loss.
NO_LOSS = "no single loss"


@dataclass
class Row:
    """A line of the table of losses.

    Attributes:
        outcomes: how many cells have which.
        worst: the largest error, in units of the allowed error, by dtype.
        examples: that ran to a verdict.
    """

    outcomes: Counter[str] = field(default_factory=Counter)
    worst: dict[str, float] = field(default_factory=dict)
    examples: int = 0

    def add(self, cell: CellResult) -> None:
        """Count a cell."""
        self.outcomes[cell.outcome] += 1
        self.examples += cell.examples
        if cell.examples and cell.dtype:
            self.worst[cell.dtype] = max(self.worst.get(cell.dtype, 0.0), cell.worst)


def present(record: Record) -> list[CellResult]:
    """The cells that are not on an absent device."""
    return [cell for cell in record.cells if not record.devices.get(cell.device)]


def by_loss(record: Record) -> dict[str, Row]:
    """The table that a busy person reads: a row for each loss, and one for the tests of no single loss."""
    rows = _gathered((cell.loss or NO_LOSS, cell) for cell in present(record))
    last = rows.pop(NO_LOSS, None)
    return {name: rows[name] for name in [*LOSSES, *rows] if name in rows} | ({NO_LOSS: last} if last else {})


def by_property(record: Record) -> dict[str, Row]:
    """What was tested with drawn examples: a row for each property."""
    return _gathered((cell.of, cell) for cell in present(record) if cell.examples and not cell.way)


def by_way(record: Record) -> dict[str, Row]:
    """What was tested of ways of running torch: a row for each way."""
    return _gathered((cell.way, cell) for cell in present(record) if cell.examples and cell.way)


def _gathered(named: Iterable[tuple[str, CellResult]]) -> dict[str, Row]:
    rows: dict[str, Row] = {}
    for name, cell in named:
        rows.setdefault(name, Row()).add(cell)
    return rows


def known(record: Record) -> Counter[str]:
    """How many examples each divergence on record covered."""
    counts: Counter[str] = Counter()
    for cell in record.cells:
        counts.update(cell.known)
    return counts


def untested(record: Record) -> Counter[tuple[str, str]]:
    """How many examples were not tested, by loss and reason."""
    counts: Counter[tuple[str, str]] = Counter()
    for cell in record.cells:
        counts.update({(cell.loss, reason): n for reason, n in cell.untested.items()})
    return counts


def counted(number: int, singular: str, plural: str) -> str:
    """A number with its noun."""
    return f"{number:,} {singular if number == 1 else plural}"


def crashes_of(cells: Collection[CellResult]) -> str:
    """How many cells crashed, such as "2 cells crashed"; empty if none did."""
    crashed = sum(cell.outcome == "crashed" for cell in cells)
    return f"{counted(crashed, 'cell', 'cells')} crashed" if crashed else ""


def shortfall(record: Record) -> str:
    """What a run has, such as "200 of 13,850 cells: it was interrupted"; empty if it has everything."""
    cells = len(record.cells)
    if record.complete and cells and cells >= record.planned:
        return ""
    unjudged = "" if cells < record.planned or not cells else ", not each with a verdict"
    because = record.incomplete_because or (
        "the reason is unknown" if record.planned else "no test was selected"
    )
    return f"{cells:,} of {counted(record.planned, 'cell', 'cells')}{unjudged}: {because}"


def warning(record: Record) -> str:
    """The line that comes before everything else that is said of an incomplete run; empty if it is whole."""
    short = shortfall(record)
    return f"Incomplete: the run has {short}" if short else ""


def verdict(record: Record) -> str:
    """What the run found, in a sentence, after one that says what an incomplete run lacks."""
    return ". ".join(filter(None, [warning(record), found(record)]))


def found(record: Record) -> str:
    """What the run found, in a sentence."""
    here = present(record)
    outcomes = Counter(cell.outcome for cell in here)
    conform, known = outcomes["conforms"] + outcomes["known"], outcomes["known"]
    parts = ["no cell has a verdict"]
    if conform or outcomes["diverges"]:
        conforming = counted(conform, "cell conforms", "cells conform")
        parts = [
            f"{conforming}, {known:,} of them but for known divergences",
            counted(outcomes["diverges"], "diverges", "diverge"),
        ]
    parts += [
        f"{outcomes[name]:,} {name}" for name in ("crashed", "unsupported", "not tested") if outcomes[name]
    ]
    absent = [device for device, why in record.devices.items() if why]
    elsewhere = len(record.cells) - len(here)
    parts += [f"{elsewhere:,} more on {', '.join(absent)}, absent here"] if elsewhere else []
    return "; ".join(parts)


def dtypes(rows: Iterable[Row]) -> list[str]:
    """The formats that any row has figures of."""
    seen = {name for row in rows for name in row.worst}
    return [name for name in FORMATS if name in seen]
