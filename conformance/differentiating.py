"""Derivatives, by the oracle and by torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
import torch

from reference import Array, Complex, Stepped, Tracked, Variable, gradients, tracked
from reference.dispatch import constant, total
from reference.tracked import in_any_order
from strategies import Case, Differentiation, is_real, spread

from .bounds import Numbering, oracle_arguments
from .dividing import has_no_value
from .foreign import UnfitError, check_dense
from .implementation import refusable
from .losses import Loss
from .running import Arguments, arguments, functional


@dataclass(frozen=True)
class Expected:
    """What the oracle says of the derivatives of a case.

    Attributes:
        upstream: what the gradients are of, sum(upstream * result); the shape of the result.
        gradients: the gradient by each variable; by a complex one the derivatives by the real and by the
            imaginary part, along a further axis at the end.
        tangents: a direction for each variable, if asked for the second derivative.
        second: by each variable, the derivative of sum(tangent * gradient).
        along: the derivative of the result along the tangents.
        result: the result, with the error allowed in it.
        value: its numbers; nan where weights cancel in the sum that a mean divides by.
        at_infinity: whether an argument is infinite, so that a derivative that is nan need not be.
    """

    upstream: Array
    gradients: dict[str, Tracked]
    tangents: dict[str, Array]
    second: dict[str, Tracked]
    along: Tracked | None
    result: Tracked
    value: Array
    at_infinity: bool = False

    def undefined(self, truth: Tracked) -> bool | Array:
        """Which elements of a derivative nothing defines.

        They are those of a result that is nan. If an argument is infinite, they are also those that are nan:
        there the chain rule subtracts infinities, or multiplies 0 by one, and there is no limit, or one that
        it does not find. A nan that an argument holds must show in derivatives if no argument is infinite.
        """
        lost = np.isnan(truth.value) if self.at_infinity else False
        return lost | self._undefined_value(truth)

    def _undefined_value(self, truth: Tracked) -> bool | Array:
        none = np.isnan(self.value)
        if not np.any(none):
            return False
        samples, shape = none.shape, truth.shape
        if samples == shape:
            return none
        if len(shape) > 1 and samples == (shape[0], *shape[2:]):  # one for all classes
            return np.broadcast_to(np.expand_dims(none, 1), shape)
        if none.ndim and samples == shape[: none.ndim]:  # one for each row
            return np.broadcast_to(none.reshape(samples + (1,) * (len(shape) - none.ndim)), shape)
        return True

    def derivative(self, name: str) -> Tracked:
        """The second derivative by an argument, or the one "along" the tangents."""
        if name == "along" and self.along is not None:
            return self.along
        return self.second[name]


@np.errstate(all="ignore")  # infinities and nans are answers here, not accidents
def expect_derivatives(
    loss: Loss,
    differentiation: Differentiation,
    names: Sequence[str],
    *,
    twice: bool = False,
    numbers: Numbering = tracked,
) -> Expected:
    """What the oracle says of the derivatives by some arguments, with the errors allowed in them.

    Args:
        loss: what is differentiated.
        differentiation: at which arguments and in which directions.
        names: the arguments by which to differentiate.
        twice: whether to give second derivatives and the derivative along the tangents, too.
        numbers: makes numbers of arrays; the oracle computes with them.
    """
    case, form = differentiation.case, differentiation.case.format
    given = oracle_arguments(case, numbers)
    plain = {name: given[name].parts if isinstance(given[name], Complex) else given[name] for name in names}
    inner = {name: Variable(Variable(plain[name]) if twice else plain[name]) for name in names}
    wrapped = {n: Complex(v) if isinstance(given[n], Complex) else v for n, v in inner.items()}
    result = loss.oracle(**{**given, **wrapped})
    upstream = spread(differentiation.upstream, result.shape)
    first_direction = _opened(numbers(upstream, form))
    direction: Any = Variable(first_direction) if twice else first_direction
    value = np.full(result.shape, np.nan) if has_no_value(case) else constant(result)
    # A result that depends on no variable (no frame in any sequence) has the derivative 0.
    result = result if isinstance(result, Variable) else Variable(result)
    computed = result.value.value if twice else result.value
    first = dict(zip(names, gradients(result, direction, list(inner.values()))))
    infinite = any(_is_infinite(argument) for argument in case.arguments.values())
    if not twice:
        settled = {name: _settled(gradient) for name, gradient in first.items()}
        return Expected(upstream, settled, {}, {}, None, computed, value, infinite)
    tangents = _tangents(differentiation, {name: plain[name].shape for name in names})
    slope = total(*(np.sum(first[name] * tangents[name]) for name in names))
    outer = [variable.value for variable in inner.values()]
    *second, along = gradients(slope, _opened(numbers(np.ones(()), form)), [*outer, direction])
    return Expected(
        upstream,
        {name: _settled(gradient.value) for name, gradient in first.items()},
        tangents,
        {name: _settled(gradient) for name, gradient in zip(names, second)},
        _settled(along),
        computed,
        value,
        infinite,
    )


def _is_infinite(argument: Any) -> bool:
    """Whether an argument is, or holds, an infinity."""
    return (is_real(argument) or isinstance(argument, Real)) and bool(np.any(np.isinf(argument)))


def _opened(numbers: Any) -> Any:
    """Numbers from which the chain rule goes back, in an order that is open."""
    return numbers.in_open_order() if isinstance(numbers, Stepped) else numbers


def _settled(derivative: Any) -> Any:
    """Let a bound allow any order of the factors; other numbers know of that already."""
    return in_any_order(derivative) if isinstance(derivative, Tracked) else derivative


def _tangents(differentiation: Differentiation, shapes: dict[str, tuple[int, ...]]) -> dict[str, Array]:
    """A direction for each variable; not the same for all, lest they cancel in a difference."""
    form, numbers = differentiation.case.format, differentiation.tangent
    turned = [np.roll(numbers, i) * (-0.5) ** i for i in range(len(shapes))]
    return {name: spread(form.nearest(t), shape) for t, (name, shape) in zip(turned, shapes.items())}


def differentiate(
    loss: Loss, case: Case, device: str, names: Sequence[str], upstream: Array
) -> tuple[Arguments, torch.Tensor, torch.Tensor]:
    """Run torch on a case, some arguments of which require gradients.

    Returns:
        The arguments, the result, and the upstream gradient as a tensor.

    Raises:
        UnfitError: there is nothing to go back through.
    """
    given = arguments(case, device)
    for name in names:
        given[name].requires_grad_()
    result = functional(loss, case, given)
    if result.shape != upstream.shape:
        raise UnfitError(f"shape {tuple(result.shape)} instead of {upstream.shape}")
    if names and not result.requires_grad:
        raise UnfitError(
            f"returned a tensor that does not require a gradient, and {names[0]} does", "loss.requires_grad"
        )
    return given, result, torch.tensor(upstream, dtype=result.dtype, device=result.device)


@refusable()
def go_back_twice(
    given: Arguments, names: Sequence[str], result: torch.Tensor, upstream: torch.Tensor, once: bool = False
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Go back through a graph twice, in both ways that torch has; `once`: the second pass must raise.

    Returns:
        The gradients, or None for an argument that has none; and what the second pass made of them in
        ``grad``, to which it adds.
    """
    variables = [given[name] for name in names]
    first = torch.autograd.grad(result, variables, upstream, retain_graph=True, allow_unused=True)
    for gradient in first:
        check_dense(gradient, "a gradient")
    for variable, gradient in zip(variables, first):
        variable.grad = None if gradient is None else gradient.clone()
    if once:
        try:
            torch.autograd.backward(result, upstream)
        except RuntimeError:
            return dict(zip(names, first)), {n: g if g is None else g + g for n, g in zip(names, first)}
        raise UnfitError("a second pass through the graph raised nothing, and is documented to raise")
    torch.autograd.backward(result, upstream)
    return dict(zip(names, first)), {name: given[name].grad for name in names}


