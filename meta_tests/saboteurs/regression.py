"""Saboteurs of l1_loss, mse_loss, smooth_l1_loss and huber_loss."""

from __future__ import annotations

import functools

import torch

from . import faults as f
from .saboteur import GROSS, MODERATE, SUBTLE, Saboteur

PLAIN = ("l1_loss", "mse_loss", "smooth_l1_loss", "huber_loss")
WEIGHTED = ("l1_loss", "mse_loss", "huber_loss")


def _of(loss: str) -> tuple[Saboteur, ...]:
    return (
        Saboteur(
            loss, "mean over rows", "reduction", GROSS, "the mean divides by the number of rows",
            f.mean_by(lambda given: len(given["input"]), f.dimensions(2, 3, 4)),
            witness=f"F.{loss}(x, y)",
        ),
        Saboteur(
            loss, "sum is mean", "reduction", GROSS, "the sum is the mean",
            f.altered("reduction", lambda reduction: "mean" if reduction == "sum" else reduction),
            witness=f"F.{loss}(x, y, reduction='sum')",
        ),
        Saboteur(
            loss, "empty mean is 0", "empty", SUBTLE, "the mean over nothing is 0, not nan",
            f.result(torch.nan_to_num, f.both(f.reduced("mean"), f.empty)), witness=f"F.{loss}(x[:0], y[:0])",
        ),
        Saboteur(
            loss, "transposed", "layout", MODERATE,
            "the result is transposed back where the input is transposed",
            f.result(
                lambda got: got.flatten().roll(1).reshape(got.shape) if got.ndim else got,
                f.both(f.strided, f.reduced("none")),
            ),
            witness=f"F.{loss}(x.T, y.T, reduction='none')",
        ),
        Saboteur(
            loss, "gradient by target", "gradient", MODERATE, "the target gets no gradient",
            f.without_gradient("target"),
            witness=f"t = y.clone().requires_grad_()\ntorch.autograd.grad(F.{loss}(x, t), t)[0]",
        ),
        Saboteur(
            loss, "dtype promoted", "contract", MODERATE, "half precision gives float32",
            f.result(torch.Tensor.float, f.of_dtype("float16", "bfloat16")), dtype="bfloat16",
        ),
        Saboteur(
            loss, "vector tail", "length", SUBTLE, "the last element is 0 where vectors of 8 leave a tail",
            f.result(f.last_scaled(0), f.both(f.odd_number, f.reduced("none"))),
        ),
        Saboteur(
            loss, "result is a view", "aliasing", SUBTLE,
            "where input and target are one, the result is a view of the input",
            f.instead(
                lambda original, given, right: given["input"].view_as(right),
                f.both(f.reduced("none"), lambda given,
                got: got.numel() > 0 and not bool(given["input"].any())),
            ),
            witness=f"u = torch.zeros(2)\nF.{loss}(u, torch.zeros(2), reduction='none').add_(1)\nu",
        ),
        Saboteur(
            loss, "unknown reduction", "errors", MODERATE, "an unknown reduction is taken for the mean",
            f.accepting(ValueError, lambda given: given["input"].mean()),
            witness=f"F.{loss}(x, y, reduction='median')",
        ),
        Saboteur(
            loss, "shapes that do not fit", "errors", MODERATE, "shapes that do not broadcast are cut",
            f.accepting(RuntimeError, lambda given: given["input"].sum()),
            witness=f"F.{loss}(x, y[:, :2])",
        ),
        Saboteur(
            loss, "broadcast refused", "shape", MODERATE, "a target of fewer dimensions is taken for 0",
            f.altered("target", lambda y: y if y.ndim != 1 else torch.zeros_like(y)),
            witness=f"F.{loss}(x[0], y[0])",
        ),
    )  # fmt: skip


def _weighted(loss: str) -> tuple[Saboteur, ...]:
    call = f"F.{loss}(x, y, weight=y.abs())"
    return (
        Saboteur(
            loss, "weight ignored", "weights", GROSS, "the weight is ignored", f.ignoring("weight"),
            witness=call,
        ),
        Saboteur(
            loss, "weighted mean", "weights", MODERATE,
            "the weighted mean divides by the sum of the weights, or, where torch does so, of their squares, "
            "and not by the number of losses",
            f.mean_by(
                lambda given: given["weight"].pow(1 if loss == "huber_loss" else 2).sum(),
                lambda given, got: given.get("weight") is not None,
            ),
            witness=call,
        ),
    )  # fmt: skip


def _half_branch(threshold: str, loss: str, gone: str) -> Saboteur:
    """The quadratic branch also beyond the threshold, by half of it."""

    def formula(original: object, given: dict[str, torch.Tensor], right: torch.Tensor) -> torch.Tensor:
        difference = (given["input"] - given["target"]).abs()
        limit = given.get(threshold, 1.0)
        quadratic = 0.5 * difference**2 * (1 if loss == "huber_loss" else 1 / limit)
        return torch.where(difference < 1.5 * limit, quadratic, right)

    return Saboteur(
        loss, "branch", "branch", MODERATE,
        f"the quadratic branch reaches to one and a half times {threshold}",
        f.instead(formula, lambda given, got: f.reduced("none")(given, got) and given.get(threshold, 1.0) > 0
                  and given.get("weight") is None),
    )  # fmt: skip


