"""Losses that compare embeddings or scores of two or three samples."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from .dispatch import Array, constant, is_stepwise, number, product, total
from .reduction import reduce
from .validation import broadcastable, flag, option, real, require, same_shape, signs

# The derivative of the cosine by a vector of zeros is anything up to this size: there is none, nor a bound
# of difference quotients.
STEEP = 2.0**60


@np.errstate(all="ignore")  # infinities and nans are answers here, not accidents
def cosine_embedding_loss(
    input1: npt.ArrayLike,
    input2: npt.ArrayLike,
    target: npt.ArrayLike,
    margin: float = 0.0,
    reduction: str = "mean",
) -> Array:
    """Loss of the cosine of two vectors.

        l = 1 - cos(a, b)  if y = 1  else  max(0, cos(a, b) - margin)
        cos(a, b) = a.b / (|a| |b|),  0 if either vector is zero

    Args:
        input1: a, shape (D) or (N, D).
        input2: b, the same shape.
        target: y, 1 or -1, shape () or (N).
        margin: from -1 to 1.
        reduction: "none", "mean" or "sum".

    Returns:
        The shape of `target` for "none", else 0-d.

    Raises:
        ValueError: shapes do not fit, another label, a margin out of range, or an unknown reduction.

    Source: torch.nn.CosineEmbeddingLoss.
    """
    a, b = real("input1", input1), real("input2", input2)
    y = signs("target", target, a)
    same_shape(input1=a, input2=b)
    require(a.ndim in (1, 2), f"inputs must be (D) or (N, D), got shape {a.shape}")
    require(y.shape == a.shape[:-1], f"target must have shape {a.shape[:-1]}, got {y.shape}")
    margin = option("margin", margin)
    require(-1 <= margin <= 1, f"margin must lie in [-1, 1], got {margin}")
    cosine = _cosine(a, b)
    return reduce(np.where(y == 1, 1 - cosine, np.maximum(cosine - margin, 0)), reduction)


def _cosine(a: Array, b: Array) -> Array:
    a, b = _within_range(a), _within_range(b)
    dots, norms = (np.sum(x * y, axis=-1) for x, y in ((a, b), (a, a)))
    cosine: Array = dots / product(np.sqrt(norms), np.sqrt(np.sum(b * b, axis=-1)))
    zeros = [np.all(constant(x) == 0, axis=-1) for x in (a, b)]
    if not np.any(zeros):
        return cosine
    steep: list[Any] = [
        np.where(zero, np.sum(np.abs(STEEP * x), axis=-1), 0.0) for zero, x in zip(zeros, (a, b))
    ]
    # Of a zero vector and one that is no vector of numbers the quotient is nan, and so is the cosine.
    numbers = [np.all(np.isfinite(constant(x)), axis=-1) for x in (a, b)]
    zero = (zeros[0] & numbers[1]) | (zeros[1] & numbers[0])
    result: Array = np.where(zero, steep[0] + steep[1], cosine)
    return result


def _within_range(x: Array) -> Array:
    """Vectors whose squares fit the type they are held in; any positive multiple has the same cosine."""
    if is_stepwise(x):  # whose squares are to overflow
        return x
    largest = np.max(np.abs(constant(x)), axis=-1, keepdims=True, initial=0)
    edge = np.finfo(x.dtype).max ** 0.25
    fits = (largest < edge) & (largest > 1 / edge) | ~np.isfinite(largest) | (largest == 0)
    return x if np.all(fits) else x / np.where(fits, 1.0, largest)


@np.errstate(all="ignore")
def margin_ranking_loss(
    input1: npt.ArrayLike,
    input2: npt.ArrayLike,
    target: npt.ArrayLike,
    margin: float = 0.0,
    reduction: str = "mean",
) -> Array:
    """Hinge loss of the order of two scores.

        l = max(0, -y (a - b) + margin)

    Args:
        input1: a, any shape; torch documents () and (N).
        input2: b, the same shape.
        target: y, the same shape; 1 if a should be the larger, -1 if b.
        margin: real.
        reduction: "none", "mean" or "sum".

    Returns:
        The shape of the inputs for "none", else 0-d.

    Raises:
        ValueError: shapes differ, another label, or an unknown reduction.

    Source: torch.nn.MarginRankingLoss.
    """
    a, b = real("input1", input1), real("input2", input2)
    y = signs("target", target, a)
    same_shape(input1=a, input2=b, target=y)
    return reduce(np.maximum(-y * (a - b) + option("margin", margin), 0), reduction)


def pairwise_distance(x1: npt.ArrayLike, x2: npt.ArrayLike, p: float = 2.0, eps: float = 1e-6) -> Array:
    """p-norm of x1 - x2 + eps along the last axis.

    Args:
        x1: array of shape (..., D).
        x2: array that broadcasts with it.
        p: order of the norm, any real number but 0; infinite for the largest difference, negative for what
            torch.nn.PairwiseDistance documents, too.
        eps: added to each difference, so its sign matters.

    Returns:
        The broadcast shape without its last axis.

    Raises:
        ValueError: shapes do not broadcast, or `p` is 0 or nan.

    Source: torch.nn.PairwiseDistance.
    """
    a, b = real("x1", x1), real("x2", x2)
    broadcastable(x1=a, x2=b)
    p = option("p", p)
    require(p != 0 and p == p, f"p must be a number other than 0, got {p}")
    size = np.abs(a - b + option("eps", eps))
    if p == -np.inf:
        smallest: Array = -np.max(-size, axis=-1)
        return smallest
    if p == np.inf:
        largest: Array = np.max(size, axis=-1)
        return largest
    sizes: Array = np.sum(size, axis=-1)
    if p == 1:
        return sizes
    powers = np.sum(size * size if p == 2 else np.power(size, p), axis=-1)
    norm = np.sqrt(powers) if p == 2 else np.power(powers, 1 / number(p, size))
    # Of zero the root has no derivative. The norm has: a subgradient of the 1-norm, or a smaller one.
    return np.where(sizes == 0, sizes, norm)


@np.errstate(all="ignore")
def triplet_margin_loss(
    anchor: npt.ArrayLike,
    positive: npt.ArrayLike,
    negative: npt.ArrayLike,
    margin: float = 1.0,
    p: float = 2.0,
    eps: float = 1e-6,
    swap: bool = False,
    reduction: str = "mean",
) -> Array:
    """Hinge loss that wants the positive nearer to the anchor than the negative.

        l = max(0, margin + d(a, p) - d(a, n)),    d(x, y) = |x - y + eps|_p

    Args:
        anchor: shape (D) or (N, D); torch accepts more leading axes.
        positive: the same shape.
        negative: the same shape.
        margin: > 0.
        p: order of the norm.
        eps: added to each difference before the norm.
        swap: use the smaller of d(a, n) and d(p, n) in place of d(a, n).
        reduction: "none", "mean" or "sum".

    Returns:
        The shape of the inputs without the last axis for "none", else 0-d.

    Raises:
        ValueError: shapes do not fit, `margin` or `p` is not positive, or an unknown reduction.

    Source: torch.nn.TripletMarginLoss; V. Balntas et al., Learning shallow convolutional feature
    descriptors with triplet losses (2016).
    """
    require(option("p", p) > 0, f"p must be > 0, got {p}")

    def distance(x: Array, y: Array) -> Array:
        return pairwise_distance(x, y, p, eps)

    return _triplet(anchor, positive, negative, distance, margin, swap, reduction)


@np.errstate(all="ignore")
def triplet_margin_with_distance_loss(
    anchor: npt.ArrayLike,
    positive: npt.ArrayLike,
    negative: npt.ArrayLike,
    *,
    distance_function: Callable[[Array, Array], Array] | None = None,
    margin: float = 1.0,
    swap: bool = False,
    reduction: str = "mean",
) -> Array:
    """The triplet loss with any distance.

        l = max(0, margin + d(a, p) - d(a, n))

    Args:
        anchor: shape (N, ...), whatever the distance takes.
        positive: the same shape.
        negative: the same shape.
        distance_function: d, from two such arrays to their distances (N); None for
            `pairwise_distance`.
        margin: > 0.
        swap: use the smaller of d(a, n) and d(p, n) in place of d(a, n).
        reduction: "none", "mean" or "sum".

    Returns:
        The shape that the distance returns for "none", else 0-d.

    Raises:
        ValueError: shapes do not fit, `margin` is not positive, or an unknown reduction.

    Source: torch.nn.TripletMarginWithDistanceLoss.
    """
    if not (distance_function is None or callable(distance_function)):
        raise TypeError(f"distance_function must be a function, got {distance_function!r}")
    distance = pairwise_distance if distance_function is None else distance_function
    return _triplet(anchor, positive, negative, distance, margin, swap, reduction)


def _triplet(
    anchor: npt.ArrayLike,
    positive: npt.ArrayLike,
    negative: npt.ArrayLike,
    distance: Callable[[Array, Array], Array],
    margin: float,
    swap: bool,
    reduction: str,
) -> Array:
    a, b, c = real("anchor", anchor), real("positive", positive), real("negative", negative)
    same_shape(anchor=a, positive=b, negative=c)
    require(a.ndim >= 1, "inputs must have an axis of features, got 0-d arrays")
    margin = option("margin", margin)
    require(margin > 0, f"margin must be > 0, got {margin}")
    far = distance(a, c)
    if flag("swap", swap):
        far = np.minimum(far, distance(b, c))
    return reduce(np.maximum(total(margin, distance(a, b), -far), 0), reduction)
