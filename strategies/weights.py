"""Weights: non-negative, with zeros, ones and equal ones frequent."""

from __future__ import annotations

from functools import cache

import numpy as np
from hypothesis import strategies as st

from reference import Array, Format

from .shapes import Shape
from .values import choices, non_negatives


@cache
def weights(format: Format, shape: Shape) -> st.SearchStrategy[Array]:
    """Arrays of weights. Shrinks to ones."""
    ones = st.just(np.ones(shape))
    few = choices(shape, [1.0, 0.0, 2.0, 0.5])
    zeros = st.just(np.zeros(shape))
    return st.one_of(ones, few, few, non_negatives(format, shape), zeros)
