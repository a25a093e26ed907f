"""What torch does instead of the documented in L1, MSE, smooth L1 and Huber."""

from __future__ import annotations

import math

import numpy as np

from reference import Array

from ..mismatch import GradientMismatch, Mismatch
from .accepted import accepts
from .divergence import ELSEWHERE, NUMBERS, Divergence, Witness
from .outcomes import AnyOf, Computes, Contract, Elements, Gives, Raises, where_it_does_not_stray
from .torch_formulas import regression as by_torch
from .ways import AOT, AUTOCAST, INDUCTOR, OVERRIDES, WITHOUT_DATA
from .witnesses import forward, gradient, value

ONE, ZERO = "torch.ones(1)", "torch.zeros(1)"
WEIGHT = "weight=torch.tensor([1.0, 3.0])"
WEIGHED = ("l1_loss", "mse_loss")


def weighted_mean(mismatch: Mismatch) -> Elements:
    """Means with a weight."""
    given = mismatch.case.arguments
    return "weight" in given and given.get("reduction", "mean") == "mean"


def weighted_mean_in_forward_mode(mismatch: Mismatch) -> Elements:
    """Weighted means, along a direction."""
    return mismatch.way == "jvp" and weighted_mean(mismatch)


def infinite_delta(mismatch: Mismatch) -> Elements:
    """Calls with an infinite delta."""
    return bool(mismatch.case.arguments.get("delta") == math.inf)


def several_dtypes(mismatch: Mismatch) -> bool:
    """Calls whose tensors differ in dtype."""
    tensors = (name for name, value in mismatch.case.arguments.items() if isinstance(value, np.ndarray))
    return len({mismatch.case.dtype(name) for name in tensors}) > 1


@np.errstate(all="ignore")
def by_a_tiny_complex_difference(mismatch: Mismatch) -> Elements:
    """The parts of a gradient that a complex difference goes into whose reciprocal overflows."""
    given, form = mismatch.case.arguments, mismatch.case.format
    if not isinstance(mismatch, GradientMismatch) or mismatch.argument not in ("input", "target"):
        return False
    difference = given["input"] - given["target"]
    if difference.dtype.kind != "c":
        return False
    size = np.abs(difference.astype(np.complex128))
    tiny = (size > 0) & (size * form.max < 1)
    argument = given[mismatch.argument]
    lead = tiny.ndim - argument.ndim
    repeated = tuple(lead + i for i, n in enumerate(argument.shape) if n == 1)
    found: Array = np.any(tiny, axis=(*range(lead), *repeated)).reshape(argument.shape)
    return found[..., None] if argument.dtype.kind == "c" else found


