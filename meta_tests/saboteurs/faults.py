"""The words in which saboteurs are written: what happens, and when."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from .saboteur import Fault

# Whether a call is concerned: by its arguments, and the number or tensor that it gives.
Condition = Callable[[dict[str, Any], torch.Tensor], bool]
Change = Callable[[torch.Tensor], torch.Tensor]


def always(given: dict[str, Any], got: torch.Tensor) -> bool:
    """Every call."""
    return True


def of_dtype(*names: str) -> Condition:
    """Results of these dtypes."""
    return lambda given, got: str(got.dtype).removeprefix("torch.") in names


def first_tensor(given: dict[str, Any]) -> torch.Tensor:
    """The first argument that is a tensor."""
    return next(value for value in given.values() if isinstance(value, torch.Tensor))


def more_rows(given: dict[str, Any], got: torch.Tensor) -> bool:
    """More than 64 elements in a dimension."""
    return any(size > 64 for size in first_tensor(given).shape)


def odd_number(given: dict[str, Any], got: torch.Tensor) -> bool:
    """So many elements that vectors of 8 leave a tail."""
    return first_tensor(given).numel() > 8 and first_tensor(given).numel() % 8 != 0


def strided(given: dict[str, Any], got: torch.Tensor) -> bool:
    """A first argument that is not contiguous."""
    return not first_tensor(given).is_contiguous()


def compiled(given: dict[str, Any], got: torch.Tensor) -> bool:
    """Calls that torch.compile traces."""
    return torch.compiler.is_compiling()


def batched(given: dict[str, Any], got: torch.Tensor) -> bool:
    """Calls under vmap."""
    return torch._C._functorch.is_batchedtensor(first_tensor(given))


def dimensions(*numbers: int) -> Condition:
    """A first argument of so many dimensions."""
    return lambda given, got: first_tensor(given).ndim in numbers


def reduced(*reductions: str) -> Condition:
    """Calls with these reductions, not said in a deprecated way."""
    return lambda given, got: (
        given.get("reduction", "mean") in reductions
        and given.get("size_average") is None
        and given.get("reduce") is None
    )


def empty(given: dict[str, Any], got: torch.Tensor) -> bool:
    """A first argument without elements."""
    return first_tensor(given).numel() == 0


def both(*conditions: Condition) -> Condition:
    """All of these."""
    return lambda given, got: all(condition(given, got) for condition in conditions)


def result(change: Change, when: Condition = always) -> Fault:
    """The result, the first if there are several, is changed."""

    def fault(original: Callable[..., Any], given: dict[str, Any]) -> Any:
        got = original(**given)
        first = got[0] if isinstance(got, tuple) else got
        if not when(given, first):
            return got
        return (change(first), *got[1:]) if isinstance(got, tuple) else change(first)

    return fault


def scaled(error: float) -> Change:
    """A relative error."""
    return lambda x: x * (1 + error)


def last_scaled(factor: float) -> Change:
    """The last element is wrong."""

    def change(x: torch.Tensor) -> torch.Tensor:
        if not x.numel():
            return x
        factors = torch.ones_like(x).flatten()
        return x * torch.cat([factors[1:], factors[:1] * factor]).reshape(x.shape)

    return change


def ignoring(*names: str) -> Fault:
    """Arguments are ignored."""
    return lambda original, given: original(**{k: v for k, v in given.items() if k not in names})


def altered(name: str, change: Callable[[Any], Any]) -> Fault:
    """An argument is changed, if it is given."""

    def fault(original: Callable[..., Any], given: dict[str, Any]) -> Any:
        if given.get(name) is not None:
            given = {**given, name: change(given[name])}
        return original(**given)

    return fault


def instead(function: Callable[..., Any], when: Condition = always) -> Fault:
    """Another function of the same arguments, where a condition holds of these and of the right result."""

    def fault(original: Callable[..., Any], given: dict[str, Any]) -> Any:
        right = original(**given)
        first = right[0] if isinstance(right, tuple) else right
        return function(original, given, right) if when(given, first) else right

    return fault


def mean_by(divisor: Callable[[dict[str, Any]], Any], when: Condition = always) -> Fault:
    """The mean is the sum, divided by something else than is right."""
    return instead(
        lambda original, given, right: original(**given | {"reduction": "sum"}) / divisor(given),
        both(reduced("mean"), when),
    )


def with_options(loss: str, *names: str) -> Fault:
    """A module calls its functional with these of its options only."""

    def fault(original: Callable[..., Any], given: dict[str, Any]) -> Any:
        module, *operands = given.values()
        return getattr(torch.nn.functional, loss)(
            *operands, **{name: getattr(module, name) for name in names}
        )

    return fault


class _Passing(torch.autograd.Function):
    """The identity, with another derivative."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x: torch.Tensor, change: Change) -> torch.Tensor:
        return x.clone()

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.change = inputs[1]

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> Any:
        return ctx.change(gradient), None

    @staticmethod
    def jvp(ctx: Any, tangent: torch.Tensor, _: None) -> torch.Tensor:
        return ctx.change(tangent).clone()


