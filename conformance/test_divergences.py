"""Every divergence on record still is one: a fix upstream is told by name."""

from __future__ import annotations

import builtins
import math
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import torch

from . import watch
from .disposable import attempt_apart
from .divergences import IN_FORCE, Divergence
from .divergences.checking import problem_of
from .divergences.record import near
from .findings import script
from .foreign import contained
from .implementation import TORCH, Untested, under_test
from .invalid import ROWS
from .scripts import section


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    """A witness may ask for memory that is filled, which is a global switch."""
    yield
    if torch.are_deterministic_algorithms_enabled():  # the call imports torch's compilers
        torch.use_deterministic_algorithms(False)


def run(witness: str) -> float | str:
    """What a witness gives: a number, or the name of the exception it raises."""
    watch.note(witness)
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
    here = [record for record in IN_FORCE if hasattr(torch.nn.functional, record.loss)]
    calls = [record.witness for record in here if record.witness in dangerous]
    with tempfile.TemporaryDirectory() as folder:
        outcomes = attempt_apart(calls, "cpu", Path(folder, "journal"))
    return {call: outcome.gives for call, outcome in outcomes.items()}


# Where nothing is on record, there is a test that is not run rather than none, which would be an error.
NOTHING = pytest.param(None, id="nothing", marks=pytest.mark.skip("no divergence is on record"))
records = pytest.mark.parametrize("record", IN_FORCE or [NOTHING], ids=lambda record: record.id)


@records
def test_witness_still_diverges(record: Divergence) -> None:
    """The witness gives what the record says."""
    here = under_test().name
    if not hasattr(under_test().F, record.loss):
        pytest.skip(f"{here} has no {record.loss}")
    if record.absent:
        pytest.skip(record.absent)
    apart = record.of == "invalid call" and under_test() is TORCH
    dangerous = dangerous_witnesses() if apart else {}
    got = dangerous[record.witness] if record.witness in dangerous else run(record.witness)
    problem = ""
    if not record.current:
        problem = f"back in {here}: widen the record's range" if shows(record, got) else ""
    elif is_fixed(record, got):
        problem = f"fixed in {here}: close the record's range with until"
    elif not shows(record, got):
        told = f"{here} gives {got}, neither {record.gives} as on record nor {record.truth}"
        problem = f"{told}: describe the record anew"
    if problem:
        pytest.fail(f"{record.id}: {problem}{section(script(record, got).splitlines())}", pytrace=False)


def shows(record: Divergence, got: float | str) -> bool:
    """Whether what a witness gives is what the record says; what it reads from elsewhere may be anything."""
    elsewhere = (record.of, record.kind) == ("invalid call", "uninitialised")
    return not _is_exception(got) if elsewhere else near(got, record.gives)


def is_fixed(record: Divergence, got: float | str) -> bool:
    """Whether what a witness gives is right."""
    return near(got, record.truth) or (record.of == "invalid call" and _is_exception(got))


@records
def test_record_is_a_divergence(record: Divergence) -> None:
    """What torch gives is not the truth, and each field of the record has a meaning."""
    assert problem_of(record) is None


def _is_exception(got: float | str) -> bool:
    return isinstance(got, str) and hasattr(builtins, got)
