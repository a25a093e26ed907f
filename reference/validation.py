"""What every formula asks of its arguments."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

import numpy as np

from .dispatch import Array, Numbers, constant


def require(condition: bool, message: str) -> None:
    """Raise ValueError with a message that names the argument and the mend, unless a condition holds."""
    if not condition:
        raise ValueError(message)


def real(name: str, array: Any, like: Any = None) -> Array:
    """Take an argument as a real array of at least float64, in which the formulas compute.

    Integers and lists become float64, or the dtype of `like`.

    Raises:
        TypeError: the argument is not numeric, or complex, or an array with a mask.
    """
    if isinstance(array, Numbers):
        return array  # type: ignore[return-value]  # stands in for an array by NEP 13 and NEP 18
    if isinstance(array, Complex):
        raise TypeError(f"{name} must hold real numbers, got complex ones")
    result = _unmasked(name, array)
    if result.dtype.kind in "biu":
        return result.astype(np.float64 if like is None else like.dtype)
    if result.dtype.kind != "f":
        raise TypeError(f"{name} must hold real numbers, got dtype {result.dtype}")
    return result if result.dtype.itemsize >= 8 else result.astype(np.float64)


def _unmasked(name: str, array: Any) -> Array:
    """An array; one with a mask, which the formulas would not heed, is refused."""
    if isinstance(array, np.ma.MaskedArray):
        raise TypeError(f"{name} must be a plain array, got a masked one: take its data, or fill it")
    return np.asarray(array)


@dataclass(frozen=True)
class Complex:
    """Complex numbers by their parts, which formulas compute with.

    Attributes:
        parts: real and imaginary parts along the last axis; an array or `Numbers`.
    """

    parts: Any

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the complex numbers."""
        shape: tuple[int, ...] = self.parts.shape[:-1]
        return shape


def real_or_complex(name: str, array: Any) -> Array | Complex:
    """Like `real`, but take complex numbers, too.

    Raises:
        TypeError: the argument is not numeric, or an array with a mask.
    """
    if isinstance(array, Complex | Numbers):
        return array  # type: ignore[return-value]  # stands in for an array by NEP 13 and NEP 18
    numbers = _unmasked(name, array)
    if numbers.dtype.kind != "c":
        return real(name, array)
    return Complex(np.stack([real(name, numbers.real), real(name, numbers.imag)], axis=-1))


def optional_real(name: str, array: Any) -> Array | None:
    """Like `real`, but pass None through."""
    return None if array is None else real(name, array)


def integers(name: str, array: Any) -> Array:
    """Take an argument as an int64 array.

    Raises:
        TypeError: the argument does not hold integers, or is an array with a mask.
        ValueError: an integer is beyond the range of int64.
    """
    result = _unmasked(name, array)
    if result.size == 0 and not isinstance(array, (np.ndarray, np.generic)):
        result = result.astype(np.int64)  # an empty list has no dtype of its own
    if result.dtype.kind not in "iu":
        raise TypeError(f"{name} must hold integers, got dtype {result.dtype}")
    if result.dtype == np.uint64 and result.size:
        largest = int(np.max(result))
        require(largest <= np.iinfo(np.int64).max, f"{name} must fit int64, got {largest}")
    return result.astype(np.int64)


def option(name: str, value: Any) -> Any:
    """Take an option as a real number of Python, which arithmetic with arrays does not round.

    Raises:
        TypeError: it is something else, such as a text or an array with axes.
    """
    number = isinstance(value, Real) or (isinstance(value, np.ndarray) and value.ndim == 0)
    if not number or (isinstance(value, np.ndarray) and value.dtype.kind not in "biuf"):
        raise TypeError(f"{name} must be a real number, got {value!r}")
    plain = value.item() if isinstance(value, (np.generic, np.ndarray)) else value
    return int(plain) if isinstance(plain, bool) else plain


def flag(name: str, value: Any) -> bool:
    """Take an option as a truth value.

    Raises:
        TypeError: it is something else, such as a text or None.
    """
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name} must be True or False, got {value!r}")
    return bool(value)


def index(name: str, value: Any) -> int:
    """Take an option as an integer.

    Raises:
        TypeError: it is something else, such as a text or an array with axes.
    """
    if not isinstance(value, Integral):
        raise TypeError(f"{name} must be an integer, got {value!r}")
    return int(value)


def same_shape(**arrays: Array) -> None:
    """Require all arguments to have one shape.

    Raises:
        ValueError: names the arguments and their shapes.
    """
    shapes = {name: array.shape for name, array in arrays.items()}
    listed = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
    require(len(set(shapes.values())) == 1, f"shapes must be equal, got {listed}")


def broadcastable(**arrays: Array | Complex) -> tuple[int, ...]:
    """Require all arguments to broadcast, and return the common shape.

    Raises:
        ValueError: names the arguments and their shapes.
    """
    shapes = {name: array.shape for name, array in arrays.items()}
    try:
        return np.broadcast_shapes(*shapes.values())
    except ValueError:
        listed = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
        raise ValueError(f"shapes must broadcast, got {listed}") from None


def signs(name: str, array: Any, like: Array) -> Array:
    """Take an argument as labels 1 and -1, of the dtype of another if they are integers.

    Raises:
        ValueError: another value occurs.
        TypeError: the argument is not numeric, or complex.
    """
    result = real(name, array, like)
    require(bool(np.all(np.abs(constant(result)) == 1)), f"{name} must hold only 1 and -1")
    return result
