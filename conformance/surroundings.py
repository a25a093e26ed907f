"""What the suite needs of torch, and of the process it runs in, before a verdict means anything."""

from __future__ import annotations

import importlib
import os
import re
from collections.abc import Callable
from typing import Any

import pytest

OLDEST_TORCH = "2.6"


def import_torch() -> None:
    """Import torch, which is then limited to one thread: workers share the cores already.

    Raises:
        pytest.UsageError: it cannot be imported, is too old, or does not know NumPy.
    """
    mend = f"pip install 'torch>={OLDEST_TORCH}'"
    try:
        torch = importlib.import_module("torch")
    except Exception as error:  # what torch runs when it is imported may raise anything
        lacks = isinstance(error, ModuleNotFoundError) and error.name == "torch"
        what = str(error).splitlines()[0] if str(error) else type(error).__name__
        how = (
            "install it"
            if lacks or isinstance(error, ImportError | OSError)
            else "mend its settings, or install it anew"
        )
        raise pytest.UsageError(f"torch cannot be imported ({what}); {how}: {mend}") from None
    if _numbers(torch.__version__) < _numbers(OLDEST_TORCH):
        found = f"torch {torch.__version__} is too old"
        raise pytest.UsageError(f"{found}; this suite needs {OLDEST_TORCH} or newer: {mend}")
    try:
        torch.zeros(1, device="cpu").numpy()
    except RuntimeError as error:
        raise pytest.UsageError(
            f"torch {torch.__version__} cannot use the installed NumPy ({str(error).splitlines()[0]}); "
            "install one that it was built for"
        ) from None
    torch.set_num_threads(1)


def _numbers(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", version)[:2]]


# Settings of the whole process that change what a loss computes: how they show, and what leaves them so.
STATE: tuple[tuple[str, Callable[[Any], bool], str], ...] = (
    ("inference mode is on", lambda torch: torch.is_inference_mode_enabled(), "torch.inference_mode"),
    (
        "gradients are switched off",
        lambda torch: not torch.is_grad_enabled(),
        "torch.set_grad_enabled(False)",
    ),
    ("autocast is on", lambda torch: torch.is_autocast_enabled("cpu"), "torch.autocast"),
    ("anomaly detection is on", lambda torch: torch.is_anomaly_enabled(), "torch.set_anomaly_enabled(True)"),
    (
        "new tensors are not on the CPU",
        lambda torch: torch.empty(0).device.type != "cpu",
        "torch.set_default_device",
    ),
    (
        "subnormal numbers count as 0",
        lambda torch: float.fromhex("0x1p-1060") * 0.5 == 0,
        "torch.set_flush_denormal(True), or a library built with -ffast-math",
    ),
)


def altered_state() -> str | None:
    """What is wrong with the state of this process, and what may have left it so; None if nothing is.

    No loss computes what is documented in such a state, and neither does the oracle.
    """
    torch = importlib.import_module("torch")
    for what, holds, by in STATE:
        if holds(torch):
            return f"{what} in the whole process, so no verdict means anything; something called {by}"
    return None


def guard_exit() -> Callable[[], None]:
    """From now on code that ends this process with status 0 ends it with 1 and a line.

    A process that it forks may end as it likes.

    Returns:
        What ends that, once the run is over.
    """
    end, process = os._exit, os.getpid()
    told = os.dup(2)  # pytest has not begun to capture what is written to it

    def exit_with_a_line(status: int) -> None:
        if os.getpid() == process and status == 0:
            os.write(
                told, b"ERROR: something called os._exit(0) before the run was over; there is no verdict\n"
            )
            status = 1
        end(status)

    os._exit = exit_with_a_line  # type: ignore[assignment]  # it does not return, either

    def restore() -> None:
        os._exit = end
        os.close(told)

    return restore
