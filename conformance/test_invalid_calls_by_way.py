"""What a plain call refuses is refused in other ways of running torch, too.

Tensors without data can refuse only what shows in shapes, dtypes and options.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from .disposable import Outcome, attempt, attempt_apart
from .divergences import on_record
from .invalid import ROWS, Invalid
from .invalid.row import evaluated, keywords_of
from .losses import LOSSES, Loss
from .test_invalid_calls import conforms, script, skip_if_refused
from .ways import WAYS, Way


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


REFUSALS = [Refusals(loss, WAYS[way]) for way in TRIED for loss in LOSSES.values()]


@pytest.mark.parametrize("refusals", REFUSALS, ids=str)
def test_invalid_calls_by_way(
    refusals: Refusals,
    device: str,
    plugin_modules: list[str],
    tmp_path: Path,
    take_note: Callable[[str, object], None],
) -> None:
    """The invalid calls of a loss raise; those that may read out of bounds run in a process of their own."""
    reason = refusals.way.obstacle()
    if reason:
        pytest.skip(reason)
    skip_if_refused(refusals.loss.name, device)
    calls = {row: refusals.in_way(row.call) for row in refusals.rows if on_record(row, device) is None}
    plain = [row for row in calls if row.or_gives is not None and not refusals.way.data]
    # An accelerator may raise whatever is called after an assertion in a kernel.
    risky = {row for row in calls if row.dangerous or device != "cpu"}
    apart = [row.call for row in plain if row in risky]
    apart += [call for row, call in calls.items() if row in risky and refusals.way.data]
    outcomes = attempt_apart(apart, device, tmp_path / "journal", 60, plugin_modules) if apart else {}

    def became(call: str) -> Outcome:
        return outcomes[call] if call in outcomes else attempt(call, device)

    wrong = []
    for row, call in calls.items():
        outcome = became(call)
        # What stands in for kernels is written in Python, where an assertion refuses as well as an error.
        refused = conforms(row, outcome) or "AssertionError" in outcome.classes
        if refused or (row in plain and outcome.dtype and became(row.call).dtype):
            continue
        known = on_record(row, device, refusals.way.name, outcome)
        if known is None:
            text = f"{row} ({refusals.way}), {device}: {outcome}, and the plain call is refused"
            wrong.append(text + script(call, device, str(outcome)))
        else:
            take_note("known", known.name(row.loss))
    if wrong:
        pytest.fail(f"{len(wrong)} of {len(calls)} calls\n\n" + "\n".join(wrong), pytrace=False)
    # That all are refused says something only of a way that takes a valid call.
    valid_calls = dict.fromkeys(row.valid for row in refusals.rows)
    if all((valid := attempt(refusals.in_way(call), device)).classes for call in valid_calls):
        pytest.skip(f"{refusals.way} refuses valid calls, too: {valid}")
