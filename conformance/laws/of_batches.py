"""Laws of reductions and of batches: samples do not know of each other."""

from __future__ import annotations

import numpy as np

from strategies import Case
from strategies.signatures import form_of

from ..dividing import divisor_weights
from ..losses import LOSSES
from .batches import axes_of, batch_size, labels_of, spelt_out, taking
from .claim import Call, Claim, reduced


def unchanged(before: Call, after: Call, *reductions: str, each: str = "each_before") -> Claim:
    """The claim that two calls agree, in each of the reductions.

    Args:
        before: a call.
        after: what became of it.
        reductions: by default "none" and "mean", as `reducing` relates these to the sum.
        each: what the unreduced result should be, in terms of that before.
    """
    calls: dict[str, Call] = {}
    relations = []
    for reduction in reductions or ("none", "mean"):
        name = "each" if reduction == "none" else reduction
        calls[f"{name}_before"] = reduced(before, reduction)
        calls[f"{name}_after"] = reduced(after, reduction)
        relations.append(f"{name}_after == {each if reduction == 'none' else f'{name}_before'}")
    return Claim(calls, tuple(relations))


def reducing(case: Case) -> Claim:
    """The reductions are sums of the unreduced losses, divided by what is documented for "mean".

    Source: the argument ``reduction`` in the documentation of each loss. With labels and weights per class
    the mean divides by the weights of the labels that count; CTC divides each loss by the length of its
    target first; "batchmean" of kl_div divides by the size of the batch.
    """
    calls: dict[str, Call] = {
        name: reduced(case, reduction) for name, reduction in (("each", "none"), ("total", "sum"))
    }
    relations, given = ["np.sum(each) == total"], {}
    weights = divisor_weights(case)
    if form_of(case).of_sequences:
        given["lengths"] = np.maximum(case.arguments["target_lengths"], 1).astype(float)
        relations.append("np.sum(each / lengths) / lengths.size == mean")
    elif weights is None:
        relations.append("np.sum(each) / each.size == mean")
    elif np.any(weights) or not case.arguments.get("label_smoothing"):
        # Where no label weighs anything, smoothing may give a sum; the mean of nothing is nan all the same.
        given["weights"] = weights
        relations.append("np.sum(each) / np.sum(weights) == mean")
    if len(relations) > 1:
        calls["mean"] = reduced(case, "mean")
    if "batchmean" in LOSSES[case.loss].reductions:
        calls["batchmean"] = reduced(case, "batchmean")
        shape = np.broadcast_shapes(case.arguments["input"].shape, case.arguments["target"].shape)
        relations.append(f"np.sum(each) / {shape[0] if shape else 1} == batchmean")
    return Claim(calls, tuple(relations), given)


def permuting_the_batch(case: Case) -> Claim | None:
    """Samples in another order have the same losses in that order, the same sum and the same mean.

    A loss is computed sample by sample, and sums do not depend on the order of their terms.
    """
    case = spelt_out(case)
    size = batch_size(case)
    if size is None or size < 2:
        return None
    return unchanged(case, taking(case, list(range(size))[::-1]), each="each_before[::-1]")


def splitting_the_batch(case: Case) -> Claim | None:
    """The sum over a batch is that over its halves together.

    A loss is computed sample by sample, and sums do not depend on the order of their terms.
    """
    case = spelt_out(case)
    size = batch_size(case)
    if size is None or size < 2:
        return None
    parts = {
        "whole": case,
        "first": taking(case, list(range(size // 2))),
        "second": taking(case, list(range(size // 2, size))),
    }
    sums: dict[str, Call] = {name: reduced(part, "sum") for name, part in parts.items()}
    return Claim(sums, ("first + second == whole",))


def duplicating_the_batch(case: Case) -> Claim | None:
    """A batch that is given twice in a row has twice the sum and the same mean.

    Sum and number of the losses, or of the weights, are both doubled.
    """
    case = spelt_out(case)
    size = batch_size(case)
    if not size:
        return None
    twice = taking(case, list(range(size)) * 2)
    calls: dict[str, Call] = {
        f"{reduction}_of_{name}": reduced(part, reduction)
        for reduction in ("sum", "mean")
        for name, part in (("once", case), ("twice", twice))
    }
    return Claim(calls, ("sum_of_twice == 2 * sum_of_once", "mean_of_twice == mean_of_once"))


def stacking(case: Case) -> Claim | None:
    """The loss of a sample in a batch is the loss of the sample without a batch axis.

    Source: the section "Shape" of each loss. The first and the last sample are looked at.
    """
    case = spelt_out(case)
    size = batch_size(case)
    if not size or axes_of(case, "d"):  # a sample with positions has no unbatched form
        return None
    calls: dict[str, Call] = {"batch": case, "first": taking(case, 0), "last": taking(case, size - 1)}
    return Claim(calls, ("batch[0] == first", "batch[-1] == last"))


def padding_targets(case: Case) -> Claim:
    """Targets of CTC may be given padded, or one behind the other without padding.

    Source: torch.nn.CTCLoss, "Shape". An unbatched target counts as padded with an axis of one in front.
    """
    rows = labels_of(case)
    dtype = case.arguments["targets"].dtype
    padded = np.zeros((len(rows), max(map(len, rows))), dtype=dtype)
    for row, labels in zip(padded, rows):
        row[: len(labels)] = labels
    joined = np.concatenate([*rows, np.zeros(0, dtype=dtype)])
    return unchanged(case.replacing(targets=joined), case.replacing(targets=padded))
