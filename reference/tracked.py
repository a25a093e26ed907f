"""Running error analysis: arrays that know how far a correct implementation may be off.

A `Tracked` array carries a value, computed in a wide type, and a bound on the absolute error that the
same formula may make when every operation is rounded to a narrow `Format`. The bound of a result is the
bound of its operands, propagated, plus one rounding: N. Higham, *Accuracy and Stability of Numerical
Algorithms*, 2nd ed., section 3.3. Second-order terms are kept, so the bound also holds in bfloat16,
where the unit roundoff is 1/256.

The oracle's formulas are written with the NumPy functions tabled at the end of this module and run
unchanged on plain arrays and on tracked ones (NEP 13 and NEP 18).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache, partial, reduce
from typing import Any

import numpy as np
import numpy.typing as npt

from . import dispatch, sums
from .dispatch import Array, Numbers, compensated, number, product, repeated, scatter, total
from .formats import FORMATS, Format
from .partial_results import Reach

# Largest error of the elementary functions in ulp. Vector math libraries differ; these are what the
# OpenCL C specification, section 7.4 (single precision, full profile), lets an implementation be off.
# SLEEF (1 ulp), MKL VML (1 ulp) and CUDA (1 to 2 ulp; pow up to 4) promise more.
ULPS: dict[np.ufunc, float] = {np.exp: 3, np.log: 3, np.log1p: 2, np.power: 16, np.hypot: 4}


class Tracked(Numbers):
    """An array with a running bound on its rounding error.

    Attributes:
        value: the result of the formula in the format's wide type, any shape.
        error: bound on the absolute error of a computation in the format, same shape and type;
            0 where the value is not finite, as only its kind counts there.
        peak: size of the largest finite intermediate result that each element came from, itself and its
            error included. Beyond the format's range, a step-by-step computation overflows even if the
            value does not.
        reach: how large and small partial results may be, if it is open in what order they are computed.
        format: the format whose roundings are counted.
    """

    __slots__ = ("error", "format", "peak", "reach")

    value: Array

    def __init__(self, value: Array, error: Array, peak: Array, reach: Reach, format: Format) -> None:
        self.value = value
        self.error = error
        self.peak = peak
        self.reach = reach
        self.format = format

    @property
    def arrays(self) -> tuple[Array, Array, Array, Array, Array]:
        """All that is known of the elements."""
        return self.value, self.error, self.peak, self.reach.largest, self.reach.smallest

    @classmethod
    def of(cls, arrays: Iterable[Array], format: Format) -> Tracked:
        """Numbers of which this is known, in the order of `arrays`."""
        value, error, peak, largest, smallest = arrays
        return Tracked(value, error, peak, Reach(largest, smallest), format)

    @property
    def bound(self) -> Array:
        """Allowed absolute error, with the oracle's own: it ran the same formula, rounding too."""
        return self.error * (1 + self.format.oracle_roundoff / self.format.unit_roundoff)

    def around(self, value: Array, error: Array) -> Tracked:
        """Numbers of the same format, with an error, that came of these; any shape."""
        peak = np.broadcast_to(self.peak, value.shape)
        return Tracked(value, error, peak, Reach.of(np.abs(value), error), self.format)

    def __getitem__(self, index: Any) -> Tracked:
        return _each(lambda array: array[index], self)

    def __repr__(self) -> str:
        return f"Tracked({self.value!r}, error={self.error!r}, format={self.format.name})"

    def apply(self, ufunc: np.ufunc, operands: Sequence[Any]) -> Any:
        """The result of a ufunc with its bound, or NotImplemented where there is no rule for it."""
        rule = UFUNCS.get(ufunc)
        return NotImplemented if rule is None else rule(*[self._operand(operand) for operand in operands])

    def _operand(self, operand: Any) -> Tracked:
        """Make an operand tracked: arrays are exact, a number is rounded to the format."""
        if isinstance(operand, Tracked):
            return operand
        if isinstance(operand, np.ndarray):
            return tracked(operand, self.format)
        if type(operand) in (int, float) and operand:  # 0.0 and -0.0 are one key
            return _constant(operand, self.value.dtype, self.format)
        return _number(operand, self.value.dtype, self.format)


def tracked(array: npt.ArrayLike, format: Format) -> Tracked:
    """Start tracking an array of any shape and any real dtype.

    Its elements are exact where `format` has them. Where it has not, a computation in the format begins with
    the nearest number that it has, so their error is that of a rounding.
    """
    value = np.asarray(array).astype(format.wide)
    zeros = np.zeros_like(value)
    exact = format.has(value)
    error = zeros if np.all(exact) else np.where(exact, zeros, _rounding(np.abs(value), format))
    return Tracked(value, error, zeros, Reach.of(np.abs(value)), format)


