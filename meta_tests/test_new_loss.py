"""A new loss needs its formula, its declaration, its row and its fifty digits: the suite does the rest.

The example is a loss that torch lacks, see `meta_tests.quantile`.
"""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from pathlib import Path

import pytest

from .forked import run_pytest
from .test_options import ROOT

PLUGIN = ["-p", "meta_tests.quantile.plugin", "-p", "no:cacheprovider", "-n", "0", "-q"]
SUITE = [*PLUGIN, "--loss", "quantile_loss", "--device", "cpu", "--registry=meta_tests/quantile/known.py"]
# What the suite does with a loss: for each of its tests how many are passed at least.
RUN = {
    "test_value": 12, "test_gradient": 12, "test_second_derivative": 12, "test_law": 28, "test_corner": 24,
    "test_way": 100, "test_derived_calls": 1, "test_mixed_dtypes": 4,
    "test_invalid_calls_by_way": 4, "test_constructor_argument": 2, "test_treatment": 10, "test_repr": 1,
    "test_every_constructor_argument_is_tested": 1, "test_signature": 1, "test_cpu_support": 4,
    "test_torch_has_the_loss": 1, "test_module_takes_the_options": 1,
    "test_second_derivative_and_forward_mode_exist_as_recorded": 1, "test_witness_still_diverges": 2,
}  # fmt: skip


def run(*options: str, **environment: str) -> tuple[int, str]:
    """The exit status and the output of pytest on a torch that has the loss, in a process of its own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    done = run_pytest([*options], ROOT, {**kept, **environment}, seconds=300)
    return done.returncode, done.stdout + done.stderr


def passed(output: str) -> Counter[str]:
    """How many tests of each function are passed, of the output of ``-v -v``."""
    return Counter(re.findall(r"::(test_\w+)(?:\[[^\n]*\])? PASSED", output))


def test_the_suite_tests_a_loss_that_is_added_in_four_places(tmp_path: Path) -> None:
    status, output = run(*SUITE, "-v", "-v", "--examples", "20", f"--report={tmp_path}", "conformance")
    assert status == 0, output
    counts = passed(output)
    assert {name: counts[name] for name, least in RUN.items() if counts[name] < least} == {}
    (record,) = tmp_path.glob("*.json")
    cells = json.loads(record.read_text())["cells"]
    assert {cell["outcome"] for cell in cells} <= {"conforms", "known", "not tested", "unsupported"}
    (page,) = tmp_path.glob("*.html")
    assert "quantile_loss" in page.read_text()


@pytest.mark.parametrize("test", ["value", "gradient", "second_derivative", "corner"])
def test_the_suite_notices_that_torch_is_off(test: str) -> None:
    options = [*SUITE, "--dtype", "float32", "--examples", "20", "-k", f"test_{test}", "conformance"]
    status, output = run(*options, QUANTILE_OFF="1.01")
    assert status == 1, output
    assert f"::test_{test}[quantile_loss" in output


def test_the_oracle_of_a_new_loss_is_tested_as_that_of_others() -> None:
    files = ("oracle", "derivative", "strategies", "signatures", "completeness")
    status, output = run(
        *PLUGIN, "-v", "-v", "-k", "quantile_loss", *(f"meta_tests/test_{file}.py" for file in files)
    )
    assert status == 0, output
    counts = passed(output)
    assert counts["test_formula_agrees_with_fifty_digits"] >= 2
    assert counts["test_every_corner_is_frequent"] == 1


@pytest.mark.parametrize(
    ("saboteur", "file"),
    [("off-by-0.001-in-float32", "value"), ("gradient-sign", "gradient"), ("wrong-under-vmap", "ways")],
)
def test_saboteurs_of_a_new_loss_are_noticed(saboteur: str, file: str) -> None:
    options = [*SUITE, "-x", "-p", "meta_tests.saboteurs.plugin", f"conformance/test_{file}.py"]
    status, output = run(*options, SABOTEUR=f"quantile_loss-{saboteur}")
    assert status == 1, output


def test_the_guide_shows_what_is_tested() -> None:
    shown = re.findall(r"```python\n(.*?)```", (ROOT / "CONTRIBUTING.md").read_text(), re.S)
    names = ("formula", "declaration", "row", "digits")
    assert len(shown) == len(names)
    for name, code in zip(names, shown):
        source = (ROOT / f"meta_tests/quantile/{name}.py").read_text()
        assert "".join(code.split()).replace(",)", ")") in "".join(source.split()).replace(",)", ")"), name
