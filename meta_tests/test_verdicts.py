"""A run's verdict says what was tested, whatever options it had, and names the cause of each failure."""

from __future__ import annotations

import re
import subprocess
import xml.etree.ElementTree as ET
from collections import Counter
from pathlib import Path

import pytest

from conformance.failures import cause
from conformance.losses import LOSSES
from conformance.options import whole_number
from conformance.report.coordinates import coordinates, own_id
from conformance.report.statistics import NO_LOSS, by_loss, found
from conformance.report.tested import NOT_TESTED, required_share, shares, shortage
from conformance.selection import ANY_LOSS

from .records import cell, example_record
from .test_options import ROOT, pytest_of_the_suite

VALUE = "conformance/test_value.py"
FEW = ("--loss", "l1_loss", "--dtype", "float32", "--device", "cpu", "--examples", "3")
# It is wrong in sums, and stops in means.
BROKEN = """
import torch.nn.functional as F
original = F.l1_loss

def l1_loss(*args, reduction="mean", **options):
    if reduction == "mean" and "size_average" not in options:
        raise ValueError("no mean\\nof this")
    return original(*args, reduction=reduction, **options) + (reduction == "sum")

F.l1_loss = l1_loss
"""
# It warns the first time that it is called in a process.
WARNS_ONCE = """
import functools, warnings, torch.nn.functional as F
original, left = F.l1_loss, [1]

@functools.wraps(original)
def l1_loss(*args, **options):
    if left:
        left.clear()
        warnings.warn("falling back to a slow kernel", {category})
    return original(*args, **options)

F.l1_loss = l1_loss
"""
DECLINES = """
import torch.nn.functional as F

def l1_loss(input, target, **options):
    raise NotImplementedError("not today")

def mse_loss(input, target, reduction="mean"):
    if reduction == "none":
        raise NotImplementedError("only scalars")
    return F.mse_loss(input, target, reduction=reduction)
"""


def failures_in(run: subprocess.CompletedProcess[str]) -> list[str]:
    """The lines of pytest's short summary for failures and errors."""
    return [line for line in run.stdout.splitlines() if line.startswith(("FAILED ", "ERROR "))]


def test_few_examples_are_no_failure() -> None:
    run = pytest_of_the_suite("conformance/test_support.py", "--examples", "1")
    assert run.returncode == 0, run.stdout


@pytest.mark.parametrize(("profile", "workers"), [("ci", "0"), ("nightly", "1")])
def test_examples_win_over_profiles_in_any_order(profile: str, workers: str) -> None:
    options = ["--hypothesis-profile", profile, "--hypothesis-verbosity", "quiet"]
    given = [*FEW, *options] if workers == "0" else [*options, *FEW]
    run = pytest_of_the_suite(VALUE, *given, "-n", workers)
    assert run.returncode == 0, run.stdout
    assert f"profile {profile}, 3 examples a cell" in run.stdout
    assert "value: 9 examples in 3 cells" in run.stdout


@pytest.mark.parametrize("loss", ["CTCLoss", "nll_loss"])
def test_a_loss_selects_its_own_tests_alone(loss: str) -> None:
    run = pytest_of_the_suite("--collect-only", "-q", "--loss", loss)
    listed = [coordinates(line, ()) for line in run.stdout.splitlines() if "::" in line]
    wanted = next(row.name for row in LOSSES.values() if loss in (row.name, row.module))
    assert {each.get("loss") for each in listed if each["of"] not in ANY_LOSS} == {wanted}


def test_every_test_is_about_a_loss_or_runs_the_chosen_ones() -> None:
    run = pytest_of_the_suite("--collect-only", "-q")
    listed = [coordinates(line, ()) for line in run.stdout.splitlines() if "::" in line]
    assert len(listed) > 10_000
    without = Counter(each["of"] for each in listed if "loss" not in each)
    assert set(without) == set(ANY_LOSS)


