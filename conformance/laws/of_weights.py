"""Laws of weights."""

from __future__ import annotations

import numpy as np

from strategies import Case, is_real

from ..dividing import LOSSES as DIVIDES_BY_WEIGHTS
from .claim import Call, Claim, reduced
from .of_batches import unchanged


def _weight_shape(case: Case) -> tuple[int, ...]:
    """The shape of a weight for each element, or for each class."""
    given = case.arguments
    x = given["input"]
    if "linear_weight" in given:
        return (len(given["linear_weight"]),)
    if case.loss in ("cross_entropy", "nll_loss"):
        return (x.shape[0 if x.ndim == 1 else 1],)
    if case.loss in ("multi_margin_loss", "multilabel_soft_margin_loss"):
        return (x.shape[-1],)
    shape: tuple[int, ...] = x.shape
    return shape


def weighing_by_one(case: Case) -> Claim:
    """Weights of one change nothing, whichever reduction.

    1 l = l, and the weights sum to the number of losses.
    """
    ones = {"weight": np.ones(_weight_shape(case))}
    if case.loss == "binary_cross_entropy_with_logits":
        ones["pos_weight"] = np.ones(_weight_shape(case))
    return unchanged(case.without(*ones), case.replacing(**ones))


def doubling_the_weights(case: Case) -> Claim | None:
    """Weights twice as large double the losses and their sum; the mean stays if it divides by the weights.

    A loss is proportional to its weight. For the divisor see `reducing`.
    """
    weight = case.arguments.get("weight", np.ones(_weight_shape(case)))
    if np.any(np.abs(weight) > case.format.max / 2):
        return None
    doubled = case.replacing(weight=np.array(2 * weight))
    case = case.replacing(weight=weight)
    factor = 1 if case.loss in DIVIDES_BY_WEIGHTS and not is_real(case.arguments["target"]) else 2
    calls: dict[str, Call] = {
        f"{name}_{which}": reduced(call, reduction)
        for name, reduction in (("each", "none"), ("sum", "sum"), ("mean", "mean"))
        for which, call in (("once", case), ("doubled", doubled))
    }
    relations = ("each_doubled == 2 * each_once", "sum_doubled == 2 * sum_once")
    return Claim(calls, (*relations, f"mean_doubled == {factor} * mean_once"))
