"""What torch does instead of the documented in the losses between distributions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from . import torch_formulas
from .divergence import NUMBERS, Divergence, Witness
from .outcomes import Computes, Elements, Raises
from .torch_formulas import distribution as by_torch
from .ways import COMPILED, WITHOUT_DATA
from .witnesses import forward, gradient, twice, value

NAN, INF = math.nan, math.inf
HALF = ("float16",)
ONE, ZERO = "torch.ones(1)", "torch.zeros(1)"


def eps_vanishes(mismatch: Any) -> Elements:
    """Calls in which the sum of a rate and eps rounds to 0 in the format."""
    given = mismatch.case.arguments
    sums = given["input"] + given.get("eps", 1e-8)
    return given.get("log_input") is False and bool(np.any(mismatch.case.format.nearest(sums) == 0))


def stirling_of_nothing(mismatch: Any) -> Elements:
    """Calls with Stirling's term in which a target is 0."""
    given = mismatch.case.arguments
    return bool(given.get("full")) and bool(np.any(given["target"] == 0))


def no_probability(mismatch: Any) -> Elements:
    """Calls in which a probability is 0."""
    given = mismatch.case.arguments
    return not given.get("log_target") and bool(np.any(given["target"] == 0))


def batch_of_target(mismatch: Any) -> Elements:
    """The mean over a batch whose size is that of the target alone."""
    given = mismatch.case.arguments
    shape = np.broadcast_shapes(given["input"].shape, given["target"].shape)
    return given.get("reduction") == "batchmean" and bool(shape[:1] != given["input"].shape[:1])


def clamped_in_forward_mode(mismatch: Any) -> Elements:
    """The numbers that forward mode gives in calls of which a variance is clamped."""
    given = mismatch.case.arguments
    eps = mismatch.case.format.nearest(given.get("eps", 1e-6))
    clamped = bool(np.any(given["var"] <= eps))  # at eps itself from 2.14 on
    return np.asarray(np.isfinite(mismatch.observed)) & (clamped and mismatch.way == "jvp")


def single_variance(mismatch: Any) -> bool:
    """Calls of several dimensions with one variance in a 0-d tensor."""
    given = mismatch.case.arguments
    return bool(given["input"].ndim > 1 and isinstance(given["var"], np.ndarray) and given["var"].ndim == 0)


def eps_is_nan(mismatch: Any) -> Elements:
    """Calls whose eps is nan."""
    return bool(np.isnan(mismatch.case.arguments.get("eps", 0.0)))


