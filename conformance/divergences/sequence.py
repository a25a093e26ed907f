"""What torch does instead of the documented in connectionist temporal classification."""

from __future__ import annotations

import math
from itertools import accumulate
from typing import Any

import numpy as np

from reference import Array, Stepped, ctc_loss

from ..bounds import expect, ratios
from ..differentiating import expect_derivatives
from ..mismatch import GradientMismatch, Mismatch
from .divergence import Divergence, Witness
from .outcomes import AnyOf, Elements, Gives, Otherwise, Raises, Unwritten
from .ways import COMPILED, WITHOUT_DATA
from .witnesses import gradient, value

NAN, INF = math.nan, math.inf
ZERO = "torch.zeros(1)"


def no_probability(m: Any) -> Elements:
    """Classes whose log-probability is -inf or nan."""
    x = m.case.arguments["log_probs"]
    return np.asarray((x == -np.inf) | np.isnan(x))


def _losses(m: Any) -> Array:
    """The losses of the sequences, with an axis for the classes."""
    losses = expect(m.loss, m.case.replacing(reduction="none")).value
    return np.expand_dims(np.asarray(losses), -1)


def impossible_and_left_out(m: Any) -> Elements:
    """An impossible alignment whose loss has the upstream derivative 0."""
    if m.upstream is None:
        return False
    left_out = (_losses(m) == np.inf) & (np.expand_dims(m.upstream, -1) == 0)
    return np.broadcast_to(left_out, m.case.arguments["log_probs"].shape)


def twice_the_loss_overflows(m: Any) -> Elements:
    """Sequences whose forward and backward variables together are beyond the range."""
    loss = _losses(m)
    huge = np.isfinite(loss) & (loss > m.case.format.max / 2)
    return np.broadcast_to(huge, m.case.arguments["log_probs"].shape)


def log_probabilities_huge(m: Any) -> Elements:
    """Sequences with log-probabilities whose rounding error is itself large for an exponent."""
    x = m.case.arguments["log_probs"]
    x = np.where(np.isfinite(x), x, 0)  # frames beyond the length may hold anything
    error = np.max(np.abs(x), axis=(0, -1), keepdims=True, initial=0) * m.case.format.unit_roundoff
    return np.broadcast_to(error * len(x) > 1, x.shape)


def labels_misread(mismatch: Mismatch) -> Array | None:
    """The labels that torch reads where they do not lie side by side; None where it reads them right.

    The labels of a sequence begin after those of the ones before; torch counts these in elements of memory,
    and from there on in steps of the tensor.
    """
    given = mismatch.case.arguments
    targets, lengths = given["targets"], np.atleast_1d(given["target_lengths"]).tolist()
    if targets.ndim != 1 or not targets.size:
        return None
    if mismatch.way == "stepped":
        memory = np.stack([targets, np.full_like(targets, targets[0])], -1).ravel()
    else:  # the second of two targets for vmap
        memory = np.stack([targets[::-1], targets], -1).ravel()[1:]
    starts = accumulate(lengths, initial=0)
    read = np.concatenate([memory[start : start + 2 * n : 2] for start, n in zip(starts, lengths)])
    classes, blank = given["log_probs"].shape[-1], given.get("blank", 0)
    return read if np.all((read >= 0) & (read < classes) & (read != blank)) else None


class Misread:
    """Torch computes the loss of other labels, those that it reads."""

    def explains(self, mismatch: Mismatch) -> Elements:
        """Which numbers are those of the labels that torch reads."""
        if mismatch.observed is None:
            return False
        read = labels_misread(mismatch)
        if read is None:
            return False

        def of_labels(targets: Array, **others: Any) -> Any:
            return ctc_loss(targets=read, **others)

        other = Otherwise(mismatch.loss.name, mismatch.loss.module, formula=of_labels)
        if not isinstance(mismatch, GradientMismatch):
            return ratios(mismatch.observed, expect(other, mismatch.case)) <= 1
        if mismatch.differentiation is None:
            return False
        expected = expect_derivatives(other, mismatch.differentiation, [mismatch.argument])
        return ratios(mismatch.observed, expected.gradients[mismatch.argument]) <= 1


def read_beyond(mismatch: Mismatch) -> Elements:
    """Calls in which a number from between the labels passes for one and is none."""
    targets = mismatch.case.arguments["targets"]
    return targets.ndim == 1 and targets.size > 0 and labels_misread(mismatch) is None


def lengths_are_numbers(mismatch: Mismatch) -> bool:
    """The mean makes a tensor of the lengths within the function that is differentiated."""
    given = mismatch.case.arguments
    return given.get("reduction", "mean") == "mean" and not isinstance(given["input_lengths"], np.ndarray)


def step_by_step(mismatch: Mismatch, outcome: Stepped) -> Elements:
    """Elements on whose way a step strays."""
    return outcome.strayed


