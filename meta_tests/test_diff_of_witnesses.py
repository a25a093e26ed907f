"""Two records are compared for what the witnesses of known divergences say."""

from __future__ import annotations

from dataclasses import replace

import pytest

from conformance.report.find_changes import compare
from conformance.report.record import CellResult

from .records import cell
from .test_diff import KNOWN, a_record, counts

FIRST, BACKWARD, JVP = (
    cell("witness_still_diverges", id=f"t.py::test_witness_still_diverges[{KNOWN.id}{end}]")
    for end in ("", "-gradient", "-second-2")
)


def contradicting(witness: CellResult, word: str) -> CellResult:
    """A witness that gives something else than what is on record."""
    name = witness.id.partition("[")[2].removesuffix("]")
    return replace(witness, outcome="diverges", failure=f"{name}: {word} in torch 2.14: mend the record")


@pytest.mark.parametrize("in_force", [True, False])
@pytest.mark.parametrize("others", [[FIRST, BACKWARD, JVP], [FIRST], [JVP], []])
@pytest.mark.parametrize("witness", [FIRST, BACKWARD, JVP], ids=["first", "gradient", "second-2"])
def test_each_witness_of_a_divergence_says_whether_it_is_still_there(
    witness: CellResult, others: list[CellResult], in_force: bool
) -> None:
    rest = [other for other in others if other is not witness]
    finding = replace(KNOWN, in_force=in_force)
    as_recorded = a_record(witness, *rest, findings=[finding])
    contrary = contradicting(witness, "fixed" if in_force else "back")
    otherwise = a_record(contrary, *rest, findings=[finding])
    assert not counts(compare(otherwise, otherwise))
    kinds = ["fixes", "regressions"] if in_force else ["regressions", "fixes"]
    for kind, old, new in zip(kinds, (as_recorded, otherwise), (otherwise, as_recorded)):
        found = compare(old, new)
        assert counts(found) == {kind: 1}
        (change,) = getattr(found, kind)
        assert change.name == witness.id.partition("[")[2].removesuffix("]")


def test_a_divergence_is_told_once_however_many_witnesses_it_has() -> None:
    gone = replace(KNOWN, in_force=False)
    old, new = (a_record(JVP, BACKWARD, FIRST, findings=[finding]) for finding in (KNOWN, gone))
    (fix,) = compare(old, new).fixes
    assert fix.name == KNOWN.id


def test_a_witness_is_of_the_finding_with_its_name_or_its_beginning() -> None:
    other = replace(KNOWN, id=f"{KNOWN.id}-gradient")
    both = {"findings": [replace(KNOWN, in_force=False), other]}
    old, new = a_record(FIRST, BACKWARD, **both), a_record(FIRST, contradicting(BACKWARD, "fixed"), **both)
    found = compare(old, new)
    assert counts(found) == {"fixes": 1}
    assert found.fixes[0].name == other.id