def _number(operand: Any, dtype: Any, format: Format) -> Tracked:
    """A number that is rounded to a format."""
    value = np.asarray(operand, dtype=dtype)
    error = np.zeros_like(value) if format.holds(operand) else _rounding(np.abs(value), format)
    return Tracked(value, error, np.zeros_like(value), Reach.of(np.abs(value)), format)


_constant = lru_cache(_number)


def _total(*terms: Any) -> Tracked:
    home = next(term for term in terms if isinstance(term, Tracked))
    parts = [home._operand(term) for term in terms]
    value = compensated([part.value for part in parts])
    error = reduce(np.add, [part.error for part in parts])
    size = reduce(np.add, [np.abs(part.value) + part.error for part in parts])
    peak = reduce(np.maximum, [part.peak for part in parts], _finite(size, np.abs(value)))
    reach = reduce(Reach.plus, [part.reach for part in parts]).joined(np.abs(value), error)
    error = error + (len(parts) - 1) * home.format.unit_roundoff * size
    return Tracked(value, np.where(np.isfinite(value), error, 0), peak, reach, home.format)


def _finite(off: Array, size: Array) -> Array:
    """The size of a result with its error; without it if that is unbounded; 0 if the result is infinite."""
    return np.where(np.isfinite(off), off, np.where(np.isfinite(size), size, 0))


def in_any_order(result: Tracked) -> Tracked:
    """Allow for it that the factors of a result are multiplied in another order.

    A product that is rounded to a subnormal number is off by up to a spacing, times the factors that follow.
    """
    form, reach = result.format, result.reach
    underflows = (reach.smallest < form.smallest_normal) & (result.error > 0)
    step = np.where(underflows, form.smallest_subnormal * np.maximum(reach.largest, 1), 0)
    return Tracked(result.value, result.error + step, result.peak, reach, form)


def _rounding(size: Array, format: Format, units: float = 1) -> Array:
    """Error of `units` roundings of numbers of a size >= 0; zero is exact, subnormals are not.

    Below the normal range a rounding is off by half a spacing, which is no number of the format; a
    whole one is charged.
    """
    step = units * (format.unit_roundoff * size + format.smallest_subnormal)
    return np.where(size > 0, step, 0)


def rounded(
    value: Array,
    error: Array,
    peak: Array,
    format: Format,
    units: float = 1,
    underflow: bool = True,
    reach: Reach | None = None,
    exact: Array | bool = False,
) -> Tracked:
    """Round a result.

    Args:
        value: the exact result.
        error: what it is off by already, because its operands are.
        peak: the larger peak of its operands.
        format: the format it is rounded to.
        units: how many roundings.
        underflow: whether a tiny result is rounded too; sums are exact below the normal range.
        reach: of the partial results of a sum or a product; a function has none.
        exact: where the value is known to be exact, so that it is not rounded if the format has it.
    """
    size = np.abs(value)
    off = size + error
    positive = off > 0
    if underflow:  # see `_rounding`
        step = units * (format.unit_roundoff * off + format.smallest_subnormal)
        total = error + np.where(positive, step, 0)
    else:
        total = error + units * format.unit_roundoff * off
    if np.any(exact):
        total = np.where(exact & format.has(value) & (size >= format.smallest_normal), 0, total)
    smallest = np.where(positive, off, 1)  # see `Reach`
    if reach is not None:
        size, smallest = reach.largest, np.minimum(reach.smallest, smallest)
    if np.isfinite(off).all():
        return Tracked(value, total, np.maximum(peak, off), Reach(size, smallest), format)
    finite = np.isfinite(value)
    peak = np.maximum(peak, _finite(off, np.abs(value)))
    return Tracked(
        value, np.where(finite, total, 0), peak, Reach(np.where(finite, size, 0), smallest), format
    )


def _quotient(numerator: Array, denominator: Array) -> Array:
    """Divide bounds: 0 / anything is 0, and what may be divided by 0 is unbounded."""
    positive = denominator > 0
    ratio = np.where(positive, numerator / np.where(positive, denominator, 1), np.inf)
    return np.where(numerator == 0, 0, ratio)


def _add(a: Tracked, b: Tracked) -> Tracked:
    peak, reach = np.maximum(a.peak, b.peak), a.reach.plus(b.reach)
    value, error = a.value + b.value, a.error + b.error
    exact = sums.is_sum(value, error, a.value, b.value)
    return rounded(value, error, peak, a.format, underflow=False, reach=reach, exact=exact)


