"""Saboteurs of the losses of several classes."""

from __future__ import annotations

from typing import Any

import torch

from . import faults as f
from .saboteur import GROSS, MODERATE, SUBTLE, Saboteur

BY_CLASS = ("cross_entropy", "nll_loss", "linear_cross_entropy")
SMOOTHED = ("cross_entropy", "linear_cross_entropy")
SCORES = {"cross_entropy": "x", "nll_loss": "x", "linear_cross_entropy": "x, torch.eye(5).to(x)"}
# Scores of samples in two positions each.
POSITIONS = {
    "cross_entropy": "torch.stack([x, y], 2)",
    "nll_loss": "torch.stack([x, y], 2)",
}


def _of_labels(given: dict[str, Any], got: torch.Tensor) -> bool:
    return not given["target"].is_floating_point()


def _weighted(given: dict[str, Any], got: torch.Tensor) -> bool:
    return given.get("weight") is not None


def _count(given: dict[str, Any]) -> int:
    return int(given["target"].numel())


def _of(loss: str) -> tuple[Saboteur, ...]:
    scores = SCORES[loss]
    mean_of_labels = f.both(f.reduced("mean"), _of_labels)
    return (
        Saboteur(
            loss, "weight ignored", "weights", GROSS, "the weights of the classes are ignored",
            f.ignoring("weight"), witness=f"F.{loss}({scores}, c, weight=w)",
        ),
        Saboteur(
            loss, "weighted mean over all", "weights", MODERATE,
            "the weighted mean divides by the number of samples, not by the sum of their weights",
            f.mean_by(_count, f.both(_of_labels, _weighted)),
            witness=f"F.{loss}({scores}, c, weight=w)",
        ),
        Saboteur(
            loss, "ignored are counted", "ignore_index", MODERATE,
            "the mean divides by the number of all samples, also the ignored",
            f.mean_by(_count, f.both(_of_labels, lambda given, got: not _weighted(given, got))),
            witness=f"F.{loss}({scores}, c, ignore_index=2)",
        ),
        Saboteur(
            loss, "ignore_index is not looked at", "ignore_index", MODERATE,
            "only -100 is ignored, whatever ignore_index says", f.ignoring("ignore_index"),
            witness=f"F.{loss}({scores}, c, ignore_index=2)",
        ),
        Saboteur(
            loss, "negative labels are ignored", "errors", MODERATE, "any negative label is ignored",
            f.altered("target", lambda c: c if c.is_floating_point() or c.dtype == torch.uint8
                      else torch.where(c < 0, -100, c)),
            witness=f"F.{loss}({scores}, c - 1)",
        ),
        Saboteur(
            loss, "labels wrap", "errors", MODERATE, "a label that is too large is taken modulo the classes",
            f.accepting(IndexError, lambda given: given["input"].sum()), witness=f"F.{loss}({scores}, c + 1)",
        ),
        Saboteur(
            loss, "another error", "errors", SUBTLE, "what is refused raises a KeyError", f.raising(KeyError),
            witness=f"F.{loss}({scores}, c + 1)",
        ),
        Saboteur(
            loss, "all ignored is 0", "ignore_index", SUBTLE,
            "the mean of ignored samples only is 0, not nan",
            f.instead(
                lambda original, given, right: torch.zeros_like(right),
                f.both(mean_of_labels, lambda given, got: (
                    given["target"].numel() > 0 and bool((given["target"] == given.get("ignore_index",
                    -100)).all())
                )),
            ),
            witness=f"F.{loss}({scores}, 0 * c, ignore_index=0)",
        ),
        Saboteur(
            loss, "empty mean is 0", "empty", SUBTLE, "the mean over no sample is 0, not nan",
            f.result(torch.nan_to_num, f.both(f.reduced("mean"), f.empty)),
            witness=f"F.{loss}({scores.replace('x', 'x[:0]', 1)}, c[:0])",
        ),
        Saboteur(
            loss, "unbatched", "shape", MODERATE, "a single sample without batch has a loss of shape (1,)",
            f.instead(
                lambda original, given, right: right[None],
                f.both(f.reduced("none"), f.dimensions(1)),
            ),
            witness=f"F.{loss}({scores.replace('x', 'x[0]', 1)}, c[0], reduction='none')",
        ),
        Saboteur(
            loss, "module", "module", MODERATE, "the module ignores its ignore_index",
            lambda original, given: original(**given) if given["self"].ignore_index == -100
            else _forgetful(original, given),
            {
                "cross_entropy": "torch.nn.CrossEntropyLoss.forward",
                "nll_loss": "torch.nn.NLLLoss.forward",
                "linear_cross_entropy": "torch.nn.LinearCrossEntropyLoss.forward",
            }[loss],
            witness={
                "cross_entropy": "torch.nn.CrossEntropyLoss(ignore_index=2)(x, c)",
                "nll_loss": "torch.nn.NLLLoss(ignore_index=2)(x, c)",
                "linear_cross_entropy":
                    "torch.manual_seed(0)\ntorch.nn.LinearCrossEntropyLoss(5, 5, ignore_index=2).to(x)(x, c)",
            }[loss],
        ),
    )  # fmt: skip


