"""Runs a witness of a record."""

from __future__ import annotations

import builtins
import math
import tempfile
from functools import cache
from pathlib import Path

import torch

from .. import journal
from ..disposable import attempt_apart
from ..divergences import in_force
from ..divergences.divergence import Showing, near, showings
from ..foreign import contained
from ..implementation import Untested, under_test
from ..invalid.tables import ROWS


def run(witness: str) -> float | str:
    """What a witness gives: a number, or the name of the exception it raises."""
    journal.note(witness)
    *statements, expression = witness.splitlines()
    names = {"torch": torch, "F": under_test().F, "math": math}
    try:
        exec("\n".join(statements), names)
        return float(eval(expression, names))
    except Untested as error:
        return type(error).__name__
    except BaseException as error:  # a witness is somebody's code
        contained(error)
        return type(error).__name__


@cache
def dangerous_witnesses() -> dict[str, float | str]:
    """What the witnesses give that may read out of bounds, in a process of their own."""
    dangerous = {row.call for row in ROWS if row.dangerous}
    here = [showing for showing in showings(in_force()) if hasattr(torch.nn.functional, showing.loss)]
    calls = [showing.witness.code for showing in here if showing.witness.code in dangerous]
    with tempfile.TemporaryDirectory() as folder:
        outcomes = attempt_apart(calls, "cpu", Path(folder, "journal"))
    return {call: outcome.gives for call, outcome in outcomes.items()}


def shows(showing: Showing, got: float | str) -> bool:
    """Whether what a witness gives is what the record says; what it reads from elsewhere may be anything."""
    elsewhere = (showing.of, showing.record.kind) == ("invalid call", "uninitialised")
    return not _is_exception(got) if elsewhere else near(got, showing.witness.gives)


def is_fixed(showing: Showing, got: float | str) -> bool:
    """Whether what a witness gives is right."""
    return near(got, showing.witness.truth) or (showing.of == "invalid call" and _is_exception(got))


def _is_exception(got: float | str) -> bool:
    return isinstance(got, str) and hasattr(builtins, got)
