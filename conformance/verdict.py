"""What becomes of a mismatch: it is on record, or the test fails."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from reference import Array, Tracked

from .bounds import Worst, judge, ratios
from .divergences import covering
from .mismatch import Mismatch
from .tally import Tally


def excuse(mismatch: Mismatch, tally: Tally) -> bool | Array:
    """Count a mismatch as known if a divergence on record covers it.

    Returns:
        Which elements the record is about; True for all.

    Raises:
        pytest.fail.Exception: no record covers it. The mismatch's explanation stands in place of a traceback.
    """
    __tracebackhide__ = True
    found = covering(mismatch)
    if found is None:
        # Not what torch raised, if it did, which the explanation tells.
        raise pytest.fail.Exception(mismatch.explain(), pytrace=False) from None
    record, elements = found
    tally.meet(record.name(mismatch.loss.name))
    return elements


def check_numbers(
    got: Array,
    truth: Tracked,
    tell: Callable[[Worst], Mismatch],
    tally: Tally,
    settled: Array | bool = False,
) -> None:
    """Check numbers element by element, past those that are known to diverge.

    Args:
        got: torch's numbers, the shape of `truth`.
        truth: the oracle's.
        tell: makes a mismatch of the element that is farthest off.
        tally: where known divergences and the worst error / bound are counted.
        settled: elements that are not judged, but whose bits are noted.

    Raises:
        pytest.fail.Exception: an element is outside its bound and no divergence on record covers it.
    """
    __tracebackhide__ = True
    known: Array | bool = False
    worst = judge(got, truth, settled)
    wrong = True if worst.conforms else ratios(got, truth, settled) > 1
    while not worst.conforms:
        known = known | (excuse(tell(worst), tally) & wrong)  # what is right needs no excuse
        worst = judge(got, truth, settled | known)
    note(worst, got, truth, tell, tally, known, settled)


def note(
    worst: Worst,
    got: Array,
    truth: Tracked,
    tell: Callable[[Worst], Mismatch],
    tally: Tally,
    known: Array | bool = False,
    settled: Array | bool = False,
) -> None:
    """Have a tally note numbers that conform: how far off they are, and their bits.

    Args:
        worst: the element that is farthest off.
        got: torch's numbers, the shape of `truth`.
        truth: the oracle's.
        tell: makes a mismatch of an element.
        tally: notes them.
        known: elements that are known to diverge.
        settled: elements that were not judged.
    """
    tally.measure(worst.ratio)
    tally.note_bits(got)
    tally.note_errors(got, truth, known | settled, lambda index: tell(replace(worst, index=index)).place())
