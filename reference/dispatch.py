"""Number types that formulas run on unchanged, and what formulas need beyond NumPy.

A formula is written with ufuncs and a few NumPy functions. Called with arrays it gives an array; called
with `Numbers` it gives `Numbers` of the same type, which look the operation up in their own tables
(NEP 13 and NEP 18). Types nest: the one of the highest rank among the operands handles the operation.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[Any]

COMPARISONS = {
    np.less,
    np.less_equal,
    np.greater,
    np.greater_equal,
    np.equal,
    np.not_equal,
    np.isfinite,
}


class Numbers(np.lib.mixins.NDArrayOperatorsMixin):
    """An array that carries more than its values.

    Attributes:
        rank: which type handles an operation on several: the highest.
        functions: its rules for NumPy's functions, and for those of this module.
        stepwise: whether a derivative is what its steps give, so that 0 times infinity is nan.
        value: the numbers, an array or `Numbers` of a lower rank.
    """

    __slots__ = ("value",)

    rank: ClassVar[int] = 0
    functions: ClassVar[dict[Callable[..., Any], Callable[..., Any]]] = {}
    stepwise: ClassVar[bool] = False
    value: Any

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the value."""
        shape: tuple[int, ...] = self.value.shape
        return shape

    @property
    def ndim(self) -> int:
        """Number of dimensions of the value."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of elements of the value."""
        size: int = self.value.size
        return size

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type in which the value is held."""
        dtype: np.dtype[Any] = self.value.dtype
        return dtype

    def apply(self, ufunc: np.ufunc, operands: Sequence[Any]) -> Any:
        """The result of a ufunc, or NotImplemented where the type has no rule for it."""
        raise NotImplementedError

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if method != "__call__" or kwargs:
            return NotImplemented
        if ufunc in COMPARISONS:
            return ufunc(*map(constant, inputs))
        for operand in inputs:
            if isinstance(operand, Numbers) and operand.rank > self.rank:
                return NotImplemented
        return self.apply(ufunc, inputs)

    def __array_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Any:
        higher = any(issubclass(other, Numbers) and other.rank > self.rank for other in types)
        rule = None if higher else self.functions.get(func)
        return NotImplemented if rule is None else rule(*args, **kwargs)


def highest(operands: Sequence[Any]) -> Numbers | None:
    """The operand whose type handles an operation on all, or None where all are plain."""
    numbers = [operand for operand in operands if isinstance(operand, Numbers)]
    return max(numbers, key=lambda operand: operand.rank, default=None)


def is_stepwise(array: Any) -> bool:
    """Whether an array, or what a variable holds, follows a computation step by step."""
    while isinstance(array, Numbers):
        if array.stepwise:
            return True
        array = array.value
    return False


def constant(array: Any) -> Any:
    """Return the value of an array, regarded as exact and as independent of any variable.

    For quantities whose error and whose derivative cancel exactly, such as the maximum that log-sum-exp
    subtracts and adds again. Plain arrays are returned as they are.
    """
    while isinstance(array, Numbers):
        array = array.value
    return array


def number(value: Any, like: Any) -> Any:
    """A number as a 0-d array like another, so that arithmetic on it is as wide, and tracked, too."""
    if isinstance(like, Numbers):
        return like.functions[number](value, like)
    return np.asarray(value, dtype=like.dtype)


def in_type_of(value: Any, like: Any) -> Any:
    """An array in the type of another, as of an operation in place, or of a gradient.

    Only numbers that know every step are of a type.
    """
    rule = value.functions.get(in_type_of) if isinstance(value, Numbers) else None
    if rule is None:
        return value
    while isinstance(like, Numbers) and like.rank:
        like = like.value
    return rule(value, like)


def total(*terms: Any) -> Any:
    """Sum of a few terms that broadcast, added in no particular order: the bound holds for every order."""
    if len(terms) == 1:
        return terms[0]
    home = highest(terms)
    return compensated(terms) if home is None else home.functions[total](*terms)


@np.errstate(all="ignore")  # what cannot be compensated is not
def compensated(terms: Sequence[Any]) -> Any:
    """Sum of a few plain terms that broadcast, as if the order were the best one: 1 + 1e30 - 1e30 is 1.

    Source: D. Knuth, The Art of Computer Programming, vol. 2, section 4.2.2, theorem B (TwoSum).
    """
    result, lost = terms[0], 0.0
    for term in terms[1:]:
        following = result + term
        part = following - result
        lost = lost + ((result - (following - part)) + (term - part))
        result = following
    return np.where(np.isfinite(lost), result + lost, result)


def product(*factors: Any) -> Any:
    """Product of a few factors that broadcast, in no particular order: the bound holds for every order."""
    home = highest(factors)
    return math.prod(factors) if home is None else home.functions[product](*factors)


def with_derivative_of(value: Any, other: Callable[[], Any]) -> Any:
    """A value that is differentiated as if it were another array of its shape, which `other` returns.

    For what is documented to have no part in the derivative, for a derivative at the edge of the domain,
    where the formula itself has no value, and for one that is computed otherwise than the value.
    """
    return value.functions[with_derivative_of](value, other) if isinstance(value, Numbers) else value


def with_error_of(value: Any, other: Callable[[], Any]) -> Any:
    """A value that may be as far off as another computation of it, which `other` returns.

    For a value that is computed more accurately, or over a larger range, than the documented formula, whose
    error an implementation may make. It is differentiated as the other, too.
    """
    return value.functions[with_error_of](value, other) if isinstance(value, Numbers) else value


def with_pull(
    formula: Callable[[Any], Any],
    pull: Callable[[Any, Any, Any], Any],
    array: Any,
    *,
    elementwise: bool = False,
) -> Any:
    """A function of one array whose derivative is tabled rather than derived from its formula.

    Args:
        formula: the function, of arrays and `Numbers`.
        pull: of c, the array x and y = formula(x), gives c times the derivative of y by x.
        array: the argument, any shape.
        elementwise: whether each element of y depends on that of x only. Then an element of c that is 0
            contributes 0, whatever x is.
    """
    home = array if isinstance(array, Numbers) and with_pull in array.functions else None
    return formula(array) if home is None else home.functions[with_pull](formula, pull, array, elementwise)


def with_partials(formula: Callable[..., Any], partials: Sequence[Callable[..., Any]], *operands: Any) -> Any:
    """A function of several arrays whose derivatives are given rather than derived from its formula.

    Args:
        formula: the function, of arrays and `Numbers`.
        partials: for each operand a function of c and the operands, which gives c times the derivative by it.
        operands: the arguments; they broadcast.
    """
    home = highest(operands)
    rule = None if home is None else home.functions.get(with_partials)
    return formula(*operands) if rule is None else rule(formula, partials, *operands)


def accumulated(array: Any, steps: Callable[[Any], Any]) -> Any:
    """What some steps make of an array if a kernel carries them out in the accumulator's format.

    Only numbers that know every step tell it from the same steps in the format itself.

    Args:
        array: plain numbers, or `Numbers` that hold no record of how they were computed.
        steps: a function of such an array.
    """
    rule = array.functions.get(accumulated) if isinstance(array, Numbers) else None
    return steps(array) if rule is None else rule(array, steps)


def repeated(array: Array, shape: tuple[int, ...]) -> Array:
    """What `np.broadcast_to` gives, as an array of its own: of few elements that is faster than a view."""
    result = np.empty(shape, dtype=array.dtype)
    result[...] = array
    return result


def scatter(array: Any, index: Any, shape: tuple[int, ...]) -> Any:
    """The transpose of indexing: zeros of a shape, to which each element is added at its index."""
    if isinstance(array, Numbers):
        return array.functions[scatter](array, index, shape)
    result = np.zeros(shape, dtype=array.dtype)
    np.add.at(result, index, array)
    return result
