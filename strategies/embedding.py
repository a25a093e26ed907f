"""Cases of the losses that compare embeddings or scores."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from reference import Array, Format

from .case import Case, Distance
from .labels import signs
from .made_once import FLAG
from .passed_options import build
from .shapes import vectors
from .values import reals

RELATIONS = st.sampled_from(("any", "any", "any", "any", "any", "equal", "opposite", "orthogonal"))
COSINE_MARGINS = st.sampled_from((0.0, 0.5, -0.5, 0.1, 1.0, -1.0))
# How many of the three vectors are equal to the first.
EQUAL = st.sampled_from((0, 0, 0, 0, 0, 1, 1, 2))
MARGINS = st.sampled_from((1.0, 0.5, 2.0, 0.1, 5))
NORMS = st.sampled_from((2.0, 1.0, 3.0, np.inf, 1.5, 2))
EPS = st.sampled_from((1e-6, 0.0, 1e-3))


def manhattan(x: Array, y: Array) -> Array:
    """Sum of the absolute differences along the last axis."""
    distance: Array = np.sum(np.abs(x - y), axis=-1)
    return distance


def squared_euclidean(x: Array, y: Array) -> Array:
    """Sum of the squared differences along the last axis."""
    distance: Array = np.sum((x - y) * (x - y), axis=-1)
    return distance


def chebyshev(x: Array, y: Array) -> Array:
    """The largest absolute difference along the last axis."""
    distance: Array = np.max(np.abs(x - y), axis=-1)
    return distance


DISTANCES = (
    Distance("lambda x, y: (x - y).abs().sum(-1)", manhattan),
    Distance("lambda x, y: ((x - y) * (x - y)).sum(-1)", squared_euclidean),
    Distance("lambda x, y: (x - y).abs().amax(-1)", chebyshev),
)
FUNCTIONS = st.sampled_from((None, *DISTANCES))


@st.composite
def cosine_embedding_loss(draw: st.DrawFn, format: Format, reduction: str) -> Case:
    """Two vectors and a label 1 or -1; equal and zero vectors are frequent. Shrinks to zeros."""
    shape = draw(vectors())
    a, b = draw(reals(format, shape)), draw(reals(format, shape))
    relation = draw(RELATIONS)
    if relation == "equal":
        b = a.copy()
    elif relation == "opposite":
        b = -a
    elif relation == "orthogonal":  # no element is other than 0 in both
        even = np.arange(shape[-1]) % 2 == 0
        a, b = np.where(even, a, 0.0), np.where(even, 0.0, b)
    operands = {
        "input1": a,
        "input2": b,
        "target": draw(signs(shape[:-1])),
    }
    options: dict[str, Any] = {"margin": COSINE_MARGINS}
    return build(draw, "cosine_embedding_loss", format, reduction, operands, options)


def _triplet(draw: st.DrawFn, format: Format) -> dict[str, Any]:
    shape = draw(vectors((2, 3, 2), (1, 2, 1)))
    anchor, positive, negative = (draw(reals(format, shape)) for _ in range(3))
    equal = draw(EQUAL)
    return {
        "anchor": anchor,
        "positive": anchor.copy() if equal >= 1 else positive,
        "negative": anchor.copy() if equal == 2 else negative,
    }


@st.composite
def triplet_margin_loss(draw: st.DrawFn, format: Format, reduction: str) -> Case:
    """Three vectors; equal ones are frequent. Shrinks to one dimension, all zero."""
    options: dict[str, Any] = {
        "margin": MARGINS,
        "p": NORMS,
        "eps": EPS,
        "swap": FLAG,
    }
    return build(draw, "triplet_margin_loss", format, reduction, _triplet(draw, format), options)


@st.composite
def triplet_margin_with_distance_loss(draw: st.DrawFn, format: Format, reduction: str) -> Case:
    """Three vectors and one of several distances. Shrinks to one dimension, all zero."""
    options: dict[str, Any] = {
        "distance_function": FUNCTIONS,
        "margin": MARGINS,
        "swap": FLAG,
    }
    operands = _triplet(draw, format)
    return build(draw, "triplet_margin_with_distance_loss", format, reduction, operands, options)
