"""The suite gives its verdict in odd surroundings, too: flags of Python, plugins, folders and streams."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from importlib.metadata import entry_points
from pathlib import Path

import pytest
import torch

from conformance.report.record import read
from conformance.report.tested import NOT_TESTED
from conformance.surroundings import altered_state

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


def environment(**variables: str) -> dict[str, str]:
    """The variables of this process without pytest's, and others."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    return kept | variables


def run_at(
    folder: Path, *options: str, path: Path | None = None, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run some value tests from a folder, with variables of the environment."""
    return run_pytest(
        [*FEW, *options], folder, environment(PYTHONPATH=str(path or ""), **variables), seconds=200
    )


def test_python_without_assertions_still_finds_faults(tmp_path: Path) -> None:
    (tmp_path / "broken_torch.py").write_text(BROKEN)
    tests = [VALUE, str(ROOT / "conformance/test_completeness.py"), "--loss", "huber_loss"]
    # It leaves out all that -O does, and docstrings.
    command = [sys.executable, "-OO", "-W", "error", "-m", "pytest", *FEW, *tests, "-p", "broken_torch"]
    run = subprocess.run(
        command,
        cwd=ROOT,
        env=environment(PYTHONPATH=str(tmp_path)),
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


STATES: list[tuple[str, Callable[[], AbstractContextManager[object]]]] = [
    ("inference mode is on", torch.inference_mode),
    ("gradients are switched off", torch.no_grad),
    ("autocast is on", lambda: torch.autocast("cpu")),
    ("anomaly detection is on", torch.autograd.detect_anomaly),
    ("new tensors are not on the CPU", lambda: torch.device("meta")),
]


@pytest.mark.filterwarnings("ignore:Anomaly Detection has been enabled")
@pytest.mark.parametrize(("words", "altered"), STATES, ids=[words for words, _ in STATES])
def test_an_altered_state_is_named(words: str, altered: Callable[[], AbstractContextManager[object]]) -> None:
    assert altered_state() is None
    with altered():
        assert words in str(altered_state())
    assert altered_state() is None


@pytest.mark.parametrize(
    ("source", "status"),
    [
        ("torch.set_flush_denormal(True)", 4),
        ("def pytest_runtest_teardown():\n    torch.set_grad_enabled(False)", 1),
    ],
    ids=["before", "during"],
)
def test_an_altered_process_gives_no_verdict(tmp_path: Path, source: str, status: int) -> None:
    (tmp_path / "altering.py").write_text(f"import torch\n{source}\n")
    run = run_at(ROOT, VALUE, "-p", "altering", path=tmp_path)
    assert run.returncode == status
    lines = [line for line in (run.stderr + run.stdout).splitlines() if line.startswith("ERROR")]
    assert len(lines) == (1 if status == 4 else 2)  # during the run, the first test came before
    assert "in the whole process, so no verdict means anything" in lines[0]


@pytest.mark.parametrize(
    ("where", "status"),
    [("implementation", 1), ("registry", 1), ("loss", 1), ("loss in a child", 0), ("loss in two", 0)],
)
def test_nothing_ends_the_process_with_success(tmp_path: Path, where: str, status: int) -> None:
    body = {
        "loss": "os._exit(0)",
        "loss in a child": "os.fork() or os._exit(0)",
        "loss in two": "os.fork()",
    }.get(where, "pass")
    if where in ("loss in a child", "loss in two") and not hasattr(os, "fork"):
        pytest.skip("the system has no forks")
    source = (
        f"import os, torch.nn.functional as F\n\ndef l1_loss(*args, **options):\n    {body}\n"
        "    return F.l1_loss(*args, **options)\n"
    )
    (tmp_path / "leaving.py").write_text(source + ("os._exit(0)\n" if where == "implementation" else ""))
    (tmp_path / "registry.py").write_text(
        "import os\nDIVERGENCES = []\n" + "os._exit(0)\n" * (where == "registry")
    )
    given = (
        ["--implementation", "leaving:l1_loss"]
        if where != "registry"
        else [f"--registry={tmp_path / 'registry.py'}"]
    )
    run = run_at(ROOT, VALUE, *given, "-k", "none", path=tmp_path)
    assert run.returncode == status, run.stdout + run.stderr
    assert ("something called os._exit(0)" in run.stderr) == bool(status)
    assert run.stdout.count("1 passed") == (not status)


def test_what_pytest_passes_without_running_it_is_not_tested(tmp_path: Path) -> None:
    (tmp_path / "idle.py").write_text("def pytest_pyfunc_call():\n    return True\n")
    run = run_at(ROOT, VALUE, "-p", "idle", path=tmp_path)
    assert run.returncode == NOT_TESTED, run.stdout
    assert "nothing was tested on cpu: no example was run" in run.stdout


@pytest.mark.parametrize("variable", ["TORCHDYNAMO_DISABLE", "TORCH_COMPILE_DISABLE"])
def test_a_compiler_that_is_off_is_not_tested(variable: str) -> None:
    tests = str(ROOT / "conformance/test_ways.py")
    command = [
        sys.executable,
        "-m",
        "pytest",
        *FEW,
        "--way",
        "compile_eager",
        "--way",
        "compile_aot_eager",
        tests,
    ]
    run = subprocess.run(
        command, cwd=ROOT, env=environment(**{variable: "1"}), capture_output=True, text=True, timeout=200
    )
    assert run.returncode == NOT_TESTED, run.stdout
    assert "torch.compile compiles nothing in this process" in run.stdout


@pytest.mark.skipif(not hasattr(signal, "SIGTERM"), reason="the system has no such signal")
def test_a_request_to_terminate_leaves_a_record_that_says_so(tmp_path: Path) -> None:
    (tmp_path / "ending.py").write_text(
        "import os, signal\n\ndef pytest_runtest_teardown():\n    os.kill(os.getpid(), signal.SIGTERM)\n"
    )
    run = run_at(ROOT, VALUE, "-p", "ending", f"--report={tmp_path / 'report'}", path=tmp_path)
    assert run.returncode == 2, run.stdout + run.stderr
    assert read(tmp_path / "report").incomplete_because.startswith("it was interrupted")


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
