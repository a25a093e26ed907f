"""Whatever the outcome or the witness of somebody's record returns or raises is told by the record's name."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from conformance import divergences
from conformance.checks import witnesses
from conformance.divergences.divergence import Witness
from conformance.session import session
from conformance.tally import Tally
from conformance.test_value import test_value as value

from .test_foreign import CELL, LOSS, failure_of, of_right, put, raising


@pytest.mark.parametrize(
    ("explains", "words"),
    [
        (lambda m: 1 // 0, "its outcome raised ZeroDivisionError: integer division or modulo by zero ("),
        (lambda m: sys.exit(), "its outcome raised SystemExit"),
        (lambda m: m.no_such_field, "its outcome raised AttributeError: 'Mismatch' object has no attribute"),
        (lambda m: np.broadcast_to(True, -1), "its outcome raised ValueError: "),
        (lambda m: None, "its outcome returned None, not a bool or an array of bools"),
        (lambda m: 1, "its outcome returned 1, not a bool or an array of bools"),
        (lambda m: "yes", "its outcome returned 'yes', not a bool or an array of bools"),
        (lambda m: NotImplemented, "its outcome returned NotImplemented, not a bool or an array of bools"),
        (lambda m: torch.tensor(True), "its outcome returned tensor(True), not a bool or an array of bools"),
        (lambda m: np.zeros(()), "its outcome returned array(0.), not a bool or an array of bools"),
        (lambda m: np.array([True], object), "its outcome returned array([True], dtype=object), not a bool"),
        (lambda m: np.ones(7, bool), "its outcome returned an array of shape (7,), and the result has ()"),
        (lambda m: np.ones(1, bool), "its outcome returned an array of shape (1,), and the result has ()"),
    ],
)  # fmt: skip
def test_a_record_that_cannot_judge_fails_by_name(
    monkeypatch: pytest.MonkeyPatch, explains: Callable[[Any], Any], words: str
) -> None:
    put(monkeypatch, of_right(lambda loss: loss + 1))
    outcome = type("Own", (), {"explains": staticmethod(explains)})()
    witnesses = (Witness(LOSS, "1.0", 2.0, 1.0),)
    record = divergences.Divergence("mine", "accuracy", "ordinary", outcome, "it is so", witnesses)
    monkeypatch.setattr(session, "records", (record,))
    text = failure_of("value")
    assert text.startswith(f"mine: {words}")
    assert "mend the record" in text


@pytest.mark.parametrize("shape", [(0,), (1,), (7,)])
def test_what_is_not_about_numbers_is_explained_by_a_single_bool(
    monkeypatch: pytest.MonkeyPatch, shape: tuple[int, ...]
) -> None:
    """No number of none at all is wrong, which is no reason to excuse an exception."""
    put(monkeypatch, raising(OSError("no kernel")))
    outcome = type("Own", (), {"explains": lambda self, mismatch: np.ones(shape, bool)})()
    witnesses = (Witness(LOSS, "1.0", 2.0, 1.0),)
    record = divergences.Divergence("mine", "error", "ordinary", outcome, "it is so", witnesses)
    monkeypatch.setattr(session, "records", (record,))
    text = failure_of("value")
    assert text.startswith(
        f"mine: its outcome returned an array of shape {shape}, and what is not about numb"
    )


@pytest.mark.parametrize("said", [True, np.True_, np.array(True)])
def test_a_record_explains_by_a_bool_of_any_sort(monkeypatch: pytest.MonkeyPatch, said: Any) -> None:
    put(monkeypatch, of_right(lambda loss: loss + 1))
    outcome = type("Own", (), {"explains": lambda self, mismatch: said})()
    witnesses = (Witness(LOSS, "1.0", 2.0, 1.0),)
    record = divergences.Divergence("mine", "accuracy", "ordinary", outcome, "it is so", witnesses)
    monkeypatch.setattr(session, "records", (record,))
    tally = Tally()
    value(CELL, tally, 0)
    assert set(tally.known) == {f"{LOSS}-mine"}


def test_a_witness_gives_whatever_it_raises() -> None:
    assert witnesses.run("import nowhere_to_be_found\n1.0") == "ModuleNotFoundError"
    assert witnesses.run("{}[0]") == "KeyError"
    assert witnesses.run("exit()") == "SystemExit"
