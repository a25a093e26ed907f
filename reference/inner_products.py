"""Products of matrices, without an array of all the products of numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from .derivative import Variable
from .formats import FORMATS
from .partial_results import Reach
from .slopes import innermost
from .sums import worst_case
from .tracked import Tracked, rounded

# From this many products of numbers on, matrix multiplication takes their place.
MANY = 2**20


def inner_products(x: Any, a: Any) -> Any:
    """Sums of x[n, f] a[c, f] over f.

    Args:
        x: shape (N, F).
        a: shape (C, F).

    Returns:
        The shape (N, C).
    """
    plain = all(type(innermost(array)) in (np.ndarray, Tracked) for array in (x, a))
    if plain and x.size * a.shape[0] >= MANY and _within_range(x, a):
        return _multiplied(x, a)
    return np.sum(np.expand_dims(x, 1) * a, axis=-1)


def _within_range(x: Any, a: Any) -> bool:
    """Whether no product, and no partial sum, can be infinite or nan."""
    tracked = [numbers for numbers in map(innermost, (x, a)) if isinstance(numbers, Tracked)]
    if not tracked:
        return bool(np.all(np.isfinite(x)) and np.all(np.isfinite(a)))
    form = tracked[0].format
    largest = np.prod([np.max(_size(innermost(array)), initial=0) for array in (x, a)])
    return bool(2 * largest <= form.max and 2 * x.shape[1] * largest <= FORMATS[form.accumulator].max)


def _size(numbers: Any) -> Any:
    return np.abs(numbers.value) + numbers.error if isinstance(numbers, Tracked) else np.abs(numbers)


def _multiplied(x: Any, a: Any) -> Any:
    if isinstance(x, Variable) or isinstance(a, Variable):
        left, right = (array.value if isinstance(array, Variable) else array for array in (x, a))
        pulls: list[tuple[Variable, Any]] = []
        if isinstance(x, Variable):
            pulls.append((x, lambda c: _multiplied(c, _transposed(right))))
        if isinstance(a, Variable):
            pulls.append((a, lambda c: _multiplied(_transposed(c), _transposed(left))))
        return Variable(_multiplied(left, right), pulls)
    if isinstance(x, Tracked) or isinstance(a, Tracked):
        home: Tracked = x if isinstance(x, Tracked) else a
        return _tracked(home._operand(x), home._operand(a))
    return np.inner(x, a)


def _transposed(a: Any) -> Any:
    if isinstance(a, Variable):
        return Variable(_transposed(a.value), [(a, _transposed)])
    return Tracked.of((array.T for array in a.arrays), a.format) if isinstance(a, Tracked) else a.T


def _tracked(x: Tracked, a: Tracked) -> Tracked:
    """The sums with their bounds: those of all products, and of their sum in any order, taken together."""
    form, terms = x.format, x.shape[1]

    def summed(left: Any, right: Any) -> Any:
        """Sums for a bound, which float64 is wide enough for; they are no less than the exact ones."""
        sums = np.inner(left.astype(np.float64, copy=False), right.astype(np.float64, copy=False))
        sums *= 1 + 2 * terms * np.finfo(np.float64).eps
        return sums

    # Extended precision has no fast routine for rows that do not lie in a piece.
    value = np.inner(np.ascontiguousarray(x.value), np.ascontiguousarray(a.value))
    values, reached = [np.abs(x.value), np.abs(a.value)], [_size(x), _size(a)]
    products = summed(*values)
    error = np.zeros(value.shape)
    # Of |x| e[a] + e[x] (|a| + e[a]) a part is nothing where one of the two is exact.
    for left, right in ((values[0], a.error), (x.error, reached[1])):
        if np.any(left) and np.any(right):
            error += summed(left, right)
    filled = [array > 0 for array in reached]
    count: Any = np.asarray(float(terms))
    if not all(map(np.all, filled)):
        count = np.rint(np.inner(*(array.astype(np.float64) for array in filled)))
    error += form.unit_roundoff * (products + error) + count * form.smallest_subnormal
    error += worst_case(count, products + error, form)
    error = np.where(np.isnan(error), np.inf, error)

    largest = summed(np.maximum(x.reach.largest, 1), np.maximum(a.reach.largest, 1))
    smallest = _outer(np.multiply, np.min, x.reach.smallest, a.reach.smallest, 1)
    reach = Reach(largest, smallest).joined(np.abs(value), error)
    peak = _outer(np.maximum, np.max, x.peak, a.peak, 0)
    peak = np.maximum(peak, _outer(np.multiply, np.max, reached[0], reached[1], 0))
    if form.accumulator == form.name:
        return Tracked(value, np.where(np.isfinite(value), error, 0), peak, reach, form)
    return rounded(value, error, peak, form, underflow=False, reach=reach)


def _outer(joined: np.ufunc, along: Any, x: Any, a: Any, initial: float) -> Any:
    """What the extreme elements of each row of x and of each row of a make together."""
    return joined.outer(along(x, axis=-1, initial=initial), along(a, axis=-1, initial=initial))
