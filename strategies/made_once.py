"""Strategies that are made once: to make one takes longer than to draw from it."""

from __future__ import annotations

from functools import cache
from typing import Any

from hypothesis import strategies as st

FLAG = st.booleans()


@cache
def up_to(most: int) -> st.SearchStrategy[int]:
    """Integers from 0 to `most`. Shrinks to 0."""
    return st.integers(0, most)


@cache
def sampled(values: tuple[Any, ...]) -> st.SearchStrategy[Any]:
    """One of some shapes, integers or words. Shrinks to the first."""
    return st.sampled_from(values)