def _subtract(a: Tracked, b: Tracked) -> Tracked:
    return _add(a, _negative(b))


def _multiply(a: Tracked, b: Tracked) -> Tracked:
    value = a.value * b.value
    error = np.abs(a.value) * b.error + np.abs(b.value) * a.error + a.error * b.error
    reach, exact = a.reach.times(b.reach), sums.is_product(value, error, a.value, b.value, a.format)
    return rounded(value, error, np.maximum(a.peak, b.peak), a.format, reach=reach, exact=exact)


def _divide(a: Tracked, b: Tracked) -> Tracked:
    value = a.value / b.value
    least = np.abs(b.value) - b.error
    error = _quotient(a.error + np.abs(value) * b.error, least)
    reach = a.reach.over(least, np.abs(b.value) + b.error)
    return rounded(value, error, np.maximum(a.peak, b.peak), a.format, reach=reach)


def _negative(a: Tracked) -> Tracked:
    return Tracked(-a.value, a.error, a.peak, a.reach, a.format)


def _absolute(a: Tracked) -> Tracked:
    return Tracked(np.abs(a.value), a.error, a.peak, a.reach, a.format)


def _sqrt(a: Tracked) -> Tracked:
    value = np.sqrt(a.value)
    # sqrt(x) - sqrt(x - e) = e / (sqrt(x) + sqrt(x - e)), the larger of the two sides.
    slope = value + np.sqrt(np.maximum(a.value - a.error, 0))
    error = np.where(a.value > 0, _quotient(a.error, slope), np.sqrt(a.error))
    return rounded(value, error, a.peak, a.format)


def _exp(a: Tracked) -> Tracked:
    # exp(x + e) - exp(x), the larger of the two sides, written so that a vanishing exp(x) stays 0.
    error = np.exp(a.value + a.error) * -np.expm1(-a.error)
    value = np.exp(a.value)
    finite = np.isfinite(a.value)
    # exp is never 0, though it is rounded to 0; beyond the wide type's range it overflows any format.
    error = np.where(finite, np.maximum(error, a.format.smallest_subnormal), error)
    peak = np.where(finite & np.isinf(value), np.inf, a.peak)
    return rounded(value, error, peak, a.format, units=2 * ULPS[np.exp])


def _log(ufunc: np.ufunc, offset: float, a: Tracked) -> Tracked:
    # log(x) - log(x - e) = -log1p(-e / x), the larger of the two sides; unbounded from e = x on.
    error = -np.log1p(-np.minimum(_quotient(a.error, offset + a.value), 1))
    return _function(ufunc, ufunc(a.value), error, a)


def _power(a: Tracked, b: Tracked) -> Tracked:
    # Of a number >= 0.
    value = a.value**b.value
    least, most = np.maximum(a.value - a.error, 0), a.value + a.error
    # For errors too small to show in the differences, the first-order term.
    slope = _quotient(np.abs(b.value) * value * a.error, a.value)
    error = np.maximum(np.abs(most**b.value - value), np.abs(least**b.value - value))
    error = np.maximum(np.where(np.isfinite(slope), slope, 0), error)
    error = np.where(a.error > 0, error, 0)
    # a^(b + e) = a^b exp(e log a). Of 0 every power is 0, or infinite.
    longest = np.abs(np.log(np.maximum([least, most], a.format.smallest_subnormal))).max(axis=0)
    exponent = np.where(value == 0, 0, (value + error) * np.expm1(longest * b.error))
    return _function(np.power, value, error + np.where(b.error > 0, exponent, 0), a)


def _function(ufunc: np.ufunc, value: Array, error: Array, a: Tracked) -> Tracked:
    """Round the result of an elementary function of `a`; one ulp is at most two unit roundoffs."""
    return rounded(value, error, a.peak, a.format, units=2 * ULPS[ufunc])


def _hypot(a: Tracked, b: Tracked) -> Tracked:
    value, peak = np.hypot(a.value, b.value), np.maximum(a.peak, b.peak)
    return rounded(value, a.error + b.error, peak, a.format, 2 * ULPS[np.hypot])  # its slopes are at most 1


def _maximum(a: Tracked, b: Tracked) -> Tracked:
    # The error of the one that leads for certain, else the larger of both.
    value, lead = np.maximum(a.value, b.value), a.value - b.value
    doubt = a.error + b.error
    larger = np.maximum(a.error, b.error)
    error = np.where(lead > doubt, a.error, np.where(-lead > doubt, b.error, larger))
    reach = a.reach.either(b.reach).joined(np.abs(value), error)
    return Tracked(value, error, np.maximum(a.peak, b.peak), reach, a.format)


