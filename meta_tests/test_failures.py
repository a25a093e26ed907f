"""A broken loss is found, and the failure is one that people can act on."""

from __future__ import annotations

import functools
import itertools
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from hypothesis import strategies as st

from conformance import test_value
from conformance.cells import Cell, run_drawn
from conformance.losses import LOSSES
from conformance.tally import Tally
from reference import FORMATS

from .test_options import pytest_of_the_suite

HUBER = """
import torch, torch.nn.functional as F

def huber_loss(input, target, reduction="mean", delta=1.0, weight=None):
    d = (input - target).abs()
    loss = torch.where(d < delta, 0.5 * d * d, delta * (d - delta))
    loss = loss if weight is None else loss * weight
    return loss if reduction == "none" else getattr(loss, reduction)()

F.huber_loss = huber_loss
"""

# A line that breaks the functional `original` of a loss, and what the failure must say.
BREAKS = [
    (
        "l1_loss",
        "torch.float64",
        "original(*a, **k).double()",
        "dtype torch.float64 instead of torch.float32",
    ),
    ("l1_loss", "shape", "original(*a, **k)[None]", "shape"),
    ("l1_loss", "device", "original(*a, **k).to('meta')", "device meta instead of cpu"),
    (
        "l1_loss",
        "aliasing",
        "(original(*a, **k), k['target'])[k.get('reduction') == 'none']",
        "shares memory",
    ),
    ("l1_loss", "nan", "original(*a, **k) * float('nan')", "got      nan"),
    ("l1_loss", "exception", "1 / 0", "raised ZeroDivisionError"),
    ("l1_loss", "mutation", "(original(*a, **k), k['input'].add_(1))[0]", "input was changed in place"),
    # Off in every other call of the functional, so in the second of each case.
    (
        "l1_loss",
        "noise",
        "original(*a, **k) * (1 + 2.0**-18 * ('input' in k and 'reduce' not in k"
        " and 'size_average' not in k and next(calls) % 2))",
        "(functional",
    ),
    (
        "soft_margin_loss",
        "64 roundoffs",
        "original(*a, **k) * (1 + 64 * 2.0**-24)",
        "times the allowed error",
    ),
]


def run_broken(tmp_path: Path, source: str, loss: str, selected: str = "test_value") -> str:
    """The output of the suite on a torch that a plugin breaks; it must fail."""
    (tmp_path / "broken_torch.py").write_text(source)
    options = ["-p", "broken_torch", "--loss", loss, "--dtype", "float32", "--device", "cpu", "-k", selected]
    run = pytest_of_the_suite(*options, path=tmp_path)
    assert run.returncode == 1, run.stdout + run.stderr
    return run.stdout


def script_of(failure: str) -> str:
    """The code after "To reproduce:"."""
    script = re.split(r"\n(?:____|====|Run this again:)", failure)[0]
    return "\n".join(line.removeprefix("    ") for line in script.splitlines() if line.startswith("    "))


def printed_by(script: str) -> float:
    """The number that a script prints in an unbroken torch."""
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=100)
    assert run.returncode == 0, run.stderr
    return float(run.stdout)


def told_by(test: Callable[[Cell, Tally, int], None], loss: str, reduction: str) -> str:
    """What a test of the suite says of a loss in float32, which does not conform."""
    cell = Cell(LOSSES[loss], reduction, FORMATS["float32"], "cpu")
    with pytest.raises(pytest.fail.Exception) as failure:
        test(cell, Tally(), 0)
    return str(failure.value)


def break_loss(monkeypatch: pytest.MonkeyPatch, loss: str, statements: str) -> None:
    """Put the function ``broken`` that statements define, of the ``original``, in the place of a loss."""
    names = {"functools": functools, "itertools": itertools, "torch": torch, "original": getattr(F, loss)}
    exec(statements, names)
    monkeypatch.setattr(F, loss, functools.wraps(getattr(F, loss))(names["broken"]))  # type: ignore[arg-type]  # it is a function


