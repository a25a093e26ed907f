"""The chunked linear cross entropy: when torch takes that path, and what is documented as unsupported there.

Source: torch.nn.functional.linear_cross_entropy, "Limitations of the chunked path".
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from strategies import Case, Chunking, is_real

# The ways of running torch, and of differentiating, that are documented not to work. Torch may raise there;
# what it returns instead is judged as anywhere else.
UNSUPPORTED = ("double backward", "jvp", "func_grad", "vmap_of_grad")
# Compilers are documented to leave the chunked part out of the graph, so that none that takes in all is made.
WITHOUT_A_GRAPH = (
    "compile_eager", "compile_eager_dynamic", "compile_aot_eager", "compile_aot_eager_dynamic",
    "compile_inductor", "compile_inductor_dynamic", "export",
)  # fmt: skip


def chunking_of(case: Case) -> Chunking | None:
    """The options with which a call takes the chunked path; None where it takes the reference path.

    With smoothing or positions torch warns, and takes the reference path; so it does with probabilities, but
    from 2.14 on only if they require a gradient or nothing is reduced.
    """
    given = case.arguments
    options: Chunking | None = given.get("options")
    if options is None or given.get("label_smoothing") or given["linear_weight"].ndim > 2:
        return None
    reduced = given.get("reduction", "mean") != "none"
    labels = not is_real(given["target"])
    return options if labels or (reduced and torch.__version__ >= "2.14") else None


def may_refuse(case: Case, way: str) -> bool:
    """Whether torch may raise for a call in a way of running it, or of differentiating it."""
    return chunking_of(case) is not None and way in UNSUPPORTED + WITHOUT_A_GRAPH


def goes_back_once(case: Case, wanted: Sequence[str]) -> bool:
    """Whether a second pass through the graph must raise; `wanted` are what requires a gradient."""
    options = chunking_of(case)
    reduced = case.arguments.get("reduction", "mean") != "none"
    return options is not None and reduced and not options.allow_retain_graph and "target" not in wanted
