"""Losses over classes: cross entropy and its relatives, and the multi-class hinges.

The class axis is the last one of unbatched input (C) and axis 1 of batched input (N, C, d_1, ..., d_K).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from .binary import log_sigmoid
from .dispatch import Array, constant, number, product, total, with_pull
from .inner_products import inner_products
from .reduction import check, expected, reduce, weighed
from .slopes import where_it_contributes
from .validation import broadcastable, index, integers, option, optional_real, real, require, same_shape


def log_softmax(input: Array, axis: int) -> Array:
    """Logarithm of softmax, x - m - log sum exp(x - m), m = max x; any shape with a class at `axis`.

    Source: P. Blanchard, D. Higham, N. Higham, Accurately computing the log-sum-exp and softmax
    functions (2021), algorithm 4.1. Its derivative holds softmax, the exponential of the result.
    """

    def formula(x: Any) -> Any:
        largest = constant(np.max(x, axis=axis, keepdims=True))
        # A single infinite logit has all the probability; among several there is no limit.
        shifted = np.where(
            (x == largest) & (np.sum(x == np.inf, axis=axis, keepdims=True) == 1), 0.0, x - largest
        )
        return shifted - np.log(np.sum(np.exp(shifted), axis=axis, keepdims=True))

    def pull(c: Any, x: Any, y: Any) -> Any:
        upstream = np.sum(c, axis=axis, keepdims=True)
        return c - where_it_contributes(upstream, np.exp(y) * upstream)

    result: Array = with_pull(formula, pull, input)
    return result


def _class_axis(x: Array) -> int:
    require(x.ndim >= 1, "input must have a class dimension, got a 0-d array")
    axis = 0 if x.ndim == 1 else 1
    require(x.shape[axis] > 0, f"input must have at least one class, got shape {x.shape}")
    return axis


def _class_weights(weight: npt.ArrayLike | None, classes: int) -> Array | None:
    w = optional_real("weight", weight)
    require(w is None or w.shape == (classes,), f"weight must have shape ({classes},), one per class")
    return w


def _kept_labels(
    target: npt.ArrayLike, x: Array, axis: int, ignore_index: int | None = None
) -> tuple[Array, Array]:
    """Labels with 0 in place of ignored ones, and which are kept; checked against x and its classes."""
    y = integers("target", target)
    shape = x.shape[:axis] + x.shape[axis + 1 :]
    require(y.shape == shape, f"target must have shape {shape} for input {x.shape}, got {y.shape}")
    kept = np.full(shape, True) if ignore_index is None else y != ignore_index
    valid = (y >= 0) & (y < x.shape[axis])
    alternative = "" if ignore_index is None else f" or be ignore_index {ignore_index}"
    require(bool(np.all(valid | ~kept)), f"target must lie in [0, {x.shape[axis]}){alternative}")
    return np.where(kept, y, 0), kept


def _pick(values: Array, labels: Array, axis: int) -> Array:
    """The value at each label's class: `values` without its class axis."""
    index = np.expand_dims(labels, axis)
    return np.reshape(np.take_along_axis(values, index, axis=axis), labels.shape)


def _label_weights(w: Array | None, labels: Array, kept: Array, dtype: np.dtype[Any]) -> Array:
    return kept.astype(dtype) if w is None else np.where(kept, w[labels], 0.0)


