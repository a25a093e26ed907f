"""What torch is known to do otherwise than documented in the values of losses."""

from __future__ import annotations

import math

import numpy as np

from ..judging import expect
from ..mismatch import Mismatch
from .record import (
    HALVES,
    Divergence,
    arguments_of,
    eps_vanishes,
    exp_overflows,
    intermediate_overflows,
    is_empty,
    nan_at_infinity,
    nan_is_swallowed,
    pairs_whose_norms_vanish,
    reduced_by,
    smoothed_bytes,
    sums_in_own_format,
    total_weight_overflows,
    variance_refused,
    weights_unexpanded,
)


def _smoothing_sum_overflows(mismatch: Mismatch) -> bool:
    """All terms of label smoothing together are beyond the format before they are scaled down."""
    given = arguments_of(mismatch)
    if mismatch.worst is None or not given.get("label_smoothing"):
        return False
    x = given.get("linear_weight", given["input"])
    classes = x.shape[0 if x.ndim == 1 or "linear_weight" in given else 1]
    smoothed = mismatch.case.replacing(reduction="sum", label_smoothing=1.0)
    terms = expect(mismatch.loss, smoothed).value * classes
    return bool(terms > mismatch.case.format.max) and mismatch.worst.kind in ("overflow", "nan")


def _empty_batch(mismatch: Mismatch) -> bool:
    return mismatch.case.arguments["input"].size == 0 and reduced_by(mismatch, "mean", "sum")


def _overflow(loss: str, what: str, witness: str, gives: float, truth: float) -> Divergence:
    reason = f"{what} overflows, so the result is infinite, nan or wrong although the true value fits"
    return Divergence(
        f"{loss}-overflow", loss, "overflow", intermediate_overflows, reason, witness, gives, truth
    )


MEAN = "the sum before the mean is divided"
BIG = "torch.full((2,), 3e38)"

# A row each: loss, which intermediate result, the witness, what it gives, what is right.
OVERFLOWS = (
    _overflow("l1_loss", MEAN, f"F.l1_loss({BIG}, torch.zeros(2))", math.inf, 3e38),
    _overflow(
        "mse_loss", "the square before the mean", "F.mse_loss(torch.tensor([2e19, 0.0]), torch.zeros(2))",
        math.inf, 2e38,
    ),
    _overflow("smooth_l1_loss", MEAN, f"F.smooth_l1_loss({BIG}, torch.zeros(2))", math.inf, 3e38),
    _overflow("huber_loss", MEAN, f"F.huber_loss({BIG}, torch.zeros(2))", math.inf, 3e38),
    _overflow(
        "cross_entropy", MEAN,
        "F.cross_entropy(torch.tensor([[3e38, 0.0], [3e38, 0.0]]), torch.tensor([1, 1]))", math.inf, 3e38,
    ),
    _overflow("nll_loss", MEAN, f"F.nll_loss(-{BIG}[:, None], torch.tensor([0, 0]))", math.inf, 3e38),
    _overflow(
        "linear_cross_entropy", "a logit, equal to the others,",
        "F.linear_cross_entropy(torch.tensor([1e20]), torch.tensor([[1e20], [1e20]]), torch.tensor(0))",
        math.nan, math.log(2),
    ),
    _overflow(
        "binary_cross_entropy", MEAN,
        "F.binary_cross_entropy(torch.zeros(2), torch.ones(2), weight=torch.full((2,), 3e36))",
        math.inf, 3e38,
    ),
    _overflow(
        "binary_cross_entropy_with_logits", MEAN,
        f"F.binary_cross_entropy_with_logits({BIG}, torch.zeros(2))", math.inf, 3e38,
    ),
    _overflow("hinge_embedding_loss", MEAN, f"F.hinge_embedding_loss({BIG}, torch.ones(2))", math.inf, 3e38),
    _overflow(
        "poisson_nll_loss", "exp(input) and target * input, of which the difference is infinite,",
        "F.poisson_nll_loss(torch.tensor(2e38), torch.tensor(2.0))", math.nan, math.inf,
    ),
    _overflow(
        "gaussian_nll_loss", "the square before it is divided by the variance",
        "F.gaussian_nll_loss(torch.tensor([1e20]), torch.tensor([0.0]), torch.tensor([1e10]))",
        math.inf, 5e29,
    ),
    _overflow("kl_div", MEAN, f"F.kl_div(-{BIG}, torch.ones(2))", math.inf, 3e38),
    _overflow(
        "cosine_embedding_loss", "the product of the squared norms",
        "F.cosine_embedding_loss(torch.tensor([1e20]), torch.tensor([1e20]), torch.tensor(1))",
        math.nan, 0.0,
    ),
    _overflow(
        "margin_ranking_loss", MEAN, f"F.margin_ranking_loss(-{BIG}, torch.zeros(2), torch.ones(2))",
        math.inf, 3e38,
    ),
    _overflow(
        "triplet_margin_loss", "the square under the root of the distance",
        "F.triplet_margin_loss(torch.tensor([3e19, 3e19]), torch.zeros(2), torch.zeros(2))",
        math.nan, 1.0,
    ),
    _overflow(
        "triplet_margin_with_distance_loss", "the square under the root of the distance",
        "F.triplet_margin_with_distance_loss(torch.tensor([3e19, 3e19]), torch.zeros(2), torch.zeros(2))",
        math.nan, 1.0,
    ),
    _overflow(
        "multi_margin_loss", "the sum before it is divided by the number of classes",
        "F.multi_margin_loss(torch.tensor([0.0, 3e38, 3e38]), torch.tensor(0))", math.inf, 2e38,
    ),
    _overflow(
        "multilabel_margin_loss", "the sum before it is divided by the number of classes",
        "F.multilabel_margin_loss(torch.tensor([0.0, 3e38, 3e38]), torch.tensor([0, -1, -1]))",
        math.inf, 2e38,
    ),
    _overflow(
        "multilabel_soft_margin_loss", "the sum before it is divided by the number of classes",
        f"F.multilabel_soft_margin_loss({BIG}, torch.zeros(2))", math.inf, 3e38,
    ),
    _overflow(
        "ctc_loss", MEAN,
        f"F.ctc_loss(-{BIG}[None, :, None], torch.empty((2, 0), dtype=torch.int64), (1, 1), (0, 0))",
        math.inf, 3e38,
    ),
)  # fmt: skip

