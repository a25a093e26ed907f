"""The value of every loss, in every reduction, format and device, however torch is called."""

from __future__ import annotations

import pytest

from strategies import with_infinities, with_option_types

from .cells import Cell, run_drawn
from .checks.value import check_value
from .tally import Tally


def test_value(cell: Cell, tally: Tally, base_seed: int) -> None:
    """The value is within the derived bound, and nothing else is touched, whichever way is taken."""
    if cell.obstacle:
        pytest.skip(cell.obstacle)
    drawn = with_option_types(with_infinities(cell.loss.cases(cell.format, cell.reduction)))
    run_drawn(cell, base_seed, lambda case: check_value(cell, case, tally), drawn, tally=tally)
