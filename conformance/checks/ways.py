"""Checks one case in one execution mode."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cache, partial

import numpy as np
import torch

from reference import Array
from strategies import (
    Case,
    Differentiation,
    spread,
    with_python_numbers,
)

from ..bounds import Worst, expect, ratios
from ..chunked import may_refuse
from ..differentiating import Expected, expect_derivatives
from ..dividing import settled
from ..evidence import KINDS, RESULT, Evidence, Problem, differing, raises, view_changed
from ..foreign import UnfitError, check_dense, check_tensor, message_of, named, told
from ..implementation import TORCH, Untested, refusable, under_test
from ..mismatch import GradientMismatch, Mismatch
from ..running import NO_FIXED_ORDER, arguments, may_vary, skip_undocumented, to_numpy
from ..tally import Tally
from ..verdict import check_numbers, excuse
from ..ways import Passage, tensors_of
from ..ways.script import Passed
from ..ways.way import Function, Functions


@dataclass
class Outcome:
    """What became of a call and of going back through it.

    Attributes:
        result: the loss, or None where the call raises.
        gradients: by each argument, or None where there is none.
        error: what was raised, in the call or going back.
    """

    result: torch.Tensor | None = None
    gradients: dict[str, torch.Tensor | None] = field(default_factory=dict)
    error: Exception | None = None


def check_way(passage: Passage, example: Differentiation, tally: Tally, backward: bool) -> None:
    """Check one case: first against the plain call, bit by bit, and what differs against the oracle.

    Args:
        passage: what is run, where and how.
        example: the case, and what its gradient is of.
        tally: counts it.
        backward: whether to check gradients.

    Raises:
        pytest.fail.Exception: the way differs from the plain call, and no record explains it.
    """
    __tracebackhide__ = True
    functions = passage.way.functions(example.case)
    served: list[Case] = []
    for case in (example.case, *passage.way.serves(example.case)):
        _check_call(passage, replace(example, case=case), functions, tally, backward, served)
        served.append(case)


def _check_call(
    passage: Passage,
    example: Differentiation,
    functions: Functions,
    tally: Tally,
    backward: bool,
    before: list[Case],
) -> None:
    """Check one call, in the manner of `check_way`; the functions were called with other cases before."""
    __tracebackhide__ = True
    way, device, written = passage.way, passage.device, example.case
    given = arguments(example.case, device)
    laid = {name: way.laid_out(name, given[name]).detach() for name in tensors_of(example.case)}
    if way.data and way.layout != "x" and all(_placed(laid[name]) == _placed(given[name]) for name in laid):
        return  # such an example tests nothing of the layout, and is not counted
    if way.other_numbers:
        changed = example.case.replacing(**{name: to_numpy(tensor) for name, tensor in laid.items()})
        example = replace(example, case=changed)
    case = example.case
    plain_tensors = {name: tensor for name, tensor in arguments(case, device).items() if name in laid}
    wanted = passage.loss.variables(case) if backward else []
    memory = {name: _memory(tensor) for name, tensor in laid.items() if way.data}
    tally.examples += 1
    upstream = example.upstream if way.data else None
    plain = go(functions.plain, plain_tensors, wanted, upstream)
    other = go(functions.way, laid, wanted, upstream, functions.back)
    results = [outcome.result for outcome in (plain, other) if outcome.result is not None]
    direction = None if upstream is None or not results else spread(upstream, tuple(results[0].shape))
    passed = Passed(written, wanted, direction, before=tuple(before))
    for outcome in (plain, other):
        if outcome.error:
            skip_undocumented(case, outcome.error)
    if other.error and not plain.error and may_refuse(case, way.name):
        raise Untested(f"{way.name} of the chunked path, which is documented as unsupported")
    if other.error and not plain.error and _refuses_scalars(passage, case, wanted, upstream, other.error):
        raise Untested(f"{way.name} of an option that is a NumPy scalar is refused") from other.error
    problem = _parity(plain, other, next(iter(laid.values())).device) or _touched(laid, memory)
    if problem:
        argument, (text, shows) = problem
        passed = replace(passed, argument=argument)
        excuse(Mismatch(passage.loss, case, device, way.name, text, shows=shows, passed=passed), tally)
        return
    derivatives = cache(partial(expect_derivatives, passage.loss, example, wanted))
    for what, first, second in _pairs(plain, other):
        if first is not None and second is not None and way.data:
            looked_at = replace(passed, argument=what)
            _check_bits_or_bound(passage, example, looked_at, first, second, derivatives, tally)


def _refuses_scalars(
    passage: Passage, case: Case, wanted: list[str], upstream: Array | None, error: Exception
) -> bool:
    """Whether a way raises an error only because options are NumPy scalars, not with Python numbers.

    Options are documented as float or int. Compilers make tensors of NumPy scalars.
    """
    plain = with_python_numbers(case)
    if plain is case:
        return False
    functions, given = passage.way.functions(plain), arguments(plain, passage.device)
    laid = {name: passage.way.laid_out(name, given[name]).detach() for name in tensors_of(plain)}
    again = go(functions.way, laid, wanted, upstream, functions.back).error
    return again is None or _told(again) != _told(error)


def go(
    function: Function,
    tensors: dict[str, torch.Tensor],
    wanted: list[str],
    upstream: Array | None,
    back: Function | None = None,
) -> Outcome:
    """Run a case and go back through it.

    Args:
        function: what runs it.
        tensors: what it is called with; some are made to require gradients.
        wanted: the arguments by which to differentiate.
        upstream: numbers to repeat over the result; None for ones, where there are no numbers.
        back: what goes back, see `Functions`.
    """
    outcome = Outcome()
    try:
        _go(outcome, function, tensors, wanted, upstream, back)
    except Exception as error:  # both sides are to raise, or neither
        if NO_FIXED_ORDER in message_of(error):
            raise Untested(f"deterministically: {message_of(error)}") from error
        outcome.error = error
    return outcome


@refusable()
def _go(
    outcome: Outcome,
    function: Function,
    tensors: dict[str, torch.Tensor],
    wanted: list[str],
    upstream: Array | None,
    back: Function | None,
) -> None:
    """Do what `go` does, and put into the outcome what there is until something raises."""
    for name in wanted:
        tensors[name].requires_grad_(back is None)
    result: torch.Tensor = function(*tensors.values())
    check_tensor(result)
    device = next(iter(tensors.values())).device
    if result.device.type != device.type:
        raise UnfitError(f"device {result.device} instead of {device}", "got.device")
    if not result.is_floating_point():
        raise UnfitError(f"dtype {result.dtype} instead of a floating-point one", "got.dtype")
    outcome.result = result
    if not wanted:
        return
    direction = torch.ones_like(result)
    if upstream is not None:
        direction = torch.tensor(spread(upstream, tuple(result.shape))).to(result)
    if back is None:
        variables = [tensors[name] for name in wanted]
        gradients = torch.autograd.grad(result, variables, direction, allow_unused=True)
    else:
        by = tuple(i for i, name in enumerate(tensors) if name in wanted)
        gradients = back(list(tensors.values()), by, direction)
    for gradient in gradients:
        check_dense(gradient, "a gradient")
    outcome.gradients = dict(zip(wanted, gradients))


def _parity(plain: Outcome, other: Outcome, device: torch.device) -> tuple[str, Problem] | None:
    """What differs apart from numbers, and of the gradient by which argument, if of one; or None.

    What the way gives is to be on the given device.
    """
    if plain.error and under_test() is not TORCH:  # of torch, the tests of plain calls report it
        return "", Problem(f"the plain call {_told(plain.error)}", Evidence(passes=1))
    if plain.error and other.error:
        return None
    if other.error:
        return "", Problem(_told(other.error), raises(other.error, passes=1).shows)
    if plain.error:
        text = f"raised nothing, and the plain call {_told(plain.error)}"
        return "", Problem(text, Evidence(("got", "repr(first)"), beside="raises", passes=1))
    for argument, first, second in _pairs(plain, other):
        what = f"gradient by {argument}" if argument else "result"
        if first is not None and second is None:
            return argument, Problem(f"no {what}", RESULT)
        if first is None or second is None:
            continue
        if _kind(first) != _kind(second) or second.device.type != device.type:
            place = f"{_kind(second)} on {second.device.type}"
            return argument, Problem(f"a {what} {place}, and the plain call gives {_kind(first)}", KINDS)
    return None


def _told(error: Exception) -> str:
    """What raised, in a line, and what caused it; a compiler says more than a person reads."""
    chain: dict[int, BaseException] = {}
    cause: BaseException | None = error
    while cause is not None and id(cause) not in chain:  # somebody's exceptions may go in a circle
        chain[id(cause)] = cause
        cause = cause.__context__ if cause.__cause__ is None else cause.__cause__
    first = list(chain.values())[-1]
    lines = [told(error)] if first is error else [told(error), named(first)]
    return " due to ".join(textwrap.shorten(line, 240) for line in lines)


def _pairs(plain: Outcome, other: Outcome) -> Iterator[tuple[str, torch.Tensor | None, torch.Tensor | None]]:
    """What both gave: the result under no name, and the gradients by their arguments."""
    yield "", plain.result, other.result
    for name, gradient in plain.gradients.items():
        yield name, gradient, other.gradients.get(name)


def _kind(tensor: torch.Tensor) -> str:
    return f"{tensor.dtype} {tuple(tensor.shape)}"


def _placed(tensor: torch.Tensor) -> tuple[object, ...]:
    """Where in its memory a tensor's elements are."""
    return tensor.stride(), tensor.storage_offset(), tensor.untyped_storage().nbytes()


