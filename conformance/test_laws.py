"""Laws that relate results of torch to each other; the oracle only says how far each may be off."""

from __future__ import annotations

import pytest
from hypothesis import settings

from strategies import with_infinities

from .cells import run_drawn
from .checks.laws import check_law
from .laws import Instance
from .tally import Tally

# One case makes several calls, so a law gets as many examples as a cell divided by this.
FEWER = 5


# With at least so many examples, a law that no case concerned is a defect of the suite.
ENOUGH = 20


def test_law(instance: Instance, tally: Tally, base_seed: int) -> None:
    """The law holds of what torch computes, within the errors allowed in all the results together."""
    if instance.obstacle:
        pytest.skip(instance.obstacle)
    examples = max(1, settings().max_examples // FEWER)
    cases = with_infinities(instance.loss.cases(instance.format, instance.reduction))
    run_drawn(instance, base_seed, lambda case: check_law(instance, case, tally), cases, examples, tally)
    if not tally.examples:
        tell = pytest.fail if examples >= ENOUGH else pytest.skip
        tell(f"none of {examples} examples is a case of the law")
