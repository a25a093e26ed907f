"""Step-by-step arithmetic: arrays that know every result that a computation in a format may give.

Where a step overflows or meets an infinity, IEEE arithmetic goes on with inf or nan, and no error bound says
what comes of that. A `Stepped` array says it: each element is a range of numbers of the format, whether it may
be inf, -inf or nan instead, and whether something on the way to it left the range of the format. Formulas run
on it unchanged, as on `Tracked` numbers, and so does the chain rule.

A step is rounded to the format, elementary functions as badly as is allowed. Terms may be added and factors
multiplied in any order, so a partial result that overflows in some order may do so here.

Source: IEEE 754-2019, sections 6.1 to 6.3 and 7; interval arithmetic as in IEEE 1788-2015.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial, reduce
from typing import Any

import numpy as np
import numpy.typing as npt

from .dispatch import (
    Array,
    Numbers,
    accumulated,
    number,
    product,
    scatter,
    total,
    with_derivative_of,
    with_error_of,
)
from .formats import FORMATS, Format
from .reach import Reach
from .tracked import ULPS

# exp is approximated so that it overflows up to 0.5 % below the logarithm of the largest number.
EARLY = 0.995
# Partial products and sums of sizes just below the largest number may overflow as they are rounded.
NEARLY = 0.99


class Stepped(Numbers):
    """An array of what a step-by-step computation in a format may give; all attributes have its shape.

    Attributes:
        value: what it gives if each step is rounded to the nearest number; which branch a formula takes is
            decided by it.
        low, high: between what it is if it is a number; inf and -inf where it is none.
        plus, minus, nan: whether it may be inf, -inf or nan.
        strayed: whether a step on the way may overflow, or vanish although its exact result is not 0.
        reach: how large and small partial results may be in some order.
        format: whose numbers they are.
        loose: whether the order of the steps is open, as that of the chain rule is. Then what overflows in one
            order is a number in another: ranges reach beyond the largest number of the format.
    """

    __slots__ = ("format", "high", "loose", "low", "minus", "nan", "plus", "reach", "strayed")

    value: Array

    def __init__(
        self,
        value: Array,
        ends: tuple[Array, Array],
        kinds: tuple[Array, Array, Array],
        strayed: Array,
        reach: Reach,
        format: Format,
        loose: bool = False,
    ) -> None:
        self.value = value
        self.loose = loose
        self.low, self.high = ends
        self.plus, self.minus, self.nan = kinds
        self.strayed = strayed
        self.reach = reach
        self.format = format

    @property
    def arrays(self) -> tuple[Array, ...]:
        """All that is known of the elements."""
        return (
            self.value, self.low, self.high, self.plus, self.minus, self.nan, self.strayed,
            self.reach.largest, self.reach.smallest,
        )  # fmt: skip

    @classmethod
    def of(cls, arrays: Iterable[Array], format: Format, loose: bool) -> Stepped:
        """Elements of which this is known, in the order of `arrays`."""
        value, low, high, plus, minus, nan, strayed, largest, smallest = map(np.asarray, arrays)
        reach = Reach(largest, smallest)
        return cls(value, (low, high), (plus, minus, nan), strayed, reach, format, loose)

    def in_open_order(self) -> Stepped:
        """The same numbers, from which steps follow whose order is open."""
        return Stepped.of(self.arrays, self.format, True)

    @property
    def error(self) -> Array:
        """How far a number may be from `value`; inf where that is none, or nothing bounds it."""
        off = np.maximum(self.high - self.value, self.value - self.low)
        return np.where(np.isfinite(off), np.maximum(off, 0), np.inf)

    @property
    def peak(self) -> Array:
        """Inf where a step may have strayed, for those who ask as of `Tracked` numbers."""
        return np.where(self.strayed, np.inf, 0.0)

    @property
    def is_number(self) -> Array:
        """Whether an element may be a finite number."""
        return np.asarray(self.low <= self.high)

    @property
    def is_zero(self) -> Array:
        """Whether an element is exactly 0, whatever the order."""
        return (self.low == 0) & (self.high == 0) & ~(self.plus | self.minus | self.nan)

    def gives(self, observed: Array) -> Array:
        """Which of some numbers the computation may give; any shape that broadcasts."""
        within = (self.low <= observed) & (observed <= self.high) & np.isfinite(self.high - self.low)
        infinite = (self.plus & (observed == np.inf)) | (self.minus & (observed == -np.inf))
        return np.asarray(within | infinite | (self.nan & np.isnan(observed)))

    def around(self, value: Array, error: Array) -> Stepped:
        """Numbers of the same format, between value - error and value + error; any shape."""
        peak = np.broadcast_to(self.strayed, value.shape)
        return _number_between(value, value - error, value + error, self.format, peak)

    def __getitem__(self, index: Any) -> Stepped:
        return _each(lambda array: array[index], self)

    def __repr__(self) -> str:
        kinds = (self.plus, self.minus, self.nan)
        return f"Stepped([{self.low!r}, {self.high!r}], inf, -inf, nan={kinds!r}, {self.format.name})"

    def apply(self, ufunc: np.ufunc, operands: Sequence[Any]) -> Any:
        """The result of a ufunc, or NotImplemented where there is no rule for it."""
        rule = UFUNCS.get(ufunc)
        return NotImplemented if rule is None else rule(*(self._operand(operand) for operand in operands))

    def _operand(self, operand: Any) -> Stepped:
        if isinstance(operand, Stepped):
            return operand
        exact = isinstance(operand, np.ndarray)
        return stepped(operand if exact else self.format.nearest(operand), self.format)


def stepped(array: npt.ArrayLike, format: Format) -> Stepped:
    """Start step-by-step arithmetic with numbers of a format; any shape, any real dtype."""
    value = np.asarray(array).astype(format.wide)
    finite, nothing = np.isfinite(value), np.zeros(value.shape, dtype=bool)
    ends = np.where(finite, value, np.inf), np.where(finite, value, -np.inf)
    kinds = value == np.inf, value == -np.inf, np.isnan(value)
    return Stepped(value, ends, kinds, nothing, Reach.of(np.abs(value)), format)


def _number_between(value: Array, low: Array, high: Array, format: Format, strayed: Array) -> Stepped:
    nothing = np.zeros(value.shape, dtype=bool)
    size = np.maximum(np.abs(low), np.abs(high))
    return Stepped(value, (low, high), (nothing, nothing, nothing), strayed, Reach.of(size), format)


def _rounded(value: Array, format: Format) -> Array:
    if format.name == "bfloat16":
        return format.nearest(value).astype(value.dtype)
    with np.errstate(over="ignore"):
        return value.astype(format.name).astype(value.dtype)


def _settle(
    value: Array,
    ends: tuple[Array, Array],
    kinds: tuple[Array, Array, Array],
    strayed: Array,
    reach: Reach,
    format: Format,
    units: float = 1,
    *,
    exact: bool = True,
    spacing: bool = True,
    loose: bool = False,
) -> Stepped:
    """Round the ends of ranges outwards, and see what overflows.

    Args:
        value: the result, if operands are rounded to the nearest.
        ends: of the range of exact results of numbers.
        kinds: whether it may be inf, -inf or nan, because of its operands.
        strayed: whether a step before strayed.
        reach: of partial results, those of this step included.
        format: to which it is rounded.
        units: how many roundings.
        exact: whether a result that the format has is not rounded.
        spacing: whether a tiny result is rounded, too; sums are exact below the normal range.
        loose: whether the order of the steps is open.
    """
    plus, minus, nan = kinds
    low, high = ends
    is_number = low <= high
    step = units * format.smallest_subnormal if spacing else 0.0
    exact = exact and not loose  # in another order other partial results are rounded
    if exact and np.all(format.has(low) & format.has(high)):
        wide_low, wide_high = low, high
    else:
        wide_low, wide_high = (
            np.where((end == 0) | (exact & format.has(end)), end, end + side * (units * format.unit_roundoff * np.abs(end) + step))
            for end, side in ((low, -1), (high, 1))
        )  # fmt: skip
        # A rounding does not cross 0.
        wide_low = np.where((low > 0) & (wide_low < 0), 0.0, wide_low)
        wide_high = np.where((high < 0) & (wide_high > 0), 0.0, wide_high)
    over, under = is_number & (wide_high > format.max), is_number & (wide_low < -format.max)
    # What is below is rounded to the largest number.
    edge = value.dtype.type(format.max) * (1 + value.dtype.type(format.unit_roundoff / 2))
    none = ~is_number | (wide_low >= edge) | (wide_high <= -edge)
    if loose:
        none = ~is_number
        wide_low, wide_high = np.where(none, np.inf, wide_low), np.where(none, -np.inf, wide_high)
    else:
        wide_low = np.where(none, np.inf, np.clip(wide_low, -format.max, format.max))
        wide_high = np.where(none, -np.inf, np.clip(wide_high, -format.max, format.max))
    size = np.where(none, 0, np.maximum(np.abs(wide_low), np.abs(wide_high)))
    vanished = is_number & (wide_low <= 0) & (wide_high >= 0) & ((low > 0) | (high < 0))
    return Stepped(
        _rounded(value, format), (wide_low, wide_high), (plus | over, minus | under, nan),
        strayed | over | under | vanished,
        reach.joined(size, np.zeros_like(size)) if loose else Reach.of(size), format, loose,
    )  # fmt: skip


def _in_any_order(a: Stepped, loose: bool) -> Stepped:
    """Allow for partial products, or terms, that overflow or vanish in some order, if the order is open.

    An infinite partial result makes the result infinite, or nan where another factor is 0.
    """
    if not loose:
        return a
    form, reach = a.format, a.reach
    over = a.is_number & (reach.largest > NEARLY * form.max)
    tiny = a.is_number & (reach.smallest < form.smallest_normal) & (a.low != a.high)
    if not np.any(over | tiny):
        return a
    step = np.where(tiny, form.smallest_subnormal * np.maximum(reach.largest, 1), 0)
    low, high = (np.where(tiny, end, was) for end, was in ((a.low - step, a.low), (a.high + step, a.high)))
    may_be_zero = (low <= 0) & (high >= 0)
    kinds = a.plus | (over & (high >= 0)), a.minus | (over & (low <= 0)), a.nan | (over & may_be_zero)
    return Stepped(a.value, (low, high), kinds, a.strayed | over | tiny, reach, form, a.loose)


def _strayed(*operands: Stepped) -> Array:
    return reduce(np.logical_or, [operand.strayed for operand in operands])


def _add(a: Stepped, b: Stepped) -> Stepped:
    plus = (a.plus & (b.is_number | b.plus)) | (b.plus & (a.is_number | a.plus))
    minus = (a.minus & (b.is_number | b.minus)) | (b.minus & (a.is_number | a.minus))
    nan = a.nan | b.nan | (a.plus & b.minus) | (a.minus & b.plus)
    both = a.is_number & b.is_number
    ends = np.where(both, a.low + b.low, np.inf), np.where(both, a.high + b.high, -np.inf)
    reach = a.reach.plus(b.reach)
    loose = a.loose or b.loose
    result = _settle(
        a.value + b.value, ends, (plus, minus, nan), _strayed(a, b), reach, a.format, spacing=False,
        loose=loose,
    )  # fmt: skip
    return _in_any_order(result, loose)


def _negative(a: Stepped) -> Stepped:
    low, high = np.where(a.is_number, -a.high, np.inf), np.where(a.is_number, -a.low, -np.inf)
    return Stepped(-a.value, (low, high), (a.minus, a.plus, a.nan), a.strayed, a.reach, a.format, a.loose)


def _subtract(a: Stepped, b: Stepped) -> Stepped:
    return _add(a, _negative(b))


def _signs(a: Stepped) -> tuple[Array, Array, Array]:
    """Whether an element may be above 0, below 0, or 0."""
    zero = (a.low <= 0) & (a.high >= 0)
    return a.plus | (a.high > 0), a.minus | ((a.low < 0) & a.is_number), zero


def _ends_of(candidates: Sequence[Array], is_number: Array) -> tuple[Array, Array]:
    low, high = reduce(np.minimum, candidates), reduce(np.maximum, candidates)
    return np.where(is_number, low, np.inf), np.where(is_number, high, -np.inf)


def _infinite_products(a: Stepped, b: Stepped) -> tuple[Array, Array, Array]:
    """Whether a product may be inf, -inf or nan, because a factor is."""
    infinite_a, infinite_b = a.plus | a.minus, b.plus | b.minus
    (above_a, below_a, zero_a), (above_b, below_b, zero_b) = _signs(a), _signs(b)
    plus = (a.plus & above_b) | (a.minus & below_b) | (b.plus & above_a) | (b.minus & below_a)
    minus = (a.plus & below_b) | (a.minus & above_b) | (b.plus & below_a) | (b.minus & above_a)
    return plus, minus, a.nan | b.nan | (infinite_a & zero_b) | (infinite_b & zero_a)


def _multiply(a: Stepped, b: Stepped) -> Stepped:
    both = a.is_number & b.is_number
    al, ah, bl, bh = (np.where(both, end, 0) for end in (a.low, a.high, b.low, b.high))
    if a is b:  # a square is not below 0
        square_low = np.where((al <= 0) & (ah >= 0), 0, np.minimum(al * al, ah * ah))
        candidates = [square_low, np.maximum(al * al, ah * ah)]
    else:
        candidates = [al * bl, al * bh, ah * bl, ah * bh]
    kinds = _infinite_products(a, b)
    reach = a.reach.times(b.reach)
    value, ends = a.value * b.value, _ends_of(candidates, both)
    loose = a.loose or b.loose
    if loose:  # nothing times infinity may also be left out before it is multiplied
        left_out = a.is_zero | b.is_zero
        ends = np.where(left_out, 0, ends[0]), np.where(left_out, 0, ends[1])
    result = _settle(value, ends, kinds, _strayed(a, b), reach, a.format, loose=loose)
    return _in_any_order(result, loose)


def _divide(a: Stepped, b: Stepped) -> Stepped:
    both = a.is_number & b.is_number
    al, ah, bl, bh = (np.where(both, end, 1) for end in (a.low, a.high, b.low, b.high))
    (above_a, below_a, zero_a), (above_b, below_b, zero_b) = _signs(a), _signs(b)
    infinite_a, infinite_b = a.plus | a.minus, b.plus | b.minus
    # A divisor of 0 counts as positive, unless the format says -0.
    zero_above = zero_b & ~(np.signbit(b.value) & (b.value == 0)) & ((b.high > 0) | (b.low == 0))
    zero_below = zero_b & ~zero_above | zero_b & (b.low < 0)
    positive, negative = (
        above_b & ~b.plus | b.plus & (b.high > 0) | zero_above,
        (b.low < 0) & b.is_number | zero_below,
    )
    plus = (a.plus & positive) | (a.minus & negative) | (above_a & zero_above) | (below_a & zero_below)
    minus = (a.plus & negative) | (a.minus & positive) | (above_a & zero_below) | (below_a & zero_above)
    nan = a.nan | b.nan | (infinite_a & infinite_b) | (zero_a & zero_b)
    only_zero = (b.low == 0) & (b.high == 0)
    huge = np.finfo(al.dtype).max
    candidates = []
    for divisor in (bl, bh):
        safe = np.where(divisor == 0, 1, divisor)
        for end in (al, ah):
            candidates.append(np.where(divisor == 0, 0, end / safe))
    # Near a divisor of 0 quotients are as large as any number.
    wide = zero_b & ~only_zero
    candidates += [
        np.where(wide & (plus | above_a | below_a), side * huge, candidates[0]) for side in (-1, 1)
    ]
    candidates[-2] = np.where(wide & ~(minus), candidates[0], candidates[-2])
    candidates[-1] = np.where(wide & ~(plus), candidates[0], candidates[-1])
    is_number = both & ~only_zero
    low, high = _ends_of(candidates, is_number)
    vanishes = infinite_b & a.is_number  # a number / inf
    low, high = np.where(vanishes, np.minimum(low, 0), low), np.where(vanishes, np.maximum(high, 0), high)
    least, most = (
        np.where(both, np.minimum(np.abs(bl), np.abs(bh)), 1),
        np.where(both, np.maximum(np.abs(bl), np.abs(bh)), 1),
    )
    reach = a.reach.over(np.where(zero_b, 0, least), most)
    result = _settle(
        a.value / b.value, (low, high), (plus, minus, nan), _strayed(a, b), reach, a.format,
        loose=a.loose or b.loose,
    )  # fmt: skip
    return _in_any_order(result, result.loose)


def _absolute(a: Stepped) -> Stepped:
    zero = (a.low <= 0) & (a.high >= 0)
    sizes = np.abs(a.low), np.abs(a.high)
    low, high = _ends_of(sizes, a.is_number)
    low = np.where(zero, 0, low)
    kinds = a.plus | a.minus, np.zeros_like(a.nan), a.nan
    return Stepped(np.abs(a.value), (low, high), kinds, a.strayed, a.reach, a.format, a.loose)


def _monotone(
    a: Stepped,
    ufunc: np.ufunc,
    kinds: tuple[Array, Array, Array],
    lowest: float,
    units: float,
    exact: bool = False,
) -> Stepped:
    """A function that grows with a >= lowest; what kinds it may give is given, for numbers and all others."""
    low, high = (np.where(a.is_number, np.maximum(end, lowest), 1.0) for end in (a.low, a.high))
    ends = _ends_of([ufunc(low), ufunc(high)], a.is_number & (a.high >= lowest))
    # An end that is infinite, as log 0, is a kind.
    is_number = (ends[0] <= ends[1]) & (ends[1] > -np.inf) & (ends[0] < np.inf)
    huge = np.finfo(a.value.dtype).max
    ends = (
        np.where(is_number, np.maximum(ends[0], -huge), np.inf),
        np.where(is_number, np.minimum(ends[1], huge), -np.inf),
    )
    value = ufunc(a.value)
    reach = Reach.of(np.abs(value))
    return _settle(value, ends, kinds, a.strayed, reach, a.format, units, exact=exact, loose=a.loose)


def _sqrt(a: Stepped) -> Stepped:
    below = a.minus | (a.is_number & (a.low < 0))
    return _monotone(a, np.sqrt, (a.plus, np.zeros_like(a.nan), a.nan | below), 0, 1, exact=True)


def _exp(a: Stepped) -> Stepped:
    early = a.is_number & (a.high > EARLY * np.log(a.format.max))
    result = _monotone(a, np.exp, (a.plus | early, np.zeros_like(a.nan), a.nan), -np.inf, 2 * ULPS[np.exp])
    low = np.where(a.minus, np.minimum(result.low, 0), result.low)  # exp(-inf) is 0
    high = np.where(a.minus, np.maximum(result.high, 0), result.high)
    kinds = result.plus, result.minus, result.nan
    return Stepped(result.value, (low, high), kinds, result.strayed | early, result.reach, a.format, a.loose)


def _log(a: Stepped) -> Stepped:
    zero, below = a.is_number & (a.low <= 0) & (a.high >= 0), a.minus | (a.is_number & (a.low < 0))
    return _monotone(a, np.log, (a.plus, zero, a.nan | below), 0, 2 * ULPS[np.log])


def _log1p(a: Stepped) -> Stepped:
    zero, below = a.is_number & (a.low <= -1) & (a.high >= -1), a.minus | (a.is_number & (a.low < -1))
    return _monotone(a, np.log1p, (a.plus, zero, a.nan | below), -1, 2 * ULPS[np.log1p])


def _power(a: Stepped, b: Stepped) -> Stepped:
    # Of numbers >= 0, to a power that is as good as known.
    low, high = (np.where(a.is_number, np.maximum(end, 0), 1.0) for end in (a.low, a.high))
    powers = [base**exponent for base in (low, high) for exponent in (b.low, b.high)]
    zero = a.is_number & (a.low <= 0)
    falls, rises = b.value < 0, b.value > 0
    finite = [np.minimum(power, np.finfo(power.dtype).max) for power in powers]
    is_number = a.is_number & ~(falls & (a.high <= 0))
    ends = _ends_of(finite, is_number)
    vanishes = (a.plus & falls) | np.zeros_like(is_number)
    ends = (
        np.where(vanishes, np.minimum(ends[0], 0), ends[0]),
        np.where(vanishes, np.maximum(ends[1], 0), ends[1]),
    )
    kinds = (
        (a.plus & rises) | (zero & falls),
        np.zeros_like(is_number),
        a.nan | b.nan | a.minus | np.zeros_like(is_number),
    )
    value = a.value**b.value
    return _settle(
        value, ends, kinds, _strayed(a, b), Reach.of(np.abs(value)), a.format, 2 * ULPS[np.power], exact=False,
        loose=a.loose or b.loose,
    )  # fmt: skip


def _maximum(a: Stepped, b: Stepped) -> Stepped:
    nan = a.nan | b.nan
    plus = a.plus | b.plus
    minus = a.minus & b.minus
    numbers = a.is_number | b.is_number
    # The larger of a number and -inf is the number.
    low = np.maximum(np.where(a.is_number, a.low, -np.inf), np.where(b.is_number, b.low, -np.inf))
    high = np.maximum(a.high, b.high)
    certain = (~a.is_number & ~a.minus) | (~b.is_number & ~b.minus)  # one is inf or nan
    low = np.where(a.minus & b.is_number, np.minimum(low, b.low), low)
    low = np.where(b.minus & a.is_number, np.minimum(low, a.low), low)
    is_number = numbers & ~certain
    ends = np.where(is_number, low, np.inf), np.where(is_number, high, -np.inf)
    only_nan = (a.nan & ~(a.is_number | a.plus | a.minus)) | (b.nan & ~(b.is_number | b.plus | b.minus))
    kinds = plus & ~only_nan, minus & ~only_nan, nan
    return Stepped(
        np.maximum(a.value, b.value), ends, kinds, _strayed(a, b), a.reach.either(b.reach), a.format,
        a.loose or b.loose,
    )  # fmt: skip


def _minimum(a: Stepped, b: Stepped) -> Stepped:
    return _negative(_maximum(_negative(a), _negative(b)))


def _added(
    a: Stepped,
    along: Callable[[Array], Array],
    largest: Callable[[Array], Array],
    any_of: Callable[[Array], Array],
) -> tuple[Array, tuple[Array, Array], tuple[Array, Array, Array], Array]:
    """The sum of elements in their accumulator, in any order: value, ends, kinds, and whether it strays.

    Args:
        a: the terms.
        along: adds arrays.
        largest: counts the terms.
        any_of: whether any of some booleans is true.
    """
    accumulator = FORMATS[a.format.accumulator]
    certain = {
        "plus": any_of(a.plus & ~(a.is_number | a.minus | a.nan)),
        "minus": any_of(a.minus & ~(a.is_number | a.plus | a.nan)),
        "nan": any_of(a.nan & ~(a.is_number | a.plus | a.minus)),
    }
    is_number = ~any_of(~a.is_number)
    low, high = (np.where(a.is_number, end, 0) for end in (a.low, a.high))
    above, below = along(np.maximum(high, 0)), along(np.minimum(low, 0))
    size = above - below
    terms = largest(np.where(np.maximum(np.abs(low), np.abs(high)) > 0, 1, 0))
    roundoff = np.maximum(terms - 1, 0) * accumulator.unit_roundoff
    # Beyond 1 nothing is known; where the sum is exact in the format nothing is rounded off.
    off = np.where(
        terms > 1, np.where(roundoff < 1, roundoff / (1 - np.minimum(roundoff, 0.5)), np.inf) * size, 0
    )
    off = np.where(np.isfinite(off), off, size)
    sums = along(low), along(high)
    over, under = above + off > NEARLY * accumulator.max, below - off < -NEARLY * accumulator.max
    # Where all have one sign, what is beyond the range is infinite in every order.
    beyond = (
        (is_number & (sums[0] - off > accumulator.max) & (below == 0)),
        (is_number & (sums[1] + off < -accumulator.max) & (above == 0)),
    )
    if not a.loose:
        is_number = is_number & ~beyond[0] & ~beyond[1]
    plus, minus = any_of(a.plus) | over, any_of(a.minus) | under
    nan = any_of(a.nan) | (plus & minus)
    plus = plus & ~certain["minus"] & ~certain["nan"]
    minus = minus & ~certain["plus"] & ~certain["nan"]
    value = np.asarray(along(a.value))
    value = np.where(np.abs(value) > accumulator.max, np.copysign(np.inf, value), value)
    low, high = sums[0] - off, sums[1] + off
    # Terms that are not below 0 have no sum below 0.
    low, high = np.where(below == 0, np.maximum(low, 0), low), np.where(above == 0, np.minimum(high, 0), high)
    ends = np.where(is_number, low, np.inf), np.where(is_number, high, -np.inf)
    return value, ends, (plus, minus, nan), any_of(a.strayed) | over | under


def _sum(a: Stepped, axis: Any = None, keepdims: bool = False) -> Stepped:
    along = partial(np.sum, axis=axis, keepdims=keepdims)
    any_of = partial(np.any, axis=axis, keepdims=keepdims)
    value, ends, kinds, strayed = _added(a, along, along, any_of)
    same = a.format.accumulator == a.format.name
    reach = (
        a.reach.along(axis, keepdims, summed=True)
        if same
        else Reach.of(np.where(np.isfinite(value), np.abs(value), 0))
    )
    result = _settle(np.asarray(value), ends, kinds, strayed, reach, a.format, spacing=False, loose=a.loose)
    return _in_any_order(result, a.loose and same)


def _mean(a: Stepped) -> Stepped:
    value, ends, kinds, strayed = _added(a, np.sum, np.sum, np.any)
    count = a.size
    is_number = ends[0] <= ends[1]
    ends = np.where(is_number, ends[0] / count, np.inf), np.where(is_number, ends[1] / count, -np.inf)
    value = np.asarray(value) / count
    reach = Reach.of(np.where(np.isfinite(value), np.abs(value), 0))
    return _settle(value, ends, kinds, strayed, reach, a.format, 2, exact=False, loose=a.loose)


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


def _each(func: Callable[..., Array], a: Stepped, *args: Any, **kwargs: Any) -> Stepped:
    """Do to all that is known of the elements what `func` does to the values."""
    return Stepped.of((func(array, *args, **kwargs) for array in a.arrays), a.format, a.loose)


def _where(condition: Array, a: Any, b: Any) -> Stepped:
    home = a if isinstance(a, Stepped) else b
    a, b = home._operand(a), home._operand(b)
    chosen = (np.where(condition, *pair) for pair in zip(a.arrays, b.arrays))
    return Stepped.of(chosen, home.format, a.loose or b.loose)


def _concatenate(arrays: Sequence[Any], axis: int = 0) -> Stepped:
    home = next(array for array in arrays if isinstance(array, Stepped))
    parts = [home._operand(array) for array in arrays]
    groups = zip(*(part.arrays for part in parts))
    loose = any(part.loose for part in parts)
    return Stepped.of((np.concatenate(list(group), axis=axis) for group in groups), home.format, loose)


def _total(*terms: Any) -> Stepped:
    home = next(term for term in terms if isinstance(term, Stepped))
    parts = [home._operand(term) for term in terms]
    result = reduce(_add, parts)
    result.reach = reduce(Reach.plus, [part.reach for part in parts])
    return _in_any_order(result, True)


def _product(*factors: Any) -> Stepped:
    home = next(factor for factor in factors if isinstance(factor, Stepped))
    parts = [home._operand(factor) for factor in factors]
    result = reduce(_multiply, parts)
    result.reach = reduce(Reach.times, [part.reach for part in parts])
    return _in_any_order(result, True)


def _accumulated(a: Stepped, steps: Callable[[Stepped], Stepped]) -> Stepped:
    """Steps in the accumulator's format, fused as a kernel likes, and the result rounded."""
    wide = FORMATS[a.format.accumulator]
    result = steps(Stepped.of(a.arrays, wide, True))
    size = np.where(np.isfinite(result.value), np.abs(result.value), 0)
    return _settle(
        result.value, (result.low, result.high), (result.plus, result.minus, result.nan), result.strayed,
        Reach.of(size), a.format, exact=False, loose=a.loose,
    )  # fmt: skip


