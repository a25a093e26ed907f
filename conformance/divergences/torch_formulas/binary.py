"""Formulas of torch for the losses of two-class problems."""

from __future__ import annotations

from typing import Any

import numpy as np

from reference import Array
from reference.binary import softplus
from reference.dispatch import in_type_of, total, with_derivative_of, with_partials, with_pull
from reference.integers import holds_integers
from reference.reduction import reduce

# By what torch divides at least in the gradient of binary cross entropy: the float32 number, in all formats.
LEAST = float(np.float32(1e-12))
# What it adds to the factors of the divisor in the second derivative.
EPSILON = 1e-12


def _reduced(loss: Any, weight: Any, reduction: str) -> Any:
    return reduce(loss if weight is None else weight * loss, reduction)


def binary_cross_entropy(input: Any, target: Any, weight: Any = None, reduction: str = "mean") -> Any:
    """Cross entropy of probabilities whose derivatives are not those of the logarithms clamped at -100.

    By x it is (x - y) / max(x (1 - x), 1e-12), by y the difference of the logarithms, not clamped; the second
    one by x is (x^2 - 2 x y + y) / (x - x^2 + 1e-12)^2.

    Source: aten/native/Loss.cpp; binary_cross_entropy_double_backward, FunctionsManual.cpp.
    """
    return _probabilities(input, target, weight, reduction, _twice_by_upstream)


def binary_cross_entropy_in_forward_mode(
    input: Any, target: Any, weight: Any = None, reduction: str = "mean"
) -> Any:
    """The same loss, whose derivative along a direction is the gradient times it."""
    return _probabilities(input, target, weight, reduction, _gradient)


def _probabilities(input: Any, target: Any, weight: Any, reduction: str, by_upstream: Any) -> Any:
    derivatives = (_by_probability(by_upstream), lambda c, x, y: c * (np.log(1 - x) - np.log(x)))
    return _reduced(with_partials(_clamped, derivatives, input, target), weight, reduction)


def _clamped(x: Any, y: Any) -> Any:
    return -(y * np.maximum(np.log(x), -100) + (1 - y) * np.maximum(np.log1p(-x), -100))


def _divisor(x: Any) -> Any:
    return (x + EPSILON) * (1 - x + EPSILON)


def _gradient(c: Any, x: Any, y: Any) -> Any:
    return c * (x - y) / np.maximum(x * (1 - x), LEAST)


def _twice_by_upstream(d: Any, x: Any, y: Any) -> Any:
    return d * (x - y) / _divisor(x)


def _by_probability(by_upstream: Any) -> Any:
    """The gradient by x, with derivatives that add to the divisor what the gradient takes for its least."""

    def by_x(d: Any, c: Any, x: Any, y: Any) -> Any:
        return d * c * (total(x * x, -2 * x * y, y) / (_divisor(x) * _divisor(x)))

    def by_y(d: Any, c: Any, x: Any, y: Any) -> Any:
        return -d * c / np.maximum(x * (1 - x), EPSILON)

    partials = (lambda d, c, x, y: by_upstream(d, x, y), by_x, by_y)
    return lambda c, x, y: with_partials(_gradient, partials, c, x, y)


def _sigmoid(x: Any) -> Any:
    """1 / (1 + exp(-x)), which is 0 where exp(-x) overflows; its derivative is y (1 - y)."""

    def pull(c: Any, x: Any, y: Any) -> Any:
        return c * (1 - y) * y

    return with_pull(lambda x: 1 / (1 + np.exp(-x)), pull, x, elementwise=True)


def _log_sigmoid(x: Any) -> Any:
    """min(x, 0) - log1p(exp(-|x|)); its derivative is 1 - sigmoid(x)."""
    return with_pull(lambda x: -softplus(-x), lambda c, x, y: c * (1 - _sigmoid(x)), x, elementwise=True)


def binary_cross_entropy_with_logits(
    input: Any, target: Any, weight: Any = None, reduction: str = "mean", pos_weight: Any = None
) -> Any:
    """Cross entropy of logits as (1 - y) x - (1 + (p - 1) y) log sigma(x), which cancels where it is small.

    Its derivatives are (1 + (p - 1) y) sigma(x) - p y and log sigma(-x) - p log sigma(x).

    Source: binary_cross_entropy_with_logits, aten/src/ATen/native/Loss.cpp.
    """
    x, y = input, target
    value = _as_difference(x, y, pos_weight)

    def otherwise() -> Any:
        right = with_pull(lambda x: softplus(x), lambda c, x, y: c * _sigmoid(x), x, elementwise=True)
        wrong = with_pull(lambda x: softplus(-x), lambda c, x, y: c * (_sigmoid(x) - 1), x, elementwise=True)
        narrow = pos_weight is not None or reduction != "none"
        z = with_pull(lambda y: y, lambda c, y, _: 1.0 * in_type_of(c, x), y) if narrow else y
        return in_type_of((z if pos_weight is None else pos_weight * z) * wrong + (1 - z) * right, y)

    loss = with_derivative_of(value, otherwise)
    return reduce(loss if weight is None else in_type_of(weight * loss, loss), reduction)


