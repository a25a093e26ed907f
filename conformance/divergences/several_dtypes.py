"""What torch does instead of the documented where the dtypes of arguments differ, or are integers."""

from __future__ import annotations

import numpy as np

from ..mismatch import Mismatch
from . import torch_formulas
from .outcomes import AnyOf, Computes, Contract, Elements, Promotes, Raises, where_it_does_not_stray
from .record import Divergence
from .torch_formulas import binary as by_torch
from .witnesses import gradient, value

HINGE, LOGITS, SOFT = "hinge_embedding_loss", "binary_cross_entropy_with_logits", "soft_margin_loss"
STEPS = {**torch_formulas.OF_LOSSES, HINGE: by_torch.hinge_embedding_loss}
WRAPPING = {**STEPS, SOFT: by_torch.soft_margin_loss_of_wrapped_labels}


def several_dtypes(mismatch: Mismatch) -> bool:
    """Calls whose numbers differ in dtype."""
    case = mismatch.case
    return len({*case.dtypes.values(), case.format.name}) > 1


def unsigned(mismatch: Mismatch) -> bool:
    """Calls that have an argument without a sign."""
    return "uint8" in mismatch.case.dtypes.values()


def empty_bools(mismatch: Mismatch) -> bool:
    """Calls of bools that have no element."""
    return mismatch.case.dtype("input") == "bool" and not mismatch.case.arguments["input"].size


def cut_margin(mismatch: Mismatch) -> bool:
    """Calls of integers with a margin that is none."""
    margin = mismatch.case.arguments.get("margin", 1.0)
    return "int" in mismatch.case.dtype("input") and margin != int(margin)


DIVERGENCES = (
    Divergence(
        "wrapped-integers", "accuracy", "corner",
        Computes(WRAPPING, unsigned, lambda mismatch, outcome: outcome.strayed),
        "a uint8 is subtracted, negated or multiplied in its own type, where it wraps",
        (
            value(f"F.{SOFT}(torch.zeros(1), torch.zeros(1))", 1, 0),
        *(value(f"F.{loss}(torch.zeros(1), torch.zeros(1))", 1, 0) for loss in torch_formulas.OF_LOSSES if loss != SOFT),
        value(f"F.{HINGE}(torch.zeros(1), torch.zeros(1))", 1, 0),
        value(f"F.margin_ranking_loss(torch.zeros(1), torch.zeros(1))", 1, 0),
        value(f"F.smooth_l1_loss(torch.zeros(1), torch.zeros(1))", 1, 0),
        value(f"F.gaussian_nll_loss(torch.zeros(1), torch.zeros(1))", 1, 0),
        ),
        of=("value", "gradient"),
    ),
    Divergence(
        f"{HINGE}-integer-margin", "convention", "corner",
        Computes(STEPS, cut_margin),
        "beside integers the margin is cut to an integer",
        (value(f"F.{HINGE}(torch.zeros(1), torch.zeros(1))", 1, 0),),
    ),
    Divergence(
        "result-dtype", "contract", "convention",
        AnyOf((Promotes(STEPS), Contract(("dtype torch.bool instead",), empty_bools))),
        "beside integers the margin is cut to an integer",
        (
        *(value(f"F.{loss}(torch.zeros(1), torch.zeros(1))", 1, 0) for loss in torch_formulas.OF_LOSSES),
        value(f"F.{HINGE}(torch.zeros(1), torch.zeros(1))", 1, 0),
        value(f"F.margin_ranking_loss(torch.zeros(1), torch.zeros(1))", 1, 0),
        value(f"F.smooth_l1_loss(torch.zeros(1), torch.zeros(1))", 1, 0),
        value(f"F.gaussian_nll_loss(torch.zeros(1), torch.zeros(1))", 1, 0),
        ),
    ),
    Divergence(
        f"{SOFT}-bool-backward", "error", "corner",
        Raises(("RuntimeError",), ("on a bool tensor",)),
        "going back negates the target, which torch refuses to do to bools; the forward call takes them",
        (gradient("torch.zeros(1)", f"F.{SOFT}(x, torch.tensor([True]))", "[0]", "RuntimeError", -0.5),),
        of=("gradient",),
    ),
    Divergence(
        "narrow-steps", "accuracy", "convention",
        Computes(STEPS, several_dtypes, where_it_does_not_stray),
        "each step is rounded to the type of its operands, though others, and the result, are of a wider one: "
        "the logarithm of a float32 target beside a float64 input has the digits of float32, as has that of "
        "an integer",
        (
        *(value(f"F.{loss}(torch.zeros(1), torch.zeros(1))", 1, 0) for loss in torch_formulas.OF_LOSSES),
        value(f"F.{HINGE}(torch.zeros(1), torch.zeros(1))", 1, 0),
        value(f"F.margin_ranking_loss(torch.zeros(1), torch.zeros(1))", 1, 0),
        value(f"F.smooth_l1_loss(torch.zeros(1), torch.zeros(1))", 1, 0),
        value(f"F.gaussian_nll_loss(torch.zeros(1), torch.zeros(1))", 1, 0),
        ),
        of=("value", "gradient"),
    ),
)  # fmt: skip
