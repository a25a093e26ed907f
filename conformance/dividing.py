"""Means that divide by a sum of weights, and what is left to judge where these weights cancel.

Weights may be negative, so their sum may be small beside them, or 0. Three cases follow:

- The rounding of the sum cannot change whether it is 0: the quotient is judged, with its bound.
- The sum is exactly 0 although something weighs: the quotient has no value, and IEEE arithmetic gives inf,
  -inf or nan, depending on the order of the steps. Any of these conforms, and no number does.
- Rounding decides whether the sum is 0: any answer conforms.

In the last two cases no derivative is right or wrong. Where nothing weighs at all, the mean is nan.
"""

from __future__ import annotations

import math

import numpy as np

from reference import Array, Format, Tracked
from strategies import Case
from strategies.signatures import form_of

from .bounds import conforms_as_masked
from .losses import Loss


def kept_labels(case: Case) -> Array:
    """Which labels of a cross entropy are not to be ignored."""
    ignored = case.arguments.get("ignore_index")
    kept: Array = case.arguments["target"] != (-100 if ignored is None else ignored)
    return kept


def divisor_weights(case: Case) -> Array | None:
    """The weights by whose sum a mean is divided; None for the number of losses."""
    given, declared = case.arguments, form_of(case).tensors.get("weight")
    if declared is None or not declared.divides_mean:
        return None
    weight = given.get("weight")
    kept = kept_labels(case)
    labels = np.where(kept, given["target"], 0).astype(np.int64)
    return kept.astype(float) if weight is None else np.where(kept, weight[labels], 0.0)


def cancels(weights: Array | None, format: Format) -> bool:
    """Whether a sum of weights is 0, or may be computed as 0, although something weighs."""
    if weights is None or not np.any(weights) or not np.all(np.isfinite(weights)):
        return False
    weights = _scaled(weights)
    return math.fsum(weights.flat) == 0 or _in_doubt(weights, format)


def _scaled(weights: Array) -> Array:
    """The same weights times a power of 2 that makes them at most 1, so that their sum fits."""
    return np.ldexp(weights, -int(np.frexp(np.max(np.abs(weights)))[1]))


def _in_doubt(weights: Array, format: Format) -> bool:
    """Whether rounding decides if a sum of weights is 0: n - 1 roundings of at most the sum of sizes."""
    sizes = math.fsum(np.abs(weights).flat)
    # Multiples of one power of 2 add up without rounding as long as the accumulator holds their sizes.
    parts = np.abs(weights[weights != 0])
    finest = float(np.min(np.ldexp(1.0, _lowest_bits(parts)))) if parts.size else 1.0
    if sizes <= finest / format.sum_roundoff:
        return False
    roundoff = (parts.size - 1) * format.sum_roundoff
    return bool(roundoff >= 1 or abs(math.fsum(weights.flat)) <= roundoff / (1 - roundoff) * sizes)


def _lowest_bits(numbers: Array) -> Array:
    """The exponent of the lowest bit that is set in each number; none is 0."""
    mantissa, exponent = np.frexp(numbers)
    digits = np.ldexp(mantissa, 53).astype(np.int64)
    trailing = np.frexp((digits & -digits).astype(float))[1] - 1
    return np.asarray(exponent - 53 + trailing)


def has_no_value(case: Case) -> bool:
    """Whether a call is a mean whose weights cancel, so that no derivative of it is right or wrong."""
    return case.arguments.get("reduction", "mean") == "mean" and cancels(divisor_weights(case), case.format)


def settled(loss: Loss, case: Case, observed: Array, expected: Tracked) -> Array | bool:
    """Which of torch's numbers conform whatever the oracle's value is.

    Args:
        loss: what was called.
        case: with what.
        observed: float64, the shape of `expected`.
        expected: what the oracle says.
    """
    if has_no_value(case):
        weights = divisor_weights(case)
        in_doubt = weights is not None and _in_doubt(_scaled(weights), case.format)
        return in_doubt | ~np.isfinite(observed)
    return conforms_as_masked(loss, case, observed, expected)
