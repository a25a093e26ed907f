"""The suite gives its verdict in odd surroundings, too: flags of Python, plugins, folders and streams."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from conformance.report.record import read

from .forked import run_pytest
from .test_options import ROOT

VALUE = str(ROOT / "conformance/test_value.py")
FEW = (
    "--loss",
    "l1_loss",
    "--dtype",
    "float32",
    "--device",
    "cpu",
    "--examples",
    "2",
    "-p",
    "no:cacheprovider",
)
# What it breaks is noticed by a check of the machinery, and by an assertion of a test.
BROKEN = """
import torch.nn.functional as F
del F.huber_loss
original = F.l1_loss
F.l1_loss = lambda *args, **options: original(*args, **options) + 1
"""
WARNS = """
import warnings
warnings.warn("initialized late", UserWarning)

def pytest_report_header():
    warnings.warn("once more", UserWarning)
"""


def run_at(
    folder: Path, *options: str, path: Path | None = None, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run some value tests from a folder, with variables of the environment."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    environment = {**kept, "PYTHONPATH": str(path or ""), **variables}
    return run_pytest([*FEW, *options], folder, environment, seconds=200)


@pytest.mark.parametrize("flags", [["-O"], ["-OO", "-W", "error"]], ids=" ".join)
def test_python_without_assertions_still_finds_faults(tmp_path: Path, flags: list[str]) -> None:
    (tmp_path / "broken_torch.py").write_text(BROKEN)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    tests = [VALUE, str(ROOT / "conformance/test_completeness.py"), "--loss", "huber_loss"]
    command = [sys.executable, *flags, "-m", "pytest", *FEW, *tests, "-p", "broken_torch"]
    run = subprocess.run(
        command,
        cwd=ROOT,
        env={**kept, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert run.returncode == 1, run.stdout + run.stderr
    failed = [line for line in run.stdout.splitlines() if line.startswith("FAILED")]
    assert any("test_torch_has_the_loss[huber_loss]" in line for line in failed)
    assert sum("::test_value[l1_loss-" in line for line in failed) == 3


@pytest.mark.parametrize(
    ("options", "variables"),
    [
        (["-p", "no:xdist"], {}),
        ([], {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}),
        ([], {"PYTHONIOENCODING": "ascii"}),
        ([], {"PYTHONWARNINGS": "error"}),
        (["-n", "1"], {"CI": "true", "NO_COLOR": "1"}),
        (["-x", "--maxfail=1", "--tb=no", "-q"], {}),
    ],
    ids=str,
)
def test_it_runs(options: list[str], variables: dict[str, str]) -> None:
    run = run_at(ROOT, VALUE, *options, **variables)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "3 passed" in run.stdout


@pytest.mark.parametrize("where", ["elsewhere", "conformance", "root elsewhere", "root above"])
def test_it_runs_from_any_folder_with_the_same_ids(tmp_path: Path, where: str) -> None:
    folder = {"elsewhere": tmp_path, "conformance": ROOT / "conformance"}.get(where, ROOT)
    root = {"root elsewhere": [f"--rootdir={tmp_path}"], "root above": [f"--rootdir={ROOT.parent}"]}
    report = tmp_path / "report"
    run = run_at(folder, VALUE, *root.get(where, []), f"--report={report}")
    assert run.returncode == 0, run.stdout + run.stderr
    record = read(report)
    assert record.complete
    assert {cell.id.partition("[")[0] for cell in record.cells} == {"conformance/test_value.py::test_value"}
    assert len(record.cells) == 3


def test_a_warning_while_pytest_starts_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "warns.py").write_text(WARNS)
    run = run_at(ROOT, VALUE, "-p", "warns", path=tmp_path)
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.parametrize("option", ["--report", "--registry"])
def test_a_path_that_leads_pytest_away_ends_in_one_line(tmp_path: Path, option: str) -> None:
    if not any(point.value == "torch_loss_conformance" for point in entry_points(group="pytest11")):
        pytest.skip("the distribution is not installed: pip install .")
    (tmp_path / "file.py").write_text("DIVERGENCES = []")
    place = tmp_path if option == "--report" else tmp_path / "file.py"
    run = run_at(ROOT, option, str(place))
    assert run.returncode == 4
    (line,) = (line for line in run.stderr.splitlines() if line)
    assert line.startswith(f"ERROR: {option}: ")
    assert line.endswith(f"write {option}={place}")
