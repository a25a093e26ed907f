"""Step-by-step arithmetic: arrays that know every result that a computation in a format may give.

Where a step overflows or meets an infinity, IEEE arithmetic goes on with inf or nan, and no error bound says
what comes of that. A `Stepped` array says it: each element is a range of numbers of the format, whether it
may be inf, -inf or nan instead, and whether something on the way to it left the range of the format. Formulas
run on it unchanged, as on `Tracked` numbers, and so does the chain rule. This module has the type and how it
is rounded; the rules are in `stepped_elementwise` and `stepped_sums`.

A step is rounded to the format, elementary functions as badly as is allowed. Terms may be added and factors
multiplied in any order, so a partial result that overflows in some order may do so here.

Source: IEEE 754-2019, sections 6.1 to 6.3 and 7; interval arithmetic as in IEEE 1788-2015.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache, reduce
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from .dispatch import Array, Numbers
from .formats import FORMATS, Format, promoted
from .integers import INTEGERS, Integers
from .partial_results import Reach

# Partial products and sums of sizes just below the largest number may overflow as they are rounded.
NEARLY = 0.99
# The type of what integers have no result of: torch's default dtype.
DEFAULT = FORMATS["float32"]
FRACTIONAL = (np.divide, np.sqrt, np.exp, np.log, np.log1p, np.power, np.hypot)


class Stepped(Numbers):
    """An array of what a step-by-step computation in a format may give; all attributes have its shape.

    Attributes:
        ufuncs: its rules for ufuncs.
        value: what it gives if each step is rounded to the nearest number. It decides which branch a formula
            takes.
        low, high: between what it is if it is a number; inf and -inf where it is none.
        plus, minus, nan: whether it may be inf, -inf or nan.
        strayed: whether a step on the way may overflow, or vanish although its exact result is not 0.
        reach: how large and small partial results may be in some order.
        format: whose numbers they are.
        loose: whether the order of the steps is open, as that of the chain rule is. Then what overflows in
            one order is a number in another: ranges reach beyond the largest number of the format.
    """

    __slots__ = ("_plain", "format", "high", "loose", "low", "minus", "nan", "plus", "reach", "strayed")

    ufuncs: ClassVar[dict[np.ufunc, Callable[..., Stepped]]] = {}
    stepwise = True
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
        plain: bool | None = None,
    ) -> None:
        self.value = value
        self.loose = loose
        self._plain = plain
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
    def of(cls, arrays: Iterable[Array], format: Format, loose: bool, plain: bool | None = None) -> Stepped:
        """Elements of which this is known, in the order of `arrays`; `plain` if that is known, too."""
        value, low, high, plus, minus, nan, strayed, largest, smallest = map(np.asarray, arrays)
        reach = Reach(largest, smallest)
        return cls(value, (low, high), (plus, minus, nan), strayed, reach, format, loose, plain)

    def in_open_order(self) -> Stepped:
        """The same numbers, from which steps follow whose order is open."""
        return Stepped.of(self.arrays, self.format, True, self._plain)

    @property
    def plain(self) -> bool:
        """Whether each element is a number, and can be nothing else."""
        if self._plain is None:
            self._plain = bool((self.is_number & ~(self.plus | self.minus | self.nan)).all())
        return self._plain

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
    def least(self) -> Array:
        """What an element is at least, as far as that is known."""
        return np.where(self.minus | self.nan, -np.inf, self.low)

    @property
    def most(self) -> Array:
        """What an element is at most, as far as that is known."""
        return np.where(self.plus | self.nan, np.inf, self.high)

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
        return self.each(lambda array: array[index])

    def each(self, func: Callable[..., Array], *args: Any, **kwargs: Any) -> Stepped:
        """Do to all that is known of the elements what `func` does to the values."""
        arrays = [func(array, *args, **kwargs) for array in self.arrays]
        # A part may be plain where the whole is not.
        return Stepped.of(arrays, self.format, self.loose, self._plain or None)

    def __repr__(self) -> str:
        kinds = (self.plus, self.minus, self.nan)
        return f"Stepped([{self.low!r}, {self.high!r}], inf, -inf, nan={kinds!r}, {self.format.name})"

    def apply(self, ufunc: np.ufunc, operands: Sequence[Any]) -> Any:
        """The result of a ufunc, or NotImplemented where there is no rule for it."""
        rule = self.ufuncs.get(ufunc)
        if rule is None:
            return NotImplemented
        result = rule(*alike(operands, fractional=ufunc in FRACTIONAL))
        return wrapped(result) if isinstance(result.format, Integers) else result

    def operand(self, operand: Any) -> Stepped:
        """Make an operand of numbers: arrays are exact, a Python number is rounded to the format."""
        if isinstance(operand, Stepped):
            return operand
        if type(operand) in (int, float) and operand:  # 0.0 and -0.0 are one key
            return _constant(operand, self.format)
        exact = isinstance(operand, np.ndarray)
        return stepped(operand if exact else scalar(operand, self.format), self.format)

    def in_format(self, format: Format) -> Stepped:
        """The same numbers in another format, rounded where that does not have them."""
        if format is self.format or format == self.format:
            return self
        arrays = [x.astype(format.wide) if x.dtype.kind == "f" else x for x in self.arrays]
        a = Stepped.of(arrays, format, self.loose)
        if not isinstance(self.format, Integers) and promoted(self.format, format) == format:
            return a
        ends, kinds = (a.low, a.high), (a.plus, a.minus, a.nan)
        return settle(a.value, ends, kinds, a.strayed, a.reach, format, loose=a.loose)


def stepped(array: npt.ArrayLike, format: Format) -> Stepped:
    """Start step-by-step arithmetic with numbers of a format; any shape, any real dtype."""
    value = np.asarray(array).astype(format.wide)
    finite, nothing = np.isfinite(value), np.zeros(value.shape, dtype=bool)
    ends = np.where(finite, value, np.inf), np.where(finite, value, -np.inf)
    kinds = value == np.inf, value == -np.inf, np.isnan(value)
    return Stepped(value, ends, kinds, nothing, Reach.of(np.abs(value)), format)


def scalar(number: float, format: Format) -> Array:
    """A Python number as a step takes it: rounded to the format, or as it is beyond the format's range.

    Source: torch's kernels take scalars in the type in which they compute, float32 for half precision
    (at::opmath_type). So a count of 65,520 is no infinity in float16.
    """
    nearest = format.nearest(number)
    beyond = math.isfinite(number) and not np.all(np.isfinite(nearest))
    return np.asarray(number, dtype=format.wide) if beyond else nearest


@lru_cache
def _constant(number: float, format: Format) -> Stepped:
    return stepped(scalar(number, format), format)


def alike(operands: Sequence[Any], *, fractional: bool = False) -> list[Stepped]:
    """Operands of one step in the type to which torch promotes them.

    Args:
        operands: at least one of them `Stepped`.
        fractional: whether the step has no integer results, so that integers become floating-point numbers.

    Source: the documentation of torch.result_type. A number, and a tensor without axes beside one with axes,
    counts only where it is of a higher category.
    """
    given = [operand for operand in operands if isinstance(operand, Stepped)]
    form = given[0].format
    if isinstance(form, Integers) or any(a.format is not form and a.format != form for a in given):
        ranked = [[a.format for a in given if a.ndim], [a.format for a in given if not a.ndim]]
        ranked.append([DEFAULT] * (fractional or any(isinstance(x, float) for x in operands)))
        form = reduce(_joined, (reduce(_promoted, formats) for formats in ranked if formats))
    home = given[0].in_format(form)
    found: dict[int, Stepped] = {}  # a factor of itself stays the same object
    for operand in operands:
        numbers = operand.in_format(form) if isinstance(operand, Stepped) else home.operand(operand)
        found.setdefault(id(operand), numbers)
    return [found[id(operand)] for operand in operands]


def _promoted(a: Format, b: Format) -> Format:
    if isinstance(a, Integers) and isinstance(b, Integers):
        return a if a == b else INTEGERS[np.promote_types(a.name, b.name).name]
    return b if isinstance(a, Integers) else a if isinstance(b, Integers) else promoted(a, b)


def _joined(a: Format, b: Format) -> Format:
    """The type of tensors of one type with axes, beside some of another without."""
    return b if isinstance(a, Integers) and (not isinstance(b, Integers) or a.name == "bool") else a


def wrapped(a: Stepped) -> Stepped:
    """Results of integers, less what their type does not hold."""
    within = a.format.wrapped  # type: ignore[attr-defined]  # of integers
    ends, kinds = (within(a.low), within(a.high)), (a.plus, a.minus, a.nan)
    return Stepped(within(a.value), ends, kinds, a.strayed, a.reach, a.format, a.loose)


def _number_between(value: Array, low: Array, high: Array, format: Format, strayed: Array) -> Stepped:
    nothing = np.zeros(value.shape, dtype=bool)
    size = np.maximum(np.abs(low), np.abs(high))
    return Stepped(value, (low, high), (nothing, nothing, nothing), strayed, Reach.of(size), format)


def _rounded(value: Array, format: Format) -> Array:
    if isinstance(format, Integers):
        return value
    if format.name == "bfloat16":
        return format.nearest(value).astype(value.dtype)
    with np.errstate(over="ignore"):
        narrow: Array = value.astype(format.name).astype(value.dtype)
        return narrow


def settle(
    value: Array,
    ends: tuple[Array, Array],
    kinds: tuple[Array, Array, Array] | None,
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
        kinds: whether it may be inf, -inf or nan, because of its operands; None if it may not.
        strayed: whether a step before strayed.
        reach: of partial results, those of this step included.
        format: to which it is rounded.
        units: how many roundings.
        exact: whether a result that the format has is not rounded.
        spacing: whether a tiny result is rounded, too; sums are exact below the normal range.
        loose: whether the order of the steps is open.
    """
    low, high = ends
    is_number = low <= high
    exact = exact and not loose  # in another order other partial results are rounded
    fits = (format.has(low), format.has(high)) if exact else (False, False)
    if exact and np.all(fits[0] & fits[1]):
        wide_low, wide_high = low, high
    else:
        step = units * format.smallest_subnormal if spacing else 0.0
        roundoff = units * format.unit_roundoff
        wide_low = np.where((low == 0) | fits[0], low, low - (roundoff * np.abs(low) + step))
        wide_high = np.where((high == 0) | fits[1], high, high + (roundoff * np.abs(high) + step))
        # A rounding does not cross 0.
        wide_low = np.where((low > 0) & (wide_low < 0), 0.0, wide_low)
        wide_high = np.where((high < 0) & (wide_high > 0), 0.0, wide_high)
    over, under = is_number & (wide_high > format.max), is_number & (wide_low < -format.max)
    plain = kinds is None and bool((is_number & ~(over | under)).all())
    if kinds is None:
        nothing = np.zeros(is_number.shape, dtype=bool)
        kinds = (nothing, nothing, nothing) if plain else (over, under, nothing)
    else:
        kinds = kinds[0] | over, kinds[1] | under, kinds[2]
    if not plain:
        # What is below is rounded to the largest number.
        edge = value.dtype.type(format.max) * (1 + value.dtype.type(format.unit_roundoff / 2))
        none = ~is_number
        if not loose:
            none = none | (wide_low >= edge) | (wide_high <= -edge)
            wide_low, wide_high = (np.clip(end, -format.max, format.max) for end in (wide_low, wide_high))
        wide_low, wide_high = np.where(none, np.inf, wide_low), np.where(none, -np.inf, wide_high)
        strayed = strayed | over | under
    size = np.maximum(np.abs(wide_low), np.abs(wide_high))
    size = size if plain else np.where(none, 0, size)
    vanished = is_number & (wide_low <= 0) & (wide_high >= 0) & ((low > 0) | (high < 0))
    reach = reach.joined(size) if loose else Reach.of(size)
    ends = wide_low, wide_high
    return Stepped(
        _rounded(value, format), ends, kinds, strayed | vanished, reach, format, loose, plain or None
    )


def in_any_order(a: Stepped, loose: bool) -> Stepped:
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
