"""An invalid call raises an exception that tells so; it gives no number, hangs or ends the process."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
import torch

from .disposable import Outcome, attempt, attempt_apart
from .divergences import on_record
from .invalid import PROMOTIONS, ROWS, Invalid, Promotion
from .losses import LOSSES, Loss
from .presence import skip_if_missing
from .scripts import commented, head, section

DANGEROUS = [LOSSES[name] for name in dict.fromkeys(row.loss for row in ROWS if row.dangerous)]


def conforms(row: Invalid, outcome: Outcome) -> bool:
    """Whether torch may answer a call so."""
    if isinstance(outcome.gives, float):
        both = (outcome.gives, row.or_gives)
        return outcome.gives == row.or_gives or all(number != number for number in both)
    refused = {cls.__name__ for cls in row.raises} & set(outcome.classes)
    return bool(refused) and "INTERNAL ASSERT" not in outcome.message


def explain(row: Invalid, device: str, outcome: Outcome) -> str:
    """What a person needs: what was called, what came, what is right and why, and a script."""
    names = ", ".join(cls.__name__ for cls in row.raises)
    instead = "" if row.or_gives is None else f", or {row.or_gives}"
    lines = [
        f"{row.loss} ({row.way}), {row.violation}, {device}: an invalid call that torch does not refuse",
        f"    got   {outcome}",
        f"    right an exception ({names}){instead}: the documentation excludes this {row.argument}",
        f"    valid {row.valid}",
    ]
    return "\n".join(lines) + script(row.call, device, str(outcome))


def script(call: str, device: str, told: str) -> str:
    """The end of a failure: plain torch code that shows what came of a call, its last line an expression."""
    *statements, expression = call.split("\n")
    code = [*statements, *commented(f"print({expression})", told)]
    return section([*head(device, code), *code]) + "\n"


def problem(row: Invalid, device: str, outcome: Outcome, record: Callable[[str, object], None]) -> str | None:
    """What is wrong with an outcome, or None where it conforms or is on record, and then it is counted."""
    if conforms(row, outcome):
        return None
    known = on_record(row, device, outcome=outcome)
    if known is None:
        return explain(row, device, outcome)
    record("known", known.name(row.loss))
    return None


def skip_if_refused(loss: str, device: str) -> None:
    """Skip where the installed torch does not have a loss, or not on a device: then it refuses all calls."""
    skip_if_missing(loss)
    valid = _valid(loss, device)
    if "NotImplementedError" in valid.classes:
        pytest.skip(f"torch {torch.__version__}: {valid.message}")


@cache
def _valid(loss: str, device: str) -> Outcome:
    """What becomes of a valid call."""
    return attempt(next(row.valid for row in ROWS if row.loss == loss), device)


HARMLESS = [row for row in ROWS if not row.dangerous]


@cache
def outcomes_apart(loss: str, device: str, imports: tuple[str, ...]) -> dict[str, Outcome]:
    """What becomes of a loss's harmless calls on an accelerator.

    They run in a process of their own: after an assertion in a kernel an accelerator raises whatever is
    called, so that all further calls would seem to be refused.
    """
    calls = [row.call for row in HARMLESS if row.loss == loss]
    with tempfile.TemporaryDirectory() as folder:
        return attempt_apart(calls, device, Path(folder, "journal"), imports=imports)


@pytest.mark.parametrize("row", HARMLESS, ids=str)
def test_invalid_call(
    row: Invalid, device: str, plugin_modules: list[str], take_note: Callable[[str, object], None]
) -> None:
    """The call raises."""
    skip_if_refused(row.loss, device)
    if device == "cpu":
        outcome = attempt(row.call, device)
    else:
        outcome = outcomes_apart(row.loss, device, tuple(plugin_modules))[row.call]
    wrong = problem(row, device, outcome, take_note)
    if wrong:
        pytest.fail(wrong, pytrace=False)


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
    calls = [row.call for row in rows]
    outcomes = attempt_apart(calls, device, tmp_path / "journal", imports=plugin_modules)
    problems = [problem(row, device, outcomes[row.call], take_note) for row in rows]
    wrong = [text for text in problems if text]
    if wrong:
        pytest.fail(f"{len(wrong)} of {len(rows)} calls\n\n" + "\n".join(wrong), pytrace=False)


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
