"""The second derivative of every loss, and its derivative in forward mode, where torch has them."""

from __future__ import annotations

import pytest
from hypothesis import settings

from strategies import differentiations, with_option_types

from .cells import Cell, run_drawn
from .checks.second_derivative import check_second
from .tally import Tally

# Each example is checked twice, by all arguments, and takes the time of several of the others.
FEWER = 2


def test_second_derivative(cell: Cell, tally: Tally, base_seed: int) -> None:
    """Backward through backward, and forward mode, are within the derived bounds."""
    if cell.obstacle_backward:
        pytest.skip(cell.obstacle_backward)
    if not (cell.loss.twice and cell.loss.forward):
        pytest.skip("torch has no second derivative and no forward mode of this loss")
    cases = with_option_types(cell.loss.cases(cell.format, cell.reduction))
    drawn = differentiations(cases, cell.format, twice=True)
    examples = max(1, settings().max_examples // FEWER)
    run_drawn(cell, base_seed, lambda example: check_second(cell, example, tally), drawn, examples, tally)
