"""Laws that losses obey: relations between results of torch, which need no oracle for their values.

A law is a function of a case: it gives a `Claim` about this case and others that it makes of it, or None
where the case is none that the law concerns. `LAWS` says which losses declare it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass

from reference import FORMATS
from strategies import Case

from ..cells import Cell
from ..losses import LOSSES, Loss
from . import of_arguments, of_batches, of_classes, of_weights
from .claim import Claim

__all__ = ["LAWS", "Claim", "Instance", "Law", "instances"]


@dataclass(frozen=True)
class Law:
    """A law, and the names of the losses that declare it."""

    claim: Callable[[Case], Claim | None]
    losses: tuple[str, ...]

    @property
    def name(self) -> str:
        """Its name, as in a test's id."""
        return self.claim.__name__

    @property
    def sentence(self) -> str:
        """What it says."""
        return (inspect.getdoc(self.claim) or "").split("\n\n")[0]


@dataclass(frozen=True)
class Instance(Cell):
    """A law of one loss in one format on one device; as a string, the coordinates in a test's id."""

    law: Law

    def __str__(self) -> str:
        return f"{self.law.name}-{self.loss.name}-{self.format.name}-{self.device}"


EVERY = tuple(LOSSES)
DIFFERENCES = ("l1_loss", "mse_loss", "smooth_l1_loss", "huber_loss")
ENTROPIES = ("cross_entropy", "nll_loss", "linear_cross_entropy")
BINARY = ("binary_cross_entropy", "binary_cross_entropy_with_logits")
TRIPLETS = ("triplet_margin_loss", "triplet_margin_with_distance_loss")
CLASSES = ("multi_margin_loss", "multilabel_margin_loss", "multilabel_soft_margin_loss")
WEIGHED = (
    "l1_loss", "mse_loss", "huber_loss", *ENTROPIES, *BINARY, "multi_margin_loss",
    "multilabel_soft_margin_loss",
)  # fmt: skip
MARGINS = (
    "hinge_embedding_loss", "cosine_embedding_loss", "margin_ranking_loss", *TRIPLETS, "multi_margin_loss",
)  # fmt: skip

LAWS = (
    Law(of_batches.reducing, EVERY),
    Law(of_batches.permuting_the_batch, EVERY),
    Law(of_batches.splitting_the_batch, EVERY),
    Law(of_batches.duplicating_the_batch, EVERY),
    Law(of_batches.stacking, EVERY),
    Law(of_batches.padding_targets, ("ctc_loss",)),
    Law(of_classes.permuting_the_classes, (*ENTROPIES, *CLASSES)),
    Law(of_classes.shifting_the_logits, ("cross_entropy", "linear_cross_entropy")),
    Law(of_classes.naming_labels_by_one_hot, ("cross_entropy", "linear_cross_entropy")),
    Law(of_classes.removing_the_ignored, ENTROPIES),
    Law(of_classes.taking_log_softmax_first, ("cross_entropy",)),
    Law(of_weights.weighing_by_one, WEIGHED),
    Law(of_weights.doubling_the_weights, WEIGHED),
    Law(
        of_arguments.exchanging_the_pair,
        (*DIFFERENCES, "gaussian_nll_loss", "cosine_embedding_loss", "margin_ranking_loss"),
    ),
    Law(
        of_arguments.being_non_negative,
        (
            *DIFFERENCES, *ENTROPIES, *BINARY, *TRIPLETS, *CLASSES, "soft_margin_loss",
            "cosine_embedding_loss", "margin_ranking_loss",
        ),
    ),
    Law(
        of_arguments.predicting_perfectly,
        (*DIFFERENCES, "binary_cross_entropy", "hinge_embedding_loss", "kl_div"),
    ),
    Law(of_arguments.widening_the_margin, MARGINS),
    Law(of_arguments.taking_sigmoid_first, ("binary_cross_entropy_with_logits",)),
    Law(of_arguments.scaling_smooth_l1, ("huber_loss",)),
    Law(of_arguments.leaving_the_distance_out, ("triplet_margin_with_distance_loss",)),
)  # fmt: skip


def instances(losses: list[Loss], formats: list[str], devices: list[str]) -> list[Instance]:
    """Every law of the given losses on the given axes, in a stable order; cases are drawn unreduced."""
    return [
        Instance(loss, "none", FORMATS[name], device, law)
        for law in LAWS
        for loss in losses
        if loss.name in law.losses
        for name in formats
        for device in devices
    ]
