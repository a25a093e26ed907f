"""Checks the outcome of an invalid call, and explains it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
import torch

from ..availability import skip_if_missing
from ..disposable import Outcome, attempt, attempt_apart
from ..divergences import on_record
from ..divergences.accepted import line_of
from ..divergences.outcomes import near, near_sums
from ..invalid import Invalid
from ..invalid.row import differentiable, going_back
from ..invalid.tables import ROWS
from ..scripts import commented, head, section


def conforms(row: Invalid, outcome: Outcome) -> bool:
    """Whether torch may answer a call so."""
    if isinstance(outcome.gives, float):
        return row.or_gives is not None and near(outcome.gives, row.or_gives) and _goes_back(row, outcome)
    refused = {cls.__name__ for cls in row.raises} & set(outcome.classes)
    return bool(refused) and "INTERNAL ASSERT" not in outcome.message


def _goes_back(row: Invalid, outcome: Outcome) -> bool:
    """Whether going back gives gradients; those of the valid call, if it has the same value."""
    if isinstance(outcome.back, float):
        valid = attempt(row.valid, "cpu").gives
        right = attempt(going_back(row.loss, row.valid, differentiable(row)), "cpu").gives
        return not near(outcome.gives, valid) or near_sums(outcome.back, right)
    return not outcome.back


def explain(row: Invalid, device: str, outcome: Outcome) -> str:
    """What a person needs: what was called, what came, what is right and why, and a script."""
    names = ", ".join(cls.__name__ for cls in row.raises)
    instead = "" if row.or_gives is None else f", or {row.or_gives}"
    lines = [
        f"{row.loss} ({row.way}), {row.violation}, {device}: an invalid call that torch does not refuse",
        f"    got   {outcome}",
        f"    right an exception ({names}){instead}: the documentation excludes this {row.argument}",
        f"    valid {row.valid}",
        f"    table {line_of(f'{row.loss}-{row.violation}', outcome)}",
    ]
    # Whether going back is all that is wrong.
    back = outcome.back if conforms(row, replace(outcome, back=None)) else None
    shown = script(row.call, device, str(outcome)) if back is None else script(row.back, device, str(back))
    return "\n".join(lines) + shown


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


def made_apart(
    rows: Sequence[Invalid], device: str, journal: Path, imports: Sequence[str]
) -> dict[Invalid, Outcome]:
    """What becomes of calls in disposable processes, and of going back if they return."""
    then = {row.call: row.back for row in rows}
    found = attempt_apart([row.call for row in rows], device, journal, imports=imports, then=then)
    return {
        row: replace(found[row.call], back=found[row.back].gives) if row.back in found else found[row.call]
        for row in rows
    }


@cache
def outcomes_apart(loss: str, device: str, imports: tuple[str, ...]) -> dict[Invalid, Outcome]:
    """What becomes of a loss's harmless calls on an accelerator.

    They run in a process of their own: after an assertion in a kernel an accelerator raises whatever is
    called, so that all further calls would seem to be refused.
    """
    rows = [row for row in HARMLESS if row.loss == loss]
    with tempfile.TemporaryDirectory() as folder:
        return made_apart(rows, device, Path(folder, "journal"), imports)


def made(row: Invalid, device: str, imports: tuple[str, ...]) -> Outcome:
    """What becomes of a harmless call, and of going back if it returns."""
    if device != "cpu":
        return outcomes_apart(row.loss, device, imports)[row]
    outcome = attempt(row.call, device)
    return replace(outcome, back=attempt(row.back, device).gives) if outcome.dtype and row.back else outcome


def check_all(
    rows: list[Invalid],
    outcomes: Mapping[Invalid, Outcome],
    device: str,
    record: Callable[[str, object], None],
) -> None:
    """Fail with all outcomes that neither conform nor are on record."""
    problems = [problem(row, device, outcomes[row], record) for row in rows]
    wrong = [text for text in problems if text]
    if wrong:
        pytest.fail(f"{len(wrong)} of {len(rows)} calls\n\n" + "\n".join(wrong), pytrace=False)
