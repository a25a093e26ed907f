"""Cases of a loss as its declaration allows them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cache
from typing import Any

from hypothesis import strategies as st

from reference import Array, Format

from .arguments import Choice, Fit, Number, Signature, Tensor
from .case import Case
from .domains import Interval, Lengths, Members
from .labels import indices, label_sets, members
from .made_once import sampled
from .passed_options import build
from .shapes import BATCHES, CLASSES, Shape, elementwise, pairs
from .signatures import SIGNATURES
from .values import within
from .weights import weights

# In place of an array, where a number may stand for it.
NUMBERS = (None, None, None, 1.0, 0.5, 0.0)
# How long the axes of each letter are; those of features and positions are alike.
LENGTHS = {"N": BATCHES, "C": CLASSES}
FEATURES = (1, 2, 3, 8, 17, 33)
# Beyond 8 KiB in all, Hypothesis gives a case up.
MOST = 700


@st.composite
def declared(draw: st.DrawFn, loss: str, format: Format, reduction: str) -> Case:
    """Cases of every form of a loss. Shrinks to the simplest numbers and shapes of the first form.

    Args:
        draw: given by Hypothesis.
        loss: name of the functional.
        format: the format under test.
        reduction: the value of ``reduction``.
    """
    forms = SIGNATURES[loss]
    form = draw(_forms_of(loss))
    shapes, sizes = _of_any_shape(draw, form) if form.any_shape else _in_layouts(draw, form)
    lengths = tuple(sizes.items())
    drawn = {
        name: _tensor(format, tensor, tuple(shapes[name]), lengths) for name, tensor in form.tensors.items()
    }
    operands = {name: draw(drawn.pop(name)) for name in form.required}
    options: dict[str, Any] = {name: _option(option) for name, option in form.options.items()} | drawn
    for name, value in form.fixed.items():  # what the first form has is the default
        if form is forms[0]:
            options[name] = st.just(value)
        else:
            operands[name] = value
    del options["reduction"]
    return build(draw, loss, format, reduction, operands, options)


@cache
def _forms_of(loss: str) -> st.SearchStrategy[Signature]:
    return st.sampled_from(SIGNATURES[loss])


def _of_any_shape(draw: st.DrawFn, form: Signature) -> tuple[dict[str, list[Shape]], dict[str, int]]:
    """The shapes that each tensor of a form may have that takes any; they broadcast as it declares."""
    apart = any(tensor.fit is Fit.MUTUAL for tensor in form.required.values())
    shape, other = draw(pairs()) if apart else (draw(elementwise()),) * 2
    narrow = [shape, shape[1:], (1,) * len(shape), (), (*shape[:-1], 1)[: len(shape)]]
    a_row = [shape, *([shape[:-1], (*shape[:-1], 1), (1, *shape[1:])] if shape else [])]
    a_row += [()] if len(shape) > 1 else []
    fits = {Fit.EXACT: [shape], Fit.MUTUAL: [other], Fit.ONTO: narrow, Fit.PER_ROW: a_row}
    return {name: fits[tensor.fit] for name, tensor in form.tensors.items()}, {}


def _in_layouts(draw: st.DrawFn, form: Signature) -> tuple[dict[str, list[Shape]], dict[str, int]]:
    """Shapes of a form that has layouts, batched or not, and how long the axis of each letter is."""
    layout = draw(sampled((*form.layouts[1:], *form.layouts)))
    axes = {name: form.axes(name, layout).split() for name in form.tensors}
    sizes: dict[str, int] = {}
    for letter in sorted({letter for letters in axes.values() for letter in letters}):
        most = MOST // max(1, math.prod(sizes.values()))
        fitting = [length for length in LENGTHS.get(letter, FEATURES) if length <= most]
        sizes[letter] = draw(sampled(tuple(fitting) or (1,)))
    return {name: [tuple(sizes[letter] for letter in letters)] for name, letters in axes.items()}, sizes


@cache
def _option(option: Number | Choice) -> st.SearchStrategy[Any]:
    """Values of an option. Shrinks to the first."""
    return st.sampled_from(option.values or (option.default,))


@cache
def _tensor(
    format: Format, tensor: Tensor, shapes: tuple[Shape, ...], lengths: tuple[tuple[str, int], ...]
) -> st.SearchStrategy[Any]:
    """Values of a tensor, or at times of the number that may stand for it. Shrinks to the simplest ones."""
    sizes = dict(lengths)
    array = st.sampled_from(shapes).flatmap(lambda shape: _array(format, tensor, shape, sizes))
    if not tensor.or_number:
        return array
    return st.sampled_from(NUMBERS).flatmap(lambda number: array if number is None else st.just(number))


def _array(
    format: Format, tensor: Tensor, shape: Shape, sizes: Mapping[str, int]
) -> st.SearchStrategy[Array]:
    domain = tensor.range
    if tensor.weighs:
        return weights(format, shape)
    if isinstance(domain, Interval):
        return within(format, shape, domain)
    if isinstance(domain, Members):
        return members(shape, domain.numbers, integers="integer" in tensor.dtypes)
    if isinstance(domain, Lengths):
        return indices(shape, sizes[domain.axis] + 1)
    return label_sets(shape) if domain.ended else indices(shape, sizes["C"])
