"""The suite on a device that is not the CPU: one written in Python, registered by a plugin."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from torch.utils import backend_registration

from conformance.disposable import Outcome, attempt_apart
from conformance.divergences import DIVERGENCES

from .forked import run_script
from .test_failures import script_of
from .test_options import ROOT, pytest_of_the_suite

DEVICE = "meta_tests.python_device"
SOME = ("--device", "toy", "--dtype", "float32", "--examples", "3")
FINE = "torch.ones(2)"

pytestmark = pytest.mark.skipif(
    not hasattr(backend_registration, "_setup_privateuseone_for_python_backend"),
    reason="this torch has devices in C++ only",
)

# What is wrong with a device, or with what a loss does there, in one run.
BROKEN = """
import itertools, torch, torch.nn.functional as F
from conformance import divergences, losses
from conformance.divergences import divergence, outcomes
from conformance.session import session
from meta_tests.python_device import KERNELS

def doubled(operation):
    KERNELS[operation] = lambda *a, **k: 2 * operation(*a, **k)

def missing(*a, **k):
    raise NotImplementedError("Could not run 'aten::smooth_l1_loss' with arguments from the 'toy' backend.")

def changed(name, change):
    original = getattr(F, name)
    setattr(F, name, lambda *a, **k: change(original(*a, **k), k))

def on_record(loss, device):
    twice = outcomes.Computes({loss: lambda *a, **k: 2 * losses.LOSSES[loss].oracle(*a, **k)})
    witnesses = (divergence.Witness(loss, "0.0", 0.0, 1.0),)
    name, told = f"{loss}-on-{device}", "it is doubled"
    return divergences.Divergence(name, "accuracy", "ordinary", twice, told, witnesses, devices=(device,))

def jittery(operation, told=""):
    signs = itertools.cycle((1, -1))
    def kernel(*a, **k):
        if told and torch.are_deterministic_algorithms_enabled():
            raise RuntimeError(told)
        return operation(*a, **k) * (1 + next(signs) * 2**-22)
    KERNELS[operation] = kernel

jittery(torch.ops.aten.soft_margin_loss.default, "toy_kernel does not have a deterministic implementation")
jittery(torch.ops.aten.binary_cross_entropy.default)
doubled(torch.ops.aten.huber_loss.default)
doubled(torch.ops.aten.mse_loss.default)
KERNELS[torch.ops.aten.smooth_l1_loss.default] = missing
session.records = on_record("huber_loss", "cpu"), on_record("mse_loss", "toy")
changed("l1_loss", lambda result, given: result.cpu())
changed("kl_div", lambda result, given: result + torch.zeros(1))
changed("poisson_nll_loss", lambda result, given: given["input"].detach())
"""

# What the run with all that says of each loss.
TOLD = [
    ("huber_loss", "toy: a value outside the derived bound"),
    ("l1_loss", "device cpu instead of toy"),
    ("kl_div", "Expected all tensors to be on the same device, but found toy:0 and cpu"),
    ("binary_cross_entropy", "bits differ from those of the functional"),
    ("poisson_nll_loss", "the result shares memory with input"),
]


@pytest.fixture(scope="module")
def healthy() -> str:
    """The output of the suite on the device, in a worker process; all must pass."""
    losses = ("--loss", "l1_loss", "--loss", "cross_entropy", "--loss", "multilabel_margin_loss")
    options = (*losses, "-p", DEVICE, "-n", "1", "-v")
    # A wrapper is no view of another class, and nothing that torch compiles or casts. Torch ends the process
    # if its device raises going back, as checkpoints do on purpose and nll_loss does with layouts.
    unsupported = "subclass or compile or autocast or checkpoint or channels_last or overlapping"
    ways = f"(test_way or by_way) and ({unsupported})"
    # Labels are on the device in value and gradient, and in calls that may end the process. Of those,
    # cross_entropy has one that raises going back.
    numbers = "(test_value or test_gradient) and not multilabel"
    chosen = f"l1_loss or (dangerous and multilabel) or ({numbers})"
    run = pytest_of_the_suite(*options, *SOME, "-k", f"toy and ({chosen}) and not ({ways})")
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The output of the suite on the device where much is broken."""
    path = tmp_path_factory.mktemp("broken")
    (path / "broken_device.py").write_text(BROKEN)
    losses = "huber_loss mse_loss smooth_l1_loss l1_loss kl_div poisson_nll_loss soft_margin_loss"
    chosen = [word for loss in (*losses.split(), "binary_cross_entropy") for word in ("--loss", loss)]
    tests = "(test_value and mean) or (smooth and toy and not (test_way or by_way or test_modules))"
    run = pytest_of_the_suite("-p", "broken_device", *chosen, *SOME, "-k", tests, "-v", path=path)
    assert run.returncode == 1, run.stdout + run.stderr
    return run.stdout


