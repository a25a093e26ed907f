"""Losses over classes."""

from itertools import product

import numpy as np
from mpmath import mp, mpf

from .arithmetic import (
    Array,
    Values,
    at_least,
    elementwise,
    exact,
    fifty_digits,
    ones_or,
    per_sample,
    ratio,
    reduced,
    times,
)
from .binary import logistic


def classes_last(array: Array) -> Array:
    """(C) as it is, (N, C, d1, ...) as (N, d1, ..., C)."""
    return array if array.ndim == 1 else np.moveaxis(array, 1, -1)


def log_excess(values: Array | list[mpf], peak: int) -> mpf:
    """The log of Σ_j exp(x_j - x_peak), in which the peak's own term is 1."""
    top = values[peak]
    return mp.log1p(mp.fsum(mp.exp(x - top) for j, x in enumerate(values) if j != peak))


def log_softmax(x: Array) -> list[mpf]:
    """x_c - log Σ_j exp x_j, as the limit if one logit is +inf."""
    if any(map(mp.isnan, x)):
        return [mp.nan] * len(x)
    peak = max(range(len(x)), key=lambda c: x[c], default=0)
    excess = log_excess(x, peak) if len(x) else mp.zero
    return [(x[c] - x[peak] if c != peak else mp.zero) - excess for c in range(len(x))]


def smoothed(q: Array, label_smoothing: float) -> Array:
    """(1 - s) q + s / C, for class probabilities q along the last axis."""
    s = mpf(label_smoothing)
    return q * (1 - s) + ratio(s, q.shape[-1]) if s else q


@fifty_digits
def cross_entropy(
    input: Values,
    target: Values,
    weight: Values | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Array:
    """-Σ_c w_c q_c log softmax(x)_c, q the smoothed target; the mean for indices divides by Σ w_y."""
    logits, y = classes_last(exact(input)), np.asarray(target)
    classes = logits.shape[-1]
    w = np.broadcast_to(ones_or(weight), classes)

    def loss(x: Array, q: Array) -> mpf:
        return mp.fsum(a * times(p, -b) for a, p, b in zip(w, q, log_softmax(x), strict=True))

    if y.dtype.kind not in "iu":
        q = smoothed(classes_last(exact(y)), label_smoothing)
        return reduced(per_sample(loss, logits, q), reduction)
    one_hot = smoothed(exact(np.eye(classes)), label_smoothing)
    losses = per_sample(lambda x, y: mp.zero if y == ignore_index else loss(x, one_hot[y]), logits, y)
    return reduced(losses, reduction, label_weights(w, y, ignore_index))


def label_weights(w: Array, labels: Array, ignore_index: int) -> Array:
    """w_y, and 0 at the ignored labels."""
    return elementwise(lambda y: mp.zero if y == ignore_index else w[y], labels)


@fifty_digits
def nll_loss(
    input: Values,
    target: Values,
    weight: Values | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Array:
    """-w_y x_y; the mean divides by Σ w_y."""
    log_p, y = classes_last(exact(input)), np.asarray(target)
    w = np.broadcast_to(ones_or(weight), log_p.shape[-1])
    losses = per_sample(lambda x, y: mp.zero if y == ignore_index else w[y] * -x[y], log_p, y)
    return reduced(losses, reduction, label_weights(w, y, ignore_index))


@fifty_digits
def linear_cross_entropy(
    input: Values,
    linear_weight: Values,
    target: Values,
    *,
    linear_bias: Values | None = None,
    weight: Values | None = None,
    reduction: str = "mean",
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
) -> Array:
    """The cross entropy of the logits A x + b."""
    x, a = exact(input), exact(linear_weight)
    b = exact(np.zeros(a.shape[:-1]) if linear_bias is None else linear_bias)
    logits = np.empty(x.shape[:-1] + a.shape[:-1], dtype=object)
    for n, c in product(np.ndindex(x.shape[:-1]), np.ndindex(a.shape[:-1])):
        logits[n + c] = mp.fdot([*x[n], mp.one], [*a[c], b[c]])
    ignored = -100 if ignore_index is None else ignore_index
    return cross_entropy(logits, target, weight, ignored, reduction, label_smoothing)


@fifty_digits
def multi_margin_loss(
    input: Values,
    target: Values,
    p: int = 1,
    margin: float = 1.0,
    weight: Values | None = None,
    reduction: str = "mean",
) -> Array:
    """Σ_{i≠y} w_y max(0, margin - x_y + x_i)^p / C."""
    scores = exact(input)
    classes = scores.shape[-1]
    w = np.broadcast_to(ones_or(weight), classes)

    def loss(x: Array, y: int) -> mpf:
        hinges = (at_least(0, x[i] - x[y] + margin) ** p for i in range(classes) if i != y)
        return w[y] * mp.fsum(hinges) / classes

    return reduced(per_sample(loss, scores, np.asarray(target)), reduction)


@fifty_digits
def multilabel_margin_loss(input: Values, target: Values, reduction: str = "mean") -> Array:
    """Σ_j Σ_i max(0, 1 - (x_{y_j} - x_i)) / C, y_j the labels before the first -1, i no label."""

    def loss(x: Array, y: Array) -> mpf:
        padding = np.flatnonzero(y == -1)
        labels = y[: padding[0]] if padding.size else y
        others = [score for i, score in enumerate(x) if i not in labels]
        hinges = (at_least(0, 1 - (x[j] - score)) for j in labels for score in others)
        return ratio(mp.fsum(hinges), len(x))

    return reduced(per_sample(loss, exact(input), np.asarray(target)), reduction)


@fifty_digits
def multilabel_soft_margin_loss(
    input: Values, target: Values, weight: Values | None = None, reduction: str = "mean"
) -> Array:
    """-(1/C) Σ_c w_c [y_c log s_c + (1 - y_c) log(1 - s_c)] with s the sigmoid of x."""
    terms = ones_or(weight) * elementwise(logistic, exact(input), exact(target))
    return reduced(per_sample(lambda row: ratio(mp.fsum(row), len(row)), terms), reduction)
