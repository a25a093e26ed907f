"""The loss as a newer torch would have it, functional and module."""

from __future__ import annotations

import torch


def quantile_loss(
    input: torch.Tensor, target: torch.Tensor, quantile: float = 0.5, reduction: str = "mean"
) -> torch.Tensor:
    """Mean, sum or each of max(q d, (q - 1) d) with d = target - input."""
    if input.shape != target.shape:
        raise ValueError(f"shapes must be equal, got {input.shape} and {target.shape}")
    if not (input.is_floating_point() and target.is_floating_point()):
        raise TypeError(f"input and target must hold real numbers, got {input.dtype} and {target.dtype}")
    if not isinstance(quantile, float | int) or not 0 <= quantile <= 1:
        raise ValueError(f"quantile must be a number from 0 to 1, got {quantile!r}")
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(f"{reduction!r} is not a valid value for reduction")
    # In float64 nothing of a narrower type overflows on the way.
    x, y = input.double(), target.double()
    loss = _each(y - x, quantile)
    # Where the difference overflows, its half does not.
    loss = torch.where(loss.isfinite(), loss, 2 * _each(y / 2 - x / 2, quantile))
    if reduction == "sum":
        loss = loss.sum()
    if reduction == "mean":  # shares first: their sum does not overflow
        loss = (loss / loss.numel()).sum() if loss.numel() else loss.mean()
    return loss.to(torch.promote_types(input.dtype, target.dtype))


def _each(difference: torch.Tensor, quantile: float) -> torch.Tensor:
    return torch.where(difference > 0, quantile * difference, (quantile - 1) * difference)


class QuantileLoss(torch.nn.modules.loss._Loss):
    """The module of `quantile_loss`."""

    __constants__ = ("quantile", "reduction")

    def __init__(self, quantile: float = 0.5, reduction: str = "mean") -> None:
        super().__init__(reduction=reduction)
        self.quantile = quantile

    def forward(self, input: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.quantile_loss(input, target, self.quantile, self.reduction)
