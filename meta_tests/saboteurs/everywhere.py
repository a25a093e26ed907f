"""Faults that any loss can have: each of the table's losses has most of them."""

from __future__ import annotations

import torch

from conformance.losses import LOSSES

from . import faults as f
from .saboteur import MODERATE, SUBTLE, Fault, Saboteur
from .witness import CALLS, FIRST, bends

# Where there is a kernel of the loss, it is broken; else the functional is.
KERNELS = {
    "mse_loss": "mse_loss",
    "smooth_l1_loss": "smooth_l1_loss",
    "huber_loss": "huber_loss",
    "nll_loss": "nll_loss_forward",
    "binary_cross_entropy": "binary_cross_entropy",
    "binary_cross_entropy_with_logits": "binary_cross_entropy_with_logits",
    "soft_margin_loss": "soft_margin_loss",
    "multi_margin_loss": "multi_margin_loss",
    "multilabel_margin_loss": "multilabel_margin_loss_forward",
    "ctc_loss": "_ctc_loss",
}
# The kernels of gradients.
BACKWARD = {
    "mse_loss": "mse_loss_backward",
    "smooth_l1_loss": "smooth_l1_loss_backward",
    "huber_loss": "huber_loss_backward",
    "nll_loss": "nll_loss_backward",
    "binary_cross_entropy": "binary_cross_entropy_backward",
    "soft_margin_loss": "soft_margin_loss_backward",
    "multi_margin_loss": "multi_margin_loss_backward",
    "multilabel_margin_loss": "multilabel_margin_loss_backward",
    "ctc_loss": "_ctc_loss_backward",
}
# The argument by which a gradient is spoiled.
VARIABLE = {name: next(iter(loss.forms[0].required)) for name, loss in LOSSES.items()}


def _kernel(loss: str) -> str:
    return f"aten::{KERNELS[loss]}" if loss in KERNELS else ""


def _backward(loss: str) -> str:
    return f"aten::{BACKWARD[loss]}" if loss in BACKWARD else ""


def _spoiled(loss: str, change: f.Change) -> Fault:
    """The gradient is changed, in its kernel if it has one."""
    return f.result(change) if loss in BACKWARD else f.gradient_by(VARIABLE[loss], change)


def _of(loss: str) -> tuple[Saboteur, ...]:
    call, kernel, variable = CALLS[loss], _kernel(loss), VARIABLE[loss]
    first = FIRST[loss]
    gradient = f"gradient({call})"
    errors = (
        ("float32", 1e-3, MODERATE), ("float32", 1e-6, SUBTLE),
        ("float64", 1e-10, MODERATE), ("float64", 1e-13, SUBTLE),
    )  # fmt: skip
    numbers = tuple(
        Saboteur(
            loss, f"off by {error:g} in {dtype}", "precision", severity,
            f"the result has a relative error of {error:g} in {dtype}",
            f.result(f.scaled(error), f.of_dtype(dtype)), kernel, dtype=dtype,
        )
        for dtype, error, severity in errors
    )  # fmt: skip
    return (
        *numbers,
        Saboteur(
            loss, "float32 inside float64", "precision", MODERATE,
            "float64 is computed in float32", f.in_dtype(torch.float32, f.of_dtype("float64")),
        ),
        Saboteur(
            loss, "more than 64", "length", SUBTLE,
            "the last number is wrong where a dimension has more than 64 elements",
            f.result(f.last_scaled(1.5), f.more_rows), rows=68,
            witness=call if loss != "kl_div" else "F.kl_div(x, p)",
        ),
        Saboteur(
            loss, "nan swallowed", "nan and inf", MODERATE,
            f"nan in {variable} is taken for 0", f.altered(variable, lambda x: torch.where(x.isnan(), 0, x)),
            witness=call.replace("x", "(x + torch.tensor([float('nan'), 0, 0, 0, 0]))", 1),
        ),
        Saboteur(
            loss, "gradient sign", "gradient", MODERATE,
            "the last element of the gradient has the wrong sign",
            _spoiled(loss, f.last_scaled(-1)), _backward(loss),
            witness=gradient, rows=4,
        ),
        Saboteur(
            loss, "gradient off by 1e-5", "gradient", SUBTLE,
            "the gradient has a relative error of 1e-5", _spoiled(loss, f.scaled(1e-5)), _backward(loss),
            witness=gradient,
        ),
        Saboteur(
            loss, "upstream ignored", "gradient", MODERATE,
            "the gradient is that of the sum, whatever is done with the losses",
            f.upstream(torch.ones_like), witness=f"gradient(2 * {call})",
        ),
        Saboteur(
            loss, "in place", "contract", MODERATE,
            f"the first element of {variable} is changed in place", f.mutating(variable),
            witness=f"u = {first}.detach().clone()\n{call.replace(first, 'u', 1)}\nu",
        ),
        Saboteur(
            loss, "wrong where compiled", "compile", SUBTLE,
            "the result has a relative error of 1e-3 where torch.compile traces the call",
            f.result(f.scaled(1e-3), f.compiled),
            witness=f"torch.compile(lambda x, y, z, p, v, s, c, d, m: {call}, backend='eager')"
            "(x, y, z, p, v, s, c, d, m)",
        ),
        Saboteur(
            loss, "wrong under vmap", "vmap", SUBTLE,
            "the result has a relative error of 1e-3 under vmap",
            f.result(f.scaled(1e-3), f.batched),
            witness=f"torch.vmap(lambda x: {call}, randomness='different')(x.detach()[None])",
        ),
    ) + (
        ()
        if not bends(loss)
        else (
            Saboteur(
                loss, "second derivative", "second derivative", SUBTLE,
                "the second derivative has a relative error of 1e-3", f.second_by(variable),
                witness=f"twice({call})",
            ),
        )
    )  # fmt: skip


SABOTEURS = tuple(saboteur for loss in LOSSES for saboteur in _of(loss))