def _scatter(a: Stepped, index: Any, shape: tuple[int, ...]) -> Stepped:
    def added(array: Array) -> Array:
        return np.asarray(scatter(array, index, shape))

    def any_of(array: Array) -> Array:
        return added(np.asarray(array, dtype=np.int64)) > 0

    value, ends, kinds, strayed = _added(a, added, added, any_of)
    size = np.where(np.isfinite(value), np.abs(value), 0)
    reach = Reach(np.maximum(added(a.reach.largest), size), Reach.of(size).smallest)
    result = _settle(value, ends, kinds, strayed, reach, a.format, spacing=False, loose=a.loose)
    return _in_any_order(result, a.loose)


UFUNCS: dict[np.ufunc, Callable[..., Stepped]] = {
    np.add: _add,
    np.subtract: _subtract,
    np.multiply: _multiply,
    np.divide: _divide,
    np.negative: _negative,
    np.absolute: _absolute,
    np.sqrt: _sqrt,
    np.exp: _exp,
    np.log: _log,
    np.log1p: _log1p,
    np.power: _power,
    np.maximum: _maximum,
    np.minimum: _minimum,
}

Stepped.functions = {
    np.sum: _sum,
    np.mean: _mean,
    np.max: _max,
    np.where: _where,
    np.concatenate: _concatenate,
    number: lambda value, like: like._operand(value),
    total: _total,
    product: _product,
    scatter: _scatter,
    accumulated: _accumulated,
    with_derivative_of: lambda value, other: value,
    with_error_of: lambda value, other: other(),
    **{
        func: partial(_each, func)
        for func in (np.broadcast_to, np.expand_dims, np.reshape, np.take_along_axis)
    },
}
