"""The findings are what the registry says, and their scripts run; each is a bug report, too."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from conformance import findings as pages
from conformance import severity
from conformance.__main__ import main
from conformance.divergences import DIVERGENCES, Divergence
from conformance.divergences.divergence import OF, SEVERITIES, Showing, Witness, near, showings
from conformance.findings import APART, MEANINGS, WIDTH, findings, script, section_of
from conformance.foreign import contained

from .forked import run_script

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "findings.md"
NAMES = [record.id for record in DIVERGENCES]
NAMES_OF_LOSSES = [record.name(loss) for record in DIVERGENCES for loss in record.losses]
# The more a page has, the fewer read it.
LINES = 1250

TITLES = [*(SEVERITIES[name] for name in MEANINGS), *(title for title, _ in APART.values())]
SECTIONS = re.split(r"^## ", findings(), flags=re.MULTILINE)


def entries(text: str) -> list[str]:
    """The ids of the entries in a part of the page."""
    return re.findall(r"^### (.*)$", text, re.MULTILINE)


def test_the_page_is_current() -> None:
    assert PAGE.read_text() == findings(), "run: python -m conformance findings > docs/findings.md"


def test_the_command_prints_the_page() -> None:
    command = [sys.executable, "-m", "conformance", "findings"]
    assert subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout == findings()


def test_every_record_is_found_once_under_its_own_name() -> None:
    assert len(set(NAMES)) == len(NAMES)
    assert sorted(entries(findings())) == sorted(NAMES)


def test_names_of_tests_are_of_one_witness_each() -> None:
    shown = showings(DIVERGENCES)
    assert len({str(each) for each in shown}) == len(shown) == sum(len(r.witnesses) for r in DIVERGENCES)
    assert len(set(NAMES_OF_LOSSES)) == len(NAMES_OF_LOSSES)
    assert set(NAMES_OF_LOSSES) <= {str(each) for each in shown}


def test_the_page_is_short_enough_to_read() -> None:
    assert len(findings().splitlines()) <= LINES


def test_sections_are_in_order_of_importance_and_hold_what_belongs_there() -> None:
    titles = [section.splitlines()[0].lower() for section in SECTIONS[1:]]
    assert titles == [title.lower() for title in TITLES if title.lower() in titles]
    for name, title in zip([*MEANINGS, *APART], TITLES):
        wanted = [record.id for record in DIVERGENCES if section_of(record) == name]
        found = [section for section in SECTIONS if section.splitlines()[0].lower() == title.lower()]
        assert entries("".join(found)) == wanted, title


def test_the_page_begins_with_an_overview_that_leads_to_every_entry() -> None:
    head, *_ = SECTIONS
    rows = [line for line in head.splitlines() if line.startswith("| [")]
    assert len(rows) == len(SECTIONS) - 1
    for row, section in zip(rows, SECTIONS[1:]):
        title = section.splitlines()[0]
        anchor = re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")  # as GitHub makes it
        found = entries(section)
        links = ", ".join(f"[{name}](#{name})" for name in found)
        assert row == f"| [{title}](#{anchor}) | {len(found)} | {links} |"


@pytest.mark.parametrize("record", DIVERGENCES, ids=NAMES)
def test_an_entry_says_what_is_concerned(record: Divergence) -> None:
    entry = findings([record]).split(f"### {record.id}\n")[1]
    assert record.reason[1:] in entry
    facts = entry.partition("```")[0]
    for loss in record.losses:
        assert f"`{loss}`" in facts
    for fact in (*(OF[of] for of in record.of), *record.ways, *filter(None, (record.until, record.since))):
        assert fact in facts
    assert (f"<{record.upstream}>" in facts) == bool(record.upstream)


@pytest.mark.parametrize("showing", showings(DIVERGENCES), ids=str)
def test_a_script_fits_and_is_the_code_of_its_witness(showing: Showing) -> None:
    code = script(showing.witness)
    assert max(map(len, code.splitlines())) <= WIDTH
    compile(code, "<script>", "exec")
    assert code == script(showing.witness, showing.witness.gives)


SHOWN = {record.kind: record for record in DIVERGENCES if record.current and not record.devices}


@pytest.mark.parametrize("kind", SHOWN)
def test_a_script_runs_and_prints_what_it_says(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    """One of each kind; the others are in the tests of the witnesses, of which this is the same code."""
    witness = SHOWN[kind].witnesses[0]
    raised = ""
    try:
        exec(script(witness), {})
    except BaseException as error:  # a witness is somebody's code
        raised = type(contained(error)).__name__
    given = raised or float(capsys.readouterr().out)
    assert near(given, witness.gives)


@pytest.mark.parametrize(
    ("recorded", "training", "corners", "found"),
    [
        ("extreme", {"l1_loss-overflow": 0.5}, {}, "ordinary"),
        ("extreme", {"mse_loss-overflow": 0.0011}, {}, "ordinary"),  # of any loss
        ("ordinary", {"l1_loss-overflow": 0.0009}, {"nll_loss-overflow": 1}, "corner"),
        ("corner", {"l1_loss-overflow": 0.0009}, {}, "extreme"),
        ("ordinary", {"l1_loss-infinite": 0.5}, {"kl_div-infinite": 3}, "extreme"),  # another record
        *((name, {"l1_loss-overflow": 0.5}, {}, name) for name in severity.BY_NATURE),
    ],
)
def test_a_class_follows_from_what_was_met(
    recorded: str, training: dict[str, float], corners: dict[str, int], found: str
) -> None:
    (overflow,) = (record for record in DIVERGENCES if record.id == "overflow")
    met = severity.Met()
    met.training.update(training)
    met.corners.update(corners)
    assert met.severity(replace(overflow, severity=recorded)) == found


LONG = "torch.full((2, 2), 0.12345678901234567)"
CODES = {
    "short": "F.l1_loss(1, 2)",
    "arguments": f"F.l1_loss({LONG}, {LONG}, {LONG})",
    "names": f"F.l1_loss(input={LONG}, target={LONG}, weight={LONG})",
    "nested": f"torch.autograd.grad(F.l1_loss({LONG}, {LONG}, {LONG}), [x], {LONG}, retain_graph=True)[0]",
    "lambda": f"function = lambda x: F.l1_loss({LONG}, x, {LONG})\nfunction(torch.zeros(2))",
    "assigned": f"x, y = {LONG}, F.mse_loss({LONG}, {LONG}, reduction='none')\nx",
    "block": f"with torch.device('cpu'):\n    got = F.l1_loss({LONG}, {LONG}, {LONG})\ngot",
    "starred": f"F.l1_loss(*torch.ones(2, 2), {LONG}, **dict(reduction='sum', weight={LONG}))",
    "no call": f"x = {'1 + ' * 40}1\nx",
    "text": f"F.l1_loss({LONG}, {LONG}, reduction='a, (b)' 'c')",
}


@pytest.mark.parametrize("code", CODES.values(), ids=CODES)
def test_a_long_line_is_divided_and_stays_the_same_code(code: str) -> None:
    *statements, expression = code.splitlines()
    printed = script(Witness("l1_loss", code, 1.0, 2.0))
    plain = "\n".join([*statements, f"got = {expression}"])
    divided = printed.split("\n\n", 1)[1].replace(f"print(float({expression}))", f"got = {expression}")
    divided = divided.partition("\nprint(float(got))")[0]
    assert ast.dump(ast.parse(divided)) == ast.dump(ast.parse(plain))
    if code != CODES["no call"]:
        assert max(map(len, printed.splitlines())) <= WIDTH


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What asks the system takes a second."""
    monkeypatch.setattr(pages, "environment", lambda: "torch 2.13.0\n")


