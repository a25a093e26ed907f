"""What ends the process, or never answers, is a failure with its case, and the run goes on."""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from conformance import foreign, journal, scripts, test_corners, test_support
from conformance.candidates import candidates
from conformance.cells import Cell
from conformance.checks import laws, witnesses
from conformance.corners import places
from conformance.disposable import attempt
from conformance.ending import ending
from conformance.journal import Entry, Watchdog
from conformance.losses import LOSSES
from conformance.modules import SAMPLES, expect, observe
from conformance.report.record import CellResult as Found
from conformance.retrial import Crash, Retrial
from conformance.running import obstacle
from conformance.session import session
from conformance.shrinking import DiedError, in_child
from conformance.tally import Tally
from reference import FORMATS
from strategies import Case, Differentiation

from .forked import run_pytest
from .test_options import pytest_of_the_suite
from .test_report import BROKEN, FEW, VALUE, recorded

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no forks")

SEGFAULT, HANG = "ctypes.string_at(0)", "time.sleep(1000)"
SIMPLE = Case("l1_loss", FORMATS["float32"], {"input": np.zeros(1), "target": np.ones(1)})

# A loss that dies of some cases, one that dies of all, and one that never answers, or dies after many calls.
DEADLY = """
import ctypes, os, time, torch.nn.functional as F

kept = {name: getattr(F, name) for name in ("l1_loss", "huber_loss")}
calls = 0

def huber_loss(input, target, reduction="mean", *args, **options):
    if reduction == "sum" and input.numel() > 1 and input.abs().max() > 3:
        ctypes.string_at(0)
    return kept["huber_loss"](input, target, reduction, *args, **options)

def l1_loss(*args, reduction="mean", **options):
    global calls
    calls += reduction == "sum"
    if reduction == "none":
        time.sleep(1000)
    if calls > 6:
        os.abort()
    return kept["l1_loss"](*args, reduction=reduction, **options)

def mse_loss(*args, **options):
    os._exit(3)

F.l1_loss, F.huber_loss, F.mse_loss = l1_loss, huber_loss, mse_loss
"""
# No torch, so that it is quick.
STAND_IN = """
import os
from conformance import journal

def pytest_configure(config):
    config.option.device = ["cpu"]
    on_duty = journal.Watchdog(config, 0)
    config.pluginmanager.register(on_duty)
    if not hasattr(config, "workerinput"):
        from conformance.crashes import Crashes
        config.pluginmanager.register(Crashes(config, on_duty))

def pytest_collection(session):
    if hasattr(session.config, "workerinput"):
        {}
"""
# Xdist by itself gives up after four for each worker.
MANY = 20


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Found], str]:
    """The cells of a run with all that, by loss and reduction, and what the terminal showed."""
    options = ["-n", "2", "--loss", "mse_loss", "--examples", "30", "--hang", "2"]
    chosen = ["-k", "sum or l1_loss-none or huber_loss-none"]
    record, run = recorded(tmp_path_factory.mktemp("ended"), VALUE, *options, *chosen, plugin=DEADLY)
    assert run.returncode == 1
    assert record.planned == len(record.cells) == 5
    assert record.incomplete_because == "4 cells crashed"
    return {f"{cell.loss}-{cell.reduction}": cell for cell in record.cells}, run.stdout


@pytest.mark.parametrize(
    ("which", "reason", "words"),
    [
        (
            "huber_loss-sum",
            "SIGSEGV (segmentation fault) in huber_loss",
            [
                "In a fresh process this case alone ends the process with SIGSEGV",
                "It was shrunk from: F.huber",
            ],
        ),
        (
            "l1_loss-sum",
            "SIGABRT (abort, as after a failed assertion) in l1_loss",
            ["only after other calls. In a fresh process the case alone does not end it:"],
        ),
        (
            "l1_loss-none",
            "no answer within 2 s in l1_loss",
            ["this case alone gives no answer within 2 s:", "It was not shrunk: each try takes", "Timeout"],
        ),
        # It ends in the probe of its dtype.
        ("mse_loss-sum", "exit status 3 in mse_loss", ["alone ends the process with exit status 3"]),
    ],
)
def test_a_crash_is_a_failure_with_its_cause_case_and_stack(
    ended: tuple[dict[str, Found], str], which: str, reason: str, words: list[str]
) -> None:
    cells, shown = ended
    dead = cells[which]
    assert (dead.outcome, dead.reason) == ("crashed", reason)
    assert dead.failure.startswith(reason)
    for told in (dead.failure, shown):
        assert all(word in told for word in words), told
        assert f"    got = F.{dead.loss}(" in told
    assert (f" in {dead.loss}\n" in dead.failure.partition("most recent call first")[2]) == (
        "exit" not in reason
    )
    assert "linux -- Python" not in dead.failure


def test_a_crash_does_not_change_the_other_cells(ended: tuple[dict[str, Found], str]) -> None:
    cells, _ = ended
    assert cells["huber_loss-none"].outcome in ("conforms", "known")


