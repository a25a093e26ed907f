"""The oracle: its formulas against fifty digits, its manners as a NumPy library, its refusals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from mpmath import mp

import reference
from conformance.bounds import WEIGHTS, expect
from conformance.losses import LOSSES, Loss
from meta_tests import fifty_digits
from reference import FORMATS, Array, Format
from strategies import Case, Distance, is_real

EXAMPLES = 60

# Losses whose terms all have one sign, and are exact but for a few roundings each.
NEVER_CANCEL = {"l1_loss", "mse_loss", "smooth_l1_loss", "huber_loss", "nll_loss", "binary_cross_entropy"}

every_loss = pytest.mark.parametrize("row", [pytest.param(row, id=row.name) for row in LOSSES.values()])
# The oracle computes in float64 for the one, in longdouble for the other.
both_oracles = pytest.mark.parametrize("form", [FORMATS["float32"], FORMATS["float64"]], ids=lambda f: f.name)


def check_cases(row: Loss, form: Format, check: Callable[[Case], None], examples: int) -> None:
    """Draw cases of a loss, and check each in every reduction."""

    @settings(max_examples=examples)
    @given(row.cases(form, "mean"))
    def every_reduction(case: Case) -> None:
        check(case)
        for reduction in row.reductions:
            if reduction != "mean":
                check(case.replacing(reduction=reduction))

    every_reduction()


def arguments(case: Case, dtype: type[np.floating[Any]]) -> dict[str, Any]:
    """The arguments of a case for plain use, real arrays in a dtype."""
    return {
        name: value.astype(dtype) if is_real(value) else _callable(value)
        for name, value in case.computed.items()
    }


def _callable(value: Any) -> Any:
    return value.formula if isinstance(value, Distance) else value


def enumerable(case: Case) -> bool:
    """Whether a case is small enough for fifty digits, where CTC enumerates all alignments."""
    if case.loss != "ctc_loss":
        return True
    frames, *_, classes = case.arguments["log_probs"].shape
    return classes**frames <= 1000


@np.errstate(all="ignore")
def own_error(row: Loss, case: Case) -> Array:
    """How far off the oracle may be: the running error bound of its formula in its own arithmetic.

    That is float64, whose bound is known, or longdouble. A bound is proportional to the unit roundoff,
    and a little more where that is large; so float64's, scaled down, holds for longdouble.
    """
    error = expect(row, replace(case, format=FORMATS["float64"])).error
    scale = case.format.oracle_roundoff / FORMATS["float64"].unit_roundoff
    # Any number below the smallest is rounded to 0 and taken for exact.
    return np.where(np.isnan(error), np.inf, error * scale) + np.finfo(case.format.wide).smallest_subnormal


def can_cancel(case: Case) -> bool:
    """Whether losses of both signs are added, as those of negative weights are."""
    return any(bool(np.any(case.arguments.get(name, 0) < 0)) for name in WEIGHTS)


def problem(value: Any, truth: Any, allowed: Any) -> str | None:
    """What is wrong with one number of the oracle, or None."""
    if np.isnan(value) or mp.isnan(truth):
        agrees = np.isnan(value) and mp.isnan(truth)
    elif np.isinf(value):  # right where the truth is beyond the range
        agrees = abs(truth) > mp.convert(np.finfo(value.dtype).max) and (value > 0) == (truth > 0)
    else:
        agrees = abs(mp.convert(value) - truth) <= mp.convert(allowed)
    return None if agrees else f"oracle {value!r}, truth {mp.nstr(truth, 30)}, allowed {allowed!r}"


@every_loss
@both_oracles
@mp.workdps(50)
def test_formula_agrees_with_fifty_digits(row: Loss, form: Format) -> None:
    units: list[float] = []  # relative errors, in unit roundoffs of the oracle's arithmetic
    checked = 0

    def check(case: Case) -> None:
        nonlocal checked
        if not enumerable(case):
            return
        value = np.asarray(expect(row, case).value)
        truth = getattr(fifty_digits, row.name)(**arguments(case, np.float64))
        assert value.shape == truth.shape
        for number, exactly, allowed in np.broadcast(value, truth, own_error(row, case)):
            wrong = problem(number, exactly, allowed)
            assert wrong is None, wrong
            if can_cancel(case):
                continue
            if np.isfinite(number) and abs(exactly) >= FORMATS["float32"].smallest_normal:
                error = abs(mp.convert(number) - exactly) / abs(exactly)
                units.append(float(error / mp.convert(form.oracle_roundoff)))
        checked += 1

    check_cases(row, form, check, EXAMPLES)
    assert checked >= EXAMPLES * len(row.reductions) // 2
    # The bounds above come from the code under test; these are plain numbers.
    assert np.median(units) <= 2
    assert row.name not in NEVER_CANCEL or max(units) <= 8


@every_loss
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.longdouble])
def test_result_has_the_shape_of_the_arguments_and_is_wide(row: Loss, dtype: type[np.floating[Any]]) -> None:
    def check(case: Case) -> None:
        result = row.oracle(**arguments(case, dtype))
        assert isinstance(result, (np.ndarray, np.generic))
        assert (result.dtype, result.shape) == (np.result_type(dtype, np.float64), expect(row, case).shape)

    check_cases(row, FORMATS["float32"], check, 20)


@every_loss
def test_tracking_leaves_the_value_alone(row: Loss) -> None:
    def check(case: Case) -> None:
        np.testing.assert_array_equal(row.oracle(**arguments(case, np.float64)), expect(row, case).value)

    check_cases(row, FORMATS["float32"], check, 20)


def test_lists_and_integers_count_as_float64() -> None:
    losses = reference.cross_entropy([[0, 0], [0, 0]], [0, 1], reduction="none")
    assert losses.dtype == np.float64
    np.testing.assert_allclose(losses, [np.log(2)] * 2)
    assert reference.mse_loss([1, 2], [1.5, 2]) == 0.125
    assert reference.l1_loss(3, 1, reduction="none") == 2
    assert reference.ctc_loss([[0.0, -1.0]], [1], 1, 1, reduction="sum") == 1
    assert reference.triplet_margin_loss([0, 0], [3, 4], [0, 0], eps=0) == 6


def test_distance_is_the_norm_along_the_last_axis() -> None:
    np.testing.assert_array_equal(reference.pairwise_distance([[3, 4], [0, 1]], [[0, 0]], eps=0), [5, 1])


def test_arguments_are_left_alone() -> None:
    logits, weight = np.array([[1.0, 2.0], [0.0, -1.0]]), np.array([0.5, 2.0])
    for array in (logits, weight):
        array.setflags(write=False)
    reference.cross_entropy(logits, [0, 1], weight, label_smoothing=0.5)


# One line each: what is called, with what, and which argument the message must name.
INVALID: list[tuple[str, type[Exception], str, dict[str, Any]]] = [
    ("l1_loss", ValueError, "reduction", {"input": [1], "target": [1], "reduction": "average"}),
    ("mse_loss", TypeError, "input", {"input": [1j], "target": [1]}),
    ("l1_loss", TypeError, "target", {"input": [1], "target": ["a"]}),
    ("l1_loss", ValueError, "weight", {"input": [1, 2], "target": [1, 2], "weight": [1]}),
    ("mse_loss", ValueError, "input", {"input": [1, 2, 3], "target": [1, 2]}),
    ("smooth_l1_loss", ValueError, "beta", {"input": [1], "target": [1], "beta": -0.5}),
    ("smooth_l1_loss", ValueError, "beta", {"input": [1], "target": [1], "beta": np.nan}),
    ("huber_loss", ValueError, "delta", {"input": [1], "target": [1], "delta": 0.0}),
    ("cross_entropy", ValueError, "target", {"input": [[1, 2]], "target": [2]}),
    ("cross_entropy", TypeError, "target", {"input": [[1, 2]], "target": [0.0]}),
    ("cross_entropy", ValueError, "weight", {"input": [[1, 2]], "target": [0], "weight": [1]}),
    ("cross_entropy", ValueError, "input", {"input": 1.0, "target": 0}),
    ("cross_entropy", ValueError, "input", {"input": np.zeros((2, 0)), "target": [0, 0]}),
    ("cross_entropy", ValueError, "label_smoothing", {"input": [[1]], "target": [0], "label_smoothing": 1.5}),
    ("nll_loss", ValueError, "target", {"input": [[1, 2]], "target": [0, 1]}),
    ("nll_loss", ValueError, "target", {"input": [[1, 2]], "target": [-1]}),
    (
        "linear_cross_entropy",
        ValueError,
        "ignore_index",
        {"input": [[1]], "linear_weight": [[1], [2]], "target": [[0.5, 0.5]], "ignore_index": 0},
    ),
    (
        "linear_cross_entropy",
        ValueError,
        "linear_weight",
        {"input": [[1]], "linear_weight": [[1, 2]], "target": [0]},
    ),
    ("multi_margin_loss", ValueError, "p", {"input": [[1, 2]], "target": [0], "p": 3}),
    ("multilabel_margin_loss", ValueError, "target", {"input": [[1, 2]], "target": [[0, 2]]}),
    ("multilabel_soft_margin_loss", ValueError, "target", {"input": [[1, 2]], "target": [[1]]}),
    ("multilabel_soft_margin_loss", ValueError, "weight", {"input": [1], "target": [1], "weight": [1, 2]}),
    ("binary_cross_entropy", ValueError, "input", {"input": [1.5], "target": [1]}),
    ("binary_cross_entropy", ValueError, "input", {"input": [np.nan], "target": [1]}),
    ("binary_cross_entropy", ValueError, "target", {"input": [0.5], "target": [-0.5]}),
    ("binary_cross_entropy_with_logits", ValueError, "target", {"input": [1, 2], "target": [1]}),
    (
        "binary_cross_entropy_with_logits",
        ValueError,
        "pos_weight",
        {"input": [1], "target": [1], "pos_weight": [1, 2]},
    ),
    ("soft_margin_loss", ValueError, "target", {"input": [1], "target": [0]}),
    ("hinge_embedding_loss", ValueError, "target", {"input": [1, 2], "target": [1]}),
    ("poisson_nll_loss", ValueError, "target", {"input": [1, 2], "target": [1, 2, 3]}),
    ("gaussian_nll_loss", ValueError, "var", {"input": [1], "target": [1], "var": [-1]}),
    ("gaussian_nll_loss", ValueError, "var", {"input": [[1, 2]], "target": [[1, 2]], "var": [1, 2]}),
    ("kl_div", ValueError, "reduction", {"input": [1], "target": [1], "reduction": "batch"}),
    ("cosine_embedding_loss", ValueError, "input2", {"input1": [[1]], "input2": [[1, 2]], "target": [1]}),
    ("cosine_embedding_loss", ValueError, "target", {"input1": [[1]], "input2": [[1]], "target": 1}),
    ("margin_ranking_loss", ValueError, "target", {"input1": [1], "input2": [1], "target": [0.5]}),
    (
        "triplet_margin_loss",
        ValueError,
        "margin",
        {"anchor": [1], "positive": [1], "negative": [1], "margin": 0},
    ),
    ("triplet_margin_loss", ValueError, "p", {"anchor": [1], "positive": [1], "negative": [1], "p": 0}),
    (
        "triplet_margin_with_distance_loss",
        ValueError,
        "negative",
        {"anchor": [1], "positive": [1], "negative": [[1]]},
    ),
    (
        "ctc_loss",
        ValueError,
        "blank",
        {"log_probs": [[0, 0]], "targets": [1], "input_lengths": 1, "target_lengths": 1, "blank": 2},
    ),
    (
        "ctc_loss",
        ValueError,
        "targets",
        {"log_probs": [[0, 0]], "targets": [0], "input_lengths": 1, "target_lengths": 1},
    ),
    (
        "ctc_loss",
        ValueError,
        "input_lengths",
        {"log_probs": [[0, 0]], "targets": [1], "input_lengths": 2, "target_lengths": 1},
    ),
    (
        "ctc_loss",
        ValueError,
        "target_lengths",
        {"log_probs": [[0, 0]], "targets": [1], "input_lengths": 1, "target_lengths": 2},
    ),
    (
        "ctc_loss",
        TypeError,
        "input_lengths",
        {"log_probs": [[0, 0]], "targets": [1], "input_lengths": 1.0, "target_lengths": 1},
    ),
]


@pytest.mark.parametrize(
    ("loss", "kind", "argument", "given_arguments"),
    [pytest.param(*row, id=f"{row[0]}-{row[2]}-{n}") for n, row in enumerate(INVALID)],
)
def test_invalid_call_is_refused_in_one_line_that_names_the_argument(
    loss: str, kind: type[Exception], argument: str, given_arguments: dict[str, Any]
) -> None:
    with pytest.raises(kind, match=rf"\b{argument}\b") as raised:
        getattr(reference, loss)(**given_arguments)
    assert raised.type is kind
    assert "\n" not in str(raised.value)
