"""Step-by-step arithmetic, element by element: the rules of `Stepped` numbers for ufuncs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np

from .dispatch import Array
from .partial_results import Reach
from .stepped import Stepped, in_any_order, settle
from .tracked import ULPS

# exp is approximated so that it overflows up to 0.5 % below the logarithm of the largest number.
EARLY = 0.995


def _add(a: Stepped, b: Stepped) -> Stepped:
    loose = a.loose or b.loose
    reach = a.reach.plus(b.reach) if loose else a.reach
    value, strayed, form = a.value + b.value, a.strayed | b.strayed, a.format
    if a.plain and b.plain:
        ends = a.low + b.low, a.high + b.high
        result = settle(value, ends, None, strayed, reach, form, spacing=False, loose=loose)
        return in_any_order(result, loose)
    plus = (a.plus & (b.is_number | b.plus)) | (b.plus & (a.is_number | a.plus))
    minus = (a.minus & (b.is_number | b.minus)) | (b.minus & (a.is_number | a.minus))
    nan = a.nan | b.nan | (a.plus & b.minus) | (a.minus & b.plus)
    both = a.is_number & b.is_number
    ends = np.where(both, a.low + b.low, np.inf), np.where(both, a.high + b.high, -np.inf)
    result = settle(value, ends, (plus, minus, nan), strayed, reach, form, spacing=False, loose=loose)
    return in_any_order(result, loose)


def _negative(a: Stepped) -> Stepped:
    if a.plain:
        kinds = a.minus, a.plus, a.nan
        return Stepped(-a.value, (-a.high, -a.low), kinds, a.strayed, a.reach, a.format, a.loose, True)
    low, high = np.where(a.is_number, -a.high, np.inf), np.where(a.is_number, -a.low, -np.inf)
    return Stepped(-a.value, (low, high), (a.minus, a.plus, a.nan), a.strayed, a.reach, a.format, a.loose)


def _subtract(a: Stepped, b: Stepped) -> Stepped:
    return _add(a, _negative(b))


def _ends_of(candidates: Sequence[Array], is_number: Array) -> tuple[Array, Array]:
    low, high = reduce(np.minimum, candidates), reduce(np.maximum, candidates)
    return np.where(is_number, low, np.inf), np.where(is_number, high, -np.inf)


@dataclass(slots=True)  # not frozen: every product makes two
class _Factor:
    """What a factor may be, as far as infinite products depend on it; above and below 0 may be infinite."""

    plus: Array
    minus: Array
    nan: Array
    above: Array
    below: Array
    zero: Array

    @classmethod
    def of(cls, a: Stepped) -> _Factor:
        above, below = a.plus | (a.high > 0), a.minus | (a.low < 0)
        return cls(a.plus, a.minus, a.nan, above, below, (a.low <= 0) & (a.high >= 0))

    @classmethod
    def reciprocal(cls, b: Stepped) -> _Factor:
        """One over a number, which is infinite where that may be 0."""
        zero = (b.low <= 0) & (b.high >= 0)
        # A divisor of 0 counts as positive, unless the format says -0.
        plus = zero & ~(np.signbit(b.value) & (b.value == 0)) & ((b.high > 0) | (b.low == 0))
        minus = zero & (~plus | (b.low < 0))
        return cls(plus, minus, b.nan, plus | (b.high > 0), minus | (b.low < 0), b.plus | b.minus)

    def times(self, other: _Factor) -> tuple[Array, Array, Array]:
        """Whether a product may be inf, -inf or nan, because a factor is."""
        a, b = self, other
        plus = (a.plus & b.above) | (a.minus & b.below) | (b.plus & a.above) | (b.minus & a.below)
        minus = (a.plus & b.below) | (a.minus & b.above) | (b.plus & a.below) | (b.minus & a.above)
        undefined = ((a.plus | a.minus) & b.zero) | ((b.plus | b.minus) & a.zero)
        return plus, minus, a.nan | b.nan | undefined


def _is_zero(a: Stepped) -> Array:
    return np.asarray((a.low == 0) & (a.high == 0) & ~(a.plus | a.minus | a.nan))


def _multiply(a: Stepped, b: Stepped) -> Stepped:
    plain = a.plain and b.plain
    al, ah, bl, bh = a.low, a.high, b.low, b.high
    if not plain:
        both = a.is_number & b.is_number
        al, ah, bl, bh = (np.where(both, end, 0) for end in (al, ah, bl, bh))
    candidates = [al * al, ah * ah] if a is b else [al * bl, al * bh, ah * bl, ah * bh]
    if a is b:  # a square is not below 0
        candidates.append(np.where((al <= 0) & (ah >= 0), 0, al * al))
    loose = a.loose or b.loose
    reach = a.reach.times(b.reach) if loose else a.reach
    if plain:
        kinds, ends = None, (reduce(np.minimum, candidates), reduce(np.maximum, candidates))
    else:
        kinds, ends = _Factor.of(a).times(_Factor.of(b)), _ends_of(candidates, both)
    if loose:  # nothing times infinity may also be left out before it is multiplied
        left_out = _is_zero(a) | _is_zero(b)
        ends = np.where(left_out, 0, ends[0]), np.where(left_out, 0, ends[1])
    strayed = a.strayed | b.strayed
    result = settle(a.value * b.value, ends, kinds, strayed, reach, a.format, loose=loose)
    return in_any_order(result, loose)


def _divide(a: Stepped, b: Stepped) -> Stepped:
    loose, huge = a.loose or b.loose, np.finfo(a.low.dtype).max
    # The divisors below 0 and those above it, the smallest of which is the smallest of the format.
    least = a.format.smallest_subnormal
    plain = a.plain and b.plain and bool(((b.low >= least) | (b.high <= -least)).all())
    al, ah, bl, bh = a.low, a.high, b.low, b.high
    kinds: tuple[Array, Array, Array] | None = None
    if plain:
        quotients = [end / divisor for end in (al, ah) for divisor in (bl, bh)]
        ends = reduce(np.minimum, quotients), reduce(np.maximum, quotients)
        ends = np.clip(ends[0], -huge, huge), np.clip(ends[1], -huge, huge)
    else:
        both = a.is_number & b.is_number & ((bl < 0) | (bh > 0))
        al, ah, bl, bh = (np.where(both, end, 1) for end in (al, ah, bl, bh))
        below, above = (bl, np.minimum(bh, -least)), (np.maximum(bl, least), bh)
        divisors = [
            *(np.where(bl < 0, end, other) for end, other in zip(below, above)),
            *(np.where(bh > 0, end, other) for end, other in zip(above, below)),
        ]
        quotients = [np.clip(end / divisor, -huge, huge) for end in (al, ah) for divisor in divisors]
        low, high = _ends_of(quotients, both)
        vanishes = a.is_number & (b.plus | b.minus)  # a number / inf
        ends = np.where(vanishes, np.minimum(low, 0), low), np.where(vanishes, np.maximum(high, 0), high)
        kinds = _Factor.of(a).times(_Factor.reciprocal(b))
    reach = a.reach
    if loose:
        sizes = np.abs(bl), np.abs(bh)
        zero = (b.low <= 0) & (b.high >= 0)
        reach = a.reach.over(np.where(zero, 0, np.minimum(*sizes)), np.maximum(*sizes))
    result = settle(a.value / b.value, ends, kinds, a.strayed | b.strayed, reach, a.format, loose=loose)
    return in_any_order(result, loose)


def _absolute(a: Stepped) -> Stepped:
    zero = (a.low <= 0) & (a.high >= 0)
    sizes = np.abs(a.low), np.abs(a.high)
    low, high = (np.minimum(*sizes), np.maximum(*sizes)) if a.plain else _ends_of(sizes, a.is_number)
    low = np.where(zero, 0, low)
    kinds = a.plus | a.minus, np.zeros_like(a.nan), a.nan
    plain = a.plain or None
    return Stepped(np.abs(a.value), (low, high), kinds, a.strayed, a.reach, a.format, a.loose, plain)


def _hypot(a: Stepped, b: Stepped) -> Stepped:
    a, b = _absolute(a), _absolute(b)
    numbers = a.is_number & b.is_number
    ends = (
        np.where(numbers, np.hypot(a.low, b.low), np.inf),
        np.where(numbers, np.hypot(a.high, b.high), -np.inf),
    )
    kinds = a.plus | b.plus, np.zeros_like(a.nan), a.nan | b.nan
    return settle(
        np.hypot(a.value, b.value), ends, kinds, a.strayed | b.strayed, a.reach.either(b.reach), a.format,
        2 * ULPS[np.hypot], loose=a.loose or b.loose,
    )  # fmt: skip


def _monotone(
    a: Stepped,
    func: Callable[[Array], Array],
    kinds: tuple[Array, Array, Array],
    lowest: float,
    units: float,
    exact: bool = False,
) -> Stepped:
    """A function that grows with a >= lowest; what kinds it may give is given, for numbers and all others."""
    low, high = (np.where(a.is_number, np.maximum(end, lowest), 1.0) for end in (a.low, a.high))
    ends = _ends_of([func(low), func(high)], a.is_number & (a.high >= lowest))
    # An end that is infinite, as log 0, is a kind.
    is_number = (ends[0] <= ends[1]) & (ends[1] > -np.inf) & (ends[0] < np.inf)
    huge = np.finfo(a.value.dtype).max
    ends = (
        np.where(is_number, np.maximum(ends[0], -huge), np.inf),
        np.where(is_number, np.minimum(ends[1], huge), -np.inf),
    )
    value = func(a.value)
    reach = Reach.of(np.abs(value))
    return settle(value, ends, kinds, a.strayed, reach, a.format, units, exact=exact, loose=a.loose)


def _sqrt(a: Stepped) -> Stepped:
    below = a.minus | (a.is_number & (a.low < 0))
    return _monotone(a, np.sqrt, (a.plus, np.zeros_like(a.nan), a.nan | below), 0, 1, exact=True)


def _exp(a: Stepped) -> Stepped:
    def positive(x: Array) -> Array:
        """The exponential, which is never 0, though it may be rounded to 0."""
        result = np.maximum(np.exp(x), np.finfo(x.dtype).smallest_subnormal)
        return np.where(x == -np.inf, 0, result)

    early = a.is_number & (a.high > EARLY * np.log(a.format.max))
    result = _monotone(a, positive, (a.plus | early, np.zeros_like(a.nan), a.nan), -np.inf, 2 * ULPS[np.exp])
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
    return settle(
        value, ends, kinds, a.strayed | b.strayed, Reach.of(np.abs(value)), a.format, 2 * ULPS[np.power],
        exact=False, loose=a.loose or b.loose,
    )  # fmt: skip


def _maximum(a: Stepped, b: Stepped) -> Stepped:
    loose = a.loose or b.loose
    value, strayed = np.maximum(a.value, b.value), a.strayed | b.strayed
    reach = a.reach.either(b.reach)
    if a.plain and b.plain:
        ends = np.maximum(a.low, b.low), np.maximum(a.high, b.high)
        nothing = a.nan | b.nan
        return Stepped(value, ends, (nothing, nothing, nothing), strayed, reach, a.format, loose, True)
    # The larger of a number and -inf is the number.
    chosen = [x.is_number & (y.is_number | y.minus) for x, y in ((a, b), (b, a))]
    is_number = chosen[0] | chosen[1]
    alone = [np.where(x.is_number & y.minus, x.low, np.inf) for x, y in ((a, b), (b, a))]
    both = np.where(a.is_number & b.is_number, np.maximum(a.low, b.low), np.inf)
    low = reduce(np.minimum, [both, *alone])
    high = np.maximum(np.where(chosen[0], a.high, -np.inf), np.where(chosen[1], b.high, -np.inf))
    ends = np.where(is_number, low, np.inf), np.where(is_number, high, -np.inf)
    comparable = [x.is_number | x.plus | x.minus for x in (a, b)]
    plus = (a.plus & comparable[1]) | (b.plus & comparable[0])
    kinds = plus, a.minus & b.minus, a.nan | b.nan
    return Stepped(value, ends, kinds, strayed, reach, a.format, loose)


def _minimum(a: Stepped, b: Stepped) -> Stepped:
    return _negative(_maximum(_negative(a), _negative(b)))


Stepped.ufuncs = {
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
    np.hypot: _hypot,
}