def test_a_shrunk_case_is_simple(ended: tuple[dict[str, Found], str]) -> None:
    cells, _ = ended
    (call,) = (line for line in cells["huber_loss-sum"].failure.splitlines() if "got = " in line)
    assert call.count("0.0") >= 2  # two elements, of which one matters, and the target
    assert len(call) < 200


@pytest.mark.parametrize(
    ("what", "options", "words"),
    [(SEGFAULT, [], "Segmentation fault"), (HANG, ["--hang", "2"], "Timeout (0:00:02)!")],
)
def test_without_workers_a_crash_ends_the_run_and_shows_its_case(
    tmp_path: Path, what: str, options: list[str], words: str
) -> None:
    (tmp_path / "broken.py").write_text(BROKEN.format(what))
    given = [VALUE, *FEW, *options, "-p", "broken", f"--report={tmp_path / 'report'}"]
    run = pytest_of_the_suite(*given, path=tmp_path, afresh=True)
    assert run.returncode
    assert words in run.stderr
    assert "test_value[huber_loss-sum-float32-cpu]: the process ended in this case" in run.stderr
    assert "got = F.huber_loss(" in run.stderr
    assert "it has not finished, or it was killed" in (tmp_path / "report" / "record.json").read_text()


def stand_in(folder: Path, collecting: str, testing: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Run tests that have nothing to do with torch."""
    (folder / "conftest.py").write_text(STAND_IN.format(collecting))
    test = "import os, pytest\n\n@pytest.mark.parametrize('i', range({}))\ndef test(i):\n    {}\n"
    (folder / "test_it.py").write_text(test.format(MANY, testing))
    given = ["-n", "2", "-p", "no:cacheprovider", "-p", "no:hypothesispytest", *options, str(folder)]
    paths = {"PYTHONPATH": str(Path(__file__).parent.parent)}
    return run_pytest(given, folder, {**os.environ, **paths}, seconds=100)


def test_a_library_that_crashes_all_the_time_is_run_to_its_end(tmp_path: Path) -> None:
    run = stand_in(tmp_path, "pass", "os.abort()")
    assert f"{MANY} failed" in run.stdout
    assert run.stdout.count("SIGABRT (abort") >= MANY


def test_a_person_may_limit_the_crashes(tmp_path: Path) -> None:
    # One worker: of two that end at once pytest-xdist may not see the second before it writes to it.
    run = stand_in(tmp_path, "pass", "os.abort()", "--max-worker-restart=1", "-n", "1")
    assert "maximum crashed workers reached: 1" in run.stdout


def test_workers_that_cannot_even_begin_end_the_run_in_a_line(tmp_path: Path) -> None:
    run = stand_in(tmp_path, "os.abort()", "pass")
    (line,) = (line for line in run.stderr.splitlines() if line.startswith("ERROR"))
    assert run.returncode == pytest.ExitCode.USAGE_ERROR
    assert "4 workers in a row ended before they began a test" in line
    assert "SIGABRT (abort" in line
    assert "conftest.py" in line
    assert "Traceback" not in run.stdout + run.stderr


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (-signal.SIGSEGV, "SIGSEGV (segmentation fault)"),
        (-signal.SIGABRT, "SIGABRT (abort, as after a failed assertion)"),
        (-signal.SIGFPE, "SIGFPE (arithmetic error)"),
        (-signal.SIGILL, "SIGILL (illegal instruction)"),
        (-signal.SIGBUS, "SIGBUS (bus error)"),
        (-signal.SIGKILL, "SIGKILL (killed; perhaps the system ran out of memory)"),
        (-signal.SIGUSR1, "SIGUSR1"),
        (-40, "signal 40"),
        (0, "exit status 0"),
        (3, "exit status 3"),
    ],
)
def test_an_ending_has_words(status: int, words: str) -> None:
    assert ending(status) == words


@pytest.mark.parametrize(
    ("deed", "status"),
    [
        (lambda: ctypes.string_at(0), -signal.SIGSEGV),
        (os.abort, -signal.SIGABRT),
        (lambda: os.kill(os.getpid(), signal.SIGKILL), -signal.SIGKILL),
        (lambda: os._exit(3), 3),
        (lambda: os._exit(0), 0),
    ],
)
def test_a_child_ends_in_place_of_this_process(deed: Callable[[], Any], status: int) -> None:
    with pytest.raises(DiedError) as died:
        in_child(deed)
    assert died.value.status == status


def test_a_child_that_survives_answers() -> None:
    assert in_child(lambda: "an answer") == "an answer"
    assert in_child(lambda: None) is None
    assert in_child(lambda: 1 / 0) is None  # type: ignore[arg-type]  # it returns nothing


@pytest.mark.parametrize(
    ("where", "drawn", "hung", "words"),
    [
        ({"device": "toy"}, SIMPLE, False, "leave an accelerator behind"),
        ({}, None, False, "it was not drawn"),
        ({}, SIMPLE, True, "each try takes as long"),
        ({"device": "cpu"}, SIMPLE, False, ""),
    ],
)
def test_a_case_that_is_not_shrunk_has_its_reason(
    where: dict[str, str], drawn: Case | None, hung: bool, words: str
) -> None:
    reason = Crash(where, Entry("test", 1, drawn, SIMPLE), Path(), hung).fixed
    assert words in reason
    assert bool(words) == bool(reason)


def test_a_run_spends_no_more_than_its_time_on_crashes(pytestconfig: pytest.Config) -> None:
    retrial = Retrial(pytestconfig, hang=2)
    retrial._left = 0.0
    told = "\n".join(retrial.told(Crash({}, Entry("test", 1, SIMPLE, SIMPLE), Path(), hung=False)))
    assert "got = F.l1_loss(" in told
    assert "It was not tried alone or shrunk: the 120 s that a run has for this are spent." in told


@pytest.mark.parametrize("seconds", [0, 1, 10**10, 10**30])
def test_a_watch_takes_any_number_of_seconds(seconds: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "watchdog", None)
    on_duty = Watchdog(SimpleNamespace(), seconds)  # type: ignore[arg-type]  # no worker, so no more is asked of it
    protocol = on_duty.pytest_runtest_protocol(SimpleNamespace(nodeid="test"))
    next(protocol)
    with suppress(StopIteration):
        next(protocol)
    on_duty.pytest_unconfigure()
    shutil.rmtree(on_duty.folder)


@pytest.mark.parametrize(
    "name", ["l1_loss", "cross_entropy", "triplet_margin_with_distance_loss", "ctc_loss"]
)
@pytest.mark.parametrize("way", ["", "vmap"])
def test_a_script_runs_the_case_and_its_derivatives(
    name: str, way: str, capsys: pytest.CaptureFixture[str]
) -> None:
    loss = LOSSES[name]
    case = test_support.simplest(loss, lambda case: bool(loss.variables(case)))
    made = candidates(Differentiation(case, np.ones(1), np.ones(1), 0), way, "cpu")
    assert any("torch.autograd.grad(" in script or "back(" in script for script in made)
    assert any("torch.func.jvp" in script for script in made) == (loss.twice and loss.forward and not way)
    for script in made:
        assert script.startswith("import torch\n")
        with suppress(TypeError):  # not every module, and not every loss, has the arguments of a case
            exec(script, {})
    assert "tensor(" in capsys.readouterr().out


def test_a_script_sets_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scripts, "_plugins", ("toys",))
    (script,) = candidates("math.pi\nF.l1_loss(x, y)", "", "toy")
    assert script.splitlines() == [
        "import math",
        "import torch",
        "import toys",
        "import torch.nn.functional as F",
        "",
        "torch.set_default_device('toy')",
        "math.pi",
        "F.l1_loss(x, y)",
    ]


LOSS, FLOAT = LOSSES["huber_loss"], FORMATS["float32"]
RUNS: dict[str, Callable[[], object]] = {
    "obstacle": lambda: obstacle.__wrapped__("huber_loss", "float32", "cpu"),
    "obstacle backward": lambda: obstacle.__wrapped__("huber_loss", "float32", "cpu", backward=True),
    "invalid call": lambda: attempt("F.huber_loss(torch.ones(1), torch.ones(1))", "cpu"),
    "witness": lambda: witnesses.run("F.huber_loss(torch.ones(1), torch.ones(1))"),
    "corner": lambda: test_corners.test_corner(places([LOSS], ["float32"], ["cpu"])[0], Tally()),
    "law": lambda: laws.run_torch(SIMPLE_HUBER, "cpu"),
    "refusal": lambda: test_support.test_second_derivative_and_forward_mode_exist_as_recorded(LOSS),
    "module": lambda: observe(SAMPLES["huber_loss"].case, "cpu"),
    "functional of a module": lambda: expect(SAMPLES["huber_loss"].case, "cpu"),
}
SIMPLE_HUBER = Case("huber_loss", FLOAT, {"input": np.zeros(1), "target": np.ones(1)})


@pytest.mark.parametrize("what", RUNS)
def test_what_runs_torch_is_noted_before(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    noted: list[object] = []

    def huber_loss(*args: Any, **options: Any) -> None:
        assert noted, "torch runs and nothing was noted"
        raise KeyboardInterrupt  # which nobody takes for an answer, if it may be a person's

    monkeypatch.setattr(foreign, "_watched", False)
    monkeypatch.setattr(journal, "note", noted.append)
    monkeypatch.setattr(torch.nn.functional, "huber_loss", huber_loss)
    monkeypatch.setattr(torch.nn.HuberLoss, "forward", huber_loss)
    monkeypatch.setattr(Cell, "obstacle", None)
    with pytest.raises(KeyboardInterrupt):
        RUNS[what]()
    made = candidates(noted[-1], "", "cpu")
    assert any("huber_loss(" in script or "HuberLoss(" in script for script in made)
