"""The registry of divergences: a record explains its witnesses, and nothing but what it says torch gives."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from inspect import signature
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from conformance import verdict
from conformance.bounds import Worst, elements_of, expect, judge
from conformance.cells import Cell, all_cells, run_drawn
from conformance.checks.gradient import check_gradient
from conformance.checks.other_dtypes import DtypeCell, check_dtypes
from conformance.checks.second_derivative import check_second
from conformance.checks.value import check_value, find_mismatch
from conformance.checks.witnesses import run
from conformance.corners import places
from conformance.differentiating import (
    Expected,
    differentiate,
    differentiate_forward,
    differentiate_twice,
    expect_derivatives,
)
from conformance.divergences import DIVERGENCES, Divergence, covering
from conformance.divergences.divergence import NUMBERS, Showing, near, showings
from conformance.divergences.outcomes import given_by
from conformance.divergences.torch_formulas import NARROW, OF_LOSSES
from conformance.losses import LOSSES
from conformance.mismatch import GradientMismatch, Mismatch, SecondMismatch
from conformance.running import to_numpy
from conformance.tally import Tally
from reference import FORMATS, Array, Tracked, promoted
from strategies import Case, Chunking, Differentiation, differentiations, with_infinities
from strategies.dtypes import numbers_of

OF_NUMBERS = [
    showing
    for showing in showings(DIVERGENCES)
    if showing.of in NUMBERS and showing.record.current and not showing.record.devices
]
shown = pytest.mark.parametrize("showing", OF_NUMBERS, ids=str)


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
        held = {n: str(v.dtype).removeprefix("torch.") for n, v in self.given.items() if torch.is_tensor(v)}
        formats = [FORMATS[name] for name in held.values() if name in FORMATS]
        form = promoted(*formats) if formats else FORMATS["float32"]
        case = Case(loss, form, {name: _of_case(v) for name, v in self.given.items()})
        dtypes = {name: held[name] for name in numbers_of(case) if not held[name].startswith("complex")}
        if {*dtypes.values()} <= {form.name}:
            return case
        numbers = {name: case.arguments[name].astype(np.float64) for name in dtypes}
        return replace(case.replacing(**numbers), dtypes=dtypes)


def _of_case(value: Any) -> Any:
    """An argument as a case has it."""
    if type(value).__name__ == "LinearCrossEntropyOptions":
        return Chunking(value.batch_chunk_size, value.acc_policy, None, value.allow_retain_graph)
    return to_numpy(value) if torch.is_tensor(value) else value


def varies(tensor: torch.Tensor) -> bool:
    """Whether a tensor requires a gradient, or has a tangent in forward mode."""
    return tensor.requires_grad or torch.autograd.forward_ad.unpack_dual(tensor).tangent is not None


def watch(showing: Showing, monkeypatch: pytest.MonkeyPatch) -> Witnessed:
    """Run a witness and look on."""
    seen = Witnessed()
    loss, grad, jvp = getattr(F, showing.loss), torch.autograd.grad, torch.func.jvp
    order = signature(loss)

    def watched(*args: Any, **kwargs: Any) -> Any:
        bound = order.bind(*args, **kwargs).arguments
        tensors = {name: value for name, value in bound.items() if torch.is_tensor(value)}
        seen.given = {**bound, **{name: torch.func.debug_unwrap(value) for name, value in tensors.items()}}
        seen.variables = [name for name, value in tensors.items() if varies(value)]
        return loss(*args, **kwargs)

    def watched_grad(output: Any, variables: Any, upstream: Any = None, **kwargs: Any) -> Any:
        seen.upstream = seen.upstream if upstream is None else to_numpy(upstream)
        return grad(output, variables, upstream, **kwargs)

    def watched_jvp(function: Any, primals: Any, tangents: Any) -> Any:
        seen.tangents = [to_numpy(tangent) for tangent in tangents]
        return jvp(function, primals, tangents)

    monkeypatch.setattr(F, showing.loss, watched)
    monkeypatch.setattr(torch.autograd, "grad", watched_grad)
    monkeypatch.setattr(torch.func, "jvp", watched_jvp)
    try:
        run(showing.witness.code)
    finally:
        torch.use_deterministic_algorithms(False)
        monkeypatch.undo()
    return seen


def mismatch_of(showing: Showing, seen: Witnessed) -> Mismatch | None:
    """The mismatch that the suite's own tests would find in a witness."""
    loss, case = LOSSES[showing.loss], seen.case(showing.loss)
    cell = Cell(loss, case.arguments.get("reduction", "mean"), case.format, "cpu")
    if showing.of == "second":
        case = replace(case, dtypes={})
    if case.dtypes:
        return mismatch_of_dtypes(showing, seen, case)
    if showing.of == "value":
        return find_mismatch(cell, case)
    one = np.ones(1)
    tangent = one if seen.tangents is None else seen.tangents[0].reshape(-1)
    upstream = one if seen.upstream is None else seen.upstream.reshape(-1)
    example = Differentiation(case, upstream, tangent, 0)
    twice = showing.of == "second"
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


