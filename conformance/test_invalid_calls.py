"""An invalid call raises an exception that tells so; it gives no number, hangs or ends the process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from .checks.invalid_calls import HARMLESS, check_all, made, made_apart, problem, script, skip_if_refused
from .disposable import attempt
from .divergences import on_record
from .invalid import Invalid, Promotion
from .invalid.tables import PROMOTIONS, ROWS
from .losses import LOSSES, Loss

DANGEROUS = [LOSSES[name] for name in dict.fromkeys(row.loss for row in ROWS if row.dangerous)]


DERIVED = [LOSSES[name] for name in dict.fromkeys(row.loss for row in HARMLESS if row.derived)]


@pytest.mark.parametrize("row", [row for row in HARMLESS if not row.derived], ids=str)
def test_invalid_call(
    row: Invalid, device: str, plugin_modules: list[str], take_note: Callable[[str, object], None]
) -> None:
    """The call raises."""
    skip_if_refused(row.loss, device)
    wrong = problem(row, device, made(row, device, tuple(plugin_modules)), take_note)
    if wrong:
        pytest.fail(wrong, pytrace=False)


@pytest.mark.parametrize("loss", DERIVED, ids=lambda loss: loss.name)
def test_derived_calls(
    loss: Loss, device: str, plugin_modules: list[str], take_note: Callable[[str, object], None]
) -> None:
    """The harmless calls that follow from the declared arguments of a loss raise."""
    skip_if_refused(loss.name, device)
    rows = [row for row in HARMLESS if row.derived and row.loss == loss.name]
    check_all(rows, {row: made(row, device, tuple(plugin_modules)) for row in rows}, device, take_note)


@pytest.mark.parametrize("loss", DANGEROUS, ids=lambda loss: loss.name)
def test_dangerous_calls(
    loss: Loss,
    device: str,
    plugin_modules: list[str],
    tmp_path: Path,
    take_note: Callable[[str, object], None],
) -> None:
    """All calls of a loss that may read out of bounds raise, in a process of their own."""
    skip_if_refused(loss.name, device)
    rows = [row for row in ROWS if row.dangerous and row.loss == loss.name]
    outcomes = made_apart(rows, device, tmp_path / "journal", plugin_modules)
    check_all(rows, outcomes, device, take_note)


@pytest.mark.parametrize("row", PROMOTIONS, ids=str)
def test_mixed_dtypes(row: Promotion, device: str, take_note: Callable[[str, object], None]) -> None:
    """Arguments of two dtypes are refused, or the result has the promoted dtype or that of the first."""
    skip_if_refused(row.loss, device)
    outcome = attempt(row.call, device)
    refused = isinstance(outcome.gives, str) and "RuntimeError" in outcome.classes
    if refused or outcome.gives in row.allowed:
        return
    known = on_record(row, device, outcome=outcome)
    if known is None:
        bits = " or ".join(map(str, sorted(row.allowed)))
        said = str(replace(outcome, dtype=""))  # which is of the number of bits, not of the result
        text = f"{row.loss}, {row.violation}, {device}: {said} bits, not {bits}, and no RuntimeError"
        pytest.fail(text + script(row.call, device, said), pytrace=False)
    take_note("known", known.name(row.loss))
