"""Invalid calls in an execution mode."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ..invalid import Invalid
from ..invalid.row import evaluated, keywords_of
from ..invalid.tables import ROWS
from ..losses import Loss
from ..ways import Way


@dataclass(frozen=True)
class Tried:
    """Which invalid calls are tried in a way.

    Attributes:
        numbers: whether also those of which only the numbers of a tensor are wrong.
        dangerous: whether also those that may read out of bounds.
        derived: whether also those that follow from the declared arguments.
    """

    numbers: bool = False
    dangerous: bool = True
    derived: bool = True


# The ways that have other code in place of kernels, which is where checks are lost. What aot_eager leaves to
# kernels is not tried again, and what it does not is that of fake tensors. To compile takes too long for all.
TRIED = {
    "meta": Tried(),
    "fake": Tried(),
    "vmap": Tried(numbers=True),
    "compile_aot_eager": Tried(dangerous=False, derived=False),
    "compile_inductor": Tried(numbers=True, derived=False),
}


@dataclass(frozen=True)
class Refusals:
    """The invalid calls of a loss in one way of running torch."""

    loss: Loss
    way: Way

    def __str__(self) -> str:
        return f"{self.loss.name}-{self.way}"

    @property
    def rows(self) -> list[Invalid]:
        """The calls that the way can refuse."""
        mine = [row for row in ROWS if row.loss == self.loss.name and row.way == "functional"]
        tried = TRIED[self.way.name]
        # Of a loss without rows of its own, one derived row for each argument.
        instead = {} if any(not row.derived for row in mine) else {row.argument: row for row in mine}
        return [
            row
            for row in mine
            if (tried.numbers or row.shows_without_data)
            and (tried.dangerous or not row.dangerous)
            and (tried.derived or not row.derived or row in instead.values())
        ]

    def in_way(self, call: str) -> str:
        """A call of the functional as torch code that makes it in the way."""
        given = keywords_of(call)
        tensors = [name for name, text in given.items() if isinstance(evaluated(text), torch.Tensor)]
        listed = ", ".join(f"{name}={name if name in tensors else text}" for name, text in given.items())
        passed = ", ".join(self.way.passing(name, given[name]) for name in tensors)
        result = f"way({passed})"
        if not self.way.data:
            result = f"(lambda got: torch.zeros(got.shape, dtype=got.dtype))({result})"
        lines = self.way.defining(self.loss.name, tensors, f"F.{self.loss.name}({listed})")
        return "\n".join([*lines, result])
