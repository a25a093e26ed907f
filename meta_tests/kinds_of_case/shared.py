"""What cases of several losses must contain, and the view of a case that the kinds take."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, TypeAlias

import numpy as np

import reference
from reference import Array
from strategies import Case, is_real
from strategies.shapes import TAILS


class Call(SimpleNamespace):
    """A case's arguments as attributes, defaults filled in.

    Attributes:
        format: the case's.
        x: the numbers of all required real arguments, flat.
        shape: of the first argument.
    """

    def __init__(self, case: Case) -> None:
        signature = inspect.signature(getattr(reference, case.loss))
        bound = signature.bind(**case.computed)
        bound.apply_defaults()
        optional = {name for name, p in signature.parameters.items() if p.default is not p.empty}
        required = [value for name, value in case.arguments.items() if name not in optional]
        numbers = np.concatenate([value.ravel() for value in required if is_real(value)])
        super().__init__(format=case.format, x=numbers, shape=required[0].shape, **bound.arguments)
        self.options = case.arguments.get("options")


Kinds: TypeAlias = dict[str, Callable[[Call], Any]]


def gap(c: Call) -> Array:
    """Distance of input and target, exact: float64 holds it."""
    return np.abs(c.input - c.target)


def spacings_from_one(c: Call, x: Array) -> Array:
    """Distances of numbers from 1, in spacings of the format below 1."""
    return np.abs(x - 1) / c.format.unit_roundoff


def beside_one(c: Call) -> Array:
    """Which numbers are next to 1 or -1."""
    distance = spacings_from_one(c, np.abs(c.x))
    return (distance > 0) & (distance <= 2)


def ratio(c: Call, x: float) -> Array:
    """The numbers as multiples of x."""
    return np.asarray(c.x / x)


# What any array of numbers must contain.
NUMBERS: Kinds = {
    "zero": lambda c: c.x == 0,
    "one": lambda c: np.abs(c.x) == 1,
    "ties between elements": lambda c: len(np.unique(c.x[c.x != 0])) < np.count_nonzero(c.x),
    "full mantissa": lambda c: np.frexp(c.x)[0] * 2.0**c.format.digits % 2 == 1,
    "next to one": beside_one,
    "square vanishes": lambda c: (c.x != 0) & (c.x**2 < c.format.smallest_subnormal),
    "subnormal": lambda c: (c.x != 0) & (np.abs(c.x) < c.format.smallest_normal),
    "smallest number": lambda c: np.abs(c.x) == c.format.smallest_subnormal,
    "smallest normal number": lambda c: np.abs(c.x) == c.format.smallest_normal,
}
# What it must contain where its numbers are not confined to [0, 1].
UNBOUNDED: Kinds = {
    "negative": lambda c: c.x < 0,
    "negative zero": lambda c: (c.x == 0) & np.signbit(c.x),
    "square overflows": lambda c: np.abs(c.x) > math.sqrt(c.format.max),
    "half of the largest number": lambda c: np.abs(c.x) == c.format.nearest(c.format.max / 2),
    "largest number": lambda c: np.abs(c.x) == c.format.max,
    "exp is about to vanish": lambda c: abs(ratio(c, math.log(c.format.smallest_subnormal)) - 1) < 0.025,
}
# And where they are of both signs.
SIGNED: Kinds = {
    **UNBOUNDED,
    "exp is about to overflow": lambda c: abs(ratio(c, math.log(c.format.max)) - 1) < 0.025,
}

ELEMENTWISE: Kinds = {
    "0-d": lambda c: c.shape == (),
    "empty": lambda c: 0 in c.shape,
    "one element": lambda c: c.shape != () and math.prod(c.shape) == 1,
    "two dimensions": lambda c: len(c.shape) == 2,
    "three dimensions": lambda c: len(c.shape) == 3,
    "hundreds of elements": lambda c: math.prod(c.shape) > 200,
    **{f"{n} elements": lambda c, n=n: c.shape == (n,) for n in TAILS},
}
BROADCAST: Kinds = {
    "input broadcasts": lambda c: np.broadcast(c.input, c.target).shape != c.input.shape,
    "target broadcasts": lambda c: np.broadcast(c.input, c.target).shape != c.target.shape,
    "both broadcast": lambda c: np.broadcast(c.input, c.target).shape not in (c.input.shape, c.target.shape),
}
WEIGHT: Kinds = {
    "ones as weights": lambda c: c.weight is not None and c.weight.size and np.all(c.weight == 1),
    "some weights 0": lambda c: c.weight is not None and np.any(c.weight == 0) and np.any(c.weight),
    "all weights 0": lambda c: c.weight is not None and c.weight.size and not np.any(c.weight),
    "ragged weights": lambda c: c.weight is not None and c.weight % 0.25 != 0,
    "negative weights": lambda c: c.weight is not None and np.any(c.weight < 0),
    "weights of both signs": lambda c: c.weight is not None and np.any(c.weight < 0) and np.any(c.weight > 0),
}

DTYPES = (np.int64, np.int32, np.int16, np.int8)
LABEL_DTYPES: Kinds = {
    "real labels": lambda c: is_real(c.target),
    **{f"{k.__name__} labels": lambda c, k=k: c.target.dtype == k for k in DTYPES},
}
SIGNS: Kinds = {
    **LABEL_DTYPES,
    "label 1": lambda c: c.target == 1,
    "label -1": lambda c: c.target == -1,
    "both labels": lambda c: np.any(c.target == 1) and np.any(c.target == -1),
}
