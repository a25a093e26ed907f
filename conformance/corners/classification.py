"""Corners of cross entropy and its relatives, and of the multi-class hinges."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .corner import Corner, corner
from .shared import (
    CONTRIBUTES,
    FACTOR,
    FITS,
    HINGE,
    IGNORED,
    INF,
    LIMIT,
    NAN,
    NO_LIMIT,
    NO_MEAN,
    NO_SUM,
    PERFECT,
    ROUNDED,
    ROWS,
    WEIGHTLESS,
)

CE, NLL, LINEAR = "cross_entropy", "nll_loss", "linear_cross_entropy"
MARGIN, MULTI, SOFT = "multi_margin_loss", "multilabel_margin_loss", "multilabel_soft_margin_loss"
LN2, LN3 = math.log(2), math.log(3)
NONE: dict[str, Any] = {"reduction": "none"}
UNBATCHED = "documented: (C) is one sample"
CERTAIN = "softmax of one class is 1"
NO_PREFERENCE = "softmax of equal logits is 1 / C"
SMOOTHED = "documented: the target is (1 - s) one-hot + s / C"
DIVISOR = "documented: the mean divides by the sum of the weights of the labels that are not ignored"
# (1 - s) w[y] log p[y] + s / C sum_c w[c] log p[c], for s = 1/2, C = 2 and equal logits.
HALF_SMOOTHED = "every class term is weighed; the mean divides by the weights of the kept labels"


def _labelled(loss: str, **more: Any) -> tuple[Corner, ...]:
    """Corners of labels, ignored ones and weights: rows of equal scores, each of which costs the same."""
    cost = 0.75 if loss == NLL else LN2
    scores = -0.75 if loss == NLL else 0.0
    linear = {"linear_weight": [[0.0], [0.0]]} if loss == LINEAR else {}
    width = 1 if loss == LINEAR else 2
    row = [scores] * width

    def batch(n: int) -> list[list[float]]:
        return [row] * n

    return (
        corner(loss, "unbatched", UNBATCHED, cost, input=row, target=np.array(1), **linear),
        corner(loss, "unbatched, none", UNBATCHED, cost, input=row, target=np.array(1), **NONE, **linear),
        corner(loss, "all ignored, mean", NO_MEAN, NAN, input=batch(2), target=[-100, -100], **linear),
        corner(loss, "all ignored, sum", NO_SUM, 0.0,
               input=batch(2), target=[-100, -100], reduction="sum", **linear),
        corner(loss, "unbatched and ignored, sum", NO_SUM, 0.0,
               input=row, target=np.array(-100), reduction="sum", **linear),
        corner(loss, "some ignored, mean", DIVISOR, cost, input=batch(3), target=[0, -100, 1], **linear),
        corner(loss, "ignore_index inside the class range", IGNORED, [cost, 0.0],
               input=batch(2), target=[0, 1], ignore_index=1, **NONE, **linear),
        corner(loss, "ignore_index beyond the class range", IGNORED, [0.0, cost],
               input=batch(2), target=[255, 1], ignore_index=255, **NONE, **linear),
        corner(loss, "ignored nan", IGNORED, [0.0, cost], input=[[NAN] * width, row], target=[-100, 1],
               **NONE, **linear),
        corner(loss, "ignored nan, mean", IGNORED, cost,
               input=[[NAN] * width, row], target=[-100, 1], **linear),
        corner(loss, "ignored infinity, sum", IGNORED, cost,
               input=[[INF] * width, row], target=[-100, 1], reduction="sum", **linear),
        corner(loss, "weights, mean", DIVISOR, cost,
               input=batch(2), target=[0, 1], weight=[3.0, 1.0], **linear),
        corner(loss, "weight 0 of all, mean", "the mean of no weight is nan: 0 / 0", NAN,
               input=batch(2), target=[0, 1], weight=[0.0, 0.0], **linear),
        corner(loss, "weight 0 of all, sum", NO_SUM, 0.0,
               input=batch(2), target=[0, 1], weight=[0.0, 0.0], reduction="sum", **linear),
        corner(loss, "weight 0 of the only label, mean", "the mean of no weight is nan: 0 / 0", NAN,
               input=batch(2), target=[0, 0], weight=[0.0, 1.0], **linear),
        corner(loss, "weight negative", "nothing documents that weights are positive", [-2 * cost, cost],
               input=batch(2), target=[0, 1], weight=[-2.0, 1.0], **NONE, **linear),
        corner(loss, "weight ignored, too", DIVISOR, cost,
               input=batch(2), target=[0, 1], weight=[3.0, 1.0], ignore_index=0, **linear),
        corner(loss, "more rows than the largest half", "documented for any N", cost,
               input=np.full((ROWS, width), scores), target=np.zeros(ROWS, dtype=np.int64), **linear),
        corner(loss, "one class", CERTAIN, [0.0],
               input=[[0.0 if loss == NLL else 7.0]], target=[0], **NONE,
               **({"linear_weight": [[3.0]]} if linear else {})),
    )  # fmt: skip


def _smoothed(loss: str) -> tuple[Corner, ...]:
    """Corners of label smoothing, by equal logits of two classes: log p is -log 2 for each."""
    row, linear = ([0.0], {"linear_weight": [[0.0], [0.0]]}) if loss == LINEAR else ([0.0, 0.0], {})
    return (
        corner(loss, "smoothing 0", SMOOTHED, [LN2], input=[row], target=[0], label_smoothing=0.0,
               **NONE, **linear),
        corner(loss, "smoothing 1", SMOOTHED, [LN2], input=[row], target=[0], label_smoothing=1.0,
               **NONE, **linear),
        corner(loss, "smoothing with weights", HALF_SMOOTHED, [0.5 * LN2 + 0.25 * LN2 * (1 + 3)],
               input=[row], target=[0], label_smoothing=0.5, weight=[1.0, 3.0], **NONE, **linear),
        corner(loss, "smoothing with weights, mean", HALF_SMOOTHED, (0.5 * 3 * LN2 + 0.25 * LN2 * 4) / 3,
               input=[row], target=[1], label_smoothing=0.5, weight=[1.0, 3.0], **linear),
        corner(loss, "smoothing with weights and an ignored label", HALF_SMOOTHED,
               (0.5 * 3 * LN2 + 0.25 * LN2 * 4) / 3,
               input=[row, row], target=[1, -100], label_smoothing=0.5, weight=[1.0, 3.0], **linear),
        corner(loss, "smoothing, all ignored, sum", IGNORED, 0.0,
               input=[row], target=[-100], label_smoothing=0.5, reduction="sum", **linear),
        corner(loss, "smoothing 1, weight 0 of the label, mean", "the mean of no weight is nan", NAN,
               input=[row], target=[0], label_smoothing=1.0, weight=[0.0, 1.0], **linear),
        corner(loss, "probabilities, mean", "documented: the mean divides by N", LN2,
               input=[row, row], target=[[0.5, 0.5], [1.0, 0.0]], **linear),
        corner(loss, "probabilities, smoothing 1", SMOOTHED, [LN2],
               input=[row], target=[[1.0, 0.0]], label_smoothing=1.0, **NONE, **linear),
        corner(loss, "probabilities that do not sum to 1", "nothing checks that they do", [1.5 * LN2],
               input=[row], target=[[0.5, 1.0]], **NONE, **linear),
        corner(loss, "probabilities 0", ROUNDED, [0.0], input=[row], target=[[0.0, 0.0]], **NONE, **linear),
    )  # fmt: skip


def _hinged(loss: str) -> tuple[Corner, ...]:
    """Corners of both hinges, of samples whose label is class 0."""

    def first(classes: int) -> Any:
        return [[0] + [-1] * (classes - 1)] if loss == MULTI else [0]

    return (
        corner(loss, "unbatched", UNBATCHED, 0.5,
               input=[2.0, 2.0], target=np.array(first(2)[0]), **NONE),
        corner(loss, "one class", "there is no other class", [0.0], input=[[5.0]], target=first(1), **NONE),
        corner(loss, "ties", HINGE, [0.5], input=[[2.0, 2.0]], target=first(2), **NONE),
        corner(loss, "at the margin", HINGE, [0.0], input=[[1.0, 0.0]], target=first(2), **NONE),
        corner(loss, "nan at the label", CONTRIBUTES, [NAN], input=[[NAN, 0.0]], target=first(2), **NONE),
        corner(loss, "nan at another class", CONTRIBUTES, [NAN],
               input=[[0.0, NAN]], target=first(2), **NONE),
        corner(loss, "infinite at the label", LIMIT, [0.0], input=[[INF, 0.0]], target=first(2), **NONE),
        corner(loss, "infinite at another class", LIMIT, [INF],
               input=[[0.0, INF]], target=first(2), **NONE),
        corner(loss, "equal infinities", NO_LIMIT, [NAN], input=[[INF, INF]], target=first(2), **NONE),
        corner(loss, "sum over classes overflows, mean fits", FITS, lambda f: [0.4 * f.max],
               input=[[0.0, *["half max"] * 4]], target=first(5), **NONE),
        corner(loss, "more rows than the largest half", FITS, 0.5, input=np.zeros((ROWS, 2)),
               target=np.tile(first(2), (ROWS, 1) if loss == MULTI else ROWS)),
    )  # fmt: skip


CORNERS: tuple[Corner, ...] = (
    *(row for loss in (CE, NLL, LINEAR) for row in _labelled(loss)),
    *(row for loss in (CE, LINEAR) for row in _smoothed(loss)),
    *(row for loss in (MARGIN, MULTI) for row in _hinged(loss)),
    corner(CE, "positions", "documented: (N, C, d) with (N, d)", [[LN2, 0.0]],
           input=[[[0.0, 0.0], [0.0, 0.0]]], target=[[1, -100]], **NONE),
    corner(CE, "no positions, sum", NO_SUM, 0.0,
           input=np.empty((2, 3, 0)), target=np.empty((2, 0), dtype=np.int64), reduction="sum"),
    corner(CE, "ties of the largest", NO_PREFERENCE, [LN3],
           input=[["max", "max", "max"]], target=[1], **NONE),
    corner(CE, "ends of the range, right", PERFECT, [0.0], input=[["max", "-max"]], target=[0], **NONE),
    corner(CE, "another class at minus infinity", LIMIT, [LN2], input=[[0.0, 0.0, -INF]], target=[0], **NONE),
    corner(CE, "label at minus infinity", LIMIT, [INF], input=[[0.0, -INF]], target=[1], **NONE),
    corner(CE, "label at infinity", LIMIT, [0.0], input=[[INF, 0.0]], target=[0], **NONE),
    corner(CE, "another class at infinity", LIMIT, [INF], input=[[INF, 0.0]], target=[1], **NONE),
    corner(CE, "several at infinity", "which of them is larger is open", [NAN],
           input=[[INF, INF]], target=[0], **NONE),
    corner(CE, "all at minus infinity", "softmax of nothing but -inf is 0 / 0", [NAN],
           input=[[-INF, -INF]], target=[0], **NONE),
    corner(CE, "nan", CONTRIBUTES, [NAN, LN2],
           input=[[NAN, 0.0], [0.0, 0.0]], target=[1, 1], **NONE),
    corner(CE, "probability 0 at -inf", WEIGHTLESS, [0.0], input=[[0.0, -INF]], target=[[1.0, 0.0]], **NONE),
    corner(CE, "probability 0 at -inf, weighted", WEIGHTLESS, [0.0],
           input=[[0.0, -INF]], target=[[1.0, 0.0]], weight=[1.0, 2.0], **NONE),
    corner(CE, "weight 0 at -inf", FACTOR, [NAN],
           input=[[0.0, -INF]], target=[1], weight=[1.0, 0.0], **NONE),
    corner(CE, "smoothing at -inf", SMOOTHED, [INF],
           input=[[0.0, -INF]], target=[0], label_smoothing=0.5, **NONE),
    corner(CE, "smoothing at -inf, weight 0", FACTOR, [NAN],
           input=[[0.0, -INF]], target=[0], label_smoothing=0.5, weight=[1.0, 0.0], **NONE),
    corner(CE, "sum overflows, mean fits", FITS, "half max",
           input=[["half max", 0.0]] * 4, target=[1] * 4),
    corner(CE, "subnormal logits", NO_PREFERENCE, [LN2],
           input=[["subnormal", "subnormal"]], target=[0], **NONE),
    corner(NLL, "label at minus infinity", LIMIT, [INF], input=[[-INF, 0.0]], target=[0], **NONE),
    corner(NLL, "weight 0 at -inf", FACTOR, [NAN],
           input=[[-INF, 0.0]], target=[0], weight=[0.0, 1.0], **NONE),
    corner(NLL, "nan at another class", "only the label's number is read", [1.0],
           input=[[NAN, -1.0]], target=[1], **NONE),
    corner(NLL, "nan", CONTRIBUTES, [NAN], input=[[NAN, -1.0]], target=[0], **NONE),
    corner(NLL, "sum overflows, mean fits", FITS, "half max",
           input=lambda f: [[-f.max / 2, 0.0]] * 4, target=[0] * 4),
    corner(LINEAR, "no features", "an empty sum: all logits are 0", [LN2],
           input=np.empty((1, 0)), linear_weight=np.empty((2, 0)), target=[0], **NONE),
    corner(LINEAR, "bias only", "log softmax of the bias", [LN2],
           input=[[0.0]], linear_weight=[["max"], ["max"]], target=[1], linear_bias=[3.0, 3.0], **NONE),
    corner(LINEAR, "nan", CONTRIBUTES, [NAN],
           input=[[NAN]], linear_weight=[[1.0], [2.0]], target=[0], **NONE),
    corner(MARGIN, "margin 0", HINGE, [0.0], input=[[2.0, 2.0]], target=[0], margin=0.0, **NONE),
    corner(MARGIN, "margin negative", HINGE, [0.0], input=[[2.0, 2.5]], target=[0], margin=-1.0, **NONE),
    corner(MARGIN, "p 2", ROUNDED, [4.5], input=[[0.0, 2.0]], target=[0], p=2, **NONE),
    corner(MARGIN, "weight 0", ROUNDED, [0.0, 0.5],
           input=[[0.0, 0.0]] * 2, target=[0, 1], weight=[0.0, 1.0], **NONE),
    corner(MARGIN, "weight 0 of all, mean", "the mean counts samples", 0.0,
           input=[[0.0, 0.0]], target=[0], weight=[0.0, 0.0]),
    corner(MULTI, "no label", "documented: labels end at the first -1", [0.0],
           input=[[1.0, 2.0]], target=[[-1, 0]], **NONE),
    corner(MULTI, "all labels", "there is no other class", [0.0],
           input=[[1.0, 2.0]], target=[[1, 0]], **NONE),
    corner(MULTI, "label repeated", "the documented sum runs over the listed labels", [4 / 3],
           input=[[0.0, 0.0, 0.0]], target=[[0, 0, -1]], **NONE),
    corner(SOFT, "no classes", NO_MEAN, [NAN], input=np.empty((1, 0)), target=np.empty((1, 0)), **NONE),
    corner(SOFT, "unbatched", UNBATCHED, LN2, input=[0.0, 0.0], target=[0.0, 1.0], **NONE),
    corner(SOFT, "right at infinity", LIMIT, [0.0], input=[[-INF, INF]], target=[[0.0, 1.0]], **NONE),
    corner(SOFT, "wrong at infinity", LIMIT, [INF], input=[[INF, 0.0]], target=[[0.0, 1.0]], **NONE),
    corner(SOFT, "nan", CONTRIBUTES, [NAN], input=[[NAN, 0.0]], target=[[0.0, 1.0]], **NONE),
    corner(SOFT, "weight 0", ROUNDED, [LN2 / 2],
           input=[[0.0, 0.0]], target=[[0.0, 1.0]], weight=[0.0, 1.0], **NONE),
    corner(SOFT, "sum over classes overflows, mean fits", FITS, ["half max"],
           input=[["half max"] * 4], target=[[0.0] * 4], **NONE),
)  # fmt: skip
