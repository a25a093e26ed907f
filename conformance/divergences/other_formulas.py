"""Formulas that torch computes in place of the documented ones, where it composes a loss of operations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from reference import Array, multilabel_margin_loss
from reference.binary import sigmoid, softplus
from reference.dispatch import total, with_pull
from reference.reduction import reduce

from ..differentiating import expect_derivatives
from ..judging import expect
from ..losses import Loss
from ..mismatch import GradientMismatch, Mismatch
from .record import where_explained


@dataclass(frozen=True)
class Otherwise(Loss):
    """A loss with another formula than the oracle's.

    Attributes:
        formula: takes what the oracle takes.
    """

    formula: Callable[..., Any] = multilabel_margin_loss

    @property
    def oracle(self) -> Callable[..., Any]:
        """The other formula."""
        return self.formula


def computed_by(formula: Callable[..., Any]) -> Callable[[Mismatch], bool | Array]:
    """Which elements of a result, or of a gradient, are what another formula gives, or its derivative."""

    def covers(mismatch: Mismatch) -> bool | Array:
        if mismatch.observed is None:
            return False
        other = Otherwise(mismatch.loss.name, mismatch.loss.module, formula=formula)
        if not isinstance(mismatch, GradientMismatch):
            return where_explained(mismatch.observed, expect(other, mismatch.case))
        if mismatch.differentiation is None:
            return False
        name = mismatch.argument
        expected = expect_derivatives(other, mismatch.differentiation, [name]).gradients[name]
        return where_explained(mismatch.observed, expected)

    return covers


@np.errstate(all="ignore")
def softplus_without_log1p(
    input: Any, target: Any, weight: Any = None, reduction: str = "mean", pos_weight: Any = None
) -> Array:
    """Binary cross entropy of logits as the function transforms compose it.

    With m = max(-x, 0) the softplus is log(exp(-m) + exp(-x - m)) + m. Neither value nor derivative is
    accurate where one of the terms is near 1. Arguments and result as the oracle's.

    Source: binary_cross_entropy_with_logits_hack, aten/src/ATen/functorch/BatchRulesDecompositions.cpp.
    """
    shift = np.maximum(-input, 0)
    softplus = np.log(np.exp(-shift) + np.exp(-input - shift)) + shift
    positives = 1 if pos_weight is None else (pos_weight - 1) * target + 1
    loss = (1 - target) * input + positives * softplus
    return reduce(loss if weight is None else weight * loss, reduction)


@np.errstate(all="ignore")
def derivative_by_complement(input: Any, target: Any, reduction: str = "mean") -> Array:
    """Logistic loss whose derivative is y (sigma(y x) - 1), which is lost where sigma is near 1.

    Arguments and result as the oracle's of soft_margin_loss.

    Source: soft_margin_loss_backward, torch/_decomp/decompositions.py.
    """

    def pull(c: Array, x: Array, y: Array) -> Array:
        result: Array = c * (1 - sigmoid(-x))
        return result

    return reduce(with_pull(softplus, pull, -(target * input), elementwise=True), reduction)


@np.errstate(all="ignore")
def padding_as_label(input: Any, target: Array, reduction: str = "mean") -> Array:
    """Multi-label hinge loss in which every place from the first -1 on counts as label 0.

    It still is no label, so its own score is among those compared. Arguments and result as the oracle's.

    Source: multilabel_margin_loss_forward, torch/_decomp/decompositions.py.
    """
    classes = target.shape[-1]
    listed = np.logical_and.accumulate(target >= 0, axis=-1)
    labels = np.where(listed, target, 0)
    one_hot = np.expand_dims(labels, -1) == np.arange(classes)
    is_label = np.any(one_hot & np.expand_dims(listed, -1), axis=-2)
    pairs = np.repeat(labels, classes, axis=-1)
    at_labels = np.reshape(np.take_along_axis(input, pairs, axis=-1), (*labels.shape, classes))
    gaps = total(1, -at_labels, np.expand_dims(input, -2))
    hinge = np.where(np.expand_dims(~is_label, -2), np.maximum(gaps, 0), 0.0)
    return reduce(np.sum(hinge, axis=(-2, -1)) / classes, reduction)
