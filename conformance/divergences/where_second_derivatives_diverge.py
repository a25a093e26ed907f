"""Where torch's second derivatives and forward mode are known to go wrong.

What goes wrong in an element of an argument spoils all that depends on it: after a reduction, everything.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from reference import Array
from reference.binary import sigmoid, softplus
from reference.embedding import pairwise_distance

from ..differentiating import expect_derivatives
from ..judging import judge
from ..mismatch import SecondMismatch
from . import where_gradients_diverge as where
from .record import arguments_of, exp_overflows, explained


def _spoils(m: SecondMismatch, elements: bool | Array) -> bool | Array:
    """What is known of elements of an argument, as it concerns the derivative that is off."""
    if isinstance(elements, bool) or m.expected is None or elements.shape == m.expected.shape:
        return elements
    return bool(np.any(elements))


def _by(m: SecondMismatch, argument: str) -> SecondMismatch:
    return replace(m, argument=argument)


def _size(m: SecondMismatch) -> float:
    """The largest tangent."""
    return max(float(np.max(np.abs(tangent), initial=0)) for tangent in m.tangents.values())


def _factors(m: SecondMismatch) -> Array:
    """What may be multiplied first, if it is more than 1: the upstream gradient and the weight."""
    upstream = 1.0 if m.upstream is None else np.abs(m.upstream)
    size: Array = np.maximum(upstream, 1) * np.maximum(arguments_of(m).get("weight", 1), 1)
    return size


def sums_in_own_format(m: SecondMismatch) -> bool:
    """The derivative along the tangents is what summing in the narrow format itself explains."""
    if m.differentiation is None or m.observed is None or m.argument != "along":
        return False
    narrow = replace(m.case.format, accumulator=m.case.format.name)
    example = replace(m.differentiation, case=replace(m.case, format=narrow))
    allowed = expect_derivatives(m.loss, example, list(m.tangents), twice=True).derivative(m.argument)
    return explained(judge(m.observed, allowed))


def tangent_is_ignored(m: SecondMismatch) -> bool:
    """Forward mode along an argument by which backward refuses to differentiate.

    The derivative is 0 but for what label smoothing adds, which is computed apart.
    """
    nothing = not np.any(m.observed) or bool(arguments_of(m).get("label_smoothing"))
    return m.way == "jvp" and set(m.tangents) <= set(m.loss.refused) and nothing


def at_the_clamp(m: SecondMismatch) -> bool | Array:
    """Where x (1 - x) is less than the 1e-12 by which torch divides instead, or its square vanishes."""
    x = m.case.arguments["input"]
    least = max(1e-12, np.sqrt(m.case.format.smallest_normal))
    return _spoils(m, np.asarray(x * (1 - x) <= least))


def quotient_is_rounded(m: SecondMismatch) -> bool | Array:
    """Elements that are off by no more than roundings in (x^2 - 2 x y + y) / (x - x^2 + 1e-12)^2."""
    if m.expected is None or m.observed is None:
        return False
    x, y = m.case.arguments["input"], m.case.arguments["target"]
    p = np.maximum(x * (1 - x), 1e-12)
    by_x = (np.abs(m.tangents["input"]) if "input" in m.tangents else 0) * _factors(m)
    by_y = (np.abs(m.tangents["target"]) if "target" in m.tangents else 0) * _factors(m)
    terms = {
        "input": by_x * (x * x + 2 * x * y + y) / p**2 + by_y / p,
        "target": by_x / p,
        "along": by_x * (x + y) / p - by_y * (np.maximum(np.log(x), -100) + np.maximum(np.log1p(-x), -100)),
    }[m.argument]
    off = (4e-12 / p + 8 * m.case.format.unit_roundoff) * terms + m.case.format.smallest_subnormal / p
    if off.shape != m.expected.shape:
        off = np.sum(off)
    return np.asarray(np.abs(m.observed - m.expected.value) <= m.expected.bound + off)


def forward_cancels(m: SecondMismatch) -> bool | Array:
    """Elements in forward mode off by roundings of the terms (1 - y) and p sigma(-x), which cancel."""
    if m.way != "jvp" or m.expected is None or m.observed is None:
        return False
    given = arguments_of(m)
    x, y, positive = given["input"], given["target"], given.get("pos_weight", 1.0)
    by_x = np.abs(m.tangents["input"]) * (1 - y + (1 + np.abs(positive - 1) * y) * sigmoid(-x))
    by_y = np.abs(m.tangents.get("target", 0.0)) * (np.abs(x) + np.abs(positive - 1) * softplus(-x))
    terms = np.abs(given.get("weight", 1.0)) * (by_x + by_y)
    if m.expected.shape != terms.shape:
        terms = np.sum(terms)
    allowed = m.expected.bound + 8 * m.case.format.unit_roundoff * terms
    return np.asarray(np.abs(m.observed - m.expected.value) <= allowed)


def sigmoid_vanishes(m: SecondMismatch) -> bool | Array:
    """Where exp(-x) is about to overflow, and its reciprocal not to vanish."""
    return _spoils(m, where.sigmoid_vanishes(_by(m, "input")))


def exponential_overflows(m: SecondMismatch) -> bool | Array:
    """Where the square of exp(-y x), times upstream gradient and tangent, overflows."""
    exponent = -m.case.arguments["input"] * m.case.arguments["target"]
    factors = np.max(_factors(m), initial=1) * max(_size(m), 1)
    return _spoils(m, exp_overflows(2 * exponent + np.log(factors), m.case.format))


def no_count(m: SecondMismatch) -> bool | Array:
    """Targets of 0, where Stirling's term is not used."""
    return _spoils(m, where.no_count(_by(m, "target")))


