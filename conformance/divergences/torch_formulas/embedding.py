"""Formulas of torch for the losses that compare embeddings."""

from __future__ import annotations

from typing import Any

import numpy as np

from reference.dispatch import accumulated, in_type_of, number, total, with_pull
from reference.reduction import reduce

# What torch adds to each squared norm: the float32 number nearest to 1e-12, in all formats.
COSINE_EPSILON = float(np.float32(1e-12))


def cosine_embedding_loss(
    input1: Any, input2: Any, target: Any, margin: float = 0.0, reduction: str = "mean"
) -> Any:
    """Loss of a cosine a.b / sqrt((|a|^2 + 1e-12) (|b|^2 + 1e-12)). Source: aten/src/ATen/native/Loss.cpp."""
    first, second = (np.sum(x * x, axis=-1) + COSINE_EPSILON for x in (input1, input2))
    cosine = np.sum(input1 * input2, axis=-1) / np.sqrt(first * second)
    return reduce(np.where(target == 1, 1 - cosine, np.maximum(cosine - margin, 0)), reduction)


def triplet_margin_loss(
    anchor: Any,
    positive: Any,
    negative: Any,
    margin: float = 1.0,
    p: float = 2.0,
    eps: float = 1e-6,
    swap: bool = False,
    reduction: str = "mean",
) -> Any:
    """Triplet loss of a norm that has no second derivative at 0.

    Source: triplet_margin_loss, aten/src/ATen/native/Loss.cpp; norm_backward, FunctionsManual.cpp.
    """

    def distance(x: Any, y: Any) -> Any:
        return _norm(np.abs(x - y + eps), p)

    return _triplet(anchor, positive, negative, distance, margin, swap, reduction)


def triplet_margin_with_distance_loss(
    anchor: Any,
    positive: Any,
    negative: Any,
    *,
    distance_function: Any = None,
    margin: float = 1.0,
    swap: bool = False,
    reduction: str = "mean",
) -> Any:
    """The same of any distance, by default the 2-norm of the difference and 1e-6."""

    def distance(x: Any, y: Any) -> Any:
        return _norm(np.abs(x - y + 1e-6), 2)

    return _triplet(anchor, positive, negative, distance_function or distance, margin, swap, reduction)


def _norm(size: Any, p: float) -> Any:
    """The p-norm of sizes >= 0, added up in the accumulator's format and differentiated in their own."""
    if p == np.inf:
        return np.max(size, axis=-1)
    if p == 1:
        return np.sum(size, axis=-1)

    def steps(size: Any) -> Any:
        powers = np.sum(size * size if p == 2 else np.power(size, p), axis=-1)
        return np.sqrt(powers) if p == 2 else np.power(powers, 1 / number(p, size))

    def pull(c: Any, x: Any, y: Any) -> Any:
        upstream, norm = np.expand_dims(c, -1), np.expand_dims(y, -1)
        powers = x if p == 2 else np.power(x, p - 1)
        scale = upstream / (norm if p == 2 else np.power(norm, p - 1))
        return np.where(norm == 0, 0.0, powers * scale)

    return with_pull(lambda size: accumulated(size, steps), pull, size)


def _triplet(
    anchor: Any, positive: Any, negative: Any, distance: Any, margin: float, swap: bool, reduction: str
) -> Any:
    far = distance(anchor, negative)
    if swap:
        far = np.minimum(far, distance(positive, negative))
    near = distance(anchor, positive)
    if in_type_of(near, far) is near:
        return reduce(np.maximum(total(margin, near, -far), 0), reduction)
    return reduce(np.maximum(margin + near - far, 0), reduction)
