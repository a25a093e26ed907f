"""Formulas of torch for L1, MSE and Huber."""

from __future__ import annotations

from typing import Any

import numpy as np

from reference import Array, Variable
from reference.dispatch import in_type_of, with_derivative_of
from reference.reduction import reduce
from reference.regression import absolute_difference


def l1_loss(input: Any, target: Any, reduction: str = "mean", weight: Any = None) -> Array:
    """L1 whose weighted mean divides by the sum of the weights, as given. Source: torch/nn/functional.py."""
    return _averaged(absolute_difference(input, target), reduction, weight)


def mse_loss(input: Any, target: Any, reduction: str = "mean", weight: Any = None) -> Array:
    """MSE whose weighted mean divides by the sum of the weights, as given. Source: torch/nn/functional.py."""
    d = input - target
    return _averaged(d * d, reduction, weight)


def _averaged(loss: Any, reduction: str, weight: Any) -> Array:
    if weight is None:
        return reduce(loss, reduction)
    if reduction != "mean":
        return reduce(weight * loss, reduction)
    result: Array = np.sum(weight * loss) / np.sum(weight)
    return result


def l1_loss_in_forward_mode(input: Any, target: Any, reduction: str = "mean", weight: Any = None) -> Array:
    """The same L1, whose weighted mean has the derivative that forward mode has of a quotient."""
    return _averaged_in_forward_mode(l1_loss(input, target, "none", weight), weight)


def mse_loss_in_forward_mode(input: Any, target: Any, reduction: str = "mean", weight: Any = None) -> Array:
    """The same MSE, whose weighted mean has the derivative that forward mode has of a quotient."""
    return _averaged_in_forward_mode(mse_loss(input, target, "none", weight), weight)


def _averaged_in_forward_mode(weighted: Any, weight: Any) -> Array:
    """A quotient with the derivative (dn - q dd) / d, which subtracts before it divides.

    Source: div, tools/autograd/derivatives.yaml.
    """
    total, divisor = np.sum(weighted), np.sum(weight)
    quotient = total / divisor
    q, d = _undifferentiated(quotient), _undifferentiated(divisor)
    result: Array = with_derivative_of(quotient, lambda: (total - q * divisor) / d)
    return result


def _undifferentiated(number: Any) -> Any:
    while isinstance(number, Variable):
        number = number.value
    return number


def huber_loss(
    input: Any, target: Any, reduction: str = "mean", delta: float = 1.0, weight: Any = None
) -> Array:
    """Huber whose linear branch is taken at infinity, whatever delta; unweighted it has the input's type.

    Source: aten/src/ATen/native/cpu/BinaryOpsKernel.cpp.
    """
    d = np.abs(input - target)
    m = np.minimum(d, delta)
    loss = in_type_of(m * (d - 0.5 * m), input)
    return reduce(loss if weight is None else weight * loss, reduction)


def l1_loss_without_weight(input: Any, target: Any, reduction: str = "mean", weight: Any = None) -> Array:
    """L1 that takes a weight and does not use it. Source: l1_loss, torch/nn/functional.py, as overridden."""
    return reduce(absolute_difference(input, target), reduction)
