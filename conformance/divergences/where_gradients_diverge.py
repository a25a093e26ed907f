"""Where torch's gradients are known to go wrong: which elements, or whether all."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from reference import Array
from strategies import weightless

from ..differentiating import expect_derivatives
from ..judging import expect, judge
from ..mismatch import GradientMismatch
from .record import (
    arguments_of,
    exp_overflows,
    explained,
    infinity_counts,
    kept_labels,
    pairs_whose_norms_vanish,
    reduced_by,
)


def intermediate_overflows(m: GradientMismatch) -> bool | Array:
    """Where an intermediate result of the chain rule, or of the formula, is beyond the format's range.

    In what order the factors are multiplied is not documented. If it can overflow in some, it may be
    infinite, and nan once it is multiplied by 0.
    """
    if m.expected is None or m.observed is None:
        return False
    largest = m.case.format.max
    overflows = ~np.isfinite(m.observed) & ~(m.expected.reach.largest < 0.99 * largest)
    return np.asarray(overflows | (m.expected.peak > largest))


def is_nan(m: GradientMismatch) -> Array:
    """Which elements are nan."""
    return np.isnan(m.observed) if m.observed is not None else np.asarray(False)


def nan_at_infinity(m: GradientMismatch) -> bool | Array:
    """Elements that are nan, for an infinite number, and the derivative has a limit there."""
    if m.expected is None or not infinity_counts(m):
        return False
    return np.asarray(is_nan(m) & ~np.isnan(m.expected.value))


def sums_in_own_format(m: GradientMismatch) -> bool:
    """The gradient is what summing weights in the narrow format itself explains."""
    if m.differentiation is None or m.observed is None or not reduced_by(m, "mean"):
        return False
    narrow = replace(m.case.format, accumulator=m.case.format.name)
    example = replace(m.differentiation, case=replace(m.case, format=narrow))
    allowed = expect_derivatives(m.loss, example, [m.argument]).gradients[m.argument]
    return explained(judge(m.observed, allowed))


def nothing_weighs(m: GradientMismatch) -> bool | Array:
    """The mean of samples whose weights are all 0."""
    given = arguments_of(m)
    if not reduced_by(m, "mean") or "weight" not in given:
        return False
    weight = given["weight"]
    if m.loss.name in ("l1_loss", "mse_loss"):
        return is_nan(m) if not np.any(weight) else False
    if given["target"].dtype.kind == "f":
        return False
    kept = kept_labels(given)
    return is_nan(m) if kept.size and not np.any(weight[kept]) else False


def ignored_not_finite(m: GradientMismatch) -> bool | Array:
    """An ignored sample whose logits are infinite or nan."""
    given = arguments_of(m)
    x, y = given["input"], given["target"]
    if y.dtype.kind == "f" or ("linear_weight" in given and given["linear_weight"].ndim > 2):
        return False
    axis = 0 if x.ndim == 1 else 1
    ignored = np.expand_dims(y == given.get("ignore_index", -100), axis)
    rows = np.broadcast_to(ignored & ~np.all(np.isfinite(x), axis=axis, keepdims=True), x.shape)
    return rows if m.argument == "input" else np.any(rows) & is_nan(m)


def weightless_not_finite(m: GradientMismatch) -> bool | Array:
    """Elements that are nan or infinite and weigh nothing; and what depends on them."""
    mask, x = weightless(m.case), m.case.arguments["input"]
    if mask is None:
        return False
    axis = 0 if x.ndim == 1 else 1
    rows = m.loss.name in ("cross_entropy", "linear_cross_entropy")
    wrong = np.any(~np.isfinite(x), axis=axis, keepdims=True) if rows else ~np.isfinite(x)
    elements = np.broadcast_to(mask & wrong, x.shape)
    same = m.argument in ("input", "target") and m.case.arguments[m.argument].shape == x.shape
    return elements if same else np.any(elements) & is_nan(m)


def at_the_clamp(m: GradientMismatch) -> bool | Array:
    """Where x (1 - x) is less than the 1e-12 by which torch divides instead."""
    x = m.case.arguments["input"]
    return np.asarray(x * (1 - x) <= 1e-12) if m.argument == "input" else False


def beyond_the_clamp(m: GradientMismatch) -> bool | Array:
    """Where a logarithm is below -100."""
    x = m.case.arguments["input"]
    return np.asarray((x < math.exp(-100)) | (x == 1)) if m.argument == "target" else False


def numerator_vanishes(m: GradientMismatch) -> bool | Array:
    """Elements that are off by no more than one spacing of subnormal numbers, divided by x (1 - x).

    The weight multiplies what is left of that.
    """
    if m.expected is None or m.observed is None or m.argument != "input":
        return False
    x = m.case.arguments["input"]
    weight = np.maximum(arguments_of(m).get("weight", 1.0), 1)
    step = weight * m.case.format.smallest_subnormal / np.maximum(x * (1 - x), 1e-12)
    return np.asarray(np.abs(m.observed - m.expected.value) <= m.expected.bound + step)


def sigmoid_vanishes(m: GradientMismatch) -> bool | Array:
    """Where exp(-x) is about to overflow, and its reciprocal not to vanish."""
    vanishes = exp_overflows(-m.case.arguments["input"], m.case.format)
    return vanishes if m.argument == "input" else False


def exponential_overflows(m: GradientMismatch) -> bool | Array:
    """Where exp(-y x) overflows."""
    exponent = -m.case.arguments["input"] * m.case.arguments["target"]
    return exp_overflows(exponent, m.case.format)


def no_count(m: GradientMismatch) -> bool | Array:
    """Targets of 0, where Stirling's term is not used."""
    y = m.case.arguments["target"]
    return np.asarray(y == 0) if m.argument == "target" and arguments_of(m).get("full") else False


