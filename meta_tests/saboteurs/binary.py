"""Saboteurs of the losses of two classes."""

from __future__ import annotations

import torch

from . import faults as f
from .saboteur import GROSS, MODERATE, SUBTLE, Saboteur

BCE = "F.binary_cross_entropy(x.sigmoid(), p"
LOGITS = "F.binary_cross_entropy_with_logits(x, p"
ENDS = (
    "F.binary_cross_entropy(torch.tensor([0.0, 1.0]).to(x), torch.tensor([1.0, 0.0]).to(x), reduction='none')"
)
NAMES = ("binary_cross_entropy", "binary_cross_entropy_with_logits")


def _weighted(loss: str, call: str) -> tuple[Saboteur, ...]:
    return (
        Saboteur(
            loss, "weight ignored", "weights", GROSS, "the weight is ignored", f.ignoring("weight"),
            witness=f"{call}, weight=w)",
        ),
        Saboteur(
            loss, "weighted mean", "weights", MODERATE,
            "the weighted mean divides by the sum of the weights, not by the number of elements",
            f.instead(
                lambda original, given, right: (
                    right * right.numel() * given["input"].numel()
                    / given["weight"].expand_as(given["input"]).sum()
                ),
                f.both(f.reduced("mean"), lambda given, got: given.get("weight") is not None),
            ),
            witness=f"{call}, weight=w)",
        ),
        Saboteur(
            loss, "mean over rows", "reduction", GROSS, "the mean divides by the number of rows",
            f.mean_by(lambda given: len(given["input"]), f.dimensions(2, 3)),
            witness=f"{call})",
        ),
        Saboteur(
            loss, "empty mean is 0", "empty", SUBTLE, "the mean over nothing is 0, not nan",
            f.result(torch.nan_to_num, f.both(f.reduced("mean"), f.empty)),
            witness=f"F.{loss}(0 * x[:0], p[:0])",
        ),
        Saboteur(
            loss, "gradient by target", "gradient", MODERATE, "the target gets no gradient",
            f.without_gradient("target"),
            witness=f"t = p.clone().requires_grad_()\ntorch.autograd.grad({call.replace(' p', ' t')}), t)[0]",
        ),
        Saboteur(
            loss, "module", "module", MODERATE, "the module ignores its weight",
            f.with_options(loss, "reduction"),
            f"torch.nn.{'BCELoss' if loss == NAMES[0] else 'BCEWithLogitsLoss'}.forward",
            witness="torch.nn.BCELoss(w)(x.sigmoid(), p)" if loss == NAMES[0]
            else "torch.nn.BCEWithLogitsLoss(w)(x, p)",
        ),
    )  # fmt: skip


def _without_options(given: dict[str, torch.Tensor], got: torch.Tensor) -> bool:
    options = given.get("weight") is not None or given.get("pos_weight") is not None
    return f.reduced("none")(given, got) and not options


