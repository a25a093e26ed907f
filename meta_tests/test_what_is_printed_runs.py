"""The scripts and the commands that failures print show the failures when they are run, as they stand."""

from __future__ import annotations

import os
import re
import shlex
from dataclasses import dataclass
from pathlib import Path

import pytest

from conformance.scripts import REPRODUCE

from .forked import run_script
from .test_devices import DEVICE
from .test_devices import pytestmark as TOY
from .test_options import ROOT, pytest_of_the_suite

BROKEN = "meta_tests.broken"
FEW = ("--dtype", "float32", "--examples", "1")
AGAIN = "Run this again:"

# Losses of one's own, wrong unless the environment says otherwise.
OWN = """
import os
import torch
from torch.nn import functional

class Scaled(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    def backward(ctx, g):
        return g if "HEALTHY" in os.environ else g + 3

class Mine:
    def l1_loss(self, input, target, reduction="mean", weight=None):
        off = 0 if "HEALTHY" in os.environ or input.requires_grad else 1 if torch.is_grad_enabled() else 2
        return functional.l1_loss(Scaled.apply(input), target, reduction=reduction, weight=weight) + off

mine = Mine()
"""


# What a script prints: numbers of which the first is what its comment says, or two that differ.
TOLD, DIFFER = "the number of the comment", "two numbers that differ"
# Where the tests of each kind are.
FILES = {
    "constructor_argument": "modules",
    "corner": "corners",
    "dangerous_calls": "invalid_calls",
    "invalid_call": "invalid_calls",
    "law": "laws",
    "mixed_dtypes": "invalid_calls",
    "treatment": "modules",
    "way": "ways",
    "witness_still_diverges": "divergences",
    "worked_example": "worked_examples",
}


@dataclass(frozen=True)
class Row:
    """A failure, and what its script prints.

    Attributes:
        test: its id, without the file.
        says: words of the failure.
        wrong: of what the script prints, or raises, where the fault is; or `TOLD` or `DIFFER`; empty if there
            is no script.
        right: of what it prints, or raises, where the fault is not.
    """

    test: str
    says: str
    wrong: str = ""
    right: str = ""

    def __str__(self) -> str:
        return self.test

    @property
    def nodeid(self) -> str:
        """Pytest's id."""
        kind = self.test.partition("[")[0]
        return f"conformance/test_{FILES.get(kind, kind)}.py::test_{self.test}"


