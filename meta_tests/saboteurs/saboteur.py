"""A saboteur: one way in which torch is broken, and the mechanism that breaks and mends it."""

from __future__ import annotations

import contextlib
import functools
import inspect
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch

# What was there, and the arguments of a call by name, make the result of the broken call.
Fault: TypeAlias = Callable[[Callable[..., Any], dict[str, Any]], Any]

GROSS, MODERATE, SUBTLE = SEVERITIES = ("gross", "moderate", "subtle")
KINDS = (
    "reduction", "weights", "ignore_index", "label smoothing", "branch", "eps and clamp", "overflow",
    "precision", "dtype", "layout", "length", "shape", "nan and inf", "empty", "gradient",
    "second derivative",
    "errors", "contract", "aliasing", "module", "compile", "vmap", "option", "alignment",
)  # fmt: skip


@dataclass(frozen=True)
class Saboteur:
    """One broken loss.

    Attributes:
        loss: name of the functional whose tests must notice.
        name: what is broken, in a word or two; with the loss, unique.
        kind: one of `KINDS`.
        severity: gross: wrong for nearly every input; moderate: for a common option or region; subtle: by
            little, or in a rare region.
        breaks: what is broken, in a sentence.
        fault: what is called in the place of `target`.
        target: a kernel, as ``aten::mse_loss``, or where torch's Python code has a function, as
            ``torch.nn.functional.l1_loss``; by default the functional.
        witness: torch code, see `witness.py`, that gives another result with the saboteur than without;
            by default an ordinary call, or its gradient.
        dtype: of the witness's tensors.
        rows: how many samples these have.
        survives: why the suite cannot notice it, if that is known.
    """

    loss: str
    name: str
    kind: str
    severity: str
    breaks: str
    fault: Fault
    target: str = ""
    witness: str = ""
    dtype: str = "float64"
    rows: int = 3
    survives: str = ""

    def __str__(self) -> str:
        return f"{self.loss}-{self.name.replace(' ', '-')}"

    @contextlib.contextmanager
    def at_work(self) -> Iterator[None]:
        """Break torch, and mend it."""
        target = self.target or f"torch.nn.functional.{self.loss}"
        with _kernel(target, self.fault) if target.startswith("aten::") else _function(target, self.fault):
            yield


@contextlib.contextmanager
def _kernel(target: str, fault: Fault) -> Iterator[None]:
    """A fault in the place of the CPU kernel of an operation."""
    name, _, overload = target.removeprefix("aten::").partition(".")
    operation = getattr(getattr(torch.ops.aten, name), overload or "default")
    parameters = operation._schema.arguments
    kernel, keys = torch.library.get_kernel(target, "CPU"), torch._C.DispatchKeySet(torch._C.DispatchKey.CPU)

    def original(**given: Any) -> Any:
        values = (given.get(parameter.name, parameter.default_value) for parameter in parameters)
        return kernel.call_boxed(keys, *values)

    def broken(*args: Any, **kwargs: Any) -> Any:
        return fault(original, dict(zip((p.name for p in parameters), args)) | kwargs)

    library = torch.library.Library("aten", "IMPL")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch tells that a kernel is overridden, which is the purpose
        library.impl(target.removeprefix("aten::"), broken, "CPU")
    try:
        yield
    finally:
        library._destroy()


@contextlib.contextmanager
def _function(target: str, fault: Fault) -> Iterator[None]:
    """A fault in the place of a function of torch."""
    path, name = target.rsplit(".", 1)
    place = functools.reduce(getattr, path.split(".")[1:], torch)
    original = getattr(place, name)
    names = tuple(inspect.signature(original).parameters)

    @functools.wraps(original)
    def broken(*args: Any, **kwargs: Any) -> Any:
        return fault(original, dict(zip(names, args)) | kwargs)

    setattr(place, name, broken)
    try:
        yield
    finally:
        setattr(place, name, original)
