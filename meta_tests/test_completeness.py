"""Every table that is keyed by losses has each of them, or the message says which file to open."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

import pytest

import reference
from conformance.corners import CORNERS
from conformance.invalid.tables import PROMOTIONS, ROWS
from conformance.laws import LAWS
from conformance.losses import LOSSES, Loss
from conformance.modules import SAMPLES
from conformance.report.coordinates import NAMES
from strategies.signatures import SIGNATURES

from . import fifty_digits, kinds_of_case
from .saboteurs import SABOTEURS
from .saboteurs.witness import CALLS


@dataclass(frozen=True)
class Table:
    """A table that is keyed by losses.

    Attributes:
        has: what it has, in a plural.
        file: where that is written; ``{family}`` is the family of the loss.
        losses: the losses that it has something of.
        exempt: the losses that need nothing there, each with the reason.
    """

    has: str
    file: str
    losses: Callable[[], Collection[str]]
    exempt: Callable[[Loss], str] = lambda loss: ""

    def __str__(self) -> str:
        return self.has.replace(" ", "_")

    def missing(self, loss: Loss) -> str:
        """What to do where the table lacks a loss; empty where it does not."""
        if loss.name in self.losses() or self.exempt(loss):
            return ""
        family = loss.oracle.__module__.rpartition(".")[2]
        return f"{loss.name} has no {self.has}: {self.file.format(family=family)}"


def one_number(loss: Loss) -> str:
    """Why a loss has no call of mixed dtypes."""
    return "it takes one tensor of real numbers" if loss.name not in TWO_REALS else ""


TWO_REALS = {
    form.loss
    for forms in SIGNATURES.values()
    for form in forms
    if sum("float" in tensor.dtypes for tensor in form.tensors.values()) > 1
}
TABLES = (
    Table("formula", "reference/{family}.py", lambda: vars(reference)),
    Table("declaration", "strategies/signatures.py", lambda: SIGNATURES),
    Table("fifty digits", "meta_tests/fifty_digits/{family}.py", lambda: vars(fifty_digits)),
    Table("corners", "conformance/corners/{family}.py", lambda: {c.loss for c in CORNERS}),
    Table("invalid calls", "conformance/invalid/{family}.py", lambda: {row.loss for row in ROWS}),
    Table(
        "invalid calls of its module", "conformance/invalid/{family}.py",
        lambda: {row.loss for row in ROWS if row.way == "module"},
        lambda loss: "its module takes sizes" if loss.layer else "",
    ),
    Table(
        "calls of mixed dtypes", "conformance/invalid/derived.py",
        lambda: {row.loss for row in PROMOTIONS}, one_number,
    ),
    Table("laws", "conformance/laws/__init__.py", lambda: {n for law in LAWS for n in law.losses}),
    Table("sample of its module", "conformance/modules/samples.py", lambda: SAMPLES),
    Table("name in reports", "conformance/report/coordinates.py", lambda: NAMES.values()),
    Table("kinds of its cases", "meta_tests/kinds_of_case/{family}.py", lambda: kinds_of_case.KINDS),
    Table("options of its cases", "meta_tests/kinds_of_case/{family}.py", lambda: kinds_of_case.OPTIONS),
    Table("ordinary call", "meta_tests/saboteurs/witness.py", lambda: CALLS),
    Table("saboteurs", "meta_tests/saboteurs/{family}.py", lambda: {s.loss for s in SABOTEURS.values()}),
)  # fmt: skip

tables = pytest.mark.parametrize("table", TABLES, ids=str)


@tables
@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
def test_every_table_has_every_loss(table: Table, loss: Loss) -> None:
    missing = table.missing(loss)
    assert not missing, missing


@tables
def test_every_table_has_only_losses_that_have_a_row(table: Table) -> None:
    if table.file.startswith("reference") or table.has == "fifty digits":
        pytest.skip("a package has other names, too")
    assert set(table.losses()) <= set(LOSSES)


def test_the_message_names_the_loss_and_the_file() -> None:
    table = Table("corners", "conformance/corners/{family}.py", list)
    assert table.missing(LOSSES["l1_loss"]) == "l1_loss has no corners: conformance/corners/regression.py"
    assert not Table("corners", "", list, lambda loss: "it has none").missing(LOSSES["l1_loss"])
