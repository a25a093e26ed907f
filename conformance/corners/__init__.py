"""The corner catalogue: for each loss the edges of its domain, what holds there and why."""

from __future__ import annotations

from . import binary, classification, distribution, embedding, regression, sequence
from .corner import Corner

__all__ = ["CORNERS", "Corner"]

CORNERS: tuple[Corner, ...] = (
    regression.CORNERS
    + classification.CORNERS
    + binary.CORNERS
    + distribution.CORNERS
    + embedding.CORNERS
    + sequence.CORNERS
)
