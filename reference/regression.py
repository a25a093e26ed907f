"""Losses between numbers: L1, MSE, smooth L1 and Huber.

All four broadcast `input` against `target`, as torch does (with a warning).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .dispatch import Array, with_error_of
from .reduction import reduce, weighed
from .validation import Complex, broadcastable, option, optional_real, real, real_or_complex, require


def _difference(input: npt.ArrayLike, target: npt.ArrayLike) -> Array:
    x, y = real("input", input), real("target", target)
    broadcastable(input=x, target=y)
    return x - y


def absolute_difference(input: npt.ArrayLike, target: npt.ArrayLike) -> Array:
    """|x - y|, also of complex numbers."""
    x, y = real_or_complex("input", input), real_or_complex("target", target)
    if not isinstance(x, Complex) and not isinstance(y, Complex):
        size: Array = np.abs(_difference(x, y))
        return size
    broadcastable(input=x, target=y)
    (x_real, x_imaginary), (y_real, y_imaginary) = _parts(x), _parts(y)
    length: Array = np.hypot(x_real - y_real, x_imaginary - y_imaginary)
    return length


def _parts(x: Array | Complex) -> tuple[Array, Array | float]:
    """The real and the imaginary part; that of real numbers is 0."""
    return (x.parts[..., 0], x.parts[..., 1]) if isinstance(x, Complex) else (x, 0.0)


def _weights(weight: npt.ArrayLike | None, input: npt.ArrayLike) -> Array | None:
    w = optional_real("weight", weight)
    if w is not None:
        shape = real_or_complex("input", input).shape
        require(w.shape == shape, f"weight must have the shape of input {shape}, got {w.shape}")
    return w


@np.errstate(all="ignore")  # infinities and nans are answers here, not accidents
def l1_loss(
    input: npt.ArrayLike,
    target: npt.ArrayLike,
    reduction: str = "mean",
    weight: npt.ArrayLike | None = None,
) -> Array:
    """Absolute error.

        l = w |x - y|

    Args:
        input: x, any shape, real or complex.
        target: y, broadcastable with `input`, real or complex.
        reduction: "none", "mean" or "sum". The mean counts elements, also with weights.
        weight: w, the shape of `input`.

    Returns:
        Real numbers, of the common shape of `input` and `target` for "none", else 0-d.

    Raises:
        ValueError: shapes do not fit, or an unknown reduction.

    Source: torch.nn.L1Loss.
    """
    loss = absolute_difference(input, target)
    w = _weights(weight, input)
    return reduce(loss if w is None else weighed(w, loss), reduction)


@np.errstate(all="ignore")
def mse_loss(
    input: npt.ArrayLike,
    target: npt.ArrayLike,
    reduction: str = "mean",
    weight: npt.ArrayLike | None = None,
) -> Array:
    """Squared error.

        l = w (x - y)^2

    Args:
        input: x, any shape.
        target: y, broadcastable with `input`.
        reduction: "none", "mean" or "sum". The mean counts elements, also with weights.
        weight: w, the shape of `input`.

    Returns:
        The common shape of `input` and `target` for "none", else 0-d.

    Raises:
        ValueError: shapes do not fit, or an unknown reduction.

    Source: torch.nn.MSELoss.
    """
    d = _difference(input, target)
    loss = d * d
    w = _weights(weight, input)
    return reduce(loss if w is None else weighed(w, loss), reduction)


@np.errstate(all="ignore")
def smooth_l1_loss(
    input: npt.ArrayLike, target: npt.ArrayLike, reduction: str = "mean", beta: float = 1.0
) -> Array:
    """Absolute error, made quadratic within `beta` of zero.

        l = d^2 / (2 beta)  if d < beta  else  d - beta / 2,    d = |x - y|
          = m (d - m / 2) / beta,    m = min(d, beta)

    Args:
        input: x, any shape.
        target: y, broadcastable with `input`.
        reduction: "none", "mean" or "sum".
        beta: where the two branches meet, >= 0; at 0 the loss is L1.

    Returns:
        The common shape of `input` and `target` for "none", else 0-d.

    Raises:
        ValueError: shapes do not fit, `beta` is negative or nan, or an unknown reduction.

    Source: torch.nn.SmoothL1Loss; R. Girshick, Fast R-CNN (2015).
    """
    beta = option("beta", beta)
    require(beta >= 0, f"beta must be >= 0, got {beta}")
    d = np.abs(_difference(input, target))
    if beta == 0:
        return reduce(d, reduction)
    m = np.minimum(d, beta)
    # The quotient first: the product may be beyond the range where the loss is not.
    loss = with_error_of(m / beta * (d - 0.5 * m), lambda: m * (d - 0.5 * m) / beta)
    return reduce(loss, reduction)


@np.errstate(all="ignore")
def huber_loss(
    input: npt.ArrayLike,
    target: npt.ArrayLike,
    reduction: str = "mean",
    delta: float = 1.0,
    weight: npt.ArrayLike | None = None,
) -> Array:
    """Squared error, made linear beyond `delta`.

        l = w d^2 / 2  if d < delta  else  w delta (d - delta / 2),    d = |x - y|
          = w m (d - m / 2),    m = min(d, delta)

    Args:
        input: x, any shape.
        target: y, broadcastable with `input`.
        reduction: "none", "mean" or "sum". The mean counts elements, also with weights.
        delta: where the two branches meet, > 0; infinite for half the squared error, also where that is
            infinite.
        weight: w, the shape of `input`.

    Returns:
        The common shape of `input` and `target` for "none", else 0-d.

    Raises:
        ValueError: shapes do not fit, `delta` is not positive, or an unknown reduction.

    Source: torch.nn.HuberLoss; P. Huber, Robust estimation of a location parameter (1964).
    """
    delta = option("delta", delta)
    require(delta > 0, f"delta must be > 0, got {delta}")
    d = np.abs(_difference(input, target))
    m = np.minimum(d, delta)
    loss = 0.5 * d * d if delta == np.inf else m * (d - 0.5 * m)
    w = _weights(weight, input)
    return reduce(loss if w is None else weighed(w, loss), reduction)