class _PassingOnce(torch.autograd.Function):
    """The identity, whose derivative is right and has itself no right one."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x: torch.Tensor) -> torch.Tensor:
        return x.clone()

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        pass

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> Any:
        return _Passing.apply(gradient, scaled(1e-3))

    @staticmethod
    def jvp(ctx: Any, tangent: torch.Tensor) -> torch.Tensor:
        return tangent.clone()


def passing(x: torch.Tensor, change: Change) -> torch.Tensor:
    """The same tensor, whose gradient is changed."""
    passed: torch.Tensor = _Passing.apply(x, change)
    return passed


def gradient_by(name: str, change: Change) -> Fault:
    """The gradient by an argument is changed."""
    return altered(name, lambda x: passing(x, change))


def upstream(change: Change) -> Fault:
    """The gradient that comes from above is changed."""
    return result(lambda x: passing(x, change))


def second_by(name: str) -> Fault:
    """The second derivative by an argument is a little wrong, the first is right."""
    return altered(name, _PassingOnce.apply)


def without_gradient(name: str) -> Fault:
    """An argument gets no gradient."""
    return altered(name, torch.Tensor.detach)


def mutating(name: str) -> Fault:
    """An argument is changed in place, by adding 1 to its first element."""

    def fault(original: Callable[..., Any], given: dict[str, Any]) -> Any:
        got = original(**given)
        if given[name].numel():
            with torch.no_grad():
                given[name].flatten()[:1].add_(1) if given[name].is_contiguous() else given[name].add_(1)
        return got

    return fault


def in_dtype(dtype: torch.dtype, when: Condition = always) -> Fault:
    """The computation runs in another dtype, and its result is cast back."""

    def fault(original: Callable[..., Any], given: dict[str, Any]) -> Any:
        first = first_tensor(given)
        if not when(given, first):
            return original(**given)
        floating = {k: v for k, v in given.items() if isinstance(v, torch.Tensor) and v.is_floating_point()}
        return original(**given | {k: v.to(dtype) for k, v in floating.items()}).to(first.dtype)

    return fault


def accepting(error: type[Exception], instead_of: Callable[[dict[str, Any]], Any]) -> Fault:
    """What is refused is taken, and something is returned."""

    def fault(original: Callable[..., Any], given: dict[str, Any]) -> Any:
        try:
            return original(**given)
        except error:
            return instead_of(given)

    return fault


def raising(wrong: type[Exception]) -> Fault:
    """What is refused is refused with an exception that nobody expects."""

    def fault(original: Callable[..., Any], given: dict[str, Any]) -> Any:
        try:
            return original(**given)
        except Exception as error:
            raise wrong(str(error)) from error

    return fault
