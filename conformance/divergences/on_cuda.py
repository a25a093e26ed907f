"""What torch is known to do otherwise on NVIDIA GPUs only."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from reference import Array

from ..differentiating import expect_derivatives
from ..invalid import Invalid, Promotion
from ..mismatch import GradientMismatch, Mismatch
from .record import HALVES, Divergence, arguments_of, reduced_by, where_explained

ON = ("cuda",)
# The oldest torch that was run on a GPU; what an older one does there has not been seen.
SINCE = "2.11"
WARP = 32
# Threads of a block of the kernels of multilabel_margin_loss.
BLOCK = 128

EMPTY = "torch.empty(0, 2, device='cuda')"
NO_LABELS = "torch.empty(0, 2, dtype=torch.int64, device='cuda')"
# A thousand rows: that no thread loses a race in any of them is out of the question.
RACE = """\
x = torch.zeros(1000, 33, device='cuda', requires_grad=True)
labels = torch.full((1000, 33), -1, device='cuda')
labels[:, 0] = 32
gradient = torch.autograd.grad(F.multilabel_margin_loss(x, labels, reduction='sum'), x)[0]
(gradient[:, 32] > -0.9).any()"""


def one_ignored(mismatch: Mismatch) -> bool:
    """The mean over a single sample without batch, which is ignored, is 0."""
    given = arguments_of(mismatch)
    if mismatch.worst is None or mismatch.worst.observed:
        return False
    alone = given["input"].ndim == 1 and given["target"].ndim == 0
    return alone and reduced_by(mismatch, "mean") and bool(given["target"] == given.get("ignore_index", -100))


def empty_and_reduced(mismatch: Mismatch) -> bool:
    """The result of an empty batch has the shape of the unreduced losses; going back, torch then refuses."""
    words = ("shape (0,) instead of ()", "has a shape of torch.Size([]) and output[0] has a shape of")
    empty = not arguments_of(mismatch)["input"].size and reduced_by(mismatch, "mean", "sum")
    return empty and any(text in mismatch.problem for text in words)


def last_labels_of_other_warps(m: GradientMismatch) -> bool | Array:
    """The last label of each sample, where another warp than that of the first thread has its element.

    If bits differ from those of another call, whether there is such a label.
    """
    given = arguments_of(m)
    labels = np.atleast_2d(given["target"])
    concerned = np.zeros(np.shape(given["input"]), dtype=bool)
    for row, sample in zip(np.atleast_2d(concerned), labels):
        end = int(np.argmax(sample < 0)) if np.any(sample < 0) else sample.size
        if end:
            last = sample[end - 1]
            row[last] = last % BLOCK >= WARP
    if m.worst is None:
        return bool(np.any(concerned)) and m.problem.startswith(("bits of a gradient", "a second pass"))
    return concerned


def summed_in_own_format(m: GradientMismatch) -> bool | Array:
    """Where the gradient is what adding up in the narrow format itself, label after label, explains."""
    if m.differentiation is None or m.observed is None:
        return False
    narrow = replace(m.case.format, accumulator=m.case.format.name)
    example = replace(m.differentiation, case=replace(m.case, format=narrow))
    return where_explained(m.observed, expect_derivatives(m.loss, example, ["input"]).gradients["input"])


def label_out_of_range(row: Invalid | Promotion) -> bool:
    """A label that is no class, or a negative one other than the -1 that ends the labels."""
    return row.violation.startswith(("label-too-large", "label-negative", "label-far-too-large"))


DIVERGENCES = (
    *(
        Divergence(
            f"{loss}-mean-of-one-ignored", loss, "convention", one_ignored,
            "the mean over a single sample without batch that is ignored is 0 on CUDA; over a batch of such, "
            "and on the CPU, it is nan, as that of nothing",
            f"F.{loss}(torch.zeros(2, device='cuda'), torch.tensor(-100, device='cuda'))",
            0.0, math.nan, since=SINCE, devices=ON,
        )
        for loss in ("cross_entropy", "nll_loss")
    ),
    Divergence(
        "multilabel_margin_loss-empty-batch", "multilabel_margin_loss", "contract", empty_and_reduced,
        "the mean and the sum over an empty batch have the shape of the batch",
        f"F.multilabel_margin_loss({EMPTY}, {NO_LABELS}, reduction='sum').ndim",
        1.0, 0.0, since=SINCE, devices=ON,
    ),
    Divergence(
        "multilabel_margin_loss-gradient-empty-batch", "multilabel_margin_loss", "error", empty_and_reduced,
        "the mean and the sum over an empty batch have the shape of the batch, so they have no gradient",
        f"x = {EMPTY}.requires_grad_()\n"
        f"loss = F.multilabel_margin_loss(x, {NO_LABELS}, reduction='sum')\n"
        "torch.autograd.grad(loss, x, torch.tensor(1.0, device='cuda'))[0].sum()",
        "RuntimeError", 0.0, of="gradient", since=SINCE, devices=ON,
    ),
    Divergence(
        "multilabel_margin_loss-ways-empty-batch", "multilabel_margin_loss", "contract",
        lambda m: "and the plain call gives" in m.problem and "(0,)" in m.problem,
        "tensors without data have the right shape, and those with data that of the batch, if it is empty",
        f"F.multilabel_margin_loss({EMPTY}, {NO_LABELS}, reduction='sum').ndim",
        1.0, 0.0, of="way", since=SINCE, devices=ON, ways=("fake", "meta"),
    ),
    Divergence(
        "multilabel_margin_loss-gradient-race", "multilabel_margin_loss", "race", last_labels_of_other_warps,
        "from 33 classes on, a thread multiplies the gradient by the upstream gradient while the first one "
        "still adds to it, if the last label is of another warp",
        RACE, 1.0, 0.0, of="gradient", since=SINCE, devices=ON,
        upstream="https://github.com/pytorch/pytorch/issues/84202",
    ),
    Divergence(
        "multilabel_margin_loss-gradient-half-sum", "multilabel_margin_loss", "accuracy",
        summed_in_own_format,
        "what each label adds to the gradient of a score is summed in half precision, not in float32",
        "x = torch.zeros(31, dtype=torch.bfloat16, device='cuda', requires_grad=True)\n"
        "labels = torch.full((31,), -1, device='cuda')\n"
        "labels[:15] = 0\n"
        "torch.autograd.grad(F.multilabel_margin_loss(x, labels), x)[0][0]",
        -14.75, -14.516129, formats=HALVES, of="gradient", since=SINCE, devices=ON,
    ),
    Divergence(
        "ctc_loss-vmap-of-gradient", "ctc_loss", "error",
        lambda m: "_use_cudnn_ctc_loss" in m.problem,
        "whether cuDNN serves a call has no batching rule, so vmap refuses the gradient",
        "n = torch.ones(1, dtype=torch.int64, device='cuda')\n"
        "gradient = torch.func.grad(lambda x: F.ctc_loss(x, n[None], n, n))\n"
        "torch.vmap(gradient)(torch.zeros(1, 1, 1, 2, device='cuda')).sum()",
        "RuntimeError", 1.0, of="way", since=SINCE, devices=ON, ways=("vmap_of_grad",),
    ),
    Divergence(
        "multilabel_margin_loss-accepts-label-out-of-range", "multilabel_margin_loss", "no error",
        label_out_of_range,
        "labels are not compared with the classes: too large ones are read beyond the array, and any that is "
        "negative in 32 bits ends the labels",
        "F.multilabel_margin_loss(torch.zeros(3, device='cuda'), torch.tensor([0, 1, -2], device='cuda'))",
        2 / 3, "ValueError", of="invalid call", since=SINCE, devices=ON,
        upstream="https://github.com/pytorch/pytorch/issues/191567",
    ),
)  # fmt: skip
