"""Witnesses as torch code: of a value, an element of a gradient, second derivatives and forward mode."""

from __future__ import annotations

import re

from .divergence import Witness


def value(call: str, gives: float | str, truth: float | str, of: str = "value") -> Witness:
    """A call, the number it gives or the exception it raises, and what is right."""
    return Witness(_loss(call), call, gives, truth, of)


def gradient(
    variable: str, call: str, element: str, gives: float | str, truth: float, upstream: str = ""
) -> Witness:
    """An element of the gradient of a call by ``x``, which is `variable`; `upstream` is a tensor."""
    given = f", {upstream}" if upstream else ""
    code = f"x = {variable}.requires_grad_()\ntorch.autograd.grad({call}, x{given})[0]{element}"
    return Witness(_loss(call), code, gives, truth, "gradient")


def forward(at: str, call: str, tangent: str, gives: float | str, truth: float) -> Witness:
    """The derivative of a call by ``x`` along a tangent, in forward mode."""
    code = f"function = lambda x: {call}\ntorch.func.jvp(function, ({at},), ({tangent},))[1]"
    return Witness(_loss(call), code, gives, truth, "second")


def twice(variable: str, call: str, element: str, gives: float | str, truth: float) -> Witness:
    """An element of the gradient of the sum of the gradient of a call by ``x``."""
    code = (
        f"x = {variable}.requires_grad_()\n"
        f"(gradient,) = torch.autograd.grad({call}, x, create_graph=True)\n"
        f"torch.autograd.grad(gradient.sum(), x)[0]{element}"
    )
    return Witness(_loss(call), code, gives, truth, "second")


def _loss(call: str) -> str:
    found = re.search(r"\bF\.(\w+)", call)
    if found is None:
        raise ValueError(f"a witness must call a loss of F, got {call!r}")
    return found[1]
