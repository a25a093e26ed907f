"""Where torch differs from the documentation of cross entropy, its relatives and the multi-class hinges."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from reference import Array
from strategies import is_real

from ..chunked import chunking_of
from ..mismatch import Mismatch
from . import torch_formulas
from .divergence import HALVES, NUMBERS, Divergence, Witness
from .linear_cross_entropy import second_by_arguments
from .outcomes import Computes, Contract, Elements, Raises, Unwritten, where_it_strays
from .torch_formulas import classification as by_torch
from .ways import AOT, DYNAMIC, INDUCTOR
from .witnesses import forward, gradient, twice, value

NAN, INF = math.nan, math.inf
HALF_ROWS = "torch.tensor([4.875, 4.0, 6.0, 6.75, 4.75, 7.75, 6.125, 0.375]).bfloat16()[:, None]"
ENTROPIES = Computes(
    torch_formulas.OF_LOSSES,
    lambda mismatch: chunking_of(mismatch.case) is None,
    narrow=torch_formulas.NARROW,
)


def _axis(x: Array) -> int:
    return 0 if x.ndim == 1 else 1


def _elements(mismatch: Mismatch, samples: Array) -> Elements:
    """Samples of the input as elements of what is off: of the loss of each, or of the gradient."""
    x = mismatch.case.arguments["input"]
    observed = mismatch.observed
    if observed is None or samples.shape == observed.shape:
        return samples
    argument = getattr(mismatch, "argument", "")
    if argument in ("input", "target") and observed.shape == x.shape:
        return np.broadcast_to(np.expand_dims(samples, _axis(x)), x.shape)
    return bool(np.any(samples))


def _of_samples(mismatch: Mismatch, of_logits: Any) -> Array:
    """What holds of the logits of each sample, any of them."""
    x = mismatch.case.arguments["input"]
    return np.asarray(np.any(of_logits(x), axis=_axis(x)))


def _ignored(mismatch: Mismatch) -> Array:
    """Which samples are ignored."""
    given = mismatch.case.arguments
    if is_real(given["target"]):
        return np.zeros_like(_of_samples(mismatch, np.isnan))
    ignored = given.get("ignore_index")
    labels: Array = given["target"]
    return np.asarray(labels == (-100 if ignored is None else ignored))


def infinite_logit(mismatch: Mismatch) -> Elements:
    """Samples one of whose logits is inf, or, of a linear layer, may be."""
    return _elements(mismatch, _of_samples(mismatch, lambda x: x == np.inf) & ~_ignored(mismatch))


def masked_logit(mismatch: Mismatch) -> Elements:
    """Samples one of whose logits is -inf, and none inf, with a target of probabilities."""
    if not is_real(mismatch.case.arguments["target"]):
        return False
    masked = _of_samples(mismatch, lambda x: x == -np.inf) & ~_of_samples(mismatch, lambda x: x == np.inf)
    return _elements(mismatch, masked)


def ignored_not_finite(mismatch: Mismatch) -> Elements:
    """Ignored samples whose logits are nan or infinite; and, of a linear layer, all that depends on them."""
    if mismatch.of == "value" or second_by_arguments(mismatch):
        return False
    ignored = _ignored(mismatch)
    given = mismatch.case.arguments
    if "linear_weight" in given:
        parts = (given[name] for name in ("input", "linear_weight", "linear_bias") if name in given)
        return bool(np.any(ignored)) and not all(bool(np.all(np.isfinite(part))) for part in parts)
    return _elements(mismatch, _of_samples(mismatch, lambda x: ~np.isfinite(x)) & ignored)


def smoothed(mismatch: Mismatch) -> Elements:
    """Calls in which labels are smoothed."""
    return bool(mismatch.case.arguments.get("label_smoothing"))


def nan_score(mismatch: Mismatch) -> Elements:
    """Calls in which a score, a difference of scores, or a margin is nan."""
    given = mismatch.case.arguments
    return not (bool(np.all(np.isfinite(given["input"]))) and math.isfinite(given.get("margin", 1.0)))


def empty_and_reduced(mismatch: Mismatch) -> Elements:
    """The mean and the sum over an empty batch."""
    given = mismatch.case.arguments
    return given["input"].size == 0 and given.get("reduction", "mean") in ("mean", "sum")


def _constant(loss: str, *names: str) -> Any:
    """The formula of a loss that does not change with some of its arguments."""
    formula = torch_formulas.OF_LOSSES[loss]

    def fixed(**arguments: Any) -> Any:
        given = {name: by_torch.as_constant(v) if name in names else v for name, v in arguments.items()}
        return formula(**given)

    return fixed


def forward_mode(mismatch: Any) -> Elements:
    """What forward mode gives along arguments by which backward refuses to differentiate."""
    return bool(mismatch.way == "jvp") and {*mismatch.tangents} <= {*mismatch.loss.refused}


def padded(mismatch: Mismatch) -> Elements:
    """Whether the labels of a sample end before the last place."""
    return bool(np.any(mismatch.case.arguments["target"] == -1))


def _channels_last(mismatch: Mismatch) -> bool:
    return bool(mismatch.case.arguments["input"].ndim == 4)


def _batch_of_one(mismatch: Mismatch) -> bool:
    given = mismatch.case.arguments
    return given["input"].ndim < 2 and given.get("reduction") == "none"


SWALLOWED = "max(0, .) of nan is 0, so a nan score, or a difference of equal infinities, goes unnoticed"
IGNORED_MODE = "forward mode takes for a constant the argument by which backward refuses to differentiate"
REFUSED = {
    "nll_loss": _constant("nll_loss", "weight"),
    "cross_entropy": by_torch.cross_entropy_in_forward_mode,
    "linear_cross_entropy": by_torch.linear_cross_entropy_in_forward_mode,
    "binary_cross_entropy": _constant("binary_cross_entropy", "weight"),
    "soft_margin_loss": _constant("soft_margin_loss", "target"),
}
ONE, ONES = "torch.ones(1)", "torch.ones(2)"


DIVERGENCES = (
    Divergence(
        "cross_entropy-zero-probability", "nan", "corner",
        Computes(torch_formulas.OF_LOSSES, masked_logit),
        "a class that is masked by a logit of -inf and has probability 0 contributes 0 log 0 = 0; torch "
        "multiplies 0 by the logarithm -inf, and the loss is nan",
        (
            value("F.cross_entropy(torch.tensor([[0.0, -math.inf]]), torch.tensor([[1.0, 0.0]]))", NAN, 0.0),
            gradient("torch.ones(2)",
                     "F.cross_entropy(torch.tensor([[0.0, -math.inf]]), torch.tensor([[1.0, 0.0]]), x)",
                     "[1]", NAN, 0.0),
        ),
        of=("value", "gradient"),
    ),
    Divergence(
        "gradient-ignored", "nan", "corner", Computes(torch_formulas.OF_LOSSES, ignored_not_finite),
        "an infinite or nan logit of an ignored sample makes the sample's gradient nan, which is 0; of a "
        "linear layer it makes all gradients nan",
        (
            gradient("torch.tensor([[math.inf]])",
                     "F.cross_entropy(x, torch.tensor([-100]), reduction='sum')", "[0, 0]", NAN, 0.0),
            gradient("torch.tensor([[math.inf]])",
                     "F.linear_cross_entropy(x, torch.ones(1, 1), torch.tensor([-100]), reduction='sum')",
                     "[0, 0]", NAN, 0.0),
            twice("torch.tensor([[math.inf]])", "F.cross_entropy(x, torch.tensor([-100]), reduction='sum')",
                  "[0, 0]", NAN, 0.0),
            twice("torch.tensor([[math.inf]])",
                  "F.linear_cross_entropy(x, torch.ones(1, 1), torch.tensor([-100]), reduction='sum')",
                  "[0, 0]", NAN, 0.0),
        ),
        of=("gradient", "second"), upstream="https://github.com/pytorch/pytorch/issues/11551",
    ),
    Divergence(
        "cross_entropy-infinite", "nan", "corner", Computes(torch_formulas.OF_LOSSES, infinite_logit),
        "log softmax is nan if a logit is inf; of a single one the limit is 0, and -inf for the others",
        (
            value("F.cross_entropy(torch.tensor([math.inf, 0.0]), torch.tensor(0))", NAN, 0.0),
            gradient("torch.tensor([math.inf, 0.0])", "F.cross_entropy(x, torch.tensor(1))", "[0]", NAN, 1.0),
        ),
        of=("value", "gradient"), upstream="https://github.com/pytorch/pytorch/issues/6864",
    ),
    Divergence(
        "smoothing-sum", "overflow", "extreme",
        Computes(torch_formulas.OF_LOSSES, smoothed, where_it_strays, torch_formulas.NARROW),
        "label smoothing sums over the batch and all classes before it scales down",
        (
            value("F.cross_entropy(torch.tensor([[0.0, -300.0]] * 300).half(), torch.zeros(300).long(), "
                  "label_smoothing=0.1, reduction='sum')", INF, 4500.0),
            value("F.linear_cross_entropy(torch.ones((300, 1)).half(), "
                  "torch.tensor([[0.0], [-300.0]]).half(), torch.zeros(300).long(), "
                  "label_smoothing=0.1, reduction='sum')", INF, 4500.0),
        ),
    ),
    Divergence(
        "half-sum", "accuracy", "ordinary", ENTROPIES,
        "the CPU kernel of nll_loss sums losses and weights in half precision, not in float32, so that sums "
        "are inaccurate from a few terms on, and more than 65,504 samples of float16 have an infinite weight",
        (
            value("F.nll_loss(-torch.tensor([1.4375, 3.8125, 2.9375, 0.875, 3.75, 1.75, 3.0625, 0.6875])"
                  ".bfloat16()[:, None], torch.zeros(8).long(), reduction='sum')", 18.5, 18.3125),
            Witness(
                "cross_entropy",
                "x = torch.tensor([96, 102, 31, 37, 39, 12, 45, 23, 65, 65, 17, 32, 66, 85, 70, 98])\n"
                "x = x.bfloat16()\n"
                "F.cross_entropy(torch.stack([x, torch.zeros_like(x)], 1), torch.ones(16).long(), "
                "reduction='sum')",
                872.0, 883.0,
            ),
            value("F.linear_cross_entropy(torch.ones(2, 1).half(), torch.tensor([[0.0], [-4e4]]).half(), "
                  "torch.tensor([1, 1]))", INF, 4e4),
            gradient("torch.zeros(17, 1).half()",
                     "F.nll_loss(x, torch.zeros(17).long(), torch.full((1,), 0.09546).half())", "[0, 0]",
                     -0.0587158203125, -1 / 17),
            gradient("torch.zeros(66000, 2).half()", "F.cross_entropy(x, torch.zeros(66000).long())",
                     "[0, 1]", 0.0, 7.5757576e-6),
            gradient("torch.ones(66000, 1).half()",
                     "F.linear_cross_entropy(x, torch.tensor([[1.0], [0.0]]).half(), "
                     "torch.zeros(66000).long())",
                     "[0, 0]", 0.0, -4.0748e-6),
            forward("torch.zeros(8, 1).bfloat16()", "F.nll_loss(x, torch.zeros(8).long(), reduction='sum')",
                    HALF_ROWS, -41.0, -40.625),
        ),
        of=NUMBERS, formats=HALVES, upstream="https://github.com/pytorch/pytorch/issues/85791",
    ),
    Divergence(
        "nan", "nan", "corner", Computes(torch_formulas.OF_LOSSES, nan_score), SWALLOWED,
        (
            value("F.multi_margin_loss(torch.tensor([math.nan, 0.0]), torch.tensor(0))", 0.0, NAN),
            value("F.multilabel_margin_loss(torch.tensor([math.nan, 0.0]), torch.tensor([0, -1]))", 0.0, NAN),
        ),
    ),
    Divergence(
        "empty", "uninitialised", "corner",
        Unwritten(empty_and_reduced, "the kernel returns before it writes the result"),
        "an empty batch gives what memory happens to hold; filled with nan first, nan",
        (
            Witness(
                "multi_margin_loss",
                "torch.use_deterministic_algorithms(True)\n"
                "F.multi_margin_loss(torch.empty(0, 3), torch.empty(0).long(), reduction='sum')",
                NAN, 0.0,
            ),
            Witness(
                "multilabel_margin_loss",
                "torch.use_deterministic_algorithms(True)\n"
                "F.multilabel_margin_loss(torch.empty(0, 3), torch.empty(0, 3).long(), reduction='sum')",
                NAN, 0.0,
            ),
        ),
    ),
    Divergence(
        "second-refused", "accuracy", "ordinary", Computes(REFUSED, forward_mode), IGNORED_MODE,
        (
            forward(ONE, "F.nll_loss(torch.ones(1, 1), torch.tensor([0]), x, reduction='sum')", ONE,
                    0.0, -1.0),
            forward(ONES, "F.cross_entropy(torch.zeros(2), torch.tensor(0), x, reduction='sum')", ONES,
                    0.0, math.log(2)),
            forward(ONES, "F.linear_cross_entropy(torch.zeros(2), torch.eye(2), torch.tensor(0), weight=x, "
                    "reduction='sum')", ONES, 0.0, math.log(2)),
            forward(ONE, f"F.binary_cross_entropy(torch.full((1,), 0.5), {ONE}, x)", ONE, 0.0, math.log(2)),
            forward(ONE, f"F.soft_margin_loss({ONE}, x)", ONE, 0.0, -0.26894142),
        ),
        of=("second",),
    ),
    Divergence(
        "nll_loss-gradient-layout", "error", "ordinary",
        Raises(("RuntimeError",), ("grad_input must be contiguous",), _channels_last),
        "a 4-d input whose channels are last, or its axes in another order, in memory, has no gradient: the "
        "backward kernel refuses the layout that torch itself gave the gradient; with a dimension fewer or "
        "more there is one",
        (
            Witness(
                "nll_loss",
                "x = torch.zeros(1, 2, 2, 2).to(memory_format=torch.channels_last).requires_grad_()\n"
                "loss = F.nll_loss(x, torch.zeros(1, 2, 2).long(), reduction='sum')\n"
                "torch.autograd.grad(loss, x)[0].sum()",
                "RuntimeError", -4.0,
            ),
        ),
        of=("way",), ways=("channels_last", "transposed"),
        upstream="https://github.com/pytorch/pytorch/issues/175084",
    ),
    Divergence(
        "cross_entropy-dynamic-weight", "error", "ordinary",
        Raises(("TorchRuntimeError",), ("Cannot call numel() on tensor",)),
        "compiled for sizes that vary, a weight is refused with probabilities as the target: the kernel asks "
        "for the number of elements",
        (
            Witness(
                "cross_entropy",
                "f = torch.compile(lambda *given: F.cross_entropy(*given), backend='eager', dynamic=True, "
                "fullgraph=True)\n"
                "f(torch.zeros(1, 2), torch.zeros(1, 2), torch.ones(2))",
                "TorchRuntimeError", 0.0,
            ),
        ),
        of=("way",), until="2.13", ways=DYNAMIC,
        upstream="https://github.com/pytorch/pytorch/issues/181870",
    ),
    Divergence(
        "multilabel_margin_loss-padding", "convention", "ordinary",
        Computes({"multilabel_margin_loss": by_torch.padding_as_label}, padded),
        "labels end at the first -1; compiled, every place from there on counts as label 0",
        (
            Witness(
                "multilabel_margin_loss",
                "f = torch.compile(lambda *given: F.multilabel_margin_loss(*given), backend='aot_eager')\n"
                "f(torch.zeros(1, 2), torch.tensor([[0, -1]]))",
                1.0, 0.5,
            ),
        ),
        of=("way",), until="2.14", ways=(*AOT, *INDUCTOR),
        upstream="https://github.com/pytorch/pytorch/issues/141017",
    ),
    Divergence(
        "meta-backward", "error", "without data",
        Raises(("NotImplementedError",), ("no fake impl or Meta kernel",)),
        "a tensor on the meta device has no gradient: only the loss itself has a meta kernel",
        tuple(
            Witness(
                loss,
                "x = torch.zeros(1, 2, device='meta', requires_grad=True)\n"
                f"torch.autograd.grad(F.{loss}(x, {target}), x)[0].numel()",
                "NotImplementedError", 2.0,
            )
            for loss, target in (
                ("multi_margin_loss", "torch.zeros(1, dtype=torch.long, device='meta')"),
                ("multilabel_margin_loss", "torch.zeros(1, 2, dtype=torch.long, device='meta')"),
            )
        ),
        of=("way",), ways=("meta",),
    ),
    Divergence(
        "ways-overflow", "overflow", "extreme",
        Computes({"multi_margin_loss": by_torch.summed_multi_margin_loss,
                  "multilabel_margin_loss": by_torch.summed_multilabel_margin_loss},
                 where=where_it_strays),
        "compiled, the hinges of all samples and classes are summed before anything is divided, and overflow "
        "where the kernel's results do not",
        (
            Witness(
                "multi_margin_loss",
                "f = torch.compile(lambda *given: F.multi_margin_loss(*given), backend='aot_eager')\n"
                "f(torch.tensor([[0.0, 1.7e38]] * 3), torch.zeros(3, dtype=torch.long))",
                INF, 8.5e37,
            ),
            Witness(
                "multilabel_margin_loss",
                "f = torch.compile(lambda *given: F.multilabel_margin_loss(*given), backend='aot_eager')\n"
                "f(torch.tensor([[0.0, 1.7e38]] * 3), torch.tensor([[0, 0]] * 3))",
                INF, 8.5e37,
            ),
        ),
        of=("way",), ways=(*AOT, *INDUCTOR),
    ),
    Divergence(
        "ways-shape", "contract", "without data",
        Contract(("a result torch.", "(1,) on "), _batch_of_one),
        "without a batch and without reduction the loss is a number; without data, and compiled, it is a "
        "vector of one",
        tuple(
            Witness(loss, f"F.{loss}(torch.zeros(2, device='meta'), {target}, reduction='none').ndim",
                    1.0, 0.0)
            for loss, target in (
                ("multi_margin_loss", "torch.zeros((), dtype=torch.long, device='meta')"),
                ("multilabel_margin_loss", "torch.zeros(2, dtype=torch.long, device='meta')"),
            )
        ),
        of=("way",), ways=(*AOT, *INDUCTOR, "fake"),
    ),
)  # fmt: skip
