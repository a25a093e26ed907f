"""Faults that only certain kinds of input show are noticed, because these kinds are drawn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from conformance.cells import Cell
from conformance.losses import LOSSES
from conformance.tally import Tally
from conformance.test_gradient import test_gradient as run_gradient
from conformance.test_value import test_value as run_value
from conformance.test_ways import test_way as run_way
from conformance.ways import WAYS, Passage
from reference import FORMATS

Fault = Callable[..., Any]
SEEDS = 5


def clamped_divisor(original: Fault, given: dict[str, Any]) -> Any:
    """A mean that divides by the positive weights only."""
    weight = given.get("weight")
    if weight is None or given.get("reduction", "mean") != "mean" or "size_average" in given:
        return original(**given)
    labels = given["target"].long()
    kept = labels != given.get("ignore_index", -100)
    total = original(**{**given, "reduction": "sum"})
    return total / weight.clamp(min=0)[labels[kept]].sum()


def in_chunks(given: dict[str, Any]) -> bool:
    """Whether a call takes the chunked path."""
    plain = not given.get("label_smoothing") and not given["target"].is_floating_point()
    return given.get("options") is not None and plain and given["linear_weight"].ndim == 2


def doubled_value_in_chunks(original: Fault, given: dict[str, Any]) -> Any:
    """A chunked loss that is twice what it should be."""
    return original(**given) * (2 if in_chunks(given) else 1)


def doubled_gradient_in_chunks(original: Fault, given: dict[str, Any]) -> Any:
    """A chunked loss whose gradient by the input is twice what it should be."""
    if not in_chunks(given):
        return original(**given)
    x = given["input"]
    return original(**{**given, "input": 2 * x - x.detach()})


def five_at_infinity(original: Fault, given: dict[str, Any]) -> Any:
    """A loss whose gradient by an infinite input is 5."""
    x = given["input"]
    if not x.requires_grad:
        return original(**given)
    passed = x * 1
    passed.register_hook(lambda gradient: torch.where(x.isinf(), 5.0, gradient))
    return original(**{**given, "input": passed})


def off_by_one(option: str, kinds: tuple[type, ...], here: Callable[[], bool] = lambda: True) -> Fault:
    """A loss that adds 1 to an option of certain types; these are exact, so that bool is no int."""

    def fault(original: Fault, given: dict[str, Any]) -> Any:
        value = given.get(option)
        changed = {option: value + 1} if type(value) in kinds and here() else {}
        return original(**{**given, **changed})

    return fault


def only_tensor(original: Fault, given: dict[str, Any]) -> Any:
    """A Gaussian loss that takes a 0-d tensor for twice the variance."""
    var = given["var"]
    return original(**{**given, "var": 2 * var if isinstance(var, torch.Tensor) and not var.ndim else var})


def finite_in_inference_mode(original: Fault, given: dict[str, Any]) -> Any:
    """A loss of infinite input that is 5 in inference mode."""
    loss, infinite = original(**given), given["input"].isinf().any()
    return torch.full_like(loss, 5.0) if infinite and torch.is_inference_mode_enabled() else loss


SCALARS = (np.float64, np.float32, np.int64)
FAULTS: list[tuple[str, str, str, Fault, Callable[..., None]]] = [
    ("a negative class weight counts as 0 in the mean", "nll_loss", "mean", clamped_divisor, run_value),
    ("and in its gradient", "nll_loss", "mean", clamped_divisor, run_gradient),
    ("a negative weight counts as 0", "huber_loss", "sum",
     lambda original, given: original(**{**given, "weight": given["weight"].clamp(min=0)})
     if given.get("weight") is not None else original(**given), run_value),
    ("the chunked loss is doubled", "linear_cross_entropy", "sum", doubled_value_in_chunks, run_value),
    ("its gradient is doubled", "linear_cross_entropy", "sum", doubled_gradient_in_chunks, run_gradient),
    ("the gradient by an infinite input is 5", "l1_loss", "none", five_at_infinity, run_gradient),
    ("an int beta", "smooth_l1_loss", "sum", off_by_one("beta", (int,)), run_value),
    ("a bool margin", "hinge_embedding_loss", "sum", off_by_one("margin", (bool,)), run_value),
    ("a bool margin, in its gradient", "multi_margin_loss", "sum",
     off_by_one("margin", (bool,)), run_gradient),
    ("an eps of NumPy", "gaussian_nll_loss", "sum", off_by_one("eps", SCALARS), run_value),
    ("a float32 margin", "triplet_margin_loss", "sum", off_by_one("margin", (np.float32,)), run_value),
    ("a float64 p, in its gradient", "triplet_margin_loss", "none",
     off_by_one("p", (np.float64,)), run_gradient),
    ("an int64 p", "multi_margin_loss", "sum",
     lambda original, given: original(**{**given, "p": 2} if type(given.get("p")) is np.int64 else given),
     run_value),
    ("a float variance", "gaussian_nll_loss", "sum", off_by_one("var", (float,)), run_value),
    ("a 0-d variance", "gaussian_nll_loss", "sum", only_tensor, run_value),
    ("a 0-d variance, in its gradient", "gaussian_nll_loss", "sum", only_tensor, run_gradient),
    ("a margin of NumPy in inference mode", "margin_ranking_loss", "mean",
     off_by_one("margin", SCALARS, torch.is_inference_mode_enabled), run_way),
    ("infinite input in inference mode", "smooth_l1_loss", "mean", finite_in_inference_mode, run_way),
]  # fmt: skip


@pytest.mark.parametrize(
    ("loss", "reduction", "fault", "run"), [pytest.param(*row[1:], id=row[0]) for row in FAULTS]
)
def test_a_fault_at_that_kind_of_input_fails(
    loss: str, reduction: str, fault: Fault, run: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    if not hasattr(F, loss):
        pytest.skip(f"this torch has no {loss}")
    original = getattr(F, loss)
    names = original.__code__.co_varnames

    def broken(*args: Any, **kwargs: Any) -> Any:
        return fault(original, {**dict(zip(names, args)), **kwargs})

    monkeypatch.setattr(F, loss, broken)
    cell = Cell(LOSSES[loss], reduction, FORMATS["float32"], "cpu")
    if run is run_way:
        cell = Passage(LOSSES[loss], reduction, FORMATS["float32"], "cpu", WAYS["inference_mode"])
    with pytest.raises(pytest.fail.Exception, match=r"outside the derived bound|bits differ"):
        _run_often(run, cell)


def _run_often(run: Callable[..., None], cell: Cell) -> None:
    """Run a test of the suite from several seeds; a kind that few examples have may miss one run."""
    for base_seed in range(SEEDS):
        run(cell, Tally(), base_seed)