@pytest.mark.parametrize(
    "test",
    [
        "test_value",
        "test_gradient",
        "test_second_derivative",
        "test_law",
        "test_corner",
        "test_invalid_call",
        "test_dangerous_calls",
        "test_derived_calls",
        "test_mixed_dtypes",
        "test_way",
    ],
)
def test_the_device_passes(healthy: str, test: str) -> None:
    passed = [line for line in healthy.splitlines() if "PASSED" in line and f"::{test}[" in line]
    assert passed
    assert all("toy]" in line for line in passed)


def test_the_header_names_the_device(broken: str) -> None:
    assert "devices cpu, toy" in broken


@pytest.mark.parametrize(("loss", "words"), TOLD, ids=[loss for loss, _ in TOLD])
def test_what_is_wrong_on_a_device_is_told(broken: str, loss: str, words: str) -> None:
    failure = broken.split(f"test_value[{loss}-mean-float32-toy] _")[1].split("\n____")[0]
    assert words in failure
    assert "torch.set_default_device('toy')" in failure


def test_what_a_device_does_not_implement_is_skipped_with_the_reason(broken: str) -> None:
    lines = [line for line in broken.splitlines() if "::test_" in line and "[smooth_l1_loss-" in line]
    assert {line.split("::")[1].split("[")[0] for line in lines} >= {
        "test_value",
        "test_gradient",
        "test_corner",
        "test_invalid_call",
        "test_mixed_dtypes",
    }
    assert all("SKIPPED" in line for line in lines), lines
    assert "Could not run 'aten::smooth_l1_loss' with arguments from the 'toy' backend." in broken


def test_bits_may_differ_where_torch_says_that_they_do(broken: str) -> None:
    assert "test_value[soft_margin_loss-mean-float32-toy] PASSED" in broken


def test_a_record_excuses_its_own_device_and_no_other(broken: str) -> None:
    assert "test_value[mse_loss-mean-float32-toy] PASSED" in broken
    assert "known divergence mse_loss-on-toy: " in broken
    assert "test_value[huber_loss-mean-float32-toy] FAILED" in broken
    assert "huber_loss-on-cpu" not in broken


def test_a_record_of_every_other_device_excuses_this_one_and_not_the_cpu(healthy: str) -> None:
    name = "l1_loss-accepts-weight-shape"
    assert f"known divergence {name}: " in healthy
    (record,) = (record for record in DIVERGENCES if record.id == name)
    assert [record.concerns(device) for device in ("cpu", "cuda:1", "xpu")] == [False, True, True]


def test_the_script_of_a_failure_runs_on_the_device(broken: str) -> None:
    failure = broken.split("test_value[huber_loss-mean-float32-toy] _")[1]
    script = script_of(failure.split("To reproduce:")[1])
    expected = failure.split("expected ")[1].split(" ")[0]
    assert script.count("import broken_device\n") == 1  # it may be what registers the device
    healthy = script.replace("import broken_device", f"import {DEVICE}")
    code = f"{healthy}\nassert got.device.type == 'toy'"
    run = run_script(code, ROOT, os.environ, seconds=100)
    assert run.stdout == f"{expected}\n", run.stderr


def test_a_disposable_process_without_the_device_is_no_refusal_of_its_calls(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="the disposable process does not work"):
        attempt_apart([FINE], "toy", tmp_path / "journal")


def test_a_disposable_process_has_the_backends_that_torch_loads_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = tmp_path / "toy_backend-1.0.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: toy-backend\nVersion: 1.0\n")
    (installed / "entry_points.txt").write_text("[torch.backends]\ntoy = toy_backend:load\n")
    (tmp_path / "toy_backend.py").write_text(f"def load():\n    import {DEVICE}\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert attempt_apart([FINE], "toy", tmp_path / "journal") == {
        FINE: Outcome(2.0, shape=(2,), dtype="float32")
    }
