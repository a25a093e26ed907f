"""Cases of the sizes that people train with are what they print, and show faults that begin there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from conformance.checks import sizes
from conformance.checks.sizes import SizeCell, check_size, planned
from conformance.losses import LOSSES
from conformance.running import arguments, to_numpy
from conformance.tally import Tally
from reference import FORMATS
from strategies.signatures import SIGNATURES
from strategies.sizes import axes_of, sized

Fault = Callable[[torch.Tensor], torch.Tensor]


class _Doubled(torch.autograd.Function):
    """The identity, whose gradient is twice what it should be."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        return x.clone()

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> torch.Tensor:
        return 2 * gradients[0]


def off(result: torch.Tensor) -> torch.Tensor:
    """One percent too much."""
    return result * 1.01


def reversed_beyond_128(result: torch.Tensor) -> torch.Tensor:
    """Rows beyond the 128th in reversed order, of which one alone stays where it is."""
    return torch.cat([result[:128], result[128:].flip(0)]) if result.ndim else result


def doubled(result: torch.Tensor) -> torch.Tensor:
    """A gradient twice what it should be."""
    made: torch.Tensor = _Doubled.apply(result)  # type: ignore[no-untyped-call]  # torch declares none
    return made


# The loss, its axis, which axis of the first argument that is, the last right size, and the fault beyond it.
FAULTS: list[tuple[str, str, int, int, Fault]] = [
    ("cross_entropy", "classes", 1, 128, off),
    ("cross_entropy", "classes", 1, 200_000, off),
    ("nll_loss", "classes", 1, 128, off),
    ("multi_margin_loss", "classes", 1, 128, off),
    ("multilabel_soft_margin_loss", "classes", 1, 1024, doubled),
    ("kl_div", "elements", 0, 4096, off),
    ("mse_loss", "elements", 0, 1_000_000, off),
    ("l1_loss", "elements", 0, 32_768, doubled),
    ("cosine_embedding_loss", "features", 1, 65, off),
    ("triplet_margin_loss", "features", 1, 256, off),
    ("linear_cross_entropy", "features", 1, 128, off),
    ("triplet_margin_loss", "features", 1, 8000, doubled),
    ("cross_entropy", "rows", 0, 129, reversed_beyond_128),
    ("ctc_loss", "frames", 0, 150, doubled),
    ("ctc_loss", "frames", 0, 1400, doubled),
]


def check_all(cell: SizeCell) -> None:
    """Check what is planned for a cell, until something fails."""
    for case, reduction in planned(cell, 0):
        check_size(cell, case, reduction, Tally())


@pytest.mark.parametrize(
    ("loss", "axis", "position", "last", "fault"),
    [pytest.param(*row, id="-".join([row[0], row[1], str(row[3]), row[4].__name__])) for row in FAULTS],
)
def test_fault_that_begins_at_a_size_is_reported_there(
    loss: str, axis: str, position: int, last: int, fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = getattr(F, loss)
    if last > 5000 or loss == "ctc_loss":  # to bisect these takes long
        monkeypatch.setattr(sizes, "SECONDS", 0)

    def wrong(first: torch.Tensor | None = None, *args: Any, **given: Any) -> torch.Tensor:
        x = next(iter(given.values())) if first is None else first
        result: torch.Tensor = right(**given) if first is None else right(first, *args, **given)
        return fault(result) if x.shape[position] > last else result

    monkeypatch.setattr(F, loss, wrong)
    cell = SizeCell(LOSSES[loss], "mean", FORMATS["float32"], "cpu", axis)
    with pytest.raises(pytest.fail.Exception) as failed:
        check_all(cell)
    told = str(failed.value)
    assert "np.random.default_rng" in told
    if sizes.SECONDS:
        assert f"{loss} fails at {last + 1:,} {axis}, and conforms at {last:,}." in told


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("loss", SIGNATURES)
def test_case_is_what_it_prints_and_exact_in_its_format(loss: str, name: str) -> None:
    for axis in axes_of(loss):
        for made in sized(loss, axis, 3, (9, 40, 33)):
            case = made.case(FORMATS[name], "mean")
            tensors = arguments(case, "cpu")
            assert case.recipes
            for argument in case.recipes:
                printed = eval(case.literal(argument), {"torch": torch, "np": np})
                assert printed.dtype == tensors[argument].dtype
                np.testing.assert_array_equal(to_numpy(printed), case.arguments[argument])