def _clipped(loss: str) -> Saboteur:
    return Saboteur(
        loss, "infinity clipped", "nan and inf", MODERATE, "infinite input is taken for the largest number",
        f.altered("input", lambda x: x.clamp(-torch.finfo(x.dtype).max, torch.finfo(x.dtype).max)),
        witness=f"F.{loss}(x + torch.inf, y, reduction='none')",
    )  # fmt: skip


SABOTEURS = (
    *(_clipped(loss) for loss in PLAIN if loss != "mse_loss"),  # whose squares overflow all the same
    *(saboteur for loss in PLAIN for saboteur in _of(loss)),
    *(saboteur for loss in WEIGHTED for saboteur in _weighted(loss)),
    _half_branch("beta", "smooth_l1_loss", "beta"),
    _half_branch("delta", "huber_loss", "delta"),
    Saboteur(
        "smooth_l1_loss", "beta ignored", "option", MODERATE, "beta is taken for 1", f.ignoring("beta"),
        witness="F.smooth_l1_loss(x, y, beta=0.3)",
    ),
    Saboteur(
        "smooth_l1_loss", "beta of 0", "branch", MODERATE, "beta of 0 is taken for 1, not for l1_loss",
        f.altered("beta", lambda beta: beta or 1.0), witness="F.smooth_l1_loss(x, y, beta=0.0)",
    ),
    Saboteur(
        "smooth_l1_loss", "module", "module", MODERATE, "the module ignores its beta",
        f.with_options("smooth_l1_loss", "reduction"),
        "torch.nn.SmoothL1Loss.forward", witness="torch.nn.SmoothL1Loss(beta=0.3)(x, y)",
    ),
    Saboteur(
        "smooth_l1_loss", "negative beta", "errors", MODERATE, "a negative beta is taken for its amount",
        f.accepting(RuntimeError, lambda given: given["input"].sum()),
        witness="F.smooth_l1_loss(x, y, beta=-1.0)",
    ),
    Saboteur(
        "huber_loss", "delta ignored", "option", MODERATE, "delta is taken for 1", f.ignoring("delta"),
        witness="F.huber_loss(x, y, delta=0.3)",
    ),
    Saboteur(
        "huber_loss", "delta of the other loss", "branch", GROSS, "the loss is not multiplied by delta",
        f.instead(
            lambda original, given, right: right / given.get("delta", 1.0),
            lambda given, got: given.get("delta", 1.0) != 1,
        ),
        witness="F.huber_loss(x, y, delta=0.3)",
    ),
    Saboteur(
        "huber_loss", "module", "module", MODERATE, "the module ignores its delta",
        f.with_options("huber_loss", "reduction"),
        "torch.nn.HuberLoss.forward", witness="torch.nn.HuberLoss(delta=0.3)(x, y)",
    ),
    Saboteur(
        "mse_loss", "expanded square", "overflow", MODERATE,
        "the square of a difference is expanded, so that near numbers cancel",
        f.instead(
            lambda original, given, right: (
                given["input"] ** 2 - 2 * given["input"] * given["target"] + given["target"] ** 2
            ),
            f.both(f.reduced("none"), lambda given, got: given.get("weight") is None),
        ),
        witness="F.mse_loss(x + 1e6, y + 1e6, reduction='none')",
    ),
    Saboteur(
        "mse_loss", "half sum", "precision", MODERATE,
        "sums of bfloat16 are accumulated in bfloat16, one by one",
        f.instead(
            lambda original, given, right: functools.reduce(
                torch.add, original(**given | {"reduction": "none"}).flatten().unbind()
            ),
            f.both(f.of_dtype("bfloat16"), f.reduced("sum"), lambda given, got: given["input"].numel() > 0),
        ),
        dtype="bfloat16", rows=70, witness="F.mse_loss(x, y, reduction='sum')",
    ),
    Saboteur(
        "mse_loss", "gradient kernel of large ones", "gradient", SUBTLE,
        "the gradient kernel is wrong where a dimension has more than 64 elements",
        f.instead(lambda original, given, right: f.last_scaled(0.5)(right), lambda given, got: max(got.shape,
        default=0) > 64),
        "aten::mse_loss_backward", witness="gradient(F.mse_loss(x, y))", rows=70,
    ),
    Saboteur(
        "l1_loss", "kink", "gradient", MODERATE, "the gradient at 0 is 2, which is no subgradient",
        f.instead(
            lambda original, given, right: right
            + 2 * (given["input"] - given["target"]) * ((given["input"] == given["target"]).to(right)),
            f.both(f.reduced("none"), lambda given, got: given.get("weight") is None),
        ),
        witness="gradient(F.l1_loss(x, x.detach(), reduction='none'))",
    ),
    Saboteur(
        "l1_loss", "float16 overflow", "overflow", SUBTLE, "the mean of float16 overflows where the sum does",
        f.mean_by(
            lambda given: given["input"].numel(),
            f.both(f.of_dtype("float16"), lambda given, got: given.get("weight") is None),
        ),
        dtype="float16", witness="F.l1_loss(0 * x + 6e4, y)",
    ),
)  # fmt: skip
