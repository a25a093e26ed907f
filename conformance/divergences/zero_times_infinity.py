"""What torch does where a factor is 0 and the other infinite: nan, in place of the limit."""

from __future__ import annotations

import math
from numbers import Real

import numpy as np

from strategies import is_real

from ..mismatch import Mismatch
from . import torch_formulas
from .divergence import Divergence
from .outcomes import Computes, Elements
from .witnesses import gradient, value

NAN, INF = math.nan, math.inf
ONE, ZERO, INFINITE = "torch.ones(1)", "torch.zeros(1)", "torch.tensor([math.inf])"


def infinite_factor(mismatch: Mismatch) -> Elements:
    """Calls with an infinite argument, or a variance of 0, whose result is nan."""
    given = mismatch.case.arguments
    numbers = [value for value in given.values() if is_real(value) or isinstance(value, Real)]
    infinite = any(np.any(np.isinf(value)) for value in numbers)
    if "var" in given:
        infinite |= bool(np.any(np.maximum(given["var"], given.get("eps", 1)) == 0))
    return infinite & np.isnan(mismatch.observed) if mismatch.observed is not None else False


DIVERGENCES = (
    Divergence(
        "infinite", "nan", "corner", Computes(torch_formulas.OF_LOSSES, infinite_factor),
        "a factor of 0 is multiplied by an infinite one, or infinities are subtracted, and the result is "
        "nan; its limit is a number, as in 0 log 0, or the loss of an infinitely certain right answer",
        (
            value("F.binary_cross_entropy_with_logits(torch.tensor(-math.inf), torch.tensor(0.0))", NAN, 0.0),
            value("F.multilabel_soft_margin_loss(torch.tensor([-math.inf]), torch.tensor([0.0]))", NAN, 0.0),
            value("F.poisson_nll_loss(torch.tensor(-math.inf), torch.tensor(0.0))", NAN, 0.0),
            value("F.kl_div(torch.tensor([-math.inf]), torch.tensor([0.0]), reduction='sum')", NAN, 0.0),
            gradient("torch.tensor([-math.inf])", f"F.kl_div({ZERO}, x, reduction='sum', log_target=True)",
                     "[0]", NAN, 0.0),
            gradient("torch.tensor([-math.inf])", f"F.soft_margin_loss(x, {ONE})", "[0]", NAN, -1.0),
            *(gradient(INFINITE, f"F.{call}, reduction='none')", "[0]", NAN, 0.0, ZERO)
              for call in (f"mse_loss(x, {ZERO}", f"gaussian_nll_loss(x, {ZERO}, {ONE}")),
            *(gradient(ONE, f"F.{loss}({INFINITE}, {ZERO}, weight=x, reduction='none')", "[0]",
                       NAN, 0.0, ZERO) for loss in ("l1_loss", "huber_loss")),
            gradient("torch.ones(1, 1)", "F.linear_cross_entropy(x, torch.tensor([[-math.inf], [0.0]]), "
                     "torch.tensor([1]), reduction='none')", "[0, 0]", NAN, 0.0, ZERO),
            gradient("torch.tensor(0.0)", "F.gaussian_nll_loss(torch.zeros(0), torch.zeros(0), x, eps=0, "
                     "reduction='sum')", "", NAN, 0.0),
            gradient(ONE, f"F.margin_ranking_loss(torch.tensor([math.inf]), {ZERO}, x)", "[0]", NAN, 0.0),
            gradient("torch.tensor([math.inf])", f"F.triplet_margin_loss({ZERO}, {ONE}, x)", "[0]", NAN, 0.0),
            gradient("torch.tensor([math.inf])", f"F.triplet_margin_with_distance_loss({ZERO}, {ONE}, x)",
                     "[0]", NAN, 0.0),
        ),
        of=("value", "gradient"), upstream="https://github.com/pytorch/pytorch/issues/49844",
    ),
)  # fmt: skip
