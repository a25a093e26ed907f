"""The strategies: every kind is frequent, every case valid, the simplest one tiny, the printed one real."""

from __future__ import annotations

import ast
import inspect
import zlib
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import HealthCheck, Phase, find, given, seed, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

import reference
import strategies
from conformance.differentiating import expect_derivatives
from conformance.losses import LOSSES, Loss
from conformance.running import arguments, functional, to_numpy
from reference import FORMATS, Format
from strategies import (
    Case,
    Differentiation,
    Distance,
    declared,
    differentiations,
    is_real,
    masked,
    with_infinities,
)
from strategies.infinities import endless
from strategies.values import SIMPLE

from .kinds_of_case import KINDS, NUMBERS, OPTIONS, SIGNED, UNBOUNDED, Call, Kinds

DRAWS = 1000
ENOUGH = 10

QUIET = settings(
    derandomize=True, database=None, deadline=None, suppress_health_check=[HealthCheck.too_slow],
    phases=[Phase.generate, Phase.shrink],
)  # fmt: skip


def draw(cases: SearchStrategy[Case], number: int) -> list[Case]:
    """That many cases, as a test that uses the strategy would get them."""
    drawn: list[Case] = []

    # Seeded as the suite's cells are; one seed for all would repeat one stroke of bad luck.
    @seed(zlib.crc32(repr(cases).encode()))
    @settings(QUIET, max_examples=number, phases=[Phase.generate])
    @given(cases)
    def collect(case: Case) -> None:
        drawn.append(case)

    collect()
    assert len(drawn) == number
    return drawn


@np.errstate(all="ignore")  # predicates compare infinities and nans
def count(kinds: Kinds, cases: list[Case]) -> dict[str, int]:
    """How many cases are in each kind."""
    calls = [Call(case) for case in cases]
    return {name: sum(bool(np.any(holds(call))) for call in calls) for name, holds in kinds.items()}


def too_rare(counts: dict[str, int], enough: int = ENOUGH) -> dict[str, int]:
    """What occurs less often than that."""
    return {name: number for name, number in counts.items() if number < enough}


def oracle(row: Loss, case: Case) -> Any:
    """The oracle's plain value."""
    given_arguments = {n: v.formula if isinstance(v, Distance) else v for n, v in case.computed.items()}
    return row.oracle(**given_arguments)


def optional(row: Loss) -> list[str]:
    """The parameters that have a default."""
    signature = inspect.signature(row.oracle).parameters
    return [name for name, parameter in signature.items() if parameter.default is not parameter.empty]


def check_numbers(case: Case) -> None:
    """Every number is of the format, and finite but where a sample is ignored."""
    for name, value in case.arguments.items():
        if not is_real(value):
            continue
        assert value.dtype == np.float64
        np.testing.assert_array_equal(case.format.nearest(value), value)
        if not np.all(np.isfinite(value)):
            call = Call(case)
            assert name == "input"
            samples = np.moveaxis(value, 0 if value.ndim == 1 else 1, 0)
            assert np.all(np.isfinite(samples[:, call.target != call.ignore_index]))


