"""A way of running torch, as code: what makes another function of the function that calls a loss."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from types import CodeType
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import torch

from reference import FORMATS
from strategies import Case

from ..implementation import under_test

Function: TypeAlias = Callable[..., Any]


class Functions(NamedTuple):
    """A way of running a case, as functions of its tensors, in their order.

    Attributes:
        way: what is tested.
        plain: what it must agree with.
        back: what goes back through `way`, given the tensors, by which of them and from which upstream
            gradient; None for ``torch.autograd.grad``.
    """

    way: Function
    plain: Function
    back: Function | None


@dataclass(frozen=True, eq=False)
class Way:
    """A way of running torch. What runs is the very text that a failure prints.

    Attributes:
        name: in a test's id and for ``--way``.
        code: statements that define ``way``, a function of the same tensors as ``function``, which calls the
            loss named ``loss``; both give the loss. Likewise ``plain``, if the results must be those of
            another function than ``function``, and ``back``, if other than ``torch.autograd.grad`` goes back.
        setup: statements that define once what `code` and `layout` need.
        layout: an expression of ``x``, a tensor, and ``name``, its argument: the tensor that is passed.
        other_numbers: whether what is passed has other numbers than ``x``.
        exact: whether the results have the bits that they have without the way.
        differentiates: whether the results can be differentiated.
        data: whether the results have numbers, and not just a shape and a dtype.
        formats: the formats in which the way is tested.
        divisor: it gets a cell's examples divided by this.
        serves: other cases for which the function of a case must do.
        by_default: whether it is tested unless it is asked for.
        undefined: losses, or losses on a type of device, of which it is not documented what they give in this
            way, with the reason.
        obstacle: why it cannot be tested in this process, or None.
    """

    name: str
    code: str = "way = function"
    setup: str = ""
    layout: str = "x"
    other_numbers: bool = False
    exact: bool = False
    differentiates: bool = True
    data: bool = True
    formats: tuple[str, ...] = tuple(FORMATS)
    divisor: int = 10
    serves: Callable[[Case], list[Case]] = lambda case: []
    by_default: bool = True
    undefined: Mapping[str, str] = field(default_factory=dict)
    obstacle: Callable[[], str | None] = lambda: None

    def __str__(self) -> str:
        """The name."""
        return self.name

    @property
    def goes_back(self) -> bool:
        """Whether `code` defines what goes back."""
        return "def back(" in self.code

    def functions(self, case: Case) -> Functions:
        """What runs the loss in this way, and without it."""
        names = {**_set_up(self.setup), "loss": case.loss}
        tensors = tensors_of(case)
        exec(_defining(tensors, case.call(f"F.{case.loss}", tensors)), names)  # each case has its own text
        exec(_compiled(self.code), names)
        return Functions(names["way"], names.get("plain", names["function"]), names.get("back"))

    def laid_out(self, name: str, tensor: torch.Tensor) -> torch.Tensor:
        """An argument as this way passes it."""
        names = {**_set_up(self.setup), "x": tensor, "name": name}
        laid: torch.Tensor = eval(_compiled(self.layout, "eval"), names)
        return laid

    def script(self, case: Case) -> list[str]:
        """Torch code that makes ``way``, a function of the case's tensors, and at need ``laid_out``."""
        tensors = tensors_of(case)
        return self.defining(case.loss, tensors, case.call(f"F.{case.loss}", tensors))

    def defining(self, loss: str, tensors: list[str], call: str) -> list[str]:
        """Torch code that makes ``way``, a function of tensors, of a call of a loss."""
        layout = [] if self.layout == "x" else [f"laid_out = lambda x, name: {self.layout}"]
        name = [f"loss = {loss!r}"] if "loss" in self.code else []
        function = _defining(tensors, call)
        return [*self.setup.splitlines(), *layout, *name, function, *self.code.splitlines()]

    def passing(self, name: str, text: str) -> str:
        """An argument, torch code, as this way passes it, after `script`."""
        return text if self.layout == "x" else f"laid_out({text}, {name!r})"


def tensors_of(case: Case) -> list[str]:
    """The arguments of a case that are tensors."""
    return [name for name, value in case.arguments.items() if isinstance(value, np.ndarray)]


def _defining(tensors: list[str], call: str) -> str:
    """Torch code of the function of tensors that makes a call."""
    return f"function = lambda {', '.join(tensors)}: {call}"


@cache
def _compiled(code: str, mode: str = "exec") -> CodeType:
    return compile(code, "<way>", mode)


@cache
def _set_up(statements: str) -> dict[str, Any]:
    names: dict[str, Any] = {"np": np, "torch": torch, "F": under_test().F}
    exec(_compiled(statements), names)
    return names
