"""NumPy formulas of the losses of torch.nn.functional, and the rounding error each allows.

The functions take and return arrays and have the names, parameters, order and defaults of
``torch.nn.functional``, without the deprecated ``size_average`` and ``reduce``. Called with `Tracked`
arrays they return the value together with a bound on its rounding error; with `Stepped` arrays all that a
computation in a format may give, inf and nan included.
"""

from . import stepped_elementwise, stepped_sums, tracked_selection  # noqa: F401  # register rules
from .binary import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    hinge_embedding_loss,
    soft_margin_loss,
)
from .classification import (
    cross_entropy,
    linear_cross_entropy,
    multi_margin_loss,
    multilabel_margin_loss,
    multilabel_soft_margin_loss,
    nll_loss,
)
from .derivative import Variable, gradients
from .dispatch import Array
from .distribution import gaussian_nll_loss, kl_div, poisson_nll_loss
from .embedding import (
    cosine_embedding_loss,
    margin_ranking_loss,
    pairwise_distance,
    triplet_margin_loss,
    triplet_margin_with_distance_loss,
)
from .formats import FORMATS, Format, promoted
from .reduction import REDUCTIONS, weights_as_masks
from .regression import huber_loss, l1_loss, mse_loss, smooth_l1_loss
from .sequence import ctc_loss
from .stepped import Stepped, stepped
from .tracked import Tracked, tracked
from .validation import Complex

__all__ = [
    "FORMATS",
    "REDUCTIONS",
    "Array",
    "Complex",
    "Format",
    "Stepped",
    "Tracked",
    "Variable",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "cosine_embedding_loss",
    "cross_entropy",
    "ctc_loss",
    "gaussian_nll_loss",
    "gradients",
    "hinge_embedding_loss",
    "huber_loss",
    "kl_div",
    "l1_loss",
    "linear_cross_entropy",
    "margin_ranking_loss",
    "mse_loss",
    "multi_margin_loss",
    "multilabel_margin_loss",
    "multilabel_soft_margin_loss",
    "nll_loss",
    "pairwise_distance",
    "poisson_nll_loss",
    "promoted",
    "smooth_l1_loss",
    "soft_margin_loss",
    "stepped",
    "tracked",
    "triplet_margin_loss",
    "triplet_margin_with_distance_loss",
    "weights_as_masks",
]