DIVERGENCES = (
    Divergence(
        "weighted-mean", "convention", "convention",
        AnyOf((
            Computes({"l1_loss": by_torch.l1_loss, "mse_loss": by_torch.mse_loss}, weighted_mean,
                     where_it_does_not_stray),
            Computes({"l1_loss": by_torch.l1_loss_in_forward_mode,
                      "mse_loss": by_torch.mse_loss_in_forward_mode}, weighted_mean_in_forward_mode),
        )),
        "the documentation says that the mean of the output is taken, which divides by the number of losses; "
        "with a weight torch divides by the sum of the weights, before they broadcast",
        (
            *(value(f"F.{loss}(torch.ones(2), torch.zeros(2), {WEIGHT})", 1.0, 2.0) for loss in WEIGHED),
            gradient("torch.ones(2)", f"F.l1_loss(x, torch.zeros(2), {WEIGHT})", "[1]", 0.75, 1.5),
            gradient("torch.ones(2)", f"F.mse_loss(x, torch.zeros(2), {WEIGHT})", "[1]", 1.5, 3.0),
            forward("torch.ones(2)", f"F.l1_loss(x, torch.zeros(2), {WEIGHT})", "torch.ones(2)", 1.0, 2.0),
            forward("torch.ones(2)", f"F.mse_loss(x, torch.zeros(2), {WEIGHT})", "torch.ones(2)", 2.0, 4.0),
        ),
        of=NUMBERS,
    ),
    Divergence(
        "huber_loss-infinite-delta", "nan", "extreme",
        Computes({"huber_loss": by_torch.huber_loss}, infinite_delta),
        "with an infinite delta the loss is half the squared error, also of an infinite difference; torch "
        "takes the linear branch there, whose infinities cancel",
        (
            value("F.huber_loss(torch.tensor(math.inf), torch.tensor(0.0), delta=math.inf)",
                  math.nan, math.inf),
        ),
    ),
    Divergence(
        "l1_loss-complex-sign", "overflow", "extreme",
        Gives((math.nan,), by_a_tiny_complex_difference),
        "the gradient by a complex number is the difference over its size; of a subnormal difference torch "
        "multiplies by the reciprocal of the size, which overflows",
        (
            Witness(
                "l1_loss",
                "x = torch.tensor([1e-40j]).requires_grad_()\n"
                "torch.autograd.grad(F.l1_loss(x, torch.zeros(1)), x)[0].imag",
                math.nan, 1.0,
            ),
        ),
        of=("gradient",), formats=("float64", "float32"),
    ),
    Divergence(
        "huber_loss-one-dtype-backward", "error", "corner",
        Raises(("RuntimeError",), ("Found dtype",), several_dtypes),
        "the forward call takes arguments of several dtypes; going back raises unless all have the same",
        (
            gradient("torch.zeros(2)", "F.huber_loss(x, torch.tensor([1, 2]))", "[0]", "RuntimeError", -0.5),
        ),
        of=("gradient",),
    ),
    Divergence(
        "mse_loss-one-dtype-backward", "error", "corner",
        Raises(("RuntimeError",), ("Found dtype",), several_dtypes),
        "the forward call takes arguments of several dtypes; going back raises unless all have the same",
        (
            gradient("torch.zeros(2)", "F.mse_loss(x, torch.tensor([1, 2]))", "[0]", "RuntimeError", -1.0),
        ),
        of=("gradient",), until="2.13",
    ),
    Divergence(
        "smooth_l1_loss-half-backward", "error", "corner",
        Raises(("RuntimeError",), ("not implemented for 'Half'",)),
        "the forward call takes float16; going back is not implemented",
        (
            gradient("torch.zeros(2).half()", "F.smooth_l1_loss(x, torch.tensor([1, 2]))", "[0]",
                     "RuntimeError", -0.5),
        ),
        of=("gradient",), until="2.13",
    ),
    Divergence(
        "l1_loss-weight-lost", "convention", "ordinary",
        AnyOf((Contract(("no gradient by weight",)), Computes({"l1_loss": by_torch.l1_loss_without_weight}))),
        "where a call passes through __torch_function__ (a mode, a subclass, a device around it, a compiler"
        " that traces what is below) the weight is dropped, and the loss is that without weights",
        (
            Witness(
                "l1_loss",
                "class Subclass(torch.Tensor): pass\n"
                "x, y, w = torch.zeros(1), torch.ones(1), torch.full((1,), 3.0)\n"
                "F.l1_loss(x.as_subclass(Subclass), y, weight=w, reduction='sum')",
                1.0, 3.0,
            ),
        ),
        of=("way",), ways=(*OVERRIDES, *AOT, *INDUCTOR, "export"),
        upstream="https://github.com/pytorch/pytorch/pull/193003",
    ),
    Divergence(
        "l1_loss-accepts-weight-shape", "no error", "accepted",
        accepts("l1_loss-accepts-weight-shape"),
        "where a device is set for new tensors, calls go by way of __torch_function__ and lose the weight",
        (
            Witness(
                "l1_loss",
                "x, y, w = torch.zeros(2), torch.ones(2), torch.ones(3)\n"
                "with torch.device('cpu'):\n    got = F.l1_loss(x, y, weight=w)\ngot",
                1.0, "ValueError",
            ),
        ),
        of=("invalid call",), devices=(ELSEWHERE,),
        upstream="https://github.com/pytorch/pytorch/pull/193003",
    ),
    Divergence(
        "ways-mean-of-nothing", "error", "corner",
        Raises(("ZeroDivisionError", "BackendCompilerFailed"), ("division by zero",)),
        "the mean over no element is nan, and can be differentiated; where Python code stands in for the "
        "kernel going back divides by the number of elements in Python",
        tuple(
            Witness(
                loss,
                "x = torch.zeros(0, device='meta', requires_grad=True)\n"
                f"torch.autograd.grad(F.{loss}(x, x.detach()), x)[0].numel()",
                "ZeroDivisionError", 0.0,
            )
            for loss in ("mse_loss", "smooth_l1_loss", "huber_loss")
        ),
        of=("way",), ways=("vmap_of_grad", *AOT, *INDUCTOR, *WITHOUT_DATA),
    ),
    Divergence(
        "autocast-weight", "contract", "ordinary",
        Contract(("a result torch.",), where=lambda m: "weight" in m.case.arguments
                 and m.problem.startswith(f"a result torch.{m.case.format.name} ")),
        "autocast is documented to run the loss in float32; with a weight it runs in its arguments' type",
        tuple(
            Witness(
                loss,
                "x, autocast = torch.ones(1).bfloat16(), torch.autocast('cpu', torch.bfloat16)\n"
                f"torch.finfo(autocast(F.{loss})(x, x, weight=x).dtype).bits",
                16.0, 32.0,
            )
            for loss in WEIGHED
        ),
        of=("way",), ways=AUTOCAST,
    ),
)  # fmt: skip
