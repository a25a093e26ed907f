"""Inner products by matrix multiplication have the values and bounds of those made number by number."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest

import reference
from conformance.bounds import judge
from reference import FORMATS, Array, Format, Tracked, Variable, gradients, sums, tracked
from reference import inner_products as module
from reference.inner_products import inner_products

every_format = pytest.mark.parametrize("form", FORMATS.values(), ids=lambda form: form.name)


def matrices(form: Format, *, zeros: bool = False, off: int = 0) -> list[Tracked]:
    """Two matrices of 40 features; some of their numbers are 0, or off by some roundoffs."""
    rng = np.random.default_rng(0)
    found = []
    for rows in (5, 7):
        values = form.nearest(
            rng.standard_normal((rows, 40)) * (rng.random((rows, 40)) < 0.7 if zeros else 1)
        )
        numbers = tracked(values, form)
        error = off * form.unit_roundoff * np.abs(numbers.value)
        found.append(Tracked(numbers.value, error, numbers.peak, numbers.reach, form))
    return found


@np.errstate(all="ignore")
def everything(arrays: list[Tracked]) -> dict[str, Any]:
    """The products, their gradients, and the gradients of these."""
    outer = [Variable(array) for array in arrays]
    inner = [Variable(array) for array in outer]
    products: Any = inner_products(*inner)
    upstream = Variable(tracked(np.linspace(-1, 1, products.size).reshape(products.shape), arrays[0].format))
    first = gradients(products, upstream, inner)
    second = gradients(
        np.sum(first[0] * np.ones(first[0].shape)), tracked(np.ones(()), arrays[0].format), outer
    )
    found = [products.value.value, *(gradient.value for gradient in first), *second]
    return dict(zip(("products", "by x", "by a", "twice, by x", "twice, by a"), found))


@every_format
@pytest.mark.parametrize("zeros", [False, True])
@pytest.mark.parametrize("off", [0, 3])
def test_bounds_are_those_of_number_by_number(
    form: Format, zeros: bool, off: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrays = matrices(form, zeros=zeros, off=off)
    # A product that a format has is exact; matrices cannot tell which are.
    monkeypatch.setattr(sums, "MANY", np.inf)
    one_by_one = everything(arrays)
    monkeypatch.setattr(module, "MANY", 0)
    for name, together in everything(arrays).items():
        expected = one_by_one[name]
        assert np.all(np.abs(together.value - expected.value) <= 1e-3 * expected.error), name
        # By rows, the smallest partial product is a lower bound for each number's own.
        spacing = form.smallest_subnormal
        np.testing.assert_allclose(together.error, expected.error, 1e-9, spacing, err_msg=name)
        assert np.all(together.peak >= expected.peak * (1 - 1e-9)), name
        assert np.all(together.reach.largest >= expected.reach.largest * (1 - 1e-9)), name
        assert np.all(together.reach.smallest <= expected.reach.smallest * (1 + 1e-9)), name


@pytest.mark.parametrize("wrong", [np.inf, np.nan, 3e38])
def test_numbers_that_overflow_are_multiplied_one_by_one(
    wrong: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MANY", 0)
    x, a = np.ones((2, 3)), np.ones((4, 3))
    a[1, 2] = wrong
    arrays: list[Any] = [tracked(array, FORMATS["float32"]) for array in (x, a)]
    made: list[Array] = []
    monkeypatch.setattr(module, "_multiplied", lambda *given: made.append(given[0]))
    with np.errstate(all="ignore"):
        assert inner_products(*arrays).shape == (2, 4)
    assert not made


def test_linear_cross_entropy_of_many_classes_takes_little_memory() -> None:
    rng = np.random.default_rng(0)
    form = FORMATS["float32"]
    arrays = [form.nearest(rng.standard_normal(shape) / 16) for shape in ((64, 256), (4000, 256))]
    target = rng.integers(0, 4000, 64)
    tracemalloc.start()
    try:
        x, a = (Variable(tracked(array, form)) for array in arrays)
        loss: Any = reference.linear_cross_entropy(x, a, target)
        gradient = gradients(loss, tracked(np.ones(()), form), [x, a])[1]
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 60 * sum(array.nbytes for array in arrays)
    assert not judge(np.float64(loss.value.value * (1 + 1e-3)), loss.value).conforms
    assert not judge(np.float64(gradient.value * 2), gradient).conforms
