"""Derivatives: arrays that remember how they were computed, and the gradients that follow from it.

A formula that runs on a `Variable` leaves a record of its operations. `gradients` goes through the record
backwards and applies the chain rule (reverse accumulation: A. Griewank and A. Walther, *Evaluating
Derivatives*, 2nd ed., chapter 3). What it multiplies and adds are the numbers that the variables hold: of
`Tracked` numbers it gives the gradient and a bound on its rounding error; of variables it gives variables,
so that gradients can be differentiated again.

At a kink any element of the subdifferential is right. There, and where rounding leaves open on which side
of the kink a computation is, the derivative is the middle of what it may be, and its error reaches to the
ends. A kink is not differentiated again.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from functools import reduce
from typing import Any, TypeAlias

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from .dispatch import (
    Array,
    Numbers,
    in_type_of,
    number,
    product,
    scatter,
    total,
    with_derivative_of,
    with_error_of,
    with_partials,
    with_pull,
)
from .slopes import DERIVATIVES, innermost, one_of, where_it_contributes
from .stepped import Stepped
from .tracked import Tracked

Pull: TypeAlias = Callable[[Any], Any]

_clock = itertools.count()


class Variable(Numbers):
    """An array with a record of how it was computed.

    Attributes:
        value: the numbers: an array, `Tracked`, or `Variable`.
        pulls: the variables it was computed from, each with the function that takes the derivative of
            something by this variable to that by the other.
        born: counts variables in the order they were made.
    """

    __slots__ = ("born", "pulls")

    rank = 1

    def __init__(self, value: Any, pulls: Iterable[tuple[Variable, Pull]] = ()) -> None:
        self.value = value
        self.pulls = tuple(pulls)
        self.born = next(_clock)

    def __repr__(self) -> str:
        return f"Variable({self.value!r})"

    def __getitem__(self, index: Any) -> Variable:
        return _linear(self, self.value[index], lambda c: scatter(c, index, self.shape))

    def apply(self, ufunc: np.ufunc, operands: Sequence[Any]) -> Any:
        """The result of a ufunc, or NotImplemented where its derivative is not tabled."""
        derivatives = DERIVATIVES.get(ufunc)
        if derivatives is None:
            return NotImplemented
        values = [_value(operand) for operand in operands]
        result = ufunc(*values)

        def pull(derivative: Callable[..., Any], shape: tuple[int, ...]) -> Pull:
            return lambda c: _fitted(where_it_contributes(c, derivative(c, result, *values)), shape)

        return Variable(
            result,
            [
                (operand, pull(derivative, operand.shape))
                for operand, derivative in zip(operands, derivatives)
                if isinstance(operand, Variable)
            ],
        )


def gradients(output: Variable, upstream: Any, variables: Sequence[Variable]) -> list[Any]:
    """Gradients of sum(upstream * output).

    Args:
        output: computed from the variables; any shape.
        upstream: the shape of `output`.
        variables: by which to differentiate.

    Returns:
        For each variable an array, `Tracked` or `Variable`, whatever the variables hold, of its shape; zeros
        where `output` does not depend on it. An element whose upstream derivative is exactly 0
        contributes 0, also where its own derivative is infinite or nan.
    """
    contributions: dict[int, list[Any]] = {output.born: [upstream]}
    adjoints: dict[int, Any] = {}
    for variable in _youngest_first(output):
        # In which order contributions are added is not documented.
        adjoint = adjoints[variable.born] = total(*contributions[variable.born])
        for parent, pull in variable.pulls:
            # A gradient has the type of what it is by.
            contributions.setdefault(parent.born, []).append(in_type_of(pull(adjoint), parent.value))
    return [adjoints[v.born] if v.born in adjoints else _zeros(v.value) for v in variables]


def _youngest_first(output: Variable) -> list[Variable]:
    """All that a variable was computed from, itself included, each after all that came of it."""
    found = {output.born: output}
    waiting = [output]
    while waiting:
        for parent, _ in waiting.pop().pulls:
            if parent.born not in found:
                found[parent.born] = parent
                waiting.append(parent)
    return [found[born] for born in sorted(found, reverse=True)]


def _value(operand: Any) -> Any:
    return operand.value if isinstance(operand, Variable) else operand


def _zeros(like: Any) -> Any:
    return np.where(np.full(like.shape, True), 0.0, like)


def _fitted(c: Any, shape: tuple[int, ...]) -> Any:
    """Undo broadcasting: sum over the axes along which an operand of a shape was repeated."""
    if c.shape == shape:
        return c
    lead = c.ndim - len(shape)
    repeated = tuple(lead + i for i, n in enumerate(shape) if n == 1 and c.shape[lead + i] != 1)
    return np.reshape(np.sum(c, axis=(*range(lead), *repeated)), shape)


def _linear(a: Variable, value: Any, pull: Pull) -> Variable:
    return Variable(value, [(a, pull)])


def _sum(a: Variable, axis: Any = None, keepdims: bool = False) -> Variable:
    axes = range(a.ndim) if axis is None else normalize_axis_tuple(axis, a.ndim)
    kept = tuple(1 if i in axes else n for i, n in enumerate(a.shape))

    def pull(c: Any) -> Any:
        return np.broadcast_to(np.reshape(c, kept), a.shape)

    return _linear(a, np.sum(a.value, axis=axis, keepdims=keepdims), pull)


def _mean(a: Variable) -> Variable:
    def pull(c: Any) -> Any:
        # Dividing by the count, or multiplying by its rounded reciprocal: two roundings at most.
        return np.broadcast_to(c * (number(1.0, c) / a.size), a.shape)

    return _linear(a, np.mean(a.value), pull)


def _max(a: Variable, axis: Any = None, keepdims: bool = False) -> Variable:
    largest = np.max(innermost(a), axis=axis, keepdims=True)
    numbers = innermost(a)
    if isinstance(numbers, Stepped):
        open_to = numbers.most >= np.max(numbers.least, axis=axis, keepdims=True)
    elif isinstance(numbers, Tracked):
        open_to = numbers.value >= largest.value - numbers.error - largest.error
    else:
        open_to = numbers >= largest
    only = np.count_nonzero(open_to, axis=axis, keepdims=True) == 1
    share = one_of(numbers, 0, 1, ~open_to, open_to & only)

    def pull(c: Any) -> Any:
        return np.reshape(c, largest.shape) * share

    return _linear(a, np.max(a.value, axis=axis, keepdims=keepdims), pull)


def _where(condition: Array, a: Any, b: Any) -> Variable:
    def pull(chosen: Array, shape: tuple[int, ...]) -> Pull:
        return lambda c: _fitted(np.where(chosen, c, 0.0), shape)

    return Variable(
        np.where(condition, _value(a), _value(b)),
        [
            (operand, pull(chosen, operand.shape))
            for operand, chosen in ((a, condition), (b, ~condition))
            if isinstance(operand, Variable)
        ],
    )


def _concatenate(arrays: Sequence[Any], axis: int = 0) -> Variable:
    ends = np.cumsum([array.shape[axis] for array in arrays])

    def pull(start: int, end: int) -> Pull:
        return lambda c: c[(slice(None),) * axis + (slice(start, end),)]

    return Variable(
        np.concatenate([_value(array) for array in arrays], axis=axis),
        [
            (array, pull(end - array.shape[axis], end))
            for array, end in zip(arrays, ends)
            if isinstance(array, Variable)
        ],
    )


def _take_along_axis(a: Variable, index: Array, axis: int) -> Variable:
    places = list(np.ogrid[tuple(slice(n) for n in index.shape)])
    places[axis] = index
    return a[tuple(places)]


def _broadcast_to(a: Variable, shape: tuple[int, ...]) -> Variable:
    return _linear(a, np.broadcast_to(a.value, shape), lambda c: _fitted(c, a.shape))


def _reshape(a: Variable, shape: tuple[int, ...]) -> Variable:
    return _linear(a, np.reshape(a.value, shape), lambda c: np.reshape(c, a.shape))


def _expand_dims(a: Variable, axis: Any) -> Variable:
    return _linear(a, np.expand_dims(a.value, axis), lambda c: np.reshape(c, a.shape))


def _in_type_of(a: Variable, like: Any) -> Variable:
    value = in_type_of(a.value, like)
    return a if value is a.value else _linear(a, value, lambda c: c)


def _number(value: Any, like: Variable) -> Any:
    return number(value, like.value)


def _total(*terms: Any) -> Variable:
    def pull(shape: tuple[int, ...]) -> Pull:
        return lambda c: _fitted(c, shape)

    return Variable(
        total(*map(_value, terms)),
        [(term, pull(term.shape)) for term in terms if isinstance(term, Variable)],
    )


def _product(*factors: Any) -> Any:
    # In what order the chain rule multiplies is open anyway, and is allowed for in its result.
    return reduce(np.multiply, factors)


def _with_derivative_of(value: Variable, other: Callable[[], Any]) -> Any:
    source = other()
    # Variables may hold variables, whose derivatives follow the same way.
    return _linear(source, with_derivative_of(value.value, lambda: source.value), lambda c: c)


def _with_error_of(value: Variable, other: Callable[[], Any]) -> Any:
    source = other()
    return _linear(source, with_error_of(value.value, lambda: source.value), lambda c: c)


def _with_pull(
    formula: Callable[[Any], Any], pull: Callable[[Any, Any, Any], Any], a: Variable, elementwise: bool
) -> Variable:
    value = with_pull(formula, pull, a.value, elementwise=elementwise)

    def pulled(c: Any) -> Any:
        derivative = pull(c, a.value, value)
        return where_it_contributes(c, derivative) if elementwise else derivative

    return _linear(a, value, pulled)


def _with_partials(
    formula: Callable[..., Any], partials: Sequence[Callable[..., Any]], *operands: Any
) -> Variable:
    values = [_value(operand) for operand in operands]

    def pull(partial: Callable[..., Any], shape: tuple[int, ...]) -> Pull:
        return lambda c: _fitted(where_it_contributes(c, partial(c, *values)), shape)

    return Variable(
        with_partials(formula, partials, *values),
        [(a, pull(partial, a.shape)) for a, partial in zip(operands, partials) if isinstance(a, Variable)],
    )


def _scatter(a: Variable, index: Any, shape: tuple[int, ...]) -> Variable:
    return _linear(a, scatter(a.value, index, shape), lambda c: c[index])


Variable.functions = {
    np.sum: _sum,
    np.mean: _mean,
    np.max: _max,
    np.where: _where,
    np.concatenate: _concatenate,
    np.take_along_axis: _take_along_axis,
    np.broadcast_to: _broadcast_to,
    np.reshape: _reshape,
    np.expand_dims: _expand_dims,
    in_type_of: _in_type_of,
    number: _number,
    total: _total,
    product: _product,
    with_derivative_of: _with_derivative_of,
    with_error_of: _with_error_of,
    with_partials: _with_partials,
    with_pull: _with_pull,
    scatter: _scatter,
}
