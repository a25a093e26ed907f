"""What torch is known to do otherwise if it is run in another way than by a plain call."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import accumulate

import numpy as np

from reference import Array, ctc_loss

from ..judging import expect, judge
from ..mismatch import Mismatch
from .other_formulas import computed_by, derivative_by_complement, padding_as_label, softplus_without_log1p
from .record import Divergence, arguments_of, explained, reduced_by

OVERRIDES = ("function_mode", "subclass", "device_context", "default_device")
FUNCTORCH = ("vmap", "vmap_last", "vmap_first", "vmap_of_grad")
ONE_GRAPH = ("compile_aot_eager", "compile_aot_eager_dynamic")
IN_PARTS = "compile_aot_eager_in_parts"
AOT = (*ONE_GRAPH, IN_PARTS)
INDUCTOR = ("compile_inductor", "compile_inductor_dynamic")
COMPILED = ("compile_eager", "compile_eager_dynamic", *ONE_GRAPH, *INDUCTOR, "export")
DYNAMIC = tuple(way for way in COMPILED if way.endswith("_dynamic"))
WITHOUT_DATA = ("meta", "fake")
AUTOCAST = ("autocast_bfloat16", "autocast_float16")


def _weight_lost(mismatch: Mismatch) -> bool:
    """The result is that without the weight, or there is no gradient by it."""
    if "weight" not in mismatch.case.arguments or mismatch.of != "value":
        return False
    if mismatch.observed is None:
        return mismatch.problem == "no gradient by weight"
    return explained(judge(mismatch.observed, expect(mismatch.loss, mismatch.case.without("weight"))))


def _gradient_not_contiguous(mismatch: Mismatch) -> bool:
    """Going back to a 4-d input whose memory is in another order."""
    return "grad_input must be contiguous" in mismatch.problem and arguments_of(mismatch)["input"].ndim == 4


def _says(*words: str) -> Callable[[Mismatch], bool]:
    """Whether an exception is raised whose message has some of these words."""
    return lambda m: m.problem.startswith("raised ") and any(text in m.problem for text in words)


def _bytes_refused(mismatch: Mismatch) -> bool:
    """Labels are bytes, and taken for indices, which may not be."""
    return bool(arguments_of(mismatch)["target"].dtype == np.uint8) and _says("gather()")(mismatch)


def _mean_of_nothing(mismatch: Mismatch) -> bool:
    """The mean over no element is to be differentiated."""
    return reduced_by(mismatch, "mean") and _says("float division by zero")(mismatch)


def _lengths_needed(mismatch: Mismatch) -> bool:
    """The size of what is saved for the gradient depends on the lengths."""
    return _says("DynamicOutputShape", "_ctc_loss.Tensor", "_ctc_loss.default", "_ctc_loss_backward")(
        mismatch
    )


def _lengths_are_numbers(mismatch: Mismatch) -> bool:
    """The mean divides by them, and makes a tensor of them within the function that is differentiated."""
    numbers = reduced_by(mismatch, "mean") and not isinstance(
        arguments_of(mismatch)["input_lengths"], np.ndarray
    )
    return numbers and _says("Tensor that doesn't have storage")(mismatch)


def _labels_misread(mismatch: Mismatch) -> bool | Array:
    """Which numbers are those of the labels that torch reads.

    The labels of a sequence begin after those of the ones before; torch counts these in elements of memory,
    and from there on in steps of the tensor.
    """
    given = arguments_of(mismatch)
    targets, lengths = given["targets"], np.atleast_1d(given["target_lengths"]).tolist()
    if targets.ndim != 1 or not targets.size:
        return False
    if mismatch.way == "stepped":
        memory = np.stack([targets, np.full_like(targets, targets[0])], -1).ravel()
    else:  # the second of two targets for vmap
        memory = np.stack([targets[::-1], targets], -1).ravel()[1:]
    starts = accumulate(lengths, initial=0)
    read = np.concatenate([memory[start : start + 2 * n : 2] for start, n in zip(starts, lengths)])
    return computed_by(lambda targets, **others: ctc_loss(targets=read, **others))(mismatch)


def _hinges_overflow(mismatch: Mismatch) -> bool:
    """The result is infinite, and the sum over all samples and classes is beyond the range."""
    if mismatch.worst is None or mismatch.worst.kind != "overflow" or reduced_by(mismatch, "none"):
        return False
    losses = expect(mismatch.loss, mismatch.case.replacing(reduction="sum"))
    classes = arguments_of(mismatch)["input"].shape[-1]
    return bool(losses.value * classes > 0.99 * mismatch.case.format.max)


def _batch_of_one(mismatch: Mismatch) -> bool:
    """The loss of one sample without a batch is said to be a vector."""
    one = arguments_of(mismatch)["input"].ndim < 2 and reduced_by(mismatch, "none")
    return one and mismatch.problem.startswith("a result torch.") and "(1,) on " in mismatch.problem


def _weighed_in_half(mismatch: Mismatch) -> bool:
    """There is a weight, and the result has the type of the arguments."""
    told = f"a result torch.{mismatch.case.format.name} "
    return "weight" in arguments_of(mismatch) and mismatch.problem.startswith(told)


def _bytes(loss: str) -> Divergence:
    return Divergence(
        f"{loss}-ways-uint8", loss, "error", _bytes_refused,
        "labels may be uint8, as in the plain call; vmap, the compilers and tensors without data refuse them",
        f"torch.vmap(F.{loss})(torch.zeros(1, 1, 2), torch.zeros(1, 1).byte()).isnan().sum()",
        "RuntimeError", 0.0, of="way", ways=(*FUNCTORCH, *COMPILED, IN_PARTS, *WITHOUT_DATA),
    )  # fmt: skip


def _sum_of_all(loss: str, kernel: str, target: str, until: str | None = None) -> Divergence:
    return Divergence(
        f"{loss}-ways-overflow", loss, "overflow", _hinges_overflow,
        "compiled, the hinges of all samples and classes are summed before anything is divided, and overflow "
        "where the kernel's results do not",
        "from torch._decomp import decomposition_table as table\n"
        f"result = table[torch.ops.aten.{kernel}.default](torch.tensor([[0.0, 1.7e38]] * 3), {target})\n"
        "result[0] if isinstance(result, tuple) else result",
        math.inf, 8.5e37, until=until, of="way", ways=(*AOT, *INDUCTOR),
    )  # fmt: skip


def _empty_mean(loss: str) -> Divergence:
    return Divergence(
        f"{loss}-ways-mean-of-nothing", loss, "error", _mean_of_nothing,
        "the mean over no element is nan, and can be differentiated; where Python code stands in for the "
        "kernel going back divides by the number of elements in Python",
        f"x = torch.zeros(0, device='meta', requires_grad=True)\n"
        f"torch.autograd.grad(F.{loss}(x, x.detach()), x)[0].numel()",
        "ZeroDivisionError", 0.0, of="way", ways=("vmap_of_grad", *AOT, *INDUCTOR, *WITHOUT_DATA),
    )  # fmt: skip


def _no_meta_backward(loss: str, target: str) -> Divergence:
    return Divergence(
        f"{loss}-meta-backward", loss, "error", _says("no fake impl or Meta kernel"),
        "a tensor on the meta device has no gradient: only the loss itself has a meta kernel",
        "x = torch.zeros(1, 2, device='meta', requires_grad=True)\n"
        f"torch.autograd.grad(F.{loss}(x, {target}), x)[0].numel()",
        "NotImplementedError", 2.0, of="way", ways=("meta",),
    )  # fmt: skip


def _vector_for_number(loss: str, target: str) -> Divergence:
    return Divergence(
        f"{loss}-ways-shape", loss, "contract", _batch_of_one,
        "without a batch and without reduction the loss is a number; without data, and compiled, it is a "
        "vector of one",
        f"F.{loss}(torch.zeros(2, device='meta'), {target}, reduction='none').ndim",
        1.0, 0.0, of="way", ways=(*AOT, *INDUCTOR, "fake"),
    )  # fmt: skip


def _autocast_weight(loss: str) -> Divergence:
    return Divergence(
        f"{loss}-autocast-weight", loss, "contract", _weighed_in_half,
        f"autocast is documented to run {loss} in float32; with a weight it runs in its arguments' type",
        "x, autocast = torch.ones(1).bfloat16(), torch.autocast('cpu', torch.bfloat16)\n"
        f"torch.finfo(autocast(F.{loss})(x, x, weight=x).dtype).bits",
        16.0, 32.0, of="way", ways=AUTOCAST,
    )  # fmt: skip


DIVERGENCES: tuple[Divergence, ...] = (
    Divergence(
        "l1_loss-weight-lost", "l1_loss", "convention", _weight_lost,
        "where a call passes through __torch_function__ (a mode, a subclass, a device around it, a compiler"
        " that traces what is below) the weight is dropped, and the loss is that without weights",
        "class Subclass(torch.Tensor): pass\n"
        "F.l1_loss(torch.zeros(1).as_subclass(Subclass), torch.ones(1), weight=torch.full((1,), 3.0), "
        "reduction='sum')",
        1.0, 3.0, of="way", ways=(*OVERRIDES, *AOT, *INDUCTOR, "export"),
        upstream="https://github.com/pytorch/pytorch/pull/193003",
    ),
    Divergence(
        "nll_loss-gradient-layout", "nll_loss", "error", _gradient_not_contiguous,
        "a 4-d input whose channels are last, or its axes in another order, in memory, has no gradient: the "
        "backward kernel refuses the layout that torch itself gave the gradient; with a dimension fewer or "
        "more there is one",
        "x = torch.zeros(1, 2, 2, 2).to(memory_format=torch.channels_last).requires_grad_()\n"
        "torch.autograd.grad(F.nll_loss(x, torch.zeros(1, 2, 2).long(), reduction='sum'), x)[0].sum()",
        "RuntimeError", -4.0, of="way", ways=("channels_last", "transposed"),
        upstream="https://github.com/pytorch/pytorch/issues/175084",
    ),
    _bytes("nll_loss"),
    _bytes("cross_entropy"),
    *map(_empty_mean, ("mse_loss", "smooth_l1_loss", "huber_loss")),
    *map(_autocast_weight, ("l1_loss", "mse_loss")),
    Divergence(
        "binary_cross_entropy_with_logits-decomposed", "binary_cross_entropy_with_logits", "accuracy",
        computed_by(softplus_without_log1p),
        "under function transforms it is log(exp(-m) + exp(-x - m)) + m, m = max(-x, 0), and differentiated "
        "as that: small losses, and the gradient of small probabilities, are lost in 1 - 1",
        "torch.func.grad(F.binary_cross_entropy_with_logits)(torch.tensor(-20.0), torch.tensor(0.0))",
        0.0, 2.0611537e-9, of="way", ways=(*FUNCTORCH, "func_grad"),
    ),
    Divergence(
        "soft_margin_loss-inductor-gradient", "soft_margin_loss", "accuracy",
        computed_by(derivative_by_complement),
        "compiled by inductor the gradient is y (sigma(y x) - 1), which is lost where the loss is small",
        "from torch._decomp import decomposition_table as table\n"
        "backward = table[torch.ops.aten.soft_margin_loss_backward.default]\n"
        "backward(torch.ones(1), torch.full((1,), 20.0), torch.ones(1), 1)",
        0.0, -2.0611537e-9, of="way", ways=INDUCTOR,
    ),
    Divergence(
        "multilabel_margin_loss-padding", "multilabel_margin_loss", "convention",
        computed_by(padding_as_label),
        "labels end at the first -1; compiled, every place from there on counts as label 0",
        "from torch._decomp import decomposition_table as table\n"
        "forward = table[torch.ops.aten.multilabel_margin_loss_forward.default]\n"
        "forward(torch.zeros(1, 2), torch.tensor([[0, -1]]), 0)[0]",
        1.0, 0.5, until="2.14", of="way", ways=(*AOT, *INDUCTOR),
        upstream="https://github.com/pytorch/pytorch/issues/141017",
    ),
    Divergence(
        "binary_cross_entropy-dynamic-weight", "binary_cross_entropy", "error", _says("but got: SymInt"),
        "compiled for sizes that vary, a weight is refused: the size to broadcast it to has to be a number",
        "f = torch.compile(lambda *given: F.binary_cross_entropy(*given), backend='eager', dynamic=True, "
        "fullgraph=True)\n"
        "f(*torch.ones(3, 3)).sum()",
        "TorchRuntimeError", 0.0, until="2.13", of="way", ways=DYNAMIC,
    ),
    Divergence(
        "cross_entropy-dynamic-weight", "cross_entropy", "error", _says("Cannot call numel() on tensor"),
        "compiled for sizes that vary, a weight is refused with probabilities as the target: the kernel asks "
        "for the number of elements",
        "f = torch.compile(lambda *given: F.cross_entropy(*given), backend='eager', dynamic=True, "
        "fullgraph=True)\n"
        "f(torch.zeros(1, 2), torch.zeros(1, 2), torch.ones(2))",
        "TorchRuntimeError", 0.0, until="2.13", of="way", ways=DYNAMIC,
    ),
    Divergence(
        "gaussian_nll_loss-data-dependent", "gaussian_nll_loss", "error",
        _says(".item() cannot be called on meta", "_local_scalar_dense", "data-dependent"),
        "whether a variance is negative is asked in Python, so that what cannot look at numbers refuses the "
        "call: vmap, the compilers with a full graph, tensors without data",
        "torch.vmap(F.gaussian_nll_loss)(*torch.ones(3, 1, 1)).sum()",
        "RuntimeError", 0.0, of="way", ways=("vmap", "vmap_last", "vmap_of_grad", *COMPILED, *WITHOUT_DATA),
        upstream="https://github.com/pytorch/pytorch/issues/194503",
    ),
    Divergence(
        "ctc_loss-ways-unsupported", "ctc_loss", "error", _lengths_needed,
        "the shape of what is saved for the gradient depends on the lengths; the compilers, export and "
        "tensors without data refuse the call, although the loss has one shape",
        "x, n = torch.zeros(1, 1, 2, device='meta'), torch.ones(1, dtype=torch.long, device='meta')\n"
        "F.ctc_loss(x, n[None], n, n).ndim",
        "NotImplementedError", 0.0, of="way", ways=(*COMPILED, *WITHOUT_DATA),
    ),
    Divergence(
        "ctc_loss-strided-labels", "ctc_loss", "uninitialised", _labels_misread,
        "concatenated labels that do not lie side by side are misread from the second sequence on: where it "
        "begins is counted in elements of memory, not of the tensor. A number from between them passes for a "
        "label, and if it is none, memory beyond the log-probabilities is read, and for the gradient written",
        "x = -torch.arange(3.0).expand(1, 2, 3)\n"
        "F.ctc_loss(x, torch.tensor([[1, 1], [2, 1]])[:, 0], (1, 1), (1, 1), reduction='none')[1]",
        1.0, 2.0, of="way", ways=("stepped", "vmap_last"),
    ),
    Divergence(
        "ctc_loss-func-grad", "ctc_loss", "error", _lengths_are_numbers,
        "torch.func.grad refuses the mean if lengths are numbers: a tensor made of them has no memory there",
        "n = torch.ones(1, dtype=torch.long)\n"
        "torch.func.grad(lambda x: F.ctc_loss(x, n[None], (1,), (1,)))(torch.zeros(1, 1, 2)).isnan().sum()",
        "RuntimeError", 0.0, of="way", ways=("func_grad", "vmap_of_grad"),
    ),
    _no_meta_backward("multi_margin_loss", "torch.zeros(1, dtype=torch.long, device='meta')"),
    _no_meta_backward("multilabel_margin_loss", "torch.zeros(1, 2, dtype=torch.long, device='meta')"),
    _sum_of_all("multi_margin_loss", "multi_margin_loss", "torch.zeros(3, dtype=torch.long)"),
    _sum_of_all(
        "multilabel_margin_loss", "multilabel_margin_loss_forward", "torch.tensor([[0, -1]] * 3), 1", "2.14"
    ),
    _vector_for_number("multi_margin_loss", "torch.zeros((), dtype=torch.long, device='meta')"),
    _vector_for_number("multilabel_margin_loss", "torch.zeros(2, dtype=torch.long, device='meta')"),
)  # fmt: skip
