"""What an example of a value test costs, part by part, against what it cannot cost less than."""

from __future__ import annotations

import statistics
import time
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields
from typing import Any

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from conformance.bounds import expect
from conformance.cells import Cell, run_drawn
from conformance.checks.value import check_value
from conformance.losses import Loss
from conformance.running import arguments, functional, ways
from conformance.tally import Tally
from reference import FORMATS
from strategies import Case, with_infinities

# A collection of garbage falls into one part or another; the median of several rounds leaves it out.
ROUNDS = 3


@dataclass(frozen=True)
class Parts:
    """Seconds for one example.

    Attributes:
        hypothesis: what Hypothesis takes to draw an integer and do nothing.
        call: what torch takes for the functional, with the tensors at hand.
        drawing: what the case takes to draw, beyond an integer.
        oracle: the value with its bound.
        torch: the calls that are checked, with their tensors.
        judging: all else that is done with an example: comparing, contracts, counting.
        rest: what pytest and Hypothesis take besides; less than 0 where it is lost in the noise.
        whole: all of it.
    """

    hypothesis: float
    call: float
    drawing: float
    oracle: float
    torch: float
    judging: float
    rest: float
    whole: float

    @property
    def floor(self) -> float:
        """What nothing can be faster than: an integer drawn, and torch called."""
        return self.hypothesis + self.call


def run_examples(loss: Loss, examples: int, seed: int, check: Callable[[Case], None] | None = None) -> float:
    """Run a value test, or another check of its cases, and give the seconds that an example takes."""
    cell, tally = _cell(loss), Tally()
    cases = with_infinities(loss.cases(cell.format, cell.reduction))
    checked = check or (lambda case: check_value(cell, case, tally))
    return _seconds(lambda seed: run_drawn(cell, seed, checked, cases, examples, tally), [seed]) / examples


def measure(loss: Loss, examples: int) -> tuple[Parts, int]:
    """The parts of a value test, the median of some rounds, and how many calls of torch an example checks."""
    rounds = [measure_once(loss, examples, seed) for seed in range(ROUNDS)]
    medians = {
        field.name: statistics.median(getattr(parts, field.name) for parts in rounds)
        for field in fields(Parts)
    }
    return Parts(**medians), len(_checked())


def _cell(loss: Loss) -> Cell:
    return Cell(loss, "mean", FORMATS["float32"], "cpu")


def _checked() -> list[Callable[..., Any]]:
    """The calls of torch that a value test makes of an example."""
    return [*ways().values(), functional]


def measure_once(loss: Loss, examples: int, seed: int) -> Parts:
    """The parts of a value test, measured once, with the cases of a seed."""
    cell, tally = _cell(loss), Tally()
    cases: list[Case] = []
    drawing = run_examples(loss, examples, seed, cases.append)
    hypothesis = _seconds(lambda run: run(), [_idle(examples)]) / examples
    tensors = [arguments(case, cell.device) for case in cases]

    def call_all(case: Case) -> None:
        for way in _checked():
            with suppress(Exception):  # what torch refuses costs what it costs
                way(loss, case, arguments(case, cell.device))

    def call(given: dict[str, Any]) -> None:
        with suppress(Exception):
            functional(loss, cases[0], given)

    oracle = _seconds(lambda case: expect(loss, case), cases)
    bare = _seconds(call, tensors)
    torch = _seconds(call_all, cases)
    check = _seconds(lambda case: check_value(cell, case, tally), cases)
    whole = run_examples(loss, examples, seed)
    return Parts(
        hypothesis=hypothesis,
        call=bare,
        drawing=drawing - hypothesis,
        oracle=oracle,
        torch=torch,
        judging=check - oracle - torch,
        rest=whole - drawing - check,
        whole=whole,
    )


def _idle(examples: int) -> Callable[[], None]:
    """A test that draws integers and does nothing."""

    @settings(max_examples=examples, database=None, deadline=None, derandomize=True, phases=[Phase.generate])
    @given(st.integers())
    def idle(example: int) -> None:
        pass

    run: Callable[[], None] = idle
    return run


def _seconds(function: Callable[[Any], object], items: Sequence[Any]) -> float:
    """Seconds for each call of a function."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of deprecated arguments, which are passed on purpose
        start = time.perf_counter()
        for item in items:
            function(item)
        return (time.perf_counter() - start) / len(items)