LONG = "RuntimeError: first line"
# fmt: off
TORCH = [
    Row("value[l1_loss-mean-float32-cpu]", "outside the derived bound", TOLD),
    Row("value[mse_loss-mean-float32-cpu]", f"raised {LONG}", LONG, "tensor(0.)"),
    Row("value[smooth_l1_loss-mean-float32-cpu]", "dtype torch.float64", "torch.float64", "torch.float32"),
    Row("value[huber_loss-mean-float32-cpu]", "shape (1,)", "(1,)", "()"),
    Row("value[gaussian_nll_loss-mean-float32-cpu]", "device meta", "meta", "cpu"),
    Row("value[poisson_nll_loss-none-float32-cpu]", "shares memory with input", "False", "True"),
    Row("value[kl_div-mean-float32-cpu]", "input was changed in place", "False", "True"),
    Row("value[margin_ranking_loss-mean-float32-cpu]", "(functional, again)", DIFFER),
    Row("value[hinge_embedding_loss-mean-float32-cpu]", "(legacy)", DIFFER),
    Row("value[soft_margin_loss-mean-float32-cpu]", "(module)", DIFFER),
    Row("gradient[l1_loss-sum-float32-cpu]", "a gradient by input outside", TOLD),
    Row("gradient[mse_loss-sum-float32-cpu]", "no gradient", "None", "tensor("),
    Row("gradient[smooth_l1_loss-sum-float32-cpu]", f"raised {LONG}", LONG, "tensor("),
    Row("gradient[huber_loss-sum-float32-cpu]", "a second pass through the graph", DIFFER),
    Row("gradient[poisson_nll_loss-sum-float32-cpu]", "upstream gradient was changed", "False", "True"),
    Row("gradient[kl_div-sum-float32-cpu]", "target was changed in place", "False", "True"),
    Row("gradient[hinge_embedding_loss-sum-float32-cpu]", "target has a gradient and", "tensor(", "None"),
    Row("second_derivative[gaussian_nll_loss-sum-float32-cpu]", "(double backward)", TOLD),
    Row("second_derivative[margin_ranking_loss-sum-float32-cpu]", "raised", "once_diff", "tensor("),
    Row("second_derivative[triplet_margin_loss-sum-float32-cpu]", "(jvp)", TOLD),
    Row("law[predicting_perfectly-l1_loss-float32-cpu]", "a law is broken", DIFFER),
    Row("law[predicting_perfectly-mse_loss-float32-cpu]", f"raised {LONG}", LONG, "(1,)"),
    Row("law[reducing-huber_loss-float32-cpu]", "shape (1, 1)", "(1, 1)", "(1,)"),
    Row("corner[l1_loss-equal-float32-cpu]", "outside the derived bound", TOLD),
    Row("invalid_call[multi_margin_loss-integers-cpu]", "0.0", "tensor(0.)", "NotImplementedError"),
    Row("dangerous_calls[multilabel_margin_loss-cpu]", "of 98", "tensor(0.)", "RuntimeError"),
    Row("invalid_calls_by_way[multi_margin_loss-meta-cpu]", "calls", "tensor(0.)", "RuntimeError"),
    Row("mixed_dtypes[cosine_embedding_loss-input2-double-cpu]", "16.0 bits", "tensor(16)", "tensor(64)"),
    Row("constructor_argument[nll_loss-reduction-cpu]", "wrong is result", DIFFER),
    Row("treatment[ctc_loss-eval-cpu]", f"raised {LONG}", LONG, "tensor("),
    Row("way[binary_cross_entropy-inference_mode-float32-cpu]", "outside the derived bound", TOLD),
    Row("way[soft_margin_loss-no_grad-float32-cpu]", "a result", "float64", "float32"),
    Row("way[cross_entropy-vmap-float32-cpu]", f"raised {LONG}", LONG, "tensor("),
    Row("way[binary_cross_entropy_with_logits-stepped-float32-cpu]", f"raised {LONG}", LONG, "tensor("),
    Row("way[multilabel_soft_margin_loss-offset-float32-cpu]", "memory that input is", "False", "True"),
    Row("witness_still_diverges[mse_loss-overflow]", "describe the record anew", LONG, "inf"),
    Row("worked_example[functional-1.5-l1_loss-none]", "more than"),
]
MINE = [
    Row("value[l1_loss-mean-float32-cpu]", "l1_loss of own:mine", TOLD),
    Row("gradient[l1_loss-none-float32-cpu]", "l1_loss of own:mine (backward)", TOLD),
    Row("law[predicting_perfectly-l1_loss-float32-cpu]", "l1_loss of own:mine", DIFFER),
    Row("way[l1_loss-no_grad-float32-cpu]", "l1_loss of own:mine (no_grad)", TOLD),
]
TOYS = [
    Row("value[l1_loss-mean-float32-toy]", "outside the derived bound", TOLD),
    Row("value[kl_div-mean-float32-toy]", "input was changed in place", "False", "True"),
    Row("gradient[l1_loss-sum-float32-toy]", "a gradient by input outside", TOLD),
    Row("law[predicting_perfectly-l1_loss-float32-toy]", "a law is broken", DIFFER),
    Row("corner[l1_loss-equal-float32-toy]", "outside the derived bound", TOLD),
    Row("invalid_call[multi_margin_loss-integers-toy]", "0.0", "tensor(0.)", "NotImplementedError"),
    Row("constructor_argument[nll_loss-reduction-toy]", "wrong is result", DIFFER),
    Row("way[soft_margin_loss-no_grad-float32-toy]", "a result", "float64", "float32"),
]
# fmt: on


