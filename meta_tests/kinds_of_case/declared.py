"""What cases of a loss must contain according to its declaration."""

from __future__ import annotations

from typing import Any

from conformance.losses import Loss
from strategies.arguments import Fit
from strategies.domains import REALS

from .shared import BROADCAST, ELEMENTWISE, NUMBERS, SIGNED, WEIGHT, Kinds


def kinds_of(loss: Loss) -> Kinds:
    """All kinds of numbers that the required tensors may hold, and the shapes that they may have."""
    tensors = loss.forms[0].required.values()
    found: Kinds = dict(NUMBERS)
    if any(tensor.range == REALS for tensor in tensors):
        found |= SIGNED
    if loss.forms[0].any_shape:
        found |= ELEMENTWISE
    if any(tensor.fit is Fit.MUTUAL for tensor in tensors):
        found |= BROADCAST
    return found | (WEIGHT if "weight" in loss.forms[0].tensors else {})


def options_of(loss: Loss) -> dict[str, tuple[Any, ...]]:
    """The declared values of the options, and of those by which the forms differ."""
    found: dict[str, tuple[Any, ...]] = {}
    for form in loss.forms:
        found |= {name: option.values for name, option in form.options.items() if name != "reduction"}
        for name, value in form.fixed.items():
            found[name] = (*found.get(name, ()), value)
    return found
