"""What a run found is on disk, whatever becomes of the run, and means what it says."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from conformance.__main__ import main
from conformance.bounds import ulp_errors
from conformance.cells import all_cells
from conformance.corners import places
from conformance.laws import instances
from conformance.losses import LOSSES
from conformance.report.coordinates import coordinates
from conformance.report.record import OUTCOMES, Record, read
from conformance.report.recorder import prepared
from conformance.tally import Tally
from conformance.ways import passages
from reference import FORMATS

from .forked import run_pytest
from .test_failures import HUBER
from .test_options import ROOT, pytest_of_the_suite

FEW = [
    "--loss",
    "huber_loss",
    "--loss",
    "l1_loss",
    "--device",
    "cpu",
    "--dtype",
    "float32",
    "--examples",
    "5",
]
VALUE = "conformance/test_value.py"

# Does something in the middle of one test.
BROKEN = """
import ctypes, os, time, torch.nn.functional as F

kept = F.huber_loss

def huber_loss(*args, reduction="mean", **options):
    if reduction == "sum":
        {}
    return kept(*args, reduction=reduction, **options)

F.huber_loss = huber_loss
"""
SLOW = """
import time, torch.nn.functional as F

kept = F.l1_loss
F.l1_loss = lambda *args, **options: (time.sleep(0.05), kept(*args, **options))[1]
"""


def recorded(
    folder: Path, *options: str, plugin: str = ""
) -> tuple[Record, subprocess.CompletedProcess[str]]:
    """Run a few tests, with torch broken by the code of a plugin, and read the record."""
    chosen = list(options)
    if plugin:
        (folder / "broken.py").write_text(plugin)
        chosen += ["-p", "broken"]
    run = pytest_of_the_suite(f"--report={folder / 'report'}", *FEW, *chosen, path=folder)
    return read(folder / "report"), run


@pytest.fixture(scope="module")
def healthy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("healthy")
    recorded(folder, VALUE, "-n", "2")
    return folder / "report"


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("broken")
    recorded(folder, VALUE, plugin=HUBER)
    return folder / "report"


def test_a_record_says_what_was_found(healthy: Path) -> None:
    record = read(healthy)
    assert record.complete
    assert record.planned == len(record.cells) == 6
    assert [cell.loss for cell in record.cells] == 3 * ["l1_loss"] + 3 * ["huber_loss"]
    assert {cell.reduction for cell in record.cells} == {"none", "mean", "sum"}
    for cell in record.cells:
        assert cell.outcome in ("conforms", "known")
        assert cell.examples + sum(cell.untested.values()) == 5
        assert len(cell.prints) == 4 * 5
        assert cell.digest
        assert 0 <= cell.worst <= 1
    # Of few examples of a cell it may be that all are known, or that terms cancel out.
    assert any(sum(cell.ulps) for cell in record.cells)
    assert any(cell.ulp > 0 and f"F.{cell.loss}(" in cell.where for cell in record.cells)
    assert (healthy / "report.html").read_text().startswith("<!DOCTYPE html>")
    assert "| huber\\_loss |" in (healthy / "summary.md").read_text()


def test_the_bits_are_the_same_in_every_run_and_other_bits_are_told(healthy: Path, broken: Path) -> None:
    prints = [{cell.id: cell.prints for cell in read(path).cells} for path in (healthy, broken)]
    assert all(prints[0][name] == prints[1][name] for name in prints[0] if "l1_loss" in name)
    assert all(prints[0][name] != prints[1][name] for name in prints[0] if "huber_loss" in name)


def test_a_broken_loss_is_a_regression_of_it_alone(
    healthy: Path, broken: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["diff", str(healthy), str(broken)]) == 1
    told = capsys.readouterr().out
    assert "test_value[huber_loss-mean-float32-cpu]" in told
    assert "got = F.huber_loss(" in told
    assert "l1_loss-" not in told
    assert main(["diff", str(broken), str(healthy)]) == 0
    assert main(["diff", str(healthy), str(healthy), "--fail-on", "drift,regressions"]) == 0


@pytest.mark.parametrize(
    ("number", "why"), [(signal.SIGKILL, "it was killed"), (signal.SIGINT, "it was interrupted")]
)
def test_a_run_that_ends_half_way_leaves_a_record_that_says_so(tmp_path: Path, number: int, why: str) -> None:
    (tmp_path / "slow.py").write_text(SLOW)
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "slow", VALUE, *FEW]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    run = subprocess.Popen(
        [*command, "--examples", "100", f"--report={tmp_path / 'report'}"],
        cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True,
        # A shell has what it runs in the background ignore interrupts, and children inherit that.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    assert run.stdout
    for line in run.stdout:  # it is at a test
        if line.startswith(VALUE):
            break
        if "collected" in line:
            time.sleep(3)
            break
    run.send_signal(number)
    run.communicate()
    record = read(tmp_path / "report")
    assert not record.complete
    assert why in record.incomplete_because
    assert main(["report", str(tmp_path / "report")]) == 0


def chosen(folder: Path, *options: str) -> Path | None:
    """What ``--report`` names, given on a command line in a folder; the last one counts."""
    given = [*options]
    report = given[-1].removeprefix("--report=")
    config: Any = SimpleNamespace(
        option=SimpleNamespace(report=report), rootpath=ROOT,
        invocation_params=SimpleNamespace(dir=folder, args=tuple(given)),
    )  # fmt: skip
    return prepared(config)


@pytest.mark.parametrize(
    ("options", "path"),
    [
        (["--report=/tmp/new/"], "/tmp/new"),
        (["--report=relative"], "{}/relative"),
        (["--report=."], "{}"),
        (["--report=../x"], "{}/../x"),
        (["--report=~/x"], "/home/of/x"),
        (["--report=a b \u00e9\n"], "{}/a b \u00e9\n"),
        (["--report", f"{ROOT}/inside"], f"{ROOT}/inside"),
        (["--report", f"{ROOT}"], f"{ROOT}"),
        (["--report", f"{ROOT}/a/../inside"], f"{ROOT}/a/../inside"),
    ],
)
def test_the_folder_may_be_any(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], path: str
) -> None:
    monkeypatch.setenv("HOME", "/home/of")
    assert chosen(tmp_path, *options) == Path(path.format(tmp_path))
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--report="], "no folder is named; write --report=DIR"),
        (["--report", ""], "no folder is named; write --report=DIR"),
        (["--report=~nobody-of-that-name/x"], "cannot be made a folder (there is no such user)"),
        (["--report", "/tmp/a b"], "outside the checkout, where pytest would look for its settings; "
         "write --report='/tmp/a b'"),
        (["--report", f"{ROOT}/../x"], f"write --report={ROOT}/../x"),
    ],
)  # fmt: skip
def test_a_folder_that_cannot_be_meant_is_refused(tmp_path: Path, options: list[str], words: str) -> None:
    with pytest.raises(pytest.UsageError) as refused:
        chosen(tmp_path, *options)
    assert str(refused.value).startswith("--report: ")
    assert words in str(refused.value)


@pytest.mark.parametrize(
    ("folder", "words"),
    [
        ("file\nname", "/file\\nname' cannot be made a folder (there is a file, or a link to nothing)"),
        ("dangling", "/dangling' cannot be made a folder (there is a file, or a link to nothing)"),
        ("blocked", "/blocked/record.json cannot be written (Is a directory)"),
    ],
)
def test_a_folder_that_cannot_be_made_or_written_ends_the_run_in_a_line(
    tmp_path: Path, folder: str, words: str
) -> None:
    (tmp_path / "file\nname").write_text("")
    (tmp_path / "dangling").symlink_to("nothing")
    (tmp_path / "blocked" / "record.json").mkdir(parents=True)
    run = pytest_of_the_suite(f"--report={tmp_path / folder}", VALUE, *FEW)
    assert run.returncode == 4
    (line,) = [line for line in run.stderr.splitlines() if line.startswith("ERROR")]
    assert words in line
    assert "Traceback" not in run.stdout + run.stderr


def test_the_files_are_written_into_any_folder(tmp_path: Path) -> None:
    name = "a b \u00e9\nc"
    (tmp_path / "target").mkdir()
    (tmp_path / name).symlink_to("target")
    cell = f"{ROOT / VALUE}::test_value[l1_loss-mean-float32-cpu]"
    options = [*FEW, "-p", "no:cacheprovider", "--report=no", f"--report={name}"]
    run = run_pytest([cell, *options], tmp_path, os.environ, seconds=100)
    assert run.returncode == 0, run.stdout + run.stderr
    assert read(tmp_path / "target").complete
    assert not (tmp_path / "no").exists()
    assert "report: record.json, report.html, summary.md in " in run.stdout
    assert "/a b \u00e9\\nc\n" in run.stdout


@pytest.mark.parametrize(
    "options",
    [
        ["--help"],
        ["--fixtures"],
        ["--collect-only"],
        ["--setup-plan"],
        ["no_such_file.py"],
        ["-n", "1", "no_such_file.py"],
        ["-k", "no_such_test"],
    ],
    ids=" ".join,
)
def test_a_run_without_tests_writes_and_destroys_nothing(tmp_path: Path, options: list[str]) -> None:
    kept = tmp_path / "report" / "record.json"
    kept.parent.mkdir()
    kept.write_text("kept")
    paths = [] if options[-1].endswith(".py") else [VALUE]
    pytest_of_the_suite(f"--report={kept.parent}", *FEW, *paths, *options)
    assert [*kept.parent.iterdir()] == [kept]
    assert kept.read_text() == "kept"


@pytest.mark.parametrize("option", ["--markers", "--version", "--collect-only", "--no-such-option"])
def test_a_run_without_tests_makes_no_folder(tmp_path: Path, option: str) -> None:
    pytest_of_the_suite(f"--report={tmp_path / 'new'}", *FEW, VALUE, option)
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize("workers", ["0", "1"])
def test_progress_is_told_on_lines_of_its_own(tmp_path: Path, workers: str) -> None:
    (tmp_path / "slow.py").write_text(SLOW)
    run = pytest_of_the_suite(VALUE, *FEW, "-n", workers, "-p", "slow", "--progress", "1", path=tmp_path)
    lines = [line for line in run.stdout.splitlines() if " to go" in line]
    assert lines
    assert all(re.match(r"\d+:\d\d: \d of 6 tests, [\d,]+ examples; now value, ", line) for line in lines)


def test_coordinates_are_those_of_the_test() -> None:
    losses, formats, devices = list(LOSSES.values()), list(FORMATS), ["cpu", "cuda:1"]
    for of, points in [
        ("value", all_cells(losses, formats, devices)),
        ("law", instances(losses, formats, devices)),
        ("corner", places(losses, formats, devices)),
        ("way", passages(losses, formats, devices)),
    ]:
        for point in points:
            found = coordinates(f"conformance/test_{of}s.py::test_{of}[{point}]", devices)
            assert found["of"] == of
            assert found["loss"] == point.loss.name
            assert found["dtype"] == point.format.name
            assert found["device"] == point.device
            assert of != "value" or found["reduction"] == point.reduction
            assert of != "way" or found["way"] == str(getattr(point, "way", ""))


def test_errors_are_counted_in_ulps() -> None:
    form = FORMATS["float32"]
    ulp, least = 2.0**-23, form.smallest_subnormal
    values = np.array([1.0, 2.0, 1.0, 4 * least, 1.0, np.inf, 0.5])
    bounds = np.array([ulp, ulp, ulp, least, ulp, ulp, 0.5])  # the last is a kink
    truth: Any = SimpleNamespace(value=values, bound=bounds, format=form)
    got = np.array([1.0, 2.0 + 2 * ulp, 1.0 + 3 * ulp, 5 * least, np.nan, 1.0, 1.0])
    nan = np.nan
    np.testing.assert_array_equal(ulp_errors(got, truth), [0, 1, 3, 1, nan, nan, nan])
    excused = np.arange(7) == 2
    np.testing.assert_array_equal(ulp_errors(got, truth, excused), [0, 1, nan, 1, nan, nan, nan])
    tally = Tally()
    tally.note_errors(got, truth, False, lambda index: f"element {index}")
    assert tally.ulps == [1, 2, 0, 1]
    assert (tally.ulp, tally.where) == (3, "element (2,)")
    tally.note_errors(got, truth, True, str)
    assert tally.ulps == [1, 2, 0, 1]


def test_the_outcomes_are_told_in_the_schema() -> None:
    assert set(OUTCOMES) == {"conforms", "known", "diverges", "crashed", "unsupported", "not tested"}