def no_probability(m: GradientMismatch) -> bool | Array:
    """Targets of 0, where the derivative is infinite."""
    y = m.case.arguments["target"]
    return np.asarray(y == 0) if m.argument == "target" and not arguments_of(m).get("log_target") else False


def norms_vanish(m: GradientMismatch) -> bool | Array:
    """Pairs the product of whose squared norms the format cannot tell from 0."""
    rows = np.expand_dims(pairs_whose_norms_vanish(m), -1)
    return np.broadcast_to(rows, m.case.arguments["input1"].shape)


def impossible_and_left_out(m: GradientMismatch) -> bool | Array:
    """An impossible alignment whose loss has the upstream derivative 0."""
    if m.upstream is None:
        return False
    left_out = (losses(m) == np.inf) & (np.expand_dims(m.upstream, -1) == 0)
    return np.broadcast_to(left_out, m.case.arguments["log_probs"].shape)


def losses(m: GradientMismatch) -> Array:
    """The losses of the sequences, with an axis for the classes."""
    losses = expect(m.loss, m.case.replacing(reduction="none")).value
    return np.expand_dims(np.asarray(losses), -1)


def twice_the_loss_overflows(m: GradientMismatch) -> bool | Array:
    """Sequences whose forward and backward variables together are beyond the range."""
    loss = losses(m)
    huge = np.isfinite(loss) & (loss > m.case.format.max / 2)
    return np.broadcast_to(huge, m.case.arguments["log_probs"].shape)


def log_probabilities_huge(m: GradientMismatch) -> bool | Array:
    """Sequences with log-probabilities whose rounding error is itself large for an exponent."""
    x = m.case.arguments["log_probs"]
    x = np.where(np.isfinite(x), x, 0)  # frames beyond the length may hold anything
    error = np.max(np.abs(x), axis=(0, -1), keepdims=True, initial=0) * m.case.format.unit_roundoff
    return np.broadcast_to(error * len(x) > 1, x.shape)


def unbounded(m: GradientMismatch) -> bool | Array:
    """Elements whose rounding error is so large that nothing can be said of them."""
    return (
        False if m.expected is None else np.asarray(np.isinf(m.expected.bound) | np.isnan(m.expected.bound))
    )