def _minimum(a: Tracked, b: Tracked) -> Tracked:
    return _negative(_maximum(_negative(a), _negative(b)))


def _sum(a: Tracked, axis: Any = None, keepdims: bool = False) -> Tracked:
    # The additions, in whatever order; the total is rounded once more to a narrower format.
    error = np.sum(a.error, axis=axis, keepdims=keepdims)
    plain = np.sum(np.abs(a.value), axis=axis, keepdims=keepdims)
    sizes = plain + error
    error = error + sums.rounding(a.value, a.error, sizes, axis, a.format)
    value = np.asarray(np.sum(a.value, axis=axis, keepdims=keepdims))
    # Partial sums reach up to the sum of sizes, in some order; the accumulator has to hold them.
    peak = np.max(a.peak, axis=axis, keepdims=keepdims, initial=0)
    most = _finite(sizes, plain)
    peak = np.where(most > FORMATS[a.format.accumulator].max, most, peak)
    reach = a.reach.along(axis, keepdims, summed=True).joined(np.abs(value), error)
    if a.format.accumulator == a.format.name:
        return Tracked(value, np.where(np.isfinite(value), error, 0), peak, reach, a.format)
    return rounded(value, error, peak, a.format, underflow=False, reach=reach, exact=error == 0)


def _mean(a: Tracked) -> Tracked:
    # A mean may also be computed as the sum times the rounded reciprocal of the count. The sum itself
    # stays in the accumulator, so its size is no peak.
    total = _sum(a)
    peak = np.max(a.peak, initial=0)
    peak = np.where(total.peak > FORMATS[a.format.accumulator].max, total.peak, peak)
    reach = total.reach.over(count := np.asarray(a.size), count)
    return rounded(total.value / count, total.error / count, peak, a.format, units=2, reach=reach)


def _max(a: Tracked, axis: Any = None, keepdims: bool = False) -> Tracked:
    value, error, peak = (
        np.asarray(np.max(array, axis=axis, keepdims=keepdims)) for array in (a.value, a.error, a.peak)
    )
    return Tracked(value, error, peak, a.reach.along(axis, keepdims, summed=False), a.format)


def _each(func: Callable[..., Array], a: Tracked, *args: Any, **kwargs: Any) -> Tracked:
    """Do to all that is known of the elements what `func` does to the values."""
    return Tracked.of((func(array, *args, **kwargs) for array in a.arrays), a.format)


def _scatter(a: Tracked, index: Any, shape: tuple[int, ...]) -> Tracked:
    def added(array: Array) -> Array:
        return np.asarray(scatter(array, index, shape))

    # As in a sum: any order, and exact where no more than one term is not zero.
    size = np.abs(a.value) + a.error
    sizes, terms = added(size), added(np.where(size > 0, 1, 0))
    error = added(a.error) + sums.worst_case(terms, sizes, a.format)
    value, peak = added(a.value), np.zeros(shape, dtype=a.value.dtype)
    np.maximum.at(peak, index, a.peak)
    smallest = np.full(shape, np.inf, dtype=a.value.dtype)
    np.minimum.at(smallest, index, a.reach.smallest)
    reach = Reach(added(a.reach.largest), smallest).joined(np.abs(value), error)
    if a.format.accumulator == a.format.name or np.max(terms, initial=0) <= 1:
        return Tracked(value, np.where(np.isfinite(value), error, 0), peak, reach, a.format)
    return rounded(value, error, peak, a.format, underflow=False, reach=reach)


UFUNCS: dict[np.ufunc, Callable[..., Tracked]] = {
    np.add: _add,
    np.subtract: _subtract,
    np.multiply: _multiply,
    np.divide: _divide,
    np.negative: _negative,
    np.absolute: _absolute,
    np.sqrt: _sqrt,
    np.exp: _exp,
    np.log: partial(_log, np.log, 0),
    np.log1p: partial(_log, np.log1p, 1),
    np.power: _power,
    np.maximum: _maximum,
    np.minimum: _minimum,
    np.hypot: _hypot,
}

Tracked.functions = {
    np.sum: _sum,
    np.mean: _mean,
    np.max: _max,
    number: lambda value, like: like._operand(value),
    total: _total,
    product: lambda *factors: in_any_order(reduce(np.multiply, factors)),
    scatter: _scatter,
    dispatch.with_derivative_of: lambda value, other: value,
    np.broadcast_to: partial(_each, repeated),
    **{func: partial(_each, func) for func in (np.expand_dims, np.reshape, np.take_along_axis)},
}
