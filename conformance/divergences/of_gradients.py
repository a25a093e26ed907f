"""What torch is known to do otherwise than documented in the gradients of losses."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from reference import FORMATS, Array

from . import where_gradients_diverge as where
from .record import Divergence, eps_vanishes, smoothed_bytes, variance_refused, weights_unexpanded


def _row(
    id: str,
    kind: str,
    covers: Callable[[Any], bool | Array],
    reason: str,
    variable: str,
    call: str,
    element: str,
    gives: float | str,
    truth: float,
    upstream: str = "",
    formats: tuple[str, ...] = tuple(FORMATS),
    until: str | None = None,
) -> Divergence:
    """A record whose witness is an element of the gradient of a call by ``x``."""
    witness = f"x = {variable}.requires_grad_()\ntorch.autograd.grad({call}, x{upstream})[0]{element}"
    loss = call.removeprefix("F.").split("(")[0]
    name = f"{loss}-{id}"
    return Divergence(name, loss, kind, covers, reason, witness, gives, truth, formats, until, of="gradient")


HALF = ("float16",)
ONE = "torch.ones(1)"
ZERO = "torch.zeros(1)"
NAN, INF = math.nan, math.inf

NOTHING_WEIGHS = (
    "the gradient of a weighted mean whose weights are all 0 is nan; nothing contributes, so it is 0"
)
UNEXPANDED = "the weighted mean divides by the weights' sum before they are broadcast to the losses"
OVERFLOWS = "an intermediate result overflows although the gradient fits"

DIVERGENCES: tuple[Divergence, ...] = (
    _row("gradient-zero-weights", "nan", where.nothing_weighs, NOTHING_WEIGHS,
         ONE, f"F.l1_loss(x, {ZERO}, weight={ZERO})", "[0]", NAN, 0.0),
    _row("gradient-zero-weights", "nan", where.nothing_weighs, NOTHING_WEIGHS,
         ONE, f"F.mse_loss(x, {ZERO}, weight={ZERO})", "[0]", NAN, 0.0),
    _row("gradient-zero-weights", "nan", where.nothing_weighs, NOTHING_WEIGHS,
         "torch.zeros(1, 1)", f"F.nll_loss(x, torch.tensor([0]), weight={ZERO})", "[0, 0]", NAN, 0.0),
    _row("gradient-zero-weights", "nan", where.nothing_weighs, NOTHING_WEIGHS,
         "torch.zeros(1, 2)", "F.cross_entropy(x, torch.tensor([0]), weight=torch.zeros(2))", "[0, 0]",
         NAN, 0.0),
    _row("gradient-zero-weights", "nan", where.nothing_weighs, NOTHING_WEIGHS,
         "torch.zeros(1, 1)",
         "F.linear_cross_entropy(x, torch.zeros(2, 1), torch.tensor([0]), weight=torch.zeros(2))", "[0, 0]",
         NAN, 0.0),
    _row("gradient-weighted-mean", "convention", weights_unexpanded, UNEXPANDED,
         ONE, f"F.l1_loss(x, torch.zeros(2), weight={ONE})", "[0]", 2.0, 1.0),
    _row("gradient-weighted-mean", "convention", weights_unexpanded, UNEXPANDED,
         ONE, f"F.mse_loss(x, torch.zeros(2), weight={ONE})", "[0]", 4.0, 2.0),
    _row("gradient-ignored", "nan", where.ignored_not_finite,
         "an infinite or nan logit of an ignored sample makes the sample's gradient nan, which is 0",
         "torch.tensor([[math.inf]])", "F.cross_entropy(x, torch.tensor([-100]), reduction='sum')", "[0, 0]",
         NAN, 0.0),
    _row("gradient-uint8", "error", smoothed_bytes,
         "labels in uint8 are taken, but not together with weights, smoothing and the mean",
         "torch.zeros(1, 2)",
         "F.cross_entropy(x, torch.zeros(1).byte(), weight=torch.ones(2), label_smoothing=0.5)", "[0, 0]",
         "RuntimeError", -0.25),
    _row("gradient-clamp", "accuracy", where.at_the_clamp,
         "the gradient is (x - y) / max(x (1 - x), 1e-12), not that of the logarithm clamped at -100",
         ZERO, f"F.binary_cross_entropy(x, {ZERO})", "[0]", 0.0, 1.0),
    _row("gradient-target-clamp", "overflow", where.beyond_the_clamp,
         "the gradient by the target is the difference of logarithms that are not clamped at -100",
         ZERO, f"F.binary_cross_entropy({ZERO}, x)", "[0]", INF, 100.0),
    _row("gradient-overflow", "overflow", where.intermediate_overflows, OVERFLOWS,
         "torch.full((2,), 1e-5).half()", "F.binary_cross_entropy(x, torch.ones(2).half())", "[0]",
         -INF, -49932.0),
    _row("gradient-underflow", "underflow", where.numerator_vanishes,
         "upstream gradient times (x - y) is rounded to a subnormal number before it is divided by x (1 - x)",
         "torch.full((1,), 1e-3).half()", "F.binary_cross_entropy(x, torch.full((1,), 2e-3).half())", "[0]",
         -0.00011926889419555664, -0.000100117, ", torch.full((), 1e-4).half()", formats=HALF),
    _row("gradient-sigmoid", "underflow", where.sigmoid_vanishes,
         "1 / (1 + exp(-x)) is 0 where exp(-x) overflows; it is a subnormal number",
         "torch.tensor([-89.0])", f"F.binary_cross_entropy_with_logits(x, {ZERO})", "[0]",
         0.0, 2.2273639e-39),
    _row("gradient-exp", "nan", where.exponential_overflows,
         "the gradient is nan from -y x = log(max) on, where it equals -y",
         "torch.tensor([-100.0])", f"F.soft_margin_loss(x, {ONE})", "[0]", NAN, -1.0),
    _row("gradient-stirling", "nan", where.no_count,
         "a target of 0 takes no part in Stirling's term, whose derivative there makes the gradient nan",
         ZERO, f"F.poisson_nll_loss({ZERO}, x, full=True)", "[0]", NAN, 0.0),
    _row("gradient-eps", "underflow", eps_vanishes,
         "the default eps of 1e-8 vanishes in float16, so the gradient y / (x + eps) divides by 0 at 0",
         f"{ZERO}.half()", f"F.poisson_nll_loss(x, {ZERO}.half(), log_input=False)", "[0]",
         NAN, 1.0, formats=HALF),
    _row("gradient-zero-target", "nan", where.no_probability,
         "the derivative of y log y by y is nan at y = 0; its limit is -inf",
         ZERO, f"F.kl_div({ZERO}, x, reduction='sum')", "[0]", NAN, -INF),
    _row("gradient-var-shape", "error", variance_refused,
         "a variance with one dimension equal to 1 is refused, unless it is the last",
         "torch.zeros(2, 2)", "F.gaussian_nll_loss(x, torch.zeros(2, 2), torch.ones(1, 2))", "[0, 0]",
         "ValueError", 0.0, until="2.13"),
    _row("gradient-underflow", "underflow", where.norms_vanish,
         "the product of the squared norms, and the 1e-12 added to each, vanish in float16",
         f"{ZERO}.half()", f"F.cosine_embedding_loss(x, {ZERO}.half(), torch.tensor(1))", "[0]", NAN, 0.0,
         formats=HALF),
    _row("gradient-underflow", "underflow", where.unbounded,
         "the powers of small differences vanish in float16, and the gradient divides by their sum",
         f"{ZERO}.half()", f"F.triplet_margin_loss(x, {ONE}.half(), {ZERO}.half(), p=3)", "[0]", NAN, -1.0,
         formats=HALF),
    _row("gradient-left-out", "nan", where.impossible_and_left_out,
         "an impossible alignment makes the gradient nan even if the upstream gradient is 0",
         "torch.zeros(1, 1, 2)", "F.ctc_loss(x, torch.tensor([[1, 1]]), (1,), (2,), reduction='none')",
         "[0, 0, 0]", NAN, 0.0, f", {ZERO}"),
    _row("gradient-overflow", "overflow", where.twice_the_loss_overflows,
         "the forward and backward variables of a state are added, which overflows although the loss fits",
         "torch.tensor([[[-3e38, 0.0]]])",
         "F.ctc_loss(x, torch.empty(1, 0).long(), (1,), (0,), reduction='sum')", "[0, 0, 0]", 0.0, -1.0),
    _row("gradient-unbounded", "overflow", where.log_probabilities_huge,
         "the rounding error of huge log-probabilities overflows the exponential",
         "torch.tensor([[[-1e38, 0.0]], [[-1e22, 0.0]]])",
         "F.ctc_loss(x, torch.empty(1, 0).long(), (2,), (0,), reduction='sum')", "[1, 0, 0]", -INF, -1.0),
    _row("gradient-overflow", "overflow", where.intermediate_overflows, OVERFLOWS,
         "torch.ones(2)", "F.l1_loss(torch.full((2,), 3e38), torch.zeros(2), weight=x)", "[0]", -INF, 0.0),
    _row("gradient-overflow", "overflow", where.intermediate_overflows, OVERFLOWS,
         "torch.tensor([3e38])", f"F.mse_loss(x, {ZERO}, weight=torch.full((1,), 0.5), reduction='sum')",
         "[0]", INF, 3e38),
    _row("gradient-overflow", "overflow", where.intermediate_overflows, OVERFLOWS,
         "torch.ones(2)", "F.huber_loss(torch.full((2,), 3e38), torch.zeros(2), delta=2.0, weight=x)", "[0]",
         INF, 3e38),
    _row("gradient-overflow", "overflow", where.intermediate_overflows, OVERFLOWS,
         "torch.zeros(2, 3)", "F.cross_entropy(torch.tensor([[0.0, 3e38, -3e38], [0.0, 0.0, 0.0]]), x)",
         "[0, 2]", INF, 3e38),
    _row("gradient-overflow", "overflow", where.intermediate_overflows, OVERFLOWS,
         "torch.zeros(1, 1)", "F.nll_loss(x, torch.tensor([0]), weight=torch.full((1,), 1e-40))", "[0, 0]",
         -INF, -1.0),
    _row("gradient-overflow", "overflow", where.intermediate_overflows, OVERFLOWS,
         ZERO, f"F.multilabel_soft_margin_loss(x, {ONE}, weight=torch.full((1,), 3e38))", "[0]", NAN, -3e38,
         ", torch.tensor(2.0)"),
    _row("gradient-overflow", "overflow", where.intermediate_overflows, OVERFLOWS,
         "torch.tensor([1e20])", "F.linear_cross_entropy(x, torch.tensor([[1e20], [1e20]]), torch.tensor(0))",
         "[0]", NAN, 0.0),
    _row("gradient-overflow", "overflow", where.intermediate_overflows, OVERFLOWS,
         "torch.zeros(3)", "F.binary_cross_entropy_with_logits(torch.full((3,), 3e38), x)", "[0]",
         -INF, -2e38, ", torch.tensor(2.0)"),
    _row("gradient-overflow", "overflow", where.intermediate_overflows, OVERFLOWS,
         "torch.tensor([100.0])", "F.poisson_nll_loss(x, torch.zeros(1), reduction='none')", "[0]", NAN, 0.0,
         f", {ZERO}"),
    _row("gradient-overflow", "overflow", where.intermediate_overflows, OVERFLOWS,
         "torch.tensor([3e38])", "F.gaussian_nll_loss(x, torch.zeros(1), torch.full((1,), 1e10))", "[0]",
         INF, 3e28),
    _row("gradient-overflow", "overflow", where.intermediate_overflows, OVERFLOWS,
         "torch.tensor([-2.0])", "F.kl_div(torch.zeros(1), x, reduction='none', log_target=True)", "[0]",
         -INF, -4.06e37, ", torch.tensor([3e38])"),
    _row("gradient-overflow", "overflow", where.intermediate_overflows, OVERFLOWS,
         "torch.tensor([1e20])", "F.cosine_embedding_loss(x, torch.tensor([1e20]), torch.tensor(1))", "[0]",
         NAN, 0.0),
    _row("gradient-overflow", "overflow", where.intermediate_overflows, OVERFLOWS,
         "torch.ones(2).half()",
         "F.margin_ranking_loss(torch.full((2,), -6e4).half(), torch.full((2,), 6e4).half(), x)", "[0]",
         INF, 6e4),
    _row("gradient-overflow", "overflow", where.intermediate_overflows, OVERFLOWS,
         "torch.tensor([3e19, 3e19])", "F.triplet_margin_loss(torch.zeros(2), x, torch.zeros(2))", "[0]",
         0.0, 0.70710678),
    _row("gradient-overflow", "overflow", where.intermediate_overflows, OVERFLOWS,
         "torch.tensor([3e19, 3e19])",
         "F.triplet_margin_with_distance_loss(torch.zeros(2), x, torch.zeros(2))", "[0]", 0.0, 0.70710678),
    _row("gradient-overflow", "overflow", where.intermediate_overflows, OVERFLOWS,
         "torch.tensor([-2e38, 2e38, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0])",
         "F.multi_margin_loss(x, torch.tensor(0), p=2)", "[1]", INF, 1e38),
)  # fmt: skip
