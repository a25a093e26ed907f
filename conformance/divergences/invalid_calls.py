"""What torch is known to accept although it is invalid, and what it then returns: see `accepted`."""

from __future__ import annotations

import math

from ..invalid.binary import HINGE, LOGITS, SOFT, TWO_LOGITS
from ..invalid.classification import CHUNKED, CROSS, LINEAR, MARGIN, NLL, PROBABILITIES, WEIGHT
from ..invalid.classification import SOFT as MULTILABEL
from ..invalid.distribution import GAUSSIAN, POISSON, RATE
from ..invalid.embedding import COSINE, DISTANCE, RANKING, TRIPLET
from ..invalid.regression import HUBER, L1, MSE
from ..invalid.row import Valid
from ..invalid.sequence import PADDED
from .accepted import accepted
from .divergence import Divergence, Witness
from .outcomes import Accepts, Answer

NAN = math.nan
LN2, LN3 = math.log(2), math.log(3)
# What two samples of three equal logits, with labels or one-hot probabilities, cost if they are not smoothed.
BLANK = -1.35402512550354
BITS = "torch.finfo(F.binary_cross_entropy_with_logits({}).dtype).bits"


def _call(valid: Valid, gives: float, **change: str) -> Witness:
    """A valid call with one argument changed, which gives a number."""
    return Witness(valid.loss, valid.with_(**change).call, gives, "ValueError")


def _sum(valid: Valid, gives: float, truth: float, **change: str) -> Witness:
    """A valid call of which several arguments are changed, and its results added up."""
    return Witness(valid.loss, valid.with_(reduction="'sum'", **change).call, gives, truth)


def _real(valid: Valid, gives: float, **change: str) -> Witness:
    """A valid call with complex numbers, and the real part of what it gives."""
    return Witness(valid.loss, f"{valid.with_(**change).call}.real", gives, "RuntimeError")


def _back(loss: str, x: str, y: str) -> Witness:
    """Whether a call of two tensors can be differentiated by the first."""
    code = [
        f"x, y = {x}, {y}", f"loss = F.{loss}(x, y)", "try:", "    loss.backward()", "except RuntimeError:",
        "    pass", "x.grad is not None",
    ]  # fmt: skip
    return Witness(loss, "\n".join(code), 0.0, 1.0)


