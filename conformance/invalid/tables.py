"""All invalid calls, and all calls of mixed dtypes."""

from __future__ import annotations

import torch

from . import binary, classification, derived, distribution, embedding, regression, sequence
from .promotion import Promotion, promotions
from .row import Invalid

FAMILIES = (regression, classification, binary, distribution, embedding, sequence, derived)
ROWS: tuple[Invalid, ...] = tuple(row for family in FAMILIES for row in family.ROWS)
PROMOTIONS: tuple[Promotion, ...] = tuple(
    promotions(valid for valid in derived.VALID if hasattr(torch.nn.functional, valid.loss))
)
