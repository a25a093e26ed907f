"""Checks the gradients of one case."""

from __future__ import annotations

from functools import partial

import numpy as np
import torch

from reference import Array
from strategies import Differentiation, is_real

from ..bounds import Worst
from ..cells import Cell
from ..chunked import goes_back_once
from ..differentiating import Expected, differentiate, expect_derivatives, go_back_twice
from ..evidence import KIND, RESULT, Evidence, Problem, changed, differing, raises
from ..mismatch import GradientMismatch
from ..running import Arguments, skip_undocumented, to_numpy
from ..tally import Tally
from ..verdict import check_numbers, excuse
from .value import check_result


def check_gradient(
    cell: Cell,
    example: Differentiation,
    tally: Tally,
    *,
    defined_everywhere: bool = True,
    with_value: bool = False,
) -> None:
    """Check the gradients of one case by those of its arguments that are not left out.

    Args:
        cell: where it is run.
        example: the case, and how it is differentiated.
        tally: counts it.
        defined_everywhere: whether a gradient that is nan has to be nan; else torch may give any number.
        with_value: whether to check the value, too.

    Raises:
        pytest.fail.Exception: torch differs from the oracle, and no record explains it.
    """
    __tracebackhide__ = True
    wanted = example.chosen(cell.loss.variables(example.case))
    expected = expect_derivatives(cell.loss, example, wanted)
    tally.examples += 1
    try:
        given, result, upstream = differentiate(
            cell.loss, example.case, cell.device, wanted, expected.upstream
        )
        once = goes_back_once(example.case, wanted)
        first, second = go_back_twice(given, wanted, result, upstream, once)
    except Exception as error:  # whatever torch raises on a valid call is a mismatch
        skip_undocumented(example.case, error)
        excuse(gradient_mismatch(cell, example, expected, wanted[0], raises(error, passes=2)), tally)
        return
    if with_value:
        check_result(cell, example.case, to_numpy(result), expected.result, tally)
    for name in wanted:
        broken = _broken_contract(cell, name, given[name], first[name], second[name])
        if broken:
            excuse(gradient_mismatch(cell, example, expected, name, broken), tally)
            return
    touched = _touched(example, given, wanted, upstream, expected.upstream)
    if touched:
        excuse(gradient_mismatch(cell, example, expected, wanted[0], touched), tally)
        return
    for name in wanted:
        got = to_numpy(first[name])
        problem = Problem(f"a gradient by {name} outside the derived bound", RESULT)
        tell = partial(gradient_mismatch, cell, example, expected, name, problem, got=got)
        truth = expected.gradients[name]
        undefined = expected.undefined(truth)
        check_numbers(got, truth, tell, tally, undefined | (not defined_everywhere) & np.isnan(truth.value))


def gradient_mismatch(
    cell: Cell,
    example: Differentiation,
    expected: Expected,
    name: str,
    problem: Problem,
    worst: Worst | None = None,
    got: Array | None = None,
) -> GradientMismatch:
    """What torch gave in place of a gradient.

    Args:
        cell: where it was run.
        example: the case, and how it was differentiated.
        expected: what the oracle says.
        name: the argument of which it is the gradient.
        problem: what is wrong.
        worst: the number farthest off, if numbers are wrong.
        got: all numbers, likewise.
    """
    return GradientMismatch(
        cell.loss, example.case, cell.device, "backward", problem.text, worst, got,
        shows=problem.shows, argument=name, differentiation=example,
        upstream=expected.upstream, expected=expected.gradients[name],
    )  # fmt: skip


def _broken_contract(
    cell: Cell, name: str, argument: torch.Tensor, first: torch.Tensor | None, second: torch.Tensor | None
) -> Problem | None:
    """What is wrong with the gradient by an argument apart from its numbers, or None."""
    if first is None:
        return Problem("no gradient", RESULT)
    if (first.dtype, first.shape, first.device) != (argument.dtype, argument.shape, argument.device):
        text = f"a gradient {first.dtype} {tuple(first.shape)} on {first.device}, unlike the argument"
        return Problem(text, KIND)
    twice = to_numpy(first + first)
    if second is None or to_numpy(second).tobytes() != twice.tobytes():
        text = f"a second pass through the graph, added to the first, gives {second}, not twice {first}"
        prints: tuple[str, ...] = (f"{name}.grad", "got + got")
        if second is not None and second.shape == first.shape:
            prints = differing(to_numpy(second), twice, "(got + got)", f"{name}.grad")
        return Problem(text, Evidence(prints, passes=2))
    return None


def _touched(
    example: Differentiation,
    given: Arguments,
    wanted: list[str],
    upstream: torch.Tensor,
    upstream_before: Array,
) -> Problem | None:
    """What differentiating has changed that it should not, or None."""
    if not np.array_equal(to_numpy(upstream), upstream_before):
        return changed("upstream", upstream_before, passes=2)
    for name, value in given.items():
        if not isinstance(value, torch.Tensor):
            continue
        before = example.case.arguments[name]
        if not np.array_equal(to_numpy(value), before, equal_nan=is_real(before)):
            return changed(name, before, passes=2)
        if name not in wanted and value.grad is not None:
            text = f"{name} has a gradient and does not require one"
            return Problem(text, Evidence((f"{name}.grad",), name, passes=2))
    return None
