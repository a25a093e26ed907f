"""Arguments of other dtypes than one floating-point format: refused by the forward call, or right."""

from __future__ import annotations

from functools import partial

import pytest
from hypothesis import settings
from hypothesis import strategies as st

from strategies import DTYPES, differentiations

from .cells import run_drawn
from .checks.other_dtypes import DtypeCell, check_dtypes
from .tally import Tally

# A cell has all reductions of a loss, and it is the dtypes that matter.
FEWER = 4


def test_other_dtypes(dtype_cell: DtypeCell, tally: Tally, base_seed: int) -> None:
    """The forward call refuses other dtypes, or value and gradients are right and have the right dtypes."""
    cell = dtype_cell
    if cell.obstacle:
        pytest.skip(cell.obstacle)
    cases = st.sampled_from(cell.loss.reductions).flatmap(partial(cell.loss.cases, cell.format))
    drawn = differentiations(DTYPES[cell.dtypes](cases), cell.format)
    examples = max(1, settings().max_examples // FEWER)
    run_drawn(cell, base_seed, lambda example: check_dtypes(cell, example, tally), drawn, examples, tally)
