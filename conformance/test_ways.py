"""Every way of running torch gives what the plain call gives, or what the oracle allows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import settings
from hypothesis import strategies as st

from reference import Array, Tracked
from strategies import Differentiation, differentiations, spread

from .cells import Tally, run_drawn
from .differentiating import expect_derivatives
from .judging import Worst, expect
from .mismatch import GradientMismatch, Mismatch
from .running import arguments, functional, to_numpy
from .verdict import check_numbers, excuse
from .ways import Passage, tensors_of

# There are many ways, and most give the bits of the plain call: each gets a cell's examples divided by this.
FEWER = 10


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


def test_way(passage: Passage, tally: Tally, base_seed: int) -> None:
    """Results and gradients are those of the plain call, or within the bound; errors are the same."""
    if passage.obstacle:
        pytest.skip(passage.obstacle)
    loss, form = passage.loss, passage.format
    cases = st.sampled_from(loss.reductions).flatmap(lambda reduction: loss.cases(form, reduction))
    examples = max(1, settings().max_examples // FEWER)
    drawn = differentiations(cases, form)
    backward = passage.way.differentiates and passage.obstacle_backward is None
    run_drawn(passage, base_seed, lambda e: check_way(passage, e, tally, backward), drawn, examples, tally)
    if not tally.examples:
        pytest.skip(f"{passage.way} makes no difference to any of {examples} examples")


def check_way(passage: Passage, example: Differentiation, tally: Tally, backward: bool) -> None:
    """Check one case: first against the plain call, bit by bit, and what differs against the oracle.

    Args:
        passage: what is run, where and how.
        example: the case, and what its gradient is of.
        tally: counts it.
        backward: whether to check gradients.

    Raises:
        pytest.fail.Exception: the way does otherwise and no divergence on record covers it.
    """
    __tracebackhide__ = True
    way, device = passage.way, passage.device
    given = arguments(example.case, device)
    laid = {name: way.laid_out(name, given[name]).detach() for name in tensors_of(example.case)}
    if way.layout != "x" and all(_placed(laid[name]) == _placed(given[name]) for name in laid):
        return  # such an example tests nothing of the layout, and is not counted
    if way.other_numbers:
        changed = example.case.replacing(**{name: to_numpy(tensor) for name, tensor in laid.items()})
        example = replace(example, case=changed)
    case = example.case
    plain_tensors = {name: tensor for name, tensor in arguments(case, device).items() if name in laid}
    wanted = passage.loss.variables(case) if backward else []
    memory = {name: _memory(tensor) for name, tensor in laid.items()}
    tally.examples += 1

    def plainly(*tensors: torch.Tensor) -> torch.Tensor:
        return functional(passage.loss, case, {**given, **dict(zip(laid, tensors))})

    plain = go(lambda: plainly, plain_tensors, wanted, example.upstream)
    other = go(lambda: way.function(case), laid, wanted, example.upstream)
    problem = _parity(plain, other) or _touched(laid, memory)
    if problem:
        excuse(Mismatch(passage.loss, case, device, way.name, problem), tally)
        return
    if plain.result is None or other.result is None:
        return
    _check_bits_or_bound(
        passage, plain.result, other.result, lambda: expect(passage.loss, case),
        partial(Mismatch, passage.loss, case, device, way.name), "value", tally,
    )  # fmt: skip
    for name in wanted if other.error is None else ():
        first, second = plain.gradients[name], other.gradients[name]
        if first is None or second is None:
            continue
        truth = partial(_gradient, passage, example, wanted, name)
        upstream = spread(example.upstream, tuple(plain.result.shape))
        tell = partial(
            GradientMismatch, passage.loss, case, device, way.name,
            argument=name, differentiation=example, upstream=upstream,
        )  # fmt: skip
        _check_bits_or_bound(passage, first, second, truth, tell, f"gradient by {name}", tally)


def go(
    prepare: Callable[[], Callable[..., torch.Tensor]],
    tensors: dict[str, torch.Tensor],
    wanted: list[str],
    upstream: Array,
) -> Outcome:
    """Call a function and go back through it.

    Args:
        prepare: makes the function.
        tensors: what it is called with; some are made to require gradients.
        wanted: the arguments by which to differentiate.
        upstream: numbers to repeat over the result.
    """
    outcome = Outcome()
    try:
        for name in wanted:
            tensors[name].requires_grad_()
        outcome.result = result = prepare()(*tensors.values())
        if wanted:
            numbers = spread(upstream, tuple(result.shape))
            direction = torch.tensor(numbers, dtype=result.dtype, device=result.device)
            variables = [tensors[name] for name in wanted]
            gradients = torch.autograd.grad(result, variables, direction, allow_unused=True)
            outcome.gradients = dict(zip(wanted, gradients))
    except Exception as error:  # both sides are to raise, or neither
        outcome.error = error
    return outcome


def _parity(plain: Outcome, other: Outcome) -> str | None:
    """What differs apart from numbers, or None."""
    if plain.error and other.error:
        return None
    if other.error:
        return f"raised {type(other.error).__name__}: {other.error}"
    if plain.error:
        return f"raised nothing, and the plain call raises {type(plain.error).__name__}: {plain.error}"
    pairs = [("result", plain.result, other.result)]
    pairs += [
        (f"gradient by {name}", plain.gradients[name], other.gradients[name]) for name in plain.gradients
    ]
    for what, first, second in pairs:
        if first is not None and second is None:
            return f"no {what}"
        if first is not None and second is not None and _kind(first) != _kind(second):
            return f"a {what} {_kind(second)}, and the plain call gives {_kind(first)}"
    return None


def _kind(tensor: torch.Tensor) -> str:
    return f"{tensor.dtype} {tuple(tensor.shape)} on {tensor.device.type}"


def _placed(tensor: torch.Tensor) -> tuple[object, ...]:
    """Where in its memory a tensor's elements are."""
    return tensor.stride(), tensor.storage_offset(), tensor.untyped_storage().nbytes()


