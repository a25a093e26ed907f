"""Compilers: the loss as a graph, with the shapes of one case or with any."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import torch

from .variants import other_samples, other_sizes
from .way import Way

# What was compiled before must neither serve a case nor count towards the limit of recompilations.
COMPILE = """\
torch.compiler.reset()
way = torch.compile(function, fullgraph={fullgraph}, dynamic={dynamic}, backend={backend!r})
"""

EXPORT = """\
class Loss(torch.nn.Module):
    def forward(self, *x):
        return function(*x)

programs = []

def way(*x):
    if not programs:
        programs.append(torch.export.export(Loss(), x).module())
    return programs[0](*x)
"""


@cache
def compiler_is_off() -> str | None:
    """Why nothing is compiled in this process, as where a variable of the environment says so, or None."""
    graphs: list[Any] = []

    def backend(graph: Any, inputs: Any) -> Any:
        graphs.append(graph)
        return graph.forward

    try:
        torch.compile(lambda x: x + 1, backend=backend)(torch.zeros(1))
    except Exception:  # whatever it is, the tests report it
        return None
    switches = "is TORCHDYNAMO_DISABLE or TORCH_COMPILE_DISABLE set?"
    return None if graphs else f"torch.compile compiles nothing in this process; {switches}"


def _backend(backend: str, **fields: Any) -> tuple[Way, Way]:
    """A backend with the shapes of a case, and with any shapes; these do not depend on the format."""
    static = Way(
        f"compile_{backend}",
        COMPILE.format(fullgraph=True, dynamic=False, backend=backend),
        serves=other_samples,
        obstacle=compiler_is_off,
    )
    any_shape = COMPILE.format(fullgraph=True, dynamic=True, backend=backend)
    dynamic = Way(f"compile_{backend}_dynamic", any_shape, serves=other_sizes, obstacle=compiler_is_off)
    return replace(static, **fields), replace(dynamic, **{**fields, "formats": ("float32",)})


# A compilation takes longer than a thousand calls, so that few cases get one.
COMPILED = (
    *_backend("eager", formats=("float32",), divisor=30),
    *_backend("aot_eager", formats=("float32", "bfloat16"), divisor=30),
    *_backend("inductor", divisor=50, by_default=False),
    # As users have it: what no graph can hold runs between two graphs.
    Way(
        "compile_aot_eager_in_parts", COMPILE.format(fullgraph=False, dynamic=False, backend="aot_eager"),
        formats=("float32",), divisor=30, serves=other_samples, obstacle=compiler_is_off,
    ),
    Way("export", EXPORT, formats=("float32",), divisor=30, serves=other_samples),
)  # fmt: skip
