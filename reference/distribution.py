"""Losses between distributions: Poisson, Gaussian, and the Kullback-Leibler divergence."""

from __future__ import annotations

from numbers import Real

import numpy as np
import numpy.typing as npt

from .dispatch import Array, constant, number, with_derivative_of
from .reduction import REDUCTIONS, check, expected, reduce
from .validation import broadcastable, flag, option, real, require, same_shape

# To 35 digits: the oracle computes float64 in a wider type.
PI = np.longdouble("3.14159265358979323846264338327950288")


@np.errstate(all="ignore")  # infinities and nans are answers here, not accidents
def poisson_nll_loss(
    input: npt.ArrayLike,
    target: npt.ArrayLike,
    log_input: bool = True,
    full: bool = False,
    eps: float = 1e-8,
    reduction: str = "mean",
) -> Array:
    """Negative log likelihood of counts under a Poisson distribution.

        l = exp(x) - y x                  if log_input
            x - y log(x + eps)            otherwise
            + y log y - y + log(2 pi y) / 2   if full, where y > 1 (Stirling's approximation of log y!)

    Args:
        input: x, the logarithm of the rate if `log_input`, else the rate; any shape.
        target: y, counts, the same shape.
        log_input: how `input` is given.
        full: whether the term that does not depend on `input` is added.
        eps: keeps log(x + eps) finite at x = 0.
        reduction: "none", "mean" or "sum".

    Returns:
        The shape of `input` for "none", else 0-d.

    Raises:
        ValueError: shapes differ, a rate is negative, or an unknown reduction.

    Source: torch.nn.PoissonNLLLoss.
    """
    x, y = real("input", input), real("target", target)
    same_shape(input=x, target=y)
    eps = option("eps", eps)
    log_input, full = flag("log_input", log_input), flag("full", full)
    require(log_input or not np.any(constant(x) < 0), "input must not be negative, since it holds rates")
    loss = np.exp(x) - expected(y, x) if log_input else x - expected(y, np.log(x + eps))
    # The rate grows faster than its logarithm.
    loss = with_derivative_of(np.where((x == np.inf) & np.isfinite(y), x, loss), lambda: loss)
    if full:
        stirling = y * np.log(y) - y + 0.5 * np.log(2 * number(PI, y) * y)
        loss = loss + np.where(y > 1, stirling, 0.0)
    return reduce(loss, reduction)


@np.errstate(all="ignore")
def gaussian_nll_loss(
    input: npt.ArrayLike,
    target: npt.ArrayLike,
    var: npt.ArrayLike,
    full: bool = False,
    eps: float = 1e-6,
    reduction: str = "mean",
) -> Array:
    """Negative log likelihood of samples under a Gaussian distribution.

        l = (log v + (x - y)^2 / v) / 2  [+ log(2 pi) / 2 if full],    v = max(var, eps)

    Args:
        input: x, expectations, any shape.
        target: y, samples, broadcastable with `input`.
        var: variances >= 0: the shape of `input`, or with one dimension equal to 1, or with the last
            dimension missing (one variance per row), or one number for all.
        full: whether the constant is added.
        eps: least variance. It is documented that the derivative takes no notice of it.
        reduction: "none", "mean" or "sum".

    Returns:
        The common shape of `input` and `target` for "none", else 0-d.

    Raises:
        ValueError: shapes do not fit, a variance is negative, or an unknown reduction.

    Source: torch.nn.GaussianNLLLoss.
    """
    x, y, v = real("input", input), real("target", target), real("var", var)
    broadcastable(input=x, target=y)
    full = flag("full", full)
    require(not np.any(v < 0), "var must not be negative")
    if v.ndim and v.shape != x.shape:
        per_row = v.shape == x.shape[:-1]
        unequal = [(m, n) for m, n in zip(v.shape, x.shape) if m != n]
        single = v.ndim == x.ndim and len(unequal) == 1 and unequal[0][0] == 1
        require(per_row or single, f"var {v.shape} must be one per element or per row of input {x.shape}")
        v = np.expand_dims(v, -1) if per_row else v
    if isinstance(var, Real):
        v = np.where(
            np.full(x.shape, True), number(option("var", var), x), x
        )  # an array like x, so that it is tracked
    v = with_derivative_of(np.maximum(v, option("eps", eps)), lambda: v)
    d = x - y
    loss = 0.5 * (np.log(v) + d * d / v)
    return reduce(loss + 0.5 * np.log(2 * number(PI, x)) if full else loss, reduction)


@np.errstate(all="ignore")
def kl_div(
    input: npt.ArrayLike, target: npt.ArrayLike, reduction: str = "mean", log_target: bool = False
) -> Array:
    """Pointwise Kullback-Leibler divergence.

        l = y (log y - x)        with 0 log 0 = 0
        l = exp(y) (y - x)       if log_target

    Args:
        input: x, log-probabilities, any shape.
        target: y, probabilities, or their logarithms if `log_target`; broadcastable with `input`.
        reduction: "none", "mean", "sum", or "batchmean": the sum divided by the size of the first axis
            of the pointwise result (0-d: the sum).
        log_target: how `target` is given.

    Returns:
        The common shape of `input` and `target` for "none", else 0-d.

    Raises:
        ValueError: shapes do not broadcast, or an unknown reduction.

    Source: torch.nn.KLDivLoss.
    """
    check(reduction, (*REDUCTIONS, "batchmean"))
    x, y = real("input", input), real("target", target)
    broadcastable(input=x, target=y)
    if flag("log_target", log_target):
        # The limit at y = -inf is 0, whatever number x is.
        loss = np.where((y == -np.inf) & (x == x), 0.0, np.exp(y) * (y - x))
    else:
        loss = y * (np.log(y) - x)
        loss = with_derivative_of(np.where((y == 0) & (x == x), 0.0, loss), lambda: loss)
    if reduction == "batchmean":
        total = reduce(loss, "sum")
        return total / loss.shape[0] if loss.ndim else total
    return reduce(loss, reduction)
