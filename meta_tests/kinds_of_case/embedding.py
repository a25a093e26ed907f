"""Kinds of the losses that compare embeddings or scores."""

from __future__ import annotations

from typing import Any

import numpy as np

from reference import Array
from strategies.embedding import DISTANCES
from strategies.shapes import TAILS

from .shared import ELEMENTWISE, NUMBERS, SIGNED, SIGNS, Call, Kinds


def zero(x: Array) -> Array:
    """Which vectors are zero."""
    return np.all(x == 0, axis=-1)


def equal(x: Array, y: Array) -> Array:
    """Which pairs of vectors are equal but not zero."""
    return np.asarray(np.all(x == y, axis=-1) & ~zero(x))


def distance(x: Array, y: Array) -> Array:
    """Euclidean distances of pairs of vectors."""
    return np.sqrt(np.sum((x - y) ** 2, axis=-1))


def hinge(c: Call) -> Array:
    """Margin ranking before the clamp."""
    return np.asarray(-c.target * (c.input1 - c.input2) + c.margin)


VECTORS: Kinds = {
    **NUMBERS,
    **SIGNED,
    "one vector": lambda c: len(c.shape) == 1,
    "no vector": lambda c: len(c.shape) == 2 and c.shape[0] == 0,
    "several vectors": lambda c: len(c.shape) == 2 and c.shape[0] > 1,
    "more than 64 vectors": lambda c: len(c.shape) == 2 and c.shape[0] > 64,
    **{f"vectors of {n}": lambda c, n=n: c.shape[-1] == n for n in (1, 2, 3, *TAILS)},
}
TRIPLETS: Kinds = {
    **VECTORS,
    "three dimensions": lambda c: len(c.shape) == 3,
    "positive equals anchor": lambda c: equal(c.anchor, c.positive),
    "negative equals anchor": lambda c: equal(c.anchor, c.negative),
    "all equal": lambda c: equal(c.anchor, c.positive) & equal(c.anchor, c.negative),
    "zero vector": lambda c: zero(c.anchor),
    "some elements equal": lambda c: (c.anchor == c.positive) & (c.anchor != 0),
    "swap matters": lambda c: c.swap and distance(c.positive, c.negative) < distance(c.anchor, c.negative),
    "swap does not matter": lambda c: (
        c.swap and distance(c.positive, c.negative) > distance(c.anchor, c.negative)
    ),
    "positive far": lambda c: distance(c.anchor, c.positive) > distance(c.anchor, c.negative),
    "negative far": lambda c: distance(c.anchor, c.positive) + c.margin < distance(c.anchor, c.negative),
}

KINDS: dict[str, Kinds] = {
    "cosine_embedding_loss": {
        **VECTORS,
        **SIGNS,
        "one vector zero": lambda c: zero(c.input1) ^ zero(c.input2),
        "both vectors zero": lambda c: zero(c.input1) & zero(c.input2),
        "equal vectors": lambda c: equal(c.input1, c.input2),
        "equal vectors, label 1": lambda c: equal(c.input1, c.input2) & (c.target == 1),
        "equal vectors, label -1": lambda c: equal(c.input1, c.input2) & (c.target == -1),
        "opposite vectors": lambda c: equal(c.input1, -c.input2),
        "orthogonal vectors": lambda c: (
            (np.sum(c.input1 * c.input2, axis=-1) == 0) & ~zero(c.input1) & ~zero(c.input2)
        ),
    },
    "margin_ranking_loss": {
        **NUMBERS,
        **SIGNED,
        **ELEMENTWISE,
        **SIGNS,
        "tie": lambda c: (c.input1 == c.input2) & (c.input1 != 0),
        "at the margin": lambda c: hinge(c) == 0,
        "within the margin": lambda c: hinge(c) > 0,
        "beyond the margin": lambda c: hinge(c) < 0,
    },
    "triplet_margin_loss": {
        **TRIPLETS,
        "eps 0 and equal": lambda c: c.eps == 0 and equal(c.anchor, c.positive),
        **{
            f"equal, p {p}": lambda c, p=p: c.p == p and equal(c.anchor, c.positive)
            for p in (1, 2, 3, np.inf)
        },
    },
    "triplet_margin_with_distance_loss": TRIPLETS,
}

_MARGINS = (1.0, 0.5, 2.0, 0.1, 5)

OPTIONS: dict[str, dict[str, tuple[Any, ...]]] = {
    "cosine_embedding_loss": {"margin": (0.0, 0.5, -0.5, 0.1, 1.0, -1.0)},
    "margin_ranking_loss": {"margin": (0.0, 1.0, 0.5, 0.1, -1.0, 0)},
    "triplet_margin_loss": {
        "margin": _MARGINS,
        "p": (2.0, 1.0, 3.0, np.inf, 1.5, 2),
        "eps": (1e-6, 0.0, 1e-3),
        "swap": (True, False),
    },
    "triplet_margin_with_distance_loss": {
        "distance_function": (None, *DISTANCES),
        "margin": _MARGINS,
        "swap": (True, False),
    },
}
