"""What torch computes in place of a documented formula: formulas that a record's numbers follow from.

Each takes the arguments of the oracle's function of the same loss, and returns what that returns. They are
written for `Stepped` numbers: of 0 times infinity nan comes, as in torch.
"""

from collections.abc import Callable
from typing import Any

from . import binary, classification, distribution, embedding, regression

# The formulas that torch computes today, with all that is on record; a loss that is not named is computed as
# documented.
OF_LOSSES: dict[str, Callable[..., Any]] = {
    formula.__name__: formula
    for formula in (
        regression.l1_loss,
        regression.mse_loss,
        regression.huber_loss,
        classification.nll_loss,
        classification.cross_entropy,
        classification.linear_cross_entropy,
        classification.multi_margin_loss,
        classification.multilabel_margin_loss,
        classification.multilabel_soft_margin_loss,
        binary.binary_cross_entropy,
        binary.binary_cross_entropy_with_logits,
        binary.soft_margin_loss,
        distribution.poisson_nll_loss,
        distribution.kl_div,
        embedding.cosine_embedding_loss,
        embedding.triplet_margin_loss,
        embedding.triplet_margin_with_distance_loss,
    )
}
# The losses whose kernel on the CPU adds up half-precision numbers in half precision.
NARROW = ("nll_loss", "cross_entropy", "linear_cross_entropy")
