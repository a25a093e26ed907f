"""What is under test: the losses of torch, or those that somebody else wrote with the same signatures.

All code that runs or prints a loss calls it as ``F.<loss>``; `under_test` says what ``F`` is.
"""

from __future__ import annotations

import difflib
import importlib
import inspect
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import entry_points
from types import ModuleType, SimpleNamespace
from typing import Any, TypeAlias

import pytest
import torch

from .foreign import (
    UnfitError,
    check_tensor,
    contained,
    described,
    loading,
    message_of,
    named,
    place_in,
)
from .losses import LOSSES
from .session import session

Function: TypeAlias = Callable[..., Any]

OPTION = "--implementation"
GROUP = "torch_loss_conformance.implementations"
# What torch says, in errors of no special class, where an implementation has no derivative.
NO_DERIVATIVE = (
    "once_differentiable", "must override the setup_context", "not implemented", "not been implemented",
)  # fmt: skip
# Modules of the suite, which hide others of the same names.
OWN_NAMES = ("benchmarks", "conformance", "conftest", "meta_tests", "reference", "strategies")
# torch's parameters that the formulas do not have.
DEPRECATED = ("size_average", "reduce")
KINDS_OF_FUNCTIONS: dict[str, Callable[[Any], bool]] = {
    "a coroutine function (async def)": inspect.iscoroutinefunction,
    "an asynchronous generator function": inspect.isasyncgenfunction,
    "a generator function": inspect.isgeneratorfunction,
}


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


def under_test() -> Implementation:
    """What is under test in this session."""
    return session.implementation or TORCH


@contextmanager
def refusable() -> Iterator[None]:
    """Around differentiation: a derivative that an implementation says it does not have is not tested.

    This is not for torch: which derivatives it has is on record.

    Raises:
        Untested: there is none.
        UnfitError: the implementation raises what is no `Exception`.
    """
    try:
        yield
    except Untested:
        raise
    except BaseException as error:
        if under_test() is TORCH:
            raise
        message = message_of(error)
        said = isinstance(error, RuntimeError) and any(words in message for words in NO_DERIVATIVE)
        if said or isinstance(error, NotImplementedError):
            raise Untested(_first_sentence(error)) from error
        raised = contained(error)
        if raised is error:
            raise
        raise raised from None


def find_implementation(name: str, seconds: int = 0) -> Implementation:
    """Look up what ``--implementation`` names.

    Args:
        name: ``package.module:attribute``, where the attribute is a loss or holds losses; ``package.module``,
            which holds losses; or an entry point of the group `GROUP` that leads to one of these.
        seconds: how long loading it may take, after which the process ends; 0: for ever.

    Raises:
        pytest.UsageError: there is no such thing, or it can never be tested.
    """
    leads_to = {point.name: point.value for point in entry_points(group=GROUP)}.get(name, name)
    module_name, colon, attributes = leads_to.partition(":")
    path = attributes.split(".") if colon else []
    if not all(part.isidentifier() for part in [*module_name.split("."), *path]):
        raise _usage_error(f"{leads_to!r} is not of the form package.module:attribute")
    if module_name.partition(".")[0] in OWN_NAMES:
        raise _usage_error(f"{leads_to!r}: {module_name!r} is a module of the suite; rename yours")
    with loading(OPTION, repr(leads_to), seconds):
        owners: list[Any] = [_import(module_name)]
        for part in path:
            owners.append(_attribute(owners[-1], part, leads_to))
        found = owners[-1]
        loss = _loss_of(found, path)
        if loss is not None:
            losses, owner = {loss: found}, owners[-2]
        else:
            losses, owner = {name: getattr(found, name) for name in LOSSES if hasattr(found, name)}, found
        if not losses:
            raise _usage_error(f"{leads_to!r} {_no_loss(path)}")
        for loss_name, function in losses.items():
            problem = signature_problem(loss_name, function, owner)
            if problem:
                raise _usage_error(f"{leads_to!r}: {problem}")
    functions = {loss_name: _guarded(function) for loss_name, function in losses.items()}
    return Implementation(
        name, SimpleNamespace(**functions), _imports(module_name, path, loss), tuple(losses)
    )


def _usage_error(problem: str) -> pytest.UsageError:
    return pytest.UsageError(f"{OPTION}: {problem}")


