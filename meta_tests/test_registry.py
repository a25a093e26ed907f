"""The registry of divergences: each record is met by its witness, and none hides more than its defect."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from inspect import signature
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from conformance.cells import Cell, all_cells, run_drawn
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
from conformance.running import to_numpy
from conformance.test_divergences import run
from conformance.test_value import find_mismatch
from reference import FORMATS, Array, Format, Tracked
from strategies import Case, Differentiation, differentiations, is_real, values

DRAWS = 60
PREFERRED = ("float64", "bfloat16", "float16", "float32")
# Options by which a formula divides.
DIVISORS = ("var", "eps", "beta", "delta")
SHARE = 0.02

OF_NUMBERS = [record for record in DIVERGENCES if record.of not in ("invalid call", "way") and record.current]
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


def varies(tensor: torch.Tensor) -> bool:
    """Whether a tensor requires a gradient, or has a tangent in forward mode."""
    return tensor.requires_grad or torch.autograd.forward_ad.unpack_dual(tensor).tangent is not None


def watch(record: Divergence, monkeypatch: pytest.MonkeyPatch) -> Witnessed:
    """Run a witness and look on."""
    seen = Witnessed()
    loss, grad, jvp = getattr(F, record.loss), torch.autograd.grad, torch.func.jvp
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
        return find_mismatch(cell, case)
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
    if record.absent:
        pytest.skip(record.absent)
    try:
        mismatch = mismatch_of(record, watch(record, monkeypatch))
    finally:
        torch.use_deterministic_algorithms(False)
    assert mismatch is not None
    found = covering(mismatch)
    assert found is not None, mismatch.explain()
    assert found[0].id == record.id


def test_memory_that_holds_the_right_number_by_chance_is_on_record() -> None:
    def found(problem: str, batch: int) -> object:
        case = Case("multi_margin_loss", FORMATS["float32"], {
            "input": np.zeros((batch, 3)), "target": np.zeros(batch, np.int64), "reduction": "mean",
        })  # fmt: skip
        return covering(Mismatch(LOSSES[case.loss], case, "cpu", "module", problem))

    differ = "bits differ from those of the functional: 0.5 instead of nan"
    record = next(record for record in DIVERGENCES if record.id == "multi_margin_loss-empty")
    assert found(differ, batch=0) == (record, True)
    assert found(differ, batch=1) is None
    assert found("dtype torch.float64 instead of torch.float32", batch=0) is None


def fabricated(record: Divergence, example: Differentiation) -> Iterator[Mismatch]:
    """Mismatches that no torch has shown: all of a result is nan, infinite, or far too large."""
    loss, case, form = LOSSES[record.loss], example.case, example.case.format
    if record.of == "value":
        pairs = [("", expect(loss, case))]
    else:
        twice = record.of == "second"
        names = loss.variables(case)
        expected = expect_derivatives(loss, example, names, twice=twice)
        pairs = [(name, truth) for name, truth in (expected.second if twice else expected.gradients).items()]
        pairs += [("along", expected.along)] if expected.along is not None else []
    for name, truth in pairs:
        for wrong in (np.nan, np.inf, 1000):
            got = np.asarray(truth.value + wrong * np.maximum(truth.bound, form.smallest_normal), np.float64)
            worst = judge(got, truth)
            if worst.conforms:
                continue
            common = (loss, case, "cpu", "functional", "numbers", worst, got)
            if record.of == "value":
                yield Mismatch(*common)
            elif record.of == "gradient":
                yield GradientMismatch(*common, name, example, expected.upstream, truth)
            else:
                way = "jvp" if name == "along" else "double backward"
                extra = (name, example, expected.upstream, truth, expected.tangents)
                yield SecondMismatch(*common[:3], way, *common[4:], *extra)


def around_one(form: Format, domain: Callable[[Array], Array], regime: object) -> Array:
    """In place of the tables of the strategies: numbers of sizes from 1/4 to 4, and no zero."""
    rng = np.random.default_rng(20)
    drawn = rng.choice([-1.0, 1.0], values.ENTRIES) * 2.0 ** rng.uniform(-1.9, 1.9, values.ENTRIES)
    return form.nearest(domain(drawn))


def is_ordinary(example: Differentiation) -> bool:
    """Whether all numbers are of sizes around 1, none of them twice in one place of two arguments."""
    given = example.case.arguments
    arrays = [value for value in given.values() if is_real(value)]
    sizes = [np.abs(array) for array in (*arrays, example.upstream, example.tangent)]
    ties = any(a.shape == b.shape and np.any(a == b) for a, b in itertools.combinations(arrays, 2))
    tiny = any(isinstance(given.get(name), float) and given[name] < 1 for name in DIVISORS)
    return not (ties or tiny) and all(size.size and np.all((size > 2**-2) & (size < 2**2)) for size in sizes)


def hides(record: Divergence, mismatch: Mismatch) -> bool:
    """Whether a record covers the element of a mismatch that is farthest off."""
    covered = record.covers(mismatch)
    return covered if isinstance(covered, bool) else bool(covered[mismatch.worst.index])  # type: ignore[union-attr]  # it is about numbers


@pytest.mark.parametrize("of", ["value", "gradient", "second"])
@pytest.mark.parametrize("name", LOSSES)
def test_no_record_hides_more_than_its_defect(name: str, of: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of ordinary draws, a record covers at most 2 % if something else went wrong with them."""
    row = LOSSES[name]
    concerned = [record for record in OF_NUMBERS if (record.loss, record.of) == (name, of)]
    if not concerned:
        pytest.skip("no record")
    monkeypatch.setattr(values, "_table", around_one)
    hidden: Counter[str] = Counter()
    drawn: Counter[str] = Counter()

    # A record is tried in one format: float32, if it is about that.
    tried = {record.id: max(record.formats, key=PREFERRED.index) for record in concerned}
    for cell in all_cells([row], sorted(set(tried.values())), ["cpu"]):

        @np.errstate(all="ignore")
        def count(example: Differentiation, form: Format = cell.format) -> None:
            if is_ordinary(example):
                mismatches = list(fabricated(concerned[0], example))
                for record in concerned:
                    if tried[record.id] == form.name:
                        drawn[record.id] += 1
                        hidden[record.id] += any(hides(record, mismatch) for mismatch in mismatches)

        cases = row.cases(cell.format, cell.reduction)
        run_drawn(cell, 0, count, differentiations(cases, cell.format, twice=of == "second"), DRAWS)
    assert min(drawn.values()) >= DRAWS // 8
    assert not {name: hidden[name] / drawn[name] for name in hidden if hidden[name] > SHARE * drawn[name]}
