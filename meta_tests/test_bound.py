"""The error bound: sound for whatever rounds each step, tight enough to catch what does not."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from random import Random
from typing import Any, TypeVar

import numpy as np
import pytest
import torch
from hypothesis import Phase, assume, find, given, settings
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample
from hypothesis.strategies import SearchStrategy

from conformance.bounds import expect, judge
from conformance.cells import Cell, all_cells
from conformance.differentiating import Expected, expect_derivatives
from conformance.losses import LOSSES, Loss
from reference import FORMATS, Array, Format, Tracked, tracked
from reference.dispatch import number
from reference.partial_results import Reach
from reference.tracked import UFUNCS
from strategies import Case, Differentiation, differentiations
from strategies.arguments import Gradient

from .step_by_step import Rounded, rounding, step_by_step

T = TypeVar("T")

EXAMPLES = 25
UNITS = 64

# The squares of small numbers vanish, so that the cosine of two vectors at a right angle is 0 / 0.
VANISHING = "cosine_embedding_loss"

seeds = st.integers(0, 2**32 - 1)
formats = st.sampled_from(list(FORMATS.values()))
every_format = pytest.mark.parametrize("form", FORMATS.values(), ids=lambda form: form.name)


def cells(formats: tuple[str, ...]) -> Any:
    """Every cell of the CPU in some formats."""
    return pytest.mark.parametrize(
        "coordinates", all_cells(list(LOSSES.values()), list(formats), ["cpu"]), ids=str
    )


@np.errstate(over="ignore")
def count_covered(computed: Array, expected: Tracked, claimed: Array | bool = True) -> int:
    """Check that a bound covers what was computed, and count the elements of which one is claimed."""
    # None is where an intermediate result overflows (of a peak near the end of the range, some rounding
    # does) or may be a 0 that is divided by.
    within = (expected.peak <= expected.format.max / 2) & np.isfinite(expected.bound) & claimed
    got = np.where(within, computed, expected.value)
    worst = judge(np.asarray(got, dtype=np.float64), expected)
    assert worst.conforms, worst
    return int(np.count_nonzero(within))


@cells(tuple(FORMATS))
def test_bounds_cover_every_step_by_step_computation(coordinates: Cell) -> None:
    """Those of the value and of every derivative."""
    row, form = coordinates.loss, coordinates.format
    twice = row.twice and row.forward
    values = slopes = 0

    @settings(max_examples=EXAMPLES)
    @given(differentiations(row.cases(form, coordinates.reduction), form, twice=twice), seeds)
    def conforms(example: Differentiation, seed: int) -> None:
        nonlocal values, slopes
        expected = expect(row, example.case)
        computed = step_by_step(row, example.case, np.random.default_rng(seed))
        assert computed.shape == expected.shape
        vanished = np.isnan(computed) & (row.name == VANISHING)
        values += count_covered(computed, expected, ~vanished)
        if np.any(vanished):  # and the derivatives with it
            return
        names = row.variables(example.case)
        truths = expect_derivatives(row, example, names, twice=twice)
        numbers = rounding(np.random.default_rng(seed))
        rounded = expect_derivatives(row, example, names, twice=twice, numbers=numbers)
        pairs = zip(derivatives(rounded), derivatives(truths))
        slopes += sum(count_covered(got.value, truth) for (_, got), (_, truth) in pairs)

    conforms()
    assert min(values, slopes) >= EXAMPLES // 4


@np.errstate(over="ignore")
def is_betrayed(truth: Tracked) -> bool:
    """Whether a result is noticed of which every element is off by 64 roundoffs."""
    wrong = truth.value * (1 + UNITS * truth.format.unit_roundoff)
    return not judge(truth.format.nearest(np.asarray(wrong, dtype=np.float64)), truth).conforms


def draw_until(enough: Callable[[T], bool], drawn: SearchStrategy[T], label: str, examples: int) -> bool:
    """Draw examples until one is enough, as all others would tell nothing new; false if none is."""
    chosen = settings(max_examples=examples, phases=[Phase.generate])
    try:
        find(drawn, enough, settings=chosen, random=Random(label))
    except NoSuchExample:
        return False
    return True


@cells(("float32", "float64"))
def test_bound_betrays_an_error_of_64_roundoffs_in_every_element(coordinates: Cell) -> None:
    row = coordinates.loss

    def betrays(case: Case) -> bool:
        return is_betrayed(expect(row, case))

    cases = row.cases(coordinates.format, coordinates.reduction)
    assert draw_until(betrays, cases, str(coordinates), 4 * EXAMPLES)


@pytest.mark.parametrize("name", ["float32", "float64"])
@pytest.mark.parametrize("row", LOSSES.values(), ids=LOSSES)
def test_bounds_of_derivatives_betray_an_error_of_64_roundoffs_in_every_element(row: Loss, name: str) -> None:
    form = FORMATS[name]
    twice = row.twice and row.forward
    met: set[str] = set()
    betrayed: set[str] = set()

    def by(names: Iterable[str]) -> set[str]:
        first = {f"by {name}" for name in names}
        return first | ({f"twice, then {name}" for name in first} | {"along"} if twice else set())

    everything = by(
        name for form in row.forms for name, tensor in form.tensors.items() if tensor.gradient is Gradient.YES
    )

    def betrays_the_rest(example: Differentiation) -> bool:
        names = row.variables(example.case)
        if not by(names) <= betrayed:
            for what, truth in derivatives(expect_derivatives(row, example, names, twice=twice)):
                met.update([what] if np.any(truth.value != 0) else [])
                betrayed.update([what] if is_betrayed(truth) else [])
        return everything <= betrayed

    for seed in range(4):  # some arguments are rare
        for cell in all_cells([row], [name], ["cpu"]):
            drawn = differentiations(row.cases(form, cell.reduction), form, twice=twice)
            if draw_until(betrays_the_rest, drawn, f"{seed}:{cell}", 2 * EXAMPLES):
                break
        if betrayed == met:
            break
    assert met
    assert betrayed == met


def derivatives(expected: Expected) -> Iterator[tuple[str, Tracked]]:
    """All that is expected of a case, each with what it is the derivative by."""
    for name, truth in expected.gradients.items():
        yield f"by {name}", truth
    for name, truth in expected.second.items():
        yield f"twice, then by {name}", truth
    if expected.along is not None:
        yield "along", expected.along


# Operands for which a function is real, away from where the bound has to be infinite.
DOMAINS = {
    np.exp: (-80, 80),
    np.log: (2**-20, 2**10),
    np.log1p: (-0.5, 2**10),
    np.sqrt: (0, 2**10),
    np.power: (2**-10, 2**10),
    np.divide: (2**-20, 2**10),
}
EXPONENTS = (0.5, 1 / 3, 1.5, 2.0, 3.0)


@pytest.mark.parametrize("ufunc", UFUNCS, ids=lambda ufunc: ufunc.__name__)
@given(data=st.data(), form=formats, seed=seeds)
def test_rule_covers_every_error_of_the_operands(
    ufunc: np.ufunc, data: st.DataObject, form: Format, seed: int
) -> None:
    low, high = DOMAINS.get(ufunc, (-(2**10), 2**10))
    rng = np.random.default_rng(seed)

    def operand() -> Tracked:
        value = tracked(form.nearest(data.draw(st.floats(low, high))), form).value
        error = np.abs(value) * form.unit_roundoff * data.draw(st.sampled_from((0, 1, 3, 20)))
        return Tracked(value, error, np.abs(value), Reach.of(np.abs(value)), form)

    operands = [operand() for _ in range(ufunc.nin)]
    if ufunc is np.power:
        operands[1] = number(data.draw(st.sampled_from(EXPONENTS)), operands[0])
    expected = ufunc(*operands)
    assume(np.isfinite(expected.value) and expected.peak <= form.max)

    shifts = np.meshgrid(*[np.linspace(-1, 1, 5)] * ufunc.nin)
    off = [Rounded(_shifted(a, shift), form, rng) for a, shift in zip(operands, shifts)]
    with np.errstate(all="ignore"):
        results = ufunc(*off).value
    assert np.all(np.abs(results - expected.value) <= expected.bound)


def _shifted(a: Tracked, shift: Array) -> Array:
    """Numbers of the format within the error of `a`."""
    moved = a.format.nearest(np.asarray(a.value + shift * a.error, dtype=np.float64))
    return np.where(np.abs(moved - a.value) <= a.error, moved, a.value)


numbers = st.floats() | st.floats(width=32) | st.floats(width=16)


@given(numbers)
@np.errstate(over="ignore")
def test_nearest_rounds_as_numpy_does(number: float) -> None:
    np.testing.assert_array_equal(FORMATS["float16"].nearest(number), np.float16(number))
    np.testing.assert_array_equal(FORMATS["float32"].nearest(number), np.float32(number))
    np.testing.assert_array_equal(FORMATS["float64"].nearest(number), number)


@given(st.floats(width=32) | st.floats(width=16))
def test_nearest_rounds_to_bfloat16_as_torch_does(number: float) -> None:
    # From float32: torch rounds a float64 twice.
    cast = torch.tensor(number, dtype=torch.float32).bfloat16().double().numpy()
    np.testing.assert_array_equal(FORMATS["bfloat16"].nearest(number), cast)


@every_format
@given(number=numbers)
def test_format_holds_just_what_rounding_leaves_alone(form: Format, number: float) -> None:
    rounded = float(form.nearest(number))
    assert form.holds(rounded)
    assert form.holds(number) == (rounded == number or np.isnan(number))


@every_format
def test_format_agrees_with_torch(form: Format) -> None:
    info = torch.finfo(getattr(torch, form.name))
    assert (form.max, form.smallest_normal, 2 * form.unit_roundoff) == (info.max, info.tiny, info.eps)
