"""Checks the second derivatives of one case, and forward mode."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import numpy as np
import torch

from reference import Array
from strategies import Differentiation

from ..bounds import Worst
from ..cells import Cell
from ..chunked import may_refuse
from ..differentiating import Expected, differentiate_forward, differentiate_twice, expect_derivatives
from ..evidence import RESULT, SHAPE, Problem, raises
from ..implementation import Untested
from ..mismatch import SecondMismatch
from ..running import skip_undocumented, to_numpy
from ..tally import Tally
from ..verdict import check_numbers, excuse


def check_second(cell: Cell, example: Differentiation, tally: Tally) -> None:
    """Check the second derivative of one case by all arguments, and the derivative along the tangents.

    Raises:
        pytest.fail.Exception: torch differs from the oracle, and no record explains it.
    """
    __tracebackhide__ = True
    case, names = example.case, cell.loss.variables(example.case)
    expected = expect_derivatives(cell.loss, example, names, twice=True)
    tally.examples += 1
    ways, refused = ("double backward", "jvp"), []
    for way in ways:
        try:
            if way == "jvp":
                along = differentiate_forward(cell.loss, case, cell.device, names, expected)
                got: Mapping[str, torch.Tensor] = {"along": along}
            else:
                got = differentiate_twice(cell.loss, case, cell.device, names, expected)
        except Untested as untested:
            refused.append(str(untested))
            continue
        except Exception as error:  # whatever torch raises on a valid call is a mismatch
            skip_undocumented(case, error)
            if may_refuse(case, way):
                refused.append(f"{way} of the chunked path, which is documented as unsupported")
                continue
            excuse(_mismatch(cell, example, expected, way, "along", raises(error)), tally)
            continue
        for name, derivative in got.items():
            check_derivative(cell, example, expected, way, name, derivative, tally)
    for reason in dict.fromkeys(refused):
        tally.leave_out(reason)
    tally.examples -= len(refused) == len(ways)


def check_derivative(
    cell: Cell,
    example: Differentiation,
    expected: Expected,
    way: str,
    name: str,
    derivative: torch.Tensor,
    tally: Tally,
) -> None:
    """Check the shape and the numbers of one derivative.

    Raises:
        pytest.fail.Exception: torch differs from the oracle, and no record explains it.
    """
    __tracebackhide__ = True
    truth, got = expected.derivative(name), to_numpy(derivative)
    if got.shape != truth.shape:
        problem = Problem(f"shape {got.shape} instead of {truth.shape}", SHAPE)
        excuse(_mismatch(cell, example, expected, way, name, problem), tally)
        return
    what = "along the tangents" if name == "along" else f"twice, the second time by {name},"
    problem = Problem(f"a derivative {what} outside the derived bound", RESULT)
    tell = partial(_mismatch, cell, example, expected, way, name, problem, got=got)
    undefined = np.isnan(expected.value) if name == "along" else expected.undefined(truth)
    check_numbers(got, truth, tell, tally, undefined)


def _mismatch(
    cell: Cell,
    example: Differentiation,
    expected: Expected,
    way: str,
    name: str,
    problem: Problem,
    worst: Worst | None = None,
    got: Array | None = None,
) -> SecondMismatch:
    return SecondMismatch(
        cell.loss, example.case, cell.device, way, problem.text, worst, got,
        shows=problem.shows, argument=name, differentiation=example,
        upstream=expected.upstream, expected=expected.derivative(name), tangents=expected.tangents,
    )  # fmt: skip