def _memory(tensor: torch.Tensor) -> torch.Tensor:
    """A copy of all the memory that a tensor is a view of, as bytes."""
    elements = tensor.untyped_storage().nbytes() // tensor.element_size()
    return tensor.detach().as_strided((elements,), (1,), 0).clone().view(torch.uint8)


def _touched(tensors: dict[str, torch.Tensor], before: dict[str, torch.Tensor]) -> tuple[str, Problem] | None:
    for name, memory in before.items():
        if not torch.equal(_memory(tensors[name]), memory):
            return "", view_changed(name)
    return None


def _check_bits_or_bound(
    passage: Passage,
    example: Differentiation,
    passed: Passed,
    plain: torch.Tensor,
    other: torch.Tensor,
    derivatives: Callable[[], Expected],
    tally: Tally,
) -> None:
    """Check that numbers are those of the plain call, or, where the way is not exact, within the bound.

    Args:
        passage: what was run, where and how.
        example: the case, and what its gradient is of.
        passed: what was passed, and by which argument the numbers are the gradient, if they are one.
        plain: the numbers of the plain call.
        other: those of the way.
        derivatives: what the oracle says of the gradients.
        tally: counts the elements that records explain.

    Raises:
        pytest.fail.Exception: they are not, and no divergence on record covers it.
    """
    __tracebackhide__ = True
    first, second = to_numpy(plain), to_numpy(other)
    same = (first == second) & (np.signbit(first) == np.signbit(second)) | np.isnan(first) & np.isnan(second)
    if np.all(same):
        return
    case = example.case
    where, argument = (passage.loss, case, passage.device, passage.way.name), passed.argument
    what = f"gradient by {argument}" if argument else "value"
    expected = derivatives().gradients[argument] if argument else expect(passage.loss, case)

    def tell(problem: str, worst: Worst | None, shows: Evidence = RESULT) -> Mismatch:
        told = (*where, problem, worst, second)
        if not argument:
            return Mismatch(*told, shows=shows, passed=passed)
        upstream = derivatives().upstream
        return GradientMismatch(*told, argument, example, upstream, expected, shows=shows, passed=passed)

    # What the plain call gives is judged, and its bits are noted, where the plain call is tested.
    excused = derivatives().undefined(expected) if argument else settled(passage.loss, case, second, expected)
    excused = same | excused
    check_numbers(second, expected, partial(tell, f"a {what} outside the derived bound"), tally, excused)
    known = ratios(second, expected, excused) > 1  # or the check of numbers had failed
    exact = passage.way.exact and not may_vary(passage.loss, case, passage.device)
    if exact and not np.all(same | known):
        shows = Evidence(differing(second, first), beside="runs")
        excuse(tell(f"bits of a {what} differ: {second} instead of {first}", None, shows), tally)
