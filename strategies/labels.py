"""Labels: class indices, signs, and sets of classes, in the integer types that torch takes for them."""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st

from reference import Array

from .shapes import Shape
from .values import choices

SIGNED = (np.int64, np.int32, np.int16, np.int8)
INTEGERS = (*SIGNED, np.uint8)


@cache
def dtypes(options: tuple[npt.DTypeLike, ...] = INTEGERS) -> st.SearchStrategy[npt.DTypeLike]:
    """Integer dtypes. Shrinks to the first."""
    return st.sampled_from(options)


@cache
def indices(shape: Shape, classes: int, *, extra: tuple[int, ...] = ()) -> st.SearchStrategy[Array]:
    """Arrays of class indices in [0, classes), int64. Shrinks to class 0.

    Args:
        shape: of the array.
        classes: how many there are.
        extra: further labels that occur about every fourth time, such as the ignored one.
    """
    table = list(range(classes))
    often = list(extra) * max(1, classes // 3)
    return choices(shape, np.array(table + often or [0], dtype=np.int64))


@cache
def members(shape: Shape, numbers: tuple[float, ...], *, integers: bool = True) -> st.SearchStrategy[Array]:
    """Arrays of a few numbers, real or, if `integers`, integer as well. Shrinks to the first, real."""
    types = (*[np.float64] * 3, *(SIGNED if integers else ()))
    of_dtype = st.tuples(choices(shape, numbers), dtypes(types))
    return of_dtype.map(lambda drawn: drawn[0].astype(drawn[1]))


def signs(shape: Shape, *, zero: bool = False) -> st.SearchStrategy[Array]:
    """Arrays of 1 and -1 (or, if `zero`, 1 and 0), real or integer. Shrinks to ones, real."""
    return members(shape, (1.0, 0.0) if zero else (1.0, -1.0))


@cache
def label_sets(shape: Shape) -> st.SearchStrategy[Array]:
    """Arrays whose last axis lists classes up to a -1; later ones count for nothing. int64.

    Repeated labels and empty lists are frequent. Shrinks to empty lists.
    """
    classes = shape[-1]
    table = [-1, *range(classes), *range(min(classes, 3))]
    return choices(shape, np.array(table, dtype=np.int64))