@refusable()
def differentiate_twice(
    loss: Loss, case: Case, device: str, names: Sequence[str], expected: Expected
) -> dict[str, torch.Tensor]:
    """Differentiate sum(tangent * gradient) by each argument, and by the upstream gradient.

    Returns:
        The second derivative by each argument, and as "along" that by the upstream gradient: which is the
        derivative of the result along the tangents. What torch does not depend on is 0.
    """
    given, result, upstream = differentiate(loss, case, device, names, expected.upstream)
    variables = [*(given[name] for name in names), upstream.requires_grad_()]
    first = torch.autograd.grad(
        result, variables[:-1], upstream, create_graph=True, allow_unused=True, materialize_grads=True
    )
    tangents = _tensors(expected.tangents, result)
    dependent = [name for name, gradient in zip(names, first) if gradient.requires_grad]
    # On the way to some variables alone autograd passes by what refuses to be differentiated twice.
    torch.autograd.backward(
        [gradient for gradient in first if gradient.requires_grad], [tangents[name] for name in dependent]
    )
    for variable in variables:
        check_dense(variable.grad, "a derivative")
    return {
        name: torch.zeros_like(variable) if variable.grad is None else variable.grad
        for name, variable in zip([*names, "along"], variables)
    }


@refusable()
def differentiate_forward(
    loss: Loss, case: Case, device: str, names: Sequence[str], expected: Expected
) -> torch.Tensor:
    """The derivative of a case along the tangents, in forward mode."""
    given = arguments(case, device)

    def function(*variables: torch.Tensor) -> torch.Tensor:
        return functional(loss, case, {**given, **dict(zip(names, variables))})

    primals = tuple(given[name] for name in names)
    tangents = _tensors(expected.tangents, primals[0])
    derivative: torch.Tensor = torch.func.jvp(function, primals, tuple(tangents[name] for name in names))[1]
    check_dense(derivative, "a derivative")
    return derivative


def _tensors(arrays: dict[str, Array], like: torch.Tensor) -> dict[str, torch.Tensor]:
    return {name: torch.tensor(a, dtype=like.dtype, device=like.device) for name, a in arrays.items()}
