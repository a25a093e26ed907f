"""Saboteurs of ctc_loss."""

from __future__ import annotations

from typing import Any

import torch

from . import faults as f
from .saboteur import MODERATE, SUBTLE, Fault, Saboteur

SETUP = """\
u = torch.stack([x, y], 1).log_softmax(-1)
targets, n = torch.tensor([[1, 2], [3, 3]]), torch.tensor([len(x), len(x)])
"""
CALL = "F.ctc_loss(u, targets, n, torch.tensor([2, 2])"
LONG = "F.ctc_loss(u, targets, n // 2, torch.tensor([2, 2])"


def _lengths(given: dict[str, Any]) -> torch.Tensor:
    lengths = given["target_lengths"]
    return lengths if isinstance(lengths, torch.Tensor) else torch.tensor(lengths)


def _row(
    name: str, kind: str, severity: str, breaks: str, fault: Fault, witness: str, target: str = ""
) -> Saboteur:  # fmt: skip
    return Saboteur("ctc_loss", name, kind, severity, breaks, fault, target, SETUP + witness, rows=4)


SABOTEURS = (
    _row(
        "blank ignored", "alignment", MODERATE, "the blank is taken for class 0", f.ignoring("blank"),
        f"{CALL}, blank=4)",
    ),
    _row(
        "zero_infinity ignored", "option", MODERATE, "zero_infinity is ignored", f.ignoring("zero_infinity"),
        f"{LONG}, zero_infinity=True)",
    ),
    _row(
        "zero_infinity always", "option", MODERATE, "an infinite loss is always 0",
        f.result(lambda got: torch.where(got.isinf(), 0, got), f.reduced("none")),
        f"{LONG}, reduction='none')",
    ),
    _row(
        "mean over the batch only", "reduction", MODERATE,
        "the mean does not divide by the lengths of the targets",
        f.mean_by(lambda given: max(_lengths(given).numel(), 1)),
        f"{CALL})",
    ),
    _row(
        "mean of sums", "reduction", SUBTLE, "the mean divides the sum of losses by the sum of lengths",
        f.mean_by(
            lambda given: _lengths(given).sum().clamp(1), lambda given, got: _lengths(given).numel() > 1
        ),
        "F.ctc_loss(u, targets, n, torch.tensor([2, 1]))",
    ),
    _row(
        "no target", "empty", SUBTLE, "the mean divides by a length of 0",
        f.instead(
            lambda original, given, right: right / (_lengths(given) > 0).all(), f.both(f.reduced("mean"))
        ),
        "F.ctc_loss(u, targets, n, torch.tensor([0, 0]))",
    ),
    _row(
        "repeats", "alignment", MODERATE, "a label that follows itself is taken for another",
        f.altered("targets", lambda t: torch.where(
            (t == t.roll(1, -1)) & (torch.arange(t.shape[-1]) > 0) & (t.ndim == 2), t % 2 + 1, t
        ) if t.numel() and t.ndim == 2 else t),
        f"{CALL}, reduction='none')",
    ),
    _row(
        "input lengths ignored", "alignment", MODERATE, "all frames are heard, whatever input_lengths says",
        f.instead(
            lambda original, given, right: original(**given | {"input_lengths": torch.full(
                _lengths(given).shape, len(given["log_probs"]), dtype=torch.int64)}),
            lambda given, got: _lengths(given).ndim == 1 and given["log_probs"].ndim == 3,
        ),
        "F.ctc_loss(u, targets, n - 1, torch.tensor([2, 2]))",
    ),
    _row(
        "target lengths", "alignment", MODERATE, "the last label of each target is left out",
        f.altered("target_lengths", lambda n: (
            (n - 1).clamp(0) if isinstance(n, torch.Tensor) else tuple(max(i - 1, 0) for i in n)
        )),
        f"{CALL})",
    ),
    _row(
        "concatenated", "alignment", MODERATE, "concatenated targets are read from the end",
        f.altered("targets", lambda t: t.flip(0) if t.ndim == 1 else t),
        "F.ctc_loss(u, targets.flatten(), n, torch.tensor([2, 2]))",
    ),
    _row(
        "unbatched", "shape", MODERATE, "the loss without batch has the shape (1,)",
        f.result(lambda got: got.reshape(1), f.both(f.reduced("none"), f.dimensions(2))),
        "F.ctc_loss(u[:, 0], targets[0], n[0], torch.tensor(2), reduction='none')",
    ),
    _row(
        "forward variables in float32", "precision", SUBTLE, "the kernel computes in float32",
        lambda original, given: tuple(
            got.to(given["log_probs"].dtype)
            for got in original(**given | {"log_probs": given["log_probs"].float()})
        ),
        f"{CALL})", "aten::_ctc_loss",
    ),
    _row(
        "gradient of the blank", "gradient", MODERATE, "class 0 has no gradient",
        f.result(lambda got: torch.cat([torch.zeros_like(got[..., :1]), got[..., 1:]], -1)),
        "gradient(F.ctc_loss(u, targets, n, torch.tensor([2, 2])))", "aten::_ctc_loss_backward",
    ),
    _row(
        "gradient beyond the length", "gradient", SUBTLE, "frames beyond the length have a gradient",
        f.result(lambda got: torch.where(got == 0, 1e-3, got)),
        "gradient(F.ctc_loss(u, targets, n - 1, torch.tensor([2, 2])))", "aten::_ctc_loss_backward",
    ),
    _row(
        "blank out of range", "errors", MODERATE, "a blank that is no class is taken",
        f.accepting(RuntimeError, lambda given: given["log_probs"].sum()), f"{CALL}, blank=7)",
    ),
    _row(
        "long input lengths", "errors", MODERATE, "lengths beyond the frames are cut, or raise a KeyError",
        f.raising(KeyError), "F.ctc_loss(u, targets, n + 1, torch.tensor([2, 2]))",
    ),
    _row(
        "module", "module", MODERATE, "the module ignores zero_infinity",
        f.with_options("ctc_loss", "blank", "reduction"),
        "torch.nn.CTCLoss(zero_infinity=True)(u, targets, n // 2, torch.tensor([2, 2]))",
        "torch.nn.CTCLoss.forward",
    ),
)  # fmt: skip
