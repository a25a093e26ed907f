"""What torch does instead of the documented on NVIDIA GPUs only."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .divergence import HALVES, Divergence, Witness
from .outcomes import Accepts, Answer, Computes, Contract, Elements, Gives, Raises, Unwritten

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
MULTI = "multilabel_margin_loss"


def one_ignored(mismatch: Any) -> Elements:
    """The mean over a single sample without batch, which is ignored."""
    given = mismatch.case.arguments
    alone = given["input"].ndim == 1 and given["target"].ndim == 0
    mean = given.get("reduction", "mean") == "mean"
    return alone and mean and bool(given["target"] == given.get("ignore_index", -100))


def empty_and_reduced(mismatch: Any) -> bool:
    """The mean and the sum over an empty batch."""
    given = mismatch.case.arguments
    return not given["input"].size and given.get("reduction", "mean") in ("mean", "sum")


def last_labels_of_other_warps(mismatch: Any) -> Elements:
    """The last label of each sample, where another warp than that of the first thread has its element."""
    given = mismatch.case.arguments
    labels = np.atleast_2d(given["target"])
    concerned = np.zeros(np.shape(given["input"]), dtype=bool)
    for row, sample in zip(np.atleast_2d(concerned), labels):
        end = int(np.argmax(sample < 0)) if np.any(sample < 0) else sample.size
        if end:
            last = sample[end - 1]
            row[last] = last % BLOCK >= WARP
    return concerned


DIVERGENCES = (
    Divergence(
        "mean-of-one-ignored", "convention", "corner", Gives((0.0,), one_ignored),
        "the mean over a single sample without batch that is ignored is 0 on CUDA; over a batch of such, "
        "and on the CPU, it is nan, as that of nothing",
        tuple(
            Witness(
                loss, f"F.{loss}(torch.zeros(2, device='cuda'), torch.tensor(-100, device='cuda'))",
                0.0, math.nan,
            )
            for loss in ("cross_entropy", "nll_loss")
        ),
        since=SINCE, devices=ON,
    ),
    Divergence(
        "multilabel_margin_loss-empty-batch", "contract", "corner",
        Contract(("shape (0,) instead of ()",), empty_and_reduced),
        "the mean and the sum over an empty batch have the shape of the batch",
        (
            Witness(MULTI, f"F.multilabel_margin_loss({EMPTY}, {NO_LABELS}, reduction='sum').ndim", 1.0, 0.0),
            Witness(
                MULTI,
                f"x = {EMPTY}.requires_grad_()\n"
                f"loss = F.multilabel_margin_loss(x, {NO_LABELS}, reduction='sum')\n"
                "torch.autograd.grad(loss, x, torch.tensor(1.0, device='cuda'))[0].sum()",
                "RuntimeError", 0.0, "gradient",
            ),
        ),
        of=("value", "gradient"), since=SINCE, devices=ON,
    ),
    Divergence(
        "multilabel_margin_loss-ways-empty-batch", "contract", "corner",
        Contract(("and the plain call gives", "(0,)"), empty_and_reduced),
        "tensors without data have the right shape, and those with data that of the batch, if it is empty",
        (Witness(MULTI, f"F.multilabel_margin_loss({EMPTY}, {NO_LABELS}, reduction='sum').ndim", 1.0, 0.0),),
        of=("way",), since=SINCE, devices=ON, ways=("fake", "meta"),
    ),
    Divergence(
        "multilabel_margin_loss-gradient-race", "race", "ordinary",
        Unwritten(last_labels_of_other_warps, "what a thread reads depends on which comes first"),
        "from 33 classes on, a thread multiplies the gradient by the upstream gradient while the first one "
        "still adds to it, if the last label is of another warp",
        (Witness(MULTI, RACE, 1.0, 0.0),),
        of=("gradient",), since=SINCE, devices=ON,
        upstream="https://github.com/pytorch/pytorch/issues/84202",
    ),
    Divergence(
        "multilabel_margin_loss-gradient-half-sum", "accuracy", "ordinary", Computes(narrow=(MULTI,)),
        "what each label adds to the gradient of a score is summed in half precision, not in float32",
        (
            Witness(
                MULTI,
                "x = torch.zeros(31, dtype=torch.bfloat16, device='cuda', requires_grad=True)\n"
                "labels = torch.full((31,), -1, device='cuda')\n"
                "labels[:15] = 0\n"
                "torch.autograd.grad(F.multilabel_margin_loss(x, labels), x)[0][0]",
                -14.75, -14.516129,
            ),
        ),
        formats=HALVES, of=("gradient",), since=SINCE, devices=ON,
    ),
    Divergence(
        "ctc_loss-vmap-of-gradient", "error", "ordinary",
        Raises(("RuntimeError",), ("_use_cudnn_ctc_loss",)),
        "whether cuDNN serves a call has no batching rule, so vmap refuses the gradient",
        (
            Witness(
                "ctc_loss",
                "n = torch.ones(1, dtype=torch.int64, device='cuda')\n"
                "gradient = torch.func.grad(lambda x: F.ctc_loss(x, n[None], n, n))\n"
                "torch.vmap(gradient)(torch.zeros(1, 1, 1, 2, device='cuda')).sum()",
                "RuntimeError", 1.0,
            ),
        ),
        of=("way",), since=SINCE, devices=ON, ways=("vmap_of_grad",),
    ),
    Divergence(
        "multilabel_margin_loss-accepts-label-out-of-range", "no error", "accepted",
        Accepts({
            f"{MULTI}-{name}": Answer(None, (), "float32")
            for name in ("label-too-large", "label-negative", "label-far-too-large")
        }),
        "labels are not compared with the classes: too large ones are read beyond the array, and any that is "
        "negative in 32 bits ends the labels",
        (
            Witness(
                MULTI,
                "F.multilabel_margin_loss(torch.zeros(3, device='cuda'), "
                "torch.tensor([0, 1, -2], device='cuda'))",
                2 / 3, "ValueError",
            ),
        ),
        of=("invalid call",), since=SINCE, devices=ON,
        upstream="https://github.com/pytorch/pytorch/issues/191567",
    ),
)  # fmt: skip