@pytest.mark.parametrize(("loss", "name", "expression", "words"), BREAKS, ids=[row[1] for row in BREAKS])
def test_a_broken_loss_fails_with_the_reason(
    loss: str, name: str, expression: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = f"calls = itertools.count()\ndef broken(*a, **k):\n    return {expression}\n"
    break_loss(monkeypatch, loss, code)
    reductions = ("none", "sum") if name != "aliasing" else ("none",)
    for reduction in reductions:
        told = told_by(test_value.test_value, loss, reduction)
        assert words in told
        assert "To reproduce:" in told


def test_a_failure_that_does_not_repeat_says_so() -> None:
    calls: list[int] = []

    def fail_once(number: int) -> None:
        calls.append(number)
        if len(calls) == 1:
            pytest.fail("one time in two", pytrace=False)

    cell = Cell(LOSSES["l1_loss"], "mean", FORMATS["float32"], "cpu")
    with pytest.raises(pytest.fail.Exception, match=r"^one time in two\n\n.* does not repeat\.$"):
        run_drawn(cell, 0, fail_once, st.integers())


def test_the_suite_fails_if_a_loss_is_broken(tmp_path: Path) -> None:
    output = run_broken(
        tmp_path, "import torch.nn.functional as F\nF.l1_loss = lambda *a, **k: 1 / 0\n", "l1_loss"
    )
    assert "raised ZeroDivisionError" in output
    assert "To reproduce:" in output


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("F.focal_loss = F.l1_loss", "torch.nn.functional.focal_loss is not tested: add it in"),
        ("torch.nn.modules.loss.__all__.append('FocalLoss')", "torch.nn.FocalLoss is not tested: add it in"),
        ("del F.huber_loss", "has no torch.nn.functional.huber_loss"),
        (
            "F.l1_loss = lambda input, target, weight=None, reduction='mean': 0",
            "has the parameters and defaults {'input'",
        ),
    ],
)
def test_a_change_of_torchs_own_lists_is_told(tmp_path: Path, source: str, words: str) -> None:
    (tmp_path / "broken_torch.py").write_text(f"import torch, torch.nn.functional as F\n{source}\n")
    run = pytest_of_the_suite("-p", "broken_torch", "conformance/test_completeness.py", path=tmp_path)
    assert run.returncode == 1
    assert words in run.stdout


def test_a_fixed_divergence_is_told(tmp_path: Path) -> None:
    source = "import torch.nn.functional as F\nF.soft_margin_loss = lambda x, y: F.softplus(-x * y).mean()\n"
    (tmp_path / "broken_torch.py").write_text(source)
    options = ["conformance/test_divergences.py", "-k", "soft_margin_loss"]
    run = pytest_of_the_suite("-p", "broken_torch", *options, path=tmp_path)
    assert run.returncode == 1
    for name in ("overflow", "overflow-gradient", "overflow-second-2", "infinite"):
        assert f"soft_margin_loss-{name}: fixed in torch" in run.stdout
    assert "soft_margin_loss-overflow-second: " not in run.stdout  # its sum still overflows
    assert "close the record's range" in run.stdout


def test_a_failure_is_shrunk_and_its_script_runs(tmp_path: Path) -> None:
    output = run_broken(tmp_path, HUBER, "huber_loss")
    section = output.split("[huber_loss-mean-float32-cpu]")[1]
    explanation, rest = section.split("To reproduce:", 1)
    for words in (
        "huber_loss (functional), reduction mean, float32, cpu: a value outside the derived bound",
        "expected 0.5 +- 2.68e-07 of the result",
        "got      0.0",
        "times the allowed error",
        "the running error of the documented formula, each step rounded to float32",
    ):
        assert words in explanation
    assert printed_by(script_of(rest)) == 0.5  # an unbroken torch gives what was expected


def test_the_readme_shows_a_real_failure(tmp_path: Path) -> None:
    readme = (Path(__file__).parent.parent / "README.md").read_text()
    shown = readme.split("```text\n")[1].split("```")[0]
    output = run_broken(tmp_path, HUBER, "huber_loss")

    def lines(text: str) -> list[str]:
        return [line.rstrip() for line in text.strip().splitlines()]

    assert "\n".join(lines(shown)) in "\n".join(lines(output))


def test_what_is_wrong_without_vectors_only_is_told(tmp_path: Path) -> None:
    if torch.backends.cpu.get_cpu_capability() == "DEFAULT":
        pytest.skip("torch uses no vector instructions here")
    source = (
        "import functools, torch, torch.nn.functional as F\noriginal = F.mse_loss\n"
        "@functools.wraps(original)\ndef broken(*a, **k):\n"
        "    return original(*a, **k) + (torch.backends.cpu.get_cpu_capability() == 'DEFAULT')\n"
        "F.mse_loss = broken\n"
    )
    output = run_broken(tmp_path, source, "mse_loss", "test_capability or (test_value and mean)")
    assert "With ATEN_CPU_CAPABILITY=default" in output
    assert "mse_loss (functional)" in output
    assert "1 failed" in output.splitlines()[-1]