def _forgetful(original: Any, given: dict[str, Any]) -> Any:
    module, kept = given["self"], given["self"].ignore_index
    module.ignore_index = -100
    try:
        return original(**given)
    finally:
        module.ignore_index = kept


def _smoothed(loss: str) -> tuple[Saboteur, ...]:
    scores = SCORES[loss]
    return (
        Saboteur(
            loss, "smoothing ignored", "label smoothing", GROSS, "label_smoothing is ignored",
            f.ignoring("label_smoothing"), witness=f"F.{loss}({scores}, c, label_smoothing=0.3)",
        ),
        Saboteur(
            loss, "smoothing to the others", "label smoothing", MODERATE,
            "the smoothing is spread over the other classes only",
            f.instead(
                lambda original, given, right: original(
                    **given | {"label_smoothing": min(given["label_smoothing"] * 1.25, 1.0)}
                ),
                lambda given, got: bool(given.get("label_smoothing")),
            ),
            witness=f"F.{loss}({scores}, c, label_smoothing=0.3)",
        ),
        Saboteur(
            loss, "smoothing of probabilities", "label smoothing", MODERATE,
            "label_smoothing is ignored where the target is probabilities",
            f.instead(
                lambda original, given, right: original(**given | {"label_smoothing": 0.0}),
                lambda given, got: given["target"].is_floating_point(),
            ),
            witness=f"F.{loss}({scores}, p, label_smoothing=0.3)",
        ),
        Saboteur(
            loss, "probabilities are normalised", "option", SUBTLE, "probabilities are divided by their sum",
            f.altered("target", lambda p: p / p.sum(1 if p.ndim > 1 else 0, keepdim=True)
                      if p.is_floating_point() else p),
            witness=f"F.{loss}({scores}, p)",
        ),
    )  # fmt: skip


