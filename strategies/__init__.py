"""Hypothesis strategies: for each loss, valid cases in any floating-point format.

A loss's strategy has its name and takes the format under test and the reduction:
``strategies.cross_entropy(FORMATS["float32"], "mean")`` is a strategy of `Case`.
"""

from .binary import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    hinge_embedding_loss,
    soft_margin_loss,
)
from .case import Case, Distance, is_real, literal
from .chunking import Chunking
from .classification import (
    cross_entropy,
    linear_cross_entropy,
    multi_margin_loss,
    multilabel_margin_loss,
    multilabel_soft_margin_loss,
    nll_loss,
)
from .directions import Differentiation, differentiations, masked, spread
from .distribution import gaussian_nll_loss, kl_div, poisson_nll_loss
from .dtypes import DTYPES, form_of, takes
from .embedding import (
    cosine_embedding_loss,
    margin_ranking_loss,
    triplet_margin_loss,
    triplet_margin_with_distance_loss,
)
from .infinities import with_infinities
from .options import with_option_types, with_python_numbers
from .regression import huber_loss, l1_loss, mse_loss, smooth_l1_loss
from .sequence import ctc_loss

__all__ = [
    "DTYPES",
    "Case",
    "Chunking",
    "Differentiation",
    "Distance",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "cosine_embedding_loss",
    "cross_entropy",
    "ctc_loss",
    "differentiations",
    "form_of",
    "gaussian_nll_loss",
    "hinge_embedding_loss",
    "huber_loss",
    "is_real",
    "kl_div",
    "l1_loss",
    "linear_cross_entropy",
    "literal",
    "margin_ranking_loss",
    "masked",
    "mse_loss",
    "multi_margin_loss",
    "multilabel_margin_loss",
    "multilabel_soft_margin_loss",
    "nll_loss",
    "poisson_nll_loss",
    "smooth_l1_loss",
    "soft_margin_loss",
    "spread",
    "takes",
    "triplet_margin_loss",
    "triplet_margin_with_distance_loss",
    "with_infinities",
    "with_option_types",
    "with_python_numbers",
]
