"""The gradient of every loss by every argument that torch differentiates by, for any upstream gradient."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch

from reference import Array
from strategies import Differentiation, differentiations, is_real

from .cells import Cell, run_drawn
from .differentiating import Expected, differentiate, expect_derivatives, go_back_twice
from .foreign import told
from .judging import Worst
from .mismatch import GradientMismatch
from .running import Arguments, to_numpy
from .tally import Tally
from .verdict import check_numbers, excuse


def test_gradient(cell: Cell, tally: Tally, base_seed: int) -> None:
    """The gradient is within the derived bound, goes where it is wanted, and touches nothing else."""
    if cell.obstacle_backward:
        pytest.skip(cell.obstacle_backward)
    cases = cell.loss.cases(cell.format, cell.reduction)
    drawn = differentiations(cases, cell.format)
    run_drawn(cell, base_seed, lambda example: check_gradient(cell, example, tally), drawn, tally=tally)


def check_gradient(
    cell: Cell, example: Differentiation, tally: Tally, *, defined_everywhere: bool = True
) -> None:
    """Check the gradients of one case by those of its arguments that are not left out.

    Args:
        cell: where it is run.
        example: the case, and how it is differentiated.
        tally: counts it.
        defined_everywhere: whether a gradient that is nan has to be nan; else torch may give any number.

    Raises:
        pytest.fail.Exception: torch does otherwise and no divergence on record covers it.
    """
    __tracebackhide__ = True
    every = cell.loss.variables(example.case)
    wanted = [name for i, name in enumerate(every) if not example.left_out >> i & 1] or every
    expected = expect_derivatives(cell.loss, example, wanted)
    tally.examples += 1
    try:
        given, result, upstream = differentiate(
            cell.loss, example.case, cell.device, wanted, expected.upstream
        )
        first, second = go_back_twice(given, wanted, result, upstream)
    except Exception as error:  # whatever torch raises on a valid call is a mismatch
        excuse(_mismatch(cell, example, expected, wanted[0], told(error)), tally)
        return
    for name in wanted:
        broken = _broken_contract(cell, given[name], first[name], second[name])
        if broken:
            excuse(_mismatch(cell, example, expected, name, broken), tally)
            return
    touched = _touched(example, given, wanted, upstream, expected.upstream)
    if touched:
        excuse(_mismatch(cell, example, expected, wanted[0], touched), tally)
        return
    for name in wanted:
        got = to_numpy(first[name])
        problem = f"a gradient by {name} outside the derived bound"
        tell = partial(_mismatch, cell, example, expected, name, problem, got=got)
        truth = expected.gradients[name]
        check_numbers(got, truth, tell, tally, False if defined_everywhere else np.isnan(truth.value))


def _mismatch(
    cell: Cell,
    example: Differentiation,
    expected: Expected,
    name: str,
    problem: str,
    worst: Worst | None = None,
    got: Array | None = None,
) -> GradientMismatch:
    return GradientMismatch(
        cell.loss, example.case, cell.device, "backward", problem, worst, got,
        argument=name, differentiation=example, upstream=expected.upstream, expected=expected.gradients[name],
    )  # fmt: skip


def _broken_contract(
    cell: Cell, argument: torch.Tensor, first: torch.Tensor | None, second: torch.Tensor | None
) -> str | None:
    """What is wrong with a gradient apart from its numbers, or None."""
    if first is None:
        return "no gradient"
    if (first.dtype, first.shape, first.device) != (argument.dtype, argument.shape, argument.device):
        return f"a gradient {first.dtype} {tuple(first.shape)} on {first.device}, unlike the argument"
    if second is None or to_numpy(second).tobytes() != to_numpy(first + first).tobytes():
        return f"a second pass through the graph, added to the first, gives {second}, not twice {first}"
    return None


def _touched(
    example: Differentiation,
    given: Arguments,
    wanted: list[str],
    upstream: torch.Tensor,
    upstream_before: Array,
) -> str | None:
    """What differentiating has changed that it should not, or None."""
    if not np.array_equal(to_numpy(upstream), upstream_before):
        return "the upstream gradient was changed in place"
    for name, value in given.items():
        if not isinstance(value, torch.Tensor):
            continue
        before = example.case.arguments[name]
        if not np.array_equal(to_numpy(value), before, equal_nan=is_real(before)):
            return f"{name} was changed in place"
        if name not in wanted and value.grad is not None:
            return f"{name} has a gradient and does not require one"
    return None
