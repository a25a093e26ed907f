"""Another fault than that on record, at the very inputs that a record is about, is a failure."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from conformance.cells import Cell
from conformance.checks.gradient import check_gradient
from conformance.checks.value import check_value
from conformance.disposable import Outcome
from conformance.divergences import on_record
from conformance.invalid.tables import ROWS
from conformance.losses import LOSSES
from conformance.tally import Tally
from reference import FORMATS
from strategies import Case, Differentiation, is_real

INF, NAN = math.inf, math.nan
Fault = Callable[[torch.Tensor], torch.Tensor]


def case_of(loss: str, **arguments: Any) -> Case:
    """A call in float32; lists of real numbers are arrays."""
    form = FORMATS["float32"]
    given = {
        name: np.asarray(value) if isinstance(value, list) else value for name, value in arguments.items()
    }
    return Case(loss, form, {name: form.nearest(v) if is_real(v) else v for name, v in given.items()})


def cell_of(case: Case) -> Cell:
    return Cell(LOSSES[case.loss], case.arguments.get("reduction", "mean"), case.format, "cpu")


def giving(number: float, place: int | None = None) -> Fault:
    """A fault that gives a number in all places, or in one of a vector."""

    def fault(result: torch.Tensor) -> torch.Tensor:
        if place is None:
            return torch.full_like(result, number)
        return torch.where(torch.arange(len(result)) == place, number, result)

    return fault


def doubled(place: int) -> Fault:
    """A fault that doubles one element of a vector."""
    return lambda result: torch.where(torch.arange(len(result)) == place, 2 * result, result)


VALUES: list[tuple[Case, Fault]] = [
    (case_of("cross_entropy", input=[[0.0, 0.0, -INF]], target=[0]), giving(NAN)),
    (case_of("cross_entropy", input=[[0.0, 0.0, -INF]], target=[[0.5, 0.5, 0.0]]), giving(INF)),
    (case_of("cross_entropy", input=[[0.0, INF]], target=[1]), giving(7.0)),
    (case_of("l1_loss", input=[INF], target=[0.0]), giving(NAN)),
    (case_of("mse_loss", input=[INF], target=[0.0]), giving(NAN)),
    (case_of("huber_loss", input=[-INF], target=[0.0]), giving(NAN)),
    (case_of("kl_div", input=[-INF], target=[0.5], reduction="sum"), giving(NAN)),
    (case_of("binary_cross_entropy_with_logits", input=[INF], target=[0.5]), giving(0.0)),
    (case_of("l1_loss", input=[3e38, 3e38], target=[0.0, 0.0]), giving(42.0)),
    (case_of("l1_loss", input=[3e38, 3e38], target=[0.0, 0.0]), giving(NAN)),
    (case_of("mse_loss", input=[2e19, 0.0], target=[0.0, 0.0]), giving(-INF)),
    (case_of("cosine_embedding_loss", input1=[[1e20, 0.0]], input2=[[1e20, 0.0]], target=[1]), giving(123.0)),
    (case_of("cosine_embedding_loss", input1=[[1e-6]], input2=[[1e-6]], target=[1]), giving(1.0)),
    (case_of("soft_margin_loss", input=[100.0, 1.0], target=[-1.0, -1.0], reduction="none"), doubled(1)),
    (case_of("soft_margin_loss", input=[100.0, 1.0], target=[-1.0, -1.0], reduction="none"), giving(0.0, 0)),
    (case_of("multi_margin_loss", input=[[NAN, 0.0]], target=[0]), giving(42.0)),
    (case_of("poisson_nll_loss", input=[-INF], target=[0.0]), giving(1.0)),
    (case_of("l1_loss", input=[1.0, 1.0], target=[0.0, 0.0], weight=[1.0, 3.0]), giving(3.0)),
    (case_of("binary_cross_entropy_with_logits", input=[-20.0], target=[0.0]), giving(1e-3)),
]  # fmt: skip


@pytest.mark.parametrize(
    ("case", "fault"), [pytest.param(*row, id=f"{row[0].loss}-{i}") for i, row in enumerate(VALUES)]
)
def test_another_value_fails(case: Case, fault: Fault, monkeypatch: pytest.MonkeyPatch) -> None:
    check_value(cell_of(case), case, Tally())  # conforms, or is known
    original = getattr(F, case.loss)
    monkeypatch.setattr(F, case.loss, lambda *given, **options: fault(original(*given, **options)))
    with pytest.raises(pytest.fail.Exception, match="outside the derived bound"):
        check_value(cell_of(case), case, Tally())


GRADIENTS: list[tuple[Case, str, float]] = [
    (case_of("binary_cross_entropy", input=[0.0], target=[0.0]), "input", -7.0),
    (case_of("binary_cross_entropy", input=[0.0], target=[0.0]), "input", NAN),
    (case_of("cross_entropy", input=[[INF, 0.0]], target=[-100], reduction="sum"), "input", 5.0),
    (case_of("kl_div", input=[0.0], target=[0.0], reduction="sum"), "target", 3.0),
    (case_of("ctc_loss", log_probs=[[[-INF, 0.0]]], targets=[[1]], input_lengths=(1,), target_lengths=(1,)),
     "log_probs", 9.0),
    (case_of("soft_margin_loss", input=[-100.0], target=[1.0]), "input", 0.5),
    (case_of("triplet_margin_loss", anchor=[0.0, 0.0], positive=[3e19, 3e19], negative=[0.0, 0.0]),
     "positive", -0.25),
]  # fmt: skip


@pytest.mark.parametrize(
    ("case", "argument", "number"),
    [pytest.param(*row, id=f"{row[0].loss}-{i}") for i, row in enumerate(GRADIENTS)],
)
def test_another_gradient_fails(
    case: Case, argument: str, number: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    example = Differentiation(case, np.ones(1), np.ones(1), 0)
    check_gradient(cell_of(case), example, Tally())
    original = getattr(F, case.loss)

    def broken(*given: Any, **options: Any) -> torch.Tensor:
        variable = options[argument]
        if variable.requires_grad:
            options[argument] = replaced = variable * 1
            replaced.register_hook(lambda gradient: torch.full_like(gradient, number))
        return original(*given, **options)

    monkeypatch.setattr(F, case.loss, broken)
    with pytest.raises(pytest.fail.Exception, match="outside the derived bound"):
        check_gradient(cell_of(case), example, Tally())


@pytest.mark.parametrize(
    "outcome",
    [
        Outcome(-99.0, dtype="float32"), Outcome(NAN, dtype="float32"), Outcome("SIGSEGV"),
        Outcome("no answer"), Outcome(0.9758096, shape=(1,), dtype="float32"),
        Outcome(0.9758096, dtype="float64"),
        Outcome("KeyError", ("KeyError",), "something"),
    ],
    ids=str,
)  # fmt: skip
def test_another_answer_of_an_invalid_call_fails(outcome: Outcome) -> None:
    row = next(row for row in ROWS if row.violation == "labels-label_smoothing-too-low")
    assert on_record(row, "cpu", outcome=Outcome(0.9758096, dtype="float32")) is not None
    assert on_record(row, "cpu", outcome=outcome) is None


def test_an_element_that_no_record_explains_is_judged_beside_one_that_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    case = case_of("l1_loss", input=[1.0, INF, 2.0], target=[0.0, 0.0, 0.0], reduction="none")
    original = F.l1_loss
    monkeypatch.setattr(F, "l1_loss", lambda *g, **o: doubled(2)(original(*g, **o)))
    with pytest.raises(pytest.fail.Exception, match=r"at index \(2,\)"):
        check_value(cell_of(case), case, Tally())
