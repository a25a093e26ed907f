"""What torch is known to do otherwise than documented in second derivatives and in forward mode."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from reference import FORMATS, Array

from . import where_gradients_diverge as where_first
from . import where_second_derivatives_diverge as where
from .record import HALVES, Divergence, eps_vanishes, smoothed_bytes, variance_refused, weights_unexpanded


def _record(
    id: str, kind: str, covers: Callable[[Any], bool | Array], reason: str, call: str, witness: str,
    gives: float | str, truth: float, formats: tuple[str, ...], until: str | None = None,
) -> Divergence:  # fmt: skip
    loss = call.removeprefix("F.").split("(")[0]
    name = f"{loss}-{id}"
    return Divergence(name, loss, kind, covers, reason, witness, gives, truth, formats, until, of="second")


def _forward(
    id: str, kind: str, covers: Callable[[Any], bool | Array], reason: str, at: str, call: str, tangent: str,
    gives: float | str, truth: float, formats: tuple[str, ...] = tuple(FORMATS), until: str | None = None,
) -> Divergence:  # fmt: skip
    """A record whose witness is the derivative of a call by ``x`` along a tangent, in forward mode."""
    witness = f"torch.func.jvp(lambda x: {call}, ({at},), ({tangent},))[1]"
    return _record(id, kind, covers, reason, call, witness, gives, truth, formats, until)


def _twice(
    id: str, kind: str, covers: Callable[[Any], bool | Array], reason: str, variable: str, call: str,
    element: str, gives: float | str, truth: float, formats: tuple[str, ...] = tuple(FORMATS),
) -> Divergence:  # fmt: skip
    """A record whose witness is an element of the gradient of the sum of the gradient by ``x``."""
    witness = (
        f"x = {variable}.requires_grad_()\n"
        f"(gradient,) = torch.autograd.grad({call}, x, create_graph=True)\n"
        f"torch.autograd.grad(gradient.sum(), x)[0]{element}"
    )
    return _record(id, kind, covers, reason, call, witness, gives, truth, formats)


HALF = ("float16",)
ONE = "torch.ones(1)"
ZERO = "torch.zeros(1)"
ONES = "torch.ones(2)"
BIG = "torch.full((2,), 3e38)"
NAN, INF = math.nan, math.inf


def _overflow(
    call: str, at: str = ONES, tangent: str = BIG, gives: float = INF, truth: float = 3e38
) -> Divergence:
    reason = "an intermediate result of the derivative overflows although the derivative fits"
    return _forward(
        "second-overflow",
        "overflow",
        where_first.intermediate_overflows,
        reason,
        at,
        call,
        tangent,
        gives,
        truth,
    )


OVERFLOWS = (
    _overflow("F.l1_loss(x, torch.zeros(2))"),
    _overflow("F.mse_loss(x, torch.zeros(2))", truth=6e38),
    _overflow("F.smooth_l1_loss(x, torch.zeros(2))"),
    _overflow("F.huber_loss(x, torch.zeros(2))"),
    _overflow(
        "F.cross_entropy(x, torch.tensor([1, 1]))", "torch.tensor([[50.0, 0.0], [50.0, 0.0]])",
        "torch.tensor([[3e38, 0.0], [3e38, 0.0]])",
    ),
    _overflow("F.nll_loss(x, torch.tensor([0, 0]))", "torch.zeros(2, 1)", "torch.full((2, 1), -3e38)"),
    _overflow(
        "F.linear_cross_entropy(x, torch.tensor([[50.0], [0.0]]), torch.tensor([1, 1]))",
        "torch.ones(2, 1)", "torch.full((2, 1), 6e36)",
    ),
    _overflow(
        "F.binary_cross_entropy(x, torch.zeros(2))", "torch.full((2,), 0.5)", "torch.full((2,), 1e38)",
        truth=2e38,
    ),
    _overflow("F.binary_cross_entropy_with_logits(x, torch.zeros(2))", "torch.full((2,), 50.0)"),
    _overflow(
        "F.soft_margin_loss(x, -torch.ones(4))", "torch.zeros(4)", "torch.full((4,), 2e38)", truth=1e38
    ),
    _overflow("F.hinge_embedding_loss(x, torch.ones(2))"),
    _overflow("F.poisson_nll_loss(x, torch.zeros(2))", "torch.zeros(2)"),
    _overflow("F.gaussian_nll_loss(x, torch.zeros(2), torch.ones(2))"),
    _overflow("F.kl_div(x, torch.ones(2))", "torch.zeros(2)", gives=-INF, truth=-3e38),
    _overflow(
        "F.cosine_embedding_loss(x, torch.tensor([1e20]), torch.tensor(1))", "torch.tensor([1e20])", ONE,
        NAN, 0.0,
    ),
    _overflow("F.margin_ranking_loss(x, torch.ones(2), -torch.ones(2))", "torch.full((2,), 2.0)"),
    _overflow(
        "F.triplet_margin_loss(torch.zeros(2, 1), x, torch.ones(2, 1))", "torch.ones(2, 1)",
        "torch.full((2, 1), 3e38)",
    ),
    _overflow(
        "F.triplet_margin_with_distance_loss(torch.zeros(2, 1), x, torch.ones(2, 1))", "torch.ones(2, 1)",
        "torch.full((2, 1), 3e38)",
    ),
    _overflow("F.multilabel_soft_margin_loss(x, torch.zeros(2))", "torch.full((2,), 50.0)"),
)  # fmt: skip

NOTHING_WEIGHS = (
    "derivatives of a weighted mean whose weights are all 0 are nan; nothing contributes, so they are 0"
)
UNEXPANDED = "the weighted mean divides by the weights' sum before they are broadcast to the losses"
WEIGHTLESS = "nan or infinite elements that weigh nothing make the derivatives nan, which are 0"
IGNORED = "forward mode takes for a constant the argument by which backward refuses to differentiate"
HALF_SUM = "the CPU kernel of nll_loss sums the derivatives of losses in half precision, not in float32"

OTHERS = (
    _twice("second-zero-weights", "nan", where_first.nothing_weighs, NOTHING_WEIGHS,
           ONE, f"F.mse_loss(x, {ZERO}, weight={ZERO})", "[0]", NAN, 0.0),
    _forward("second-zero-weights", "nan", where_first.nothing_weighs, NOTHING_WEIGHS,
             ONE, f"F.l1_loss(x, {ZERO}, weight={ZERO})", ONE, NAN, 0.0),
    _forward("second-zero-weights", "nan", where_first.nothing_weighs, NOTHING_WEIGHS,
             "torch.zeros(1, 1)", f"F.nll_loss(x, torch.tensor([0]), weight={ZERO})", "torch.ones(1, 1)",
             NAN, 0.0),
    _twice("second-zero-weights", "nan", where_first.nothing_weighs, NOTHING_WEIGHS,
           "torch.zeros(1, 2)", "F.cross_entropy(x, torch.tensor([0]), weight=torch.zeros(2))", "[0, 0]",
           NAN, 0.0),
    _twice("second-zero-weights", "nan", where_first.nothing_weighs, NOTHING_WEIGHS,
           "torch.ones(1, 1)",
           "F.linear_cross_entropy(x, torch.tensor([[1.0], [2.0]]), torch.tensor([0]), "
           "weight=torch.zeros(2))",
           "[0, 0]", NAN, 0.0),
    _forward("second-weighted-mean", "convention", weights_unexpanded, UNEXPANDED,
             ONE, f"F.l1_loss(x, torch.zeros(2), weight={ONE})", ONE, 2.0, 1.0),
    _forward("second-weighted-mean", "convention", weights_unexpanded, UNEXPANDED,
             ONE, f"F.mse_loss(x, torch.zeros(2), weight={ONE})", ONE, 4.0, 2.0),
    _twice("second-ignored", "nan", where_first.ignored_not_finite,
           "an infinite or nan logit of an ignored sample makes the sample's derivatives nan, which are 0",
           "torch.tensor([[math.inf]])", "F.cross_entropy(x, torch.tensor([-100]), reduction='sum')",
           "[0, 0]", NAN, 0.0),
    _twice("second-ignored", "nan", where_first.ignored_not_finite,
           "an infinite or nan row of an ignored sample makes the derivatives nan; nothing comes of it",
           "torch.tensor([[math.inf]])",
           "F.linear_cross_entropy(x, torch.ones(1, 1), torch.tensor([-100]), reduction='sum')", "[0, 0]",
           NAN, 0.0),
    _twice("second-weightless", "nan", where_first.weightless_not_finite, WEIGHTLESS,
           "torch.tensor([[math.nan]])", f"F.cross_entropy(x, torch.tensor([0]), {ZERO}, reduction='sum')",
           "[0, 0]", NAN, 0.0),
    _twice("second-weightless", "nan", where_first.weightless_not_finite, WEIGHTLESS,
           "torch.tensor([[math.nan]])",
           f"F.linear_cross_entropy(x, torch.ones(1, 1), torch.tensor([0]), weight={ZERO}, reduction='sum')",
           "[0, 0]", NAN, 0.0),
    _twice("second-weightless", "nan", where_first.weightless_not_finite, WEIGHTLESS,
           "torch.tensor([math.nan])", f"F.binary_cross_entropy_with_logits(x, {ZERO}, {ZERO})", "[0]",
           NAN, 0.0),
    _forward("second-half-sum", "accuracy", where.sums_in_own_format, HALF_SUM,
             "torch.zeros(8, 1).bfloat16()", "F.nll_loss(x, torch.zeros(8).long(), reduction='sum')",
             "torch.tensor([4.875, 4.0, 6.0, 6.75, 4.75, 7.75, 6.125, 0.375]).bfloat16()[:, None]",
             -41.0, -40.625, HALVES),
    _forward("second-refused", "accuracy", where.tangent_is_ignored, IGNORED,
             ONE, "F.nll_loss(torch.ones(1, 1), torch.tensor([0]), x, reduction='sum')", ONE, 0.0, -1.0),
    _forward("second-refused", "accuracy", where.tangent_is_ignored, IGNORED,
             ONES, "F.cross_entropy(torch.zeros(2), torch.tensor(0), x, reduction='sum')", ONES,
             0.0, math.log(2)),
    _forward("second-refused", "accuracy", where.tangent_is_ignored, IGNORED,
             ONES, "F.linear_cross_entropy(torch.zeros(2), torch.eye(2), torch.tensor(0), weight=x, "
             "reduction='sum')", ONES, 0.0, math.log(2)),
    _forward("second-refused", "accuracy", where.tangent_is_ignored, IGNORED,
             ONE, f"F.binary_cross_entropy(torch.full((1,), 0.5), {ONE}, x)", ONE, 0.0, math.log(2)),
    _forward("second-refused", "accuracy", where.tangent_is_ignored, IGNORED,
             ONE, f"F.soft_margin_loss({ONE}, x)", ONE, 0.0, -0.26894142),
    _forward("second-uint8", "error", smoothed_bytes,
             "labels in uint8 are taken, but not together with weights, smoothing and the mean",
             "torch.zeros(1, 2)",
             "F.cross_entropy(x, torch.zeros(1).byte(), weight=torch.ones(2), label_smoothing=0.5)",
             "torch.ones(1, 2)", "RuntimeError", 1.0),
    _twice("second-clamp", "accuracy", where.at_the_clamp,
           "the derivative is of (x - y) / max(x (1 - x), 1e-12), not of the logarithm clamped at -100",
           ZERO, f"F.binary_cross_entropy(x, {ZERO})", "[0]", 0.0, 1.0),
    _twice("second-quotient", "accuracy", where.quotient_is_rounded,
           "(x^2 - 2 x y + y) / (x - x^2 + 1e-12)^2 cancels where x and y are near 1, and adds 1e-12",
           "torch.full((1,), 0.92529296875).half()",
           "F.binary_cross_entropy(x, torch.full((1,), 0.99609375).half())", "[0]", 1.73828125, 1.86333559),
    _twice("second-sigmoid", "underflow", where.sigmoid_vanishes,
           "1 / (1 + exp(-x)) is 0 where exp(-x) overflows; it is a subnormal number",
           "torch.tensor([-89.0])", f"F.binary_cross_entropy_with_logits(x, {ZERO})", "[0]",
           0.0, 2.2273639e-39),
    _forward("second-cancellation", "accuracy", where.forward_cancels,
             "forward mode subtracts (1 - y) and p sigma(-x), which cancel where sigma(x) is near 0",
             "torch.tensor([-16.0])",
             f"F.binary_cross_entropy_with_logits(x, {ZERO}, pos_weight={ZERO})", ONE,
             1.1920928955078125e-07, 1.1253516e-07),
    _forward("second-exp", "nan", where.exponential_overflows,
             "the derivative is nan from -y x = log(max) on, where it equals -y",
             "torch.tensor([-100.0])", f"F.soft_margin_loss(x, {ONE})", ONE, NAN, -1.0),
    _twice("second-stirling", "nan", where.no_count,
           "a target of 0 takes no part in Stirling's term, whose derivatives there make all nan",
           ZERO, f"F.poisson_nll_loss({ZERO}, x, full=True)", "[0]", NAN, 0.0),
    _forward("second-eps", "underflow", eps_vanishes,
             "the default eps of 1e-8 vanishes in float16, so y / (x + eps) divides by 0 at 0",
             f"{ZERO}.half()", f"F.poisson_nll_loss(x, {ONE}.half(), log_input=False)", f"{ONE}.half()",
             -INF, -1e8, HALF),
    _forward("second-zero-target", "nan", where.no_probability,
             "the derivative of y log y by y is nan at y = 0; its limit is -inf",
             ZERO, f"F.kl_div({ZERO}, x, reduction='sum')", ONE, NAN, -INF),
    _forward("second-var-shape", "error", variance_refused,
             "a variance with one dimension equal to 1 is refused, unless it is the last",
             "torch.zeros(2, 2)", "F.gaussian_nll_loss(x, torch.zeros(2, 2), torch.ones(1, 2))",
             "torch.ones(2, 2)", "ValueError", 0.0, until="2.10"),
    _forward("second-clamp", "accuracy", where.variance_is_clamped,
             "forward mode gives 0 where the variance is clamped; it is documented to ignore the clamp",
             ZERO, f"F.gaussian_nll_loss({ZERO}, {ZERO}, x)", ONE, 0.0, 5e5),
    _forward("second-underflow", "underflow", where.norms_vanish,
             "the product of the squared norms, and the 1e-12 added to each, vanish in float16",
             f"{ZERO}.half()", f"F.cosine_embedding_loss(x, {ZERO}.half(), torch.tensor(1))",
             f"{ONE}.half()", NAN, 0.0, HALF),
    _twice("second-zero-distance", "nan", where.distance_is_zero,
           "the second derivative of a norm is nan at 0; a subgradient, such as torch's 0, has derivative 0",
           ZERO, f"F.triplet_margin_loss(x, {ZERO}, {ONE}, eps=0.0)", "[0]", NAN, 0.0),
    _twice("second-zero-distance", "nan", where.distance_is_zero,
           "the second derivative of a norm is nan at 0; a subgradient, such as torch's 0, has derivative 0",
           "torch.zeros(1, 1).half()",
           "F.triplet_margin_with_distance_loss(x, torch.zeros(1, 1).half(), torch.ones(1, 1).half())",
           "[0, 0]", NAN, 0.0),
    _twice("second-equal-components", "nan", where.components_are_equal,
           "the second derivative of |d|^p, 1 < p < 2, is infinite at d = 0, and nan as torch multiplies it",
           "torch.zeros(2)", f"F.triplet_margin_loss(x, torch.tensor([0.0, 0.5]), -{ONES}, p=1.5, eps=0.0)",
           "[0]", NAN, INF),
    _twice("second-underflow", "underflow", where_first.unbounded,
           "the powers of small differences vanish in float16, and the derivatives divide by their sum",
           f"{ZERO}.half()",
           f"F.triplet_margin_loss(x, {ONE}.half(), torch.full((1,), 0.01).half(), p=5)", "[0]", NAN, 0.0,
           HALF),
    _forward("second-unbounded", "overflow", where_first.unbounded,
             "the rounding error of huge logits overflows",
             "torch.tensor([1e20])",
             "F.linear_cross_entropy(x, torch.tensor([[1e20], [1e20]]), torch.tensor(0))", ONE, NAN, 0.0),
)  # fmt: skip

DIVERGENCES: tuple[Divergence, ...] = OTHERS + OVERFLOWS
