"""Losses between distributions."""

import numpy as np
from mpmath import mp, mpf

from .arithmetic import Array, Values, at_least, elementwise, exact, fifty_digits, log, ratio, reduced, times


@fifty_digits
def poisson_nll_loss(
    input: Values,
    target: Values,
    log_input: bool = True,
    full: bool = False,
    eps: float = 1e-8,
    reduction: str = "mean",
) -> Array:
    """eˣ - y x, or x - y log(x + ε); full adds Stirling's y log y - y + log(2πy)/2 where y > 1."""

    def loss(x: mpf, y: mpf) -> mpf:
        if x == mp.inf and mp.isfinite(y):
            return mp.inf  # the rate grows faster than its logarithm
        nll = mp.exp(x) - times(y, x) if log_input else x - times(y, log(x + eps))
        return nll + (y * mp.log(y) - y + mp.log(2 * mp.pi * y) / 2 if full and y > 1 else 0)

    return reduced(elementwise(loss, exact(input), exact(target)), reduction)


@fifty_digits
def gaussian_nll_loss(
    input: Values,
    target: Values,
    var: Values,
    full: bool = False,
    eps: float = 1e-6,
    reduction: str = "mean",
) -> Array:
    """(log v + (x - y)² / v) / 2 with v = max(var, ε); full adds log(2π)/2."""
    constant = mp.log(2 * mp.pi) / 2 if full else mp.zero

    def loss(x: mpf, y: mpf, variance: mpf) -> mpf:
        v = at_least(eps, variance)
        return (log(v) + ratio((x - y) ** 2, v)) / 2 + constant

    x, v = exact(input), exact(var)
    per_row = v.ndim == x.ndim - 1 and v.shape == x.shape[:-1]
    return reduced(elementwise(loss, x, exact(target), v[..., None] if per_row else v), reduction)


@fifty_digits
def kl_div(input: Values, target: Values, reduction: str = "mean", log_target: bool = False) -> Array:
    """(log q - x) q, with q = eʸ for a log target; batchmean divides the sum by the batch of the losses."""

    def loss(x: mpf, y: mpf) -> mpf:
        q, log_q = (mp.exp(y), y) if log_target else (y, log(y))
        return times(q, log_q) - times(q, x)

    losses = elementwise(loss, exact(input), exact(target))
    if reduction != "batchmean":
        return reduced(losses, reduction)
    return np.array(ratio(mp.fsum(losses.flat), len(losses) if losses.ndim else 1), dtype=object)
