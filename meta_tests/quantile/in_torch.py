"""The loss as a newer torch would have it, functional and module."""

from __future__ import annotations

from numbers import Real

import torch


def quantile_loss(
    input: torch.Tensor, target: torch.Tensor, quantile: float = 0.5, reduction: str = "mean"
) -> torch.Tensor:
    """Either q d where d = target - input is positive, or (q - 1) d."""
    if input.shape != target.shape:
        raise ValueError(f"shapes must be equal, got {input.shape} and {target.shape}")
    if not (input.is_floating_point() and target.is_floating_point()):
        raise TypeError(f"input and target must hold real numbers, got {input.dtype} and {target.dtype}")
    if not isinstance(quantile, Real) or not 0 <= quantile <= 1:
        raise ValueError(f"quantile must be a number from 0 to 1, got {quantile!r}")
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(f"{reduction!r} is not a valid value for reduction")
    d = target - input
    loss = torch.where(d > 0, quantile * d, (quantile - 1) * d)
    return loss if reduction == "none" else loss.sum() if reduction == "sum" else loss.mean()


class QuantileLoss(torch.nn.modules.loss._Loss):
    """The module of `quantile_loss`."""

    __constants__ = ("quantile", "reduction")

    def __init__(self, quantile: float = 0.5, reduction: str = "mean") -> None:
        super().__init__(reduction=reduction)
        self.quantile = quantile

    def forward(self, input: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """The loss of a batch."""
        return torch.nn.functional.quantile_loss(input, target, self.quantile, self.reduction)