DIVERGENCES: tuple[Divergence, ...] = (
    accepted(
        "accepts-negative-smoothing",
        "label_smoothing is documented to be in [0, 1]; a negative one has no effect",
        tuple(_call(valid, LN3, label_smoothing="-0.1") for valid in (CROSS, LINEAR)),
        upstream="https://github.com/pytorch/pytorch/issues/134767",
    ),
    accepted(
        "accepts-nan-smoothing",
        "a label_smoothing that is nan has no effect, so the loss is a number that it does not influence",
        tuple(_call(valid, LN3, label_smoothing="float('nan')") for valid in (CROSS, LINEAR)),
    ),
    accepted(
        "linear_cross_entropy-accepts-weight-of-other-classes-in-chunks",
        "with options, the number of weights is not compared with the number of classes",
        (_call(CHUNKED.with_(weight=WEIGHT), LN3, weight="torch.ones(2)"),), since="2.13",
    ),
    accepted(
        "multi_margin_loss-accepts-nan-margin",
        "max(0, .) swallows the nan of the margin", (_call(MARGIN, 0.0, margin="float('nan')"),),
    ),
    accepted(
        "accepts-shapes-that-broadcast",
        "shapes broadcast, although the documentation asks for one shape",
        (
            _call(MULTILABEL, LN2, target="torch.ones(3)"),
            _call(SOFT, LN2, target="torch.ones(3)"),
            _call(HINGE, 0.0, target="torch.ones(3)"),
            _call(POISSON, 1.0, target="torch.ones(3)"),
            _call(COSINE, 0.0, target="torch.ones(1)"),
            _call(RANKING, 1.0, target="torch.ones(1)"),
            _call(TRIPLET, 2.7320499420166016, negative="torch.zeros(1, 3)"),
            _call(DISTANCE, 2.7320499420166016, negative="torch.zeros(1, 3)"),
        ),
    ),
    accepted(
        "accepts-weight-of-more-axes",
        "a weight of several axes is taken if the input has positions and the number of weights fits",
        tuple(
            Witness(loss, f"F.{loss}({x}, torch.zeros(2, 2).long(), weight=torch.ones(1, 3))", number,
                    "RuntimeError")
            for loss, x, number in (
                ("cross_entropy", "torch.zeros(2, 3, 2)", LN3),
                ("nll_loss", "torch.ones(2, 3, 2)", -1.0),
                ("linear_cross_entropy", "torch.zeros(2, 4), torch.zeros(3, 2, 4)", LN3),
            )
        ),
    ),
    accepted(
        "accepts-target-of-one-sample",
        "a target of shape (1,) is taken for an input without batch; going back refuses it",
        (
            _call(CROSS, LN3, input="torch.zeros(3)", target="torch.tensor([1])"),
            _call(NLL, -1.0, input="torch.ones(3)", target="torch.tensor([1])"),
            _call(LINEAR, LN3, input="torch.zeros(4)", target="torch.tensor([1])"),
        ),
        since="2.13",
    ),
    accepted(
        "multi_margin_loss-accepts-one-sample-without-batch",
        "of a single sample, only one of input and target may have the axis of the batch",
        (_call(MARGIN, 2 / 3, input="torch.zeros(3)", target="torch.tensor([1])"),),
    ),
    accepted(
        "nll_loss-accepts-scores-of-one-sample",
        "scores of one sample are taken beside several labels, if there are as many scores as labels",
        (_call(NLL, -1.0, input="torch.ones(2)", target="torch.tensor([0, 1])"),), until="2.13",
    ),
    accepted(
        "accepts-complex",
        "complex numbers are documented for l1_loss without weights only, and are taken; the result is "
        "complex, or the real part of one",
        (
            _real(L1, 1.0, weight="torch.ones(2, 3).cfloat()"),
            _real(MSE, 1.0, weight="torch.ones(2, 3).cfloat()"),
            _real(HUBER, 0.5, weight="torch.ones(2, 3).cfloat()"),
            _real(PROBABILITIES, 3 * LN3, weight="torch.ones(3).cfloat()"),
            _real(LINEAR.with_(target="torch.ones(2, 3)"), 3 * LN3, weight="torch.ones(3).cfloat()"),
            _real(LOGITS, LN2, target="torch.ones(2, 3).cfloat()"),
            _real(SOFT, LN2, input="torch.zeros(2, 3).cfloat()"),
            _real(HINGE, 1.0, target="-torch.ones(2, 3).cfloat()"),
            _real(POISSON, 1.0, target="torch.ones(2, 3).cfloat()"),
            _real(GAUSSIAN, 0.5, input="torch.zeros(2, 3).cfloat()"),
            _real(COSINE, 1.0, target="-torch.ones(2).cfloat()"),
            _real(TRIPLET, 2.7320499420166016, anchor="torch.zeros(2, 3).cfloat()"),
            _real(DISTANCE, 2.7320499420166016, anchor="torch.zeros(2, 3).cfloat()"),
            _real(MULTILABEL, LN2, target="torch.ones(2, 3).cfloat()"),
            _real(PADDED, BLANK, targets="torch.tensor([[1, 2], [3, 4]]).cfloat()"),
        ),
    ),
    accepted(
        "wraps-bytes",
        "bytes are subtracted as bytes, so that 1 - 2 is 255",
        (
            _sum(HINGE, 255.0, 0.0, input="torch.tensor([2]).byte()", target="torch.tensor([-1])"),
            _sum(RANKING, 255.0, 0.0, input1="torch.tensor([2]).byte()", input2="torch.tensor([1]).byte()",
                 target="torch.tensor([1]).byte()"),
            *(
                _sum(valid, 256.0, 2.0, anchor="torch.tensor([1]).byte()",
                     positive="torch.tensor([2]).byte()", negative="torch.tensor([1]).byte()")
                for valid in (TRIPLET, DISTANCE)
            ),
        ),
        kind="convention",
    ),
    accepted(
        "backward-refuses-integers",
        "the value is right where the target holds integers or bools, and cannot be differentiated by the "
        "input",
        (
            _back("huber_loss", "torch.zeros(2, requires_grad=True)", "torch.tensor([1, 2])"),
            _back("soft_margin_loss", "torch.zeros(2, requires_grad=True)", "torch.tensor([True, True])"),
        ),
        kind="error",
    ),
    accepted(
        "mse_loss-backward-refuses-integers",
        "the value is right where one argument holds integers, and cannot be differentiated by the other",
        (_back("mse_loss", "torch.zeros(2, requires_grad=True)", "torch.tensor([1, 2])"),), kind="error",
        until="2.13",
    ),
    accepted(
        "accepts-labels-other-than-signs",
        "labels are documented to be 1 or -1, and others are taken",
        (
            _call(SOFT, LN2, target="torch.zeros(2, 3)"),
            _call(HINGE, 1.0, input="torch.full((2, 3), 0.5)", target="torch.zeros(2, 3)"),
            _call(COSINE, 0.0, target="torch.zeros(2)"),
            _call(RANKING, 0.0, target="torch.zeros(3)"),
        ),
    ),
    accepted(
        "multilabel_soft_margin_loss-accepts-other-labels",
        "targets are documented to be 0 or 1, and others are taken",
        (_call(MULTILABEL, LN2, target="torch.full((2, 3), 7.0)"),),
    ),
    accepted(
        "binary_cross_entropy_with_logits-accepts-no-probabilities",
        "targets are documented to lie in [0, 1], and others are taken",
        (_call(TWO_LOGITS, 0.5132617354393005, target="torch.tensor([0.5, 1.1])"),),
        upstream="https://github.com/pytorch/pytorch/issues/110865",
    ),
    accepted(
        "cosine_embedding_loss-accepts-margin",
        "the margin is documented to lie in [-1, 1], and others are taken, nan too",
        (_call(COSINE, 2.5, margin="-1.5"),),
    ),
    accepted(
        "triplet_margin_loss-accepts-p",
        "the degree of a norm is positive; one that is not counts other than 0, or takes the smallest",
        (_call(TRIPLET, 1.0, p="0.0"),),
    ),
    accepted(
        "accepts-no-flag",
        "whatever is given for a bool counts as true or false",
        (_call(GAUSSIAN, 1.4189385, full="'False'"), _call(DISTANCE, 2.7320473, swap="'False'")),
    ),
    accepted(
        "poisson_nll_loss-accepts-negative-rate",
        "the expectation of a Poisson distribution is not negative; one that is makes the loss nan",
        (_call(RATE, NAN, input="-torch.ones(2, 3)"),),
        upstream="https://github.com/pytorch/pytorch/issues/184030",
    ),
    accepted(
        "gaussian_nll_loss-accepts-nan-eps",
        "an eps that is nan clamps nothing",
        (_call(GAUSSIAN, 0.5, eps="float('nan')"),), until="2.13",
    ),
    accepted(
        "gaussian_nll_loss-accepts-var-shape",
        "a var of shape (1,) is taken for a single number",
        (
            Witness("gaussian_nll_loss",
                    "F.gaussian_nll_loss(torch.tensor(0.0), torch.tensor(1.0), torch.ones(1))", 0.5,
                    "ValueError"),
        ),
        until="2.13",
    ),
    accepted(
        "ctc_loss-accepts-label-out-of-range",
        "labels are not compared with the classes, and read beyond the array, and going back written there",
        (_call(PADDED, NAN, targets="torch.tensor([[1, 2], [3, 5]])"),), kind="uninitialised",
        upstream="https://github.com/pytorch/pytorch/issues/193794",
    ),
    accepted(
        "ctc_loss-accepts-blank-in-target",
        "the blank is documented not to be a target, and is taken for a label",
        (_call(PADDED, BLANK, targets="torch.tensor([[1, 2], [3, 0]])"),),
    ),
    accepted(
        "ctc_loss-accepts-label-that-is-a-fraction",
        "4.5 is no class, and is taken for 4",
        (_call(PADDED, BLANK, targets="torch.tensor([[1.0, 2.0], [3.0, 4.5]])"),),
    ),
    accepted(
        "ctc_loss-accepts-lengths-of-other-shape",
        "lengths are documented to have one axis; of several, only the numbers count",
        (_call(PADDED, BLANK, input_lengths="torch.tensor([[4, 4]])"),),
    ),
    Divergence(
        "binary_cross_entropy_with_logits-dtype-of-target", "convention", "accepted",
        Accepts({"binary_cross_entropy_with_logits-input-double": Answer(32.0, (), "int64"),
                 "binary_cross_entropy_with_logits-target-half": Answer(16.0, (), "int64")}),
        "the result has the dtype of target, be it narrower than that of input: neither promoted nor refused",
        (
            Witness(LOGITS.loss, BITS.format("torch.zeros(3, dtype=torch.float64), torch.ones(3)"),
                    32.0, 64.0),
        ),
        of=("invalid call",),
    ),
)  # fmt: skip
