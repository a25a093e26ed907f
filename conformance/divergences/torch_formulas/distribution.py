"""Formulas of torch for the losses between distributions."""

from __future__ import annotations

from typing import Any

import numpy as np

from reference.dispatch import number, with_partials
from reference.distribution import PI
from reference.reduction import reduce


def poisson_nll_loss(
    input: Any,
    target: Any,
    log_input: bool = True,
    full: bool = False,
    eps: float = 1e-8,
    reduction: str = "mean",
) -> Any:
    """Poisson loss whose terms are multiplied and subtracted also where they are infinite.

    Stirling's term is computed everywhere, and filled with 0 where the target is at most 1.

    Source: poisson_nll_loss, aten/src/ATen/native/Loss.cpp.
    """
    x, y = input, target
    loss = np.exp(x) - y * x if log_input else x - y * np.log(x + eps)
    if full:
        stirling = y * np.log(y) - y + 0.5 * np.log(2 * number(PI, y) * y)
        loss = loss + np.where(y > 1, stirling, 0.0)
    return reduce(loss, reduction)


def gaussian_in_forward_mode(
    input: Any,
    target: Any,
    var: Any,
    full: bool = False,
    eps: float = 1e-6,
    reduction: str = "mean",
) -> Any:
    """Gaussian loss that does not change with a variance below eps, which is clamped.

    Source: forward mode of gaussian_nll_loss, torch/nn/functional.py.
    """
    v = np.expand_dims(var, -1) if getattr(var, "ndim", 0) == input.ndim - 1 and input.ndim else var
    v = np.maximum(v, eps)
    d = input - target
    loss = 0.5 * (np.log(v) + d * d / v)
    return reduce(loss + 0.5 * np.log(2 * number(PI, input)) if full else loss, reduction)


def gaussian_without_clamp(**arguments: Any) -> Any:
    """Gaussian loss whose eps is nan and clamps nothing.

    Source: torch.clamp, which compares and so ignored a bound of nan.
    """
    return gaussian_in_forward_mode(**{**arguments, "eps": 0.0})


def _x_log_y(x: Any, y: Any) -> Any:
    """X log y, 0 where x is, with the derivatives log y, filled with 0 where x and y are, and x / y."""

    def by_x(c: Any, x: Any, y: Any) -> Any:
        return np.where((x == 0) & (y <= 0), 0.0, c * np.log(y))

    def value(x: Any, y: Any) -> Any:
        return np.where(x == 0, 0.0, x * np.log(y))

    return with_partials(value, (by_x, lambda c, x, y: c * x / y), x, y)


def kl_div(input: Any, target: Any, reduction: str = "mean", log_target: bool = False) -> Any:
    """Divergence as y log y - y x, or exp(y) (y - x), also where a factor is 0 and the other infinite.

    The mean over the batch divides by the size of the first axis of `input`, before it broadcasts.

    Source: kl_div, aten/src/ATen/native/Loss.cpp, and torch/nn/functional.py.
    """
    x, y = input, target
    loss = np.exp(y) * (y - x) if log_target else _x_log_y(y, y) - y * x
    if reduction == "batchmean":
        return np.sum(loss) / x.shape[0] if x.ndim else np.sum(loss)
    return reduce(loss, reduction)
