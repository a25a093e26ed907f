"""How a family's strategy becomes a case."""

from __future__ import annotations

from functools import cache
from typing import Any

from hypothesis import strategies as st

from reference import Format

from .case import Case
from .made_once import up_to


@cache
def _just(reduction: str) -> st.SearchStrategy[str]:
    return st.just(reduction)


def build(
    draw: st.DrawFn,
    loss: str,
    format: Format,
    reduction: str,
    required: dict[str, Any],
    options: dict[str, st.SearchStrategy[Any]],
) -> Case:
    """Draw the options and make a case; every option is omitted about half the time.

    Args:
        draw: of the composite strategy that calls.
        loss: name of the functional.
        format: the format under test.
        reduction: the value of ``reduction``, which is left out at times where it is the default.
        required: arguments that are always passed, in the order of the signature.
        options: a strategy for each optional argument.
    """
    every = {**options, "reduction": _just(reduction)}
    passed = draw(up_to(2 ** len(every) - 1))  # one bit each; shrinks to none
    chosen = {
        name: draw(strategy)
        for bit, (name, strategy) in enumerate(every.items())
        if passed >> bit & 1 or (name == "reduction" and reduction != "mean")
    }
    return Case(loss, format, {**required, **chosen})
