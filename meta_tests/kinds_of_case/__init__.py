"""What a thousand cases of each loss must contain: named kinds, and every value of every option.

A kind is a predicate on a `Call`, a case's arguments with the defaults filled in. The values of options
are written down here once more, on purpose: a strategy that loses one, or gains one, is told.
"""

from typing import Any

from conformance.losses import LOSSES

from . import binary, classification, distribution, embedding, regression, sequence
from .declared import kinds_of, options_of
from .shared import NUMBERS, SIGNED, UNBOUNDED, Call, Kinds

_FAMILIES = (regression, classification, binary, distribution, embedding, sequence)

# A loss without a table of its own has these, which its declaration gives.
KINDS: dict[str, Kinds] = {loss: kinds_of(row) for loss, row in LOSSES.items()}
KINDS |= {loss: table for family in _FAMILIES for loss, table in family.KINDS.items()}
# Values of the options that are neither arrays nor depend on the other arguments.
OPTIONS: dict[str, dict[str, tuple[Any, ...]]] = {loss: options_of(row) for loss, row in LOSSES.items()}
OPTIONS |= {loss: {} for family in _FAMILIES for loss in family.KINDS}
OPTIONS |= {loss: table for family in _FAMILIES for loss, table in family.OPTIONS.items()}

__all__ = ["KINDS", "NUMBERS", "OPTIONS", "SIGNED", "UNBOUNDED", "Call", "Kinds"]
