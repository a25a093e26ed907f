"""Ways of running torch that must not change what a loss gives."""

from __future__ import annotations

from dataclasses import dataclass

from reference import FORMATS

from ..cells import Cell
from ..losses import Loss
from .autocast import AUTOCAST
from .compiled import COMPILED
from .contexts import CONTEXTS
from .layouts import LAYOUTS
from .transforms import TRANSFORMS
from .way import Way, tensors_of
from .without_data import WITHOUT_DATA

__all__ = ["SIMPLE", "WAYS", "Passage", "Way", "passages", "tensors_of"]

# What needs nothing of a loss but to be called.
SIMPLE = LAYOUTS + CONTEXTS
WAYS = {way.name: way for way in SIMPLE + AUTOCAST + TRANSFORMS + COMPILED + WITHOUT_DATA}


@dataclass(frozen=True)
class Passage(Cell):
    """A loss run in one way, in one format on one device; as a string, the coordinates in a test's id."""

    way: Way

    def __str__(self) -> str:
        return f"{self.loss.name}-{self.way}-{self.format.name}-{self.device}"


def passages(losses: list[Loss], formats: list[str], devices: list[str]) -> list[Passage]:
    """Every way of the given losses on the given axes, in a stable order; reductions are drawn."""
    return [
        Passage(loss, "mean", FORMATS[name], device, way)
        for way in WAYS.values()
        for loss in losses
        for name in formats
        if name in way.formats
        for device in devices
    ]
