"""What is seen of a module, and what should be: the functional's results, and the state that was given."""

from __future__ import annotations

import copy
import io
import pickle
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np
import torch
import torch.nn.functional as F

from reference import Array
from strategies import Case, literal

from .. import journal
from ..losses import LOSSES
from ..running import parted, to_numpy
from .samples import Code
from .treatments import NOTHING, Treatment

NAMES: dict[str, Any] = {"copy": copy, "io": io, "pickle": pickle, "torch": torch, "F": F}

# The arguments that become state of a module, and their names there.
BUFFERS = {"weight": "weight", "pos_weight": "pos_weight"}
PARAMETERS = {"linear_weight": "linear.weight", "linear_bias": "linear.bias"}

# Where a tensor of a name is seen, as torch code.
BUFFER = "dict(criterion.named_buffers())[{!r}]"
PARAMETER = "dict(criterion.named_parameters())[{!r}]"
SAVED = "criterion.state_dict()[{!r}]"
GRADIENT = "torch.autograd.grad(result.sum(), criterion.get_parameter({!r}))[0]"

# What is seen: torch code, and its value.
Seen: TypeAlias = dict[str, Any]
Tensors: TypeAlias = Mapping[str, torch.Tensor]


def making(case: Case, name: str = "criterion") -> list[str]:
    """Torch code that makes the module of a case under a name."""
    loss = LOSSES[case.loss]
    options, _ = parted(loss, case)
    if not loss.layer:
        return [f"{name} = {options.call(f'torch.nn.{loss.module}')}"]
    classes, *positions, features = case.arguments["linear_weight"].shape
    layer = {key: _flat(key, value) for key, value in _state(case).items() if key in PARAMETERS}
    sizes = {
        "in_features": features,
        "num_classes": classes,
        "out_features": tuple(positions),
        "bias": "linear_bias" in layer,
        "dtype": Code(f"torch.{case.format.name}"),
    }
    whole = replace(case, arguments={**sizes, **options.arguments})
    filling = [
        f"{name}.{PARAMETERS[key]}.copy_({literal(value, case.format)})" for key, value in layer.items()
    ]
    return [
        f"{name} = {whole.call(f'torch.nn.{loss.module}')}",
        "with torch.no_grad():",
        *(f"    {line}" for line in filling),
    ]


def stages(case: Case, treatment: Treatment = NOTHING) -> tuple[list[str], list[str]]:
    """Torch code that makes a module, and code that treats it and then calls it."""
    _, operands = parted(LOSSES[case.loss], case)
    called = treatment.of(operands.without(*PARAMETERS))
    given = ", ".join(literal(value, called.format) for value in called.arguments.values())
    made = making(case)
    if "other" in treatment.code:
        ones = {name: np.ones_like(array) for name, array in _state(case).items()}
        made += making(case.replacing(**ones), "other")
    calling = ["result = criterion(*operands)"] if treatment.calls else []
    return made, [f"operands = {given}", *treatment.code.splitlines(), *calling]


def observe(case: Case, device: str, treatment: Treatment = NOTHING) -> Seen:
    """Make a module, treat it, call it and look at it.

    Raises:
        Exception: whatever torch raises.
    """
    names = run(*stages(case, treatment), *treatment.devices(device))
    return seen_of(names["criterion"], names.get("result"))


def run(made: list[str], called: list[str], first: str, then: str) -> dict[str, Any]:
    """Run the code that makes a module on one device, and the code that calls it on another.

    Returns:
        The names that they have defined.

    Raises:
        Exception: whatever torch raises.
    """
    names = dict(NAMES)
    journal.note("\n".join([*made, *called]))
    for code, device in ((made, first), (called, then)):
        with _on(device):
            exec("\n".join(code), names)
    return names


def expect(case: Case, device: str, treatment: Treatment = NOTHING) -> Seen:
    """What should be seen of a module: what the functional gives, and the arguments as state.

    Raises:
        Exception: whatever torch raises.
    """
    case = treatment.of(case)
    journal.note(case)
    _, device = treatment.devices(device)
    with _on(device):
        state = {
            key: eval(literal(_flat(key, value), case.format), NAMES) for key, value in _state(case).items()
        }
        for key in PARAMETERS.keys() & state.keys():
            state[key].requires_grad_()
        given = {key: tensor.reshape(case.arguments[key].shape) for key, tensor in state.items()}
        call = case.call(f"F.{case.loss}", list(given))
        result = eval(call, {**NAMES, **given}) if treatment.calls else None
    buffers = {BUFFERS[key]: tensor for key, tensor in state.items() if key in BUFFERS}
    parameters = {PARAMETERS[key]: tensor for key, tensor in state.items() if key in PARAMETERS}
    return seen(result, buffers, parameters, {**buffers, **parameters})


def seen_of(criterion: torch.nn.Module, result: torch.Tensor | None) -> Seen:
    """What is seen of a module and of what it gave."""
    buffers, parameters = dict(criterion.named_buffers()), dict(criterion.named_parameters())
    return seen(result, buffers, parameters, criterion.state_dict())


def seen(result: torch.Tensor | None, buffers: Tensors, parameters: Tensors, saved: Tensors) -> Seen:
    """What is seen of a module that has this state and gave this result, if it was called."""
    shown: Seen = {"result": result}
    for where, tensors in ((BUFFER, buffers), (PARAMETER, parameters), (SAVED, saved)):
        shown |= {where.format(name): tensor for name, tensor in tensors.items()}
    if parameters and result is not None:
        shown["result.grad_fn.name()"] = result.grad_fn and result.grad_fn.name()
        gradients = _gradients(result, list(parameters.values()))
        shown |= {GRADIENT.format(name): gradient for name, gradient in zip(parameters, gradients)}
    return shown


def _gradients(result: torch.Tensor, by: list[torch.Tensor]) -> Sequence[torch.Tensor | None]:
    if not result.requires_grad:
        return [None] * len(by)
    return torch.autograd.grad(result.sum(), by, allow_unused=True)


def difference(expected: Seen, got: Seen) -> str | None:
    """The first thing that is seen otherwise, as torch code, or None: numbers by their bits."""
    places = dict.fromkeys([*expected, *got])
    return next((place for place in places if _key(expected.get(place)) != _key(got.get(place))), None)


def _key(value: Any) -> object:
    """What is the same of two values if they are."""
    if not isinstance(value, torch.Tensor):
        return value
    bits = b"" if value.is_meta else to_numpy(value).tobytes()
    return value.dtype, value.device.type, tuple(value.shape), bits


def _on(device: str) -> AbstractContextManager[Any]:
    """New tensors are made on a device. On the CPU this is nothing, as a mode would change all calls."""
    return nullcontext() if device == "cpu" else torch.device(device)


def _state(case: Case) -> dict[str, Array]:
    """The arguments that become state."""
    given = case.arguments
    return {name: given[name] for name in (*BUFFERS, *PARAMETERS) if given.get(name) is not None}


def _flat(name: str, array: Array) -> Array:
    """An argument as the module holds it: of a layer all classes and positions are on one axis."""
    if name not in PARAMETERS:
        return array
    return array.reshape(-1, array.shape[-1]) if name == "linear_weight" else array.reshape(-1)
