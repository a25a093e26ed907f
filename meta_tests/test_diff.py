"""Two records are compared for what they say of torch, and refused where they say nothing."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from conformance.__main__ import main
from conformance.report.change_pages import RENDERINGS
from conformance.report.changes import KINDS, Comparison
from conformance.report.comparable import NotComparableError
from conformance.report.find_changes import compare
from conformance.report.record import CellResult, Finding, Record, Signatures, write

from .records import cell, example_record

KNOWN = Finding("l1_loss-made-up", "l1_loss", "value", "nan", "it is made up", "print(1)")
HOSTILE = "| `x` </script><b>bold</b> _y_ ```"


BARE = example_record(cells=[], findings=[])


def a_record(*cells: CellResult, **changes: object) -> Record:
    """A small record: cells, and the surroundings of the example."""
    return replace(BARE, cells=list(cells), **{"complete": True, "planned": len(cells)} | changes)


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
    "text", ["(a", "(a): ...\ndef g()", "(a=\x00)", "(" * 300, "(a=" + "-" * 10**5 + "1)"]
)
def test_parameters_that_are_no_code_are_shown_as_they_are(text: str) -> None:
    both = [{"l1_loss": Signatures(shown, "(a)")} for shown in ("(a)", text)]
    old, new = (a_record(VALUE, signatures=signatures, lacking=[]) for signatures in both)
    (found,) = compare(old, new).signatures
    assert (found.after, found.changes) == (text, ["see both"])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda r: replace(r, suite=replace(r.suite, sources="other")), "the suite is not the same"),
        (lambda r: replace(r, settings=replace(r.settings, seed=7)), "the seed is not the same"),
        (lambda r: replace(r, settings=replace(r.settings, examples=7)), "examples of a cell"),
        (lambda r: replace(r, settings=replace(r.settings, profile="ci")), "--hypothesis-profile"),
        (lambda r: replace(r, platform=replace(r.platform, hypothesis="1")), "Hypothesis is not the same"),
        (lambda r: replace(r, settings=replace(r.settings, implementation="x:y")), "--implementation"),
        (lambda r: a_record(replace(VALUE, id="another")), "no cell in common"),
    ],
)
def test_what_cannot_be_compared_is_refused(change: Callable[[Record], Record], words: str) -> None:
    record = a_record(VALUE)
    with pytest.raises(NotComparableError, match=words):
        compare(record, change(record))


MORE = replace(VALUE, id="more", outcome="diverges")
SKIPPED = replace(VALUE, id="more", outcome="not tested", reason="absent")
KILLED = {"complete": False, "incomplete_because": "it was interrupted"}


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            a_record(VALUE, MORE),
            a_record(VALUE, planned=13850, **KILLED),
            "NEW has 1 of 13,850 cells: it was interrupted",
        ),
        (
            a_record(VALUE, planned=2, **KILLED),
            a_record(VALUE, MORE),
            "OLD has 1 of 2 cells: it was interrupted",
        ),
        (a_record(VALUE), a_record(planned=1, **KILLED), "NEW has 0 of 1 cell: it was interrupted"),
        (a_record(VALUE), a_record(), "NEW has 0 of 0 cells: no test was selected"),
        (a_record(), a_record(VALUE), "OLD has 0 of 0 cells: no test was selected"),
        (
            a_record(VALUE),
            a_record(VALUE, **KILLED),
            "NEW has 1 of 1 cell, not each with a verdict: it was interrupted",
        ),
        (
            a_record(VALUE),
            a_record(VALUE, complete=False),
            "NEW has 1 of 1 cell, not each with a verdict: the reason is unknown",
        ),
        (a_record(VALUE, MORE), a_record(VALUE), "NEW lacks 1 cell that OLD tested, such as more"),
    ],
)
def test_a_run_that_lacks_cells_fails_the_comparison_and_every_rendering_begins_with_it(
    old: Record, new: Record, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = compare(old, new)
    assert counts(found).pop("incomplete") == 1
    assert [kind.key for kind in found.failing] == ["incomplete"]
    write(old, tmp_path / "old")
    write(new, tmp_path / "new")
    for name in RENDERINGS:
        command = ["diff", str(tmp_path / "old"), str(tmp_path / "new"), "--format", name]
        assert main(command) == 1
        text = capsys.readouterr().out
        assert f"Incomplete: {told}" in text.replace("\\", "")
        assert text.index("Incomplete: ") < text.index("compared")
        assert main([*command, "--fail-on", "regressions,crashes"]) == 0
        assert f"Incomplete: {told}" in capsys.readouterr().out.replace("\\", "")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (a_record(VALUE, SKIPPED), a_record(VALUE)),  # OLD did not test it either
        (a_record(VALUE), a_record(VALUE, MORE)),
        (a_record(VALUE, MORE), a_record(VALUE, settings=replace(BARE.settings, dtypes=["float32"]))),
        (a_record(VALUE, replace(MORE, loss="ctc_loss")), a_record(VALUE, lacking=["ctc_loss"])),
    ],
)
def test_cells_that_nobody_asked_for_or_tested_are_no_gap(old: Record, new: Record) -> None:
    assert not compare(old, new).incomplete


def test_a_record_that_claims_to_be_complete_is_counted() -> None:
    (gap,) = compare(a_record(VALUE), a_record(VALUE, planned=3)).incomplete
    assert gap.told == "NEW has 1 of 3 cells: the reason is unknown"


def test_a_cell_that_one_record_lacks_is_not_compared() -> None:
    found = compare(a_record(VALUE, planned=2, **KILLED), a_record(VALUE, MORE))
    assert counts(found) == {"incomplete": 1}
    assert found.cells == 1


@pytest.mark.parametrize(
    ("old", "new", "older"),
    [
        ("2.13.0", "2.6.0", True),
        ("2.6.0", "2.13.0", False),
        ("2.13.0+cpu", "2.13.0", False),  # two builds of one version
        ("2.13.0+cu126", "2.13.0+cpu", False),
        ("2.13.1+cpu", "2.13.0+cu126", True),
        ("2.15.0.dev20261102+cpu", "2.15.0.dev20261101+cpu", True),
        ("2.15.0.dev20261101+cpu", "2.15.0", False),
        ("2.15.0", "2.15.0.dev20261101+cpu", True),
        ("2.15.0a0+gitabcdef0", "2.15.0", False),
        ("2.14.0", "2.14.0rc2", True),
        ("2.14.0rc10", "2.14.0rc9", True),
        ("2.14.0.post1", "2.14.0", True),
        ("parrot", "2.6.0", False),  # nobody knows
        ("2.6.0", "1parrot", False),
    ],
)
def test_a_newer_torch_that_is_older_is_told(old: str, new: str, older: bool) -> None:
    both = [a_record(VALUE, torch=replace(BARE.torch, version=version)) for version in (old, new)]
    notes = [note for note in compare(*both).notes if "is older" in note.text]
    assert [note.loud for note in notes] == [True] * older
    if older:
        assert f"({new} after {old})" in notes[0].text
        assert all("NEW is older than OLD" in render(compare(*both)) for render in RENDERINGS.values())


def test_hostile_text_stays_text() -> None:
    wrong = replace(VALUE, outcome="diverges", failure=f"{HOSTILE}\nsecond line")
    found = compare(a_record(VALUE), a_record(wrong))
    told = {name: render(found) for name, render in RENDERINGS.items()}
    assert HOSTILE in told["terminal"]
    assert json.loads(told["json"])["changes"]["regressions"][0]["code"] == f"{HOSTILE}\nsecond line"
    assert ElementTree.fromstring(told["junit"]).find(".//failure").text == f"{HOSTILE}\nsecond line"
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
        ([str(old), str(old), "--fail-on", "none,drift"], "unknown kind 'none'"),
        ([str(old), str(old), "--fail-on="], "unknown kind ''"),
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
    assert main(["diff", str(old), str(new), "--fail-on", " fixes, drift "]) == 1
    assert main(["diff", str(old), str(new), "--fail-on", "none", "--format", "markdown"]) == 0


def changed() -> Comparison:
    """A comparison with a change of nearly each kind, one of them in hostile words."""
    nasty = "\udc80\x00\x1b ]]> & \ufffe"
    ids = [replace(VALUE, id=f"t.py::test_value[{i}]") for i in range(8)]
    before = [
        replace(ids[1], outcome="diverges"),
        replace(ids[5], outcome="unsupported", reason="no"),
        ids[7],
    ]
    after = [
        replace(ids[0], outcome="diverges", failure=nasty),
        replace(ids[2], digest="b" * 16, prints="aaaacccc", ulp=9.0),
        replace(ids[3], outcome="crashed", reason=nasty),
        replace(ids[4], outcome="unsupported", reason=nasty),
    ]
    was, now = (
        {cell.id: cell for cell in ids} | {cell.id: cell for cell in side} for side in (before, after)
    )
    del now[ids[7].id]
    return compare(a_record(*was.values()), a_record(*now.values()))


def test_the_json_says_everything_in_a_stable_order() -> None:
    comparison = changed()
    told = json.loads(RENDERINGS["json"](comparison))
    assert [*told] == [
        *("version", "verdict", "failed", "failed_because", "fail_on", "cells", "bad", "counts", "notes"),
        *("old", "new", "changes"),
    ]
    assert told["version"] == 1
    assert told["failed"] is True
    assert told["failed_because"] == told["fail_on"] == ["incomplete", "regressions", "crashes"]
    assert told["verdict"].startswith("Incomplete: NEW lacks 1 cell that OLD tested")
    assert [*told["counts"]] == [*told["changes"]] == [kind.key for kind in KINDS]
    assert {key: n for key, n in told["counts"].items() if n} == counts(comparison)
    assert told["old"]["torch"]["version"] == BARE.torch.version
    assert (told["old"]["cells"], told["new"]["cells"]) == (8, 7)
    (regression,) = told["changes"]["regressions"]
    assert [*regression] == ["name", "loss", "before", "after", "told", "code", "id", "cells", "examples"]
    assert regression["id"] == "t.py::test_value[0]"
    comparison.fail_on = []
    assert json.loads(RENDERINGS["json"](comparison))["failed"] is False


# What consumers of JUnit XML know: the elements in each element, and its attributes.
JUNIT = {
    "testsuites": ({"testsuite"}, {"name", "tests", "failures", "errors"}),
    "testsuite": (
        {"properties", "testcase", "system-out"},
        {"name", "tests", "failures", "errors", "skipped", "time"},
    ),
    "properties": ({"property"}, set()),
    "property": (set(), {"name", "value"}),
    "testcase": ({"failure", "skipped", "system-out"}, {"classname", "name", "time"}),
    "failure": (set(), {"type", "message"}),
    "skipped": (set(), {"message"}),
    "system-out": (set(), set()),
}


@pytest.mark.parametrize("fail_on", [["incomplete", "regressions", "crashes"], [], ["drift", "fixes"]])
def test_the_junit_file_is_valid_and_fails_where_the_comparison_does(fail_on: list[str]) -> None:
    comparison = changed()
    comparison.fail_on = fail_on
    root = ElementTree.fromstring(RENDERINGS["junit"](comparison).encode())
    for element in root.iter():
        inner, attributes = JUNIT[element.tag]
        assert {child.tag for child in element} <= inner
        assert set(element.keys()) == attributes
    (suite,) = root
    assert suite.get("tests") == str(len(suite.findall("testcase")))
    assert suite.get("failures") == root.get("failures") == str(len(suite.findall(".//failure")))
    assert suite.get("skipped") == str(len(suite.findall(".//skipped")))
    assert {element.get("type") for element in suite.iter("failure")} == {k.key for k in comparison.failing}
    assert bool(suite.findall(".//failure")) == bool(comparison.failing)
    for kind in KINDS:
        cases = suite.findall(f"testcase[@classname='diff.{kind.key}']")
        changes = comparison.changes(kind)
        assert len(cases) == (len(changes) if changes and kind.key in fail_on else 1)
    told = "".join(root.itertext())
    assert "Incomplete: NEW lacks 1 cell" in told
    assert "\\udc80\\x00\\x1b ]]> & \\ufffe" in told


def test_a_run_with_crashes_that_went_to_its_end_is_not_incomplete() -> None:
    good, dead = [cell(), cell(dtype="float64")], [cell(outcome="crashed"), cell(dtype="float64")]
    whole = example_record(cells=good, planned=2)
    crashed = example_record(cells=dead, planned=2, complete=False, incomplete_because="1 cell crashed")
    assert compare(crashed, whole).failing == []
    assert [kind.key for kind in compare(whole, crashed).failing] == ["crashes"]
