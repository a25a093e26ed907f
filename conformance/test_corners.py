"""The corner catalogue: what holds at the edges of each loss, its value and its gradient."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch

from strategies import Differentiation

from .cells import Cell, Tally
from .corners import Corner
from .test_gradient import check_gradient
from .test_value import check_value


@pytest.fixture(autouse=True)
def _memory_filled_with_nan() -> Iterator[None]:
    """What a loss reads and nobody wrote is nan, not whatever memory happens to hold."""
    torch.use_deterministic_algorithms(True, warn_only=True)
    yield
    torch.use_deterministic_algorithms(False)


def test_corner(corner: Corner, cell: Cell, tally: Tally) -> None:
    """Torch gives what the convention says, in every way, and the gradient that belongs to it."""
    if cell.obstacle:
        pytest.skip(cell.obstacle)
    case, ones = corner.case(cell.format), np.ones(1)
    check_value(cell, case, tally)
    if cell.obstacle_backward or not cell.loss.variables(case):
        return
    check_gradient(cell, Differentiation(case, ones, ones, 0), tally, defined_everywhere=False)
