"""Cases of the losses of two-class problems."""

from __future__ import annotations

from functools import cache
from typing import Any

from hypothesis import strategies as st

from reference import Array, Format

from .building import build
from .case import Case
from .labels import signs
from .shapes import Shape, elementwise
from .values import probabilities, reals
from .weights import weights

MARGINS = st.sampled_from((1.0, 0.5, 2.0, 0.0, 0.1, -1.0, 1))


@cache
def _weights(format: Format, shape: Shape) -> st.SearchStrategy[Array]:
    """Weights whose shape broadcasts to `shape`. Shrinks to ones of that shape."""
    narrowed = [shape, shape[1:], (1,) * len(shape), (), (*shape[:-1], 1)[: len(shape)]]
    return st.sampled_from(narrowed).flatmap(lambda s: weights(format, s))


@st.composite
def binary_cross_entropy(draw: st.DrawFn, format: Format, reduction: str) -> Case:
    """Probabilities and targets in [0, 1], 0 and 1 frequent. Shrinks to one element, both zero."""
    shape = draw(elementwise())
    operands = {
        "input": draw(probabilities(format, shape)),
        "target": draw(probabilities(format, shape)),
    }
    options: dict[str, Any] = {"weight": _weights(format, shape)}
    return build(draw, "binary_cross_entropy", format, reduction, operands, options)


@st.composite
def binary_cross_entropy_with_logits(draw: st.DrawFn, format: Format, reduction: str) -> Case:
    """Logits and targets in [0, 1]. Shrinks to one element, both zero."""
    shape = draw(elementwise())
    operands = {
        "input": draw(reals(format, shape)),
        "target": draw(probabilities(format, shape)),
    }
    options: dict[str, Any] = {
        "weight": _weights(format, shape),
        "pos_weight": _weights(format, shape),
    }
    return build(draw, "binary_cross_entropy_with_logits", format, reduction, operands, options)


@st.composite
def soft_margin_loss(draw: st.DrawFn, format: Format, reduction: str) -> Case:
    """Scores and labels 1 and -1, real or integer. Shrinks to one element, score 0, label 1."""
    shape = draw(elementwise())
    operands = {"input": draw(reals(format, shape)), "target": draw(signs(shape))}
    return build(draw, "soft_margin_loss", format, reduction, operands, {})


@st.composite
def hinge_embedding_loss(draw: st.DrawFn, format: Format, reduction: str) -> Case:
    """Distances and labels 1 and -1, real or integer. Shrinks to one element, distance 0, label 1."""
    shape = draw(elementwise())
    operands = {"input": draw(reals(format, shape)), "target": draw(signs(shape))}
    options: dict[str, Any] = {"margin": MARGINS}
    return build(draw, "hinge_embedding_loss", format, reduction, operands, options)
