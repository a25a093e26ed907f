"""The vocabulary of declarations: tensors, numbers and choices, and the signature that they make."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np

from reference import FORMATS, Array, Format

from .case import Case, is_real
from .domains import REALS, Classes, Domain, Lengths, Members


class Fit(Enum):
    """Which shapes an argument may have besides the declared one."""

    EXACT = "no other"
    MUTUAL = "any that broadcasts with that of the first argument"
    ONTO = "any that broadcasts to that of the first argument"
    PER_ROW = "one number a row: the last axis is 1 or missing, or the first axis is 1"


class Gradient(Enum):
    """Whether torch differentiates by an argument."""

    YES = "it does"
    NO = "it gives no gradient"
    REFUSED = "it says that it does not"


@dataclass(frozen=True)
class Tensor:
    """A tensor argument.

    Attributes:
        shapes: its axes in each layout of the loss.
        domain: which numbers the documentation allows.
        drawn: which numbers it expects, if not all that it allows; strategies draw these.
        dtypes: "float", "complex", "integer" and "bool": which kinds of dtypes the documentation names.
        fit: which other shapes it may have.
        gradient: whether torch differentiates by it.
        optional: whether it may be left out.
        weighs: what it weighs, "classes" or "elements"; empty if it is no weight.
        divides_mean: whether the mean divides by the weights that count, and not by a number of losses.
        or_number: whether a Python number may stand for it.
        or_tuple: whether a tuple of integers may stand for it.
        or_batch_of_one: whether it may have a first axis of size 1 where a single sample has none.
    """

    shapes: tuple[str, ...]
    domain: Domain = REALS
    drawn: Domain | None = None
    dtypes: tuple[str, ...] = ("float",)
    fit: Fit = Fit.EXACT
    gradient: Gradient = Gradient.YES
    optional: bool = False
    weighs: str = ""
    divides_mean: bool = False
    or_number: bool = False
    or_tuple: bool = False
    or_batch_of_one: bool = False

    @property
    def range(self) -> Domain:
        """The numbers that strategies draw."""
        return self.drawn or self.domain

    @property
    def any_shape(self) -> bool:
        """Whether it has any shape."""
        return self.shapes == ("*",)


@dataclass(frozen=True)
class Number:
    """A number option.

    Attributes:
        default: its value if it is not given.
        domain: which numbers the documentation allows.
        values: some that matter; strategies draw these.
        integer: whether it must be an integer.
    """

    default: float
    domain: Domain = REALS
    values: tuple[float, ...] = ()
    integer: bool = False


@dataclass(frozen=True)
class Choice:
    """An option that has a few values: flags, words, functions.

    Attributes:
        default: its value if it is not given.
        values: all of them, or some where there are more.
        kind: "flag", "word" or "function".
    """

    default: Any
    values: tuple[Any, ...]
    kind: str = "flag"


Argument = Tensor | Number | Choice


@dataclass(frozen=True)
class Signature:
    """A form of a loss: its arguments in the order of the functional's parameters.

    Attributes:
        loss: name of the functional.
        form: tells the forms of one loss apart, such as "labels" and "probabilities"; empty if it has one.
        arguments: by name.
        fixed: options that make the form.
    """

    loss: str
    form: str
    arguments: Mapping[str, Argument]
    fixed: Mapping[str, Any]

    def __str__(self) -> str:
        return f"{self.loss}-{self.form}" if self.form else self.loss

    @property
    def tensors(self) -> dict[str, Tensor]:
        """The arguments that are tensors."""
        return {name: a for name, a in self.arguments.items() if isinstance(a, Tensor)}

    @property
    def required(self) -> dict[str, Tensor]:
        """The tensors that cannot be left out."""
        return {name: tensor for name, tensor in self.tensors.items() if not tensor.optional}

    @property
    def options(self) -> dict[str, Number | Choice]:
        """The arguments that are no tensors, without `fixed` ones."""
        listed = self.arguments.items()
        return {n: a for n, a in listed if not isinstance(a, Tensor) and n not in self.fixed}

    @property
    def any_shape(self) -> bool:
        """Whether the loss takes tensors of any shape."""
        return next(iter(self.tensors.values())).any_shape

    @property
    def of_sequences(self) -> bool:
        """Whether the samples are sequences, whose lengths are given."""
        return any(isinstance(tensor.domain, Lengths) for tensor in self.tensors.values())

    @property
    def layouts(self) -> range:
        """The layouts, by number."""
        return range(len(ANY_SHAPE) if self.any_shape else len(next(iter(self.tensors.values())).shapes))

    def axes(self, name: str, layout: int) -> str:
        """The letters of a tensor's axes in a layout."""
        tensor = self.tensors[name]
        return ANY_SHAPE[layout] if tensor.any_shape else tensor.shapes[layout % len(tensor.shapes)]

    def shape(self, name: str, layout: int, sizes: Mapping[str, int] | None = None) -> tuple[int, ...]:
        """A tensor's shape in a layout, of the usual sizes or of these."""
        known = SIZES | dict(sizes or {})
        return tuple(known[letter] for letter in self.axes(name, layout).split())

    def axis(self, name: str, letter: str, layout: int) -> int | None:
        """Which axis of a tensor has a letter in a layout, or None."""
        letters = self.axes(name, layout).split()
        return letters.index(letter) if letter in letters else None

    def axis_of(self, name: str, letter: str, array: Array) -> int | None:
        """Which axis of an array that is given for a tensor has a letter, or None.

        Of a tensor of any shape the first axis is the batch. Where an array has more axes than are declared,
        the last one is still the last.
        """
        if self.tensors[name].any_shape:
            return 0 if letter == "N" and array.ndim else None
        shapes = [shape.split() for shape in self.tensors[name].shapes]
        letters = next((found for found in shapes if len(found) == array.ndim), max(shapes, key=len))
        if letter not in letters:
            return None
        return array.ndim - 1 if letter == letters[-1] != "N" else letters.index(letter)

    def takes(self, case: Case) -> bool:
        """Whether a call has real numbers and integers where this form has them."""
        given = ((case.arguments.get(name), tensor) for name, tensor in self.required.items())
        return all(
            ("float" if is_real(value) else "integer") in tensor.dtypes
            for value, tensor in given
            if isinstance(value, np.ndarray)
        )

    def fits(self, shapes: Mapping[str, tuple[int, ...]]) -> bool:
        """Whether the declaration allows tensors of these shapes together."""
        first = next(iter(shapes.values()))
        others = {name: shape for name, shape in shapes.items() if self.tensors[name].fit is not Fit.EXACT}
        if not all(fits(self.tensors[name].fit, first, shape) for name, shape in others.items()):
            return False
        exact = {name: shape for name, shape in shapes.items() if name not in others}
        if self.any_shape:
            return set(exact.values()) == {first}
        return any(self._agree(exact, layout) for layout in self.layouts)

    def _agree(self, shapes: Mapping[str, tuple[int, ...]], layout: int) -> bool:
        """Whether every letter of a layout is one size."""
        sizes: dict[str, int] = {}
        for name, shape in shapes.items():
            letters = self.axes(name, layout).split()
            if self.tensors[name].or_batch_of_one and "N" not in letters and shape[:1] == (1,):
                shape = shape[1:] if len(shape) > len(letters) else shape
            if len(letters) != len(shape):
                return False
            if any(sizes.setdefault(letter, size) != size for letter, size in zip(letters, shape)):
                return False
        joined = sizes.get("N", 0) * SIZES["S"]
        return sizes.get("C", 1) > 0 and sizes.get("NS", joined) == joined

    def ordinary(self, layout: int | None = None, *optional: str, format: Format | None = None) -> Case:
        """An ordinary call in a layout, that of most axes but one by default, with some optional tensors.

        Its numbers are exact in every format, and differ from each other.
        """
        chosen = self.layouts[-2:][0] if layout is None else layout
        given: dict[str, Any] = {}
        for position, (name, argument) in enumerate(self.arguments.items()):
            if name in self.fixed:
                given[name] = self.fixed[name]
            elif isinstance(argument, Tensor) and (not argument.optional or name in optional):
                shape = self.shape(name, chosen)
                given[name] = _numbers(argument, shape, position)
        return Case(self.loss, format or FORMATS["float32"], given)


