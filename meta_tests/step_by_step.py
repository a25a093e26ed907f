"""A loss as some library may compute it: each step rounded to the format, as badly as is allowed.

The oracle's formulas run unchanged on `Rounded` arrays. What an implementation is free to choose (the
order of a sum, the last bits of an exponential, dividing or multiplying by a reciprocal) is drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any

import numpy as np

from conformance.bounds import Numbering, oracle_arguments
from conformance.losses import Loss
from reference import FORMATS, Array, Format, Tracked, Variable
from reference.dispatch import number, product, scatter, total, with_derivative_of, with_error_of
from reference.partial_results import Reach
from reference.tracked import ULPS
from strategies import Case


class Rounded(Tracked):
    """Numbers of a format, with operations as a library may carry them out.

    It is a `Tracked` array, with no error to tell of, for the formulas to take it as an array.

    Attributes:
        rng: what the library's choices are drawn from.
    """

    __slots__ = ("rng",)

    def __init__(self, value: Array, format: Format, rng: np.random.Generator) -> None:
        nothing = np.zeros_like(value)
        super().__init__(
            np.asarray(value, dtype=np.float64), nothing, nothing, Reach(nothing, nothing), format
        )
        self.rng = rng

    def rounded(self, value: Array) -> Rounded:
        """Other numbers of the same format, rounded to it."""
        return type(self)(self.format.nearest(value), self.format, self.rng)

    def around(self, value: Array, error: Array) -> Rounded:
        """A derivative at a kink, where it may be any."""
        return self.rounded(value)

    def __getitem__(self, index: Any) -> Rounded:
        return type(self)(self.value[index], self.format, self.rng)

    def apply(self, ufunc: np.ufunc, operands: Sequence[Any]) -> Rounded:
        """The result of a ufunc, rounded, and elementary functions as badly as is allowed."""
        values = [self._operand(operand).value for operand in operands]
        return self.rounded(self._elementary(ufunc, values) if ufunc in ULPS else ufunc(*values))

    def _operand(self, operand: Any) -> Rounded:
        """Make an operand rounded: arrays are exact, a number is rounded to the format if it is in range."""
        if isinstance(operand, Rounded):
            return operand
        exact = isinstance(operand, np.ndarray) or self.format.max < abs(operand) < np.inf
        value = np.asarray(operand) if exact else self.format.nearest(operand)
        return type(self)(value, self.format, self.rng)

    def _elementary(self, ufunc: np.ufunc, operands: list[Array]) -> Array:
        """An elementary function, some ulps off, though not beyond zero."""
        value = ufunc(*(np.asarray(operand, dtype=np.longdouble) for operand in operands))
        _, exponent = np.frexp(value)
        ulp = np.ldexp(
            np.longdouble(1), np.maximum(exponent, self.format.min_exponent + 1) - self.format.digits
        )
        # The rounding that follows takes the last half of an ulp.
        ulps = (ULPS[ufunc] - 0.5) * self.rng.choice([-1, 0, 1], np.shape(value))
        moved = np.where(np.isfinite(value) & (value != 0), value + ulps * ulp, value)
        return np.where(np.sign(moved) == -np.sign(value), 0, moved)

    def __array_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Any:
        if any(issubclass(other, Variable) for other in types):
            return NotImplemented
        if func in self.functions:
            return self.functions[func](*args, **kwargs)
        return self.rounded(func(*map(_numbers, args), **kwargs))  # moves numbers, or takes the largest


class Bare(Rounded):
    """The same, without what the oracle's chain rule does about 0 times infinity: it is nan."""

    __slots__ = ()

    stepwise = True


def _numbers(operand: Any) -> Any:
    if isinstance(operand, list):
        return [_numbers(element) for element in operand]
    return operand.value if isinstance(operand, Tracked) else operand


def _one_by_one(terms: Array, accumulator: Format) -> Array:
    """The sum of one or more terms along the first axis, in their order."""
    if accumulator.name == "bfloat16":  # NumPy has none
        return np.asarray(reduce(lambda x, y: accumulator.nearest(x + y), terms))
    return np.asarray(np.add.accumulate(terms.astype(accumulator.name))[-1])  # np.sum adds in its own order


