"""Reductions: how the elementwise losses become what is returned."""

from __future__ import annotations

from typing import Any

import numpy as np

from .dispatch import Array, with_derivative_of
from .validation import require

REDUCTIONS = ("none", "mean", "sum")


def check(reduction: str, allowed: tuple[str, ...] = REDUCTIONS) -> None:
    """Refuse an unknown reduction.

    Raises:
        ValueError: `reduction` is not one of `allowed`.
    """
    names = ", ".join(map(repr, allowed))
    require(reduction in allowed, f"reduction must be one of {names}, got {reduction!r}")


def weighed(weight: Any, term: Any) -> Any:
    """Weight times term; 0 where the weight is 0 and the term infinite, as in 0 log 0, which is the limit.

    Args:
        weight: a probability or a weight, broadcastable with `term`.
        term: any numbers; what is nan stays nan.
    """
    vanishes = (weight == 0) & ((term == np.inf) | (term == -np.inf))
    plain = weight * term
    return with_derivative_of(np.where(vanishes, 0.0, plain), lambda: plain)


def reduce(loss: Array, reduction: str, weight: Array | None = None) -> Array:
    """Reduce elementwise losses.

    Args:
        loss: losses, any shape; weights are already multiplied in.
        reduction: ``"none"``, ``"mean"`` or ``"sum"``.
        weight: what the mean divides by the sum of, broadcastable to `loss`. ``None`` counts elements.

    Returns:
        `loss` itself, or a 0-d array. The mean of nothing is nan and the sum of nothing 0, as in IEEE
        arithmetic (0/0) and in torch.

    Raises:
        ValueError: unknown reduction.
    """
    check(reduction)
    if reduction == "none":
        return loss
    total: Any = np.sum(loss)
    result: Any = total
    if reduction == "mean" and weight is not None:
        divisor = np.sum(np.broadcast_to(weight, loss.shape))
        # Where nothing weighs the mean is none, whatever label smoothing adds to the sum.
        result = np.where(divisor == 0, np.nan, total / divisor)
    elif reduction == "mean":
        result = np.mean(loss) if loss.size else total / 0
    reduced: Array = result
    return reduced
