"""Laws of weights."""

from __future__ import annotations

import numpy as np

from reference import Array
from strategies import Case
from strategies.signatures import form_of

from .batches import size_of
from .claim import Call, Claim, reduced
from .of_batches import unchanged


def _ones(case: Case, name: str) -> Array:
    """Weights of one, for each element or for each class."""
    form = form_of(case)
    elements: tuple[int, ...] = case.arguments["input"].shape
    return np.ones(elements if form.tensors[name].any_shape else size_of(case, "C"))


def weighing_by_one(case: Case) -> Claim:
    """Weights of one change nothing, whichever reduction.

    1 l = l, and the weights sum to the number of losses.
    """
    weights = [name for name, tensor in form_of(case).tensors.items() if tensor.weighs]
    ones = {name: _ones(case, name) for name in weights}
    return unchanged(case.without(*ones), case.replacing(**ones))


def doubling_the_weights(case: Case) -> Claim | None:
    """Weights twice as large double the losses and their sum; the mean stays if it divides by the weights.

    A loss is proportional to its weight. For the divisor see `reducing`.
    """
    weight = case.arguments.get("weight", _ones(case, "weight"))
    if np.any(np.abs(weight) > case.format.max / 2):
        return None
    doubled = case.replacing(weight=np.array(2 * weight))
    case = case.replacing(weight=weight)
    factor = 1 if form_of(case).tensors["weight"].divides_mean else 2
    calls: dict[str, Call] = {
        f"{name}_{which}": reduced(call, reduction)
        for name, reduction in (("each", "none"), ("sum", "sum"), ("mean", "mean"))
        for which, call in (("once", case), ("doubled", doubled))
    }
    relations = ("each_doubled == 2 * each_once", "sum_doubled == 2 * sum_once")
    return Claim(calls, (*relations, f"mean_doubled == {factor} * mean_once"))
