"""Every invalid call violates one thing, and one that is accepted, hangs or ends the process is told."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import reference
from conformance import test_invalid_calls_by_way
from conformance.checks.invalid_calls import conforms, explain
from conformance.checks.invalid_calls_by_way import Refusals
from conformance.disposable import HANGS, Outcome, attempt, attempt_apart
from conformance.divergences import on_record
from conformance.invalid import Invalid
from conformance.invalid.tables import ROWS
from conformance.losses import LOSSES
from conformance.ways import WAYS

from .test_options import pytest_of_the_suite

HAND = [row for row in ROWS if not row.derived]
here = [row for row in ROWS if hasattr(torch.nn.functional, row.loss)]
ABORT, SEGFAULT = "__import__('os').abort()", "__import__('os').kill(__import__('os').getpid(), 11)"
HANG, FINE = "__import__('time').sleep(1000)", "torch.ones(2)"


class Oracle:
    """The oracle in the place of ``torch.nn.functional``."""

    def __getattr__(self, name: str) -> Any:
        formula = getattr(reference, name)
        return lambda **given: torch.tensor(
            np.asarray(formula(**{name: self._array(value) for name, value in given.items()}), np.float64)
        )

    @staticmethod
    def _array(value: Any) -> Any:
        return value.numpy() if isinstance(value, torch.Tensor) else value


def oracle(call: str) -> float | str:
    """What the oracle gives for a call, or the name of what it raises."""
    try:
        with np.errstate(all="ignore"):
            return float(eval(call, {"torch": torch, "F": Oracle()}).sum())
    except Exception as error:
        return type(error).__name__


def test_every_loss_has_rows_of_every_way_and_names_are_unique() -> None:
    assert {row.loss for row in ROWS} == set(LOSSES)
    assert max(Counter(map(str, ROWS)).values()) == 1
    assert max(Counter(row.call for row in here if not row.derived).values()) == 1
    modular = {row.loss for row in here if row.way == "module"}
    assert modular == {row.loss for row in here}
    assert all(" " not in str(row) for row in ROWS)


@pytest.mark.parametrize("call", sorted({row.valid for row in here if not row.derived}))
def test_the_valid_call_is_valid(call: str) -> None:
    outcome = attempt(call, "cpu")
    assert isinstance(outcome.gives, float), outcome
    assert math.isfinite(outcome.gives)


@pytest.mark.parametrize("row", [row for row in HAND if row.way == "functional"], ids=str)
def test_the_oracle_refuses_it_too(row: Invalid) -> None:
    if "options=" in row.call:
        pytest.skip("the oracle has no options of how a loss is computed")
    if re.search("integer|int32|int8|ignore-index-a-fraction", row.violation):
        pytest.skip("the oracle takes any type that holds the number")
    got = oracle(row.call)
    assert isinstance(got, str) or str(got) == str(row.or_gives), got


def test_an_accepted_call_is_reported() -> None:
    row = Invalid("l1_loss", "nothing", "F.l1_loss(torch.zeros(2), torch.ones(2))", "the same", "target")
    outcome = attempt(row.call, "cpu")
    assert not conforms(row, outcome)
    told = explain(row, "cpu", outcome)
    for words in ("l1_loss (functional), nothing, cpu", "got   1.0", f"print({row.call})  # 1.0"):
        assert words in told


@pytest.mark.parametrize(
    ("call", "or_gives", "good"),
    [
        ("[][0]", None, True),
        ("torch.zeros(2) + torch.zeros(3)", None, True),
        ("(_ for _ in ()).throw(AssertionError)", None, False),
        ("(_ for _ in ()).throw(RuntimeError('INTERNAL ASSERT FAILED at Loss.cpp'))", None, False),
        ("torch.tensor(math.nan)", None, False),  # a NameError: math is not among the names of a row
        ("torch.tensor(torch.nan)", None, False),
        ("torch.tensor(torch.nan)", math.nan, True),
        ("torch.tensor(0.0)", math.nan, False),
        ("torch.tensor(0.5)", 0.5, True),
        ("torch.tensor(0.0)", 0.5, False),
    ],
)
def test_what_conforms(call: str, or_gives: float | None, good: bool) -> None:
    row = Invalid("l1_loss", "any", call, "any", "any", or_gives=or_gives)
    assert conforms(row, attempt(call, "cpu")) == good


def test_a_call_that_ends_the_process_is_told_by_name_and_the_rest_still_run(tmp_path: Path) -> None:
    calls = [FINE, ABORT, "[][0]", SEGFAULT, HANG, "torch.zeros(3)"]
    outcomes = attempt_apart(calls, "cpu", tmp_path / "journal", seconds=1)
    assert [outcomes[call].gives for call in calls] == [2.0, "SIGABRT", "IndexError", "SIGSEGV", HANGS, 0.0]
    row = Invalid("l1_loss", "any", ABORT, "any", "any")
    assert not conforms(row, outcomes[ABORT])
    assert "SIGABRT" in explain(row, "cpu", outcomes[ABORT])
    lines = [json.loads(line) for line in (tmp_path / "journal").read_text().splitlines()]
    assert [line["call"] for line in lines if "outcome" not in line] == calls


def test_a_call_is_in_the_journal_before_it_is_made(tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    lines_now = f"torch.tensor(float(open({str(journal)!r}).read().count(chr(10))))"
    assert attempt_apart([lines_now], "cpu", journal) == {lines_now: Outcome(1.0, dtype="float32")}


def test_a_loss_that_checks_nothing_fails(tmp_path: Path) -> None:
    """Every row of a loss fails where torch answers whatever it is asked."""
    source = "import torch, torch.nn.functional as F\nF.huber_loss = lambda *a, **k: torch.tensor(7.0)\n"
    (tmp_path / "broken_torch.py").write_text(source)
    run = pytest_of_the_suite(
        "-p",
        "broken_torch",
        "--loss",
        "huber_loss",
        "--device",
        "cpu",
        "-k",
        "test_invalid_call",
        path=tmp_path,
    )
    rows = [row for row in ROWS if row.loss == "huber_loss"]
    assert run.returncode == 1
    for row in rows:
        if row.way == "functional" and not row.derived:
            assert f"test_invalid_call[{row}-cpu]" in run.stdout
        elif row.way == "functional" and on_record(row, "cpu") is None:
            assert f"huber_loss (functional), {row.violation}, cpu" in run.stdout
    assert "an invalid call that torch does not refuse" in run.stdout


def test_a_way_that_checks_nothing_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loss, refusals = F.huber_loss, Refusals(LOSSES["huber_loss"], WAYS["meta"])

    def careless(input: Any, target: Any, **options: Any) -> torch.Tensor:
        meta = torch.is_tensor(input) and input.is_meta
        return torch.zeros((), device="meta") if meta else loss(input, target, **options)

    monkeypatch.setattr(F, "huber_loss", careless)
    with pytest.raises(pytest.fail.Exception) as failure:
        test_invalid_calls_by_way.test_invalid_calls_by_way(refusals, "cpu", [], tmp_path, lambda *_: None)
    rows = [row for row in refusals.rows if not on_record(row, "cpu") and not on_record(row, "cpu", "meta")]
    assert len(rows) > 5
    for row in rows:
        assert f"{row} (meta)" in str(failure.value) or row.or_gives is not None


def test_a_way_that_refuses_everything_is_not_tested(tmp_path: Path) -> None:
    refusals = Refusals(LOSSES["gaussian_nll_loss"], WAYS["meta"])
    with pytest.raises(pytest.skip.Exception, match="meta refuses valid calls, too"):
        test_invalid_calls_by_way.test_invalid_calls_by_way(refusals, "cpu", [], tmp_path, lambda *_: None)