def mismatch_of_dtypes(showing: Showing, seen: Witnessed, case: Case) -> Mismatch | None:
    """The first mismatch of the property shown that the test of other dtypes finds, whatever is on record."""
    found: list[Mismatch] = []
    upstream = np.ones(1) if seen.upstream is None else seen.upstream.reshape(-1)
    cell = DtypeCell(LOSSES[showing.loss], "mean", case.format, "cpu", "integers")
    names = LOSSES[showing.loss].variables(case)
    left_out = sum(2**i for i, name in enumerate(names) if name not in seen.variables)
    of_dtype = showing.record.kind == "contract"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(verdict, "covering", lambda m: found.append(m) or (showing.record, np.True_))
        check_dtypes(cell, Differentiation(case, upstream, np.ones(1), left_out), Tally())
    shown = (m for m in found if m.of == showing.of and m.problem.startswith("dtype ") == of_dtype)
    return next(shown, None)


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
    got = to_numpy(torch.view_as_real(tensor) if tensor.is_complex() else tensor)
    return judge(got, truth), got


def witnessed(showing: Showing, monkeypatch: pytest.MonkeyPatch) -> Mismatch:
    """The mismatch of a witness, or a skip where torch has no such loss."""
    if not hasattr(F, showing.loss):
        pytest.skip(f"torch {torch.__version__} has no {showing.loss}")
    mismatch = mismatch_of(showing, watch(showing, monkeypatch))
    assert mismatch is not None
    return mismatch


@shown
def test_record_explains_its_own_witness(showing: Showing, monkeypatch: pytest.MonkeyPatch) -> None:
    mismatch = witnessed(showing, monkeypatch)
    found = covering(mismatch)
    assert found is not None, mismatch.explain()
    assert found[0].id == showing.record.id


