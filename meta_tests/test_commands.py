"""The commands print what they are asked for anywhere, and say in a line why they cannot."""

from __future__ import annotations

import io
import os
import re
import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from conformance.__main__ import main
from conformance.report.output import visible, write_text
from conformance.report.record import Record, write

from .records import cell, example_record

ROOT = Path(__file__).parent.parent
SETTLED = cell(examples=2, ulp=1.0, ulps=[3], worst=0.5, digest="a" * 16, prints="aaaabbbb")
ONE = example_record(cells=[SETTLED], planned=1)
KILLED = replace(ONE, planned=13850, complete=False, incomplete_because="it was interrupted")
SKIPPED = replace(ONE, cells=[cell(outcome="not tested", reason="there is no device \u2713")])
EMPTY = replace(ONE, cells=[], planned=0)


def written(folder: Path, record: Record) -> str:
    """The path of a record."""
    write(record, folder / "record.json")
    return str(folder)


@pytest.mark.parametrize("form", ["terminal", "markdown", "html"])
@pytest.mark.parametrize(
    ("record", "words"),
    [
        (KILLED, "1 of 13,850 cells: it was interrupted"),
        (replace(KILLED, cells=[]), "0 of 13,850 cells: it was interrupted"),
        (EMPTY, "0 of 0 cells: no test was selected"),
        (SKIPPED, ""),
    ],
)
def test_the_report_of_an_incomplete_or_empty_run_begins_with_that(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], record: Record, words: str, form: str
) -> None:
    assert main(["report", written(tmp_path, record), "--format", form]) == 0
    told = capsys.readouterr().out
    if words:
        begins = {"terminal": "Incomplete: ", "markdown": "**Incomplete: "}
        assert told.startswith(begins.get(form, "<!DOCTYPE html>"))
        assert words in told
        assert "ncomplete" in told[:1000]
    if not any(each.outcome == "conforms" for each in record.cells):
        assert "no cell has a verdict" in told
        assert not re.search(r"\bconforms?\b(?!\.html)|none diverges|0 diverge", told.partition("<style>")[0])


def test_the_table_of_errors_of_an_incomplete_run_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["accuracy", written(tmp_path, KILLED)]) == 0
    said = capsys.readouterr()
    assert said.out.startswith("> **Incomplete: the run has 1 of 13,850 cells: it was interrupted**\n")
    (line,) = said.err.splitlines()
    assert line.startswith(f"warning: {tmp_path}: Incomplete")
    assert main(["accuracy", written(tmp_path, ONE)]) == 0
    said = capsys.readouterr()
    assert said.out.startswith("# Accuracy")
    assert not said.err


@pytest.mark.parametrize(
    "record", [EMPTY, SKIPPED, replace(KILLED, cells=[]), replace(ONE, cells=[replace(SETTLED, of="law")])]
)
def test_there_is_no_table_of_no_errors(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], record: Record
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["accuracy", written(tmp_path, record)])
    said = capsys.readouterr()
    assert ended.value.code == 2
    assert not said.out
    (line,) = said.err.splitlines()
    assert line.startswith(f"error: {tmp_path}: no cell has a verdict on a value or a gradient")


@pytest.mark.parametrize("target", ["full", "missing", "folder", "name"])
def test_an_output_that_cannot_be_written_is_told_in_a_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], target: str
) -> None:
    places = {"full": Path("/dev/full"), "missing": tmp_path / "no" / "x", "folder": tmp_path}
    path = places.get(target, tmp_path / ("x" * 300))
    with pytest.raises(SystemExit) as ended:
        main(["report", written(tmp_path, ONE), "--output", str(path)])
    assert ended.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"error: --output: {path} cannot be written (")
    assert not Path("/dev/full").is_file()
    assert [each.name for each in tmp_path.iterdir()] == ["record.json"]


def test_a_record_is_not_written_over_by_what_is_made_of_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path, ONE)
    before = (tmp_path / "record.json").read_bytes()
    (tmp_path / "link").symlink_to("record.json")
    for command in (["report", path], ["diff", path, f"{path}/link"]):
        for name in ("record.json", "link"):
            with pytest.raises(SystemExit) as ended:
                main([*command, "--output", f"{path}/{name}"])
            assert ended.value.code == 2
            assert "is a record that is read; name another file" in capsys.readouterr().err
    assert (tmp_path / "record.json").read_bytes() == before


