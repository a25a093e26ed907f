"""Exact arrays and fifty-digit scalars, which every family shares.

Scalars take the limits of the conventions, and never swallow a nan.
"""

from collections.abc import Callable
from typing import Any, ParamSpec

import numpy as np
from mpmath import mp, mpf

Array = np.ndarray
Values = Any  # an array, or a number or sequence that makes one

P = ParamSpec("P")


def fifty_digits(loss: Callable[P, Array]) -> Callable[P, Array]:
    """The loss in fifty-digit arithmetic, where an infinity or a nan is no cause for a warning."""
    at_fifty_digits: Callable[P, Array] = mp.workdps(50)(loss)
    return np.errstate(all="ignore")(at_fifty_digits)


def exact(values: Values) -> Array:
    """The same numbers as an object array of mpf."""
    return elementwise(mpf, np.asarray(values))


def elementwise(formula: Callable[..., Any], *arrays: Array) -> Array:
    """formula(x, y, ...) at every position of the broadcast arrays."""
    return np.asarray(np.frompyfunc(formula, len(arrays), 1)(*arrays), dtype=object)


def per_sample(formula: Callable[..., Any], vectors: Array, *others: Array) -> Array:
    """formula(vector, ...) for each vector along the last axis, with the others' entry for it."""
    results = np.empty(vectors.shape[:-1], dtype=object)
    for n in np.ndindex(results.shape):
        results[n] = formula(vectors[n], *(other[n] for other in others))
    return results


def ones_or(weight: Values | None) -> Array:
    """The weight, or a 1 that broadcasts."""
    return exact(1.0 if weight is None else weight)


def reduced(losses: Array, reduction: str, weights: Array | None = None) -> Array:
    """The losses, Σ l, or Σ l / Σ w (weights 1 if not given)."""
    if reduction == "none":
        return losses
    total = mp.fsum(losses.flat)
    if reduction == "mean":
        total = ratio(total, losses.size if weights is None else mp.fsum(weights.flat))
    elif reduction != "sum":
        raise ValueError(f"unknown reduction {reduction!r}")
    return np.array(total, dtype=object)


def ratio(a: mpf, b: mpf) -> mpf:
    """The ratio a / b, and nan over zero (a mean over nothing)."""
    return a / b if b else mp.nan


def times(p: mpf, x: mpf) -> mpf:
    """The product p x of a probability p, with 0 · ±inf = 0 as the limit. A weight is a plain factor."""
    return mp.zero if p == 0 and mp.isinf(x) else p * x


def log(x: mpf) -> mpf:
    """The real log x, with log 0 = -inf and nan below."""
    return mp.nan if x < 0 else mp.log(x)


def at_least(bound: float, x: mpf) -> mpf:
    """max(bound, x)."""
    return mpf(bound) if x < bound else x


def softplus(x: mpf) -> mpf:
    """log(1 + eˣ) = max(0, x) + log(1 + e^-|x|)."""
    return at_least(0, x) + mp.log1p(mp.exp(-abs(x)))


def minimum(a: mpf, b: mpf) -> mpf:
    """min(a, b)."""
    return a if a < b or mp.isnan(a) else b
