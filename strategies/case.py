"""A case: one valid call of one loss, without torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from reference import FORMATS, Array, Format

from .chunking import Chunking

# From so many equal numbers on they are not written out.
MANY = 64
# From so many on, those that repeat over and over are not written out either.
LARGE = 4096
# The numbers of a direction are repeated. A prime, so that they fall on other elements in each row.
PERIOD = 31


@dataclass(frozen=True)
class Distance:
    """A distance function in both worlds: what torch is given, and what the oracle is given."""

    source: str
    formula: Callable[[Array, Array], Array]

    def __repr__(self) -> str:
        return self.source


@dataclass(frozen=True)
class Case:
    """One valid call.

    Attributes:
        loss: name of the functional.
        format: the floating-point format under test. Real arrays are float64 and hold only numbers of
            this format; integer arrays keep their own dtype.
        arguments: by parameter name, in the order of the signature. What is absent is not passed, so
            that defaults are tested too.
        dtypes: the dtypes of real arrays that are passed in another one than `format`: another format's name,
            an integer type or "bool". The arrays are float64 all the same, and hold only numbers of their
            dtype.
        recipes: NumPy code of large arrays, which scripts print in place of their numbers.
    """

    loss: str
    format: Format
    arguments: Mapping[str, Any]
    dtypes: Mapping[str, str] = field(default_factory=dict)
    recipes: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for value in self.arguments.values():
            if isinstance(value, np.ndarray):
                value.setflags(write=False)
        object.__setattr__(self, "arguments", MappingProxyType(dict(self.arguments)))
        object.__setattr__(self, "dtypes", MappingProxyType(dict(self.dtypes)))
        object.__setattr__(self, "recipes", MappingProxyType(dict(self.recipes)))

    def __reduce__(self) -> tuple[Any, ...]:
        # Read-only views have no pickle, and large arrays are made again.
        kept = {name: None if name in self.recipes else value for name, value in self.arguments.items()}
        return made, (self.loss, self.format, kept, dict(self.recipes), dict(self.dtypes))

    def __repr__(self) -> str:
        """The call as torch code that can be pasted; ``F`` is ``torch.nn.functional``."""
        return self.call(f"F.{self.loss}")

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """Let Hypothesis print the call rather than the fields."""
        printer.text(repr(self))

    def call(self, function: str, variables: Sequence[str] = ()) -> str:
        """The call as torch code, of any callable; arguments that are `variables` by their names."""
        written = [f"{name}={name if name in variables else self.literal(name)}" for name in self.arguments]
        return f"{function}({', '.join(written)})"

    def dtype(self, name: str) -> str:
        """The dtype in which an array is passed."""
        value: Array = self.arguments[name]
        if name in self.dtypes:
            return self.dtypes[name]
        return self.format.name if value.dtype.kind == "f" else value.dtype.name

    def literal(self, name: str) -> str:
        """An argument as torch code, in its own dtype."""
        value = self.arguments[name]
        if name in self.recipes:
            return f"torch.tensor({self.recipes[name]}, dtype=torch.{self.dtype(name)})"
        return tensor(value, self.dtype(name)) if isinstance(value, np.ndarray) else number(value)

    def is_floating(self, name: str) -> bool:
        """Whether an argument is an array of a floating-point or complex dtype."""
        value = self.arguments[name]
        return isinstance(value, np.ndarray) and self.dtype(name) in (*FORMATS, "complex64", "complex128")

    def replacing(self, **arguments: Any) -> Case:
        """A copy with some arguments replaced or added."""
        recipes = {name: code for name, code in self.recipes.items() if name not in arguments}
        return replace(self, arguments={**self.arguments, **arguments}, recipes=recipes)

    @property
    def computed(self) -> Mapping[str, Any]:
        """The arguments that say what is computed, without those that only choose how."""
        return {name: value for name, value in self.arguments.items() if not isinstance(value, Chunking)}

    def without(self, *names: str) -> Case:
        """A copy that leaves some arguments to their defaults."""
        kept = {name: value for name, value in self.arguments.items() if name not in names}
        recipes = {name: code for name, code in self.recipes.items() if name in kept}
        return replace(self, arguments=kept, recipes=recipes)


def made(
    loss: str,
    format: Format,
    arguments: Mapping[str, Any],
    recipes: Mapping[str, str],
    dtypes: Mapping[str, str] | None = None,
) -> Case:
    """A case some of whose arrays are made by NumPy code, by the very text that scripts print.

    Args:
        loss: name of the functional.
        format: the format under test, whose numbers alone the code may make.
        arguments: by name, in order; None in place of an array that is made.
        recipes: expressions of ``np``, by the argument.
        dtypes: see `Case`.
    """
    arrays = {name: read_only(eval(code, {"np": np})) for name, code in recipes.items()}
    return Case(loss, format, {**arguments, **arrays}, dtypes or {}, recipes)


def literal(value: Any, format: Format) -> str:
    """A value as torch code that makes it again, bit for bit: arrays as tensors, real ones in `format`."""
    if not isinstance(value, np.ndarray):
        return number(value)
    return tensor(value, format.name if value.dtype.kind == "f" else value.dtype.name)


def tensor(value: Array, dtype: str) -> str:
    """An array as torch code of a tensor of a dtype."""
    if dtype not in FORMATS and value.dtype.kind == "f":
        value = value.astype(dtype)
    if value.size == 0:
        return f"torch.empty({value.shape}, dtype=torch.{dtype})"
    if value.size > MANY and _same_bits(value, np.broadcast_to(value.flat[0], value.shape)):
        return f"torch.full({value.shape}, {number(value.flat[0].item())}, dtype=torch.{dtype})"
    if value.size > LARGE and _same_bits(value, np.resize(value.flat[:PERIOD], value.shape)):
        numbers = number(value.flat[:PERIOD].tolist())
        return f"torch.tensor(np.resize({numbers}, {value.shape}), dtype=torch.{dtype})"
    part, times = _repeated(value)
    return f"torch.tensor({number(part.tolist())}, dtype=torch.{dtype})" + (
        f".repeat({', '.join(map(str, times))})" if part is not value else ""
    )


def number(value: Any) -> str:
    """Numbers, alone or in lists and tuples, as Python code; anything else as it prints itself.

    Scalars of NumPy keep their type, as options; ``np`` is ``numpy``.
    """
    if isinstance(value, np.generic):
        return f"np.{type(value).__name__}({number(value.item())})"
    if isinstance(value, list):
        return f"[{', '.join(map(number, value))}]"
    if type(value) is tuple:
        return f"({', '.join(map(number, value))}{',' * (len(value) == 1)})"
    if isinstance(value, complex):
        return f"complex({number(value.real)}, {number(value.imag)})"
    finite = not isinstance(value, float) or np.isfinite(value)
    return repr(value) if finite else f"float('{value}')"


def _repeated(array: Array) -> tuple[Array, list[int]]:
    """The part of a large array that it repeats along one of its axes, and how often along each."""
    for axis, size in enumerate(array.shape if array.size > MANY else ()):
        slices = np.moveaxis(array, axis, 0)
        for period in (n for n in range(1, size // 2 + 1) if size % n == 0):
            part = np.take(array, range(period), axis)
            times = [size // period if i == axis else 1 for i in range(array.ndim)]
            if _same_bits(slices[0], slices[period]) and _same_bits(array, np.tile(part, times)):
                return part, times
    return array, [1] * array.ndim


def _same_bits(array: Array, other: Array) -> bool:
    """Whether two arrays of one dtype are the same, also in the signs of zeros."""
    return np.ascontiguousarray(array).tobytes() == np.ascontiguousarray(other).tobytes()


def is_real(value: Any) -> bool:
    """Whether an argument is a real array, which both sides take in the format under test."""
    return isinstance(value, np.ndarray) and value.dtype.kind == "f"


def read_only(array: npt.ArrayLike) -> Array:
    """The array that a case holds: float64 if real."""
    result = np.asarray(array)
    return result.astype(np.float64) if result.dtype.kind == "f" else result
