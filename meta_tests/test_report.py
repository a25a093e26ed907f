"""What a run found is on disk, whatever becomes of the run, and means what it says."""

from __future__ import annotations

import json
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
from conformance.cells import all_cells
from conformance.corners import places
from conformance.judging import ulp_errors
from conformance.laws import instances
from conformance.losses import LOSSES
from conformance.report.coordinates import coordinates
from conformance.report.record import OUTCOMES, Record, RecordError, read
from conformance.tally import Tally
from conformance.ways import passages
from reference import FORMATS

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
        assert cell.examples == 5
        assert len(cell.prints) == 4 * 5
        assert cell.digest
        assert sum(cell.ulps)
        assert 0 <= cell.worst <= 1
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


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", ["damaged, or no record", "--report"]),
        ("\udcff", ["damaged, or no record"]),
        ("[]", ["the file must be an object"]),
        ("{}", ["the file has no 'version'"]),
        ('{"version": 0}', ["schema version 0, and this suite reads 1"]),
    ],
)
def test_what_is_no_record_is_refused_in_a_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, words: list[str]
) -> None:
    path = tmp_path / "record.json"
    path.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(SystemExit) as ended:
        main(["report", str(path)])
    said = capsys.readouterr().err
    assert ended.value.code == 2
    assert len(said.splitlines()) == 1
    assert all(word in said for word in [*words, str(path)]), said


def test_every_value_of_a_record_is_checked(healthy: Path, tmp_path: Path) -> None:
    whole = json.loads((healthy / "record.json").read_text())
    path = tmp_path / "record.json"
    for change, words in [
        ({"planned": "six"}, "planned must be a whole number, and is text"),
        ({"cells": [{**whole["cells"][0], "outcome": "fine"}]}, "is none of conforms"),
        ({"cells": [{**whole["cells"][0], "colour": "red"}]}, r"cells\[0\] has an unknown key 'colour'"),
        ({"torch": {}}, "torch has no 'version'"),
    ]:
        path.write_text(json.dumps({**whole, **change}))
        with pytest.raises(RecordError, match=words):
            read(path)


def test_the_folder_must_be_one(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    run = pytest_of_the_suite(f"--report={tmp_path / 'file'}", *FEW)
    assert run.returncode == 4
    assert "cannot be made a folder" in run.stderr
    run = pytest_of_the_suite("--report", str(tmp_path / "new"), *FEW)
    assert f"write --report={tmp_path / 'new'}" in run.stderr
    assert not (tmp_path / "new").exists()


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
