"""What torch is known to do otherwise if it is run in another way than by a plain call."""

from __future__ import annotations

from ..judging import expect, judge
from ..mismatch import Mismatch
from .record import Divergence, arguments_of, explained


def _weight_lost(mismatch: Mismatch) -> bool:
    """The result is that without the weight, or there is no gradient by it."""
    if "weight" not in mismatch.case.arguments or mismatch.of != "value":
        return False
    if mismatch.observed is None:
        return mismatch.problem == "no gradient by weight"
    return explained(judge(mismatch.observed, expect(mismatch.loss, mismatch.case.without("weight"))))


def _gradient_not_contiguous(mismatch: Mismatch) -> bool:
    """Going back to a 4-d input whose memory is in another order."""
    return "grad_input must be contiguous" in mismatch.problem and arguments_of(mismatch)["input"].ndim == 4


DIVERGENCES: tuple[Divergence, ...] = (
    Divergence(
        "l1_loss-weight-lost", "l1_loss", "convention", _weight_lost,
        "where a call passes through __torch_function__ (a mode, a subclass, a device set around it) "
        "the weight is dropped, and the loss is that without weights",
        "class Subclass(torch.Tensor): pass\n"
        "F.l1_loss(torch.zeros(1).as_subclass(Subclass), torch.ones(1), weight=torch.full((1,), 3.0), "
        "reduction='sum')",
        1.0, 3.0, of="way", ways=("function_mode", "subclass", "device_context", "default_device"),
        upstream="https://github.com/pytorch/pytorch/pull/193003",
    ),
    Divergence(
        "nll_loss-gradient-layout", "nll_loss", "error", _gradient_not_contiguous,
        "a 4-d input whose channels are last, or its axes in another order, in memory, has no gradient: the "
        "backward kernel refuses the layout that torch itself gave the gradient; with a dimension fewer or "
        "more there is one",
        "x = torch.zeros(1, 2, 2, 2).to(memory_format=torch.channels_last).requires_grad_()\n"
        "torch.autograd.grad(F.nll_loss(x, torch.zeros(1, 2, 2).long(), reduction='sum'), x)[0].sum()",
        "RuntimeError", -4.0, of="way", ways=("channels_last", "transposed"),
        upstream="https://github.com/pytorch/pytorch/issues/175084",
    ),
)  # fmt: skip
