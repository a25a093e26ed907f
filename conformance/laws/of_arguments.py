"""Laws of single losses: their signs, symmetries, margins, and what they are in terms of each other."""

from __future__ import annotations

from typing import Any

import numpy as np

from reference.binary import sigmoid
from strategies import Case
from strategies.signatures import form_of

from ..bounds import WEIGHTS
from .batches import spelt_out
from .claim import Claim, Composed, Operation, reduced
from .of_batches import unchanged


def exchanging_the_pair(case: Case) -> Claim:
    """Two arguments that are compared may change places, for a ranking with the label of the opposite sign.

    |x - y| = |y - x|, a.b = b.a, and -y (a - b) = -(-y) (b - a).
    """
    case = spelt_out(case)
    given = case.arguments
    one, other, *_ = form_of(case).required
    exchanged: dict[str, Any] = {one: given[other], other: given[one]}
    if case.loss == "margin_ranking_loss":
        exchanged["target"] = np.array(-given["target"])
    return unchanged(case, case.replacing(**exchanged))


def _has_negative_weight(case: Case) -> bool:
    return any(bool(np.any(case.arguments.get(name, 0) < 0)) for name in WEIGHTS)


def being_non_negative(case: Case) -> Claim | None:
    """No loss is negative, nor is a sum of losses, if no weight is.

    Each is a norm, a square, a hinge max(0, .), or minus the logarithm of a probability, times a weight >= 0.
    """
    if _has_negative_weight(case):
        return None
    return Claim({"each": case, "total": reduced(case, "sum")}, ("0 <= each", "0 <= total"))


def predicting_perfectly(case: Case) -> Claim | None:
    """A perfect prediction of finite numbers costs nothing.

    |y - y| = 0; a probability of 1 has logarithm 0; a distance 0 is what a similar pair should have; and
    log y - log y = 0.
    """
    case = spelt_out(case)
    target = case.arguments["target"]
    if not np.all(np.isfinite(target)):
        return None
    if case.loss == "binary_cross_entropy":
        target = np.array(np.rint(target))
        case = case.replacing(target=target)
    if case.loss == "hinge_embedding_loss":
        case = case.replacing(target=np.ones_like(target))
        target = np.zeros(target.shape)
    if case.loss == "kl_div" and not case.arguments.get("log_target"):
        target = np.array(np.rint(target))  # 0 log 0 = 0, whatever the input
        perfect = case.replacing(target=target, input=np.where(target == 1, 0.0, -1.0))
    else:
        perfect = case.replacing(input=target)
    return Claim({"each": perfect, "total": reduced(perfect, "sum")}, ("each == 0", "total == 0"))


def widening_the_margin(case: Case) -> Claim | None:
    """A larger margin makes no loss smaller if no weight is negative; of cosines, none larger.

    max(0, .) is monotone, and so is its square. The margin of cosines is subtracted.
    """
    if _has_negative_weight(case):
        return None
    margin = case.arguments.get("margin", form_of(case).options["margin"].default)
    narrow, wide = ("larger", "smaller") if case.loss == "cosine_embedding_loss" else ("smaller", "larger")
    wider = margin + 0.5
    if case.loss == "cosine_embedding_loss":  # whose margin is documented to be at most 1
        margin, wider = min(margin, 0.5), min(margin, 0.5) + 0.5
    calls = {narrow: case.replacing(margin=margin), wide: case.replacing(margin=wider)}
    return Claim(calls, ("smaller <= larger",))


def taking_sigmoid_first(case: Case) -> Claim:
    """Binary cross entropy with logits is binary cross entropy of their sigmoid.

    Source: torch.nn.BCEWithLogitsLoss, "combines a Sigmoid layer and the BCELoss in one single class".
    Logits are clipped to 36: beyond, the oracle itself cannot tell a sigmoid from 1, and BCELoss clamps.
    """
    logits = np.nan_to_num(case.arguments["input"])
    case = case.replacing(input=np.array(np.clip(logits, -36, 36))).without("pos_weight")
    operation = Operation("torch.sigmoid", sigmoid)
    return unchanged(case, Composed(Case("binary_cross_entropy", case.format, case.arguments), operation))


def scaling_smooth_l1(case: Case) -> Claim | None:
    """Huber loss is delta times smooth L1 loss with beta = delta, if delta is finite.

    Source: torch.nn.SmoothL1Loss and torch.nn.HuberLoss, which both say so.
    """
    arguments = {name: value for name, value in case.arguments.items() if name not in ("delta", "weight")}
    delta = case.arguments.get("delta", 1.0)
    if np.isinf(delta):  # 0 times infinity
        return None
    huber = case.without("weight")
    smooth = Case("smooth_l1_loss", case.format, {**arguments, "beta": delta})
    names = {"each": "none", "total": "sum", "mean": "mean"}
    calls = {f"{name}_huber": reduced(huber, reduction) for name, reduction in names.items()}
    calls |= {f"{name}_smooth": reduced(smooth, reduction) for name, reduction in names.items()}
    relations = tuple(f"{name}_huber == delta * {name}_smooth" for name in names)
    return Claim(calls, relations, {"delta": np.asarray(delta)})


def leaving_the_distance_out(case: Case) -> Claim:
    """The triplet loss with a distance has that of the triplet loss by default.

    Source: torch.nn.TripletMarginWithDistanceLoss, ``distance_function``: if not given, PairwiseDistance.
    """
    case = case.without("distance_function")
    return unchanged(case, Case("triplet_margin_loss", case.format, case.arguments))