DIVERGENCES = (
    Divergence(
        "ctc_loss-empty", "error", "corner",
        Raises(("RuntimeError", "IndexError"),
               ("log_probs tensor must not be empty", "exceeds dimension size (0)")),
        "no frames, or no sequences, are refused; without a frame, an empty target has loss 0",
        (
            value("F.ctc_loss(torch.empty(0, 1, 2), torch.empty(1, 0).long(), (0,), (0,))",
                  "RuntimeError", 0.0),
            gradient("torch.empty(0, 1, 2)", "F.ctc_loss(x, torch.empty(1, 0).long(), (0,), (0,))",
                     ".sum()", "RuntimeError", 0.0),
        ),
        of=("value", "gradient"), upstream="https://github.com/pytorch/pytorch/issues/81459",
    ),
    Divergence(
        "ctc_loss-gradient-infinite", "nan", "corner", Gives((NAN,), no_probability),
        "the derivative by a class whose probability is 0 or nan is nan, although no alignment passes "
        "there, or the loss is left out",
        (
            gradient("torch.tensor([[[-math.inf, 0.0]]])", "F.ctc_loss(x, torch.tensor([[1]]), (1,), (1,))",
                     "[0, 0, 0]", NAN, 0.0),
            gradient("torch.tensor([[[0.0, math.nan]]])",
                     "F.ctc_loss(x, torch.empty(1, 0).long(), (1,), (0,))", "[0, 0, 1]", NAN, 0.0,
                     "torch.tensor(0.0)"),
        ),
        of=("gradient",),
    ),
    Divergence(
        "ctc_loss-gradient-left-out", "nan", "corner", Gives((NAN,), impossible_and_left_out),
        "an impossible alignment makes the gradient nan even if the upstream gradient is 0",
        (
            gradient("torch.zeros(1, 1, 2)",
                     "F.ctc_loss(x, torch.tensor([[1, 1]]), (1,), (2,), reduction='none')", "[0, 0, 0]",
                     NAN, 0.0, ZERO),
        ),
        of=("gradient",),
    ),
    Divergence(
        "ctc_loss-gradient-overflow", "overflow", "extreme",
        AnyOf((Gives((0.0, NAN, INF, -INF), twice_the_loss_overflows),
               Gives((0.0, NAN, INF, -INF), log_probabilities_huge))),
        "the forward and backward variables of a state are added and their sum is subtracted from the loss: "
        "of huge log-probabilities the sum overflows, or its rounding error overflows the exponential",
        (
            gradient("torch.tensor([[[-3e38, 0.0]]])",
                     "F.ctc_loss(x, torch.empty(1, 0).long(), (1,), (0,), reduction='sum')", "[0, 0, 0]",
                     0.0, -1.0),
            gradient("torch.tensor([[[-1e38, 0.0]], [[-1e22, 0.0]]])",
                     "F.ctc_loss(x, torch.empty(1, 0).long(), (2,), (0,), reduction='sum')", "[1, 0, 0]",
                     -INF, -1.0),
        ),
        of=("gradient",),
    ),
    Divergence(
        "ctc_loss-ways-unsupported", "error", "ordinary",
        Raises(("NotImplementedError", "Unsupported", "TorchRuntimeError", "DynamicOutputShapeException",
                "UserError", "RuntimeError"),
               ("DynamicOutputShape", "_ctc_loss.Tensor", "_ctc_loss.default", "_ctc_loss_backward")),
        "the shape of what is saved for the gradient depends on the lengths; the compilers, export and "
        "tensors without data refuse the call, although the loss has one shape",
        (
            Witness(
                "ctc_loss",
                "x, n = torch.zeros(1, 1, 2, device='meta'), torch.ones(1, dtype=torch.long, device='meta')\n"
                "F.ctc_loss(x, n[None], n, n).ndim",
                "NotImplementedError", 0.0,
            ),
        ),
        of=("way",), ways=(*COMPILED, *WITHOUT_DATA),
        upstream="https://github.com/pytorch/pytorch/pull/184573",
    ),
    Divergence(
        "ctc_loss-strided-labels", "uninitialised", "ordinary",
        AnyOf((
            Misread(),
            Unwritten(read_beyond, "a number from between the labels that is no class makes torch read, and "
                      "for the gradient write, memory beyond the log-probabilities"),
        )),
        "concatenated labels that do not lie side by side are misread from the second sequence on: where it "
        "begins is counted in elements of memory, not of the tensor. A number from between them passes for a "
        "label, and if it is none, memory beyond the log-probabilities is read, and for the gradient written",
        (
            Witness(
                "ctc_loss",
                "x = -torch.arange(3.0).expand(1, 2, 3)\n"
                "F.ctc_loss(x, torch.tensor([[1, 1], [2, 1]])[:, 0], (1, 1), (1, 1), reduction='none')[1]",
                1.0, 2.0,
            ),
        ),
        of=("way",), ways=("stepped", "vmap_last"),
    ),
    Divergence(
        "ctc_loss-func-grad", "error", "ordinary",
        Raises(("RuntimeError",), ("Tensor that doesn't have storage",), lengths_are_numbers),
        "torch.func.grad refuses the mean if lengths are numbers: a tensor made of them has no memory there",
        (
            Witness(
                "ctc_loss",
                "n = torch.ones(1, dtype=torch.long)\n"
                "torch.func.grad(lambda x: F.ctc_loss(x, n[None], (1,), (1,)))(torch.zeros(1, 1, 2))"
                ".isnan().sum()",
                "RuntimeError", 0.0,
            ),
        ),
        of=("way",), ways=("func_grad", "vmap_of_grad"),
    ),
)  # fmt: skip