@pytest.mark.parametrize(
    "options", [("ctc_loss", "float16"), ("multi_margin_loss", "bfloat16")], ids="-".join
)
def test_a_dtype_that_a_loss_lacks_is_not_tested_and_no_error(options: tuple[str, str]) -> None:
    loss, dtype = options
    chosen = ("--loss", loss, "--dtype", dtype, "--device", "cpu", "--examples", "1")
    run = pytest_of_the_suite(*chosen, "-k", "value or gradient or corner or test_signature")
    assert not failures_in(run)
    assert run.returncode == NOT_TESTED


@pytest.mark.parametrize("category", ["UserWarning", "RuntimeWarning", "type('Device', (Warning,), {})"])
def test_what_warns_once_a_process_fails_no_test(tmp_path: Path, category: str) -> None:
    (tmp_path / "warns_once.py").write_text(WARNS_ONCE.format(category=category))
    run = pytest_of_the_suite(VALUE, *FEW, "-p", "warns_once", path=tmp_path)
    assert run.returncode == 0, run.stdout
    assert "falling back to a slow kernel" in run.stdout


def test_arithmetic_of_the_oracle_still_warns_of_mistakes() -> None:
    from reference import cross_entropy

    with pytest.raises(RuntimeWarning, match="divide by zero"):
        exec(
            "import numpy\nnumpy.log(numpy.zeros(1))",
            vars(__import__("sys").modules[cross_entropy.__module__]),
        )


@pytest.mark.parametrize(
    ("options", "status", "words"),
    [
        (["declines:l1_loss"], NOT_TESTED, "nothing was tested on cpu: not today"),
        (["declines:mse_loss"], 0, ""),
        (["declines:mse_loss", "--require-tested", "90"], NOT_TESTED, "--require-tested asks for 90 %"),
        (["declines:l1_loss", "--require-tested", "0"], 0, ""),
    ],
)
def test_a_run_that_tests_too_little_has_a_status_of_its_own(
    tmp_path: Path, options: list[str], status: int, words: str
) -> None:
    (tmp_path / "declines.py").write_text(DECLINES)
    chosen = ["--implementation", *options, "--dtype", "float32", "--device", "cpu", "--examples", "3"]
    run = pytest_of_the_suite(VALUE, *chosen, path=tmp_path)
    assert run.returncode == status, run.stdout
    assert ("NOT TESTED (exit status 6)" in run.stdout) == (status == NOT_TESTED)
    assert words in run.stdout


def test_each_available_device_must_be_tested() -> None:
    cells = [cell(device="cpu"), cell(device="toy", outcome="unsupported", reason="no kernels")]
    record = example_record(cells=cells, devices={"cpu": "", "toy": "", "cuda": "absent"})
    assert shares(record) == {"cpu": 1.0, "toy": 0.0}
    assert shortage(record, required_share(None)) == ["nothing was tested on toy: no kernels"]
    half = [cell(examples=1, untested={"why": 3}), cell(device="", of="signature")]
    assert shares(example_record(cells=half)) == {"cpu": 0.25}
    assert shares(example_record(cells=half[1:])) == {"": 1.0}


def test_the_table_and_the_verdict_count_the_same_cells() -> None:
    record = example_record()
    rows = by_loss(record)
    assert list(rows)[-1] == NO_LOSS
    table = sum((row.outcomes for row in rows.values()), Counter())
    absent = sum(cell.device == "cuda" for cell in record.cells)
    assert table.total() + absent == len(record.cells)
    told = found(record)
    for outcome, number in table.items():
        assert f"{number + table['known'] if outcome == 'conforms' else number:,}" in told, outcome
    assert f"{absent:,} more on cuda, absent here" in told


@pytest.mark.parametrize("text", ["101", "-1", "nan", "inf", "half", "", "9" * 5000])
def test_a_share_that_is_no_percentage_is_refused_in_a_line(text: str) -> None:
    with pytest.raises(pytest.UsageError, match="--require-tested: must be a percentage from 0 to 100"):
        required_share(text)


