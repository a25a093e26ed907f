"""Weights: mostly non-negative, with zeros, ones and equal ones frequent, and at times of both signs."""

from __future__ import annotations

from functools import cache

import numpy as np
from hypothesis import strategies as st

from reference import Array, Format

from .shapes import Shape
from .values import choices, non_negatives, reals


@cache
def weights(format: Format, shape: Shape) -> st.SearchStrategy[Array]:
    """Arrays of weights. Shrinks to ones.

    Nothing documents that a weight is positive. A mean that divides by the sum of weights may divide by a
    negative number, by what is left where they cancel, or by 0.
    """
    ones = st.just(np.ones(shape))
    few = choices(shape, [1.0, 0.0, 2.0, 0.5])
    signed = st.one_of(choices(shape, [1.0, -1.0, -2.0, 0.5, 0.0]), reals(format, shape))
    zeros = st.just(np.zeros(shape))
    return st.one_of(ones, few, few, non_negatives(format, shape), zeros, signed)