ZERO_TIMES_INFINITY = "0 times infinity is nan; the limit, as in 0 log 0, is 0"
SWALLOWED = "max(0, .) of nan is 0, so a nan score, or a difference of equal infinities, goes unnoticed"


def _infinite(
    loss: str, reason: str, witness: str, truth: float = 0.0, id: str = "infinite", upstream: str = ""
) -> Divergence:
    name = f"{loss}-{id}"
    return Divergence(name, loss, "nan", nan_at_infinity, reason, witness, math.nan, truth, upstream=upstream)


INFINITE = (
    _infinite("l1_loss", ZERO_TIMES_INFINITY,
              "F.l1_loss(torch.tensor(math.inf), torch.zeros(()), weight=torch.zeros(()), reduction='sum')"),
    _infinite("mse_loss", ZERO_TIMES_INFINITY,
              "F.mse_loss(torch.tensor(math.inf), torch.zeros(()), weight=torch.zeros(()), reduction='sum')"),
    _infinite("huber_loss", ZERO_TIMES_INFINITY,
              "F.huber_loss(torch.tensor(math.inf), torch.zeros(()), weight=torch.zeros(()))"),
    _infinite("cross_entropy",
              "log softmax is nan if a logit is +inf; of a single one the limit is 0, -inf for others; and "
              "what weighs nothing, or has probability 0, is nan at a log-probability of -inf, not 0",
              "F.cross_entropy(torch.tensor([math.inf, 0.0]), torch.tensor(0))"),
    _infinite("nll_loss", ZERO_TIMES_INFINITY,
              "F.nll_loss(torch.tensor([-math.inf]), torch.tensor(0), torch.zeros(1), reduction='sum')"),
    _infinite("binary_cross_entropy_with_logits",
              "x - x y + log(1 + exp(-x)) is inf - inf or 0 times inf; the loss of a right answer tends to 0",
              "F.binary_cross_entropy_with_logits(torch.tensor(-math.inf), torch.tensor(0.0))",
              upstream="https://github.com/pytorch/pytorch/issues/49844"),
    _infinite("multilabel_soft_margin_loss",
              "0 times log sigmoid(-inf) is nan; the loss of a right answer tends to 0",
              "F.multilabel_soft_margin_loss(torch.tensor([-math.inf]), torch.tensor([0.0]))"),
    _infinite("poisson_nll_loss",
              "exp(x) - y x is 0 times inf or inf - inf; it tends to 0 for y = 0, x = -inf, to inf at inf",
              "F.poisson_nll_loss(torch.tensor(-math.inf), torch.tensor(0.0))"),
    _infinite("kl_div",
              "y (log y - x) is 0 times inf where the probability y is 0; its limit is 0, as in 0 log 0",
              "F.kl_div(torch.tensor([-math.inf]), torch.tensor([0.0]), reduction='sum')"),
    Divergence(
        "multi_margin_loss-nan", "multi_margin_loss", "nan", nan_is_swallowed, SWALLOWED,
        "F.multi_margin_loss(torch.tensor([math.nan, 0.0]), torch.tensor(0))", 0.0, math.nan,
    ),
    Divergence(
        "multilabel_margin_loss-nan", "multilabel_margin_loss", "nan", nan_is_swallowed, SWALLOWED,
        "F.multilabel_margin_loss(torch.tensor([math.nan, 0.0]), torch.tensor([0, -1]))", 0.0, math.nan,
    ),
)  # fmt: skip

