"""What torch refuses to differentiate, and which side it takes at kinks: a change of either is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import HealthCheck, Phase, find, settings

from reference import FORMATS
from strategies import Case, Differentiation, is_real

from . import journal
from .bounds import judge
from .differentiating import Expected, differentiate_forward, expect_derivatives
from .divergences import covering
from .losses import LOSSES, Loss
from .mismatch import SecondMismatch
from .running import arguments, functional, to_numpy

# What is looked for is there whatever --examples says.
QUIET = settings(
    max_examples=1000, database=None, derandomize=True, phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)  # fmt: skip


def simplest(loss: Loss, holds: Callable[[Case], bool]) -> Case:
    """The first float32 case of a loss of which something holds."""
    if not hasattr(F, loss.name):
        pytest.skip(f"torch {torch.__version__} has no {loss.name}")
    case = find(loss.cases(FORMATS["float32"], "sum"), holds, settings=QUIET)
    journal.note(Differentiation(case, np.ones(1), np.ones(1), 0))
    return case


refused = pytest.mark.parametrize(
    ("loss", "argument"),
    [
        pytest.param(row, argument, id=f"{row.name}-{argument}")
        for row in LOSSES.values()
        for argument in row.refused
    ],
)


def is_refused(loss: Loss, argument: str, case: Case) -> bool:
    """Whether a case has the argument as a real array by which torch does not differentiate there."""
    return is_real(case.arguments.get(argument)) and argument not in loss.variables(case)


@refused
def test_refused_argument(loss: Loss, argument: str) -> None:
    """Torch says that the loss is not differentiable by an argument, rather than giving no gradient."""
    # The chunked path does not say whether it differentiates by a weight of classes.
    case = simplest(loss, partial(is_refused, loss, argument)).without("options")
    given = arguments(case, "cpu")
    given[argument].requires_grad_()
    with pytest.raises(RuntimeError, match=r"not differentiable with respect to argument|not implemented"):
        functional(loss, case, given)


@refused
def test_forward_mode_by_a_refused_argument(loss: Loss, argument: str) -> None:
    """Forward mode gives the derivative by it, if it does not say that it cannot."""
    ones = np.ones(1)

    def expected_of(case: Case) -> Expected:
        return expect_derivatives(loss, Differentiation(case, ones, ones, 0), [argument], twice=True)

    def changes(case: Case) -> bool:
        return is_refused(loss, argument, case) and bool(expected_of(case).derivative("along").value != 0)

    case = simplest(loss, changes)
    expected, example = expected_of(case), Differentiation(case, ones, ones, 0)
    try:
        along = to_numpy(differentiate_forward(loss, case, "cpu", [argument], expected))
    except NotImplementedError:
        return
    truth = expected.derivative("along")
    worst = judge(along, truth)
    mismatch = SecondMismatch(
        loss, case, "cpu", "jvp", f"a derivative along {argument} outside the derived bound", worst, along,
        argument="along", differentiation=example, upstream=expected.upstream, expected=truth,
        tangents=expected.tangents,
    )  # fmt: skip
    if not worst.conforms and covering(mismatch) is None:
        pytest.fail(mismatch.explain(), pytrace=False)


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
def test_second_derivative_and_forward_mode_exist_as_recorded(loss: Loss) -> None:
    """Torch has, or lacks, the derivatives that the table says."""
    case = simplest(loss, lambda case: bool(loss.variables(case)))
    name = loss.variables(case)[0]
    given = arguments(case, "cpu")
    x = given[name].requires_grad_()
    (gradient,) = torch.autograd.grad(functional(loss, case, given), x, create_graph=True)
    twice = _works(lambda: gradient.requires_grad and torch.autograd.grad(gradient.sum(), x))
    assert twice == loss.twice, f"{loss.name} {'has' if twice else 'has no'} second derivative now"

    def function(variable: torch.Tensor) -> torch.Tensor:
        return functional(loss, case, {**arguments(case, "cpu"), name: variable})

    primal = x.detach()
    forward = _works(lambda: torch.func.jvp(function, (primal,), (torch.ones_like(primal),)))
    assert forward == loss.forward, f"{loss.name} {'has' if forward else 'has no'} forward mode now"


def _works(call: Callable[[], Any]) -> bool:
    """Whether a call works; False if torch says that it is not implemented."""
    try:
        call()
    except (RuntimeError, NotImplementedError) as error:
        if "not implemented" not in str(error) and "has not been implemented" not in str(error):
            raise
        return False
    return True


@dataclass(frozen=True)
class Kink:
    """A point at which a loss has many subgradients.

    Attributes:
        loss: name of the functional.
        at: the variable ``x``, one number.
        call: torch code of the loss of ``x``.
        low, high: between what the subgradients are.
        today: the one that torch takes.
    """

    loss: str
    at: float
    call: str
    low: float
    high: float
    today: float


ONE, ZERO = "torch.ones(1)", "torch.zeros(1)"
MINUS = f"-{ONE}"

KINKS = (
    Kink("l1_loss", 0.0, f"F.l1_loss(x, {ZERO})", -1, 1, 0.0),
    Kink("smooth_l1_loss", 0.0, f"F.smooth_l1_loss(x, {ZERO}, beta=0.0)", -1, 1, 0.0),
    Kink("hinge_embedding_loss", 1.0, f"F.hinge_embedding_loss(x, {MINUS})", -1, 0, -1.0),
    Kink("margin_ranking_loss", 0.0, f"F.margin_ranking_loss(x, {ZERO}, {ONE})", -1, 0, -1.0),
    Kink("cosine_embedding_loss", 0.0, f"F.cosine_embedding_loss(x[None], {ONE}[None], {MINUS})",
         0, 1e6, 1e6),
    Kink("triplet_margin_loss", 1.0, f"F.triplet_margin_loss(x, x.detach() - 1, {ZERO}, eps=0.0)",
         -1, 1, 0.0),
    Kink("triplet_margin_loss", 0.0, f"F.triplet_margin_loss({ZERO}, x, {ZERO}, eps=0.0)", -1, 1, 0.0),
    Kink("multi_margin_loss", 1.0, "F.multi_margin_loss(torch.cat([x, torch.zeros(1)]), torch.tensor(0))",
         -0.5, 0, 0.0),
    Kink("multilabel_margin_loss", 1.0,
         "F.multilabel_margin_loss(torch.cat([x, torch.zeros(1)]), torch.tensor([0, -1]))", -0.5, 0, 0.0),
)  # fmt: skip


@pytest.mark.parametrize("kink", KINKS, ids=lambda kink: f"{kink.loss}-{kink.at}")
def test_side_at_kink(kink: Kink, take_note: Callable[[str, object], None]) -> None:
    """Torch takes a subgradient; the summary says if it is another one than is on record."""
    x = torch.tensor([kink.at], requires_grad=True)
    journal.note(f"x = torch.tensor([{kink.at}], requires_grad=True)\ntorch.autograd.grad({kink.call}, x)")
    (gradient,) = torch.autograd.grad(eval(kink.call, {"torch": torch, "F": F, "x": x}), x)
    got = gradient.item()
    assert kink.low <= got <= kink.high, f"{kink.call} at {kink.at} has the gradient {got}, no subgradient"
    take_note("side", got)
    if got != kink.today:
        take_note("drift", f"{kink.call} at {kink.at}: subgradient {got}, on record {kink.today}")
