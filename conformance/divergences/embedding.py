"""What torch does instead of the documented in the losses that compare embeddings."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from . import torch_formulas
from .divergence import NUMBERS, Divergence
from .outcomes import Computes, Elements, Formula, where_it_strays
from .torch_formulas import embedding as by_torch
from .witnesses import forward, gradient, twice, value

NAN, INF = math.nan, math.inf
HALF = ("float16",)
ONE, ZERO, ONES = "torch.ones(1)", "torch.zeros(1)", "torch.ones(2)"
COSINE = "cosine_embedding_loss"
TRIPLETS: dict[str, Formula] = {
    "triplet_margin_loss": by_torch.triplet_margin_loss,
    "triplet_margin_with_distance_loss": by_torch.triplet_margin_with_distance_loss,
}


def finite(mismatch: Any) -> Elements:
    """Elements that are numbers."""
    return np.asarray(np.isfinite(mismatch.observed))


def between_1_and_2(mismatch: Any) -> Elements:
    """Calls whose norm is of an order between 1 and 2."""
    return bool(1 < mismatch.case.arguments.get("p", 2.0) < 2)


def not_a_number(mismatch: Any) -> Elements:
    """Elements that are nan."""
    return np.asarray(np.isnan(mismatch.observed))


def of_powers(mismatch: Any) -> Elements:
    """Calls whose norm is not the sum of sizes."""
    return bool(mismatch.case.arguments.get("p", 2.0) != 1)


DIVERGENCES = (
    Divergence(
        f"{COSINE}-eps", "accuracy", "extreme", Computes({COSINE: by_torch.cosine_embedding_loss}, finite),
        "torch adds 1e-12 to each squared norm, which nothing documents: the cosine of vectors shorter than "
        "1e-5 or so is too small, and its gradient with it",
        (
            value(f"F.{COSINE}(torch.full((1,), 1e-6), torch.full((1,), 1e-6), torch.tensor(1))", 0.5, 0.0),
            gradient("torch.tensor([1e-6, 0.0])",
                     f"F.{COSINE}(x, torch.tensor([0.0, 1e-6]), torch.tensor(1))", "[1]", -500000.0, -1e6),
            forward("torch.tensor([1e-6, 0.0])",
                    f"F.{COSINE}(x, torch.tensor([0.0, 1e-6]), torch.tensor(1))",
                    "torch.tensor([0.0, 1.0])", -500000.0, -1e6),
        ),
        of=NUMBERS,
    ),
    Divergence(
        f"{COSINE}-underflow", "underflow", "corner",
        Computes({COSINE: by_torch.cosine_embedding_loss}),
        "the product of the squared norms, and the 1e-12 added to each, vanish in float16, so that the "
        "cosine of a zero vector is 0 / 0",
        (
            value(f"F.{COSINE}(*torch.zeros((2, 1), dtype=torch.float16), torch.tensor(1))", NAN, 1.0),
            gradient("torch.full((1,), 1e-3).half()", f"F.{COSINE}(x, {ZERO}.half(), torch.tensor(1))", "[0]",
                     NAN, 0.0),
            forward("torch.full((1,), 1e-3).half()", f"F.{COSINE}(x, {ZERO}.half(), torch.tensor(1))",
                    f"{ONE}.half()", NAN, 0.0),
        ),
        of=NUMBERS, formats=HALF,
    ),
    Divergence(
        "triplet_margin_loss-gradient-underflow", "underflow", "extreme",
        Computes(torch_formulas.OF_LOSSES, of_powers, where_it_strays),
        "the powers of small differences vanish in float16, and the gradient divides by their sum",
        (
            gradient(f"{ZERO}.half()", f"F.triplet_margin_loss(x, {ONE}.half(), {ZERO}.half(), p=3)", "[0]",
                     NAN, -1.0),
            twice(f"{ZERO}.half()",
                  f"F.triplet_margin_loss(x, {ONE}.half(), torch.full((1,), 0.01).half(), p=5)", "[0]",
                  NAN, 0.0),
        ),
        of=("gradient", "second"), formats=HALF,
    ),
    Divergence(
        "triplet_margin_loss-second-equal-components", "nan", "extreme",
        Computes(TRIPLETS, between_1_and_2),
        "|d|^p, 1 < p < 2, has no second derivative at d = 0, where torch multiplies an infinite power by 0; "
        "what the sign of d, which is 0 there, passes on is 0",
        (
            twice("torch.zeros(2)",
                  f"F.triplet_margin_loss(x, torch.tensor([0.0, 0.5]), -{ONES}, p=1.5, eps=0.0)", "[0]",
                  NAN, 0.0),
        ),
        of=("second",),
    ),
    Divergence(
        "second-zero-distance", "nan", "ordinary", Computes(TRIPLETS, not_a_number),
        "the second derivative of a norm is nan at 0; a subgradient, such as torch's 0, has derivative 0",
        (
            twice(ZERO, f"F.triplet_margin_loss(x, {ZERO}, {ONE}, eps=0.0)", "[0]", NAN, 0.0),
            twice("torch.zeros(1, 1).half()",
                  "F.triplet_margin_with_distance_loss(x, torch.zeros(1, 1).half(), torch.ones(1, 1).half())",
                  "[0, 0]", NAN, 0.0),
        ),
        of=("second",),
    ),
)  # fmt: skip
