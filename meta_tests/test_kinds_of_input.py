"""Faults that only certain kinds of input show are noticed, because these kinds are drawn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch.nn.functional as F

from conformance.cells import Cell
from conformance.losses import LOSSES
from conformance.tally import Tally
from conformance.test_gradient import test_gradient as run_gradient
from conformance.test_value import test_value as run_value
from reference import FORMATS

Fault = Callable[..., Any]


def clamped_divisor(original: Fault, given: dict[str, Any]) -> Any:
    """A mean that divides by the positive weights only."""
    weight = given.get("weight")
    if weight is None or given.get("reduction", "mean") != "mean" or "size_average" in given:
        return original(**given)
    labels = given["target"].long()
    kept = labels != given.get("ignore_index", -100)
    total = original(**{**given, "reduction": "sum"})
    return total / weight.clamp(min=0)[labels[kept]].sum()


FAULTS: list[tuple[str, str, str, Fault, Callable[..., None]]] = [
    ("a negative class weight counts as 0 in the mean", "nll_loss", "mean", clamped_divisor, run_value),
    ("and in its gradient", "nll_loss", "mean", clamped_divisor, run_gradient),
    ("a negative weight counts as 0", "huber_loss", "sum",
     lambda original, given: original(**{**given, "weight": given["weight"].clamp(min=0)})
     if given.get("weight") is not None else original(**given), run_value),
]  # fmt: skip


@pytest.mark.parametrize(
    ("loss", "reduction", "fault", "run"), [pytest.param(*row[1:], id=row[0]) for row in FAULTS]
)
def test_a_fault_at_that_kind_of_input_fails(
    loss: str, reduction: str, fault: Fault, run: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    original = getattr(F, loss)
    names = original.__code__.co_varnames

    def broken(*args: Any, **kwargs: Any) -> Any:
        return fault(original, {**dict(zip(names, args)), **kwargs})

    monkeypatch.setattr(F, loss, broken)
    cell = Cell(LOSSES[loss], reduction, FORMATS["float32"], "cpu")
    with pytest.raises(pytest.fail.Exception, match=r"outside the derived bound|bits differ"):
        run(cell, Tally(), 0)