def no_probability(m: SecondMismatch) -> bool | Array:
    """Targets of 0, where the derivative is infinite."""
    return _spoils(m, where.no_probability(_by(m, "target")))


def norms_vanish(m: SecondMismatch) -> bool | Array:
    """Pairs the product of whose squared norms the format cannot tell from 0."""
    return _spoils(m, where.norms_vanish(m))


def variance_is_clamped(m: SecondMismatch) -> bool | Array:
    """Variances up to eps, in forward mode."""
    given = arguments_of(m)
    if m.way != "jvp" or "var" not in m.tangents or m.observed is None:
        return False
    clamped = given["var"] <= given.get("eps", 1e-6)  # at eps itself from 2.14 on
    if clamped.ndim == given["input"].ndim - 1:
        clamped = np.expand_dims(clamped, -1)
    where_clamped = np.broadcast_to(clamped, np.broadcast_shapes(clamped.shape, given["input"].shape))
    spoilt = _spoils(m, where_clamped)
    return np.isfinite(m.observed) & spoilt


def distance_is_zero(m: SecondMismatch) -> bool | Array:
    """Triplets two of whose vectors are as good as equal, so that their norm has no second derivative."""
    given = arguments_of(m)
    anchor, positive, negative = (given[name] for name in ("anchor", "positive", "negative"))
    eps = given.get("eps", 1e-6)
    pairs = [(anchor, positive), (anchor, negative), (positive, negative)]
    tiny = m.case.format.smallest_normal
    zero = [pairwise_distance(a, b, np.inf, eps) ** 2 < tiny for a, b in pairs]
    rows = np.expand_dims(np.any(zero, axis=0), -1)
    return _spoils(m, np.broadcast_to(rows, anchor.shape))


def components_are_equal(m: SecondMismatch) -> bool | Array:
    """Where two vectors of a triplet have equal components, and |d|^p, p < 2, no second derivative."""
    given = arguments_of(m)
    if not 1 < given.get("p", 2.0) < 2:
        return False
    anchor, positive, negative = (given[name] for name in ("anchor", "positive", "negative"))
    pairs = [(anchor, positive), (anchor, negative), (positive, negative)]
    equal = np.any([a - b + given.get("eps", 1e-6) == 0 for a, b in pairs], axis=0)
    return _spoils(m, equal)
