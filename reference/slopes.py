"""What the chain rule multiplies with: the derivative of each ufunc, and what nothing contributes.

Numbers that follow a computation step by step multiply as torch does: 0 times infinity is nan. For all others
nothing is passed on by a factor that is exactly 0.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .dispatch import Array, Numbers, constant, is_stepwise, number
from .partial_results import Reach
from .stepped import Stepped
from .tracked import Tracked

# Numbers with an error: how far they may be from their value.
INEXACT = (Tracked, Stepped)


def innermost(array: Any) -> Any:
    """The numbers that a variable, or a variable of a variable, holds."""
    while isinstance(array, Numbers) and array.rank > 0:
        array = array.value
    return array


def where_it_contributes(c: Any, derivative: Any) -> Any:
    """The derivative, but 0 where what comes from upstream is: nothing times infinity is nothing here.

    Step by step it is nan.

    Args:
        c: the derivative from upstream, a factor of the other; broadcastable with it.
        derivative: c times something, any shape.
    """
    downstream = innermost(derivative)
    if is_stepwise(downstream):
        return derivative
    finite = np.isfinite(constant(downstream))
    if isinstance(derivative, Tracked):  # of a variable, what is finite is differentiated once more
        finite = finite & np.isfinite(derivative.error)
    if finite.all():
        return derivative
    return np.where(_is_nothing(innermost(c)) & ~finite, _nothing(downstream), derivative)


def _is_nothing(numbers: Any) -> Any:
    """Where numbers are exactly 0."""
    zero = numbers == 0
    return zero & (numbers.error == 0) if isinstance(numbers, INEXACT) else zero


def _nothing(like: Any) -> Any:
    """Exact zeros, which keep that something overflowed, or may have, on the way to other numbers."""
    if not isinstance(like, Tracked):
        return 0.0
    zeros = np.zeros_like(like.value)
    largest = np.where(np.isfinite(like.reach.largest), like.reach.largest, 0)
    return Tracked(zeros, zeros, like.peak, Reach(largest, zeros + 1), like.format)


def _times(c: Any, factor: Any) -> Any:
    """C times a factor; exactly 0 where the factor is and c is finite, however large the error of c."""
    result = c * factor
    if not isinstance(result, Tracked) or not np.isnan(result.error).any():
        return result
    zero = _is_nothing(factor) & np.isfinite(c)
    choices: tuple[Any, Any] = (_nothing(result), result)
    return np.where(zero, *choices)


def _passed(c: Any, slope: Any) -> Any:
    """C times a slope; nothing is passed on to what was not chosen, however large c is."""
    if is_stepwise(slope):
        return np.where(_is_nothing(slope), 0.0, c * slope)
    return where_it_contributes(slope, c * slope)


def one_of(numbers: Any, low: float, high: float, is_low: Array, is_high: Array) -> Any:
    """Either of two numbers, or, where it is open which, the middle with an error that reaches to both."""
    middle = (low + high) / 2
    value = np.where(is_low, low, np.where(is_high, high, middle)).astype(numbers.dtype)
    if not isinstance(numbers, INEXACT):
        return value
    return numbers.around(value, np.where(is_low | is_high, 0, abs(high - low) / 2).astype(numbers.dtype))


def _slope(low: float, high: float, a: Any, b: Any = 0.0) -> Any:
    """The derivative by a of a function of a and b that is `low` where a < b and `high` where a > b."""
    a, b = innermost(a), innermost(b)
    if isinstance(a, INEXACT) or isinstance(b, INEXACT):
        a, b = (a, number(b, a)) if isinstance(a, INEXACT) else (number(a, b), b)
        if isinstance(a, Stepped):
            return one_of(a, low, high, a.most < b.least, a.least > b.most)
        lead, doubt = a.value - b.value, a.error + b.error
        if a.stepwise:  # where nothing is to compare, it is open what a kernel takes
            lead = np.where(np.isnan(lead), 0, lead)
        numbers: Any = a.around(lead, doubt)
    else:
        numbers = lead = a - b
        doubt = np.zeros_like(lead)
    slope = one_of(numbers, low, high, lead < -doubt, lead > doubt)
    unknown = np.isnan(lead)
    return np.where(unknown, np.nan, slope) if unknown.any() else slope


def _root(y: Any) -> Any:
    if is_stepwise(y):
        return y
    return np.where(y == np.inf, np.nan, y)


def _share(a: Any, y: Any) -> Any:
    """The derivative of a length y by one of its parts: a / y, and between -1 and 1 where y may be 0."""
    share = np.where(innermost(y) == 0, 0.0, a / y)
    if not isinstance(share, Tracked):
        return share
    zero = innermost(y).value == 0
    # Wherever the point is, the derivative is no longer than 1.
    error = np.where(zero, 1, np.minimum(np.where(np.isnan(share.error), np.inf, share.error), 2))
    return share.around(share.value, np.where(np.isnan(share.value), 0, error))


# The derivative by each operand, times c, of y = ufunc(a, ...).
DERIVATIVES: dict[np.ufunc, tuple[Callable[..., Any], ...]] = {
    np.add: (lambda c, y, a, b: c, lambda c, y, a, b: c),
    np.subtract: (lambda c, y, a, b: c, lambda c, y, a, b: -c),
    np.multiply: (lambda c, y, a, b: _times(c, b), lambda c, y, a, b: _times(c, a)),
    np.divide: (lambda c, y, a, b: c / b, lambda c, y, a, b: -c * (y / b)),
    np.negative: (lambda c, y, a: -c,),
    np.absolute: (lambda c, y, a: c * _slope(-1, 1, a),),
    # Of an infinite root the derivative is 0, but what it is multiplied with is infinite.
    np.sqrt: (lambda c, y, a: c / (2 * _root(y)),),
    np.exp: (lambda c, y, a: _times(c, y),),
    np.log: (lambda c, y, a: c / a,),
    np.log1p: (lambda c, y, a: c / (1 + a),),
    np.power: (lambda c, y, a, b: c * (b * np.power(a, b - 1)),),
    np.hypot: (lambda c, y, a, b: _times(c, _share(a, y)), lambda c, y, a, b: _times(c, _share(b, y))),
    np.maximum: (
        lambda c, y, a, b: _passed(c, _slope(0, 1, a, b)),
        lambda c, y, a, b: _passed(c, _slope(0, 1, b, a)),
    ),
    np.minimum: (
        lambda c, y, a, b: _passed(c, _slope(1, 0, a, b)),
        lambda c, y, a, b: _passed(c, _slope(1, 0, b, a)),
    ),
}