def indexes(argument: object) -> bool:
    """Whether an argument holds labels or lengths: torch indexes with them, and a wrong one may crash it."""
    return isinstance(argument, Tensor | Number) and isinstance(argument.domain, Classes | Lengths)


def fits(fit: Fit, first: tuple[int, ...], shape: tuple[int, ...]) -> bool:
    """Whether a shape fits that of the first argument in such a way."""
    if fit is Fit.EXACT:
        return shape == first
    if fit is Fit.PER_ROW and shape:
        apart = [size for size, other in zip(shape, first) if size != other]
        return shape == first[:-1] or (len(shape) == len(first) and apart in ([], [1]))
    try:
        common = np.broadcast_shapes(first, shape)
    except ValueError:
        return False
    return fit is not Fit.ONTO or common == first


# The usual size of each axis; different ones, so that a mix-up shows. S labels fit into T frames.
SIZES = {"N": 2, "C": 3, "D": 4, "F": 4, "d": 2, "e": 5, "T": 5, "S": 2, "NS": 4}
# The layouts of losses that take any shape.
ANY_SHAPE = ("", "C", "N C", "N C d")

_REALS = (0.25, -1.5, 3.0, 2.0, 0.5, -0.75, 1.0, -2.0, 0.125, 2.5, -0.25, 1.75, -3.0)
_UNIT = (0.25, 0.5, 0.875, 0.125, 0.75, 0.375, 0.625)


def _numbers(argument: Tensor, shape: tuple[int, ...], position: int) -> Array:
    """Different numbers of a domain, exact in every format; each argument has others."""
    size, domain = int(np.prod(shape, dtype=int)), argument.range
    table: tuple[float, ...]
    if isinstance(domain, Lengths):
        return np.full(shape, SIZES[domain.axis])
    if isinstance(domain, Classes):
        labels = (np.arange(size) + position) % (SIZES["C"] - domain.blank) + domain.blank
        labels = labels.reshape(shape)
        if domain.ended and shape:
            labels = np.broadcast_to(np.array([2, 0, -1])[: shape[-1]], shape).copy()
        return labels.astype(np.int64)
    if isinstance(domain, Members):
        table = domain.numbers
    elif argument.weighs:
        table = (1.0, 0.5, 2.0, 1.5, 0.25, 4.0, 3.0)
    elif domain.high == 1 and domain.low == 0:
        table = _UNIT
    elif domain.low == 0:
        table = tuple(map(abs, _REALS))
    elif domain.high == 0:
        table = tuple(-abs(number) for number in _REALS)
    else:
        table = _REALS
    return np.resize(np.roll(table, -position), shape if size else (0,)).reshape(shape).astype(np.float64)