@pytest.mark.parametrize("option", ["--examples", "--hypothesis-seed"])
def test_a_number_out_of_range_is_refused_in_a_line(option: str) -> None:
    run = pytest_of_the_suite(VALUE, *FEW, f"{option}={'9' * 5000}")
    assert run.returncode == 4
    (line,) = (line for line in run.stderr.splitlines() if line.startswith("ERROR"))
    assert option in line
    assert len(line) < 200


@pytest.mark.parametrize("text", ["9" * 30, "-1", "1.5", "²", "", "0x1", " 1"])
def test_what_is_no_whole_number_in_range_is_refused(text: str) -> None:
    with pytest.raises(pytest.UsageError, match="--examples: must be a whole number from 1 to 2147483647"):
        whole_number("--examples", text, least=1)


@pytest.mark.parametrize(
    ("workers", "variables"), [("0", {"COLUMNS": "40"}), ("2", {"CI": "true"})], ids=["narrow", "workers"]
)
def test_each_failure_is_a_line_with_its_cause(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: str, variables: dict[str, str]
) -> None:
    monkeypatch.delenv("CI", raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "broken_torch.py").write_text(BROKEN)
    chosen = [VALUE, "conformance/test_completeness.py", *FEW, "-p", "broken_torch", "-n", workers]
    file = tmp_path / "junit.xml"
    run = pytest_of_the_suite(*chosen, f"--junitxml={file}", path=tmp_path)
    lines = sorted(failures_in(run))
    assert len(lines) == 4, run.stdout
    deprecated, signature, mean, total = lines
    assert "::test_deprecated_arguments[l1_loss] - l1_loss lacks size_average and reduce" in deprecated
    assert "::test_signature[l1_loss] - l1_loss has the parameters and defaults {'args'" in signature
    told = (
        "::test_value[l1_loss-mean-float32-cpu] - l1_loss (functional), reduction mean, float32, cpu: raised"
    )
    assert f"{told} ValueError: no mean" in mean
    assert re.search(r"::test_value\[l1_loss-sum-float32-cpu\] - .*; expected .* \+- .*; got ", total)
    suite = ET.parse(file).getroot()[0]
    failed = {case.get("name"): message for case in suite for message in case.findall("failure")}
    assert sorted(map(str, failed)) == sorted(re.findall(r"::(\S+)", "\n".join(lines)))
    assert len(suite) == int(suite.get("tests", 0)) > 3
    assert suite.get("errors") == "0"
    assert not any("[gw" in (message.get("message") or "") for message in failed.values())
    assert "tally" not in file.read_text()


def test_causes_are_lines() -> None:
    assert cause("") == cause(" \n ") == "no word"
    assert cause("\nFailed: what\n    more\n    got  1\n\nTo reproduce:\n\n    got = 2") == "what; got 1"
    assert (
        cause("def f():\n>   g()\nE   ValueError: two\nE   lines\n\nfile.py:3: ValueError")
        == "ValueError: two"
    )
    assert len(cause("long " * 1000)) < 400


def test_ids_are_those_of_the_checkout_wherever_the_root_is() -> None:
    test = "::test_value[l1_loss-sum-float32-cpu]"
    name = f"{VALUE}{test}"
    assert own_id(name, ROOT) == name
    assert own_id(f"test_value.py{test}", ROOT / "conformance") == name
    assert own_id(f"{ROOT.name}/{name}", ROOT.parent) == name
    assert own_id(f"../{ROOT.name}/{name}", ROOT.parent / "elsewhere") == name
    assert own_id(test, ROOT.parent / "elsewhere") == name
    assert own_id("::test_nothing", ROOT.parent / "elsewhere") is None
    assert own_id(f"meta_tests/test_value.py{test}", ROOT) is None
    assert own_id(name, ROOT.parent) is None
