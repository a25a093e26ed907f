"""Reductions: how the elementwise losses become what is returned."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np

from .dispatch import Array, constant, with_derivative_of
from .validation import require

REDUCTIONS = ("none", "mean", "sum")
_MASKS = ContextVar("whether a weight of 0 is a mask", default=False)


def check(reduction: str, allowed: tuple[str, ...] = REDUCTIONS) -> None:
    """Refuse an unknown reduction.

    Raises:
        ValueError: `reduction` is not one of `allowed`.
    """
    names = ", ".join(map(repr, allowed))
    require(
        isinstance(reduction, str) and reduction in allowed,
        f"reduction must be one of {names}, got {reduction!r}",
    )


def expected(probability: Any, term: Any) -> Any:
    """Probability times term, with 0 log 0 = 0: no probability of an infinite term contributes nothing.

    Args:
        probability: any shape that broadcasts with `term`.
        term: any numbers. A term that is nan stays nan.
    """
    vanishes = (probability == 0) & ((term == np.inf) | (term == -np.inf))
    plain = probability * term
    return with_derivative_of(np.where(vanishes, 0.0, plain), lambda: plain)


def weighed(weight: Any, term: Any) -> Any:
    """Weight times term. A weight is a factor, so that 0 times an infinite term is nan.

    Nothing documents whether a weight of 0 is a mask instead, which hides the term. Within
    `weights_as_masks` it is.

    Args:
        weight: any shape that broadcasts with `term`.
        term: any numbers.
    """
    plain = weight * term
    return np.where((weight == 0) & ~np.isfinite(term), 0.0, plain) if _MASKS.get() else plain


@contextmanager
def weights_as_masks() -> Iterator[None]:
    """Within it the formulas take a weight of 0 for a mask: it makes 0 of an infinite or nan term, too.

    Example:
        >>> with weights_as_masks():
        ...     mse_loss([np.inf, 1.0], [0.0, 0.0], weight=[0.0, 1.0], reduction="sum")
        array(1.)
    """
    before = _MASKS.set(True)
    try:
        yield
    finally:
        _MASKS.reset(before)


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
    result: Any
    if reduction == "mean" and weight is not None:
        each = np.broadcast_to(weight, loss.shape)
        result = np.sum(loss) / np.sum(each)
        # Where nothing weighs the mean is none, whatever label smoothing adds to the sum. Where weights
        # cancel, the sum is divided by 0.
        result = np.where(~np.any(constant(each)), np.nan, result)
    elif reduction == "mean" and loss.size:
        result = np.mean(loss)
    else:
        result = np.sum(loss)
        result = result / 0 if reduction == "mean" else result
    reduced: Array = result
    return reduced
