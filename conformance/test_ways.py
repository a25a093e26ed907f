"""Every way of running torch gives what the plain call gives, or what the oracle allows."""

from __future__ import annotations

import pytest
import torch
from hypothesis import settings
from hypothesis import strategies as st

from strategies import (
    differentiations,
    with_infinities,
    with_option_types,
)

from .cells import run_drawn
from .checks.ways import check_way
from .tally import Tally
from .ways import Passage


def test_way(passage: Passage, tally: Tally, base_seed: int) -> None:
    """Results and gradients are those of the plain call, or within the bound; errors are the same."""
    reason = passage.obstacle or passage.way.obstacle()
    if reason:
        pytest.skip(reason)
    loss, form = passage.loss, passage.format
    for place in (loss.name, f"{loss.name} on {torch.device(passage.device).type}"):
        if place in passage.way.undefined:
            pytest.skip(passage.way.undefined[place])
    cases = st.sampled_from(loss.reductions).flatmap(lambda reduction: loss.cases(form, reduction))
    examples = max(1, settings().max_examples // passage.way.divisor)
    drawn = differentiations(with_option_types(with_infinities(cases)), form)
    backward = passage.way.differentiates and passage.obstacle_backward is None
    run_drawn(passage, base_seed, lambda e: check_way(passage, e, tally, backward), drawn, examples, tally)
    if not tally.examples:
        pytest.skip(f"{passage.way} makes no difference to any of {examples} examples")