def _memory(tensor: torch.Tensor) -> torch.Tensor:
    """A copy of all the memory that a tensor is a view of, as bytes."""
    everything = torch.tensor([], dtype=torch.uint8, device=tensor.device)
    return everything.set_(tensor.untyped_storage()).clone()


def _touched(tensors: dict[str, torch.Tensor], before: dict[str, torch.Tensor]) -> str | None:
    for name, tensor in tensors.items():
        if not torch.equal(_memory(tensor), before[name]):
            return f"memory that {name} is a view of was changed"
    return None


def _check_bits_or_bound(
    passage: Passage,
    plain: torch.Tensor,
    other: torch.Tensor,
    truth: Callable[[], Tracked],
    tell: Callable[..., Mismatch],
    what: str,
    tally: Tally,
) -> None:
    """Check that numbers are those of the plain call, or, where the way is not exact, within the bound.

    Raises:
        pytest.fail.Exception: they are not, and no divergence on record covers it.
    """
    __tracebackhide__ = True
    first, second = to_numpy(plain), to_numpy(other)
    same = (first == second) | (np.isnan(first) & np.isnan(second))
    if np.all(same):
        return
    expected = truth()
    extra: dict[str, Any] = {} if what == "value" else {"expected": expected}

    def outside(worst: Worst) -> Mismatch:
        return tell(f"a {what} outside the derived bound", worst, second, **extra)

    # What the plain call gives is judged where the plain call is tested.
    check_numbers(second, expected, outside, tally, same)
    if passage.way.exact:
        excuse(tell(f"bits of a {what} differ: {second} instead of {first}", **extra), tally)


def _gradient(passage: Passage, example: Differentiation, wanted: list[str], name: str) -> Tracked:
    return expect_derivatives(passage.loss, example, wanted).gradients[name]
