"""The losses under test, one row each. Adding a loss is a formula, a strategy and a row here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from hypothesis.strategies import SearchStrategy

import reference
import strategies
from reference import FORMATS, REDUCTIONS, Format

WIDE = ("float64", "float32")
PAIR = ("input1", "input2")
TRIPLET = ("anchor", "positive", "negative")


@dataclass(frozen=True)
class Loss:
    """A loss of torch.

    Attributes:
        name: in torch.nn.functional, in reference and in strategies.
        module: the class in torch.nn.
        reductions: the documented values of ``reduction``.
        formats: the floating-point formats that torch's CPU kernels support.
        legacy: whether the deprecated ``size_average`` and ``reduce`` exist.
        since: the first torch known to have the loss, where that is not the oldest supported.
        backward_since: the first torch known to have the backward kernel of a format, where it came later.
        differentiable: the arguments that torch differentiates by, those of them that are real arrays.
        with_probabilities: those that it differentiates by where the target is probabilities.
        refused: real arguments of which torch says that the loss is not differentiable by them.
        twice: whether the gradient can be differentiated.
        forward: whether torch has forward mode for it.
    """

    name: str
    module: str
    reductions: tuple[str, ...] = REDUCTIONS
    formats: tuple[str, ...] = tuple(FORMATS)
    legacy: bool = True
    since: str = "2.6"
    backward_since: Mapping[str, str] = field(default_factory=dict)
    differentiable: tuple[str, ...] = ("input", "target")
    with_probabilities: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    twice: bool = True
    forward: bool = True

    @property
    def oracle(self) -> Callable[..., Any]:
        """The formula: arrays and options as torch's functional, see `reference`."""
        formula: Callable[..., Any] = getattr(reference, self.name)
        return formula

    def variables(self, case: strategies.Case) -> list[str]:
        """The arguments of a case by which torch differentiates, in the order of the signature."""
        names = self.differentiable
        if strategies.is_real(case.arguments.get("target")):
            names += self.with_probabilities
        return [name for name in case.arguments if name in names and case.is_floating(name)]

    def cases(self, format: Format, reduction: str) -> SearchStrategy[strategies.Case]:
        """Valid cases of this loss."""
        strategy: SearchStrategy[strategies.Case] = getattr(strategies, self.name)(format, reduction)
        return strategy


LOSSES = {
    row.name: row
    for row in (
        Loss("l1_loss", "L1Loss", differentiable=("input", "target", "weight")),
        Loss("mse_loss", "MSELoss", differentiable=("input", "target", "weight")),
        Loss("smooth_l1_loss", "SmoothL1Loss", backward_since={"float16": "2.13"}),
        Loss("huber_loss", "HuberLoss", legacy=False, differentiable=("input", "target", "weight")),
        Loss("cross_entropy", "CrossEntropyLoss", with_probabilities=("weight",), refused=("weight",)),
        Loss("nll_loss", "NLLLoss", differentiable=("input",), refused=("weight",)),
        Loss(
            "linear_cross_entropy", "LinearCrossEntropyLoss", legacy=False, since="2.13",
            differentiable=("input", "linear_weight", "linear_bias", "target"),
            with_probabilities=("weight",), refused=("weight",),
        ),
        Loss("binary_cross_entropy", "BCELoss", refused=("weight",)),
        Loss("binary_cross_entropy_with_logits", "BCEWithLogitsLoss", refused=("weight", "pos_weight")),
        Loss("soft_margin_loss", "SoftMarginLoss", differentiable=("input",), refused=("target",)),
        Loss("hinge_embedding_loss", "HingeEmbeddingLoss", differentiable=("input",)),
        Loss("poisson_nll_loss", "PoissonNLLLoss"),
        Loss("gaussian_nll_loss", "GaussianNLLLoss", legacy=False, differentiable=("input", "target", "var")),
        Loss("kl_div", "KLDivLoss", reductions=(*REDUCTIONS, "batchmean")),
        Loss("cosine_embedding_loss", "CosineEmbeddingLoss", differentiable=PAIR),
        Loss("margin_ranking_loss", "MarginRankingLoss", differentiable=(*PAIR, "target")),
        Loss("triplet_margin_loss", "TripletMarginLoss", differentiable=TRIPLET),
        Loss(
            "triplet_margin_with_distance_loss", "TripletMarginWithDistanceLoss", legacy=False,
            differentiable=TRIPLET,
        ),
        Loss(
            "multi_margin_loss", "MultiMarginLoss", formats=WIDE,
            differentiable=("input",), refused=("weight",), twice=False, forward=False,
        ),
        Loss(
            "multilabel_margin_loss", "MultiLabelMarginLoss", formats=WIDE,
            differentiable=("input",), twice=False, forward=False,
        ),
        Loss(
            "multilabel_soft_margin_loss", "MultiLabelSoftMarginLoss",
            differentiable=("input", "target", "weight"),
        ),
        Loss(
            "ctc_loss", "CTCLoss", formats=WIDE, legacy=False,
            differentiable=("log_probs",), twice=False, forward=False,
        ),
    )
}  # fmt: skip

# Old names that torch keeps for modules of the table.
ALIASES = {"NLLLoss2d": "NLLLoss"}


def find_loss(name: str) -> Loss:
    """Look a loss up by the name of its functional or of its module.

    Raises:
        KeyError: no such loss.
    """
    for row in LOSSES.values():
        if name in (row.name, row.module):
            return row
    raise KeyError(name)
