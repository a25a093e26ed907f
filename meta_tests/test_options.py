"""The command line: what it selects, what it says, and how it refuses."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from .forked import run_pytest

ROOT = Path(__file__).parent.parent


def pytest_of_the_suite(
    *options: str, path: Path | None = None, afresh: bool = False
) -> subprocess.CompletedProcess[str]:
    """Run the suite in a process of its own, with `path` before everything else on the import path.

    Torch is imported already, but where that is to be done afresh.
    """
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST")}
    environment["PYTHONPATH"] = str(path or "")
    given = ["-p", "no:cacheprovider", *options]
    if not afresh:
        return run_pytest(given, ROOT, environment, seconds=300)
    command = [sys.executable, "-m", "pytest", *given]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)


def collected(*options: str) -> list[str]:
    """Ids of the value tests that the options select."""
    run = pytest_of_the_suite("--collect-only", "-q", *options)
    assert run.returncode == 0, run.stdout + run.stderr
    return re.findall(r"test_value\[(.*)\]", run.stdout)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (
            ["--loss", "cross_entrpy"],
            ["--loss", "'cross_entrpy'", "did you mean 'cross_entropy'?", "CTCLoss"],
        ),
        (["--dtype", "float23"], ["--dtype", "'float23'", "float64, float32, float16, bfloat16"]),
        (["--device", "gpu"], ["--device", "'gpu'", "cpu, cuda"]),
        (["--device", "xpu:7"], ["--device", "no xpu:7 device", "available: cpu"]),
        (["--examples", "0"], ["--examples", "'0'", "whole number"]),
        (["--examples", "many"], ["--examples", "'many'", "whole number"]),
        (["--hypothesis-profile", "slow"], ["--hypothesis-profile", "'slow'", "dev, ci, nightly"]),
        (["--hypothesis-seed", "today"], ["--hypothesis-seed", "'today'", "whole number"]),
    ],
)
def test_bad_option_ends_in_one_line(options: list[str], words: list[str]) -> None:
    run = pytest_of_the_suite(*options)
    errors = [line for line in run.stderr.splitlines() if line.startswith("ERROR")]
    assert run.returncode == 4
    assert len(errors) == 1
    assert all(word in errors[0] for word in words), errors
    assert "Traceback" not in run.stdout + run.stderr


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("raise ImportError('no libtorch')", ["torch cannot be imported (no libtorch)", "pip install"]),
        ("raise OSError('bad library')", ["torch cannot be imported (bad library)", "pip install"]),
        ("raise ValueError('TORCH_LOGS')", ["torch cannot be imported (TORCH_LOGS)", "mend its settings"]),
        ("raise MemoryError", ["torch cannot be imported (MemoryError)", "mend its settings"]),
        (
            "__version__ = '2.10.0'\ndef zeros(n, device):\n    raise RuntimeError('Numpy is not available')",
            ["torch 2.10.0 cannot use the installed NumPy (Numpy is not available)"],
        ),
        ("__version__ = '2.5.1'", ["torch 2.5.1 is too old", "2.6"]),
        ("__version__ = '1.13.1+cu117'", ["torch 1.13.1+cu117 is too old", "2.6"]),
    ],
)
def test_unusable_torch_ends_in_one_line(tmp_path: Path, source: str, words: list[str]) -> None:
    (tmp_path / "torch.py").write_text(source)
    run = pytest_of_the_suite(path=tmp_path, afresh=True)
    errors = [line for line in run.stderr.splitlines() if line.startswith("ERROR")]
    assert run.returncode == 4
    assert len(errors) == 1
    assert all(word in errors[0] for word in words), errors
    assert "Traceback" not in run.stdout + run.stderr


def test_options_select_cells() -> None:
    cells = collected("--loss", "CTCLoss", "--loss", "l1_loss", "--device", "cpu", "--dtype", "float32")
    assert cells == [
        f"{loss}-{reduction}-float32-cpu"
        for loss in ("l1_loss", "ctc_loss")
        for reduction in ("none", "mean", "sum")
    ]


def test_a_loss_selects_its_worked_examples_too() -> None:
    run = pytest_of_the_suite("--collect-only", "-q", "--loss", "ctc_loss")
    assert "test_signature[ctc_loss]" in run.stdout
    for name in re.findall(r"(?:signature|worked_example|witness_still_diverges)\[(.*)\]", run.stdout):
        assert "ctc_loss" in name


def test_a_missing_device_is_collected_and_skipped_with_its_reason() -> None:
    run = pytest_of_the_suite(
        "--loss", "l1_loss", "--dtype", "float32", "--examples", "1", "-k", "test_value"
    )
    torch = pytest.importorskip("torch")
    assert run.returncode == 0, run.stdout
    assert ("no cuda device" in run.stdout) != torch.cuda.is_available()


def test_header_and_summary_say_what_ran() -> None:
    run = pytest_of_the_suite(
        "--loss", "l1_loss", "--dtype", "float32", "--device", "cpu", "--examples", "7", "-k", "test_value"
    )
    assert run.returncode == 0, run.stdout
    assert re.search(r"torch \S+ \(\w+, .* build\), CPU capability \w+, devices cpu", run.stdout)
    assert "profile dev, 7 examples a cell, seed 0" in run.stdout
    assert "21 examples in 3 cells" in run.stdout


def test_workers_report_what_they_ran() -> None:
    options = [
        "--loss",
        "l1_loss",
        "--dtype",
        "float32",
        "--device",
        "cpu",
        "--examples",
        "7",
        "-k",
        "test_value",
    ]
    run = pytest_of_the_suite("-n", "2", *options)
    assert run.returncode == 0, run.stdout
    assert "21 examples in 3 cells" in run.stdout


def test_the_default_run_is_deterministic_and_a_seed_changes_it() -> None:
    options = [
        "--loss",
        "mse_loss",
        "--dtype",
        "float64",
        "--device",
        "cpu",
        "--examples",
        "30",
        "-k",
        "test_value",
    ]

    def table(*more: str) -> list[str]:
        run = pytest_of_the_suite(*options, *more)
        return [line for line in run.stdout.splitlines() if line.startswith("mse_loss") and "." in line]

    first = table()
    assert first
    assert table() == first
    assert table("--hypothesis-seed", "3") != first


def test_a_nightly_run_tells_the_seed_it_chose() -> None:
    run = pytest_of_the_suite("--hypothesis-profile", "nightly", "--collect-only", "-q", "--loss", "l1_loss")
    assert run.returncode == 0
    run = pytest_of_the_suite("--hypothesis-profile", "nightly", "--collect-only", "--loss", "l1_loss")
    assert re.search(r"profile nightly, 2000 examples a cell, seed [1-9]\d+", run.stdout)
