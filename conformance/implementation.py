"""What is under test: the losses of torch, or those that somebody else wrote with the same signatures.

All code that runs or prints a loss calls it as ``F.<loss>``; `under_test` says what ``F`` is.
"""

from __future__ import annotations

import difflib
import importlib
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import entry_points
from types import ModuleType, SimpleNamespace
from typing import Any, TypeAlias

import pytest
import torch

from .losses import LOSSES

Function: TypeAlias = Callable[..., Any]

GROUP = "torch_loss_conformance.implementations"
# What torch says, in errors of no special class, where an implementation has no derivative.
NO_DERIVATIVE = (
    "once_differentiable", "must override the setup_context", "not implemented", "not been implemented",
)  # fmt: skip


class Untested(BaseException):
    """The implementation says that it cannot do what it is asked for.

    It is no `Exception`, so that what takes any error of a loss for a mismatch lets it pass.
    """


@dataclass(frozen=True)
class Implementation:
    """Losses under test.

    Attributes:
        name: what it is called.
        F: their namespace.
        imports: lines of Python that make ``F``.
        losses: the names of those it is expected to have.
    """

    name: str
    F: Any
    imports: tuple[str, ...]
    losses: tuple[str, ...]

    def function(self, loss: str) -> Function:
        """The loss of a name.

        Raises:
            Untested: there is none.
        """
        if loss not in self.losses:
            raise Untested(f"it has no {loss}")
        function: Function = getattr(self.F, loss)
        return function

    def title(self, loss: str) -> str:
        """A loss as a failure names it."""
        return loss if self is TORCH else f"{loss} of {self.name}"


TORCH = Implementation(
    f"torch {torch.__version__}",
    torch.nn.functional,
    ("import torch.nn.functional as F",),
    tuple(LOSSES),
)

_under_test = TORCH


def under_test() -> Implementation:
    """What is under test in this session."""
    return _under_test


def put_under_test(implementation: Implementation) -> None:
    """Test an implementation in this session."""
    global _under_test
    _under_test = implementation


@contextmanager
def refusable() -> Iterator[None]:
    """Around differentiation: a derivative that an implementation says it does not have is not tested.

    This is not for torch: which derivatives it has is on record.

    Raises:
        Untested: there is none.
    """
    try:
        yield
    except RuntimeError as error:
        said = isinstance(error, NotImplementedError) or any(words in str(error) for words in NO_DERIVATIVE)
        if under_test() is TORCH or not said:
            raise
        raise Untested(_first_sentence(error)) from error


def find_implementation(name: str) -> Implementation:
    """Look up what ``--implementation`` names.

    Args:
        name: ``package.module:attribute``, where the attribute is a loss or holds losses; ``package.module``,
            which holds losses; or an entry point of the group `GROUP` that leads to one of these.

    Raises:
        pytest.UsageError: there is no such thing.
    """
    leads_to = {point.name: point.value for point in entry_points(group=GROUP)}.get(name, name)
    module_name, colon, attributes = leads_to.partition(":")
    path = attributes.split(".") if colon else []
    if not all(part.isidentifier() for part in [*module_name.split("."), *path]):
        raise _usage_error(f"{leads_to!r} is not of the form package.module:attribute")
    found: Any = _import(module_name)
    for part in path:
        found = _attribute(found, part, leads_to)
    loss = _loss_of(found, path)
    if loss is not None:
        losses = {loss: found}
    else:
        losses = {name: getattr(found, name) for name in LOSSES if hasattr(found, name)}
    if not losses:
        names = ", ".join(LOSSES)
        raise _usage_error(f"{leads_to!r} neither has the name of a loss nor holds one (losses: {names})")
    for loss_name, function in losses.items():
        _check_callable(loss_name, function, leads_to)
    functions = {loss_name: _refusing(function) for loss_name, function in losses.items()}
    return Implementation(
        name, SimpleNamespace(**functions), _imports(module_name, path, loss), tuple(losses)
    )


def _usage_error(problem: str) -> pytest.UsageError:
    return pytest.UsageError(f"--implementation: {problem}")


def _import(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except Exception as error:  # a module may raise anything
        problem = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
        mend = "it must be installed, or in the present folder or one of PYTHONPATH"
        raise _usage_error(f"{name!r} cannot be imported ({problem}); {mend}") from None


def _attribute(owner: Any, name: str, leads_to: str) -> Any:
    if hasattr(owner, name):
        return getattr(owner, name)
    close = difflib.get_close_matches(name, dir(owner), n=1)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    raise _usage_error(f"{leads_to!r}: there is no {name!r}{hint}")


def _loss_of(found: Any, path: list[str]) -> str | None:
    """The loss that something found is, by its name in its owner or by its own; None if it is none."""
    names = (*path[-1:], getattr(found, "__name__", None))
    return next((name for name in names if name in LOSSES), None) if path and callable(found) else None


def _check_callable(loss: str, function: Any, leads_to: str) -> None:
    """Check that a loss can be called with the arguments that every call has, by their names."""
    if not callable(function):
        raise _usage_error(f"{leads_to!r}: {loss} is not callable, but a {type(function).__name__}")
    signature = _signature(function)
    needed = {
        name: None
        for name, parameter in inspect.signature(LOSSES[loss].oracle).parameters.items()
        if parameter.default is parameter.empty
    }
    try:
        if signature is not None:
            signature.bind_partial(**needed)
    except TypeError:
        raise _usage_error(
            f"{leads_to!r}: {loss}{signature} cannot be called with {', '.join(f'{n}=...' for n in needed)}; "
            f"name its parameters as torch.nn.functional.{loss} does"
        ) from None


def _signature(function: Function) -> inspect.Signature | None:
    """The parameters of a function, or None if it does not tell them."""
    try:
        return inspect.signature(function)
    except (TypeError, ValueError):
        return None


def _refusing(function: Function) -> Function:
    """The same function, which raises `Untested` where it has no such parameter or says that it cannot."""
    signature = _signature(function)

    def refusing(*args: Any, **kwargs: Any) -> Any:
        if torch.compiler.is_compiling():  # what is refused was refused by the plain call
            return function(*args, **kwargs)
        try:
            if signature is not None:
                signature.bind(*args, **kwargs)
        except TypeError as error:
            raise Untested(f"its signature: {error}") from error
        try:
            return function(*args, **kwargs)
        except NotImplementedError as error:
            raise Untested(_first_sentence(error)) from error

    return refusing


def _first_sentence(error: Exception) -> str:
    lines = str(error).splitlines()
    return lines[0].split(". ")[0] if lines else type(error).__name__


def _imports(module: str, path: list[str], loss: str | None) -> tuple[str, ...]:
    """Lines of Python that make ``F``, which holds the loss, if what is named is one."""
    in_place = loss in path[-1:]
    owner = path[:-1] if in_place else path
    lines = [f"from {module} import {owner[0]} as F" if owner else f"import {module} as F"]
    if len(owner) > 1:
        lines.append(f"F = F.{'.'.join(owner[1:])}")
    if loss is not None and not in_place:
        lines = ["from types import SimpleNamespace", *lines, f"F = SimpleNamespace({loss}=F)"]
    return tuple(lines)