def _accumulated(a: Rounded, axis: Any = None) -> Array:
    """The sum along axes in the accumulator's format: in any order, one by one or pair by pair."""
    axes = range(a.ndim) if axis is None else np.atleast_1d(axis)
    rest = np.moveaxis(a.value, axes, range(-len(axes), 0))
    terms = rest.reshape(*rest.shape[: a.ndim - len(axes)], int(np.prod([a.shape[i] for i in axes])))
    terms = terms[..., a.rng.permutation(terms.shape[-1])]
    accumulator = FORMATS[a.format.accumulator]
    if terms.shape[-1] == 0:
        return np.sum(terms, axis=-1)
    if a.rng.integers(2):
        return _one_by_one(np.moveaxis(terms, -1, 0), accumulator)
    while terms.shape[-1] > 1:
        pairs = terms.shape[-1] // 2
        added = accumulator.nearest(terms[..., :pairs] + terms[..., pairs : 2 * pairs])
        terms = np.concatenate([added, terms[..., 2 * pairs :]], axis=-1)
    return terms[..., 0]


def _sum(a: Rounded, axis: Any = None, keepdims: bool = False) -> Rounded:
    value = a.rounded(_accumulated(a, axis)).value
    if keepdims:
        value = np.expand_dims(value, tuple(range(a.ndim)) if axis is None else axis)
    return type(a)(value, a.format, a.rng)


def _mean(a: Rounded) -> Rounded:
    accumulated = _accumulated(a).astype(np.float64)
    narrow = a.format.nearest(accumulated)
    # The sum may be rounded before it is divided, unless that would overflow.
    total = narrow if a.rng.integers(2) and np.isfinite(narrow) else accumulated
    if a.rng.integers(2):
        return a.rounded(total / a.size)
    return a.rounded(total * a.format.nearest(1 / a.size))


def _total(*terms: Any) -> Any:
    """Add a few terms in a drawn order."""
    home = next(term for term in terms if isinstance(term, Rounded))
    first, *others = (terms[i] for i in home.rng.permutation(len(terms)))
    for term in others:
        first = first + term
    return home._operand(first)


def _product(*factors: Any) -> Any:
    """Multiply a few factors in a drawn order."""
    home = next(factor for factor in factors if isinstance(factor, Rounded))
    return reduce(np.multiply, [factors[i] for i in home.rng.permutation(len(factors))])


def _scatter(a: Rounded, index: Any, shape: tuple[int, ...]) -> Rounded:
    accumulator = FORMATS[a.format.accumulator]
    if accumulator.name != "bfloat16":
        accumulated = np.zeros(shape, dtype=accumulator.name)
        np.add.at(accumulated, index, a.value.astype(accumulator.name))  # one by one
        return a.rounded(accumulated)
    accumulated = np.zeros(shape, dtype=object)
    np.frompyfunc(lambda x, y: accumulator.nearest(x + y), 2, 1).at(
        accumulated, index, a.value.astype(object)
    )
    return a.rounded(accumulated.astype(np.float64))


Rounded.functions = {
    np.sum: _sum,
    np.mean: _mean,
    number: Tracked.functions[number],
    total: _total,
    product: _product,
    scatter: _scatter,
    with_derivative_of: Tracked.functions[with_derivative_of],
    with_error_of: lambda value, other: other(),
}


def rounding(rng: np.random.Generator, kind: type[Rounded] = Rounded) -> Numbering:
    """Make numbers with which some library computes; `rng` draws what it is free to choose."""
    return lambda array, form: kind(array, form, rng)


@np.errstate(all="ignore")
def step_by_step(loss: Loss, case: Case, rng: np.random.Generator) -> Array:
    """What some library returns for a case; numbers of the case's format, as float64."""
    result = loss.oracle(**oracle_arguments(case, rounding(rng)))
    return np.asarray(_numbers(result), dtype=np.float64)
