"""The derived invalid calls and the checks of the oracle agree, though neither is made of the other."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest
import torch

import reference
from conformance.disposable import attempt
from conformance.divergences.outcomes import near
from conformance.invalid.derived import derived
from conformance.invalid.tables import ROWS
from conformance.losses import LOSSES
from strategies.signatures import FORMS

from .test_invalid_calls import oracle

DERIVED = [row for row in ROWS if row.derived]
losses = pytest.mark.parametrize("name", LOSSES)
FOLDER = Path(reference.__file__).parent


def test_every_form_has_rows_of_every_kind() -> None:
    for form in FORMS:
        violations = {row.violation.removeprefix(f"{form.form}-") for row in derived(form)}
        for name in form.tensors:
            assert any(each.startswith(name) and "complex64" in each for each in violations) or "complex" in (
                form.tensors[name].dtypes
            )
        for name in form.options:
            assert any(each.startswith(f"{name}-") for each in violations)


@losses
def test_the_oracle_refuses_derived_calls_or_gives_what_their_row_allows(name: str) -> None:
    for row in DERIVED:
        if row.loss == name and row.way == "functional":
            got = oracle(row.call)
            refused = got in ("ValueError", "TypeError")
            assert refused or (isinstance(got, float) and near(got, row.or_gives)), f"{row}: {got}"


@losses
def test_the_call_that_a_row_changes_is_valid(name: str) -> None:
    if not hasattr(torch.nn.functional, name):
        pytest.skip(f"this torch has no {name}")
    for call in {row.valid for row in DERIVED if row.loss == name}:
        outcome = attempt(call, "cpu")
        assert isinstance(outcome.gives, float), f"{call}: {outcome}"


# A check of `pairwise_distance`, which torch documents for more norms than its losses take.
OF_NORMS = "p must be a number other than 0"


def sites() -> set[tuple[str, int]]:
    """Where the oracle calls `require`: file and first line of the call."""
    found = set()
    for path in FOLDER.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            named = (
                isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "require"
            )
            if named and OF_NORMS not in ast.unparse(node):
                found.add((path.name, node.lineno))
    return found


def test_every_check_of_the_oracle_refuses_some_row(monkeypatch: pytest.MonkeyPatch) -> None:
    fired: set[tuple[str, int]] = set()
    plain = reference.validation.require

    def require(condition: bool, message: str) -> None:
        if not condition:
            frame = sys._getframe(1)
            fired.add((Path(frame.f_code.co_filename).name, frame.f_lineno))
        plain(condition, message)

    for module in [m for name, m in sys.modules.items() if name.split(".")[0] == "reference"]:
        if getattr(module, "require", None) is plain:
            monkeypatch.setattr(module, "require", require)
    for row in ROWS:
        if row.way == "functional" and "options=" not in row.call:
            oracle(row.call)
    assert sites() - fired == set()
