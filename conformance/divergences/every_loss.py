"""Where torch differs in most losses: steps overflow on the way to a number that fits."""

from __future__ import annotations

import math

from . import torch_formulas as by_torch
from .divergence import NUMBERS, Divergence
from .outcomes import Computes, where_it_strays
from .witnesses import forward, gradient, value

NAN, INF = math.nan, math.inf
ONE, ZERO, TWO_ZEROS, ONES = "torch.ones(1)", "torch.zeros(1)", "torch.zeros(2)", "torch.ones(2)"
BIG = "torch.full((2,), 3e38)"
BIG_ROWS = "torch.full((2, 1), 3e38)"

VALUES = (
    value(f"F.l1_loss({BIG}, {TWO_ZEROS})", INF, 3e38),
    value(f"F.mse_loss(torch.tensor([2e19, 0.0]), {TWO_ZEROS})", INF, 2e38),
    value(f"F.smooth_l1_loss({BIG}, {TWO_ZEROS})", INF, 3e38),
    value(f"F.huber_loss({BIG}, {TWO_ZEROS})", INF, 3e38),
    value("F.cross_entropy(torch.tensor([[3e38, 0.0], [3e38, 0.0]]), torch.tensor([1, 1]))", INF, 3e38),
    value(f"F.nll_loss(-{BIG}[:, None], torch.tensor([0, 0]))", INF, 3e38),
    value("F.linear_cross_entropy(torch.tensor([1e20]), torch.tensor([[1e20], [1e20]]), torch.tensor(0))",
          NAN, math.log(2)),
    value(f"F.binary_cross_entropy({TWO_ZEROS}, {ONES}, weight=torch.full((2,), 3e36))", INF, 3e38),
    value(f"F.binary_cross_entropy_with_logits({BIG}, {TWO_ZEROS})", INF, 3e38),
    value("F.soft_margin_loss(torch.tensor(100.0), torch.tensor(-1.0))", INF, 100.0),
    value(f"F.hinge_embedding_loss({BIG}, {ONES})", INF, 3e38),
    value("F.poisson_nll_loss(torch.tensor(2e38), torch.tensor(2.0))", NAN, INF),
    value("F.gaussian_nll_loss(torch.tensor([1e20]), torch.tensor([0.0]), torch.tensor([1e10]))", INF, 5e29),
    value(f"F.kl_div(-{BIG}, {ONES})", INF, 3e38),
    value("F.cosine_embedding_loss(torch.tensor([1e20]), torch.tensor([1e20]), torch.tensor(1))", NAN, 0.0),
    value(f"F.margin_ranking_loss(-{BIG}, {TWO_ZEROS}, {ONES})", INF, 3e38),
    value(f"F.triplet_margin_loss(torch.tensor([3e19, 3e19]), {TWO_ZEROS}, {TWO_ZEROS})", NAN, 1.0),
    value(f"F.triplet_margin_with_distance_loss(torch.tensor([3e19, 3e19]), {TWO_ZEROS}, {TWO_ZEROS})",
          NAN, 1.0),
    value("F.multi_margin_loss(torch.tensor([0.0, 3e38, 3e38]), torch.tensor(0))", INF, 2e38),
    value("F.multilabel_margin_loss(torch.tensor([0.0, 3e38, 3e38]), torch.tensor([0, -1, -1]))", INF, 2e38),
    value(f"F.multilabel_soft_margin_loss({BIG}, {TWO_ZEROS})", INF, 3e38),
    value(f"F.ctc_loss(-{BIG}[None, :, None], torch.empty((2, 0), dtype=torch.int64), (1, 1), (0, 0))",
          INF, 3e38),
)  # fmt: skip

GRADIENTS = (
    gradient(ONES, f"F.l1_loss({BIG}, {TWO_ZEROS}, weight=x)", "[0]", -INF, 1.5e38),
    gradient("torch.tensor([3e38])", f"F.mse_loss(x, {ZERO}, weight=torch.full((1,), 0.5), reduction='sum')",
             "[0]", INF, 3e38),
    gradient(ONES, f"F.huber_loss({BIG}, {TWO_ZEROS}, delta=2.0, weight=x)", "[0]", INF, 3e38),
    gradient(ZERO, "F.smooth_l1_loss(x, torch.full((1,), 2.0), beta=4.0)", "[0]", -INF, -1.5e38,
             "torch.tensor(3e38)"),
    gradient("torch.zeros(2, 3)",
             "F.cross_entropy(torch.tensor([[0.0, 3e38, -3e38], [0.0, 0.0, 0.0]]), x)", "[0, 2]", INF, 3e38),
    gradient("torch.zeros(1, 1)", "F.nll_loss(x, torch.tensor([0]), weight=torch.full((1,), 1e-40))",
             "[0, 0]", -INF, -1.0),
    gradient("torch.tensor([1e20])",
             "F.linear_cross_entropy(x, torch.tensor([[1e20], [1e20]]), torch.tensor(0))", "[0]", NAN, 0.0),
    gradient("torch.full((2,), 1e-5).half()", f"F.binary_cross_entropy(x, {ONES}.half())", "[0]",
             -INF, -49932.0),
    gradient("torch.zeros(3)", "F.binary_cross_entropy_with_logits(torch.full((3,), 3e38), x)", "[0]",
             -INF, -2e38, "torch.tensor(2.0)"),
    gradient("torch.tensor([-100.0])", f"F.soft_margin_loss(x, {ONE})", "[0]", NAN, -1.0),
    gradient("torch.tensor([100.0])", f"F.poisson_nll_loss(x, {ZERO}, reduction='none')", "[0]", NAN, 0.0,
             ZERO),
    gradient("torch.tensor([3e38])", f"F.gaussian_nll_loss(x, {ZERO}, torch.full((1,), 1e10))", "[0]",
             INF, 3e28),
    gradient("torch.tensor([-2.0])", f"F.kl_div({ZERO}, x, reduction='none', log_target=True)", "[0]",
             -INF, -4.06006e37, "torch.tensor([3e38])"),
    gradient("torch.tensor([1e20])", "F.cosine_embedding_loss(x, torch.tensor([1e20]), torch.tensor(1))",
             "[0]", NAN, 0.0),
    gradient("torch.ones(2).half()",
             "F.margin_ranking_loss(torch.full((2,), -6e4).half(), torch.full((2,), 6e4).half(), x)", "[0]",
             INF, 6e4),
    gradient("torch.tensor([3e19, 3e19])", f"F.triplet_margin_loss({TWO_ZEROS}, x, {TWO_ZEROS})", "[0]",
             0.0, 0.70710678),
    gradient("torch.tensor([3e19, 3e19])",
             f"F.triplet_margin_with_distance_loss({TWO_ZEROS}, x, {TWO_ZEROS})", "[0]", 0.0, 0.70710678),
    gradient("torch.tensor([-2e38, 2e38, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0])",
             "F.multi_margin_loss(x, torch.tensor(0), p=2)", "[1]", INF, 1e38),
    gradient(ZERO, f"F.multilabel_soft_margin_loss(x, {ONE}, weight=torch.full((1,), 3e38))", "[0]",
             NAN, -3e38, "torch.tensor(2.0)"),
)  # fmt: skip


