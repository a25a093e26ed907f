"""Checks a case whose arguments have other dtypes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial, reduce

import numpy as np
import torch

from reference import FORMATS, Tracked
from strategies import Differentiation, takes

from ..bounds import Worst, expect
from ..cells import Cell
from ..differentiating import Expected, expect_derivatives
from ..dividing import settled
from ..evidence import KIND, RESULT, SHAPE, Evidence, Problem, raises
from ..foreign import UnfitError, check_dense, check_tensor, message_of
from ..implementation import refusable, under_test
from ..losses import Loss
from ..mismatch import Mismatch
from ..running import Arguments, arguments, to_numpy
from ..tally import Tally
from ..verdict import check_numbers, excuse
from .gradient import gradient_mismatch

# The kinds of `DTYPES` that are tested.
KINDS = ("integers", "formats", "complex")
# What tells a caller that a dtype is not supported. NotImplementedError is a RuntimeError.
REFUSALS = (RuntimeError, TypeError, ValueError)


@dataclass(frozen=True)
class DtypeCell(Cell):
    """A loss whose arguments have other dtypes; as a string, the coordinates in a test's id."""

    dtypes: str

    def __str__(self) -> str:
        return f"{self.loss.name}-{self.dtypes}-{self.format.name}-{self.device}"


def dtype_cells(losses: list[Loss], formats: list[str], devices: list[str]) -> list[DtypeCell]:
    """Every kind of dtypes that each loss has cases of, in a stable order; reductions are drawn."""
    return [
        DtypeCell(loss, "mean", FORMATS[name], device, kind)
        for kind in KINDS
        for loss in losses
        for name in formats
        if takes(loss.name, kind, name)
        for device in devices
    ]


def check_dtypes(cell: Cell, example: Differentiation, tally: Tally) -> None:
    """Check the value of a case, and its gradients by its floating-point and complex arguments.

    Raises:
        pytest.fail.Exception: torch differs from the oracle, and no record explains it.
    """
    __tracebackhide__ = True
    tally.examples += 1
    case = example.case
    given = arguments(case, cell.device)
    try:
        result = _call(cell, given)
    except Exception as error:  # whatever else torch raises is a mismatch
        if not _refuses(error):
            problem, shows = raises(error)
            excuse(Mismatch(cell.loss, case, cell.device, "functional", problem, shows=shows), tally)
        return
    name = str(result.dtype).removeprefix("torch.")
    allowed = _allowed(given)
    if result.dtype not in allowed:
        text = f"dtype {result.dtype} instead of {' or '.join(map(str, allowed))}"
        shows = Evidence(("got.dtype",))
        excuse(Mismatch(cell.loss, case, cell.device, "functional", text, shows=shows), tally)
    if name in FORMATS:  # it is rounded to
        case = replace(case, format=FORMATS[name])
        example = replace(example, case=case)
    expected, got = expect(cell.loss, case), to_numpy(result).astype(np.float64)
    if got.shape != np.shape(expected.value):
        text = f"shape {got.shape} instead of {np.shape(expected.value)}"
        excuse(Mismatch(cell.loss, case, cell.device, "functional", text, shows=SHAPE), tally)
        return

    def tell(worst: Worst) -> Mismatch:
        text = "a value outside the derived bound"
        return Mismatch(cell.loss, case, cell.device, "functional", text, worst, got)

    check_numbers(got, expected, tell, tally, settled(cell.loss, case, got, expected))
    _check_gradients(cell, example, tally)


def _call(cell: Cell, given: Arguments) -> torch.Tensor:
    result: torch.Tensor = under_test().function(cell.loss.name)(**given)
    check_tensor(result)
    return result


def _refuses(error: Exception) -> bool:
    """Whether an exception tells the caller that the call is not supported."""
    return isinstance(error, REFUSALS) and "INTERNAL ASSERT" not in message_of(error)


def _allowed(given: Arguments) -> list[torch.dtype]:
    """The dtypes that a result may have: that to which torch promotes all, and that of the first argument.

    A complex number has a real loss. Where all are integers, it may be an integer or of the default dtype.
    The documentation does not say whether tensors without axes take part.
    """
    tensors = [value for value in given.values() if isinstance(value, torch.Tensor)]
    real = [torch.empty_like(t, dtype=t.dtype.to_real()) for t in tensors]
    numbers = [t for t in real if t.is_floating_point()]
    if not numbers:
        whole = {torch.int64, torch.get_default_dtype(), *(t.dtype for t in real)} - {torch.bool}
        return sorted(whole, key=str)
    ranked = [[t.dtype for t in numbers], [t.dtype for t in numbers if t.ndim]]
    found = [reduce(torch.promote_types, dtypes) for dtypes in ranked if dtypes]
    if real[0].is_floating_point():
        found.append(real[0].dtype)
    return list(dict.fromkeys(found))


def _check_gradients(cell: Cell, example: Differentiation, tally: Tally) -> None:
    """Check that each gradient is right, in its argument's dtype, unless the forward call refuses."""
    __tracebackhide__ = True
    case = example.case
    wanted = example.chosen(cell.loss.variables(case))
    if not wanted:
        return
    given = arguments(case, cell.device)
    for name in wanted:
        given[name].requires_grad_()
    try:
        result = _call(cell, given)
    except Exception as error:
        if not _refuses(error):
            problem, shows = raises(error)
            excuse(Mismatch(cell.loss, case, cell.device, "functional", problem, shows=shows), tally)
        return
    expected = expect_derivatives(cell.loss, example, wanted)

    tell = partial(gradient_mismatch, cell, example, expected)
    try:
        gradients = _go_back(result, [given[name] for name in wanted], expected)
    except Exception as error:  # the forward call has not refused
        excuse(tell(wanted[0], raises(error)), tally)
        return
    for name, gradient in zip(wanted, gradients):
        argument = given[name]
        if gradient is None:
            excuse(tell(name, Problem("no gradient", RESULT)), tally)
            return
        if (gradient.dtype, gradient.shape) != (argument.dtype, argument.shape):
            text = f"a gradient {gradient.dtype} {tuple(gradient.shape)}, unlike the argument"
            excuse(tell(name, Problem(text, KIND)), tally)
            return
        numbers = torch.view_as_real(gradient.resolve_conj()) if gradient.is_complex() else gradient
        truth = _in_dtype(expected.gradients[name], case.dtype(name))
        outside = Problem(f"a gradient by {name} outside the derived bound", RESULT)
        got = to_numpy(numbers)
        check_numbers(got, truth, partial(tell, name, outside, got=got), tally, expected.undefined(truth))


@refusable()
def _go_back(
    result: torch.Tensor, variables: list[torch.Tensor], expected: Expected
) -> tuple[torch.Tensor | None, ...]:
    if not result.requires_grad:
        raise UnfitError("returned a tensor that does not require a gradient", "loss.requires_grad")
    upstream = torch.tensor(expected.upstream, dtype=result.dtype, device=result.device)
    gradients = torch.autograd.grad(result, variables, upstream, allow_unused=True)
    for gradient in gradients:
        check_dense(gradient, "a gradient")
    return gradients


def _in_dtype(truth: Tracked, dtype: str) -> Tracked:
    """Numbers rounded once more, to a format that has fewer digits or a smaller range."""
    form = FORMATS.get(dtype)
    if form is None or form == truth.format:
        return truth
    size = np.abs(truth.value) + truth.error
    rounding = np.where(size > 0, form.unit_roundoff * size + form.smallest_subnormal, 0)
    return Tracked(truth.value, truth.error + rounding, truth.peak, truth.reach, form)
