"""Shapes: tables of what users pass, and where kernels go wrong.

Each strategy is one draw from a table that begins with the simplest shape, so it shrinks to that.
"""

from __future__ import annotations

from typing import TypeAlias

from hypothesis import strategies as st

Shape: TypeAlias = tuple[int, ...]

# Around the widths of vector registers (4 to 64 elements) and their multiples, where a kernel's
# vectorized body ends and its scalar tail begins.
TAILS = (7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65)

ELEMENTWISE: tuple[Shape, ...] = (
    (1,), (), (2,), (3,), (2, 2), (0,), (5,), (2, 3), (3, 1), (1, 1), (0, 3), (2, 0), (2, 3, 2),
    (4, 5), (1, 2, 1, 3), *((n,) for n in TAILS), (2, 17), (33, 2), (3, 3, 9), (70, 3), (130,), (257,),
)  # fmt: skip

# Pairs that broadcast against each other; the common shape is that of neither, either or both.
BROADCAST: tuple[tuple[Shape, Shape], ...] = (
    ((2,), ()), ((), (2,)), ((2, 3), (3,)), ((3,), (2, 3)), ((2, 1), (1, 3)), ((2, 3), (2, 1)),
    ((1,), (9,)), ((0, 3), (3,)), ((4, 1, 2), (3, 1)),
)  # fmt: skip

BATCHES = (1, 2, 3, 0, 4, 5, 9, 17, 33, 65, 70)
CLASSES = (2, 1, 3, 4, 5, 7, 8, 9, 16, 17, 33)
POSITIONS: tuple[Shape, ...] = ((), (), (), (1,), (2,), (2, 3), (9,), (0,), (1, 2, 2))


def elementwise() -> st.SearchStrategy[Shape]:
    """Shapes of losses that take any shape: 0-d, empty, and vector tails among them. Shrinks to (1,)."""
    return st.sampled_from(ELEMENTWISE)


def pairs() -> st.SearchStrategy[tuple[Shape, Shape]]:
    """Two shapes, mostly equal, at times only broadcastable. Shrinks to (1,) twice."""
    return st.sampled_from([(shape, shape) for shape in ELEMENTWISE] + list(BROADCAST))


@st.composite
def classified(draw: st.DrawFn, *, positions: bool = True) -> tuple[Shape, int]:
    """Shapes with a class axis, and which axis it is: (C), (N, C) or, with `positions`, (N, C, d_1, ...).

    Shrinks to (1, 2).
    """
    batch = draw(st.sampled_from((*BATCHES, None)))
    classes = draw(st.sampled_from(CLASSES))
    if batch is None:
        return (classes,), 0
    rest = draw(st.sampled_from(POSITIONS)) if positions and batch * classes <= 40 else ()
    return (batch, classes, *rest), 1


def vectors() -> st.SearchStrategy[Shape]:
    """Shapes (D) and (N, D) of embeddings. Shrinks to (1,)."""
    sizes = ((1,), (2,), (3,), (8,), (17,), (65,))
    batches = ((1, 2), (2, 1), (2, 3), (0, 3), (3, 8), (5, 9), (4, 33), (17, 4), (66, 2))
    return st.sampled_from(sizes + batches)
