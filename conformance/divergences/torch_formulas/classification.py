"""Formulas of torch for cross entropy and its relatives, and for the multi-class hinges."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from reference import Array
from reference.binary import log_sigmoid
from reference.dispatch import accumulated, constant, number, total, with_partials, with_pull
from reference.reduction import reduce


def log_softmax(input: Any, axis: int) -> Any:
    """Logarithm of softmax, x - m - log sum exp(x - m), m = max x, also where m is infinite.

    Its derivative multiplies softmax by the sum of the upstream gradient, also where that is 0.

    Source: aten/src/ATen/native/cpu/SoftMaxKernel.cpp.
    """

    def formula(x: Any) -> Any:
        largest = np.max(x, axis=axis, keepdims=True)
        certain = constant(largest)
        shifted = x - (certain if np.all(np.isfinite(certain)) else largest)
        return shifted - np.log(np.sum(np.exp(shifted), axis=axis, keepdims=True))

    def pull(c: Any, x: Any, y: Any) -> Any:
        return c - np.exp(y) * np.sum(c, axis=axis, keepdims=True)

    return with_pull(formula, pull, input)


def at_labels(values: Any, labels: Array, axis: int) -> Any:
    """The value at each label."""
    return np.reshape(np.take_along_axis(values, np.expand_dims(labels, axis), axis=axis), labels.shape)


def nll_loss(
    input: Any, target: Array, weight: Any = None, ignore_index: int = -100, reduction: str = "mean"
) -> Any:
    """Negative log likelihood, of which a weight of 0 makes nan where the score is infinite.

    Source: aten/src/ATen/native/LossNLL.cpp.
    """
    axis = 0 if input.ndim == 1 else 1
    kept = target != ignore_index
    labels = np.where(kept, target, 0).astype(np.int64)
    loss = -at_labels(input, labels, axis)
    # Without weights the count of labels is a number of the input's type, infinite from 65,520 on in float16.
    total_weight: Any = number(np.count_nonzero(kept), input)
    if weight is not None:
        weights = np.where(kept, weight[labels], 0.0)
        total_weight = np.sum(weights)
        loss = weights * loss
    loss = np.where(kept, loss, 0.0)
    return np.sum(loss) / total_weight if reduction == "mean" else reduce(loss, reduction)


def cross_entropy(
    input: Any,
    target: Any,
    weight: Any = None,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Any:
    """Cross entropy as the sum of two losses, the one of labels and the one of smoothing, each reduced.

    Of a probability 0 at a logit of -inf nan comes.

    Source: cross_entropy_loss_label_smoothing and cross_entropy_loss_prob_target, aten/native/LossNLL.cpp.
    """
    return _cross_entropy(input, target, weight, weight, ignore_index, reduction, label_smoothing)


def cross_entropy_in_forward_mode(
    input: Any,
    target: Any,
    weight: Any = None,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Any:
    """The same loss, whose part of labels does not change with the weight.

    Source: nll_loss has no derivative by it.
    """
    fixed = as_constant(weight)
    return _cross_entropy(input, target, weight, fixed, ignore_index, reduction, label_smoothing)


def as_constant(numbers: Any) -> Any:
    """Numbers that nothing is differentiated by."""
    while getattr(numbers, "rank", 0):  # a variable
        numbers = numbers.value
    return numbers


def _cross_entropy(
    input: Any,
    target: Any,
    weight: Any,
    weight_of_labels: Any,
    ignore_index: int,
    reduction: str,
    label_smoothing: float,
) -> Any:
    axis = 0 if input.ndim == 1 else 1
    classes, s = input.shape[axis], label_smoothing
    log_p = log_softmax(input, axis)
    along = 1 if weight is None else np.reshape(weight, (-1,) + (1,) * (input.ndim - 1 - axis))
    if target.dtype.kind == "f":
        q = target * (1 - s) + s / classes if s else target
        terms = log_p * q if weight is None else log_p * q * along
        if reduction == "none":
            return -np.sum(terms, axis=axis)
        return -np.sum(terms) / (input.size / classes if reduction == "mean" else 1)
    hard = nll_loss(log_p, target, weight_of_labels, ignore_index, reduction)
    if not s:
        return hard
    kept = target != ignore_index
    smooth = np.where(kept, -np.sum(log_p if weight is None else log_p * along, axis=axis), 0.0)
    if reduction != "none":
        smooth = np.sum(smooth)
    if reduction == "mean":
        labels = np.where(kept, target, 0).astype(np.int64)
        counts = np.count_nonzero(kept) if weight is None else np.sum(np.where(kept, weight[labels], 0.0))
        smooth = smooth / counts
    return (1 - s) * hard + smooth * (s / classes)


def linear_cross_entropy(
    input: Any,
    linear_weight: Any,
    target: Any,
    *,
    linear_bias: Any = None,
    weight: Any = None,
    reduction: str = "mean",
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
) -> Any:
    """A linear layer and then cross entropy. Source: torch/nn/functional.py."""
    ignored = -100 if ignore_index is None else ignore_index
    logits = logits_of(input, linear_weight, linear_bias)
    return cross_entropy(logits, target, weight, ignored, reduction, label_smoothing)


def linear_cross_entropy_in_forward_mode(
    input: Any,
    linear_weight: Any,
    target: Any,
    *,
    linear_bias: Any = None,
    weight: Any = None,
    reduction: str = "mean",
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
) -> Any:
    """The same loss, whose part of labels does not change with the weight."""
    ignored = -100 if ignore_index is None else ignore_index
    logits = logits_of(input, linear_weight, linear_bias)
    return cross_entropy_in_forward_mode(logits, target, weight, ignored, reduction, label_smoothing)


def logits_of(x: Any, linear_weight: Any, linear_bias: Any) -> Any:
    """What the linear layer gives."""
    if x.ndim == 2:
        x = np.reshape(x, (x.shape[0],) + (1,) * (linear_weight.ndim - 1) + x.shape[1:])
    logits = _dot(x, linear_weight)
    return logits if linear_bias is None else logits + linear_bias


def _dot(x: Any, a: Any) -> Any:
    """Products added up along the last axis, each perhaps in one step with the sum."""

    def value(x: Any, a: Any) -> Any:
        return accumulated(x, lambda wide: np.sum(wide * a, axis=-1))

    def by(other: Any) -> Any:
        return lambda c, x, a: np.expand_dims(c, -1) * other(x, a)

    return with_partials(value, (by(lambda x, a: a), by(lambda x, a: x)), x, a)


def _hinge(gaps: Any) -> Any:
    """What is above 0; a gap that is nan is not, so that it counts as 0."""
    return np.where(gaps > 0, gaps, 0.0)


def multi_margin_loss(
    input: Any,
    target: Array,
    p: int = 1,
    margin: float = 1.0,
    weight: Any = None,
    reduction: str = "mean",
) -> Any:
    """Multi-class hinge loss that counts a nan score as 0. Source: aten/native/LossMultiMargin.cpp."""
    classes = input.shape[-1]
    labels = target.astype(np.int64)
    at_label = np.expand_dims(at_labels(input, labels, input.ndim - 1), -1)
    hinge = _hinge(total(margin, -at_label, input))
    hinge = hinge * hinge if p == 2 else hinge
    hinge = hinge if weight is None else hinge * np.expand_dims(weight[labels], -1)
    others = np.arange(classes) != np.expand_dims(labels, -1)
    return reduce(np.sum(np.where(others, hinge, 0.0), axis=-1) / classes, reduction)


def _pairs(
    input: Any, target: Array, hinge: Callable[[Any], Any], *, padding_counts: bool
) -> tuple[Any, int]:
    classes = target.shape[-1]
    listed = np.logical_and.accumulate(target >= 0, axis=-1)
    labels = np.where(listed, target, 0)
    one_hot = np.expand_dims(labels, -1) == np.arange(classes)
    is_label = np.any(one_hot & np.expand_dims(listed, -1), axis=-2)
    pairs = np.repeat(labels, classes, axis=-1)
    at_labels = np.reshape(np.take_along_axis(input, pairs, axis=-1), (*labels.shape, classes))
    gaps = total(1, -at_labels, np.expand_dims(input, -2))
    counted = np.expand_dims(listed | padding_counts, -1) & ~np.expand_dims(is_label, -2)
    return np.where(counted, hinge(gaps), 0.0), classes


def multilabel_margin_loss(input: Any, target: Array, reduction: str = "mean") -> Any:
    """Multi-label hinge loss that counts a nan score as 0. Source: aten/native/LossMultiLabelMargin.cpp."""
    hinges, classes = _pairs(input, target, _hinge, padding_counts=False)
    return reduce(np.sum(hinges, axis=(-2, -1)) / classes, reduction)


def padding_as_label(input: Any, target: Array, reduction: str = "mean") -> Any:
    """Multi-label hinge loss in which every place from the first -1 on counts as label 0.

    It still is no label, so its own score is among those compared.

    Source: multilabel_margin_loss_forward, torch/_decomp/decompositions.py.
    """
    hinges, classes = _pairs(input, target, lambda gaps: np.maximum(gaps, 0), padding_counts=True)
    return _summed_first(np.sum(hinges, axis=-2), classes, reduction)


def summed_multilabel_margin_loss(input: Any, target: Array, reduction: str = "mean") -> Any:
    """Multi-label hinge loss that sums over all samples and classes before it divides.

    Source: multilabel_margin_loss_forward, torch/_decomp/decompositions.py.
    """
    hinges, classes = _pairs(input, target, lambda gaps: np.maximum(gaps, 0), padding_counts=False)
    return _summed_first(np.sum(hinges, axis=-2), classes, reduction)


def summed_multi_margin_loss(
    input: Any,
    target: Array,
    p: int = 1,
    margin: float = 1.0,
    weight: Any = None,
    reduction: str = "mean",
) -> Any:
    """Multi-class hinge loss that sums over all samples and classes before it divides.

    Source: multi_margin_loss, torch/_decomp/decompositions.py.
    """
    classes = input.shape[-1]
    labels = target.astype(np.int64)
    at_label = np.expand_dims(at_labels(input, labels, input.ndim - 1), -1)
    hinge = np.maximum(total(margin, -at_label, input), 0)
    hinge = hinge * hinge if p == 2 else hinge
    hinge = hinge if weight is None else hinge * np.expand_dims(weight[labels], -1)
    others = np.arange(classes) != np.expand_dims(labels, -1)
    return _summed_first(np.where(others, hinge, 0.0), classes, reduction)


def _summed_first(terms: Any, classes: int, reduction: str) -> Any:
    if reduction == "none":
        return np.sum(terms, axis=-1) / classes
    samples = terms.size / classes if reduction == "mean" else 1
    return np.sum(terms) / (classes * samples)


def multilabel_soft_margin_loss(input: Any, target: Any, weight: Any = None, reduction: str = "mean") -> Any:
    """One-versus-all logistic loss, of which a target 0 makes nan at an infinite logarithm.

    Source: torch/nn/functional.py.
    """
    loss = -(target * log_sigmoid(input) + (1 - target) * log_sigmoid(-input))
    loss = loss if weight is None else loss * weight
    return reduce(np.sum(loss, axis=-1) / input.shape[-1], reduction)
