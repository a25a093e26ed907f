"""The oracle as others call it: plain arrays of any type, options, and small and large numbers."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest

import reference
from conformance.losses import LOSSES
from reference import FORMATS, tracked, weights_as_masks
from strategies.arguments import Signature
from strategies.options import retyped
from strategies.signatures import SIGNATURES

PAIR = {"input": [1.0], "target": [1.0]}
SCORES = {"input": [[1.0, 2.0]], "target": [0]}
TRIPLET = {"anchor": [1.0], "positive": [1.0], "negative": [1.0]}
# A valid call of each loss whose arguments are not just a pair.
CALLS: dict[str, dict[str, Any]] = {
    "cross_entropy": SCORES,
    "nll_loss": SCORES,
    "multi_margin_loss": SCORES,
    "multilabel_margin_loss": {"input": [[1.0, 2.0]], "target": [[0, -1]]},
    "multilabel_soft_margin_loss": {"input": [[1.0, 2.0]], "target": [[0, 1]]},
    "linear_cross_entropy": {"input": [[1.0]], "linear_weight": [[1.0], [2.0]], "target": [0]},
    "gaussian_nll_loss": {**PAIR, "var": [1.0]},
    "cosine_embedding_loss": {"input1": [1.0], "input2": [1.0], "target": 1},
    "margin_ranking_loss": {"input1": [1.0], "input2": [1.0], "target": [1]},
    "triplet_margin_loss": TRIPLET,
    "triplet_margin_with_distance_loss": TRIPLET,
    "ctc_loss": {"log_probs": [[0.0, -1.0]], "targets": [1], "input_lengths": 1, "target_lengths": 1},
}
ARRAYS = ("weight", "pos_weight", "linear_bias")


def options(loss: str) -> list[tuple[str, Any]]:
    """The options of a loss that are no arrays, with their defaults."""
    parameters = inspect.signature(getattr(reference, loss)).parameters.values()
    return [(p.name, p.default) for p in parameters if p.default is not p.empty and p.name not in ARRAYS]


@pytest.mark.parametrize("bad", ["1", "0.1", None, np.ones(2)], ids=repr)
@pytest.mark.parametrize(
    ("loss", "name", "default"), [(loss, *option) for loss in LOSSES for option in options(loss)]
)
def test_an_option_of_another_type_is_refused_in_one_line(
    loss: str, name: str, default: Any, bad: Any
) -> None:
    formula, given = getattr(reference, loss), CALLS.get(loss, PAIR)
    formula(**given)
    if bad is None and default is None:
        return
    with pytest.raises((TypeError, ValueError), match=rf"\b{name}\b") as raised:
        formula(**given, **{name: bad})
    assert "\n" not in str(raised.value)


RETYPED = [
    pytest.param(form, name, value, id=f"{form}-{name}-{value!r}")
    for forms in SIGNATURES.values()
    for form in forms
    for name, values in retyped(form.ordinary(format=FORMATS["float64"])).items()
    for value in values
]


@pytest.mark.parametrize(("form", "name", "value"), RETYPED)
def test_a_number_option_counts_as_its_number_whatever_its_type(
    form: Signature, name: str, value: Any
) -> None:
    case, whole = form.ordinary(format=FORMATS["float64"]), getattr(form.arguments[name], "integer", False)
    formula = getattr(reference, form.loss)
    result = formula(**{**case.arguments, name: value})
    plain = formula(**{**case.arguments, name: int(value) if whole else float(value)})
    assert result.dtype == plain.dtype
    assert result.tobytes() == plain.tobytes()


@pytest.mark.parametrize(
    ("kind", "loss", "argument", "given"),
    [
        (ValueError, "cross_entropy", "target", {**SCORES, "target": np.array([2**64 - 1], np.uint64)}),
        (ValueError, "nll_loss", "target", {**SCORES, "target": np.array([2**63], np.uint64)}),
        (TypeError, "mse_loss", "input", {**PAIR, "input": np.ma.masked_array([1.0], [True])}),
        (TypeError, "l1_loss", "weight", {**PAIR, "weight": np.ma.masked_array([1.0], [True])}),
        (TypeError, "nll_loss", "target", {**SCORES, "target": np.ma.masked_array([0], [True])}),
    ],
)
def test_an_array_that_would_be_misread_is_refused(
    kind: type[Exception], loss: str, argument: str, given: dict[str, Any]
) -> None:
    with pytest.raises(kind, match=rf"\b{argument}\b") as raised:
        getattr(reference, loss)(**given)
    assert "\n" not in str(raised.value)


def test_tracking_charges_a_rounding_for_a_number_that_the_format_has_not() -> None:
    error = tracked([-0.5, -0.1], FORMATS["float32"]).error
    assert error[0] == 0
    assert abs(float(np.float32(-0.1)) - -0.1) <= error[1] <= 2 * 0.1 * 2.0**-24


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_narrow_arrays_are_computed_in_float64(dtype: type[np.floating[Any]]) -> None:
    rows = 70_000
    loss = reference.cross_entropy(np.zeros((rows, 2), dtype), np.zeros(rows, np.int64))
    np.testing.assert_allclose(loss, np.log(2), rtol=1e-12)
    assert loss.dtype == np.float64
    assert reference.mse_loss(np.array([300, 0], dtype), np.zeros(2, dtype)) == 45_000
    assert (
        reference.nll_loss(np.full((rows, 1), -1, dtype), np.zeros(rows, np.int64), reduction="sum") == rows
    )


SMALL = np.log1p(np.exp(-40.0))


@pytest.mark.parametrize(
    ("loss", "given", "expected"),
    [
        ("soft_margin_loss", {"input": [40.0], "target": [1]}, SMALL),
        ("binary_cross_entropy_with_logits", {"input": [-40.0], "target": [0.0]}, SMALL),
        ("cosine_embedding_loss", {"input1": [1e200, 0], "input2": [1e200, 1e200], "target": -1}, 0.5**0.5),
        (
            "cosine_embedding_loss",
            {"input1": [1e-200, 0], "input2": [1e-200, 1e-200], "target": -1},
            0.5**0.5,
        ),
        ("cosine_embedding_loss", {"input1": [0.0, 0.0], "input2": [1.0, 2.0], "target": 1}, 1.0),
        ("cosine_embedding_loss", {"input1": [0.0, 0.0], "input2": [1.0, 2.0], "target": -1}, 0.0),
        ("smooth_l1_loss", {"input": [1e200], "target": [0.0], "beta": 1e200}, 5e199),
        ("l1_loss", {"input": [1.0, 3.0], "target": [0.0, 0.0], "weight": [1.0, 3.0]}, 5.0),
        ("mse_loss", {"input": [1.0, 3.0], "target": [0.0, 0.0], "weight": [1.0, 3.0]}, 14.0),
        ("huber_loss", {"input": [1.0, 3.0], "target": [0.0, 0.0], "weight": [1.0, 3.0]}, 4.0),
        ("huber_loss", {"input": [np.inf], "target": [0.0], "delta": np.inf}, np.inf),
        ("huber_loss", {"input": [3.0], "target": [0.0], "delta": np.inf}, 4.5),
        (
            "kl_div",
            {"input": np.zeros((1, 3)), "target": np.full((4, 3), np.e), "reduction": "batchmean"},
            3 * np.e,
        ),
        (
            "kl_div",
            {"input": np.zeros(3), "target": np.full((2, 3), np.e), "reduction": "batchmean"},
            3 * np.e,
        ),
    ],
)
def test_plain_float64_gives_the_documented_number(loss: str, given: dict[str, Any], expected: float) -> None:
    np.testing.assert_allclose(getattr(reference, loss)(**given), expected, rtol=1e-14)


@pytest.mark.parametrize(
    ("loss", "given"),
    [
        ("mse_loss", {"input": [np.inf, 1.0], "target": [0.0, 0.0], "weight": [0.0, 2.0]}),
        ("nll_loss", {"input": [[-np.inf, 0.0], [0.0, -2.0]], "target": [0, 1], "weight": [0.0, 1.0]}),
    ],
)
def test_a_weight_of_0_is_a_factor_and_within_the_context_a_mask(loss: str, given: dict[str, Any]) -> None:
    formula = getattr(reference, loss)
    assert np.isnan(formula(**given, reduction="sum"))
    with weights_as_masks():
        assert formula(**given, reduction="sum") == 2
    assert np.isnan(formula(**given, reduction="sum"))
