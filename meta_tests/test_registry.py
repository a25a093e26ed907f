"""The registry of divergences: each record is met by its witness, and none hides more than its defect."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from inspect import signature
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import Phase, given, settings

from conformance.cells import Cell
from conformance.differentiating import (
    Expected,
    differentiate,
    differentiate_forward,
    differentiate_twice,
    expect_derivatives,
)
from conformance.divergences import DIVERGENCES, Divergence, covering
from conformance.judging import Worst, expect, judge
from conformance.losses import LOSSES
from conformance.mismatch import GradientMismatch, Mismatch, SecondMismatch
from conformance.running import arguments, functional, parameters, to_numpy
from conformance.test_divergences import run
from conformance.test_value import find_mismatch
from reference import FORMATS, Array, Tracked
from strategies import Case, Differentiation, differentiations, values

DRAWS = 200
SHARE = 0.02

OF_NUMBERS = [record for record in DIVERGENCES if record.of != "invalid call" and record.current]
records = pytest.mark.parametrize("record", OF_NUMBERS, ids=lambda record: record.id)


@dataclass
class Witnessed:
    """What a witness calls.

    Attributes:
        given: the arguments of the loss, as torch got them.
        variables: names of those that require a gradient, or are a variable of forward mode.
        upstream: what a gradient is of.
        tangents: the directions of forward mode.
    """

    given: dict[str, Any] = field(default_factory=dict)
    variables: list[str] = field(default_factory=list)
    upstream: Array | None = None
    tangents: list[Array] | None = None

    def case(self, loss: str) -> Case:
        """The call as a case."""
        form = next(str(v.dtype) for v in self.given.values() if torch.is_tensor(v) and v.is_floating_point())
        return Case(
            loss,
            FORMATS[form.removeprefix("torch.")],
            {name: to_numpy(v) if torch.is_tensor(v) else v for name, v in self.given.items()},
        )


def watch(record: Divergence, monkeypatch: pytest.MonkeyPatch) -> Witnessed:
    """Run a witness and look on."""
    seen = Witnessed()
    loss, grad, jvp = getattr(F, record.loss), torch.autograd.grad, torch.func.jvp
    order = signature(loss)

    def watched(*args: Any, **kwargs: Any) -> Any:
        bound = order.bind(*args, **kwargs).arguments
        tensors = {name: value for name, value in bound.items() if torch.is_tensor(value)}
        # In forward mode a variable is a number with a tangent.
        primals = {name: torch.func.debug_unwrap(value) for name, value in tensors.items()}
        seen.given = {**bound, **primals}
        seen.variables = [n for n, v in tensors.items() if v.requires_grad or v is not primals[n]]
        return loss(*args, **kwargs)

    def watched_grad(output: Any, variables: Any, upstream: Any = None, **kwargs: Any) -> Any:
        seen.upstream = seen.upstream if upstream is None else to_numpy(upstream)
        return grad(output, variables, upstream, **kwargs)

    def watched_jvp(function: Any, primals: Any, tangents: Any) -> Any:
        seen.tangents = [to_numpy(tangent) for tangent in tangents]
        return jvp(function, primals, tangents)

    monkeypatch.setattr(F, record.loss, watched)
    monkeypatch.setattr(torch.autograd, "grad", watched_grad)
    monkeypatch.setattr(torch.func, "jvp", watched_jvp)
    run(record.witness)
    monkeypatch.undo()
    return seen


def mismatch_of(record: Divergence, seen: Witnessed) -> Mismatch | None:
    """The mismatch that the suite's own tests would find in a witness."""
    loss, case = LOSSES[record.loss], seen.case(record.loss)
    cell = Cell(loss, case.arguments.get("reduction", "mean"), case.format, "cpu")
    if record.of == "value":
        return find_mismatch(cell, case)[0]
    one = np.ones(1)
    tangent = one if seen.tangents is None else seen.tangents[0].reshape(-1)
    upstream = one if seen.upstream is None else seen.upstream.reshape(-1)
    example = Differentiation(case, upstream, tangent, 0)
    twice = record.of == "second"
    expected = expect_derivatives(loss, example, seen.variables, twice=twice)
    (name,) = seen.variables
    way = "backward" if not twice else "double backward" if seen.tangents is None else "jvp"
    by = "along" if way == "jvp" else name
    truth = expected.derivative(by) if twice else expected.gradients[name]
    try:
        worst, got = observed(way, seen, cell, case, expected, name, truth)
        problem = "numbers"
    except Exception as error:  # as the tests do
        worst, got, problem = None, None, f"raised {type(error).__name__}: {error}"
    common = (loss, case, "cpu", way, problem, worst, got)
    if not twice:
        return GradientMismatch(*common, name, example, expected.upstream, truth)
    return SecondMismatch(*common, by, example, expected.upstream, truth, expected.tangents)


def observed(
    way: str, seen: Witnessed, cell: Cell, case: Case, expected: Expected, name: str, truth: Tracked
) -> tuple[Worst, Array]:
    """What torch gives, and how far it is off."""
    if way == "backward":
        inputs, result, upstream = differentiate(cell.loss, case, "cpu", [name], expected.upstream)
        tensor = torch.autograd.grad(result, inputs[name], upstream)[0]
    elif way == "jvp":
        tensor = differentiate_forward(cell.loss, case, "cpu", [name], expected)
    else:
        tensor = differentiate_twice(cell.loss, case, "cpu", [name], expected)[name]
    got = to_numpy(tensor)
    return judge(got, truth), got


@records
def test_record_covers_its_own_witness(record: Divergence, monkeypatch: pytest.MonkeyPatch) -> None:
    if not hasattr(F, record.loss):
        pytest.skip(f"torch {torch.__version__} has no {record.loss}")
    try:
        mismatch = mismatch_of(record, watch(record, monkeypatch))
    finally:
        torch.use_deterministic_algorithms(False)
    assert mismatch is not None
    found = covering(mismatch)
    assert found is not None, mismatch.explain()
    assert found[0].id == record.id
