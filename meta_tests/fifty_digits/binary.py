"""Losses of two-class problems."""

from operator import mul

from mpmath import mp, mpf

from .arithmetic import (
    Array,
    Values,
    at_least,
    elementwise,
    exact,
    fifty_digits,
    log,
    ones_or,
    reduced,
    softplus,
    times,
)


@fifty_digits
def binary_cross_entropy(
    input: Values, target: Values, weight: Values | None = None, reduction: str = "mean"
) -> Array:
    """-w [y log x + (1 - y) log(1 - x)], each log clamped below at -100."""

    def loss(x: mpf, y: mpf, w: mpf) -> mpf:
        log_x = at_least(-100, log(x))
        log_1_x = at_least(-100, mp.log1p(-x))
        return -w * (y * log_x + (1 - y) * log_1_x)

    return reduced(elementwise(loss, exact(input), exact(target), ones_or(weight)), reduction)


def logistic(x: mpf, y: mpf, pos_weight: mpf = mp.one) -> mpf:
    """-[p y log s + (1 - y) log(1 - s)] with s the sigmoid of x."""
    return pos_weight * times(y, softplus(-x)) + times(1 - y, softplus(x))


@fifty_digits
def binary_cross_entropy_with_logits(
    input: Values,
    target: Values,
    weight: Values | None = None,
    reduction: str = "mean",
    pos_weight: Values | None = None,
) -> Array:
    """-w [p y log s + (1 - y) log(1 - s)] with s the sigmoid of x."""
    losses = elementwise(logistic, exact(input), exact(target), ones_or(pos_weight))
    return reduced(elementwise(mul, ones_or(weight), losses), reduction)


@fifty_digits
def soft_margin_loss(input: Values, target: Values, reduction: str = "mean") -> Array:
    """log(1 + exp(-y x))."""
    return reduced(elementwise(lambda x, y: softplus(-y * x), exact(input), exact(target)), reduction)


@fifty_digits
def hinge_embedding_loss(
    input: Values, target: Values, margin: float = 1.0, reduction: str = "mean"
) -> Array:
    """The input x if y = 1, max(0, margin - x) if y = -1."""

    def loss(x: mpf, y: mpf) -> mpf:
        return by_sign(y, x, at_least(0, margin - x))

    return reduced(elementwise(loss, exact(input), exact(target)), reduction)


def by_sign(y: mpf, similar: mpf, dissimilar: mpf) -> mpf:
    """One value if y = 1, the other if y = -1; any other label is undefined."""
    return similar if y == 1 else dissimilar if y == -1 else mp.nan
