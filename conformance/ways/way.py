"""A way of running torch, as code: what makes another function of the function that calls a loss."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from types import CodeType
from typing import Any, TypeAlias

import numpy as np
import torch
import torch.nn.functional as F

from strategies import Case

Function: TypeAlias = Callable[..., Any]


@dataclass(frozen=True)
class Way:
    """A way of running torch. What runs is the very text that a failure prints.

    Attributes:
        name: in a test's id and for ``--way``.
        code: statements that define ``way``, a function of the same tensors as ``function``, which calls the
            loss; both give the loss.
        setup: statements that define once what `code` and `layout` need.
        layout: an expression of ``x``, a tensor, and ``name``, its argument: the tensor that is passed.
        other_numbers: whether what is passed has other numbers than ``x``.
        exact: whether the results have the bits that they have without the way.
        differentiates: whether the results can be differentiated.
    """

    name: str
    code: str = "way = function"
    setup: str = ""
    layout: str = "x"
    other_numbers: bool = False
    exact: bool = False
    differentiates: bool = True

    def __str__(self) -> str:
        """The name."""
        return self.name

    def function(self, case: Case) -> Function:
        """A function of the case's tensors, in their order, that runs the loss in this way.

        Raises:
            Exception: whatever torch raises where it prepares the way.
        """
        names = dict(_set_up(self.setup))
        exec(_defining(case), names)  # each case has a text of its own
        exec(_compiled(self.code), names)
        made: Function = names["way"]
        return made

    def laid_out(self, name: str, tensor: torch.Tensor) -> torch.Tensor:
        """An argument as this way passes it."""
        names = {**_set_up(self.setup), "x": tensor, "name": name}
        laid: torch.Tensor = eval(_compiled(self.layout, "eval"), names)
        return laid

    def script(self, case: Case) -> list[str]:
        """Torch code that makes ``way``, a function of the case's tensors, and at need ``laid_out``."""
        layout = [] if self.layout == "x" else [f"laid_out = lambda x, name: {self.layout}"]
        return [*self.setup.splitlines(), *layout, _defining(case), *self.code.splitlines()]

    def passing(self, name: str, text: str) -> str:
        """An argument, torch code, as this way passes it, after `script`."""
        return text if self.layout == "x" else f"laid_out({text}, {name!r})"


def tensors_of(case: Case) -> list[str]:
    """The arguments of a case that are tensors."""
    return [name for name, value in case.arguments.items() if isinstance(value, np.ndarray)]


def _defining(case: Case) -> str:
    """Torch code of the function that calls the loss with a case's options and any tensors."""
    names = tensors_of(case)
    return f"function = lambda {', '.join(names)}: {case.call(f'F.{case.loss}', names)}"


@cache
def _compiled(code: str, mode: str = "exec") -> CodeType:
    return compile(code, "<way>", mode)


@cache
def _set_up(statements: str) -> dict[str, Any]:
    names: dict[str, Any] = {"torch": torch, "F": F}
    exec(_compiled(statements), names)
    return names
