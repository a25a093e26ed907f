"""Every divergence on record still is one: a fix upstream is told by name."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from .checks.witnesses import dangerous_witnesses, is_fixed, run, shows
from .divergences import in_force
from .divergences.checking import problem_of
from .divergences.divergence import Showing, showings
from .findings import script
from .implementation import TORCH, under_test
from .scripts import section
from .selection import ways_left_out


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    """A witness may ask for memory that is filled, which is a global switch."""
    yield
    if torch.are_deterministic_algorithms_enabled():  # the call imports torch's compilers
        torch.use_deterministic_algorithms(False)


# Where nothing is on record, there is a test that is not run rather than none, which would be an error.
NOTHING = pytest.param(None, id="nothing", marks=pytest.mark.skip("no divergence is on record"))


shown = pytest.mark.parametrize("showing", showings(in_force()) or [NOTHING], ids=str)


@shown
def test_witness_still_diverges(showing: Showing, pytestconfig: pytest.Config) -> None:
    """The witness gives what the record says."""
    left_out = ways_left_out(pytestconfig)
    if showing.record.ways and {*showing.record.ways} <= {*left_out}:
        pytest.skip(f"{', '.join(showing.record.ways)}: tested only if --way names it, or in a nightly run")
    record, code, here = showing.record, showing.witness.code, under_test().name
    if not hasattr(under_test().F, showing.loss):
        pytest.skip(f"{here} has no {showing.loss}")
    if record.absent:
        pytest.skip(record.absent)
    apart = showing.of == "invalid call" and under_test() is TORCH
    dangerous = dangerous_witnesses() if apart else {}
    got = dangerous[code] if code in dangerous else run(code)
    problem = ""
    if not record.current:
        problem = f"back in {here}: widen the record's range" if shows(showing, got) else ""
    elif is_fixed(showing, got):
        problem = f"fixed in {here}: close the record's range with until"
    elif not shows(showing, got):
        right = f"neither {showing.witness.gives} as on record nor {showing.witness.truth}"
        problem = f"{here} gives {got}, {right}: describe the record anew"
    if problem:
        lines = script(showing.witness, got).splitlines()
        pytest.fail(f"{showing}: {problem}{section(lines)}", pytrace=False)


@shown
def test_record_is_a_divergence(showing: Showing) -> None:
    """What torch gives is not the truth, and each field of the record has a meaning."""
    assert problem_of(showing.record) is None
