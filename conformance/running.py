"""Ways of running torch on a case.

A way takes a loss, a case and its arguments as tensors, and returns torch's result, or None where the
case cannot be put that way (an option that the module class does not have).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache, partial
from typing import Any, TypeAlias

import numpy as np
import torch
from hypothesis import HealthCheck, Phase, find, settings

from reference import FORMATS, Array
from strategies import Case, Chunking, Differentiation, Distance, is_real

from . import journal
from .foreign import UnfitError, check_numbers_of, check_tensor, contained, message_of
from .implementation import TORCH, Untested, under_test
from .losses import LOSSES, Loss

Arguments: TypeAlias = dict[str, Any]
Call: TypeAlias = Callable[[Loss, Case, Arguments], torch.Tensor | None]

# What torch says of operations whose threads add in any order.
NO_FIXED_ORDER = "does not have a deterministic implementation"

# How the deprecated arguments say what a reduction says. Given, they override `reduction`; without
# reduction, `size_average` is ignored.
LEGACY: dict[str, dict[str, Any]] = {
    "mean": {"size_average": True, "reduction": "sum"},
    "sum": {"size_average": False, "reduction": "mean"},
    "none": {"size_average": True, "reduce": False, "reduction": "mean"},
}


def to_torch(value: Any, dtype: str, device: str) -> Any:
    """An argument as torch takes it; real arrays become tensors of the dtype, exactly."""
    if isinstance(value, Distance):
        return _distance(value.source)
    if isinstance(value, Chunking):
        return _chunking(repr(value))
    if not isinstance(value, np.ndarray):
        return value
    return torch.tensor(value, dtype=getattr(torch, dtype) if is_real(value) else None, device=device)


@cache
def _chunking(source: str) -> Any:
    """Options, made by the very text that a case prints.

    Raises:
        Untested: this torch has no such policy; 2.14 has one fewer.
    """
    try:
        return eval(source, {"torch": torch})
    except ValueError as error:
        if "invalid acc_policy" not in str(error):
            raise
        raise Untested(str(error)) from error


@cache
def _distance(source: str) -> Callable[[torch.Tensor, torch.Tensor], torch.Tensor]:
    # What runs is the very text that a case prints; it is a literal of strategies.embedding.
    function: Callable[[torch.Tensor, torch.Tensor], torch.Tensor] = eval(source)
    return function


def arguments(case: Case, device: str) -> Arguments:
    """The arguments of a case as fresh tensors on a device."""
    return {
        name: to_torch(value, case.dtypes.get(name, case.format.name), device)
        for name, value in case.arguments.items()
    }


def to_numpy(tensor: torch.Tensor) -> Array:
    """A tensor's numbers, exactly: floating ones as float64."""
    detached = tensor.detach().cpu()
    exact = detached.double() if detached.is_floating_point() else detached
    # Derivatives may be zeros that have no memory; a copy has.
    array: Array = exact.clone().numpy()
    return array


def skip_undocumented(case: Case, error: Exception) -> None:
    """Leave a case out if it is refused because it gives something in a type that is not documented.

    Class indices are documented as int64, and number options as float or int. What torch takes beyond its
    documentation is support, and no promise.

    Raises:
        Untested: the labels are of another type, or an option is a NumPy scalar and the message says so.
    """
    target = case.arguments.get("target")
    if isinstance(target, np.ndarray) and target.dtype == np.uint8:
        raise Untested(f"labels in {target.dtype}, which are not documented, are refused") from error
    scalars = {type(value).__name__ for value in case.arguments.values() if isinstance(value, np.generic)}
    if scalars and "numpy" in message_of(error):
        raise Untested(f"an option that is a {scalars.pop()} of NumPy is refused") from error


def shares_memory(result: torch.Tensor, argument: torch.Tensor) -> bool:
    """Whether writing to one tensor changes another; tried where a device does not tell their addresses."""
    if not (result.numel() and argument.numel()):
        return False
    with suppress(RuntimeError):
        addresses = [tensor.untyped_storage().data_ptr() for tensor in (result, argument)]
        if all(addresses):
            return addresses[0] == addresses[1]
    kept, before = result.clone(), to_numpy(argument).tobytes()
    result.copy_(kept == 0)  # no number stays what it is
    after = to_numpy(argument).tobytes()
    result.copy_(kept)
    return after != before


@cache
def parameters(function: Callable[..., Any]) -> tuple[str, ...]:
    """Names of a callable's parameters, in order."""
    return tuple(inspect.signature(function).parameters)


def functional(loss: Loss, case: Case, arguments: Arguments) -> torch.Tensor:
    """Call the functional of the losses under test.

    Raises:
        UnfitError: it returns something else than numbers in the type and on the device of the arguments.
    """
    result: torch.Tensor = under_test().function(loss.name)(**arguments)
    check_tensor(result)
    tensors = [value for value in arguments.values() if isinstance(value, torch.Tensor)]
    wanted = any(tensor.requires_grad for tensor in tensors)
    check_numbers_of(result, case.format.name, tensors[0].device, wanted)
    return result


