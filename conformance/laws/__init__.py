"""Laws that losses obey: relations between results of torch, which need no oracle for their values.

A law is a function of a case: it makes a `Claim` about this case and others derived from it, or returns None
if the law does not apply. `LAWS` says which losses it concerns: by their declared arguments, by a property of
their row, or by name where a law is about one loss.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass

from reference import FORMATS
from strategies import Case
from strategies.domains import Classes

from ..cells import Cell
from ..losses import LOSSES, Loss
from . import of_arguments, of_batches, of_classes, of_weights
from .claim import Claim

__all__ = ["LAWS", "Claim", "Instance", "Law", "instances"]


@dataclass(frozen=True)
class Law:
    """A law, and which losses it concerns."""

    claim: Callable[[Case], Claim | None]
    concerns: Callable[[Loss], bool]

    @property
    def losses(self) -> tuple[str, ...]:
        """The names of the losses that it concerns."""
        return tuple(name for name, loss in LOSSES.items() if self.concerns(loss))

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


def _every(loss: Loss) -> bool:
    return True


def _has_classes(loss: Loss) -> bool:
    """Classes that are alike: none is a blank."""
    tensors = loss.forms[0].tensors.values()
    blank = any(isinstance(tensor.domain, Classes) and tensor.domain.blank for tensor in tensors)
    return not blank and any("C" in shape.split() for tensor in tensors for shape in tensor.shapes)


def _ignores(loss: Loss) -> bool:
    domains = [tensor.domain for tensor in loss.forms[0].tensors.values()]
    return any(isinstance(domain, Classes) and domain.ignored for domain in domains)


def _has(argument: str) -> Callable[[Loss], bool]:
    return lambda loss: argument in loss.forms[0].arguments


def _only(*names: str) -> Callable[[Loss], bool]:
    return lambda loss: loss.name in names


LAWS = (
    Law(of_batches.reducing, _every),
    Law(of_batches.permuting_the_batch, _every),
    Law(of_batches.splitting_the_batch, _every),
    Law(of_batches.duplicating_the_batch, _every),
    Law(of_batches.stacking, _every),
    Law(of_batches.padding_targets, _only("ctc_loss")),
    Law(of_classes.permuting_the_classes, _has_classes),
    Law(of_classes.shifting_the_logits, _only("cross_entropy", "linear_cross_entropy")),
    Law(of_classes.naming_labels_by_one_hot, _only("cross_entropy", "linear_cross_entropy")),
    Law(of_classes.removing_the_ignored, _ignores),
    Law(of_classes.taking_log_softmax_first, _only("cross_entropy")),
    Law(of_weights.weighing_by_one, _has("weight")),
    Law(of_weights.doubling_the_weights, _has("weight")),
    Law(of_arguments.exchanging_the_pair, lambda loss: loss.symmetric),
    Law(of_arguments.being_non_negative, lambda loss: loss.non_negative),
    Law(of_arguments.predicting_perfectly, lambda loss: loss.perfect),
    Law(of_arguments.widening_the_margin, _has("margin")),
    Law(of_arguments.taking_sigmoid_first, _only("binary_cross_entropy_with_logits")),
    Law(of_arguments.scaling_smooth_l1, _only("huber_loss")),
    Law(of_arguments.leaving_the_distance_out, _only("triplet_margin_with_distance_loss")),
)


def instances(losses: list[Loss], formats: list[str], devices: list[str]) -> list[Instance]:
    """Every law of the given losses on the given axes, in a stable order; cases are drawn unreduced."""
    return [
        Instance(loss, "none", FORMATS[name], device, law)
        for law in LAWS
        for loss in losses
        if law.concerns(loss)
        for name in formats
        for device in devices
    ]