@shown
def test_record_claims_the_truth_of_the_oracle(showing: Showing, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a record calls right is what the oracle gives, somewhere in the result of the witness."""
    mismatch = witnessed(showing, monkeypatch)
    if isinstance(mismatch, GradientMismatch) and mismatch.expected is not None:
        assert not np.all(np.isnan(value_of(mismatch))), "where the value is nan, no derivative is right"
        truth = np.asarray(mismatch.expected.value, dtype=np.float64)
    else:
        truth = np.asarray(expect(mismatch.loss, mismatch.case).value, dtype=np.float64)
    claimed = showing.witness.truth
    if mismatch.problem.startswith("dtype "):  # of how many bytes a number should be
        documented = mismatch.problem.partition(" instead of torch.")[2].split()[0]
        assert claimed == getattr(torch, documented).itemsize
        return
    assert any(near(float(number), claimed) for number in truth.ravel()) or near(float(truth.sum()), claimed)


def value_of(mismatch: Mismatch) -> Array:
    """The oracle's value of the call."""
    return np.asarray(expect(mismatch.loss, mismatch.case).value)


def test_memory_that_holds_the_right_number_by_chance_is_on_record() -> None:
    def found(problem: str, batch: int) -> object:
        case = Case("multi_margin_loss", FORMATS["float32"], {
            "input": np.zeros((batch, 3)), "target": np.zeros(batch, np.int64), "reduction": "mean",
        })  # fmt: skip
        found = covering(Mismatch(LOSSES[case.loss], case, "cpu", "module", problem))
        return found and found[0].id

    differ = "bits differ from those of the functional: 0.5 instead of nan"
    assert found(differ, batch=0) == "empty"
    assert found(differ, batch=1) is None
    assert found("dtype torch.float64 instead of torch.float32", batch=0) is None


# What a torch that is broken in another way might give in place of a number.
OTHERS: dict[str, Callable[[Array, Array], Array]] = {
    "nan": lambda got, truth: np.full_like(got, np.nan),
    "inf": lambda got, truth: np.full_like(got, np.inf),
    "-inf": lambda got, truth: np.full_like(got, -np.inf),
    "-12345": lambda got, truth: np.full_like(got, -12345.0),
    "0": lambda got, truth: np.zeros_like(got),
    "negated": lambda got, truth: -got,
    "doubled": lambda got, truth: 2 * got,
    "right but for another": lambda got, truth: truth + 1000 * (1 + np.abs(truth)),
}


def with_other_numbers(mismatch: Mismatch, truth: Tracked, got: Array) -> Mismatch | None:
    """The mismatch of a torch that gives other numbers; None where they conform."""
    worst = judge(got, truth)
    return None if worst.conforms else replace(mismatch, observed=got, worst=worst)


def is_allowed(record: Divergence, mismatch: Mismatch, index: tuple[int, ...], was: float) -> bool:
    """Whether a record may excuse a number in place of the one that torch gave.

    A number, if it is as good as torch's, which its rounding may make another; where steps overflow, in whose
    order torch is free, what is not finite. Memory that nobody wrote may hold anything.
    """
    assert mismatch.observed is not None
    now = float(mismatch.observed[index])
    if record.kind in ("uninitialised", "race"):
        return True
    if np.isfinite(now) and np.isfinite(was):
        return bool(np.isclose(now, was, rtol=0.5)) or rounding_of(mismatch, index) >= abs(now - was)
    if np.isfinite(now):  # what overflows in one order fits in another
        return now == 0 or rounding_of(mismatch, index) > 0
    return not np.isfinite(was) or record.kind in ("overflow", "underflow") or strays(mismatch, index)


def strays(mismatch: Mismatch, index: tuple[int, ...]) -> bool:
    """Whether a step on the way to a number may overflow."""
    formula = OF_LOSSES.get(mismatch.loss.name, mismatch.loss.oracle)
    found = (given_by(formula, mismatch, narrow) for narrow in (False, mismatch.loss.name in NARROW))
    return any(outcome is not None and bool(outcome.strayed[index]) for outcome in found)


def rounding_of(mismatch: Mismatch, index: tuple[int, ...]) -> float:
    """How much the formulas of the records leave open of a number."""
    found = given_by(OF_LOSSES.get(mismatch.loss.name, mismatch.loss.oracle), mismatch)
    return max(
        0.0 if found is None else 2 * float(found.error[index]), 8 * mismatch.case.format.unit_roundoff
    )


def excuses(mismatch: Mismatch, truth: Tracked) -> Iterator[str]:
    """What other numbers than torch's are excused at a call where they may not be."""
    got = np.asarray(mismatch.observed)
    for name, other in OTHERS.items():
        with np.errstate(all="ignore"):
            changed = np.asarray(other(got, np.asarray(truth.value, dtype=np.float64)), dtype=np.float64)
        broken = with_other_numbers(mismatch, truth, mismatch.case.format.nearest(changed))
        found = broken and covering(broken)
        if not broken or not found or broken.worst is None:
            continue
        index = broken.worst.index
        if not is_allowed(found[0], broken, index, float(got[index])):
            observed = f"{broken.worst.observed} for {got[index]} at {index}"
            yield f"{found[0].id}: {name}, {observed} of {mismatch.case!r}"


def truth_of(mismatch: Mismatch) -> Tracked:
    """The oracle's numbers of what a mismatch is about."""
    if isinstance(mismatch, GradientMismatch) and mismatch.expected is not None:
        return mismatch.expected
    return expect(mismatch.loss, mismatch.case)


@shown
def test_a_record_excuses_only_what_it_says_at_its_witness(
    showing: Showing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another number, another exception or a crash at the very call is a failure."""
    mismatch = witnessed(showing, monkeypatch)
    for problem in ("raised RuntimeError: something else", "no gradient", "shape (7,) instead of ()"):
        assert covering(replace(mismatch, observed=None, worst=None, problem=problem)) is None
    if mismatch.observed is not None and mismatch.worst is not None:
        assert list(excuses(mismatch, truth_of(mismatch))) == []


DRAWS = 30
MANY = 10_000


@pytest.mark.parametrize("of", NUMBERS)
@pytest.mark.parametrize("name", LOSSES)
def test_no_record_hides_another_fault_where_it_is_met(
    name: str, of: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At drawn calls, and corners, of which a record explains something, other numbers are a failure."""
    row = LOSSES[name]
    if of == "second" and not (row.twice and row.forward):
        pytest.skip("no second derivative")
    met: list[Mismatch] = []

    def noting(mismatch: Mismatch) -> Any:
        found = covering(mismatch)
        if found and mismatch.worst is not None and mismatch.observed is not None:
            met.append(mismatch)
        return found

    monkeypatch.setattr(verdict, "covering", noting)
    dtype = "float16" if "float16" in row.formats else "float32"
    for cell in all_cells([row], [dtype], ["cpu"]):
        cases = row.cases(cell.format, cell.reduction)
        if of == "value":
            run_drawn(
                cell, 7, lambda case, c=cell: check_value(c, case, Tally()), with_infinities(cases), DRAWS
            )
        else:
            check = check_gradient if of == "gradient" else check_second
            drawn = differentiations(cases, cell.format, twice=of == "second")
            run_drawn(cell, 7, lambda e, c=cell, f=check: f(c, e, Tally()), drawn, DRAWS // 2)
    if of == "value":
        corners = [(place, place.corner.case(place.format)) for place in places([row], [dtype], ["cpu"])]
        for place, case in corners:
            if elements_of(case) < MANY:
                check_value(place, case, Tally())
    monkeypatch.undo()
    some = met[:: max(1, len(met) // 12)]
    assert [text for mismatch in some for text in excuses(mismatch, truth_of(mismatch))] == []
