"""Calls that show what a saboteur breaks.

In a witness, these names have ordinary numbers, of the saboteur's dtype and number of rows:
``x``, ``y``, ``z`` any numbers (x requires a gradient); ``p`` and ``q`` probabilities; ``v`` positive ones;
``s`` signs; ``w`` weights of the 5 classes; ``c`` labels; ``d`` one sign a row; ``m`` labels of several
classes, -1 after them; ``gradient(loss)`` that of a loss's sum by x; ``twice(loss)`` that of the squared
gradient.
"""

from __future__ import annotations

import warnings
from typing import Any

import torch
import torch.nn.functional as F

from .saboteur import Saboteur

# An ordinary call of each loss.
CALLS = {
    "l1_loss": "F.l1_loss(x, y, reduction='none')",
    "mse_loss": "F.mse_loss(x, y, reduction='none')",
    "smooth_l1_loss": "F.smooth_l1_loss(x, y, reduction='none')",
    "huber_loss": "F.huber_loss(x, y, reduction='none')",
    "cross_entropy": "F.cross_entropy(x, c, reduction='none')",
    "nll_loss": "F.nll_loss(x, c, reduction='none')",
    "linear_cross_entropy": "F.linear_cross_entropy(x, torch.ones(5, 5).to(x).tril(), c, reduction='none')",
    "binary_cross_entropy": "F.binary_cross_entropy(x.sigmoid(), p, reduction='none')",
    "binary_cross_entropy_with_logits": "F.binary_cross_entropy_with_logits(x, p, reduction='none')",
    "soft_margin_loss": "F.soft_margin_loss(x, s, reduction='none')",
    "hinge_embedding_loss": "F.hinge_embedding_loss(x, s, reduction='none')",
    "poisson_nll_loss": "F.poisson_nll_loss(x, v, reduction='none')",
    "gaussian_nll_loss": "F.gaussian_nll_loss(x, y, v, reduction='none')",
    "kl_div": "F.kl_div(x, p, reduction='none')",
    "cosine_embedding_loss": "F.cosine_embedding_loss(x, y, d, reduction='none')",
    "margin_ranking_loss": "F.margin_ranking_loss(x, y, s, reduction='none')",
    "triplet_margin_loss": "F.triplet_margin_loss(x, y, z, reduction='none')",
    "triplet_margin_with_distance_loss": "F.triplet_margin_with_distance_loss(x, y, z, reduction='none')",
    "multi_margin_loss": "F.multi_margin_loss(x, c, reduction='none')",
    "multilabel_margin_loss": "F.multilabel_margin_loss(x, m, reduction='none')",
    "multilabel_soft_margin_loss": "F.multilabel_soft_margin_loss(x, p.round(), reduction='none')",
    "ctc_loss": "F.ctc_loss(x.log_softmax(-1)[:, None], torch.ones(1, 1).long(), (len(x),), (1,), 0, 'none')",
}


def gradient(loss: torch.Tensor, x: torch.Tensor, create_graph: bool = False) -> torch.Tensor:
    """The gradient of a loss's sum by x."""
    return torch.autograd.grad(loss.sum(), x, create_graph=create_graph)[0]


def show(saboteur: Saboteur) -> str:
    """What a saboteur's witness gives: shape, dtype and numbers, or the exception."""
    generator = torch.Generator().manual_seed(7)
    dtype, n = getattr(torch, saboteur.dtype), saboteur.rows

    def drawn(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64).to(dtype)

    x, y, z = (drawn(n, 5) for _ in range(3))
    names: dict[str, Any] = {
        "torch": torch, "F": F, "x": x.requires_grad_(), "y": y, "z": z, "p": y.sigmoid(), "q": z.sigmoid(),
        "v": z.abs() + 0.5, "s": torch.where(z > 0, 1, -1).to(dtype), "w": drawn(5).abs() + 0.5,
        "c": torch.arange(n) * 2 % 5, "d": (torch.arange(n) % 2 * 2 - 1).to(dtype),
        "m": torch.tensor([[3, 0, -1, 1, -1]] * n),
        "gradient": lambda loss: gradient(loss, x),
        "twice": lambda loss: gradient(gradient(loss, x, create_graph=True) ** 2, x),
    }  # fmt: skip
    *statements, expression = (saboteur.witness or CALLS[saboteur.loss]).splitlines()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of deprecated arguments and the like
        try:
            exec("\n".join(statements), names)
            got = eval(expression, names)
        except Exception as error:  # that another class is raised may be what is shown
            return repr(error)
    if isinstance(got, torch.Tensor):
        return f"{got.dtype} {tuple(got.shape)} {got.detach().double().tolist()}"
    return repr(got)
