"""Losses of two-class problems: labels or probabilities of one class against the other."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from .dispatch import Array, constant, product, total, with_derivative_of, with_error_of, with_pull
from .reduction import expected, reduce, weighed
from .validation import broadcastable, option, optional_real, real, require, same_shape, signs


def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x)); any shape. Its derivative is y (1 - y), of which neither factor need be accurate."""

    def formula(x: Array) -> Any:
        positive = x > 0
        z = np.exp(np.where(positive, -x, x))
        return np.where(positive, 1.0, z) / (1 + z)

    def pull(c: Array, x: Array, y: Array) -> Array:
        result: Array = c * ((1 - sigmoid(-x)) * (1 - y))
        return result

    result: Array = with_pull(formula, pull, x, elementwise=True)
    return result


def softplus(x: Array) -> Array:
    """log(1 + exp(x)) = max(x, 0) + log(1 + exp(-|x|)); any shape. Its derivative is the sigmoid."""

    def formula(x: Array) -> Any:
        positive = x > 0
        return np.where(positive, x, 0.0) + np.log1p(np.exp(np.where(positive, -x, x)))

    result: Array = with_pull(formula, lambda c, x, y: c * sigmoid(x), x, elementwise=True)
    return result


def log_sigmoid(x: Array) -> Array:
    """Logarithm of the logistic function, -softplus(-x); any shape."""
    return -softplus(-x)


@np.errstate(all="ignore")  # infinities and nans are answers here, not accidents
def binary_cross_entropy(
    input: npt.ArrayLike,
    target: npt.ArrayLike,
    weight: npt.ArrayLike | None = None,
    reduction: str = "mean",
) -> Array:
    """Cross entropy of probabilities.

        l = -w (y max(log x, -100) + (1 - y) max(log(1 - x), -100))

    Args:
        input: x, probabilities in [0, 1], any shape.
        target: y, the same shape, in [0, 1].
        weight: w, broadcastable to that shape. The mean counts elements all the same.
        reduction: "none", "mean" or "sum".

    Returns:
        The shape of `input` for "none", else 0-d.

    Raises:
        ValueError: shapes do not fit, a probability is outside [0, 1] or nan, or an unknown reduction.

    Source: torch.nn.BCELoss, the clamp at -100 included.
    """
    x, y, w = real("input", input), real("target", target), optional_real("weight", weight)
    same_shape(input=x, target=y)
    require(bool(np.all((x >= 0) & (x <= 1))), "input must lie in [0, 1]")
    require(bool(np.all((y >= 0) & (y <= 1))), "target must lie in [0, 1]")
    loss = -(y * np.maximum(np.log(x), -100) + (1 - y) * np.maximum(np.log1p(-x), -100))
    return reduce(loss if w is None else weighed(_fitted("weight", w, x), loss), reduction)


@np.errstate(all="ignore")
def binary_cross_entropy_with_logits(
    input: npt.ArrayLike,
    target: npt.ArrayLike,
    weight: npt.ArrayLike | None = None,
    reduction: str = "mean",
    pos_weight: npt.ArrayLike | None = None,
) -> Array:
    """Cross entropy of the probabilities sigma(x).

        l = -w (p y log sigma(x) + (1 - y) log(1 - sigma(x)))
          =  w (p y softplus(-x) + (1 - y) softplus(x))

    Args:
        input: x, logits, any shape.
        target: y, the same shape, in [0, 1].
        weight: w, broadcastable to that shape. The mean counts elements all the same.
        reduction: "none", "mean" or "sum".
        pos_weight: p, broadcastable to that shape.

    Returns:
        The shape of `input` for "none", else 0-d.

    Raises:
        ValueError: shapes do not fit, a target is outside [0, 1] or nan, or an unknown reduction.

    Source: torch.nn.BCEWithLogitsLoss, which promises the log-sum-exp trick: in the second form nothing
    cancels, so that a confident right answer keeps its small loss.
    """
    x, y = real("input", input), real("target", target)
    w, p = optional_real("weight", weight), optional_real("pos_weight", pos_weight)
    same_shape(input=x, target=y)
    require(bool(np.all((y >= 0) & (y <= 1))), "target must lie in [0, 1]")
    p = None if p is None else _fitted("pos_weight", p, x)

    def plain() -> Array:
        positives = y if p is None else p * y
        result: Array = total(positives, 1, -y) * softplus(x) - positives * x
        return result

    positive = softplus(-x)
    if p is not None:
        positives = weighed(p, expected(y, positive))
        positive = np.where(np.isfinite(x), product(p, y, positive), positives)
    else:
        positive = expected(y, positive)
    # The value is promised to be stable where sigma(x) is near 0 or 1; the derivative, sigma(x) - y, is not.
    loss = with_derivative_of(positive + expected(1 - y, softplus(x)), plain)
    return reduce(loss if w is None else weighed(_fitted("weight", w, x), loss), reduction)


def _fitted(name: str, w: Array, x: Array) -> Array:
    shape = broadcastable(**{"input": x, name: w})
    require(shape == x.shape, f"{name} must broadcast to the shape of input {x.shape}, got {w.shape}")
    return w


@np.errstate(all="ignore")
def soft_margin_loss(input: npt.ArrayLike, target: npt.ArrayLike, reduction: str = "mean") -> Array:
    """Logistic loss of a score and a label 1 or -1.

        l = log(1 + exp(-y x))

    Args:
        input: x, scores, any shape.
        target: y, the same shape, 1 or -1.
        reduction: "none", "mean" or "sum".

    Returns:
        The shape of `input` for "none", else 0-d.

    Raises:
        ValueError: shapes differ, another label, or an unknown reduction.

    Source: torch.nn.SoftMarginLoss. The value keeps the accuracy of log1p. Nothing promises it, so the error
    allowed is that of the documented formula, with both exponents shifted by the larger: nothing overflows.
    """
    x = real("input", input)
    y = signs("target", target, x)
    same_shape(input=x, target=y)
    exponent = -(y * x)
    shift = constant(np.maximum(exponent, 0))

    def documented() -> Array:
        result: Array = shift + np.log(np.exp(-shift) + np.exp(exponent - shift))
        return result

    loss = with_error_of(softplus(exponent), documented)
    return reduce(np.where(exponent == np.inf, exponent, loss), reduction)


@np.errstate(all="ignore")
def hinge_embedding_loss(
    input: npt.ArrayLike, target: npt.ArrayLike, margin: float = 1.0, reduction: str = "mean"
) -> Array:
    """Hinge loss of a distance and a label 1 (similar) or -1 (not).

        l = x  if y = 1  else  max(0, margin - x)

    Args:
        input: x, distances, any shape.
        target: y, the same shape, 1 or -1.
        margin: real.
        reduction: "none", "mean" or "sum".

    Returns:
        The shape of `input` for "none", else 0-d.

    Raises:
        ValueError: shapes differ, another label, or an unknown reduction.

    Source: torch.nn.HingeEmbeddingLoss.
    """
    x = real("input", input)
    y = signs("target", target, x)
    same_shape(input=x, target=y)
    hinge = np.maximum(option("margin", margin) - x, 0)
    return reduce(np.where(y == 1, x, hinge), reduction)
