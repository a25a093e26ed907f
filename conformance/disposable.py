"""Calls that may end the process run in a process of their own; what they were stands in a journal.

``python -m conformance.disposable JOURNAL DEVICE SECONDS [MODULE...]`` imports the modules, one of which may
register the device, reads calls from standard input, a JSON object with for each call the one that follows if
it returns, and makes those that the journal does not have yet. A call is in the journal before it is made.
"""

from __future__ import annotations

import faulthandler
import importlib
import json
import os
import signal
import subprocess
import sys
import warnings
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F

from . import journal
from .devices import is_spent
from .foreign import message_of

ROOT = Path(__file__).parent.parent
HANGS = "no answer"


@dataclass(frozen=True)
class Outcome:
    """What became of a call.

    Attributes:
        gives: the number it gave, of more than one their sum; or the name of an exception; or how the process
            ended.
        classes: names of the exception's class and of those it is derived from.
        message: the first line of what the exception says.
        shape: of what it returned, if it did.
        dtype: likewise.
        back: what became of going back: the sum of the gradients, the name of an exception, or how the
            process ended. None if it was not tried.
    """

    gives: float | str
    classes: tuple[str, ...] = ()
    message: str = ""
    shape: tuple[int, ...] = ()
    dtype: str = ""
    back: float | str | None = None

    def __str__(self) -> str:
        """What a person reads of it."""
        if self.dtype:
            back = "" if self.back is None else f", and going back {self.back}"
            return f"{self.gives} of shape {self.shape} in {self.dtype}{back}"
        return f"{self.gives}: {self.message}" if self.message else str(self.gives)


def attempt(call: str, device: str) -> Outcome:
    """Make a call, torch code whose last line is an expression, with new tensors on a device."""
    journal.note(call)
    try:
        # On the CPU no device is set, which would send all calls by way of __torch_function__.
        elsewhere = nullcontext() if device == "cpu" else torch.device(device)
        with warnings.catch_warnings(), elsewhere:
            warnings.simplefilter("ignore")  # a warning is no refusal
            *statements, expression = call.splitlines()
            names: dict[str, Any] = {"torch": torch, "F": F}
            exec("\n".join(statements), names)
            result = eval(expression, names)
            # Devices that work on their own tell of an error only when they are asked for the number.
            number = complex(result.detach().sum().item()).real
            dtype = str(result.dtype).removeprefix("torch.")
            return Outcome(number, shape=tuple(result.shape), dtype=dtype)
    except Exception as error:
        classes = tuple(cls.__name__ for cls in type(error).__mro__)
        return Outcome(classes[0], classes, message_of(error))


def attempt_apart(
    calls: Sequence[str],
    device: str,
    journal: Path,
    seconds: float = 30,
    imports: Sequence[str] = (),
    then: Mapping[str, str] | None = None,
) -> dict[str, Outcome]:
    """Make calls in a disposable process, and in another one those that remain when it ends before its time.

    Args:
        calls: torch code.
        device: where tensors are made.
        journal: a file that does not exist yet.
        seconds: how long a call may take.
        imports: modules that the processes import first.
        then: by some of the calls, what is called if they return; its outcome is among those returned.

    Raises:
        RuntimeError: a process fails before it makes a call, as where the device is not there.
    """
    given = [str(journal), device, str(seconds), *imports]
    command = [sys.executable, "-m", "conformance.disposable", *given]
    journal.touch()
    outcomes: dict[str, Outcome] = {}
    follow = {call: (then or {}).get(call, "") for call in calls}
    while any(_due(follow, (), outcomes)):
        run = subprocess.run(command, cwd=ROOT, input=json.dumps(follow), capture_output=True, text=True)
        begun, ended = _read(journal)
        outcomes |= ended
        unanswered = [call for call in begun if call not in outcomes]
        if not unanswered and run.returncode:
            raise RuntimeError(f"the disposable process does not work:\n{run.stderr}")
        outcomes |= {call: Outcome(_end(run)) for call in unanswered}
    return outcomes


def _due(follow: Mapping[str, str], begun: Collection[str], outcomes: Mapping[str, Outcome]) -> Iterator[str]:
    """The calls that were not begun, and what follows those that returned."""
    for call, then in follow.items():
        if call not in outcomes and call not in begun:
            yield call
        if then and call in outcomes and outcomes[call].dtype and then not in outcomes and then not in begun:
            yield then


def _end(run: subprocess.CompletedProcess[str]) -> str:
    """How a process ended."""
    if run.returncode < 0:
        return signal.Signals(-run.returncode).name
    return HANGS if "Timeout (" in run.stderr else f"exit status {run.returncode}"


def _read(journal: Path) -> tuple[list[str], dict[str, Outcome]]:
    """The calls that were begun, and the outcomes of those that ended."""
    lines = [json.loads(line) for line in journal.read_text().splitlines()]
    ended = {
        line["call"]: Outcome(
            **line["outcome"] | {n: tuple(line["outcome"][n]) for n in ("classes", "shape")}
        )
        for line in lines
        if "outcome" in line
    }
    return [line["call"] for line in lines if "outcome" not in line and line["call"] not in ended], ended


def _write(journal: Path, **line: Any) -> None:
    with journal.open("a") as file:
        file.write(json.dumps(line) + "\n")
        file.flush()  # what the system has of a file outlives the process


def main(journal: Path, device: str, seconds: float) -> None:
    """Make the calls on standard input, until one hangs or spoils the device for the others.

    On the CPU they run in forks, which cost less than a process that imports torch.
    """
    torch.set_num_threads(1)
    # What is read before it is written is nan. Kernels without a deterministic form run all the same.
    torch.set_deterministic_debug_mode("warn")  # use_deterministic_algorithms would import torch's compilers
    follow = json.load(sys.stdin)
    if device != "cpu":
        _work(follow, journal, device, seconds)
        return
    begun, outcomes = _read(journal)
    while any(_due(follow, begun, outcomes)):
        fork = os.fork()
        if not fork:
            _work(follow, journal, device, seconds)
            os._exit(0)
        status = os.waitstatus_to_exitcode(os.waitpid(fork, 0)[1])
        begun, outcomes = _read(journal)
        if status > 0:
            sys.exit(status)
        for call in begun if status else []:
            _write(journal, call=call, outcome=asdict(Outcome(signal.Signals(-status).name)))
        begun, outcomes = _read(journal)


def _work(follow: Mapping[str, str], journal: Path, device: str, seconds: float) -> None:
    """Make the calls that remain; on the CPU, until one that may have written where it should not."""
    torch.zeros(1, device=device).cpu()  # that the device is not there must not pass for a refusal
    begun, outcomes = _read(journal)
    # What follows a call is due as soon as it has returned.
    for call in _due(follow, set(begun), outcomes):
        _write(journal, call=call)
        faulthandler.dump_traceback_later(seconds, exit=True)
        outcomes[call] = outcome = attempt(call, device)
        faulthandler.cancel_dump_traceback_later()
        _write(journal, call=call, outcome=asdict(outcome))
        spent = outcome.classes and is_spent(device)
        if spent or (device == "cpu" and call not in follow):
            return


if __name__ == "__main__":
    for name in sys.argv[4:]:
        importlib.import_module(name)
    main(Path(sys.argv[1]), sys.argv[2], float(sys.argv[3]))
