"""A corner: one call at an edge, with the convention that holds there and the value that follows from it."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np

from reference import Array, Format
from strategies import Case

from ..losses import LOSSES

Value: TypeAlias = float | str | list[Any] | Callable[[Format], Any]

# Numbers that are another in each format, by the names that tables use.
ENDS: Mapping[str, Callable[[Format], float]] = MappingProxyType(
    {
        "max": lambda f: f.max,
        "-max": lambda f: -f.max,
        "half max": lambda f: f.max / 2,
        "normal": lambda f: f.smallest_normal,
        "subnormal": lambda f: f.smallest_subnormal,
        "below 1": lambda f: 1 - f.unit_roundoff,
        # Where exp is still finite, and where it no longer is.
        "exp fits": lambda f: math.log(f.max) * (1 - 4 * f.unit_roundoff),
        "exp overflows": lambda f: math.log(f.max) * (1 + 4 * f.unit_roundoff),
    }
)


@dataclass(frozen=True)
class Corner:
    """A named corner of a loss.

    Attributes:
        loss: name of the functional.
        name: what is special.
        convention: what holds there, and where that is documented or how it is derived.
        value: what follows: a number, a nested list, the name of one of `ENDS`, or a function of the format.
        arguments: of the call. Lists become arrays, of int64 if they hold integers only; names of `ENDS`
            stand for numbers, and a function is called with the format.
        formats: the formats in which the corner exists.
    """

    loss: str
    name: str
    convention: str
    value: Value
    arguments: Mapping[str, Any]
    formats: tuple[str, ...]

    @property
    def slug(self) -> str:
        """The loss and the name as they stand in a test's id."""
        return f"{self.loss}-{re.sub('[^a-z0-9]+', '_', self.name.lower())}"

    def case(self, format: Format) -> Case:
        """The call, with the numbers of a format."""
        return Case(self.loss, format, {n: _argument(v, format) for n, v in self.arguments.items()})

    def truth(self, format: Format) -> Array:
        """The value that follows from the convention, float64."""
        return _numbers(self.value, format)


def corner(loss: str, name: str, convention: str, value: Value, **arguments: Any) -> Corner:
    """Make a row of a table; `formats` among the arguments are those in which it exists, all by default."""
    formats = arguments.pop("formats", LOSSES[loss].formats)
    return Corner(loss, name, convention, value, MappingProxyType(arguments), formats)


def _numbers(value: Any, format: Format) -> Array:
    if callable(value):
        return np.asarray(value(format), dtype=np.float64)
    if isinstance(value, str):
        return np.asarray(ENDS[value](format))
    if isinstance(value, list):
        return np.array([_numbers(element, format) for element in value], dtype=np.float64)
    return np.asarray(value, dtype=np.float64)


def _argument(value: Any, format: Format) -> Any:
    if isinstance(value, list) and _holds_integers(value):
        return np.array(value, dtype=np.int64)
    if callable(value):
        value = np.asarray(value(format))
    if isinstance(value, list) or (isinstance(value, np.ndarray) and value.dtype.kind == "f"):
        return format.nearest(_numbers(value, format))
    return value


def _holds_integers(value: Any) -> bool:
    return all(map(_holds_integers, value)) and bool(value) if isinstance(value, list) else type(value) is int
