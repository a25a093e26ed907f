"""The device axis: which devices there are, and why one is not."""

from __future__ import annotations

from functools import cache

import torch

from . import journal

# Devices whose cells are always collected, so that a report shows what was not tested.
EXPECTED = ("cpu", "cuda")


def available_devices() -> list[str]:
    """The types of device that torch can use here: cpu first, then accelerators."""
    return [name for name in _known() if absence(name) is None]


def default_devices() -> list[str]:
    """What is tested unless devices are chosen: the expected ones, present or not, and all others."""
    return list(dict.fromkeys([*EXPECTED, *available_devices()]))


def _known() -> list[str]:
    names = ["cpu", "cuda", "xpu", "mps"]
    accelerator = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    return list(dict.fromkeys([*names, *([accelerator.type] if accelerator else [])]))


@cache
def absence(device: str) -> str | None:
    """Why a device cannot be used, or None if it can: whether a tensor can be put there and read back."""
    journal.note(f"torch.zeros(1, device={device!r}).cpu()")
    try:
        torch.zeros(1, device=device).cpu()
    except Exception as error:  # each backend has its own class of error for a missing device
        return f"no {device} device: {str(error).splitlines()[0]}"
    finally:
        journal.note(None)
    return None


def is_spent(device: str) -> bool:
    """Whether an error outlived its call, as an assertion in a kernel of an accelerator does."""
    try:
        torch.zeros(1, device=device).item()
    except RuntimeError:
        return True
    return False


def cpu_capability() -> str:
    """The vector instructions that torch uses on the CPU; torch 2.6 says NO AVX where others say DEFAULT."""
    return torch.backends.cpu.get_cpu_capability().replace("NO AVX", "DEFAULT")


def problem(device: str) -> str | None:
    """What is wrong with a device that someone asks for by name, or None."""
    try:
        torch.device(device)
    except RuntimeError:
        return f"unknown device {device!r} (valid: {', '.join(_known())}, with an index such as cuda:0)"
    why = absence(device)
    return why and f"{why} (available: {', '.join(available_devices())})"


def lacks_tiles() -> str | None:
    """Why this processor multiplies bfloat16 matrices without tiles, or None."""
    tiles = getattr(torch.cpu, "_is_amx_tile_supported", lambda: False)()
    return None if tiles else "this processor has no matrix tiles (AMX)"