def _as_difference(x: Any, y: Any, pos_weight: Any) -> Any:
    """The difference, computed in place: one term in the type of `x`, and the whole in that of `y`."""
    log_p = _log_sigmoid(x)
    if pos_weight is not None:
        log_p = in_type_of(((pos_weight - 1) * y + 1) * log_p, log_p)
    return in_type_of(in_type_of((1 - y) * x, y) - log_p, y)


def logits_in_forward_mode(
    input: Any, target: Any, weight: Any = None, reduction: str = "mean", pos_weight: Any = None
) -> Any:
    """The same loss, whose derivative is that of each of its terms, (1 - y) and sigma(-x).

    Source: forward mode of binary_cross_entropy_with_logits, aten/src/ATen/native/Loss.cpp.
    """
    return _reduced(_as_difference(input, target, pos_weight), weight, reduction)


def softplus_without_log1p(
    input: Any, target: Any, weight: Any = None, reduction: str = "mean", pos_weight: Any = None
) -> Any:
    """Binary cross entropy of logits as the function transforms compose it.

    With m = max(-x, 0) the softplus is log(exp(-m) + exp(-x - m)) + m. Neither value nor derivative is
    accurate where one of the terms is near 1.

    Source: binary_cross_entropy_with_logits_hack, aten/src/ATen/functorch/BatchRulesDecompositions.cpp.
    """
    shift = np.maximum(-input, 0)
    softplus = np.log(np.exp(-shift) + np.exp(-input - shift)) + shift
    positives = 1 if pos_weight is None else (pos_weight - 1) * target + 1
    return _reduced((1 - target) * input + positives * softplus, weight, reduction)


def soft_margin_loss(input: Any, target: Any, reduction: str = "mean") -> Any:
    """Logistic loss as log1p(z), z = exp(-y x), with the derivative z / (1 + z).

    Source: soft_margin_loss, aten/src/ATen/native/Loss.cpp.
    """

    def pull(c: Any, x: Any, y: Any) -> Any:
        z = np.exp(x)
        return c * (z / (z + 1))

    exponent = -(target * input)
    return reduce(with_pull(lambda x: np.log1p(np.exp(x)), pull, exponent, elementwise=True), reduction)


def soft_margin_loss_in_place(input: Any, target: Any, reduction: str = "mean") -> Any:
    """Logistic loss in the type of its input, with the derivative -y z / (1 + z), z = exp((-y) x).

    Of unsigned integers -y is none; y z has the type of the input.

    Source: soft_margin_loss and soft_margin_loss_backward, aten/src/ATen/native/Loss.cpp.
    """

    def pull(c: Any, x: Any, y: Any) -> Any:
        z = np.exp(-target * x)
        return -(c * in_type_of(in_type_of(target * z, x) / (z + 1), x))

    def formula(x: Any) -> Any:
        return np.log1p(np.exp(in_type_of(-x * target, x)))

    return reduce(with_pull(formula, pull, input, elementwise=True), reduction)


def hinge_embedding_loss(input: Any, target: Any, margin: float = 1.0, reduction: str = "mean") -> Any:
    """Hinge whose margin has the type of its input. Source: operator -, aten/src/ATen/TensorOperators.h."""
    margin = int(margin) if holds_integers(input) else margin
    return reduce(np.where(target == 1, input, np.maximum(margin - input, 0)), reduction)


def soft_margin_loss_up_to_87(input: Any, target: Any, reduction: str = "mean") -> Any:
    """Logistic loss whose log1p(z) is infinite from z = 1e38 on. Source: SLEEF as torch had it before 2.7."""
    exponent = -(target * input)
    z = np.exp(exponent)
    return reduce(np.log1p(np.where(z > 1e38, np.inf, z)), reduction)


def derivative_by_complement(input: Any, target: Any, reduction: str = "mean") -> Array:
    """Logistic loss whose derivative is y (sigma(y x) - 1), which is lost where sigma is near 1.

    Source: soft_margin_loss_backward, torch/_decomp/decompositions.py.
    """

    def pull(c: Any, x: Any, y: Any) -> Any:
        return c * (1 - _sigmoid(-x))

    return reduce(with_pull(softplus, pull, -(target * input), elementwise=True), reduction)