# Tests of one loss are run next to each other, on the same draws.
@pytest.fixture(scope="module", params=LOSSES.values(), ids=LOSSES)
def row(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture(scope="module")
def thousand(row: Loss) -> list[Case]:
    return draw(row.cases(FORMATS["float32"], "mean"), DRAWS)


def test_every_corner_is_frequent(row: Loss, thousand: list[Case]) -> None:
    assert too_rare(count(KINDS[row.name], thousand)) == {}


def test_every_option_is_at_times_passed_and_at_times_omitted(row: Loss, thousand: list[Case]) -> None:
    passed = Counter(name for case in thousand for name in case.arguments)
    assert too_rare({name: passed[name] for name in optional(row)}) == {}
    assert too_rare({name: DRAWS - passed[name] for name in optional(row)}) == {}


def test_every_value_of_an_option_is_frequent(row: Loss, thousand: list[Case]) -> None:
    for option, values in OPTIONS.get(row.name, {}).items():
        seen = Counter(repr(case.arguments[option]) for case in thousand if option in case.arguments)
        assert set(seen) <= set(map(repr, values)), f"add the new values of {option} to the tables of kinds"
        assert too_rare({repr(value): seen[repr(value)] for value in values}) == {}, option


def test_the_table_of_options_is_complete(row: Loss, thousand: list[Case]) -> None:
    scalars = {
        name
        for case in thousand
        for name, value in case.computed.items()
        if not isinstance(value, (np.ndarray, tuple)) and name not in ("reduction", "var")
    }
    # These depend on the number of classes, and are among the kinds.
    assert scalars - {"ignore_index", "blank"} == set(OPTIONS.get(row.name, {}))


def test_every_case_is_valid(row: Loss, thousand: list[Case]) -> None:
    for case in thousand:
        check_numbers(case)
        oracle(row, case)


def test_every_case_that_follows_from_a_declaration_is_valid(row: Loss) -> None:
    if any("NS" in form.axes(name, 0).split() for form in row.forms for name in form.tensors):
        pytest.skip("how long joined labels are depends on the numbers of another argument")
    for case in draw(declared(row.name, FORMATS["float32"], "mean"), 150):
        check_numbers(case)
        oracle(row, case)


def test_what_is_masked_has_no_gradient_whatever_it_is(row: Loss, thousand: list[Case]) -> None:
    met = 0

    @settings(max_examples=DRAWS, phases=[Phase.generate])
    @given(differentiations(st.sampled_from(thousand), FORMATS["float32"]))
    def holds(drawn: Differentiation) -> None:
        nonlocal met
        example = replace(drawn, case=drawn.case.replacing(reduction="sum"))
        mask = masked(example.case)
        first, x = next(iter(example.case.arguments.items()))
        if mask is not None and not np.all(np.isfinite(x[mask])):
            gradient = expect_derivatives(row, example, [first]).gradients[first]
            assert not np.any(gradient.value[mask])
            assert not np.any(gradient.error[mask])
            met += 1

    if row.name == "ctc_loss":
        holds()
        assert met >= ENOUGH
    else:
        assert all(masked(case) is None for case in thousand)


def test_infinite_numbers_and_nan_are_drawn(row: Loss, thousand: list[Case]) -> None:
    kinds: Counter[str] = Counter()
    possible: set[str] = set()

    @settings(max_examples=DRAWS // 2, phases=[Phase.generate])
    @given(with_infinities(st.sampled_from(thousand)))
    def count(case: Case) -> None:
        arrays = [case.arguments[argument] for argument in endless(case)]
        possible.update(endless(case))
        kinds["nan"] += any(np.any(np.isnan(array)) for array in arrays)
        kinds["infinite"] += any(np.any(np.isinf(array)) for array in arrays)
        kinds["finite"] += all(np.all(np.isfinite(array)) for array in arrays)

    count()
    assert min(kinds["nan"], kinds["infinite"]) >= (ENOUGH / 2 if possible else 0)
    assert kinds["finite"] >= DRAWS / 4


@pytest.mark.parametrize("form", FORMATS.values(), ids=FORMATS)
def test_every_case_is_valid_in_every_format_and_reduction(row: Loss, form: Format) -> None:
    for reduction in row.reductions:
        for case in draw(row.cases(form, reduction), 15):
            assert case.arguments.get("reduction", "mean") == reduction
            assert case.format is form
            check_numbers(case)
            oracle(row, case)


# The whole-array regimes hold for any format: a loss of each domain, with half the draws.
@pytest.mark.parametrize("form", [f for f in FORMATS.values() if f.name != "float32"], ids=lambda f: f.name)
@pytest.mark.parametrize(
    ("loss", "kinds"), [("mse_loss", NUMBERS | SIGNED), ("nll_loss", NUMBERS | UNBOUNDED)]
)
def test_every_kind_of_number_is_frequent_in_every_format(loss: str, kinds: Kinds, form: Format) -> None:
    cases = draw(LOSSES[loss].cases(form, "mean"), DRAWS // 2)
    assert too_rare(count(kinds, cases), ENOUGH // 3) == {}
    for case in cases:
        check_numbers(case)


def size(case: Case) -> int:
    """The number of elements of all arrays and tuples."""
    return sum(np.size(value) for value in case.arguments.values() if isinstance(value, (np.ndarray, tuple)))


def numbers(case: Case) -> set[float]:
    """All numbers in arrays, tuples and options, nan left out."""
    values = [np.ravel(v) for v in case.arguments.values() if isinstance(v, (np.ndarray, tuple, int, float))]
    return {float(x) for x in np.concatenate(values) if not np.isnan(x)}


def test_the_simplest_case_is_tiny(row: Loss) -> None:
    for reduction in row.reductions:
        for form in FORMATS.values():
            case = find(row.cases(form, reduction), lambda _: True, settings=QUIET)
            assert size(case) <= 4
            assert numbers(case) <= {0.0, 1.0, -1.0}
            passed = {name for name in case.arguments if name not in optional(row)}
            assert case.arguments.keys() <= passed | ({"reduction"} if reduction != "mean" else set())


# What may be looked for, and how many elements the simplest case of it has at most.
SOUGHT: list[tuple[str, str, int, Callable[[Call], Any]]] = [
    ("mse_loss", "a difference", 2, lambda c: np.any(c.input != c.target)),
    ("mse_loss", "broadcasting", 3, lambda c: c.input.shape != c.target.shape),
    ("l1_loss", "a weight of 0", 3, lambda c: c.weight is not None and np.any(c.weight == 0)),
    ("smooth_l1_loss", "linear branch", 2, lambda c: np.any(abs(c.input - c.target) > c.beta)),
    ("huber_loss", "nine elements", 18, lambda c: c.input.size == 9),
    ("cross_entropy", "a loss above 1", 4, lambda c: reference.cross_entropy(c.input, c.target) > 1),
    ("cross_entropy", "nan where ignored", 3, lambda c: np.any(np.isnan(c.input))),
    ("cross_entropy", "probability 1", 4, lambda c: is_real(c.target) and np.any(c.target == 1)),
    ("nll_loss", "a batch ignored", 3, lambda c: c.target.size and np.all(c.target == c.ignore_index)),
    ("linear_cross_entropy", "positions", 9, lambda c: c.linear_weight.ndim == 3),
    ("multi_margin_loss", "p 2", 3, lambda c: c.p == 2),
    ("multilabel_margin_loss", "a second label", 4, lambda c: c.target.ndim == 1 and np.all(c.target >= 0)),
    ("multilabel_soft_margin_loss", "integer labels", 4, lambda c: not is_real(c.target)),
    ("binary_cross_entropy", "log 0", 2, lambda c: np.any((c.input == 0) & (c.target == 1))),
    ("hinge_embedding_loss", "label -1", 2, lambda c: np.any(c.target == -1)),
    ("poisson_nll_loss", "Stirling", 2, lambda c: c.full and np.any(c.target > 1)),
    ("gaussian_nll_loss", "var below eps", 3, lambda c: np.any(np.asarray(c.var) < c.eps)),
    ("kl_div", "log_target", 2, lambda c: c.log_target),
    ("cosine_embedding_loss", "a product", 3, lambda c: np.any(c.input1 * c.input2)),
    ("margin_ranking_loss", "a loss", 3, lambda c: np.any(c.input1 < c.input2)),
    ("triplet_margin_loss", "a distance", 3, lambda c: c.swap and np.any(c.anchor != c.negative)),
    ("ctc_loss", "no alignment", 9, lambda c: np.isinf(reference.ctc_loss(
        c.log_probs, c.targets, c.input_lengths, c.target_lengths, c.blank, "sum"))),
    ("ctc_loss", "repeated labels", 14, lambda c: np.any(c.targets[:1, 1:] == c.targets[:1, :-1])
     if c.targets.ndim == 2 else False),
]  # fmt: skip


@pytest.mark.parametrize(
    ("loss", "most", "sought"),
    [pytest.param(loss, most, sought, id=f"{loss}-{what}") for loss, what, most, sought in SOUGHT],
)
def test_what_is_found_is_small_and_round(loss: str, most: int, sought: Callable[[Call], Any]) -> None:
    with np.errstate(all="ignore"):
        cases = LOSSES[loss].cases(FORMATS["float32"], "mean")
        case = find(cases, lambda case: bool(sought(Call(case))), settings=settings(QUIET, max_examples=2000))
    assert size(case) <= most
    assert numbers(case) <= {*SIMPLE, -100.0}


def outcome(call: Callable[[], Any]) -> tuple[Any, ...]:
    """The bits of a result, or what was raised."""
    try:
        result = call()
    except Exception as error:  # whatever torch does on a valid case, it does on the printed one
        return type(error), str(error)
    return result.dtype, result.shape, to_numpy(result).tobytes()


def test_the_printed_case_is_the_case(row: Loss) -> None:
    if not hasattr(F, row.name):
        pytest.skip(f"torch {torch.__version__} has no {row.name}")
    for name in row.formats:
        for case in draw(row.cases(FORMATS[name], "none"), 40):
            ran = outcome(lambda case=case: functional(row, case, arguments(case, "cpu")))
            printed = outcome(lambda case=case: eval(repr(case), {"torch": torch, "F": F}))
            assert printed == ran


def test_hypothesis_prints_the_call(row: Loss) -> None:
    @settings(QUIET, max_examples=1, phases=[Phase.generate])
    @given(row.cases(FORMATS["float32"], "mean"))
    def fails(case: Case) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError) as raised:
        fails()
    notes = "\n".join(raised.value.__notes__)
    simplest = find(row.cases(FORMATS["float32"], "mean"), lambda _: True, settings=QUIET)
    assert f"case={simplest!r}," in notes


@pytest.mark.parametrize("path", sorted(Path(strategies.__file__).parent.glob("*.py")), ids=lambda p: p.stem)
def test_cases_are_valid_by_construction(path: Path) -> None:
    names = {
        getattr(node, "attr", getattr(node, "id", None)) for node in ast.walk(ast.parse(path.read_text()))
    }
    assert not names & {"filter", "assume", "reject"}
