"""What becomes of a mismatch: it is on record, or the test fails."""

from __future__ import annotations

import pytest

from reference import Array

from .cells import Tally
from .divergences import covering
from .mismatch import Mismatch


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
        pytest.fail(mismatch.explain(), pytrace=False)
    record, elements = found
    tally.known[record.id] = tally.known.get(record.id, 0) + 1
    return elements
