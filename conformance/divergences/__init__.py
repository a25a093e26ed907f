"""What torch is known to do otherwise than documented: one record each, of what torch gives instead.

Numbers that a record explains count as known and do not fail. Each record has witnesses, fixed calls with
what torch gives; `test_divergences` fails when a torch gives something else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from reference import Array

from ..invalid import Invalid, Promotion
from ..mismatch import Mismatch
from ..session import session
from . import (
    binary,
    classification,
    distribution,
    embedding,
    every_loss,
    invalid_calls,
    invalid_calls_by_way,
    linear_cross_entropy,
    on_cuda,
    options,
    regression,
    sequence,
    several_dtypes,
    zero_times_infinity,
)
from .checking import explained_by
from .divergence import Divergence
from .file import read_records
from .outcomes import Accepts

if TYPE_CHECKING:
    from ..disposable import Outcome

__all__ = ["DIVERGENCES", "Divergence", "covering", "in_force", "on_record", "read_records"]

# The first that explains a number is the one that counts, so what many numbers follow from comes last.
DIVERGENCES: tuple[Divergence, ...] = (
    on_cuda.DIVERGENCES
    + several_dtypes.DIVERGENCES
    + regression.DIVERGENCES
    + classification.DIVERGENCES
    + linear_cross_entropy.DIVERGENCES
    + binary.DIVERGENCES
    + distribution.DIVERGENCES
    + embedding.DIVERGENCES
    + sequence.DIVERGENCES
    + options.DIVERGENCES
    + invalid_calls.DIVERGENCES
    + invalid_calls_by_way.DIVERGENCES
    + zero_times_infinity.DIVERGENCES
    + every_loss.DIVERGENCES
)


def in_force() -> tuple[Divergence, ...]:
    """The records that count in this session: those of torch, unless the command line says otherwise."""
    return DIVERGENCES if session.records is None else session.records


@np.errstate(all="ignore")  # formulas are evaluated at the ends of the range
def covering(mismatch: Mismatch) -> tuple[Divergence, bool | Array] | None:
    """The record that explains a mismatch, and which of its elements; None where it is new."""
    for record in in_force():
        if not _concerns(record, mismatch):
            continue
        explained = explained_by(record, mismatch)
        if mismatch.observed is not None and mismatch.worst is not None:
            hit = bool(np.broadcast_to(explained, mismatch.observed.shape)[mismatch.worst.index])
        else:
            hit = bool(np.all(explained))
        if hit:
            return record, explained
    return None


def _concerns(record: Divergence, mismatch: Mismatch) -> bool:
    """Whether a record is about such a call at all."""
    of = mismatch.way in record.ways if record.ways else mismatch.of in record.of
    here = record.current and mismatch.loss.name in record.losses and record.concerns(mismatch.device)
    return of and here and mismatch.case.format.name in record.formats


def on_record(
    row: Invalid | Promotion, device: str, way: str | None = None, outcome: Outcome | None = None
) -> Divergence | None:
    """The record of an invalid call that torch accepts on a device, plain or in a way.

    Args:
        row: the call.
        device: where it is made.
        way: how, if not plainly.
        outcome: what came of it, which must be what the record says; None: whatever comes of it.

    Returns:
        None where what torch does is new.
    """
    for record in in_force():
        of = "invalid call" in record.of and (way in record.ways if way else not record.ways)
        if not (of and record.current and record.concerns(device) and isinstance(record.instead, Accepts)):
            continue
        if record.instead.names(row, way, outcome):
            return record
    return None
