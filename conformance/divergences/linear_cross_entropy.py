"""Where torch differs from the documentation of linear_cross_entropy: its linear layer and its chunks."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from strategies import is_real

from ..chunked import chunking_of
from ..devices import lacks_tiles
from ..mismatch import Mismatch, SecondMismatch
from .divergence import NUMBERS, Divergence, Witness
from .outcomes import AnyOf, Computes, Contract, Elements, Gives, Raises
from .torch_formulas import chunked as by_torch
from .ways import COMPILED
from .witnesses import forward, twice, value

OPTIONS = "options=torch.nn.LinearCrossEntropyOptions(allow_retain_graph=True)"
DIFFERENTIABLE = ("input", "linear_weight", "linear_bias")
ROW = "torch.tensor([[0.0], [1.0]])"


def ignores(mismatch: Any) -> Elements:
    """Chunked calls that ignore a label; the logits of one may be nan, or overflow."""
    given = mismatch.case.arguments
    ignored = bool(np.any(given["target"] == given.get("ignore_index", -100)))
    return ignored and chunking_of(mismatch.case) is not None


def second_by_arguments(mismatch: Any) -> Elements:
    """Second derivatives of chunked calls by their arguments, and what forward mode gives."""
    if chunking_of(mismatch.case) is None or not isinstance(mismatch, SecondMismatch):
        return False
    return mismatch.way == "jvp" or mismatch.argument != "along"


def chunked_and_reduced(mismatch: Any) -> bool:
    """Chunked calls with a mean or a sum."""
    return chunking_of(mismatch.case) is not None and mismatch.case.arguments.get("reduction") != "none"


def takes_the_reference_path(mismatch: Any) -> bool:
    """Calls with options that torch does not heed."""
    given = mismatch.case.arguments
    return "options" in given and (is_real(given["target"]) or chunking_of(mismatch.case) is None)


def rows_before(mismatch: Mismatch) -> Elements:
    """Rows of a linear layer up to two before one that is not finite; reductions over such rows."""
    finite = np.isfinite(mismatch.case.arguments["input"])
    if finite.ndim < 2 or mismatch.observed is None or bool(np.all(finite)):
        return False
    spoilt = ~np.all(finite, axis=-1)
    near = np.roll(spoilt, -1) | np.roll(spoilt, -2)
    near[len(near) - np.argmax(spoilt[::-1]) - 1 :] = False  # nothing follows the last of them
    shape = mismatch.observed.shape
    if shape[:1] != near.shape:
        return bool(np.any(near))
    return np.broadcast_to(near.reshape(-1, *(1,) * (len(shape) - 1)), shape)


DIVERGENCES = (
    Divergence(
        "linear_cross_entropy-next-row", "nan", "corner", Gives((math.nan,), rows_before),
        "on processors with matrix tiles, where an odd number of bfloat16 factors is filled up from the next "
        "row, an ignored sample that holds an infinity or nan makes the samples before it nan",
        (
            value("F.linear_cross_entropy(torch.tensor([0.0] * 16 + [math.nan]).bfloat16()[:, None]"
                  ".repeat(1, 31), torch.zeros(9, 31).bfloat16(), torch.tensor([0] * 16 + [-100]))",
                  math.nan, math.log(9)),
            twice("torch.tensor([0.0] * 16 + [math.nan]).bfloat16()[:, None].repeat(1, 31)",
                  "F.linear_cross_entropy(x, torch.zeros(9, 31).bfloat16(), torch.tensor([0] * 16 + [-100]))",
                  "[14, 0]", math.nan, 0.0),
        ),
        formats=("bfloat16",), of=NUMBERS, devices=("cpu",), since="2.13", needs=lacks_tiles,
    ),
    Divergence(
        "linear_cross_entropy-chunked-ignored", "nan", "corner",
        Computes({"linear_cross_entropy": by_torch.linear_cross_entropy}, ignores),
        "an ignored sample contributes nothing; the chunked path multiplies its loss by a weight of 0, which "
        "makes nan of logits that are nan or infinite",
        (
            value("F.linear_cross_entropy(torch.tensor([[math.nan]]), torch.zeros(2, 1), "
                  f"torch.tensor([-100]), reduction='sum', {OPTIONS})", math.nan, 0.0),
        ),
        since="2.13",
    ),
    Divergence(
        "linear_cross_entropy-chunked-second", "accuracy", "ordinary", Gives((0.0,), second_by_arguments),
        "second derivatives and forward mode of the chunked path are documented as unsupported; with a mean "
        "or a sum a second derivative is silently 0, and so is forward mode always, in place of an exception",
        (
            forward("torch.zeros(1, 1)", f"F.linear_cross_entropy(x, {ROW}, torch.tensor([0]), {OPTIONS})",
                    "torch.ones(1, 1)", 0.0, 0.5),
            Witness(
                "linear_cross_entropy",
                "x = torch.zeros(1, 1, requires_grad=True)\n"
                f"loss = F.linear_cross_entropy(x, {ROW}, torch.tensor([0]), {OPTIONS})\n"
                "upstream = torch.ones((), requires_grad=True)\n"
                "(gradient,) = torch.autograd.grad(loss, x, upstream, create_graph=True)\n"
                "given = {'allow_unused': True, 'materialize_grads': True}\n"
                "torch.autograd.grad(gradient.sum(), x, **given)[0].sum()",
                0.0, 0.25,
            ),
        ),
        of=("second",), since="2.13",
    ),
    Divergence(
        "linear_cross_entropy-chunked-vmap", "contract", "ordinary",
        AnyOf(tuple(Contract((f"no gradient by {name}",), chunked_and_reduced) for name in DIFFERENTIABLE)),
        "a mean or a sum that vmap makes of chunked calls has no gradient, although it says that it requires "
        "one; without reduction it has",
        (
            Witness(
                "linear_cross_entropy",
                "x, w, t = torch.zeros(2, 1, 1, requires_grad=True), torch.ones(2, 1), torch.tensor([0])\n"
                f"f = lambda x: F.linear_cross_entropy(x, w, t, {OPTIONS})\n"
                "float(torch.autograd.grad(torch.vmap(f)(x).sum(), x, allow_unused=True)[0] is not None)",
                0.0, 1.0,
            ),
        ),
        of=("way",), ways=("vmap", "vmap_last"), since="2.13",
    ),
    Divergence(
        "linear_cross_entropy-options-warning", "error", "ordinary",
        Raises(("Unsupported",), ("marked as skipped",), takes_the_reference_path),
        "options that are not heeded leave the reference path, which compiles; the warning that says so is "
        "refused where all is to be one graph",
        (
            Witness(
                "linear_cross_entropy",
                "f = torch.compile(lambda x, w, t: F.linear_cross_entropy(x, w, t, label_smoothing=0.5, "
                f"{OPTIONS}), backend='eager', fullgraph=True)\n"
                "f(torch.zeros(1, 1), torch.zeros(1, 1), torch.tensor([0]))",
                "Unsupported", 0.0,
            ),
        ),
        of=("way",), ways=tuple(way for way in COMPILED if way != "export"), since="2.13",
    ),
)  # fmt: skip