@pytest.mark.parametrize("name", dict.fromkeys([*NAMES, *NAMES_OF_LOSSES]))
def test_every_divergence_is_a_bug_report(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["issue", name]) == 0
    report = capsys.readouterr()
    assert not report.err
    title, *_ = report.out.splitlines()
    headings = re.findall(r"^#+ .*$", re.sub(r"```.*?```", "", report.out, flags=re.DOTALL), re.MULTILINE)
    assert headings == [title, "### \U0001f41b Describe the bug", "### Versions"]
    shown = [each for each in showings(DIVERGENCES) if name in (each.record.id, each.record.name(each.loss))]
    assert shown
    assert any(each.loss in title for each in shown)
    assert len(title) <= 200  # GitHub takes 256 characters
    scripts = re.findall(r"```python\n(.*?)\n```", report.out, re.DOTALL)
    assert scripts
    assert set(scripts) <= {script(each.witness) for each in shown}
    record = shown[0].record
    assert record.reason[1:] in report.out
    if name in NAMES_OF_LOSSES and name not in NAMES:
        (loss,) = (loss for loss in record.losses if record.name(loss) == name)
        assert all(f"F.{loss}(" in code or f"F.{loss})" in code for code in scripts), scripts


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (
            "l1_loss-no-such",
            "no divergence has the id 'l1_loss-no-such'; of l1_loss there are narrow-steps, ",
        ),
        ("nothing", "no divergence has the id 'nothing' (docs/findings.md lists all)"),
        ("", "no divergence has the id ''"),
        ("l1_loss", "of l1_loss there are "),
        ("Overflow", "no divergence has the id 'Overflow'"),
        ("two\nlines", r"no divergence has the id 'two\nlines'"),
        ("kl_div-weighted-mean", "of kl_div there are "),
    ],
)
def test_an_unknown_divergence_is_told_in_a_line(
    name: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["issue", name]) == 2
    said = capsys.readouterr()
    assert not said.out
    (line,) = said.err.splitlines()
    assert line.startswith("python -m conformance issue: error: no divergence has the id ")
    assert words in line


def test_a_report_has_the_versions_of_what_runs() -> None:
    code = "from conformance.findings import environment\nprint(environment())"
    run = run_script(code, ROOT, {"PATH": "/usr/bin:/bin"}, seconds=100)
    assert "PyTorch version: " in run.stdout, run.stderr
