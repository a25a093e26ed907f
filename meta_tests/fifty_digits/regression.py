"""Losses between numbers."""

from collections.abc import Callable

import numpy as np
from mpmath import mp, mpc, mpf

from .arithmetic import Array, Values, elementwise, exact, fifty_digits, ones_or, reduced


@fifty_digits
def l1_loss(input: Values, target: Values, reduction: str = "mean", weight: Values | None = None) -> Array:
    """|x - y| w, also of complex numbers; the mean divides by the number of losses."""
    x, y = (elementwise(mpc, np.asarray(z)) if np.iscomplexobj(z) else exact(z) for z in (input, target))

    def loss(x: mpc, y: mpc, w: mpf) -> mpf:
        return w * abs(x - y)

    return reduced(elementwise(loss, x, y, ones_or(weight)), reduction)


@fifty_digits
def mse_loss(input: Values, target: Values, reduction: str = "mean", weight: Values | None = None) -> Array:
    """(x - y)² w; the mean divides by the number of losses."""
    return weighted_regression(lambda d: d * d, input, target, reduction, weight)


def weighted_regression(
    formula: Callable[[mpf], mpf], input: Values, target: Values, reduction: str, weight: Values | None
) -> Array:
    """f(|x - y|) w; the mean divides by the number of losses."""

    def loss(x: mpf, y: mpf, w: mpf) -> mpf:
        return w * formula(abs(x - y))

    return reduced(elementwise(loss, exact(input), exact(target), ones_or(weight)), reduction)


@fifty_digits
def smooth_l1_loss(input: Values, target: Values, reduction: str = "mean", beta: float = 1.0) -> Array:
    """d² / 2β if d = |x - y| < β, else d - β/2."""

    def loss(x: mpf, y: mpf) -> mpf:
        d = abs(x - y)
        return d * d / 2 / beta if d < beta else d - mpf(beta) / 2

    return reduced(elementwise(loss, exact(input), exact(target)), reduction)


@fifty_digits
def huber_loss(
    input: Values,
    target: Values,
    reduction: str = "mean",
    delta: float = 1.0,
    weight: Values | None = None,
) -> Array:
    """(d² / 2) w if d = |x - y| < δ, else δ (d - δ/2) w; the mean divides by their number."""

    def loss(x: mpf, y: mpf, w: mpf) -> mpf:
        d = abs(x - y)
        return w * (d * d / 2 if d < delta or delta == mp.inf else delta * (d - mpf(delta) / 2))

    return reduced(elementwise(loss, exact(input), exact(target), ones_or(weight)), reduction)
