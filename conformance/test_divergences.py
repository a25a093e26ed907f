"""Every divergence on record still is one: a fix upstream is told by name."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pytest
import torch
import torch.nn.functional as F

from .divergences import DIVERGENCES, Divergence
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
    except (RuntimeError, ValueError) as error:
        return type(error).__name__


@pytest.mark.parametrize("record", DIVERGENCES, ids=lambda record: record.id)
def test_witness_still_diverges(record: Divergence) -> None:
    """The witness gives what the record says."""
    if not hasattr(F, record.loss):
        pytest.skip(f"torch {torch.__version__} has no {record.loss}")
    got = run(record.witness)
    same = got == record.gives or (got != got and record.gives != record.gives)
    if not record.current:
        assert not same, f"{record.id}: on record as gone since torch {record.until}, but it is back"
        return
    assert same, (
        f"{record.id}: the witness gives {got} in torch {torch.__version__}, on record is {record.gives}, "
        f"right is {record.truth}. If it is fixed, the record can go; if not, it has to be described anew."
    )


@pytest.mark.parametrize("record", DIVERGENCES, ids=lambda record: record.id)
def test_record_is_a_divergence(record: Divergence) -> None:
    """What torch gives is not the truth, and the record names a loss of the table."""
    assert record.loss in LOSSES
    assert isinstance(record.gives, str) or not math.isclose(record.gives, record.truth, rel_tol=1e-4)
