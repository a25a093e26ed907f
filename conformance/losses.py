"""The losses under test, one row each. Adding a loss is a formula, a strategy and a row here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hypothesis.strategies import SearchStrategy

import reference
import strategies
from reference import FORMATS, REDUCTIONS, Format

WIDE = ("float64", "float32")


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
    """

    name: str
    module: str
    reductions: tuple[str, ...] = REDUCTIONS
    formats: tuple[str, ...] = tuple(FORMATS)
    legacy: bool = True
    since: str = "2.6"

    @property
    def oracle(self) -> Callable[..., Any]:
        """The formula: arrays and options as torch's functional, see `reference`."""
        formula: Callable[..., Any] = getattr(reference, self.name)
        return formula

    def cases(self, format: Format, reduction: str) -> SearchStrategy[strategies.Case]:
        """Valid cases of this loss."""
        strategy: SearchStrategy[strategies.Case] = getattr(strategies, self.name)(format, reduction)
        return strategy


LOSSES = {
    row.name: row
    for row in (
        Loss("l1_loss", "L1Loss"),
        Loss("mse_loss", "MSELoss"),
        Loss("smooth_l1_loss", "SmoothL1Loss"),
        Loss("huber_loss", "HuberLoss", legacy=False),
        Loss("cross_entropy", "CrossEntropyLoss"),
        Loss("nll_loss", "NLLLoss"),
        Loss("linear_cross_entropy", "LinearCrossEntropyLoss", legacy=False, since="2.13"),
        Loss("binary_cross_entropy", "BCELoss"),
        Loss("binary_cross_entropy_with_logits", "BCEWithLogitsLoss"),
        Loss("soft_margin_loss", "SoftMarginLoss"),
        Loss("hinge_embedding_loss", "HingeEmbeddingLoss"),
        Loss("poisson_nll_loss", "PoissonNLLLoss"),
        Loss("gaussian_nll_loss", "GaussianNLLLoss", legacy=False),
        Loss("kl_div", "KLDivLoss", reductions=(*REDUCTIONS, "batchmean")),
        Loss("cosine_embedding_loss", "CosineEmbeddingLoss"),
        Loss("margin_ranking_loss", "MarginRankingLoss"),
        Loss("triplet_margin_loss", "TripletMarginLoss"),
        Loss("triplet_margin_with_distance_loss", "TripletMarginWithDistanceLoss", legacy=False),
        Loss("multi_margin_loss", "MultiMarginLoss", formats=WIDE),
        Loss("multilabel_margin_loss", "MultiLabelMarginLoss", formats=WIDE),
        Loss("multilabel_soft_margin_loss", "MultiLabelSoftMarginLoss"),
        Loss("ctc_loss", "CTCLoss", formats=WIDE, legacy=False),
    )
}


def find_loss(name: str) -> Loss:
    """Look a loss up by the name of its functional or of its module.

    Raises:
        KeyError: no such loss.
    """
    for row in LOSSES.values():
        if name in (row.name, row.module):
            return row
    raise KeyError(name)