OTHERS = (
    Divergence(
        "ctc_loss-empty", "ctc_loss", "error", is_empty,
        "no frames, or no sequences, are refused; without a frame, an empty target has loss 0",
        "F.ctc_loss(torch.empty(0, 1, 2), torch.empty(1, 0).long(), (0,), (0,))", "RuntimeError", 0.0,
        upstream="https://github.com/pytorch/pytorch/pull/123193",
    ),
    Divergence(
        "soft_margin_loss-exp", "soft_margin_loss", "overflow",
        lambda m: m.worst is not None and m.worst.kind == "overflow"
        and bool(np.any(exp_overflows(-m.case.arguments["input"] * m.case.arguments["target"],
                                      m.case.format))),
        "log(1 + exp(-y x)) is infinite from -y x = log(max) on, where it equals -y x",
        "F.soft_margin_loss(torch.tensor(100.0), torch.tensor(-1.0))", math.inf, 100.0,
    ),
    Divergence(
        "soft_margin_loss-log1p", "soft_margin_loss", "overflow",
        lambda m: m.worst is not None and m.worst.kind == "overflow"
        and bool(np.any(-m.case.arguments["input"] * m.case.arguments["target"] > math.log(1e38))),
        "log1p is infinite from 1e38 on, where it is 87.5",
        "F.soft_margin_loss(torch.tensor(-87.75), torch.tensor(1.0))", math.inf, 87.75,
        formats=("float32", "bfloat16"), until="2.7",
    ),
    Divergence(
        "cosine_embedding_loss-underflow", "cosine_embedding_loss", "underflow",
        lambda m: bool(np.any(pairs_whose_norms_vanish(m))),
        "the product of the squared norms, and the 1e-12 added to each, vanish in float16",
        "F.cosine_embedding_loss(*torch.zeros((2, 1), dtype=torch.float16), torch.tensor(1))",
        math.nan, 1.0, formats=("float16",),
    ),
    Divergence(
        "poisson_nll_loss-eps", "poisson_nll_loss", "underflow", eps_vanishes,
        "the default eps of 1e-8 vanishes in float16, so log(input + eps) is infinite at 0",
        "F.poisson_nll_loss(*torch.zeros((2, 1), dtype=torch.float16), log_input=False)",
        math.nan, 0.0, formats=("float16",),
    ),
    Divergence(
        "nll_loss-half-sum", "nll_loss", "accuracy", sums_in_own_format,
        "the CPU kernel sums losses and weights in half precision, not in float32",
        "x = -torch.tensor([1.4375, 3.8125, 2.9375, 0.875, 3.75, 1.75, 3.0625, 0.6875]).bfloat16()\n"
        "F.nll_loss(x[:, None], torch.zeros(8).long(), reduction='sum')",
        18.5, 18.3125, formats=HALVES,
    ),
    Divergence(
        "cross_entropy-half-sum", "cross_entropy", "accuracy", sums_in_own_format,
        "the CPU kernel of nll_loss sums losses and weights in half precision, not in float32",
        "x = torch.tensor([96, 102, 31, 37, 39, 12, 45, 23, 65, 65, 17, 32, 66, 85, 70, 98]).bfloat16()\n"
        "F.cross_entropy(torch.stack([x, torch.zeros_like(x)], 1), torch.ones(16).long(), reduction='sum')",
        872.0, 883.0, formats=HALVES,
    ),
    Divergence(
        "linear_cross_entropy-half-count", "linear_cross_entropy", "overflow", total_weight_overflows,
        "the sum of weights is kept in half precision, whose infinity makes the mean 0",
        "F.linear_cross_entropy(torch.zeros(66000, 1).half(), torch.zeros(2, 1).half(), "
        "torch.zeros(66000).long())",
        0.0, math.log(2), formats=("float16",),
    ),
    Divergence(
        "linear_cross_entropy-half-sum", "linear_cross_entropy", "overflow", sums_in_own_format,
        "losses and weights are summed in half precision, not in float32, and overflow before the mean",
        "F.linear_cross_entropy(torch.ones(2, 1).half(), torch.tensor([[0.0], [-4e4]]).half(), "
        "torch.tensor([1, 1]))",
        math.inf, 4e4, formats=HALVES,
    ),
    Divergence(
        "cross_entropy-smoothing-sum", "cross_entropy", "overflow", _smoothing_sum_overflows,
        "label smoothing sums over the batch and all classes before it scales down",
        "F.cross_entropy(torch.tensor([[0.0, -300.0]] * 300).half(), torch.zeros(300).long(), "
        "label_smoothing=0.1, reduction='sum')",
        math.inf, 4500.0,
    ),
    Divergence(
        "linear_cross_entropy-smoothing-sum", "linear_cross_entropy", "overflow", _smoothing_sum_overflows,
        "label smoothing sums over the batch and all classes before it scales down",
        "F.linear_cross_entropy(torch.ones((300, 1)).half(), torch.tensor([[0.0], [-300.0]]).half(), "
        "torch.zeros(300).long(), label_smoothing=0.1, reduction='sum')",
        math.inf, 4500.0,
    ),
    Divergence(
        "cross_entropy-uint8", "cross_entropy", "error", smoothed_bytes,
        "labels in uint8 are taken, but not together with weights, smoothing and the mean",
        "F.cross_entropy(torch.zeros(1, 2), torch.zeros(1, dtype=torch.uint8), weight=torch.ones(2), "
        "label_smoothing=0.5)",
        "RuntimeError", math.log(2),
    ),
    Divergence(
        "multi_margin_loss-empty", "multi_margin_loss", "uninitialised", _empty_batch,
        "an empty batch gives what memory happens to hold; filled with nan first, nan",
        "torch.use_deterministic_algorithms(True)\n"
        "F.multi_margin_loss(torch.empty(0, 3), torch.empty(0).long(), reduction='sum')",
        math.nan, 0.0,
    ),
    Divergence(
        "multilabel_margin_loss-empty", "multilabel_margin_loss", "uninitialised", _empty_batch,
        "an empty batch gives what memory happens to hold; filled with nan first, nan",
        "torch.use_deterministic_algorithms(True)\n"
        "F.multilabel_margin_loss(torch.empty(0, 3), torch.empty(0, 3).long(), reduction='sum')",
        math.nan, 0.0,
    ),
    Divergence(
        "l1_loss-weighted-mean", "l1_loss", "convention", weights_unexpanded,
        "the weighted mean divides by the weights' sum before they are broadcast to the losses",
        "F.l1_loss(torch.ones(1), torch.zeros(2), weight=torch.ones(1))", 2.0, 1.0,
    ),
    Divergence(
        "mse_loss-weighted-mean", "mse_loss", "convention", weights_unexpanded,
        "the weighted mean divides by the weights' sum before they are broadcast to the losses",
        "F.mse_loss(torch.ones(1), torch.zeros(2), weight=torch.ones(1))", 2.0, 1.0,
    ),
    Divergence(
        "gaussian_nll_loss-var-shape", "gaussian_nll_loss", "error",
        variance_refused,
        "a variance with one dimension equal to 1 is refused, unless it is the last",
        "F.gaussian_nll_loss(torch.zeros(2, 2), torch.zeros(2, 2), torch.ones(1, 2))",
        "ValueError", 0.0, until="2.10",
    ),
)  # fmt: skip

DIVERGENCES: tuple[Divergence, ...] = INFINITE + OTHERS + OVERFLOWS
