"""Saboteurs of the losses that compare vectors."""

from __future__ import annotations

import torch

from . import faults as f
from .saboteur import GROSS, MODERATE, SUBTLE, Saboteur

COSINE = "F.cosine_embedding_loss(x, y, d"
RANKING = "F.margin_ranking_loss(x, y, s"
TRIPLET = "F.triplet_margin_loss(x, y, z"
DISTANCE = "F.triplet_margin_with_distance_loss(x, y, z"

SABOTEURS = (
    Saboteur(
        "cosine_embedding_loss", "margin ignored", "option", MODERATE, "the margin is taken for 0",
        f.ignoring("margin"), witness=f"{COSINE}, margin=-0.5)",
    ),
    Saboteur(
        "cosine_embedding_loss", "no eps", "eps and clamp", SUBTLE, "vectors of 0 have the cosine 1",
        f.altered("input1", lambda x: torch.where((x == 0).all(-1, keepdim=True), 1, x)),
        witness="F.cosine_embedding_loss(0 * x, y, d, reduction='none')",
    ),
    Saboteur(
        "cosine_embedding_loss", "unbatched", "shape", MODERATE, "single vectors give a loss of shape (1,)",
        f.result(lambda got: got.reshape(1), f.both(f.reduced("none"), f.dimensions(1))),
        witness="F.cosine_embedding_loss(x[0], y[0], d[0], reduction='none')",
    ),
    Saboteur(
        "cosine_embedding_loss", "target of 1 only", "branch", GROSS, "a target of -1 is taken for 1",
        f.altered("target", torch.abs), witness=f"{COSINE})",
    ),
    Saboteur(
        "cosine_embedding_loss", "not clamped", "branch", MODERATE, "max(0, cos - margin) is cos - margin",
        f.instead(
            lambda original, given, right: torch.where(
                given["target"] == -1,
                torch.cosine_similarity(given["input1"], given["input2"], dim=-1) - given.get("margin", 0.0),
                right,
            ),
            f.both(f.reduced("none"), f.dimensions(2)),
        ),
    ),
    Saboteur(
        "cosine_embedding_loss", "gradient by the second", "gradient", MODERATE, "input2 gets no gradient",
        f.without_gradient("input2"),
        witness="t = y.clone().requires_grad_()\ntorch.autograd.grad(F.cosine_embedding_loss(x, t, d), t)[0]",
    ),
    Saboteur(
        "cosine_embedding_loss", "shapes that do not fit", "errors", MODERATE,
        "vectors of other lengths are taken",
        f.accepting(Exception, lambda given: given["input1"].sum()),
        witness="F.cosine_embedding_loss(x, y[:, :3], d)",
    ),
    Saboteur(
        "cosine_embedding_loss", "module", "module", MODERATE, "the module ignores its margin",
        f.with_options("cosine_embedding_loss", "reduction"),
        "torch.nn.CosineEmbeddingLoss.forward", witness="torch.nn.CosineEmbeddingLoss(-0.5)(x, y, d)",
    ),
    Saboteur(
        "margin_ranking_loss", "margin ignored", "option", MODERATE, "the margin is taken for 0",
        f.ignoring("margin"), witness=f"{RANKING}, margin=0.5)",
    ),
    Saboteur(
        "margin_ranking_loss", "order", "option", GROSS, "the inputs are swapped",
        lambda original, given: original(**given | {"input1": given["input2"], "input2": given["input1"]}),
        witness=f"{RANKING})",
    ),
    Saboteur(
        "margin_ranking_loss", "kink", "gradient", SUBTLE,
        "the gradient at the kink is twice the largest subgradient",
        f.instead(
            lambda original, given, right: right - 2 * torch.where(
                (given["input1"] == given["input2"]) & (right == 0), given["target"], 0
            ) * (given["input1"] - given["input1"].detach()),
            f.both(f.reduced("none"), lambda given, got: given.get("margin", 0) == 0),
        ),
        witness="gradient(F.margin_ranking_loss(x, x.detach(), s, reduction='none'))",
    ),
    Saboteur(
        "margin_ranking_loss", "gradient by target", "gradient", SUBTLE, "the target gets no gradient",
        f.without_gradient("target"),
        witness="t = s.clone().requires_grad_()\ntorch.autograd.grad(F.margin_ranking_loss(x, y, t), t)[0]",
    ),
    Saboteur(
        "margin_ranking_loss", "mean of losing pairs", "reduction", MODERATE,
        "the mean is over those pairs that have a loss",
        f.instead(
            lambda original, given, right: (lambda each: each.sum() / (each > 0).sum())(
                original(**given | {"reduction": "none"})
            ),
            f.reduced("mean"),
        ),
        witness=f"{RANKING})",
    ),
    Saboteur(
        "margin_ranking_loss", "module", "module", MODERATE, "the module ignores its margin",
        f.with_options("margin_ranking_loss", "reduction"),
        "torch.nn.MarginRankingLoss.forward", witness="torch.nn.MarginRankingLoss(0.5)(x, y, s)",
    ),
    Saboteur(
        "triplet_margin_loss", "margin ignored", "option", MODERATE, "the margin is taken for 1",
        f.ignoring("margin"), witness=f"{TRIPLET}, margin=3.0)",
    ),
    Saboteur(
        "triplet_margin_loss", "p ignored", "option", MODERATE, "p is taken for 2", f.ignoring("p"),
        witness=f"{TRIPLET}, p=1, margin=9.0)",
    ),
    Saboteur(
        "triplet_margin_loss", "swap ignored", "option", MODERATE, "swap is ignored", f.ignoring("swap"),
        witness=f"{TRIPLET}, swap=True, margin=9.0)",
    ),
    Saboteur(
        "triplet_margin_loss", "eps ignored", "eps and clamp", SUBTLE, "eps is taken for 1e-6",
        f.ignoring("eps"),
        witness=f"{TRIPLET}, eps=0.1, margin=9.0)",
    ),
    Saboteur(
        "triplet_margin_loss", "eps not added", "eps and clamp", SUBTLE, "eps is taken for 0",
        lambda original, given: original(**given | {"eps": 0.0}), witness=f"{TRIPLET}, margin=9.0)",
    ),
    Saboteur(
        "triplet_margin_loss", "broadcast", "shape", SUBTLE, "a single negative is taken for 0",
        f.altered("negative", lambda z: torch.zeros_like(z) if z.ndim == 2 and len(z) == 1 else z),
        witness="F.triplet_margin_loss(x, y, z[:1], margin=9.0)",
    ),
    Saboteur(
        "triplet_margin_loss", "negative margin", "errors", MODERATE, "a margin of 0 or less is taken",
        f.accepting(ValueError, lambda given: given["anchor"].sum()), witness=f"{TRIPLET}, margin=-1.0)",
    ),
    Saboteur(
        "triplet_margin_loss", "gradient by negative", "gradient", MODERATE, "the negative gets no gradient",
        f.without_gradient("negative"),
        witness="t = z.clone().requires_grad_()\n"
        "torch.autograd.grad(F.triplet_margin_loss(x, y, t, margin=9.0), t)[0]",
    ),
    Saboteur(
        "triplet_margin_loss", "module", "module", MODERATE, "the module ignores swap",
        f.with_options("triplet_margin_loss", "margin", "p", "eps", "reduction"),
        "torch.nn.TripletMarginLoss.forward", witness="torch.nn.TripletMarginLoss(9.0, swap=True)(x, y, z)",
    ),
    Saboteur(
        "triplet_margin_with_distance_loss", "margin ignored", "option", MODERATE,
        "the margin is taken for 1",
        f.ignoring("margin"), witness=f"{DISTANCE}, margin=3.0)",
    ),
    Saboteur(
        "triplet_margin_with_distance_loss", "swap ignored", "option", MODERATE, "swap is ignored",
        f.ignoring("swap"), witness=f"{DISTANCE}, swap=True, margin=9.0)",
    ),
    Saboteur(
        "triplet_margin_with_distance_loss", "distance ignored", "option", GROSS,
        "the distance is the Euclidean one, whatever is given", f.ignoring("distance_function"),
        witness=f"{DISTANCE}, distance_function=lambda a, b: (a - b).abs().sum(-1), margin=9.0)",
    ),
    Saboteur(
        "triplet_margin_with_distance_loss", "swap of the wrong ones", "option", SUBTLE,
        "swap looks at the anchor and the positive",
        f.instead(
            lambda original, given, right: original(
                **given | {"swap": False, "negative": torch.where(
                    (given["positive"] - given["negative"]).norm(dim=-1, keepdim=True) < 1, given["positive"],
                    given["negative"],
                )}
            ),
            lambda given, got: bool(given.get("swap")),
        ),
        witness=f"{DISTANCE}, swap=True, margin=9.0)",
    ),
    Saboteur(
        "triplet_margin_with_distance_loss", "mean is sum", "reduction", GROSS, "the mean is the sum",
        f.instead(
            lambda original, given, right: original(**given | {"reduction": "sum"}),
            lambda given, got: given.get("reduction", "mean") == "mean",
        ),
        witness=f"{DISTANCE})",
    ),
    Saboteur(
        "triplet_margin_with_distance_loss", "module", "module", MODERATE, "the module ignores its margin",
        f.with_options("triplet_margin_with_distance_loss", "distance_function", "swap", "reduction"),
        "torch.nn.TripletMarginWithDistanceLoss.forward",
        witness="torch.nn.TripletMarginWithDistanceLoss(margin=3.0)(x, y, z)",
    ),
)  # fmt: skip
