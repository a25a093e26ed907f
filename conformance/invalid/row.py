"""A row of the tables: an invalid call, made of a valid one by changing one argument."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import torch

from strategies.arguments import Gradient

from ..losses import LOSSES

# What tells a caller that an argument is wrong. NotImplementedError is a RuntimeError.
SENSIBLE: tuple[type[Exception], ...] = (ValueError, RuntimeError, IndexError, TypeError)


@dataclass(frozen=True)
class Invalid:
    """A call that torch must refuse.

    Attributes:
        loss: name of the functional.
        violation: what is wrong with the call.
        call: the call as torch code.
        valid: the valid call that differs from it in one argument.
        argument: that argument.
        way: "functional" or "module".
        raises: the exceptions that conform.
        dangerous: whether the call may read out of bounds or end the process.
        or_gives: a number that conforms as well: nan where an option is nan, or the value of the formula
            where numbers of another type have one.
        derived: whether the row follows from the declared arguments, and runs in one test with others.
    """

    loss: str
    violation: str
    call: str
    valid: str
    argument: str
    way: str = "functional"
    raises: tuple[type[Exception], ...] = SENSIBLE
    dangerous: bool = False
    or_gives: float | None = None
    derived: bool = False

    def __str__(self) -> str:
        """The coordinates in a test's id."""
        return f"{self.loss}-{self.violation}" + ("-module" if self.way == "module" else "")

    @property
    def shows_without_data(self) -> bool:
        """Whether the violation is in a shape, a dtype or an option, and not in the numbers of a tensor."""
        before, after = (
            _kind(keywords_of(call).get(self.argument, "None")) for call in (self.valid, self.call)
        )
        return before != after

    @property
    def back(self) -> str:
        """Torch code that makes the call and adds up its gradients; "" if it has none, or is of a module."""
        return "" if self.way == "module" else going_back(self.loss, self.call, differentiable(self))


Rows = tuple[Invalid, ...]
Writer = Callable[[str, Mapping[str, str]], str]


@dataclass(frozen=True)
class Valid:
    """A valid call: the loss, and its arguments as torch code."""

    loss: str
    arguments: Mapping[str, str] = field(hash=False)

    @property
    def call(self) -> str:
        """The call as torch code."""
        return functional(self.loss, self.arguments)

    def with_(self, **arguments: str) -> Valid:
        """The valid call with more arguments, or others."""
        return Valid(self.loss, {**self.arguments, **arguments})

    def but(
        self, violation: str, *, dangerous: bool = False, or_gives: float | None = None, **change: str
    ) -> Rows:
        """The rows of the call with one argument changed: of the functional, and of the module's options."""
        ((argument, _),) = change.items()
        ways: dict[str, Writer] = {"functional": functional}
        if argument in options(self.loss) and self._has_module():
            ways["module"] = module
        return tuple(
            Invalid(
                self.loss, violation, write(self.loss, {**self.arguments, **change}),
                write(self.loss, self.arguments), argument, way, SENSIBLE, dangerous, or_gives,
            )
            for way, write in ways.items()
        )  # fmt: skip

    def _has_module(self) -> bool:
        """Whether the module takes all arguments; a weighted l1_loss, mse_loss or huber_loss has none."""
        cls = getattr(torch.nn, LOSSES[self.loss].module)
        operands = self.arguments.keys() - options(self.loss)
        return len(operands) == len(inspect.signature(cls.forward).parameters) - 1  # self


def differentiable(row: Invalid) -> list[str]:
    """The arguments of a call that torch differentiates by, in every form, and that hold floating numbers."""
    given = keywords_of(row.call)
    return [name for name in given if _is_floating(given[name]) and _differentiates(row.loss, name)]


def _differentiates(loss: str, name: str) -> bool:
    """Whether torch differentiates by a tensor in every form where it holds floating-point numbers."""
    declared = (form.tensors[name] for form in LOSSES[loss].forms if name in form.tensors)
    gradients = {tensor.gradient for tensor in declared if "float" in tensor.dtypes}
    return gradients == {Gradient.YES}


@cache
def _is_floating(text: str) -> bool:
    value = evaluated(text)
    return isinstance(value, torch.Tensor) and value.is_floating_point()


def going_back(loss: str, call: str, names: list[str]) -> str:
    """Torch code that makes a call of a functional and adds up its gradients by some arguments."""
    given = keywords_of(call)
    listed = ", ".join(f"{name}={name if name in names else text}" for name, text in given.items())
    made = [f"{name} = ({given[name]}).requires_grad_()" for name in names]
    gradients = f"torch.autograd.grad(F.{loss}({listed}).sum(), [{', '.join(names)}])"
    total = "sum(gradient.double().sum() for gradient in gradients)"
    return "\n".join([*made, f"gradients = {gradients}", total]) if names else ""


@cache
def keywords_of(call: str) -> dict[str, str]:
    """The keyword arguments of a call of the functional, torch code."""
    (statement,) = ast.parse(call).body
    keywords = statement.value.keywords  # type: ignore[attr-defined]  # it is a call
    return {keyword.arg: ast.unparse(keyword.value) for keyword in keywords}


def _kind(text: str) -> object:
    """What can be known of an argument without the numbers of a tensor."""
    value = evaluated(text)
    return (value.shape, value.dtype) if isinstance(value, torch.Tensor) else text


def evaluated(text: str) -> Any:
    """An argument, torch code, as a value."""
    return eval(text, {"torch": torch})


def functional(loss: str, arguments: Mapping[str, str]) -> str:
    """The call of a functional as torch code."""
    return f"F.{loss}({_listed(arguments)})"


def module(loss: str, arguments: Mapping[str, str]) -> str:
    """The call of a module class as torch code: options to the constructor, tensors to ``forward``."""
    given = {name: text for name, text in arguments.items() if name in options(loss)}
    operands = [text for name, text in arguments.items() if name not in given]
    return f"torch.nn.{LOSSES[loss].module}({_listed(given)})({', '.join(operands)})"


@cache
def options(loss: str) -> frozenset[str]:
    """What the module's constructor takes; nothing where it is made of sizes, and not of tensors."""
    cls: Any = getattr(torch.nn, LOSSES[loss].module, None)
    if cls is None or LOSSES[loss].layer:
        return frozenset()
    return frozenset(inspect.signature(cls).parameters)


def _listed(arguments: Mapping[str, str]) -> str:
    return ", ".join(f"{name}={text}" for name, text in arguments.items())