@dataclass(frozen=True)
class World:
    """Something under test that is wrong in many ways, and what the suite said of it.

    Attributes:
        told: the failures, as the terminal shows them, by the names of the tests.
        imports: a statement that a script needs besides those that it has.
        folder: on the import path.
    """

    told: dict[str, str]
    imports: str
    folder: Path

    def script(self, row: Row) -> str:
        """The first script of a failure."""
        code = self.told[row.test].split(f"{REPRODUCE}\n\n")[1]
        lines = code.split("\n")
        end = next(i for i, line in enumerate(lines) if line and not line.startswith("    "))
        return "\n".join(line.removeprefix("    ") for line in lines[:end])

    def command(self, row: Row) -> list[str]:
        """The words of the command that a failure ends with."""
        told = self.told[row.test].split(f"\n{AGAIN}\n\n")[1]
        return shlex.split(told)

    def printed(self, row: Row, healthy: bool = False) -> tuple[str, str]:
        """What the script of a failure prints, and what it raises; that is empty if it raises nothing."""
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(self.folder)}
        environment |= {"HEALTHY": "1"} if healthy else {}
        run = run_script(f"{self.imports}\n{self.script(row)}", ROOT, environment, seconds=100)
        return run.stdout, run.stderr if run.returncode else ""


def failures(output: str) -> dict[str, str]:
    """The failures that pytest shows, by the names of the tests."""
    body = output.split(" FAILURES ===")[1].split("\n==== torch-loss-conformance")[0]
    parts = re.split(r"^_+ test_(\S*\]) _+$", body, flags=re.MULTILINE)
    last = re.split(r"^=+ torch-loss-conformance =+$", parts.pop(), flags=re.MULTILINE)[0]
    return dict(zip(parts[1::2], [*parts[2::2], last]))


def world(rows: list[Row], imports: str, folder: Path, *options: str) -> World:
    """Run the tests of rows on something that is broken."""
    run = pytest_of_the_suite(*options, *FEW, *(row.nodeid for row in rows), path=folder)
    assert run.returncode == 1, run.stdout + run.stderr
    told = failures(run.stdout)
    assert told.keys() == {row.test for row in rows}
    return World(told, imports, folder)


def unlike(row: Row, of: World) -> str:
    """What a failure or its script does not show; empty if it shows all."""
    wrong, error = of.printed(row)
    right, refusal = of.printed(row, healthy=True)
    if row.says not in of.told[row.test]:
        return of.told[row.test]
    if row.wrong == TOLD:
        comment = re.findall(r"  # (\S+)$", of.script(row), re.MULTILINE)[-1]
        shows = wrong.split() == [comment] != right.split() and not refusal
    elif row.wrong == DIFFER:
        numbers = [len(set(printed.splitlines())) for printed in (wrong, right)]
        shows = numbers == [2, 1] and not error + refusal
    else:
        wrong, right = wrong + error, right + refusal
        shows = row.wrong in wrong and row.wrong not in right and row.right in right
    return "" if shows else f"{of.script(row)}\n{wrong}{error}\nwithout the fault:\n{right}{refusal}"


@pytest.mark.parametrize(
    ("rows", "imports", "options"),
    [
        pytest.param(TORCH, f"import {BROKEN}", ["-p", BROKEN, "--device", "cpu"], id="torch"),
        pytest.param(MINE, "", ["--device", "cpu", "--implementation", "own:mine"], id="implementation"),
        pytest.param(
            TOYS, "", ["-p", DEVICE, "-p", BROKEN, "--device", "cpu", "--device", "toy"], id="device",
            marks=TOY,
        ),
    ],
)  # fmt: skip
def test_scripts_and_commands_show_the_failures_that_print_them(
    tmp_path: Path, rows: list[Row], imports: str, options: list[str]
) -> None:
    # One test for all failures of a run, which would take longer than the rest in each of several workers.
    (tmp_path / "own.py").write_text(OWN)
    of = world(rows, imports, tmp_path, *options)
    shown = {row.test: unlike(row, of) for row in rows if row.wrong}
    assert not any(shown.values()), "\n\n".join(f"{name}: {text}" for name, text in shown.items() if text)
    commands = {row: of.command(row) for row in rows}
    assert [command[:2] for command in commands.values()] == [["pytest", row.nodeid] for row in rows]
    (given,) = {tuple(command[2:]) for command in commands.values()}
    assert set(options) | set(FEW) <= set(given)
    run = pytest_of_the_suite(*(row.nodeid for row in rows), *given, path=tmp_path)
    assert run.returncode == 1
    again = failures(run.stdout)
    assert {test: told.split("\n")[1] for test, told in again.items()} == {
        test: told.split("\n")[1] for test, told in of.told.items()
    }
