"""Losses that compare embeddings or scores."""

from collections.abc import Callable
from typing import Any

from mpmath import mp, mpf

from .arithmetic import (
    Array,
    Values,
    at_least,
    elementwise,
    exact,
    fifty_digits,
    minimum,
    per_sample,
    reduced,
)
from .binary import by_sign


@fifty_digits
def cosine_embedding_loss(
    input1: Values, input2: Values, target: Values, margin: float = 0, reduction: str = "mean"
) -> Array:
    """1 - cos if y = 1, max(0, cos - margin) if y = -1, where a vector of zeros has cos 0."""

    def cosine(a: Array, b: Array) -> mpf:
        """a·b / √(a·a b·b)."""
        squares = mp.fdot(a, a) * mp.fdot(b, b)
        return mp.zero if squares == 0 else mp.fdot(a, b) / mp.sqrt(squares)

    def loss(cos: mpf, y: mpf) -> mpf:
        return by_sign(y, 1 - cos, at_least(0, cos - margin))

    cosines = per_sample(cosine, exact(input1), exact(input2))
    return reduced(elementwise(loss, cosines, exact(target)), reduction)


@fifty_digits
def margin_ranking_loss(
    input1: Values, input2: Values, target: Values, margin: float = 0, reduction: str = "mean"
) -> Array:
    """max(0, -y (x₁ - x₂) + margin)."""

    def loss(x1: mpf, x2: mpf, y: mpf) -> mpf:
        return at_least(0, -y * (x1 - x2) + margin)

    return reduced(elementwise(loss, exact(input1), exact(input2), exact(target)), reduction)


def norm(x: Array, p: float) -> mpf:
    """(Σ |x_i|^p)^(1/p), the largest |x_i| for p = inf."""
    if p == mp.inf:
        return mp.nan if any(map(mp.isnan, x)) else max(map(abs, x), default=mp.zero)
    return mp.fsum(abs(d) ** mpf(p) for d in x) ** (1 / mpf(p))


def pairwise_distance(x: Array, y: Array, p: float = 2.0, eps: float = 1e-6) -> Array:
    """‖x - y + ε‖_p over the last axis."""
    return per_sample(lambda d: norm(d, p), x - y + mpf(eps))


@fifty_digits
def triplet_margin_loss(
    anchor: Values,
    positive: Values,
    negative: Values,
    margin: float = 1.0,
    p: float = 2,
    eps: float = 1e-6,
    swap: bool = False,
    reduction: str = "mean",
) -> Array:
    """max(0, d(a, p) - d(a, n) + margin) with d(x, y) = ‖x - y + ε‖_p."""
    return triplet_margin_with_distance_loss(
        anchor,
        positive,
        negative,
        distance_function=lambda x, y: pairwise_distance(x, y, p, eps),
        margin=margin,
        swap=swap,
        reduction=reduction,
    )


@fifty_digits
def triplet_margin_with_distance_loss(
    anchor: Values,
    positive: Values,
    negative: Values,
    *,
    distance_function: Callable[[Array, Array], Any] | None = None,
    margin: float = 1.0,
    swap: bool = False,
    reduction: str = "mean",
) -> Array:
    """max(0, d(a, p) - d(a, n) + margin); swap takes the smaller of d(a, n) and d(p, n)."""
    distance = distance_function or pairwise_distance
    a, p, n = exact(anchor), exact(positive), exact(negative)
    near, far = exact(distance(a, p)), exact(distance(a, n))
    if swap:
        far = elementwise(minimum, far, exact(distance(p, n)))
    return reduced(elementwise(lambda dp, dn: at_least(0, dp - dn + margin), near, far), reduction)