@np.errstate(all="ignore")  # infinities and nans are answers here, not accidents
def nll_loss(
    input: npt.ArrayLike,
    target: npt.ArrayLike,
    weight: npt.ArrayLike | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Array:
    """Negative log likelihood of log-probabilities at the labels.

        l_n = -w[y_n] x[n, y_n]  if y_n != ignore_index  else  0

    Args:
        input: x, log-probabilities of shape (C), (N, C) or (N, C, d_1, ..., d_K).
        target: y, integers of that shape less the class axis, in [0, C) or `ignore_index`.
        weight: w, shape (C).
        ignore_index: label of samples that contribute nothing, even where their input is nan.
        reduction: "none", "mean" or "sum". The mean divides by the sum of w[y_n] over kept samples.

    Returns:
        The shape of `target` for "none", else 0-d.

    Raises:
        ValueError: shapes do not fit, a label is out of range, or an unknown reduction.
        TypeError: labels are not integers.

    Source: torch.nn.NLLLoss.
    """
    x = real("input", input)
    axis = _class_axis(x)
    w = _class_weights(weight, x.shape[axis])
    labels, kept = _kept_labels(target, x, axis, index("ignore_index", ignore_index))
    weights = _label_weights(w, labels, kept, x.dtype)
    loss = -_pick(x, labels, axis)
    return reduce(np.where(kept, loss if w is None else weighed(weights, loss), 0.0), reduction, weights)


@np.errstate(all="ignore")
def cross_entropy(
    input: npt.ArrayLike,
    target: npt.ArrayLike,
    weight: npt.ArrayLike | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Array:
    """Cross entropy of logits against class labels or class probabilities.

        l_n = -sum_c w[c] q[n, c] log softmax(x[n])[c]

    with q = (1 - s) p + s / C, p the given probabilities or one-hot at the label, s the smoothing.

    Args:
        input: x, logits of shape (C), (N, C) or (N, C, d_1, ..., d_K).
        target: integers of that shape less the class axis, in [0, C) or `ignore_index`; or
            probabilities, real, of the shape of `input`.
        weight: w, shape (C).
        ignore_index: label of samples that contribute nothing, even where their logits are nan. It has
            no meaning for probabilities.
        reduction: "none", "mean" or "sum". The mean divides by the sum of w[label] over kept samples,
            with probabilities by the number of samples.
        label_smoothing: s, in [0, 1].

    Returns:
        `input` less its class axis for "none", else 0-d.

    Raises:
        ValueError: shapes do not fit, a label or `label_smoothing` is out of range, or an unknown
            reduction.
        TypeError: labels are not integers.

    Source: torch.nn.CrossEntropyLoss; C. Szegedy et al., Rethinking the Inception Architecture (2015).
    """
    x = real("input", input)
    axis = _class_axis(x)
    classes = x.shape[axis]
    w = _class_weights(weight, classes)
    index("ignore_index", ignore_index)
    s = option("label_smoothing", label_smoothing)
    require(0 <= s <= 1, f"label_smoothing must lie in [0, 1], got {s}")
    smoothing = number(s, x)
    log_p = log_softmax(x, axis)
    along = None if w is None else np.reshape(w, (-1,) + (1,) * (x.ndim - 1 - axis))
    if real("target", target).shape == x.shape:
        q = real("target", target)
        q = q * (1 - smoothing) + smoothing / classes if s else q
        # A probability 0 contributes 0 also at a logit of -inf, where log softmax is -inf.
        terms = expected(q, log_p)
        if along is not None:
            terms = np.where(np.isfinite(log_p), product(q, log_p, along), weighed(along, terms))
        return reduce(-np.sum(terms, axis=axis), reduction)
    labels, kept = _kept_labels(target, x, axis, ignore_index)
    log_p = log_p if along is None else weighed(along, log_p)
    loss = -_pick(log_p, labels, axis)
    if s:
        loss = (1 - smoothing) * loss + smoothing / classes * -np.sum(log_p, axis=axis)
    return reduce(np.where(kept, loss, 0.0), reduction, _label_weights(w, labels, kept, x.dtype))


@np.errstate(all="ignore")
def linear_cross_entropy(
    input: npt.ArrayLike,
    linear_weight: npt.ArrayLike,
    target: npt.ArrayLike,
    *,
    linear_bias: npt.ArrayLike | None = None,
    weight: npt.ArrayLike | None = None,
    reduction: str = "mean",
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
) -> Array:
    """Cross entropy of the logits of a linear layer.

        l = cross_entropy(A x + b, target)

    Args:
        input: x, shape (F) or (N, F).
        linear_weight: A, shape (C, F), or (C, d_1, ..., d_K, F) for batched input.
        target: labels () or (N, d_1, ..., d_K); or probabilities (C) or (N, C, d_1, ..., d_K).
        linear_bias: b, the shape of `linear_weight` less its last axis.
        weight: one per class, shape (C).
        reduction: "none", "mean" or "sum", as in `cross_entropy`.
        ignore_index: as in `cross_entropy`; None stands for -100 and is the only value allowed with
            probabilities.
        label_smoothing: in [0, 1].

    Returns:
        (N, d_1, ..., d_K) or () for "none", else 0-d.

    Raises:
        ValueError: shapes do not fit, `ignore_index` with probabilities, or as in `cross_entropy`.
        TypeError: labels are not integers.

    Source: torch.nn.functional.linear_cross_entropy.
    """
    x, a = real("input", input), real("linear_weight", linear_weight)
    b = optional_real("linear_bias", linear_bias)
    require(x.ndim in (1, 2), f"input must be (F) or (N, F), got shape {x.shape}")
    require(a.ndim >= 2, f"linear_weight must be (C, ..., F), got shape {a.shape}")
    require(a.ndim == 2 or x.ndim == 2, "a linear_weight of more than 2 dimensions needs batched input")
    require(a.shape[-1] == x.shape[-1], f"input {x.shape} and linear_weight {a.shape} must agree on F")
    require(b is None or b.shape == a.shape[:-1], f"linear_bias must have shape {a.shape[:-1]}")
    rows, columns = (np.reshape(m, (math.prod(m.shape[:-1]), m.shape[-1])) for m in (x, a))
    logits = np.reshape(inner_products(rows, columns), x.shape[:-1] + a.shape[:-1])
    if b is not None:
        logits = logits + b
    if real("target", target).shape == logits.shape:
        require(ignore_index is None, "ignore_index must not be given with class probabilities")
    ignored = -100 if ignore_index is None else index("ignore_index", ignore_index)
    return cross_entropy(logits, target, weight, ignored, reduction, label_smoothing)


@np.errstate(all="ignore")
def multi_margin_loss(
    input: npt.ArrayLike,
    target: npt.ArrayLike,
    p: int = 1,
    margin: float = 1.0,
    weight: npt.ArrayLike | None = None,
    reduction: str = "mean",
) -> Array:
    """Multi-class hinge loss.

        l = 1/C sum_{i != y} w[y] max(0, margin - x[y] + x[i])^p

    Args:
        input: x, scores of shape (C) or (N, C).
        target: y, integers of shape () or (N), in [0, C).
        p: 1 or 2.
        margin: real.
        weight: w, shape (C).
        reduction: "none", "mean" or "sum". The mean counts samples, also with weights.

    Returns:
        The shape of `target` for "none", else 0-d.

    Raises:
        ValueError: shapes do not fit, a label is out of range, p is neither 1 nor 2, or an unknown
            reduction.
        TypeError: labels are not integers.

    Source: torch.nn.MultiMarginLoss.
    """
    x = real("input", input)
    require(x.ndim in (1, 2), f"input must be (C) or (N, C), got shape {x.shape}")
    p = option("p", p)
    require(p in (1, 2), f"p must be 1 or 2, got {p!r}")
    classes = x.shape[_class_axis(x)]
    w = _class_weights(weight, classes)
    labels, _ = _kept_labels(target, x, x.ndim - 1)
    at_label = np.expand_dims(_pick(x, labels, x.ndim - 1), -1)
    hinge = np.maximum(total(option("margin", margin), -at_label, x), 0)
    hinge = hinge * hinge if p == 2 else hinge
    hinge = hinge if w is None else hinge * np.expand_dims(w[labels], -1)
    others = np.arange(classes) != np.expand_dims(labels, -1)
    return reduce(np.sum(np.where(others, hinge, 0.0), axis=-1) / classes, reduction)


@np.errstate(all="ignore")
def multilabel_margin_loss(input: npt.ArrayLike, target: npt.ArrayLike, reduction: str = "mean") -> Array:
    """Multi-label hinge loss.

        l = 1/C sum_{j in y} sum_{i not in y} max(0, 1 - (x[j] - x[i]))

    Args:
        input: x, scores of shape (C) or (N, C).
        target: y, integers of the same shape: the labels of a sample up to its first -1, each in
            [0, C); a label that is repeated counts each time.
        reduction: "none", "mean" or "sum".

    Returns:
        () or (N) for "none", else 0-d.

    Raises:
        ValueError: shapes differ, a label is out of range, or an unknown reduction.
        TypeError: labels are not integers.

    Source: torch.nn.MultiLabelMarginLoss.
    """
    x, y = real("input", input), integers("target", target)
    require(x.ndim in (1, 2), f"input must be (C) or (N, C), got shape {x.shape}")
    same_shape(input=x, target=y)
    classes = x.shape[_class_axis(x)]
    require(bool(np.all((y >= -1) & (y < classes))), f"target must lie in [0, {classes}) or be -1")
    listed = np.logical_and.accumulate(y >= 0, axis=-1)  # up to the first -1
    labels = np.where(listed, y, 0)
    is_label = np.zeros((*listed.shape[:-1], classes), dtype=bool)
    *samples, positions = np.nonzero(listed)
    is_label[(*samples, labels[(*samples, positions)])] = True
    # As few rows of pairs as the sample with most labels needs.
    most = int(np.max(np.count_nonzero(listed, axis=-1), initial=0))
    listed, labels = listed[..., :most], labels[..., :most]
    # Taken once for each pair, so that the derivative, too, is one sum over all pairs.
    pairs = np.repeat(labels, classes, axis=-1)
    at_labels = np.reshape(np.take_along_axis(x, pairs, axis=-1), (*labels.shape, classes))
    gaps = total(1, -at_labels, np.expand_dims(x, -2))
    counted = np.expand_dims(listed, -1) & ~np.expand_dims(is_label, -2)
    hinge = np.where(counted, np.maximum(gaps, 0), 0.0)
    return reduce(np.sum(hinge, axis=(-2, -1)) / classes, reduction)


@np.errstate(all="ignore")
def multilabel_soft_margin_loss(
    input: npt.ArrayLike,
    target: npt.ArrayLike,
    weight: npt.ArrayLike | None = None,
    reduction: str = "mean",
) -> Array:
    """One-versus-all logistic loss, averaged over the classes.

        l = -1/C sum_i w[i] (y[i] log sigma(x[i]) + (1 - y[i]) log sigma(-x[i]))

    Args:
        input: x, logits of shape (..., C); torch documents (N, C).
        target: y, the same shape, 0 or 1.
        weight: w, broadcastable to the shape of `input`; torch documents (C).
        reduction: "none", "mean" or "sum".

    Returns:
        `input` less its last axis for "none", else 0-d.

    Raises:
        ValueError: shapes do not fit, another target, or an unknown reduction.

    Source: torch.nn.MultiLabelSoftMarginLoss.
    """
    check(reduction)
    x = real("input", input)
    y = real("target", target, x)
    require(x.ndim >= 1, "input must have a class dimension, got a 0-d array")
    same_shape(input=x, target=y)
    require(bool(np.all((y == 0) | (y == 1))), "target must hold only 0 and 1")
    loss = -(expected(y, log_sigmoid(x)) + expected(1 - y, log_sigmoid(-x)))
    if weight is not None:
        w = real("weight", weight)
        fits = broadcastable(input=x, weight=w) == x.shape
        require(fits, f"weight must broadcast to input {x.shape}, got {w.shape}")
        loss = weighed(w, loss)
    return reduce(np.sum(loss, axis=-1) / x.shape[-1], reduction)