def module(loss: Loss, case: Case, arguments: Arguments) -> torch.Tensor | None:
    """Call the module class: options to the constructor, tensors to ``forward``."""
    if loss.layer:
        return _linear_module(**arguments)
    cls = getattr(torch.nn, loss.module)
    options = {name: value for name, value in arguments.items() if name in parameters(cls)}
    operands = [value for name, value in arguments.items() if name not in options]
    if len(operands) != len(parameters(cls.forward)) - 1:
        return None  # a weighted l1_loss, mse_loss or huber_loss has no module
    result: torch.Tensor = cls(**options)(*operands)
    return result


def _linear_module(
    input: torch.Tensor,
    linear_weight: torch.Tensor,
    target: torch.Tensor,
    linear_bias: torch.Tensor | None = None,
    **options: Any,
) -> torch.Tensor:
    """The module that its linear layer itself, with flat parameters."""
    classes, *positions, features = linear_weight.shape
    criterion = torch.nn.LinearCrossEntropyLoss(
        features,
        classes,
        out_features=tuple(positions),
        bias=linear_bias is not None,
        dtype=linear_weight.dtype,
        device=linear_weight.device,
        **options,
    )
    with torch.no_grad():
        criterion.linear.weight.copy_(linear_weight.reshape(criterion.linear.weight.shape))
        if linear_bias is not None:
            criterion.linear.bias.copy_(linear_bias.reshape(-1))
    result: torch.Tensor = criterion(input, target)
    return result


def legacy(loss: Loss, case: Case, arguments: Arguments) -> torch.Tensor | None:
    """Call the functional with ``size_average`` and ``reduce`` in place of ``reduction``."""
    reduction = arguments.get("reduction", "mean")
    if not loss.legacy or reduction not in LEGACY:
        return None
    return functional(loss, case, {**arguments, **LEGACY[reduction]})


CALLS: dict[str, Call] = {"functional": functional, "module": module, "legacy": legacy}


def ways() -> dict[str, Call]:
    """The ways to call what is under test; what is not torch has its functionals only."""
    return CALLS if under_test() is TORCH else {"functional": functional}


def parted(loss: Loss, case: Case) -> tuple[Case, Case]:
    """What the module's constructor takes of a case, and the rest, for ``forward``."""
    options = parameters(getattr(torch.nn, loss.module))
    constructor = case.without(*(name for name in case.arguments if name not in options))
    return constructor, case.without(*constructor.arguments)


def written(way: str, loss: Loss, case: Case, names: Sequence[str] = ()) -> str:
    """The call of a way as torch code; arguments that are in `names` by their names.

    The module that has a linear layer is ``criterion``, see `conformance.modules`.
    """
    if way == "legacy":
        legacy_case = case.replacing(**LEGACY[case.arguments.get("reduction", "mean")])
        return legacy_case.call(f"F.{loss.name}", names)
    if way != "module":
        return case.call(f"F.{loss.name}", names)
    constructor, operands = parted(loss, case)
    made = "criterion" if loss.layer else constructor.call(f"torch.nn.{loss.module}", names)
    given = operands.without("linear_weight", "linear_bias").arguments
    values = ", ".join(n if n in names else case.literal(n) for n in given)
    return f"{made}({values})"


def may_vary(loss: Loss, case: Case, device: str) -> bool:
    """Whether torch says that a call may give other bits each time.

    So it is if one of its operations has no deterministic implementation. On the CPU none lacks one.

    Source: torch.use_deterministic_algorithms, which makes such operations raise.
    """
    if torch.device(device).type == "cpu":
        return False
    before = torch.get_deterministic_debug_mode()
    torch.set_deterministic_debug_mode("error")
    try:
        functional(loss, case, arguments(case, device))
    except RuntimeError as error:
        return NO_FIXED_ORDER in message_of(error)
    finally:
        torch.set_deterministic_debug_mode(before)
    return False


@cache
def obstacle(loss_name: str, format_name: str, device: str, backward: bool = False) -> str | None:
    """Why this torch cannot run a loss in a format on a device, or not backward, or None if it can.

    The simplest case of the loss is tried. Only torch's own word that something is not there counts;
    any other error is for the properties to report.
    """
    loss = LOSSES[loss_name]
    if not hasattr(under_test().F, loss_name):
        return f"{under_test().name} has no {loss_name}"
    cases = loss.cases(FORMATS[format_name], "mean")
    quiet = settings(
        database=None, derandomize=True, max_examples=1, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    case = find(cases, lambda _: True, settings=quiet)
    ones = np.ones(1)
    journal.note(Differentiation(case, ones, ones, 0) if backward else case)
    return journal.run(partial(_refusal, loss, case, device, backward))


def _refusal(loss: Loss, case: Case, device: str, backward: bool) -> str | None:
    """Torch's word that it cannot run a case, or not backward, or None."""
    try:
        given = arguments(case, device)
        variables = [given[name].requires_grad_() for name in loss.variables(case) if backward]
        result = functional(loss, case, given)
        if backward:
            torch.autograd.grad(result.sum(), variables)
    except Untested:
        return None  # of this case; the properties count each that is refused
    except BaseException as raised:  # whatever else it is, the properties will meet it again
        error = contained(raised)
        says = isinstance(error, NotImplementedError) or "not implemented" in message_of(error)
        if says and not isinstance(error, UnfitError):
            return f"{under_test().name}: {message_of(error)}"
    return None