DIVERGENCES = (
    Divergence(
        "poisson_nll_loss-gradient-stirling", "nan", "corner",
        Computes(torch_formulas.OF_LOSSES, stirling_of_nothing),
        "a target of 0 takes no part in Stirling's term, whose derivative there makes the gradient nan",
        (
            gradient(ZERO, f"F.poisson_nll_loss({ZERO}, x, full=True)", "[0]", NAN, 0.0),
            twice(ZERO, f"F.poisson_nll_loss({ZERO}, x, full=True)", "[0]", NAN, 0.0),
        ),
        of=("gradient", "second"),
    ),
    Divergence(
        "poisson_nll_loss-eps", "underflow", "corner", Computes(torch_formulas.OF_LOSSES, eps_vanishes),
        "the default eps of 1e-8 vanishes in float16, so log(input + eps) is infinite at 0, and "
        "y / (x + eps) divides by 0; an eps of 0 does the same in every format",
        (
            value("F.poisson_nll_loss(*torch.zeros((2, 1), dtype=torch.float16), log_input=False)", NAN, 0.0),
            gradient(f"{ZERO}.half()", f"F.poisson_nll_loss(x, {ZERO}.half(), log_input=False)", "[0]",
                     NAN, 1.0),
            forward(f"{ZERO}.half()", f"F.poisson_nll_loss(x, {ONE}.half(), log_input=False)",
                    f"{ONE}.half()", -INF, -1e8),
        ),
        of=NUMBERS,
    ),
    Divergence(
        "kl_div-gradient-zero-target", "nan", "corner", Computes(torch_formulas.OF_LOSSES, no_probability),
        "the derivative of y log y by y is nan at y = 0; its limit is -inf",
        (
            gradient(ZERO, f"F.kl_div({ZERO}, x, reduction='sum')", "[0]", NAN, -INF),
            forward(ZERO, f"F.kl_div({ZERO}, x, reduction='sum')", ONE, NAN, -INF),
        ),
        of=("gradient", "second"), upstream="https://github.com/pytorch/pytorch/issues/89558",
    ),
    Divergence(
        "kl_div-batchmean-broadcast", "convention", "convention",
        Computes(torch_formulas.OF_LOSSES, batch_of_target),
        "where input broadcasts to the target, the mean over the batch divides by the size of the input's "
        "first axis; the batch is that of the result",
        (
            value(f"F.kl_div(-{ONE}, torch.ones(2), reduction='batchmean')", 2.0, 1.0),
            gradient(f"-{ONE}", "F.kl_div(x, torch.ones(2), reduction='batchmean')", "[0]", -2.0, -1.0),
            forward(f"-{ONE}", "F.kl_div(x, torch.ones(2), reduction='batchmean')", ONE, -2.0, -1.0),
        ),
        of=NUMBERS, upstream="https://github.com/pytorch/pytorch/pull/138810",
    ),
    Divergence(
        "gaussian_nll_loss-nan-eps", "nan", "extreme",
        Computes({"gaussian_nll_loss": by_torch.gaussian_without_clamp}, eps_is_nan),
        "an eps of nan is ignored; clamped by nan, every variance is nan",
        (value(f"F.gaussian_nll_loss({ZERO}, {ZERO}, {ONE}, eps=float('nan'))", 0.0, NAN),),
        until="2.13",
    ),
    Divergence(
        "gaussian_nll_loss-second-clamp", "accuracy", "ordinary",
        Computes({"gaussian_nll_loss": by_torch.gaussian_in_forward_mode}, clamped_in_forward_mode),
        "forward mode gives 0 where the variance is clamped; it is documented to ignore the clamp",
        (forward(ZERO, f"F.gaussian_nll_loss({ZERO}, {ZERO}, x)", ONE, 0.0, 5e5),),
        of=("second",),
    ),
    Divergence(
        "gaussian_nll_loss-var-shape", "error", "ordinary",
        Raises(("ValueError",), ("var is of incorrect size",)),
        "a variance with one dimension equal to 1 is refused, unless it is the last",
        (
            value("F.gaussian_nll_loss(torch.zeros(2, 2), torch.zeros(2, 2), torch.ones(1, 2))",
                  "ValueError", 0.0),
            gradient("torch.zeros(2, 2)",
                     "F.gaussian_nll_loss(x, torch.zeros(2, 2), torch.ones(1, 2))", "[0, 0]",
                     "ValueError", 0.0),
            forward("torch.zeros(2, 2)", "F.gaussian_nll_loss(x, torch.zeros(2, 2), torch.ones(1, 2))",
                    "torch.ones(2, 2)", "ValueError", 0.0),
        ),
        of=NUMBERS, until="2.10", upstream="https://github.com/pytorch/pytorch/issues/147521",
    ),
    Divergence(
        "gaussian_nll_loss-single-variance", "error", "ordinary",
        Raises(("ValueError",), ("var is of incorrect size",), single_variance),
        "a 0-d tensor with a single variance is refused for input of several dimensions; the functional "
        "documents \"a single one (homoscedastic)\" beside a scalar",
        (
            value("F.gaussian_nll_loss(torch.zeros(2, 2), torch.zeros(2, 2), torch.tensor(1.0))",
                  "ValueError", 0.0),
            gradient("torch.zeros(2, 2)",
                     "F.gaussian_nll_loss(x, torch.zeros(2, 2), torch.tensor(1.0))", "[0, 0]",
                     "ValueError", 0.0),
            forward("torch.zeros(2, 2)", "F.gaussian_nll_loss(x, torch.zeros(2, 2), torch.tensor(1.0))",
                    "torch.ones(2, 2)", "ValueError", 0.0),
        ),
        of=NUMBERS,
    ),
    Divergence(
        "gaussian_nll_loss-data-dependent", "error", "ordinary",
        Raises(("RuntimeError", "NotImplementedError", "Unsupported", "UserError",
                "DataDependentOutputException", "GuardOnDataDependentSymNode", "TorchRuntimeError"),
               (".item() cannot be called on meta", "_local_scalar_dense", "data-dependent")),
        "whether a variance is negative is asked in Python, so that what cannot look at numbers refuses the "
        "call: vmap, the compilers with a full graph, tensors without data",
        (Witness("gaussian_nll_loss", "torch.vmap(F.gaussian_nll_loss)(*torch.ones(3, 1, 1)).sum()",
                 "RuntimeError", 0.0),),
        of=("way",), ways=("vmap", "vmap_last", "vmap_of_grad", *COMPILED, *WITHOUT_DATA),
        upstream="https://github.com/pytorch/pytorch/issues/194503",
    ),
)  # fmt: skip
