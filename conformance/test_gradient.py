"""The gradient of every loss by every argument that torch differentiates by, for any upstream gradient."""

from __future__ import annotations

import pytest

from strategies import differentiations, with_infinities, with_option_types

from .cells import Cell, run_drawn
from .checks.gradient import check_gradient
from .tally import Tally


def test_gradient(cell: Cell, tally: Tally, base_seed: int) -> None:
    """The gradient is within the derived bound, goes where it is wanted, and touches nothing else."""
    if cell.obstacle_backward:
        pytest.skip(cell.obstacle_backward)
    cases = with_option_types(with_infinities(cell.loss.cases(cell.format, cell.reduction)))
    drawn = differentiations(cases, cell.format)
    run_drawn(cell, base_seed, lambda example: check_gradient(cell, example, tally), drawn, tally=tally)
