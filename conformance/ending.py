"""How a process ended, in words."""

from __future__ import annotations

import signal

MEANINGS = {
    "SIGSEGV": "segmentation fault",
    "SIGABRT": "abort, as after a failed assertion",
    "SIGFPE": "arithmetic error",
    "SIGILL": "illegal instruction",
    "SIGBUS": "bus error",
    "SIGKILL": "killed; perhaps the system ran out of memory",
    "SIGTERM": "terminated",
}


def ending(status: int) -> str:
    """How a process ended.

    Args:
        status: its return code, which is negative if a signal ended it.
    """
    if status >= 0:
        return f"exit status {status}"
    try:
        name = signal.Signals(-status).name
    except ValueError:  # a real-time signal has no name
        return f"signal {-status}"
    return explained(name)


def explained(name: str) -> str:
    """The name of a signal with its meaning; any other text as it is."""
    return f"{name} ({MEANINGS[name]})" if name in MEANINGS else name
