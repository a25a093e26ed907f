"""Saboteurs of poisson_nll_loss, gaussian_nll_loss and kl_div."""

from __future__ import annotations

import math

import torch

from . import faults as f
from .saboteur import GROSS, MODERATE, SUBTLE, Saboteur

POISSON = "F.poisson_nll_loss(x.abs(), 3 * v"
GAUSSIAN = "F.gaussian_nll_loss(x, y, v"
KL = "F.kl_div(x, p"

SABOTEURS = (
    Saboteur(
        "poisson_nll_loss", "log_input ignored", "option", GROSS, "the input is taken for a logarithm",
        f.ignoring("log_input"), witness=f"{POISSON}, log_input=False)",
    ),
    Saboteur(
        "poisson_nll_loss", "full ignored", "option", GROSS, "the Stirling term is left out",
        f.ignoring("full"),
        witness=f"{POISSON}, full=True)",
    ),
    Saboteur(
        "poisson_nll_loss", "eps ignored", "eps and clamp", MODERATE, "eps is taken for 1e-8",
        f.ignoring("eps"),
        witness=f"{POISSON}, log_input=False, eps=0.1)",
    ),
    Saboteur(
        "poisson_nll_loss", "eps outside", "eps and clamp", SUBTLE, "eps is added to the logarithm",
        f.instead(
            lambda original, given, right: (
                given["input"] - given["target"] * (given["input"].log() + given.get("eps", 1e-8))
            ),
            f.both(f.reduced("none"), lambda given,
            got: given.get("log_input") is False and not given.get("full")
                   and bool((given["input"] > 0).all())),
        ),
        witness=f"{POISSON}, log_input=False, reduction='none')",
    ),
    Saboteur(
        "poisson_nll_loss", "Stirling from 1 on", "branch", SUBTLE,
        "the Stirling term is added where the target is 1, too",
        f.instead(
            lambda original, given, right: right + torch.where(given["target"] == 1,
            0.5 * math.log(2 * math.pi) - 1, 0),
            f.both(f.reduced("none"), lambda given, got: bool(given.get("full"))),
        ),
        witness="F.poisson_nll_loss(x, torch.ones_like(x), full=True, reduction='none')",
    ),
    Saboteur(
        "poisson_nll_loss", "half of Stirling", "precision", MODERATE,
        "the Stirling term lacks the half logarithm",
        f.instead(
            lambda original, given, right: right - torch.where(
                given["target"] > 1, 0.5 * (2 * math.pi * given["target"].clamp(1)).log(), 0
            ),
            f.both(f.reduced("none"), lambda given, got: bool(given.get("full"))),
        ),
        witness=f"{POISSON}, full=True, reduction='none')",
    ),
    Saboteur(
        "poisson_nll_loss", "exp overflows", "overflow", SUBTLE,
        "the exponential is infinite from exp(60) on",
        f.result(lambda got: torch.where(got > math.exp(60), torch.inf, got), f.reduced("none")),
        witness="F.poisson_nll_loss(x + 70, v, reduction='none')",
    ),
    Saboteur(
        "poisson_nll_loss", "module", "module", MODERATE, "the module ignores full",
        f.with_options("poisson_nll_loss", "log_input", "eps", "reduction"),
        "torch.nn.PoissonNLLLoss.forward", witness="torch.nn.PoissonNLLLoss(full=True)(x, 3 * v)",
    ),
    Saboteur(
        "gaussian_nll_loss", "full ignored", "option", GROSS, "the constant is left out", f.ignoring("full"),
        witness=f"{GAUSSIAN}, full=True)",
    ),
    Saboteur(
        "gaussian_nll_loss", "constant", "precision", MODERATE, "the constant is 0.9, not 0.9189",
        f.instead(
            lambda original, given, right: right - 0.5 * math.log(2 * math.pi) + 0.9,
            f.both(f.reduced("none", "mean"), lambda given, got: bool(given.get("full"))),
        ),
        witness=f"{GAUSSIAN}, full=True)",
    ),
    Saboteur(
        "gaussian_nll_loss", "eps ignored", "eps and clamp", MODERATE, "eps is taken for 1e-6",
        f.ignoring("eps"),
        witness="F.gaussian_nll_loss(x, y, 0.01 * v, eps=0.1)",
    ),
    Saboteur(
        "gaussian_nll_loss", "eps added", "eps and clamp", SUBTLE,
        "eps is added to the variance, which is not clamped",
        lambda original, given: original(
            **given | {"var": given["var"] + given.get("eps", 1e-6), "eps": given.get("eps", 1e-6)}
        ),
        witness=f"{GAUSSIAN})",
    ),
    Saboteur(
        "gaussian_nll_loss", "gradient through the clamp", "gradient", SUBTLE,
        "the variance gets no gradient where it was to be clamped",
        f.altered("var", lambda v: torch.where(v < 1e-6, v.detach(), v) if isinstance(v,
        torch.Tensor) else v),
        witness="t = 1e-9 * v.clone().requires_grad_()\n"
        "torch.autograd.grad(F.gaussian_nll_loss(x, y, t), t)[0]",
    ),
    Saboteur(
        "gaussian_nll_loss", "negative variance", "errors", MODERATE, "a negative variance is taken",
        f.accepting(ValueError, lambda given: given["input"].sum()), witness="F.gaussian_nll_loss(x, y, -v)",
    ),
    Saboteur(
        "gaussian_nll_loss", "one variance a row", "shape", MODERATE,
        "a variance for each row is taken for that of the first",
        f.altered("var", lambda v: v if not isinstance(v,
        torch.Tensor) or v.ndim != 2 or v.shape[1] != 1 or not len(v)
                  else v[:1].expand_as(v)),
        witness="F.gaussian_nll_loss(x, y, v[:, :1])",
    ),
    Saboteur(
        "gaussian_nll_loss", "gradient by variance", "gradient", MODERATE,
        "the gradient by the variance is off by 1e-4",
        f.altered("var", lambda v: f.passing(v, f.scaled(1e-4)) if isinstance(v, torch.Tensor) else v),
        witness="t = v.clone().requires_grad_()\ntorch.autograd.grad(F.gaussian_nll_loss(x, y, t), t)[0]",
    ),
    Saboteur(
        "gaussian_nll_loss", "module", "module", MODERATE, "the module ignores full",
        f.with_options("gaussian_nll_loss", "eps", "reduction"),
        "torch.nn.GaussianNLLLoss.forward", witness="torch.nn.GaussianNLLLoss(full=True)(x, y, v)",
    ),
    Saboteur(
        "kl_div", "log_target ignored", "option", GROSS, "the target is taken for probabilities",
        f.ignoring("log_target"), witness=f"{KL}, log_target=True)",
    ),
    Saboteur(
        "kl_div", "batchmean", "reduction", GROSS, "batchmean divides by the number of elements",
        f.altered("reduction", lambda reduction: "mean" if reduction == "batchmean" else reduction),
        witness=f"{KL}, reduction='batchmean')",
    ),
    Saboteur(
        "kl_div", "target of 0", "nan and inf", MODERATE, "0 log 0 is nan",
        f.instead(
            lambda original, given, right: torch.where(given["target"] == 0, torch.nan, right),
            f.both(f.reduced("none"), lambda given, got: not given.get("log_target")),
        ),
        witness="F.kl_div(x, torch.zeros_like(x), reduction='none')",
    ),
    Saboteur(
        "kl_div", "target entropy", "precision", SUBTLE,
        "of the target's entropy one part in 10^5 is missing",
        f.instead(
            lambda original, given, right: right - 1e-5 * torch.special.xlogy(given["target"],
            given["target"]),
            f.both(f.reduced("none"), lambda given, got: not given.get("log_target")),
        ),
        witness=f"{KL}, reduction='none')",
    ),
    Saboteur(
        "kl_div", "gradient by target", "gradient", MODERATE, "the target gets no gradient",
        f.without_gradient("target"),
        witness="t = p.clone().requires_grad_()\ntorch.autograd.grad(F.kl_div(x, t), t)[0]",
    ),
    Saboteur(
        "kl_div", "naive log target", "overflow", SUBTLE,
        "exp(target) * target is nan where the target is -inf or huge",
        f.instead(
            lambda original, given,
            right: given["target"].exp() * (given["target"].exp().log() - given["input"]),
            f.both(f.reduced("none"), lambda given, got: bool(given.get("log_target"))),
        ),
        witness="F.kl_div(x, x.detach() - 800, log_target=True, reduction='none')",
    ),
    Saboteur(
        "kl_div", "module", "module", MODERATE, "the module ignores log_target",
        f.with_options("kl_div", "reduction"),
        "torch.nn.KLDivLoss.forward", witness="torch.nn.KLDivLoss(log_target=True)(x, y)",
    ),
)  # fmt: skip
