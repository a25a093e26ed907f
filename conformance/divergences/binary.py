"""What torch does instead of the documented in the losses of two-class problems."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .divergence import Divergence, Witness
from .outcomes import AnyOf, Computes, Elements, Raises, where_it_does_not_stray
from .torch_formulas import binary as by_torch
from .ways import DYNAMIC, FUNCTORCH, INDUCTOR
from .witnesses import forward, gradient, twice, value

NAN, INF = math.nan, math.inf
ONE, ZERO, HALF = "torch.ones(1)", "torch.zeros(1)", "torch.full((1,), 0.5)"
BCE, LOGITS, SOFT = "binary_cross_entropy", "binary_cross_entropy_with_logits", "soft_margin_loss"
OF_BCE = {BCE: by_torch.binary_cross_entropy}
OF_LOGITS = {LOGITS: by_torch.binary_cross_entropy_with_logits}


def number(mismatch: Any) -> Elements:
    """Elements that are numbers."""
    return np.asarray(np.isfinite(mismatch.observed))


def forward_mode(mismatch: Any) -> Elements:
    """What forward mode gives."""
    return bool(mismatch.way == "jvp")


DIVERGENCES = (
    Divergence(
        f"{LOGITS}-small-loss", "accuracy", "ordinary", Computes(OF_LOGITS, number, where_it_does_not_stray),
        "the documentation promises the log-sum-exp trick, p y softplus(-x) + (1 - y) softplus(x), in "
        "which nothing cancels; torch computes (1 - y) x - (1 + (p - 1) y) log sigma(x), in which the small "
        "loss of a confident right answer is lost",
        (
            value(f"F.{LOGITS}(torch.tensor(-20.0), torch.tensor(0.0))", 0.0, 2.0611537e-9),
        ),
        upstream="https://github.com/pytorch/pytorch/issues/195529",
    ),
    Divergence(
        f"{BCE}-gradient-clamp", "accuracy", "ordinary",
        AnyOf((
            Computes(OF_BCE, where=where_it_does_not_stray),
            Computes({BCE: by_torch.binary_cross_entropy_in_forward_mode}, forward_mode,
                     where_it_does_not_stray),
        )),
        "the gradient by x is (x - y) / max(x (1 - x), 1e-12), and the one by y the difference of the "
        "logarithms; neither is the derivative of the loss, whose logarithms are clamped at -100. The "
        "second derivative (x^2 - 2 x y + y) / (x - x^2 + 1e-12)^2 cancels where x and y are near 1",
        (
            gradient(ZERO, f"F.{BCE}(x, {ZERO})", "[0]", 0.0, 1.0),
            gradient(ZERO, f"F.{BCE}({ZERO}, x)", "[0]", INF, 100.0),
            gradient("torch.full((1,), 1e-3).half()", f"F.{BCE}(x, torch.full((1,), 2e-3).half())", "[0]",
                     -0.00011926889419555664, -0.000100117, "torch.full((), 1e-4).half()"),
            twice(ZERO, f"F.{BCE}(x, {ZERO})", "[0]", 0.0, 1.0),
            twice("torch.full((1,), 0.92529296875).half()",
                  f"F.{BCE}(x, torch.full((1,), 0.99609375).half())", "[0]", 1.73828125, 1.86333559),
        ),
        of=("gradient", "second"), upstream="https://github.com/pytorch/pytorch/issues/103316",
    ),
    Divergence(
        f"{LOGITS}-second-cancellation", "accuracy", "extreme",
        Computes({LOGITS: by_torch.logits_in_forward_mode}, forward_mode, where_it_does_not_stray),
        "forward mode subtracts (1 - y) and p sigma(-x), which cancel where sigma(x) is near 0",
        (
            forward("torch.tensor([-16.0])", f"F.{LOGITS}(x, {ZERO}, pos_weight={ZERO})", ONE,
                    1.1920928955078125e-07, 1.1253516e-07),
        ),
        of=("second",),
    ),
    Divergence(
        f"{LOGITS}-decomposed", "accuracy", "ordinary", Computes({LOGITS: by_torch.softplus_without_log1p}),
        "under function transforms it is log(exp(-m) + exp(-x - m)) + m, m = max(-x, 0), and differentiated "
        "as that: small losses, and the gradient of small probabilities, are lost in 1 - 1",
        (
            Witness(LOGITS, f"torch.func.grad(F.{LOGITS})(torch.tensor(-20.0), torch.tensor(0.0))",
                    0.0, 2.0611537e-9),
        ),
        of=("way",), ways=(*FUNCTORCH, "func_grad"),
    ),
    Divergence(
        f"{SOFT}-log1p", "overflow", "extreme", Computes({SOFT: by_torch.soft_margin_loss_up_to_87}),
        "log1p is infinite from 1e38 on, where it is 87.5",
        (value(f"F.{SOFT}(torch.tensor(-87.75), torch.tensor(1.0))", INF, 87.75),),
        formats=("float32", "bfloat16"), until="2.7",
    ),
    Divergence(
        f"{SOFT}-inductor-gradient", "accuracy", "extreme",
        Computes({SOFT: by_torch.derivative_by_complement}),
        "compiled by inductor the gradient is y (sigma(y x) - 1), which is lost where the loss is small",
        (
            Witness(
                SOFT,
                "x = torch.full((1,), 20.0).requires_grad_()\n"
                f"f = torch.compile(lambda x: F.{SOFT}(x, {ONE}), backend='inductor')\n"
                "torch.autograd.grad(f(x), x)[0][0]",
                0.0, -2.0611537e-9,
            ),
        ),
        of=("way",), ways=INDUCTOR,
    ),
    Divergence(
        f"{BCE}-dynamic-weight", "error", "ordinary", Raises(("TorchRuntimeError",), ("but got: SymInt",)),
        "compiled for sizes that vary, a weight is refused: the size to broadcast it to has to be a number",
        (
            Witness(
                BCE,
                f"f = torch.compile(lambda *given: F.{BCE}(*given), backend='eager', dynamic=True, "
                "fullgraph=True)\n"
                "f(*torch.ones(3, 3)).sum()",
                "TorchRuntimeError", 0.0,
            ),
        ),
        of=("way",), until="2.13", ways=DYNAMIC,
        upstream="https://github.com/pytorch/pytorch/pull/180583",
    ),
)  # fmt: skip
