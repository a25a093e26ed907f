"""Two records are compared for what they say of torch, and refused where they say nothing."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from conformance.__main__ import main
from conformance.report.comparability import NotComparableError
from conformance.report.comparing import compare
from conformance.report.comparison import KINDS, Comparison
from conformance.report.record import Cell, Finding, Record, Signatures, write
from conformance.report.renderings import RENDERINGS

from .records import cell, example_record

KNOWN = Finding("l1_loss-made-up", "l1_loss", "value", "nan", "it is made up", "print(1)")
HOSTILE = "| `x` </script><b>bold</b> _y_ ```"


BARE = example_record(cells=[], findings=[])


def a_record(*cells: Cell, **changes: object) -> Record:
    """A small record: cells, and the surroundings of the example."""
    return replace(BARE, cells=list(cells), complete=True, **changes)


def counts(comparison: Comparison) -> dict[str, int]:
    """How many changes there are, of the kinds of which there are any."""
    found = {kind.key: comparison.count(kind) for kind in KINDS}
    return {key: n for key, n in found.items() if n}


def test_a_record_compares_as_nothing_with_itself() -> None:
    record = example_record()
    assert not counts(compare(record, copy.deepcopy(record)))


VALUE = cell("value", digest="a" * 16, prints="aaaabbbb", examples=2, ulp=1.0, worst=0.5)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({}, {"outcome": "diverges", "failure": "wrong"}, {"regressions": 1}),
        ({"outcome": "known"}, {"outcome": "diverges", "failure": "wrong"}, {"regressions": 1}),
        ({"outcome": "diverges"}, {"outcome": "diverges"}, {}),
        ({"outcome": "diverges"}, {}, {"fixes": 1}),
        ({"outcome": "known", "known": {"x": 1}}, {}, {}),
        ({}, {"outcome": "crashed", "reason": "gone"}, {"crashes": 1}),
        ({}, {"ulp": 1.4}, {}),
        ({}, {"ulp": 1.6}, {"less-accurate": 1}),
        ({"ulp": 1.6}, {}, {"more-accurate": 1}),
        ({"ulp": 0.1}, {"ulp": 0.4}, {}),
        ({}, {"digest": "b" * 16, "prints": "aaaacccc"}, {"drift": 1}),
        ({}, {"digest": "", "prints": ""}, {}),
        ({"side": 0.0}, {"side": 1.0}, {"sides": 1}),
        ({}, {"outcome": "unsupported", "reason": "no Half"}, {"lost-support": 1, "not-tested": 1}),
        ({"outcome": "unsupported", "reason": "no Half"}, {}, {"gained-support": 1}),
        ({}, {"outcome": "not tested", "reason": "absent"}, {"not-tested": 1}),
        ({"outcome": "not tested", "reason": "absent"}, {}, {"newly-tested": 1}),
    ],
)
def test_a_change_of_a_cell_is_of_its_kind(
    before: dict[str, object], after: dict[str, object], expected: dict[str, int]
) -> None:
    old, new = (a_record(replace(VALUE, **changes)) for changes in (before, after))
    assert counts(compare(old, new)) == expected


def test_drift_counts_the_examples() -> None:
    drift = replace(VALUE, digest="b" * 16, prints="aaaacccc")
    (found,) = compare(a_record(VALUE), a_record(drift)).drift
    assert (found.cells, found.of_cells, found.examples, found.of_examples) == (1, 1, 1, 2)


def test_memory_that_nobody_wrote_is_no_drift() -> None:
    finding = replace(KNOWN, kind="uninitialised")
    met = replace(VALUE, outcome="known", known={finding.id: 1})
    other = replace(met, digest="b" * 16, prints="ccccdddd")
    assert not counts(compare(a_record(met, findings=[finding]), a_record(other, findings=[finding])))


def test_what_is_on_record_since_is_a_regression_and_what_was_is_a_fix() -> None:
    met = replace(VALUE, outcome="known", known={KNOWN.id: 2})
    gone = replace(KNOWN, in_force=False)
    without, with_it = a_record(VALUE, findings=[gone]), a_record(met, findings=[KNOWN])
    assert counts(compare(without, with_it)) == {"regressions": 1}
    assert counts(compare(with_it, without)) == {"fixes": 1}
    # Nothing that was tested shows it.
    assert not counts(compare(a_record(VALUE, findings=[gone]), a_record(VALUE, findings=[KNOWN])))


def test_a_new_loss_is_no_regression() -> None:
    wrong = replace(VALUE, id="other", loss="ctc_loss", outcome="diverges")
    silent = replace(wrong, outcome="unsupported", reason="torch has no ctc_loss")
    old, new = a_record(VALUE, silent, lacking=["ctc_loss"]), a_record(VALUE, wrong, lacking=[])
    assert counts(compare(old, new)) == {"new-losses": 1}
    assert counts(compare(new, old)) == {"removed-losses": 1}


def test_other_parameters_are_told() -> None:
    both = [{"l1_loss": Signatures(text, "(a)")} for text in ("(a, b=1)", "(a, b=2, c=3)")]
    old, new = (a_record(VALUE, signatures=signatures, lacking=[]) for signatures in both)
    (found,) = compare(old, new).signatures
    assert found.changes == ["added c=3", "b: default 1 became 2"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda r: replace(r, suite=replace(r.suite, sources="other")), "the suite is not the same"),
        (lambda r: replace(r, settings=replace(r.settings, seed=7)), "the seed is not the same"),
        (lambda r: replace(r, settings=replace(r.settings, examples=7)), "examples of a cell"),
        (lambda r: replace(r, settings=replace(r.settings, profile="ci")), "--hypothesis-profile"),
        (lambda r: replace(r, platform=replace(r.platform, hypothesis="1")), "Hypothesis is not the same"),
        (lambda r: replace(r, settings=replace(r.settings, implementation="x:y")), "--implementation"),
        (lambda r: replace(r, cells=[]), "no cell in common"),
    ],
)
def test_what_cannot_be_compared_is_refused(change: Callable[[Record], Record], words: str) -> None:
    record = a_record(VALUE)
    with pytest.raises(NotComparableError, match=words):
        compare(record, change(record))


def test_a_cell_that_one_record_lacks_is_not_compared() -> None:
    more = replace(VALUE, id="more", outcome="diverges")
    whole = a_record(VALUE, more)
    part = replace(a_record(VALUE), complete=False, incomplete_because="it was killed")
    found = compare(part, whole)
    assert not counts(found)
    assert any(note.loud and "OLD is incomplete: it was killed" in note.text for note in found.notes)


def test_hostile_text_stays_text() -> None:
    wrong = replace(VALUE, outcome="diverges", failure=f"{HOSTILE}\nsecond line")
    found = compare(a_record(VALUE), a_record(wrong))
    told = {name: render(found) for name, render in RENDERINGS.items()}
    assert HOSTILE in told["terminal"]
    assert "<b>" not in told["html"]
    table = told["markdown"].partition("````")[0]
    assert "<b>" not in table
    assert "````text" in told["markdown"]
    (line,) = [line for line in table.splitlines() if "second line" in line or "script" in line]
    assert line.count("|") == 4


def test_the_command_says_what_is_wrong_in_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old, new = tmp_path / "old.json", tmp_path / "new.json"
    write(a_record(VALUE), old)
    write(replace(a_record(VALUE), settings=replace(a_record().settings, seed=7)), new)
    for arguments, words in [
        ([str(old), str(new)], "the seed is not the same (0 in OLD, 7 in NEW)"),
        ([str(old), str(tmp_path / "none")], "none: No such file or directory"),
        ([str(old), str(old), "--fail-on", "speed"], "unknown kind 'speed'"),
        ([str(old), str(old), "--output", str(tmp_path / "no" / "x")], "--output: "),
    ]:
        with pytest.raises(SystemExit) as ended:
            main(["diff", *arguments])
        assert ended.value.code == 2
        said = capsys.readouterr().err
        assert words in said.splitlines()[-1]


def test_the_exit_status_is_what_was_asked_for(tmp_path: Path) -> None:
    old, new = tmp_path / "old.json", tmp_path / "new.json"
    write(a_record(VALUE), old)
    write(a_record(replace(VALUE, digest="b" * 16, prints="aaaacccc")), new)
    assert main(["diff", str(old), str(new), "--output", str(tmp_path / "told")]) == 0
    assert "Drift" in (tmp_path / "told").read_text()
    assert main(["diff", str(old), str(new), "--fail-on", "drift", "--format", "html"]) == 1
    assert main(["diff", str(old), str(new), "--fail-on", "none", "--format", "markdown"]) == 0
