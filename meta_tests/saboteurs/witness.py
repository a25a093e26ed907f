"""Calls that show what a saboteur breaks.

In a witness, these names have ordinary numbers, of the saboteur's dtype and number of rows:
``x``, ``y``, ``z`` any numbers (x requires a gradient); ``p`` and ``q`` probabilities; ``v`` positive ones;
``s`` signs; ``w`` weights of the 5 classes; ``c`` labels; ``d`` one sign a row; ``m`` labels of several
classes, -1 after them; ``gradient(loss)`` that of a loss's sum by x; ``twice(loss)`` that of the squared
gradient.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F

from conformance.losses import LOSSES
from strategies.arguments import Signature, Tensor
from strategies.domains import BITS, NON_NEGATIVE, UNIT, Classes, Members

from .saboteur import Saboteur

# Calls that the declarations do not give: shapes that follow from others, and lengths.
WRITTEN = {
    "linear_cross_entropy": "F.linear_cross_entropy(x, torch.ones(5, 5).to(x).tril(), c, reduction='none')",
    "ctc_loss": "F.ctc_loss(x.log_softmax(-1)[:, None], torch.ones(1, 1).long(), (len(x),), (1,), 0, 'none')",
}


def first_of(form: Signature) -> str:
    """What the first argument is in the ordinary call of a form: x, or what makes its numbers valid."""
    return "x.sigmoid()" if next(iter(form.required.values())).domain == UNIT else "x"


def call_of(form: Signature) -> str:
    """The ordinary call of a form: the names that stand for numbers as its tensors are declared to hold."""
    reals = iter("yz")
    _, *others = form.required.values()
    passed = [first_of(form), *(_name_of(tensor, reals) for tensor in others)]
    return f"F.{form.loss}({', '.join(passed)}, reduction='none')"


def _name_of(tensor: Tensor, reals: Iterator[str]) -> str:
    domain = tensor.range
    if isinstance(domain, Classes):
        return "m" if domain.ended else "c"
    if isinstance(domain, Members):
        of_elements = tensor.any_shape or "C" in tensor.shapes[-1].split()
        return "p.round()" if domain == BITS else "s" if of_elements else "d"
    return {UNIT: "p", NON_NEGATIVE: "v"}.get(domain) or next(reals)


# An ordinary call of each loss, and what its first argument is there.
CALLS = {name: call_of(loss.forms[0]) for name, loss in LOSSES.items() if name not in WRITTEN} | WRITTEN
FIRST = {name: first_of(loss.forms[0]) for name, loss in LOSSES.items()}
FIRST["ctc_loss"] = "x.log_softmax(-1)[:, None]"


def gradient(loss: torch.Tensor, x: torch.Tensor, create_graph: bool = False) -> torch.Tensor:
    """The gradient of a loss's sum by x."""
    return torch.autograd.grad(loss.sum(), x, create_graph=create_graph)[0]


def names(dtype: torch.dtype, rows: int) -> dict[str, Any]:
    """What the names in a witness stand for."""
    generator = torch.Generator().manual_seed(7)

    def drawn(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64).to(dtype)

    x, y, z = (drawn(rows, 5) for _ in range(3))
    return {
        "torch": torch, "F": F, "x": x.requires_grad_(), "y": y, "z": z, "p": y.sigmoid(), "q": z.sigmoid(),
        "v": z.abs() + 0.5, "s": torch.where(z > 0, 1, -1).to(dtype), "w": drawn(5).abs() + 0.5,
        "c": torch.arange(rows) * 2 % 5, "d": (torch.arange(rows) % 2 * 2 - 1).to(dtype),
        "m": torch.tensor([[3, 0, -1, 1, -1]] * rows),
        "gradient": lambda loss: gradient(loss, x),
        "twice": lambda loss: gradient(gradient(loss, x, create_graph=True) ** 2, x),
    }  # fmt: skip


def bends(loss: str) -> bool:
    """Whether the second derivative of a loss in its ordinary call exists and is not 0."""
    try:
        return bool(eval(f"twice({CALLS[loss]})", names(torch.float64, 3)).any())
    except (AttributeError, RuntimeError):  # there is no such loss, or no such derivative
        return False


def show(saboteur: Saboteur) -> str:
    """What a saboteur's witness gives: shape, dtype and numbers, or the exception."""
    known = names(getattr(torch, saboteur.dtype), saboteur.rows)
    *statements, expression = (saboteur.witness or CALLS[saboteur.loss]).splitlines()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of deprecated arguments and the like
        try:
            exec("\n".join(statements), known)
            got = eval(expression, known)
        except Exception as error:  # that another class is raised may be what is shown
            return repr(error)
    if isinstance(got, torch.Tensor):
        return f"{got.dtype} {tuple(got.shape)} {got.detach().double().tolist()}"
    return repr(got)