def _import(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except BaseException as error:
        raised = contained(error)
        problem = message_of(raised) if isinstance(raised, UnfitError) else named(raised)
        where = place_in(error)
        if isinstance(error, ModuleNotFoundError) and not where:
            mend = "; it must be installed, or in the current folder or one of PYTHONPATH"
        else:
            mend = f", at {where}" if where else ""
        raise _usage_error(f"{name!r} cannot be imported ({problem}){mend}") from None


def _attribute(owner: Any, name: str, leads_to: str) -> Any:
    if hasattr(owner, name):
        return getattr(owner, name)
    close = difflib.get_close_matches(name, dir(owner), n=1)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    file = getattr(owner, "__file__", None) if isinstance(owner, ModuleType) else None
    raise _usage_error(f"{leads_to!r}: there is no {name!r}{f' in {file}' if file else ''}{hint}")


def _loss_of(found: Any, path: list[str]) -> str | None:
    """The loss that something found is, by its name in its owner or by its own; None if it is none."""
    own = getattr(found, "__name__", None)
    names = [*path[-1:], own] if isinstance(own, str) else path[-1:]
    return next((name for name in names if name in LOSSES), None) if path and callable(found) else None


def _no_loss(path: list[str]) -> str:
    """Why what a path leads to is nothing to test."""
    for row in LOSSES.values():
        if path and row.module == path[-1]:
            return f"is a module; the suite calls functionals: name or hold a function {row.name}"
    return f"neither has the name of a loss nor holds one (losses: {', '.join(LOSSES)})"


def signature_problem(loss: str, function: Any, owner: Any = None) -> str | None:
    """Why a loss can never be called as the suite does, by torch's names; or None.

    Args:
        loss: its name.
        function: what stands for it.
        owner: what holds it.
    """
    if not callable(function):
        return f"{loss} is not callable, but {described(function)}"
    if inspect.isclass(function):
        return f"{loss} is a class; give a function, or an instance that can be called"
    called = vars(type(function)).get("__call__")  # of an instance
    for kind, is_kind in KINDS_OF_FUNCTIONS.items():
        if is_kind(function) or is_kind(called):
            return f"{loss} is {kind}; make it a plain function, which returns its tensor"
    signature = _signature(function)
    if signature is None:
        return None
    known = inspect.signature(LOSSES[loss].oracle).parameters
    needed = [name for name, parameter in known.items() if parameter.default is parameter.empty]
    required = [
        parameter
        for parameter in signature.parameters.values()
        if parameter.default is parameter.empty
        and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    ]
    further = [parameter.name for parameter in required if parameter.name not in (*known, *DEPRECATED)]
    by_position = [parameter.name for parameter in required if parameter.kind is parameter.POSITIONAL_ONLY]
    title = f"{loss}{signature}"
    if (
        inspect.isclass(owner)
        and further
        and further[0] == required[0].name
        and _takes(signature, needed, [None])
    ):
        return f"{loss} needs {further[0]}: give an instance in place of the class"
    if by_position:
        return f"{title} takes {', '.join(by_position)} by position only; the suite names them: remove the /"
    if not _takes(signature, needed):
        names = ", ".join(f"{name}=..." for name in needed)
        mend = f"name its parameters as torch.nn.functional.{loss} does"
        return f"{title} cannot be called with {names}; {mend}"
    if further:
        return (
            f"{title} requires {', '.join(further)}, which torch.nn.functional.{loss} lacks; give a default"
        )
    return None


def _takes(signature: inspect.Signature, names: list[str], first: Sequence[Any] = ()) -> bool:
    """Whether a call can give arguments by these names, after some by position."""
    try:
        signature.bind_partial(*first, **dict.fromkeys(names))
    except TypeError:
        return False
    return True


def _signature(function: Function) -> inspect.Signature | None:
    """The parameters of a function, or None if it does not tell them."""
    try:
        return inspect.signature(function)
    except Exception:  # whatever its own attributes raise
        return None


def _guarded(function: Function) -> Function:
    """The same function, which answers with a dense tensor, `Untested`, or an `Exception`.

    It is `Untested` where it has no such parameter, or raises NotImplementedError.
    """
    signature = _signature(function)

    def guarded(*args: Any, **kwargs: Any) -> Any:
        if torch.compiler.is_compiling():  # the plain call was checked
            return function(*args, **kwargs)
        try:
            if signature is not None:
                signature.bind(*args, **kwargs)
        except TypeError as error:
            raise Untested(f"its signature: {message_of(error)}") from error
        process = os.getpid()
        try:
            result = function(*args, **kwargs)
        except NotImplementedError as error:
            raise Untested(_first_sentence(error)) from error
        except (Exception, Untested):
            raise
        except BaseException as error:
            raise contained(error) from None
        finally:
            if os.getpid() != process:  # it was forked and came back, and is not to go on with the suite
                os._exit(0)
        check_tensor(result)
        return result

    return guarded


def _first_sentence(error: BaseException) -> str:
    return message_of(error).split(". ")[0].strip() or type(error).__name__


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
