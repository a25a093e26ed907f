"""What a plain call refuses is refused in other ways of running torch, too.

Tensors without data can refuse only what shows in shapes, dtypes and options.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from .checks.invalid_calls import conforms, script, skip_if_refused
from .checks.invalid_calls_by_way import TRIED, Refusals
from .disposable import Outcome, attempt, attempt_apart
from .divergences import on_record
from .losses import LOSSES
from .ways import WAYS

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
