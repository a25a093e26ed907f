"""Value and gradients at the sizes that people train with."""

from __future__ import annotations

import pytest
from hypothesis import settings

from .checks.sizes import SizeCell, check_size, planned
from .options import EXAMPLES
from .tally import Tally


def test_size(size_cell: SizeCell, tally: Tally, base_seed: int) -> None:
    """Value and gradients are within the derived bound at every size of an axis."""
    if size_cell.obstacle_backward:
        pytest.skip(size_cell.obstacle_backward)
    # An audit meets more sizes; fewer examples leave those that are always tested.
    more = max(0, settings().max_examples // EXAMPLES["dev"] - 1)
    for case, reduction in planned(size_cell, base_seed, more):
        check_size(size_cell, case, reduction, tally)
    tally.skip_if_untested()