def _naive(original: Any, given: dict[str, Any], right: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.nll_loss(
        given["input"].exp().div(given["input"].exp().sum(1, keepdim=True)).log(),
        given["target"], ignore_index=given.get("ignore_index", -100), reduction="none",
    )  # fmt: skip


def _unshifted(original: Any, given: dict[str, Any], right: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.nll_loss(
        given["input"] - given["input"].exp().sum(1, keepdim=True).log(),
        given["target"], ignore_index=given.get("ignore_index", -100), reduction="none",
    )  # fmt: skip


def _simple(given: dict[str, Any], got: torch.Tensor) -> bool:
    """Labels of a plain batch, unreduced, without options."""
    options = given.get("weight") is not None or given.get("label_smoothing")
    return (
        _of_labels(given, got) and f.reduced("none")(given, got) and given["input"].ndim == 2 and not options
    )


MARGIN = "F.multi_margin_loss(x, c"

SABOTEURS = (
    *(saboteur for loss in BY_CLASS for saboteur in _of(loss)),
    *(saboteur for loss in SMOOTHED for saboteur in _smoothed(loss)),
    Saboteur(
        "cross_entropy", "softmax then log", "overflow", MODERATE,
        "softmax is computed first, and then its logarithm",
        f.instead(_naive, _simple), witness="F.cross_entropy(1000 * x, c, reduction='none')",
    ),
    Saboteur(
        "cross_entropy", "maximum not taken off", "overflow", MODERATE,
        "the logarithm of the sum of exponentials is computed without taking the maximum off",
        f.instead(_unshifted, _simple), witness="F.cross_entropy(x + 1000, c, reduction='none')",
    ),
    Saboteur(
        "cross_entropy", "log softmax in half", "precision", MODERATE,
        "log_softmax of bfloat16 adds exponentials up in bfloat16",
        f.instead(
            lambda original, given, right: given["self"] - given["self"].exp().cumsum(given["dim"])
            .select(given["dim"], -1).unsqueeze(given["dim"]).log() if given["self"].numel() else right,
            f.of_dtype("bfloat16"),
        ),
        "aten::_log_softmax", dtype="bfloat16",
    ),
    Saboteur(
        "cross_entropy", "classes last", "shape", GROSS,
        "of samples with one position the last dimension is taken for the classes",
        f.altered("input", lambda x: x.transpose(1, 2) if x.ndim == 3 and x.shape[1] == x.shape[2] else x),
        witness="F.cross_entropy(torch.randn(2, 3, 3, generator=torch.Generator().manual_seed(0)), "
        "torch.zeros(2, 3).long())",
    ),
    Saboteur(
        "cross_entropy", "positions of probabilities", "reduction", MODERATE,
        "the mean over probabilities divides by the batch only, not by the positions",
        f.mean_by(
            lambda given: len(given["input"]),
            f.both(f.dimensions(3, 4), lambda given, got: given["target"].is_floating_point()),
        ),
        witness="F.cross_entropy(torch.stack([x, y], 2), torch.stack([p, q], 2))",
    ),
    Saboteur(
        "cross_entropy", "ignored rows leak", "ignore_index", MODERATE,
        "ignored samples have a small gradient",
        f.instead(
            lambda original, given, right: right + 1e-3 * (given["input"] - given["input"].detach()).sum(),
            f.both(f.reduced("sum"), _of_labels),
        ),
        witness="gradient(F.cross_entropy(x, c, ignore_index=2, reduction='sum'))",
    ),
    Saboteur(
        "cross_entropy", "gradient by probabilities", "gradient", MODERATE,
        "a target of probabilities gets no gradient",
        f.altered("target", lambda p: p.detach() if p.is_floating_point() else p),
        witness="t = p.clone().requires_grad_()\ntorch.autograd.grad(F.cross_entropy(x, t), t)[0]",
    ),
    Saboteur(
        "cross_entropy", "bytes as labels", "dtype", SUBTLE,
        "labels of uint8 are taken for those of one less",
        f.altered("target", lambda c: c.long().sub(1).clamp(0) if c.dtype == torch.uint8 else c),
        witness="F.cross_entropy(x, c.byte())",
    ),
    Saboteur(
        "nll_loss", "sign", "gradient", GROSS, "the gradient has the other sign",
        f.result(torch.neg), "aten::nll_loss_backward", witness="gradient(F.nll_loss(x, c))",
    ),
    Saboteur(
        "nll_loss", "positions", "shape", GROSS, "of images each loss is that of the next position",
        f.result(lambda got: got.roll(1) if got.ndim > 1 else got), "aten::nll_loss2d_forward",
        witness="F.nll_loss(torch.stack([torch.stack([x, y], 2)] * 2, 3), "
        "torch.stack([torch.stack([c, 4 - c], 1)] * 2, 2), reduction='none')",
    ),
    Saboteur(
        "nll_loss", "total weight", "reduction", MODERATE,
        "the kernel reports one more in the total weight, by which the gradient is divided",
        lambda original, given: (lambda got: (got[0], got[1] + 1))(original(**given)),
        "aten::nll_loss_forward",
        witness="gradient(F.nll_loss(x, c))",
    ),
    Saboteur(
        "nll_loss", "half sum", "precision", MODERATE, "sums of float16 are rounded after each sample, up",
        f.result(lambda got: got * (1 + 2**-7), f.both(f.of_dtype("float16"), f.dimensions(2))),
        "aten::nll_loss_forward", dtype="float16", rows=40,
    ),
    Saboteur(
        "linear_cross_entropy", "bias ignored", "option", GROSS, "the bias is ignored",
        f.ignoring("linear_bias"),
        witness="F.linear_cross_entropy(x, torch.eye(5).to(x), c, linear_bias=w)",
    ),
    Saboteur(
        "linear_cross_entropy", "gradient by weight", "gradient", MODERATE, "linear_weight gets no gradient",
        f.without_gradient("linear_weight"),
        witness="t = torch.eye(5).to(x).requires_grad_()\n"
        "torch.autograd.grad(F.linear_cross_entropy(x, t, c), t)[0]",
    ),
    Saboteur(
        "multi_margin_loss", "p ignored", "option", MODERATE, "p is taken for 1", f.ignoring("p"),
        witness=f"{MARGIN}, p=2)",
    ),
    Saboteur(
        "multi_margin_loss", "margin ignored", "option", MODERATE, "the margin is taken for 1",
        f.ignoring("margin"),
        witness=f"{MARGIN}, margin=0.3)",
    ),
    Saboteur(
        "multi_margin_loss", "weight ignored", "weights", GROSS, "the weights of the classes are ignored",
        f.ignoring("weight"), witness=f"{MARGIN}, weight=w)",
    ),
    Saboteur(
        "multi_margin_loss", "weight inside the power", "weights", MODERATE,
        "the weight is squared where p is 2",
        f.instead(
            lambda original, given, right: original(**given | {"weight": given["weight"] ** 2}),
            lambda given, got: given.get("weight") is not None and given.get("p", 1) == 2,
        ),
        witness=f"{MARGIN}, p=2, weight=w)",
    ),
    Saboteur(
        "multi_margin_loss", "divides by others", "reduction", GROSS,
        "a loss is divided by the number of the other classes",
        f.result(lambda got: got * 1.25), "aten::multi_margin_loss", witness=f"{MARGIN})",
    ),
    Saboteur(
        "multi_margin_loss", "p of 3", "errors", MODERATE, "p other than 1 and 2 is taken",
        f.accepting(Exception, lambda given: given["input"].sum()), witness=f"{MARGIN}, p=3)",
    ),
    Saboteur(
        "multi_margin_loss", "module", "module", MODERATE, "the module ignores its margin",
        f.with_options("multi_margin_loss", "p", "weight", "reduction"),
        "torch.nn.MultiMarginLoss.forward", witness="torch.nn.MultiMarginLoss(margin=0.3)(x, c)",
    ),
    Saboteur(
        "multilabel_margin_loss", "labels after the end", "option", MODERATE,
        "-1 is passed over, and does not end the labels",
        f.altered("target", lambda m: m.sort(-1, descending=True)[0]),
        witness="F.multilabel_margin_loss(x, m)",
    ),
    Saboteur(
        "multilabel_margin_loss", "mean is sum", "reduction", GROSS, "the mean over the batch is the sum",
        f.altered("reduction", lambda reduction: "sum" if reduction == "mean" else reduction),
        witness="F.multilabel_margin_loss(x, m, reduction='mean')",
    ),
    Saboteur(
        "multilabel_margin_loss", "too large a label", "errors", MODERATE,
        "a label that is too large is taken",
        f.accepting(RuntimeError, lambda given: given["input"].sum()),
        witness="F.multilabel_margin_loss(x, m + 3)",
    ),
    Saboteur(
        "multilabel_margin_loss", "unbatched", "shape", MODERATE, "without batch the loss is doubled",
        f.result(lambda got: 2 * got, f.dimensions(1)), witness="F.multilabel_margin_loss(x[0], m[0])",
    ),
    Saboteur(
        "multilabel_soft_margin_loss", "weight ignored", "weights", GROSS, "the weights are ignored",
        f.ignoring("weight"), witness="F.multilabel_soft_margin_loss(x, p, weight=w)",
    ),
    Saboteur(
        "multilabel_soft_margin_loss", "sum over classes", "reduction", GROSS,
        "the losses of the classes are added up, not averaged",
        f.instead(lambda original, given, right: right * given["input"].shape[-1], f.dimensions(1, 2, 3)),
    ),
    Saboteur(
        "multilabel_soft_margin_loss", "naive", "overflow", MODERATE,
        "the logarithm of the sigmoid is computed naively",
        lambda original, given: (torch.sigmoid(given["self"]).log(), original(**given)[1]),
        "aten::log_sigmoid_forward", witness="F.multilabel_soft_margin_loss(x - 1000, p)",
    ),
    Saboteur(
        "multilabel_soft_margin_loss", "gradient by target", "gradient", MODERATE,
        "the target gets no gradient",
        f.without_gradient("target"),
        witness="t = p.clone().requires_grad_()\n"
        "torch.autograd.grad(F.multilabel_soft_margin_loss(x, t), t)[0]",
    ),
)  # fmt: skip
