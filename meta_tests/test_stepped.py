"""Numbers that know what step-by-step arithmetic may give: they leave nothing out, and add little."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conformance.bounds import oracle_arguments
from conformance.differentiating import expect_derivatives
from conformance.losses import LOSSES, Loss
from reference import FORMATS, Array, Format, Stepped, stepped, tracked
from reference.dispatch import product, scatter, total
from strategies import Case, Differentiation, differentiations

from .step_by_step import Bare, rounding
from .test_bound import derivatives

EXAMPLES = 20
DIFFERENTIATED = 6

INF, NAN = np.inf, np.nan
SINGLE, HALF = FORMATS["float32"], FORMATS["float16"]

every_cell = pytest.mark.parametrize(
    ("row", "form"),
    [
        pytest.param(row, FORMATS[name], id=f"{row.name}-{name}")
        for row in LOSSES.values()
        for name in row.formats
    ],
)
seeds = st.integers(0, 2**32 - 1)


def cases(row: Loss, form: Format) -> st.SearchStrategy[Case]:
    """Cases of a loss in any reduction."""
    return st.sampled_from(row.reductions).flatmap(lambda reduction: row.cases(form, reduction))


def check(found: Any, computed: Any, form: Format) -> None:
    """Check that what was computed is among what may be."""
    known = found if isinstance(found, Stepped) else stepped(found, form)
    observed = np.asarray(getattr(computed, "value", computed), dtype=np.float64)
    assert observed.shape == known.shape
    assert np.all(known.gives(observed)), f"{observed} is not among {known}"


@every_cell
def test_every_step_by_step_computation_is_among_what_is_given(row: Loss, form: Format) -> None:
    @settings(max_examples=EXAMPLES)
    @given(cases(row, form), seeds)
    @np.errstate(all="ignore")
    def is_given(case: Case, seed: int) -> None:
        numbers = rounding(np.random.default_rng(seed), Bare)
        computed = row.oracle(**oracle_arguments(case, numbers))
        check(row.oracle(**oracle_arguments(case, stepped)), computed, form)

    is_given()


@every_cell
def test_derivatives_computed_step_by_step_are_among_what_is_given(row: Loss, form: Format) -> None:
    twice = row.twice and row.forward

    @settings(max_examples=DIFFERENTIATED)
    @given(differentiations(cases(row, form), form, twice=twice), seeds)
    def is_given(example: Differentiation, seed: int) -> None:
        numbers = rounding(np.random.default_rng(seed), Bare)
        found, computed = (
            expect_derivatives(row, example, row.variables(example.case), twice=twice, numbers=kind)
            for kind in (stepped, numbers)
        )
        for (_, known), (_, observed) in zip(derivatives(found), derivatives(computed), strict=True):
            check(known, observed, form)

    is_given()


def kinds(result: Stepped) -> str:
    """What a single result may be: a number (#), +inf, -inf, nan (?)."""
    assert result.shape == ()
    flags = (result.is_number, result.plus, result.minus, result.nan)
    return "".join(sign for sign, possible in zip("#+-?", flags) if possible)


TINY, MOST = SINGLE.smallest_subnormal, SINGLE.max
OPERANDS = (0.0, -0.0, TINY, 1.0, -1.0, MOST, -MOST, INF, -INF, NAN)


@pytest.mark.parametrize("a", OPERANDS)
@pytest.mark.parametrize("b", OPERANDS)
@pytest.mark.parametrize("ufunc", [np.add, np.subtract, np.multiply, np.divide, np.maximum, np.minimum])
@np.errstate(all="ignore")
def test_two_known_numbers_give_just_what_the_processor_gives(ufunc: np.ufunc, a: float, b: float) -> None:
    expected = float(ufunc(np.float32(a), np.float32(b)))
    result = ufunc(stepped(a, SINGLE), stepped(b, SINGLE))
    assert result.gives(np.asarray(expected))
    # Next to the largest number it is open whether a result is rounded to it or to infinity.
    exactly = abs(float(ufunc(np.float64(a), np.float64(b))))
    edge = MOST < exactly < INF and exactly < MOST * (1 + SINGLE.unit_roundoff)
    assert edge or len(kinds(result)) == 1


@pytest.mark.parametrize("a", OPERANDS)
@pytest.mark.parametrize("ufunc", [np.negative, np.absolute, np.sqrt, np.exp, np.log, np.log1p])
@np.errstate(all="ignore")
def test_one_known_number_gives_just_what_the_processor_gives(ufunc: np.ufunc, a: float) -> None:
    result = ufunc(stepped(a, SINGLE))
    assert result.gives(np.asarray(ufunc(np.float32(a)), dtype=np.float64))
    assert len(kinds(result)) == 1


def between(low: float, high: float, form: Format = SINGLE) -> Stepped:
    """Any number of a range."""
    middle = stepped((low + high) / 2, form)
    return middle.around(middle.value, np.asarray((high - low) / 2))


@pytest.mark.parametrize(
    ("compute", "expected"),
    [
        pytest.param(lambda: 1 / between(-1, 1), "#+-", id="1 / [-1, 1]"),
        pytest.param(lambda: 1 / between(0, 1), "#+", id="1 / [0, 1]"),
        pytest.param(lambda: between(-1, 1) / between(-1, 1), "#+-?", id="[-1, 1] / [-1, 1]"),
        pytest.param(lambda: between(1, 2) / between(3, 4), "#", id="[1, 2] / [3, 4]"),
        pytest.param(lambda: np.log(between(0, 1)), "#-", id="log [0, 1]"),
        pytest.param(lambda: np.log(between(-1, 1)), "#-?", id="log [-1, 1]"),
        pytest.param(lambda: np.sqrt(between(-1, 1)), "#?", id="sqrt [-1, 1]"),
        pytest.param(lambda: between(0, 2) * stepped(MOST, SINGLE), "#+", id="[0, 2] MOST"),
        pytest.param(lambda: between(-1, 1) * stepped(INF, SINGLE), "+-?", id="[-1, 1] inf"),
        pytest.param(lambda: np.maximum(stepped(-INF, SINGLE), between(-1, 1)), "#", id="max -inf"),
        # exp overflows from 88.73 on, and may up to half a percent earlier.
        pytest.param(lambda: np.exp(stepped(88.0, SINGLE)), "#", id="exp 88"),
        pytest.param(lambda: np.exp(stepped(88.7, SINGLE)), "#+", id="exp 88.7"),
        pytest.param(lambda: np.exp(stepped(89.0, SINGLE)), "+", id="exp 89"),
        pytest.param(lambda: np.exp(stepped(10.9, HALF)), "#", id="exp 10.9 in half"),
    ],
)
@np.errstate(all="ignore")
def test_a_range_gives_every_kind_that_one_of_its_numbers_gives(
    compute: Callable[[], Stepped], expected: str
) -> None:
    assert kinds(compute()) == expected


def sums(numbers: list[float], form: Format) -> list[Stepped]:
    """The sum of numbers, by each function that adds them in an open order."""
    array = stepped(numbers, form)
    return [
        np.sum(array),
        scatter(array, (np.zeros(len(numbers), dtype=np.int64),), (1,))[0],
        *([total(*(array[i] for i in range(len(numbers))))] if form.accumulator == form.name else []),
    ]


@pytest.mark.parametrize(
    ("numbers", "form", "expected"),
    [
        pytest.param([MOST, MOST], SINGLE, "+", id="in every order"),
        pytest.param([-MOST, -MOST], SINGLE, "-", id="in every order, below 0"),
        pytest.param([MOST, MOST, -MOST], SINGLE, "#+", id="in some orders"),
        pytest.param([MOST, MOST, -MOST, -MOST], SINGLE, "#+-?", id="in some orders, on both sides"),
        pytest.param([MOST / 4, MOST / 4, -MOST / 4], SINGLE, "#", id="in none"),
        pytest.param([INF, 1.0], SINGLE, "+", id="inf"),
        pytest.param([INF, -INF, 1.0], SINGLE, "?", id="inf - inf"),
        pytest.param([NAN, INF], SINGLE, "?", id="nan"),
        pytest.param([6e4, 6e4, -6e4], HALF, "#", id="of half precision, in float32"),
        pytest.param([6e4, 6e4], HALF, "+", id="of half precision, rounded"),
        pytest.param([], SINGLE, "#", id="of nothing"),
    ],
)
@np.errstate(all="ignore")
def test_a_sum_overflows_in_just_the_orders_it_may(numbers: list[float], form: Format, expected: str) -> None:
    found = sums(numbers, form) if numbers else [np.sum(stepped(np.ones(0), form))]
    assert [kinds(result) for result in found] == [expected] * len(found)


@np.errstate(all="ignore")
def test_the_mean_of_half_precision_numbers_does_not_overflow() -> None:
    assert kinds(np.mean(stepped([6e4] * 10, HALF))) == "#"
    assert kinds(np.mean(stepped([MOST] * 10, SINGLE))) == "+"


@np.errstate(all="ignore")
def test_factors_and_terms_come_in_any_order() -> None:
    huge, small = stepped(1e30, SINGLE), stepped(1e-30, SINGLE)
    assert kinds(product(huge, huge, small)) == "#+"
    assert kinds(product(huge, small, stepped(2.0, SINGLE))) == "#"
    # 1 - 1e8 + 1e8 is 1 or 0.
    found = total(1, -stepped(1e8, SINGLE), stepped(1e8, SINGLE))
    assert np.all(found.gives(np.array([0.0, 1.0])))


@pytest.mark.parametrize("form", FORMATS.values(), ids=lambda form: form.name)
@pytest.mark.parametrize(
    "formula",
    [
        pytest.param(lambda x, y: np.sum(x * y), id="dot"),
        pytest.param(lambda x, y: np.mean(np.abs(x - y)), id="mean"),
        pytest.param(lambda x, y: np.exp(x) / (1 + np.exp(y)), id="quotient"),
        pytest.param(lambda x, y: np.log1p(np.exp(x)) + np.sqrt(x * x + y * y), id="functions"),
        pytest.param(lambda x, y: np.maximum(x, y) + np.power(np.abs(x) + 1, y), id="power"),
        pytest.param(lambda x, y: total(x, y, 1) * product(x, y, x), id="any order"),
    ],
)
def test_ranges_of_ordinary_numbers_are_about_as_wide_as_the_bound(
    formula: Callable[..., Any], form: Format
) -> None:
    rng = np.random.default_rng(0)
    arrays: list[Array] = [form.nearest(rng.normal(size=50)) for _ in range(2)]
    found = formula(*(stepped(array, form) for array in arrays))
    bound = formula(*(tracked(array, form) for array in arrays))
    assert not np.any(found.plus | found.minus | found.nan | found.strayed)
    assert np.all(found.high - found.low <= 4 * bound.error)


@np.errstate(invalid="ignore")  # infinities are among the numbers
def test_a_count_beyond_the_range_of_half_precision_is_no_infinity() -> None:
    sums = stepped(np.array([6e4, INF]), HALF)
    assert np.all((sums / 65_522).gives(HALF.nearest(np.array([6e4 / 65_522, INF]))))
    assert not np.any((sums / 65_522).nan)
    assert np.all((sums / INF).gives(np.array([0.0, NAN])))