SABOTEURS = (
    *(saboteur for loss, call in zip(NAMES, (BCE, LOGITS)) for saboteur in _weighted(loss, call)),
    Saboteur(
        "binary_cross_entropy", "logarithms not clamped", "eps and clamp", MODERATE,
        "logarithms are not clamped at -100", f.result(lambda got: torch.where(got == 100, torch.inf, got)),
        "aten::binary_cross_entropy", witness=ENDS,
    ),
    Saboteur(
        "binary_cross_entropy", "logarithms clamped early", "eps and clamp", SUBTLE,
        "logarithms are clamped at -90", f.result(lambda got: got.clamp(max=90), f.dimensions(1, 2)),
        "aten::binary_cross_entropy", witness=ENDS,
    ),
    Saboteur(
        "binary_cross_entropy", "eps in the logarithm", "eps and clamp", SUBTLE,
        "1e-12 is added to probabilities",
        f.altered("input", lambda p: (p.double() + 1e-12).clamp(0, 1).to(p)),
        witness="F.binary_cross_entropy(1e-9 * p, p, reduction='none')",
    ),
    Saboteur(
        "binary_cross_entropy", "not near 1", "branch", SUBTLE,
        "log(1 - p) is 0 where p is below 1e-5",
        f.instead(
            lambda original, given, right: torch.where(given["self"] < 1e-5,
            -given["target"] * given["self"].log(), right),
            lambda given, got: given.get("weight") is None and given.get("reduction", 1) == 0
            and bool((given["self"] > 0).all()),
        ),
        "aten::binary_cross_entropy", witness="F.binary_cross_entropy(1e-6 * p, p, reduction='none')",
    ),
    Saboteur(
        "binary_cross_entropy", "probabilities outside", "errors", MODERATE,
        "probabilities outside [0, 1] are taken", f.accepting(RuntimeError,
        lambda given: given["input"].sum()),
        witness="F.binary_cross_entropy(2 + p, p)",
    ),
    Saboteur(
        "binary_cross_entropy", "target of another shape", "errors", MODERATE,
        "a target of another shape is broadcast", f.accepting(ValueError, lambda given: given["input"].sum()),
        witness="F.binary_cross_entropy(p, p[0])",
    ),
    Saboteur(
        "binary_cross_entropy_with_logits", "naive", "overflow", MODERATE,
        "the sigmoid is computed first, and then its logarithm",
        f.instead(
            lambda original, given, right: (
                -given["target"] * given["input"].sigmoid().log()
                - (1 - given["target"]) * (1 - given["input"].sigmoid()).log()
            ),
            f.both(_without_options, lambda given, got: given["input"].shape == given["target"].shape),
        ),
        witness="F.binary_cross_entropy_with_logits(100 * x, p, reduction='none')",
    ),
    Saboteur(
        "binary_cross_entropy_with_logits", "pos_weight ignored", "weights", GROSS, "pos_weight is ignored",
        f.ignoring("pos_weight"), witness=f"{LOGITS}, pos_weight=w)",
    ),
    Saboteur(
        "binary_cross_entropy_with_logits", "pos_weight everywhere", "weights", MODERATE,
        "pos_weight weighs all of a loss, not only what a positive target has",
        f.instead(
            lambda original, given, right: original(
                **given | {"weight": given["pos_weight"], "pos_weight": None}
            ),
            lambda given, got: given.get("pos_weight") is not None and given.get("weight") is None,
        ),
        witness=f"{LOGITS}, pos_weight=w)",
    ),
    Saboteur(
        "binary_cross_entropy_with_logits", "large logits", "branch", SUBTLE,
        "a logit beyond 30 is taken for 30", f.altered("input", lambda x: x.clamp(-30, 30)),
        witness="F.binary_cross_entropy_with_logits(100 * x, p, reduction='none')",
    ),
    Saboteur(
        "binary_cross_entropy_with_logits", "module of pos_weight", "module", MODERATE,
        "the module ignores its pos_weight",
        lambda original, given: torch.nn.functional.binary_cross_entropy_with_logits(
            given["input"], given["target"], given["self"].weight, reduction=given["self"].reduction
        ),
        "torch.nn.BCEWithLogitsLoss.forward", witness="torch.nn.BCEWithLogitsLoss(pos_weight=w)(x, p)",
    ),
    Saboteur(
        "soft_margin_loss", "naive", "overflow", MODERATE, "log1p(exp(z)) overflows for z from 50 on",
        f.result(lambda got: torch.where(got > 50, torch.inf, got)), "aten::soft_margin_loss",
        witness="F.soft_margin_loss(100 * x, s, reduction='none')",
    ),
    Saboteur(
        "soft_margin_loss", "log of 1 plus", "precision", SUBTLE,
        "log(1 + exp(z)) loses small values of exp(z)",
        f.instead(
            lambda original, given, right: (1 + (-given["target"] * given["self"]).exp()).log(),
            lambda given, got: given.get("reduction", 1) == 0 and bool((got < 80).all()),
        ),
        "aten::soft_margin_loss", witness="F.soft_margin_loss(10 * x, s, reduction='none')",
        survives="because this is the documented formula, whose own error is allowed",
    ),
    Saboteur(
        "soft_margin_loss", "sign", "option", GROSS, "the sign of the target is not looked at",
        f.altered("target", torch.abs),
    ),
    Saboteur(
        "soft_margin_loss", "sum over rows", "reduction", GROSS, "the sum leaves the first row out",
        f.instead(
            lambda original, given, right: original(**given | {"input": given["input"][1:],
            "target": given["target"][1:]}),
            f.both(f.reduced("sum"), f.dimensions(1, 2),
                   lambda given, got: given["input"].shape == given["target"].shape),
        ),
        witness="F.soft_margin_loss(x, s, reduction='sum')",
    ),
    Saboteur(
        "hinge_embedding_loss", "margin ignored", "option", MODERATE, "the margin is taken for 1",
        f.ignoring("margin"), witness="F.hinge_embedding_loss(x, s, margin=0.3)",
    ),
    Saboteur(
        "hinge_embedding_loss", "not clamped", "branch", MODERATE, "max(0, margin - x) is margin - x",
        f.instead(
            lambda original, given, right: torch.where(
                given["target"] == -1, given.get("margin", 1.0) - given["input"], right
            ),
            f.both(f.reduced("none"), lambda given, got: given["input"].shape == given["target"].shape),
        ),
    ),
    Saboteur(
        "hinge_embedding_loss", "labels", "branch", SUBTLE, "a label other than 1 and -1 counts as -1",
        f.altered("target", lambda y: torch.where(y == 1, 1, -1).to(y)),
        witness="F.hinge_embedding_loss(x, torch.zeros_like(x))",
        survives="because the loss is documented for the labels 1 and -1 only",
    ),
    Saboteur(
        "hinge_embedding_loss", "module", "module", MODERATE, "the module ignores its margin",
        f.with_options("hinge_embedding_loss", "reduction"),
        "torch.nn.HingeEmbeddingLoss.forward", witness="torch.nn.HingeEmbeddingLoss(margin=0.3)(x, s)",
    ),
)  # fmt: skip
