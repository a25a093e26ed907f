"""The corner catalogue: for each loss the edges of its domain, what holds there and why."""

from __future__ import annotations

from dataclasses import dataclass

from reference import FORMATS

from ..cells import Cell
from ..losses import Loss
from . import binary, classification, derived, distribution, embedding, regression, sequence
from .corner import Corner

__all__ = ["CORNERS", "Corner", "Place", "places"]

CORNERS: tuple[Corner, ...] = (
    regression.CORNERS
    + classification.CORNERS
    + binary.CORNERS
    + distribution.CORNERS
    + embedding.CORNERS
    + sequence.CORNERS
    + derived.CORNERS
)


@dataclass(frozen=True)
class Place(Cell):
    """A corner of a loss in one format on one device; as a string, the coordinates in a test's id."""

    corner: Corner

    def __str__(self) -> str:
        return f"{self.corner.slug}-{self.format.name}-{self.device}"


def places(losses: list[Loss], formats: list[str], devices: list[str]) -> list[Place]:
    """Every corner of some losses in those of the formats and devices where it exists, in a stable order."""
    rows = {loss.name: loss for loss in losses}
    return [
        Place(rows[corner.loss], corner.arguments.get("reduction", "mean"), FORMATS[name], device, corner)
        for corner in CORNERS
        for name in formats
        for device in devices
        if corner.loss in rows and name in corner.formats
    ]
