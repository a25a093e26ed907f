"""Checks the value of one case, however torch is called."""

from __future__ import annotations

from functools import partial

import numpy as np
import torch

from reference import Array, Tracked
from strategies import Case, is_real

from ..bounds import Worst, expect, judge
from ..cells import Cell
from ..dividing import settled
from ..evidence import SHAPE, Evidence, Problem, changed, differing, raises, shared
from ..foreign import check_numbers_of
from ..mismatch import BITS_DIFFER, Mismatch
from ..running import arguments, functional, may_vary, shares_memory, skip_undocumented, to_numpy, ways
from ..tally import Tally
from ..verdict import check_numbers, excuse


def check_value(cell: Cell, case: Case, tally: Tally) -> None:
    """Check one case in every way.

    Raises:
        pytest.fail.Exception: torch differs from the oracle, and no record explains it.
    """
    __tracebackhide__ = True
    found = run_in_every_way(cell, case)
    tally.examples += 1
    if isinstance(found, Mismatch):
        excuse(found, tally)
        return
    expected, first = expect(cell.loss, case), found["functional"]
    if not check_result(cell, case, first, expected, tally):
        return
    differs = _differing_bits(cell, case, found, expected)
    if differs:
        excuse(differs, tally)


def check_result(cell: Cell, case: Case, got: Array, expected: Tracked, tally: Tally) -> bool:
    """Check the shape and the numbers of a result.

    Returns:
        Whether it has the right shape; if not, that is on record.

    Raises:
        pytest.fail.Exception: torch differs from the oracle, and no record explains it.
    """
    __tracebackhide__ = True
    if got.shape != np.shape(expected.value):
        excuse(_wrong_shape(cell, case, got, expected), tally)
        return False
    tell = partial(_wrong_numbers, cell, case, got)
    check_numbers(got, expected, tell, tally, settled(cell.loss, case, got, expected))
    return True


def find_mismatch(cell: Cell, case: Case) -> Mismatch | None:
    """Run one case in every way: the first mismatch, or None."""
    found = run_in_every_way(cell, case)
    if isinstance(found, Mismatch):
        return found
    expected, first = expect(cell.loss, case), found["functional"]
    if first.shape != np.shape(expected.value):
        return _wrong_shape(cell, case, first, expected)
    worst = judge(first, expected, settled(cell.loss, case, first, expected))
    return (
        _differing_bits(cell, case, found, expected)
        if worst.conforms
        else _wrong_numbers(cell, case, first, worst)
    )


def run_in_every_way(cell: Cell, case: Case) -> dict[str, Array] | Mismatch:
    """The numbers that a case gives, by the way it is called; or what is wrong apart from numbers."""
    values: dict[str, Array] = {}
    for name, way in {**ways(), "functional, again": functional}.items():
        given = arguments(case, cell.device)
        try:
            result = way(cell.loss, case, given)
            if result is not None:
                check_numbers_of(result, cell.format.name, torch.device(cell.device), wanted=True)
                values[name] = to_numpy(result)
        except Exception as error:  # whatever torch raises on a valid call is a mismatch
            skip_undocumented(case, error)
            problem, shows = raises(error)
            return Mismatch(cell.loss, case, cell.device, name, problem, shows=shows)
        if result is None:
            continue
        broken = _broken_contract(case, given, result)
        if broken:
            return Mismatch(cell.loss, case, cell.device, name, broken.text, shows=broken.shows)
    return values


def _wrong_shape(cell: Cell, case: Case, first: Array, expected: Tracked) -> Mismatch:
    problem = f"shape {first.shape} instead of {np.shape(expected.value)}"
    return Mismatch(cell.loss, case, cell.device, "functional", problem, shows=SHAPE)


def _wrong_numbers(cell: Cell, case: Case, observed: Array, worst: Worst) -> Mismatch:
    problem = "a value outside the derived bound"
    return Mismatch(cell.loss, case, cell.device, "functional", problem, worst, observed)


def _differing_bits(cell: Cell, case: Case, values: dict[str, Array], expected: Tracked) -> Mismatch | None:
    """What is wrong if a way of calling gives other bits than the functional."""
    first = values["functional"]
    for name, other in values.items():
        if other.tobytes() != first.tobytes():
            if judge(other, expected).conforms and may_vary(cell.loss, case, cell.device):
                continue
            problem = f"{BITS_DIFFER} from those of the functional: {other} instead of {first}"
            shows = Evidence(differing(other, first), beside="runs")
            return Mismatch(cell.loss, case, cell.device, name, problem, shows=shows)
    return None


def _broken_contract(case: Case, given: dict[str, object], result: torch.Tensor) -> Problem | None:
    """What is wrong with a result apart from its numbers, or None."""
    for name, value in given.items():
        if not isinstance(value, torch.Tensor):
            continue
        before = case.arguments[name]
        if shares_memory(result, value):
            return shared(name, before)
        if not np.array_equal(to_numpy(value), before, equal_nan=is_real(before)):
            return changed(name, before)
    return None
