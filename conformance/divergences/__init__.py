"""What torch is known to do otherwise than documented: one record each, as narrow as the defect.

An example that a record covers counts as known and does not fail. Each record has a witness, a fixed
call with what torch gives; `test_divergences` fails when a torch gives something else.
"""

from __future__ import annotations

import numpy as np

from reference import Array

from ..invalid import Invalid, Promotion
from ..mismatch import BITS_DIFFER, Mismatch
from . import of_gradients, of_invalid_calls, of_second_derivatives, of_values, of_ways, on_cuda
from .checking import covered_by
from .file import read_records
from .record import Divergence

__all__ = ["DIVERGENCES", "IN_FORCE", "Divergence", "covering", "on_record", "read_records"]

DIVERGENCES: tuple[Divergence, ...] = (
    of_values.DIVERGENCES
    + of_gradients.DIVERGENCES
    + of_second_derivatives.DIVERGENCES
    + of_invalid_calls.DIVERGENCES
    + of_ways.DIVERGENCES
    + on_cuda.DIVERGENCES
)
# The records that count in this session: those of torch, unless the command line says otherwise.
IN_FORCE = list(DIVERGENCES)


@np.errstate(all="ignore")  # predicates compute with the ends of the range
def covering(mismatch: Mismatch) -> tuple[Divergence, bool | Array] | None:
    """The record that covers a mismatch, and of which elements it does; None where it is new."""
    for record in IN_FORCE:
        of = record.of == mismatch.of or (record.of == "way" and mismatch.way in record.ways)
        same = record.current and record.loss == mismatch.loss.name and of
        same = same and record.concerns(mismatch.device)
        # What is wrong with numbers explains nothing else: no lost dtype, no exception.
        # Memory that holds the right number by chance is told by the next call, whose bits differ.
        by_chance = record.kind == "uninitialised" and mismatch.problem.startswith(BITS_DIFFER)
        numbers = mismatch.observed is not None or by_chance
        same = same and (numbers or record.kind in ("error", "convention", "contract", "race"))
        if same and mismatch.case.format.name in record.formats:
            covered = covered_by(record, mismatch)
            if isinstance(covered, bool):
                hit = covered
            else:  # elements count only where it is numbers that are wrong
                hit = mismatch.worst is not None and bool(covered[mismatch.worst.index])
            if hit:
                return record, covered
    return None


def on_record(row: Invalid | Promotion, device: str, way: str | None = None) -> Divergence | None:
    """The record of a call that torch accepts on a device, plain or in a way; None where that is new."""
    for record in IN_FORCE:
        of = record.of == "invalid call" and (way in record.ways if way else not record.ways)
        concerned = record.loss == row.loss and record.current and record.concerns(device) and of
        if concerned and np.all(covered_by(record, row)):
            return record
    return None
