"""Invalid calls, one violation each: torch must refuse them with an exception that a caller can act on.

The documentation and mathematics say what is invalid. A value that neither excludes is not in the tables.
"""

from __future__ import annotations

import torch

from . import binary, classification, derived, distribution, embedding, regression, sequence
from .promotion import Promotion, promotions
from .row import SENSIBLE, Invalid, Valid

__all__ = ["PROMOTIONS", "ROWS", "SENSIBLE", "Invalid", "Promotion", "Valid"]

FAMILIES = (regression, classification, binary, distribution, embedding, sequence, derived)
ROWS: tuple[Invalid, ...] = tuple(row for family in FAMILIES for row in family.ROWS)
PROMOTIONS: tuple[Promotion, ...] = tuple(
    promotions(valid for valid in derived.VALID if hasattr(torch.nn.functional, valid.loss))
)
