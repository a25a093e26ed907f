"""Step-by-step arithmetic of many elements: the rules of `Stepped` numbers for NumPy's functions and ours."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial, reduce
from typing import Any

import numpy as np

from .dispatch import (
    Array,
    accumulated,
    in_type_of,
    number,
    product,
    repeated,
    scatter,
    total,
    with_derivative_of,
    with_error_of,
)
from .formats import FORMATS, Format
from .integers import INTEGERS, UNBOUNDED, Integers
from .partial_results import Reach
from .stepped import DEFAULT, Stepped, alike, in_any_order, settle, stepped, wrapped

Along = Callable[[Array], Array]


def _added(
    a: Stepped,
    along: Along,
    accumulator: Format,
    reach: Reach | None = None,
    units: float = 1,
    parts: int = 1,
) -> Stepped:
    """The sum of elements, in any order, rounded to their format.

    n numbers that are added in any order are off by at most n - 1 unit roundoffs of the sum of their sizes:
    C.-P. Jeannerod and S. Rump, Improved error bounds for floating-point products and sums (2013).

    Args:
        a: the terms.
        along: adds arrays.
        accumulator: the format in which terms are added.
        reach: of the partial sums, where those count as partial results of the chain rule.
        units: how many roundings to the format of the terms follow, that of a division included.
        parts: what the sum is divided by.
    """

    def any_of(array: Array) -> Array:
        return np.asarray(along(array.astype(np.int64)) > 0)

    def off_by(counted: Array, size: Array) -> Array:
        return np.asarray(
            np.maximum(along(counted.astype(np.int64)) - 1, 0) * accumulator.unit_roundoff * size
        )

    low, high = a.low, a.high
    if not a.plain:
        low, high = (np.where(a.is_number, end, 0) for end in (low, high))
    below, above = along(np.minimum(low, 0)), along(np.maximum(high, 0))
    # Rounding is monotone, so that no partial sum is above that of the terms above 0 alone.
    over = above + off_by(high > 0, above) > accumulator.max
    under = below - off_by(low < 0, -below) < -accumulator.max
    off = off_by((low != 0) | (high != 0), above - below)
    low, high = along(low) - off, along(high) + off
    # Terms that are not below 0 have no sum below 0.
    low, high = np.where(below == 0, np.maximum(low, 0), low), np.where(above == 0, np.minimum(high, 0), high)
    is_number = np.ones(np.shape(low), dtype=bool) if a.plain else ~any_of(~a.is_number)
    if not a.loose:  # what is beyond the range in every order, as all terms have one sign
        is_number &= ~((low > accumulator.max) & (below == 0)) & ~((high < -accumulator.max) & (above == 0))
    kinds: tuple[Array, Array, Array] | None = None
    if not a.plain:
        certainly_plus, certainly_minus, certainly_nan = (
            any_of(kind & ~others)
            for kind, others in (
                (a.plus, a.is_number | a.minus | a.nan),
                (a.minus, a.is_number | a.plus | a.nan),
                (a.nan, a.is_number | a.plus | a.minus),
            )
        )
        plus, minus = any_of(a.plus) | over, any_of(a.minus) | under
        kinds = (
            plus & ~(certainly_minus | certainly_nan),
            minus & ~(certainly_plus | certainly_nan),
            any_of(a.nan) | (plus & minus),
        )
    elif np.any(over | under):
        kinds = over, under, over & under
    value = np.asarray(along(a.value))
    value = np.where(np.abs(value) > accumulator.max, np.copysign(np.inf, value), value) / parts
    ends = np.where(is_number, low, np.inf) / parts, np.where(is_number, high, -np.inf) / parts
    reach = Reach.of(np.abs(value)) if reach is None else reach
    return settle(
        value, ends, kinds, any_of(a.strayed) | over | under, reach, a.format, units,
        exact=units == 1, spacing=units > 1, loose=a.loose,
    )  # fmt: skip


def _sum(a: Stepped, axis: Any = None, keepdims: bool = False) -> Stepped:
    if isinstance(a.format, Integers):
        return _sum_of_integers(a, axis, keepdims)
    along, accumulator = partial(np.add.reduce, axis=axis, keepdims=keepdims), FORMATS[a.format.accumulator]
    same = accumulator.name == a.format.name
    reach = a.reach.along(axis, keepdims, summed=True) if same else None
    return in_any_order(_added(a, along, accumulator, reach), a.loose and same)


def _sum_of_integers(a: Stepped, axis: Any, keepdims: bool) -> Stepped:
    a = a if a.format == UNBOUNDED else a.in_format(INTEGERS["int64"])
    added = [np.asarray(np.sum(x, axis=axis, keepdims=keepdims)) for x in (a.value, a.low, a.high)]
    strayed = np.any(a.strayed, axis=axis, keepdims=keepdims)
    no = np.zeros_like(strayed)
    result = Stepped(
        added[0], (added[1], added[2]), (no, no, no), strayed, Reach.of(np.abs(added[0])), a.format, a.loose
    )
    return wrapped(result)


def _mean(a: Stepped) -> Stepped:
    # The sum is rounded, or not, and then divided, or multiplied by the rounded reciprocal of the count.
    accumulator = FORMATS[a.format.accumulator]
    units = 2 if accumulator.name == a.format.name else 3
    return _added(a, partial(np.add.reduce, axis=None), accumulator, units=units, parts=a.size)


def _scatter(a: Stepped, index: Any, shape: tuple[int, ...]) -> Stepped:
    def along(array: Array) -> Array:
        return np.asarray(scatter(array, index, shape))

    smallest = np.full(shape, np.inf, dtype=a.value.dtype)
    np.minimum.at(smallest, index, a.reach.smallest)
    reach = Reach(along(a.reach.largest), smallest)
    return in_any_order(_added(a, along, FORMATS[a.format.accumulator], reach), a.loose)


def _total(*terms: Any) -> Stepped:
    parts = alike(terms)
    home = parts[0]
    shape = np.broadcast_shapes(*(part.shape for part in parts))
    stacked = _concatenate([part.each(repeated, (1, *shape)) for part in parts])
    reach = reduce(Reach.plus, [part.reach for part in parts])
    # Added in an open order, which may overflow where another does not.
    return in_any_order(_added(stacked, partial(np.add.reduce, axis=0), home.format, reach), True)


def _product(*factors: Any) -> Stepped:
    parts = alike(factors)
    home = parts[0]
    opened: list[Any] = [part.in_open_order() for part in parts]
    result = reduce(np.multiply, opened)
    loose = any(part.loose for part in parts)
    return settle(
        result.value, (result.low, result.high), (result.plus, result.minus, result.nan), result.strayed,
        result.reach, home.format, 0, spacing=False, loose=loose,
    )  # fmt: skip


def _max(a: Stepped, axis: Any = None, keepdims: bool = False) -> Stepped:
    def over(func: Callable[..., Array], array: Array) -> Array:
        return np.asarray(func(array, axis=axis, keepdims=keepdims))

    nan = over(np.any, a.nan)
    only_nan = over(np.any, a.nan & ~(a.is_number | a.plus | a.minus))
    certain = over(np.any, ~a.is_number & ~a.minus)
    low = over(np.max, np.where(a.is_number, np.where(a.minus, -np.inf, a.low), -np.inf))
    low = np.where(np.isfinite(low), low, over(np.min, np.where(a.is_number, a.low, np.inf)))
    high = over(np.max, a.high)
    is_number = ~certain & (high > -np.inf)
    ends = np.where(is_number, low, np.inf), np.where(is_number, high, -np.inf)
    kinds = over(np.any, a.plus) & ~only_nan, over(np.all, a.minus), nan
    reach = a.reach.along(axis, keepdims, summed=False)
    return Stepped(over(np.max, a.value), ends, kinds, over(np.any, a.strayed), reach, a.format, a.loose)


def _where(condition: Array, a: Any, b: Any) -> Stepped:
    a, b = alike([a, b])
    home = a
    chosen = [np.where(condition, *pair) for pair in zip(a.arrays, b.arrays)]
    return Stepped.of(chosen, home.format, a.loose or b.loose, (a.plain and b.plain) or None)


def _concatenate(arrays: Sequence[Any], axis: int = 0) -> Stepped:
    parts = alike(arrays)
    home = parts[0]
    groups = zip(*(part.arrays for part in parts))
    loose = any(part.loose for part in parts)
    plain = all(part.plain for part in parts)
    return Stepped.of([np.concatenate(group, axis=axis) for group in groups], home.format, loose, plain)


def _accumulated(a: Stepped, steps: Callable[[Stepped], Stepped]) -> Stepped:
    """Steps in the accumulator's format, fused as a kernel likes, and the result rounded."""
    wide = FORMATS[a.format.accumulator]
    result = steps(Stepped.of(a.arrays, wide, True))
    size = np.where(np.isfinite(result.value), np.abs(result.value), 0)
    return settle(
        result.value, (result.low, result.high), (result.plus, result.minus, result.nan), result.strayed,
        Reach.of(size), a.format, exact=False, loose=a.loose,
    )  # fmt: skip


def _number(value: Any, like: Stepped) -> Stepped:
    if isinstance(value, Stepped):
        return value
    form = DEFAULT if isinstance(like.format, Integers) else like.format
    return stepped(form.nearest(value), form)


def _each(func: Callable[..., Array], a: Stepped, *args: Any, **kwargs: Any) -> Stepped:
    return a.each(func, *args, **kwargs)


Stepped.functions = {
    np.sum: _sum,
    np.mean: _mean,
    np.max: _max,
    np.where: _where,
    np.concatenate: _concatenate,
    number: _number,
    in_type_of: lambda value, like: value.in_format(like.format) if isinstance(like, Stepped) else value,
    total: _total,
    product: _product,
    scatter: _scatter,
    accumulated: _accumulated,
    with_derivative_of: lambda value, other: value,
    with_error_of: lambda value, other: other(),
    np.broadcast_to: partial(_each, repeated),
    **{func: partial(_each, func) for func in (np.expand_dims, np.reshape, np.take_along_axis)},
}
