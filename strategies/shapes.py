"""Shapes: tables of what users pass, and where kernels go wrong.

Each strategy is one draw from a table that begins with the simplest shape, so it shrinks to that.
"""

from __future__ import annotations

from functools import cache
from typing import TypeAlias

from hypothesis import strategies as st

Shape: TypeAlias = tuple[int, ...]

# Around the widths of vector registers (4 to 64 elements) and their multiples, where a kernel's
# vectorized body ends and its scalar tail begins.
TAILS = (7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65)

ELEMENTWISE: tuple[Shape, ...] = (
    (1,), (), (2,), (3,), (2, 2), (0,), (5,), (2, 3), (3, 1), (1, 1), (0, 3), (2, 0), (2, 3, 2),
    (4, 5), (1, 2, 1, 3), *((n,) for n in TAILS * 3), (2, 17), (33, 2), (3, 3, 9), (70, 3), (130,), (257,),
    (2, 0, 3), (), (), (1,),
)  # fmt: skip

# Pairs that broadcast against each other; the common shape is that of neither, either or both.
BROADCAST: tuple[tuple[Shape, Shape], ...] = (
    ((2,), ()), ((), (2,)), ((2, 3), (3,)), ((3,), (2, 3)), ((2, 1), (1, 3)), ((2, 3), (2, 1)),
    ((1,), (9,)), ((0, 3), (3,)), ((4, 1, 2), (3, 1)),
    ((3, 1), (1, 4)),
)  # fmt: skip

BATCHES = (1, 2, 3, 0, 4, 5, 9, 17, 33, 65, 70)
CLASSES = (2, 1, 3, 4, 5, *TAILS)
POSITIONS: tuple[Shape, ...] = ((), (), (), (1,), (2,), (2, 3), (9,), (0,), (1, 2, 2))
OR_UNBATCHED = st.sampled_from((*BATCHES, None, None))
WITH_POSITIONS, WITHOUT = st.sampled_from(POSITIONS), st.just(())


@cache
def elementwise() -> st.SearchStrategy[Shape]:
    """Shapes of losses that take any shape: 0-d, empty, and vector tails among them. Shrinks to (1,)."""
    return st.sampled_from(ELEMENTWISE)


@cache
def pairs() -> st.SearchStrategy[tuple[Shape, Shape]]:
    """Two shapes, mostly equal, at times only broadcastable. Shrinks to (1,) twice."""
    return st.sampled_from([(shape, shape) for shape in ELEMENTWISE] + list(BROADCAST))


@cache
def class_counts(samples: int) -> st.SearchStrategy[int]:
    """Numbers of classes for that many samples; few where these are many. Shrinks to 2."""
    # Beyond 8 KiB in all, Hypothesis gives a case up; probabilities take as much as the logits.
    return st.sampled_from([classes for classes in CLASSES if samples * classes <= 1500])


@cache
@st.composite
def classified(draw: st.DrawFn, *, positions: bool = True) -> tuple[Shape, int]:
    """Shapes with a class axis, and which axis it is: (C), (N, C) or, with `positions`, (N, C, d_1, ...).

    Shrinks to (1, 2).
    """
    batch = draw(OR_UNBATCHED)
    classes = draw(class_counts(batch or 1))
    rest = draw(WITH_POSITIONS if positions else WITHOUT)
    if batch is None:
        return (classes,), 0
    return (batch, classes, *(rest if batch * classes <= 80 else ())), 1


@cache
def vectors(*more: Shape) -> st.SearchStrategy[Shape]:
    """Shapes (D) and (N, D) of embeddings, and `more`. Shrinks to (1,)."""
    sizes = ((1,), (2,), (3,), (8,), (17,), (65,))
    batches = ((1, 2), (2, 1), (2, 3), (0, 3), (0, 1), (3, 8), (5, 9), (4, 33), (17, 4), (66, 2))
    tails = ((3, 7), (2, 15), (1, 16), (3, 31), (2, 32), (1, 63), (2, 64))
    return st.sampled_from(sizes + batches + tails + tails + more)