def test_a_link_is_written_through_and_a_pipe_stays_one(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("target")
    write_text("told", tmp_path / "link")
    assert (tmp_path / "target").read_text() == "told"
    assert (tmp_path / "link").is_symlink()
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    write_text("told", tmp_path / "pipe")
    assert os.read(reader, 10) == b"told"
    os.close(reader)


def test_only_what_nobody_can_see_is_escaped() -> None:
    assert visible("a\tb\nc\u2713 \U0001f600") == "a\tb\nc\u2713 \U0001f600"
    assert visible("\x00\x1b\x7f\x9b\r\udc80\uffff") == r"\x00\x1b\x7f\x9b\r\udc80\uffff"


# Commands, what is done with their standard output, and what comes of it.
RUNS = """
import io, os, sys

def expect(status, *command, encoding="utf-8", end=None):
    from conformance.__main__ import main
    if os.fork() == 0:
        reader, writer = os.pipe()
        if end == "full":
            writer = os.open("/dev/full", os.O_WRONLY)
        if end == "closed":
            os.close(reader)
        out = io.TextIOWrapper(open(writer, "wb") if end else open(os.devnull, "wb"), encoding=encoding)
        sys.stdout = None if end == "none" else out
        try:
            ended = main(list(command))
        except SystemExit as exception:
            ended = exception.code
        if sys.stdout:
            sys.stdout.flush()
        os._exit(ended or 0)
    ended = os.waitstatus_to_exitcode(os.wait()[1])
    if ended != status:
        sys.exit(f"{command} ended with {ended}")

record = sys.argv[1]
commands = [("diff", record, record), ("report", record), ("accuracy", record), ("findings",)]
commands += [("issue", "overflow")]
commands += [("diff", record, record, "--format", form) for form in ("markdown", "html", "json", "junit")]
for command in commands:
    for encoding in ("ascii", "cp1252"):
        expect(0, *command, encoding=encoding)
    expect(0, *command, end="closed")
    expect(2, *command, end="full")
    expect(2, *command, end="none")
for command in [[], ["severity"], *(command[:1] for command in commands)]:
    expect(0, *command, "--help", encoding="ascii")
"""


def test_commands_print_in_any_encoding_and_end_quietly_where_nobody_reads(tmp_path: Path) -> None:
    odd = replace(SETTLED, where="\u2713 \u0131", reason="\u2713", outcome="diverges", failure="\u2713\u0131")
    path = written(tmp_path, replace(ONE, cells=[odd]))
    command = [sys.executable, "-OO", "-c", RUNS, path]  # nor may they need a docstring or an assertion
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=200)
    assert run.returncode == 0, run.stderr
    lines = set(run.stderr.splitlines())
    assert len(lines) == 2, run.stderr
    assert all(line.startswith("error: standard output ") for line in lines)


@pytest.mark.parametrize(
    ("form", "shown"), [("terminal", b"\\u2713"), ("markdown", b"\xe2\x9c\x93"), ("html", b"\xe2\x9c\x93")]
)
def test_a_document_is_utf_8_and_other_text_is_escaped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str, shown: bytes
) -> None:
    written(tmp_path, ONE)
    write(replace(ONE, cells=[replace(SETTLED, outcome="diverges", failure="\u2713")]), tmp_path / "new.json")
    out = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(out, encoding="ascii"))
    assert main(["diff", str(tmp_path), str(tmp_path / "new.json"), "--format", form]) == 1
    assert shown in out.getvalue()


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (["issue"], "the following arguments are required: ID"),
        (["issue", "nothing"], "no divergence has the id 'nothing'"),
        (["issue", "overflow", "infinite"], "unrecognized arguments: infinite"),
        (["severity", "--examples", "0"], "--examples must be at least 1"),
        (["severity", "--examples=-3"], "--examples must be at least 1"),
        (["severity", "--examples", "many"], "argument --examples: invalid int value: 'many'"),
        (["severities"], "invalid choice: 'severities'"),
        ([], "the following arguments are required: command"),
    ],
)
def test_a_command_that_cannot_run_ends_with_status_2_and_says_why_in_its_last_line(
    capsys: pytest.CaptureFixture[str], command: list[str], words: str
) -> None:
    try:
        status: object = main(command)
    except SystemExit as ended:
        status = ended.code
    said = capsys.readouterr()
    assert status == 2
    assert not said.out
    assert words in said.err.splitlines()[-1]
    assert "Traceback" not in said.err


def test_the_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    told = capsys.readouterr().out
    for command in ("diff", "report", "accuracy", "findings", "issue", "severity"):
        assert re.search(rf"^    {command} +\w+", told, re.MULTILINE), command


WORKFLOW = (ROOT / ".github" / "workflows" / "new-torch.yml").read_text()


@pytest.mark.parametrize(("new", "fails"), [(ONE, False), (KILLED, True), (replace(ONE, cells=[]), True)])
def test_the_workflow_keeps_what_it_found_and_fails_where_the_comparison_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, new: Record, fails: bool
) -> None:
    if not new.cells:
        new = replace(new, complete=False, incomplete_because="it was killed")
    for name, record in (("report-old", ONE), ("report-new", new)):
        (tmp_path / name).mkdir()
        written(tmp_path / name, record)
    monkeypatch.chdir(tmp_path)
    steps = re.split(r"\n      - ", WORKFLOW)[1:]
    names = [name for step in steps for name in re.findall(r"\Aname: (.*)", step)]
    assert names == ["Run the suite on both", "Compare", "Keep the records", "Fail if the comparison does"]
    assert "if: always()" in steps[-2]
    statuses = []
    for step in steps:
        commands = re.findall(r"-m conformance ([^>\n]*)", step)
        statuses += [[main(shlex.split(command)) for command in commands]] if commands else []
    assert statuses == [[0, 0, 0, 0], [int(fails)]]
    kept = steps[-2].partition("path: |")[2].split()
    assert all((tmp_path / name).exists() for name in kept)


def test_the_inputs_of_the_workflow_are_no_code() -> None:
    scripts = re.findall(r"^( +)run: (?:\|\n((?:\1  .*\n)+)|(.*))", WORKFLOW, re.MULTILINE)
    assert scripts
    for script in scripts:
        assert "${{" not in "".join(script)
    assert re.findall(r"\$(?:OLD|NEW|INDEX)", WORKFLOW) == ["$OLD", "$INDEX", "$NEW"]
    assert re.findall(r'"\$(?:OLD|NEW|INDEX)"', WORKFLOW) == ['"$OLD"', '"$INDEX"', '"$NEW"']
