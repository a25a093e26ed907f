"""Every divergence on record still is one: a fix upstream is told by name."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from .disposable import attempt_apart
from .divergences import DIVERGENCES, Divergence
from .divergences.record import KINDS
from .invalid import ROWS
from .losses import LOSSES


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    """A witness may ask for memory that is filled, which is a global switch."""
    yield
    torch.use_deterministic_algorithms(False)


def run(witness: str) -> float | str:
    """What a witness gives: a number, or the name of the exception it raises."""
    *statements, expression = witness.splitlines()
    names = {"torch": torch, "F": F, "math": math}
    exec("\n".join(statements), names)
    try:
        return float(eval(expression, names))
    except (RuntimeError, ValueError, IndexError, TypeError) as error:
        return type(error).__name__


@cache
def dangerous_witnesses() -> dict[str, float | str]:
    """What the witnesses give that may read out of bounds, in a process of their own."""
    dangerous = {row.call for row in ROWS if row.dangerous}
    calls = [
        record.witness for record in DIVERGENCES if record.witness in dangerous and hasattr(F, record.loss)
    ]
    with tempfile.TemporaryDirectory() as folder:
        outcomes = attempt_apart(calls, "cpu", Path(folder, "journal"))
    return {call: outcome.gives for call, outcome in outcomes.items()}


@pytest.mark.parametrize("record", DIVERGENCES, ids=lambda record: record.id)
def test_witness_still_diverges(record: Divergence) -> None:
    """The witness gives what the record says."""
    if not hasattr(F, record.loss):
        pytest.skip(f"torch {torch.__version__} has no {record.loss}")
    dangerous = dangerous_witnesses() if record.of == "invalid call" else {}
    got = dangerous[record.witness] if record.witness in dangerous else run(record.witness)
    same = got == record.gives or (got != got and record.gives != record.gives)
    same = same or (isinstance(got, float) and record.of == "invalid call" and _near(got, record.gives))
    here = f"torch {torch.__version__}"
    if not record.current:
        assert not same, (
            f"{record.id}: {here} is outside of the record's range, but it diverges: widen the range"
        )
        return
    fixed = got == record.truth or (isinstance(got, float) and _near(got, record.truth))
    fixed = fixed or (record.kind == "no error" and isinstance(got, str))
    if fixed:
        pytest.fail(f"{record.id}: fixed in {here}: close the record's range with until", pytrace=False)
    assert same, f"{record.id}: {here} gives {got}, neither {record.gives} as on record nor {record.truth}"


@pytest.mark.parametrize("record", DIVERGENCES, ids=lambda record: record.id)
def test_record_is_a_divergence(record: Divergence) -> None:
    """What torch gives is not the truth, and the record names a loss of the table."""
    assert record.loss in LOSSES
    assert record.kind in KINDS
    assert not isinstance(record.gives, type(record.truth)) or not _near(record.gives, record.truth)


def _near(a: float | str, b: float | str) -> bool:
    """Whether two numbers are as good as equal, given that a record's truth is written with few digits."""
    return a == b or (isinstance(a, float) and isinstance(b, float) and math.isclose(a, b, rel_tol=1e-4))
