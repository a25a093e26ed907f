"""Hypothesis strategies: for each loss, valid cases in any floating-point format.

``cases("l1_loss", FORMATS["float32"], "mean")`` is a strategy of `Case`. It follows from the declaration of
the loss in `signatures`, unless the loss has a strategy of its own in `SPECIAL`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from hypothesis.strategies import SearchStrategy

from reference import Format

from . import classification, embedding, sequence
from .case import Case, Distance, is_real, literal
from .chunking import Chunking
from .declared import declared
from .differentiation import Differentiation, differentiations, masked, spread
from .dtypes import DTYPES, takes
from .infinities import with_infinities
from .options import with_option_types, with_python_numbers

__all__ = [
    "DTYPES",
    "SPECIAL",
    "Case",
    "Chunking",
    "Differentiation",
    "Distance",
    "cases",
    "declared",
    "differentiations",
    "is_real",
    "literal",
    "masked",
    "spread",
    "takes",
    "with_infinities",
    "with_option_types",
    "with_python_numbers",
]

# What a declaration does not say: labels that are ignored, vectors that are equal, sequences, functions.
SPECIAL: dict[str, Callable[[Format, str], SearchStrategy[Case]]] = {
    strategy.__name__: strategy
    for strategy in (
        classification.cross_entropy,
        classification.nll_loss,
        classification.linear_cross_entropy,
        classification.multi_margin_loss,
        classification.multilabel_margin_loss,
        classification.multilabel_soft_margin_loss,
        embedding.cosine_embedding_loss,
        embedding.triplet_margin_loss,
        embedding.triplet_margin_with_distance_loss,
        sequence.ctc_loss,
    )
}


@cache
def cases(loss: str, format: Format, reduction: str) -> SearchStrategy[Case]:
    """Valid cases of a loss.

    Args:
        loss: name of the functional.
        format: the format under test.
        reduction: the value of ``reduction``.
    """
    special = SPECIAL.get(loss)
    return special(format, reduction) if special else declared(loss, format, reduction)
