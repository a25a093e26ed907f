"""How far rounding may take a sum off, in whatever order its terms are added.

There are three answers, and the smallest that holds counts:

- A sum is *exact* if all terms are known without error and are multiples of a power of 2 in whose units every
  partial sum fits the digits of the accumulator.
- In the *worst case* n terms are off by n - 1 unit roundoffs u of the sum of their sizes, however large n is:
  C.-P. Jeannerod and S. Rump, Improved error bounds for floating-point products and sums (2013). From
  n u = 1 on that is more than the sum itself.
- Of many terms the roundings *in all likelihood* partly cancel: N. Higham and T. Mary, A new approach to
  probabilistic rounding error analysis, SIAM J. Sci. Comput. 41(5), 2019. They are taken as independent, but
  not as of mean zero: see `probable`. Where they may come to a large part of the sum, as where it
  stagnates, only the worst case is claimed.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from .dispatch import Array
from .formats import FORMATS, Format

# From how many terms on likelihood is asked: of fewer it gains little.
MANY = 2**10
# A sum exceeds its probable bound with a probability of at most 2 exp(-DEVIATIONS^2 / 2), 5.2e-18: one of the
# 10^8 sums of a long run with 5.2e-10.
DEVIATIONS = 9.0
# In as many stretches of consecutive terms roundings may have means of their own.
STRETCHES = 16
# The largest part of the sum of sizes that a probable bound may be. Partial sums may be that much larger.
PART = 1 / 64


def rounding(value: Array, error: Array, sizes: Array, axis: Any, format: Format) -> Array:
    """Bound on the error that the additions of a sum make.

    Args:
        value: the terms, any shape.
        error: what each of them may be off by already.
        sizes: the sums of their sizes, errors included.
        axis: along which they are added, as in `np.sum`.
        format: of the terms; they are added in its accumulator.

    Returns:
        The shape of `sizes`.
    """
    terms = np.reshape(np.count_nonzero((value != 0) | (error != 0), axis=axis), np.shape(sizes))
    bound = worst_case(terms, sizes, format)
    many = np.max(terms, initial=0) >= MANY
    if not np.any(bound) or not (many or not np.any(error)):
        return bound
    axes = range(value.ndim) if axis is None else normalize_axis_tuple(axis, value.ndim)
    rows, errors = (_in_rows(array, tuple(axes)) for array in (value, error))
    bound = np.where(_is_exact(rows, errors, np.ravel(sizes), format), 0, np.ravel(bound))
    if many and np.any(bound):
        bound = np.minimum(bound, probable(rows, errors, format))
    return np.reshape(bound, np.shape(sizes))


def worst_case(terms: Array, sizes: Array, format: Format) -> Array:
    """The error of numbers of terms, other than 0, with given sums of sizes; at most one term is exact."""
    return np.where(terms > 1, (terms - 1) * format.sum_roundoff * sizes, 0)


def _in_rows(array: Array, axes: tuple[int, ...]) -> Array:
    """Make rows of what is added."""
    rest = [axis for axis in range(array.ndim) if axis not in axes]
    count = math.prod(array.shape[axis] for axis in axes)
    return np.transpose(array, (*rest, *axes)).reshape(-1, count)


def _is_exact(rows: Array, errors: Array, sizes: Array, format: Format) -> Array:
    mantissa, exponent = np.frexp(sizes)
    spacing = exponent - (mantissa == 0.5) - FORMATS[format.accumulator].digits
    units = np.ldexp(rows, -spacing[:, None])
    return np.asarray(np.all((units == np.rint(units)) & (errors == 0), axis=1))


def probable(rows: Array, errors: Array, format: Format) -> Array:
    """Bound on the error of the sums of many terms that holds in all likelihood; inf where none is claimed.

    While partial sums have a spacing q, a term x moves them by x rounded to a multiple of q. What x loses is
    known: all of it if x is below q / 2, and always the same if terms are equal. These losses are added up,
    each stretch of the terms by itself, at the largest of all spacings that partial sums may have by then.
    Around this mean, m roundings within q / 2 are taken as independent: by Hoeffding's inequality they come
    to at most DEVIATIONS sqrt(m) q / 2.

    This holds for terms added one by one in their order, in reverse, or in any order that has nothing to do
    with their sizes, and for blocks and pairs of them, whose partial sums are smaller.

    Args:
        rows: (sums, terms).
        errors: what each term may be off by already.
        format: of the terms; they are added in its accumulator.
    """
    form = FORMATS[format.accumulator]
    stretches = np.arange(STRETCHES) * rows.shape[1] // STRETCHES

    def added(terms: Array) -> Array:
        return np.asarray(np.add.reduceat(terms, stretches, axis=1, dtype=np.float64))

    size = np.abs(rows) + errors
    counts, sizes = added(size > 0), np.add.reduceat(size, stretches, axis=1)
    grown = np.stack([np.cumsum(sizes, axis=1), np.cumsum(sizes[:, ::-1], axis=1)[:, ::-1]])
    _, exponents = np.frexp(grown * (1 + PART))
    top = np.max(exponents, axis=(0, 2))

    # In units of the largest spacing.
    units, doubt = (
        np.ldexp(array, form.digits - top[:, None]).astype(np.float64) for array in (rows, errors)
    )
    lost: list[Array] = []
    finest = math.ceil(math.log2(rows.shape[1]) / 2) + 1
    for level in range(finest):
        part = units - np.rint(units)
        undecided = np.abs(part) >= 0.5 - doubt
        part[undecided] = 0
        lost.append(np.ldexp(np.abs(added(part)) + added(undecided) / 2, -level))
        units *= 2
        doubt *= 2
    lost.append(np.ldexp(counts / 2, -finest))
    largest = np.maximum.accumulate(lost[::-1])[::-1]  # at any spacing up to one

    levels = top[:, None] - exponents
    mean = np.take_along_axis(largest, np.minimum(levels, finest).reshape(-1, *counts.shape), axis=0).sum(
        axis=2
    )
    spread = DEVIATIONS / 2 * np.sqrt(np.sum(counts * np.ldexp(1.0, -2 * levels), axis=2))
    bound = np.ldexp(np.max(mean + spread, axis=0).astype(rows.dtype), top - form.digits)
    return np.where(bound <= PART * grown[0, :, -1], bound, np.inf)


def is_sum(value: Array, error: Array, a: Array, b: Array) -> Array | bool:
    """Where a value is exactly the sum of two numbers without error; False if they are few, for speed."""
    if value.size < MANY:
        return False
    return np.asarray((error == 0) & (value - a == b) & (value - b == a))


def is_product(value: Array, error: Array, a: Array, b: Array, format: Format) -> Array | bool:
    """Where a value is exactly the product of two numbers of a format; False if they are few, for speed."""
    if value.size < MANY:
        return False
    exact = np.asarray(error == 0)
    if format.name == "float64":  # the wide type has room for the digits of these, not of all
        exact &= FORMATS["float32"].has(a) & FORMATS["float32"].has(b)
    return exact