SECOND = (
    forward(ONES, f"F.l1_loss(x, {TWO_ZEROS})", BIG, INF, 3e38),
    forward(ONES, f"F.mse_loss(x, {TWO_ZEROS})", BIG, INF, 6e38),
    forward(ONES, f"F.smooth_l1_loss(x, {TWO_ZEROS})", BIG, INF, 3e38),
    forward(ONES, f"F.huber_loss(x, {TWO_ZEROS})", BIG, INF, 3e38),
    forward("torch.tensor([[50.0, 0.0], [50.0, 0.0]])", "F.cross_entropy(x, torch.tensor([1, 1]))",
            "torch.tensor([[3e38, 0.0], [3e38, 0.0]])", INF, 3e38),
    forward("torch.zeros(2, 1)", "F.nll_loss(x, torch.tensor([0, 0]))", f"-{BIG_ROWS}", INF, 3e38),
    forward("torch.ones(2, 1)",
            "F.linear_cross_entropy(x, torch.tensor([[50.0], [0.0]]), torch.tensor([1, 1]))",
            "torch.full((2, 1), 6e36)", INF, 3e38),
    forward("torch.full((2,), 0.5)", f"F.binary_cross_entropy(x, {TWO_ZEROS})", "torch.full((2,), 1e38)",
            INF, 2e38),
    forward("torch.full((2,), 50.0)", f"F.binary_cross_entropy_with_logits(x, {TWO_ZEROS})", BIG, INF, 3e38),
    forward("torch.zeros(4)", "F.soft_margin_loss(x, -torch.ones(4))", "torch.full((4,), 2e38)", INF, 1e38),
    forward("torch.tensor([-100.0])", f"F.soft_margin_loss(x, {ONE})", ONE, NAN, -1.0),
    forward(ONES, f"F.hinge_embedding_loss(x, {ONES})", BIG, INF, 3e38),
    forward(TWO_ZEROS, f"F.poisson_nll_loss(x, {TWO_ZEROS})", BIG, INF, 3e38),
    forward(ONES, f"F.gaussian_nll_loss(x, {TWO_ZEROS}, {ONES})", BIG, INF, 3e38),
    forward(TWO_ZEROS, f"F.kl_div(x, {ONES})", BIG, -INF, -3e38),
    forward("torch.tensor([1e20])", "F.cosine_embedding_loss(x, torch.tensor([1e20]), torch.tensor(1))", ONE,
            NAN, 0.0),
    forward("torch.full((2,), 2.0)", f"F.margin_ranking_loss(x, {ONES}, -{ONES})", BIG, INF, 3e38),
    forward("torch.ones(2, 1)", "F.triplet_margin_loss(torch.zeros(2, 1), x, torch.ones(2, 1))", BIG_ROWS,
            INF, 3e38),
    forward("torch.ones(2, 1)",
            "F.triplet_margin_with_distance_loss(torch.zeros(2, 1), x, torch.ones(2, 1))", BIG_ROWS,
            INF, 3e38),
    forward("torch.full((2,), 50.0)", f"F.multilabel_soft_margin_loss(x, {TWO_ZEROS})", BIG, INF, 3e38),
)  # fmt: skip

DIVERGENCES = (
    Divergence(
        "overflow", "overflow", "extreme",
        Computes(by_torch.OF_LOSSES, where=where_it_strays, narrow=by_torch.NARROW),
        "a step on the way (the sum before the mean is divided, a square, a product of norms, an "
        "exponential, a factor of the chain rule) overflows or vanishes in the format, so that the result is "
        "infinite, nan or 0, although the right one fits",
        (*VALUES, *GRADIENTS, *SECOND), of=NUMBERS,
    ),
)  # fmt: skip
