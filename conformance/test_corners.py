"""The corner catalogue: what holds at the edges of each loss, its value and its gradient."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch

from strategies import Differentiation

from . import journal
from .checks.gradient import check_gradient
from .checks.value import check_value
from .corners import Place
from .tally import Tally


@pytest.fixture(autouse=True)
def _memory_filled_with_nan() -> Iterator[None]:
    """What a loss reads and nobody wrote is nan, not whatever memory happens to hold."""
    torch.set_deterministic_debug_mode("warn")  # use_deterministic_algorithms would import torch's compilers
    yield
    torch.set_deterministic_debug_mode("default")


def test_corner(place: Place, tally: Tally) -> None:
    """Torch gives what the convention says, in every way, and the gradient that belongs to it."""
    if place.obstacle:
        pytest.skip(place.obstacle)
    case, ones = place.corner.case(place.format), np.ones(1)
    differentiation = Differentiation(case, ones, ones, 0)
    journal.note(case)
    with tally.counting():
        check_value(place, case, tally)
    if not place.obstacle_backward and place.loss.variables(case):
        journal.note(differentiation)
        with tally.counting():
            check_gradient(place, differentiation, tally, defined_everywhere=False)
    tally.finish_example()
    tally.skip_if_untested()
