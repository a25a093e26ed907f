"""What all scripts share that a failure prints: the lines before its code, and comments that stay comments.

A script is plain torch code with literal numbers. It must run when it is pasted into a new process, and show
there what the suite saw.
"""

from __future__ import annotations

import os
import re
import sys
import textwrap
from collections.abc import Iterable, Sequence

# What stands between the words of a failure and its script.
REPRODUCE = "To reproduce:"
# torch divides a loop of so many elements among threads (at::internal::GRAIN_SIZE); the suite runs in one.
SHARED_OUT = 32_768
# Names of modules that a script may use, each with the statement that imports it.
IMPORTS = {name: f"import {name}" for name in ("copy", "io", "math", "pickle")} | {"np": "import numpy as np"}
# torch reads it when it starts.
CAPABILITY = "ATEN_CPU_CAPABILITY"
# Of a message: the longest line and the most lines that are printed.
LONGEST, MOST = 1000, 20

_plugins: tuple[str, ...] = ()


def put_plugins(modules: Iterable[str]) -> None:
    """Have scripts for a device other than the CPU import modules, one of which may register the device."""
    global _plugins
    _plugins = tuple(modules)


def head(device: str, code: Sequence[str], elements: int = 0) -> list[str]:
    """The lines of a script before its own: imports, and what the suite had set when it ran the code.

    Args:
        device: where tensors are made.
        code: the lines that follow.
        elements: how many the largest tensor may have, as far as that is known.
    """
    capability = os.environ.get(CAPABILITY)
    asking = ["import os", "", f"os.environ[{CAPABILITY!r}] = {capability!r}"] if capability else []
    return [*asking, *imports(code, device), "", *_switches(device, elements)]


def imports(code: Sequence[str], device: str = "cpu") -> list[str]:
    """The statements that import what lines of code use, and the device."""
    from .implementation import under_test  # imports torch, which the plugin looks for first

    text = "\n".join(code)
    return [
        *(statement for name, statement in IMPORTS.items() if re.search(rf"\b{name}\.", text)),
        "import torch",
        *(f"import {module}" for module in _plugins if device != "cpu"),
        *(under_test().imports if re.search(r"\bF\.", text) else ()),
    ]


def _switches(device: str, elements: int) -> list[str]:
    """The settings of torch under which the suite ran a call."""
    torch = sys.modules["torch"]
    lines = []
    if device != "cpu":
        lines.append(f"torch.set_default_device({device!r})")
    if elements >= SHARED_OUT:
        lines.append("torch.set_num_threads(1)")
    if torch.are_deterministic_algorithms_enabled():  # then new memory is filled with nan
        lines.append("torch.use_deterministic_algorithms(True, warn_only=True)")
    return lines


def section(script: Iterable[str]) -> str:
    """A script as the end of a failure."""
    return f"\n\n{REPRODUCE}\n\n" + textwrap.indent("\n".join(script), "    ")


def commented(code: str, told: object) -> list[str]:
    """A line of code with a comment; further lines of the comment stand below it."""
    first, *rest = printable(str(told)).split("\n")
    return [f"{code}  # {first}".rstrip(), *(f"# {line}".rstrip() for line in rest)]


def printable(text: str) -> str:
    """Text without characters that no terminal or file takes, and cut where it is absurdly long."""
    lines = text.splitlines() or [""]
    cut = [f"... and {len(lines) - MOST} more lines"] if len(lines) > MOST else []
    return "\n".join([*map(_printable_line, lines[:MOST]), *cut])


def _printable_line(line: str) -> str:
    shown = "".join(c if c.isprintable() or c == "\t" else repr(c)[1:-1] for c in line[:LONGEST])
    left = len(line) - LONGEST
    return shown if left <= 0 else f"{shown} ... and {left} more characters"
