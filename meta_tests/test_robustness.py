"""Nothing that was found is lost when torch, the disk or another run gets in the way."""

from __future__ import annotations

import os
import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings

from conformance.losses import LOSSES, Loss
from conformance.report.record import read
from reference import FORMATS
from strategies import differentiations

from .forked import run_pytest
from .test_devices import DEVICE
from .test_devices import pytestmark as TOY
from .test_options import ROOT, pytest_of_the_suite
from .test_report import BROKEN, FEW, VALUE, recorded

SUM = "test_value[huber_loss-sum-float32-cpu]"
# An assertion in a kernel spoils the device for whatever follows.
SPENT = """
import torch, torch.nn.functional as F

kept = F.huber_loss

def refuse(*args, **options):
    raise RuntimeError("device-side assert triggered")

def huber_loss(*args, reduction="mean", **options):
    if reduction == "sum" and options["input"].device.type != "cpu":
        F.huber_loss = torch.zeros = refuse
        refuse()
    return kept(*args, reduction=reduction, **options)

F.huber_loss = huber_loss
"""
UNWRITABLE = pytest.mark.skipif(
    not Path("/proc/self").is_dir(), reason="there is no /proc, which nobody can write to"
)
# The disk is full from the end of the first test on: a file cannot become longer than it was then.
FULL = """
import resource, signal, pathlib

def pytest_runtest_logreport(report):
    if report.when == "call":
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))
"""


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
def test_a_journal_can_hold_every_example(loss: Loss) -> None:
    form = FORMATS["float32"]

    @settings(max_examples=50)
    @given(differentiations(loss.cases(form, "mean"), form))
    def survives(example: object) -> None:
        assert repr(pickle.loads(pickle.dumps(example))) == repr(example)

    survives()


@TOY
def test_a_device_that_is_spent_is_reported_with_the_case_that_spent_it(tmp_path: Path) -> None:
    options = ["-p", DEVICE, "--device", "toy", "-n", "1"]
    record, _ = recorded(tmp_path, VALUE, *options, plugin=SPENT)
    outcomes = {cell.id.partition("::")[2]: cell for cell in record.cells if cell.device == "toy"}
    dead = outcomes.pop(SUM.replace("cpu", "toy"))
    assert len(outcomes) == 5
    assert {cell.outcome for cell in outcomes.values()} <= {"conforms", "known"}
    assert dead.outcome == "crashed"
    assert "    got = F.huber_loss(" in dead.failure
    assert dead.reason == "toy gives nothing but errors after this case"
    assert "torch.set_default_device('toy')" in dead.failure


def test_a_hang_is_none_where_each_example_is_quick(tmp_path: Path) -> None:
    options = ["--hang", "1", "--examples", "30"]
    record, _ = recorded(tmp_path, VALUE, "-n", "1", *options, plugin=BROKEN.format("time.sleep(0.05)"))
    assert record.complete


def test_a_full_disk_loses_nothing_that_was_written(tmp_path: Path) -> None:
    pytest.importorskip("resource", reason="the system has no limits for files")
    record, run = recorded(tmp_path, VALUE, plugin=FULL)
    assert not record.complete
    assert "record.json cannot be written (File too large)" in run.stdout
    assert run.stdout.count("cannot be written") == 1
    assert "6 passed" in run.stdout
    assert run.returncode == 1
    left = {path.name for path in (tmp_path / "report").iterdir()}
    assert left <= {"record.json", "summary.md"}  # the latter is short enough


# What goes wrong while the pages are made, or figures.
BUG = """
def pytest_sessionstart():
    from conformance.report import recorder
    recorder.PAGES["report.html"] = lambda record: {}["no such thing"]
"""
INFINITE = """
def pytest_sessionstart():
    from conformance.tally import Tally
    Tally.measure = lambda self, ratio: setattr(self, "worst", float("inf"))
"""


@pytest.mark.parametrize(
    ("blocked", "plugin", "told"),
    [
        ("report.html", "", "report.html cannot be written (Is a directory)"),
        ("summary.md", "", "summary.md cannot be written (Is a directory)"),
        ("", BUG, "report.html cannot be written ('no such thing')"),
    ],
)
def test_a_page_that_cannot_be_made_fails_the_run_and_keeps_the_record(
    tmp_path: Path, blocked: str, plugin: str, told: str
) -> None:
    (tmp_path / "report" / blocked).mkdir(parents=True)
    record, run = recorded(tmp_path, VALUE, plugin=plugin)
    assert run.returncode == 1
    assert record.complete
    assert f"report: {told}\n" in run.stdout
    assert "6 passed" in run.stdout
    assert "Traceback" not in run.stdout + run.stderr
    assert (tmp_path / "report" / "summary.md").exists()  # each is tried


def test_a_figure_that_no_record_can_hold_is_no_verdict_and_loses_nothing(tmp_path: Path) -> None:
    record, run = recorded(tmp_path, VALUE, "-k", "l1_loss or huber_loss-mean", plugin=INFINITE)
    assert run.returncode == 1
    assert len(record.cells) == 4
    for cell in record.cells:
        assert cell.outcome == "crashed"
        assert "worst must be a finite number, and is inf" in cell.reason
    assert record.incomplete_because == "4 cells crashed"
    assert "no cell has a verdict" in run.stdout


@UNWRITABLE
def test_a_read_only_disk_is_told_in_a_line_before_anything_runs() -> None:
    run = pytest_of_the_suite(VALUE, "--report=/proc/self", *FEW)
    assert run.returncode == 4
    (line,) = (line for line in run.stderr.splitlines() if "--report" in line)
    assert "cannot be written" in line
    assert "name a folder that can be written" in line
    assert "passed" not in run.stdout


@UNWRITABLE
def test_the_suite_runs_where_it_cannot_write(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HYPOTHESIS_STORAGE_DIRECTORY", "/proc/self/hypothesis")
    given = [VALUE, *FEW, "-n", "1", "-o", "cache_dir=/proc/self/cache"]
    run = run_pytest(given, ROOT, os.environ, seconds=100)
    assert "6 passed" in run.stdout, run.stdout


@pytest.mark.parametrize("made", ["file", "folder"])
def test_a_corrupt_example_database_does_not_matter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, made: str
) -> None:
    storage = tmp_path / "storage"
    if made == "file":
        storage.write_bytes(b"\xff")
    else:
        for name in ("examples", "constants", "unicode_data", "charmap"):
            (storage / name).parent.mkdir(exist_ok=True)
            (storage / name).write_bytes(b"\xff\x00")
    monkeypatch.setenv("HYPOTHESIS_STORAGE_DIRECTORY", str(storage))
    run = pytest_of_the_suite(VALUE, *FEW)
    assert "6 passed" in run.stdout, run.stdout


@pytest.mark.parametrize("folders", [("one", "two"), ("one", "one")])
def test_two_runs_at_the_same_time_do_not_disturb_each_other(
    tmp_path: Path, folders: tuple[str, str]
) -> None:
    options = [VALUE, *FEW, "--examples", "50", "-n", "1"]
    with ThreadPoolExecutor(2) as pool:
        runs = list(
            pool.map(
                lambda name: pytest_of_the_suite(*options, f"--report={tmp_path / name}", path=tmp_path),
                folders,
            )
        )
    assert all("6 passed" in run.stdout for run in runs)
    records = [read(tmp_path / name) for name in folders]
    assert all(record.complete for record in records)
    assert records[0].cells[0].digest == records[1].cells[0].digest
    assert {path.name for path in (tmp_path / "one").iterdir()} == {
        "record.json",
        "report.html",
        "summary.md",
    }
