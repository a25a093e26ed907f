"""The bound of a sum of many terms: sound for all terms and orders, and no larger than it must be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

import numpy as np
import pytest

import reference
from conformance.bounds import judge
from reference import FORMATS, Array, Format, Tracked, tracked
from reference.sums import DEVIATIONS

Kind: TypeAlias = Callable[[np.random.Generator, tuple[int, int]], Array]

# float16 with a range that no sum here leaves, and bfloat16, both added in their own format.
NARROW = tuple(replace(FORMATS[name], accumulator=name, max_exponent=128) for name in ("float16", "bfloat16"))
# How many sums of how many terms: some 4,000 in all, each in six orders.
SHAPES = ((64, 2**10), (24, 3001), (8, 2**14), (2, 2**17))


def _halves(rng: np.random.Generator, shape: tuple[int, int]) -> Array:
    first = rng.random((shape[0], 1))
    return np.where(np.arange(shape[1]) < shape[1] // 2, first, 1 - first)


KINDS: dict[str, Kind] = {
    "normal": lambda rng, shape: rng.standard_normal(shape),
    "squares": lambda rng, shape: rng.standard_normal(shape) ** 2,
    "uniform": lambda rng, shape: rng.random(shape),
    "many small ones": lambda rng, shape: rng.random(shape) ** 4,
    "many scales": lambda rng, shape: np.exp(4 * rng.standard_normal(shape)),
    "mostly zero": lambda rng, shape: rng.random(shape) * (rng.random(shape) < 0.01),
    "nearly equal": lambda rng, shape: 1 + rng.random(shape) / 2**10,
    "equal": lambda rng, shape: np.broadcast_to(rng.random((shape[0], 1)), shape),
    "equal but for signs": lambda rng, shape: rng.choice([-0.1, 0.1], shape),
    "p, then 1 - p": _halves,
    "one of two in turn": lambda rng, shape: rng.random((shape[0], 2))[:, np.arange(shape[1]) % 2],
    "one of five": lambda rng, shape: rng.choice(rng.random(5), shape),
    "one large": lambda rng, shape: np.where(np.arange(shape[1]) == 0, shape[1], rng.random(shape)),
    "a trend": lambda rng, shape: rng.random(shape) * np.linspace(0, 1, shape[1]) ** 3,
    "ascending": lambda rng, shape: np.sort(np.exp(2 * rng.standard_normal(shape))),
    "descending": lambda rng, shape: -np.sort(-np.exp(2 * rng.standard_normal(shape))),
    "halfway between multiples": lambda rng, shape: (rng.integers(0, 4, shape) + 0.5) / 8,
    "large integers": lambda rng, shape: rng.integers(0, 2**16, shape).astype(float),
}
# Of a million terms, those that rounding loses most of in float32.
LOSSY = ("squares", "many small ones", "many scales", "equal", "one of five")


def _one_by_one(terms: Array) -> Array:
    return np.add.accumulate(terms, axis=1)[:, -1]


def _in_blocks(terms: Array, length: int = 512) -> Array:
    whole = terms.shape[1] // length * length
    blocks = _one_by_one(terms[:, :whole].reshape(-1, length)).reshape(len(terms), -1)
    return _one_by_one(np.concatenate([blocks, terms[:, whole:]], axis=1))


def _in_lanes(terms: Array, lanes: int = 8) -> Array:
    whole = terms.shape[1] // lanes * lanes
    added = np.add.accumulate(terms[:, :whole].reshape(len(terms), -1, lanes), axis=1)[:, -1]
    return _one_by_one(np.concatenate([added, terms[:, whole:]], axis=1))


def _in_pairs(terms: Array) -> Array:
    while terms.shape[1] > 1:
        odd = terms[:, :1] if terms.shape[1] % 2 else terms[:, :0]
        even = terms[:, odd.shape[1] :]
        terms = np.concatenate([odd, even[:, ::2] + even[:, 1::2]], axis=1)
    return terms[:, 0]


def assert_covered(terms: Array, expected: Tracked, rng: np.random.Generator) -> None:
    """Check that a bound covers the sums of rows, as NumPy adds numbers of their dtype in several orders."""
    shuffled = terms[:, rng.permutation(terms.shape[1])]  # as by atomic additions
    sums = {
        "one by one": _one_by_one(terms),
        "reversed": _one_by_one(terms[:, ::-1]),
        "shuffled": _one_by_one(shuffled),
        "in blocks": _in_blocks(terms),
        "in lanes": _in_lanes(terms),
        "in pairs": _in_pairs(terms),
    }
    assert np.all(np.isfinite(expected.bound))
    assert np.all(expected.bound >= 0)
    for order, got in sums.items():
        worst = judge(got.astype(expected.value.dtype), expected)
        assert worst.conforms, (order, worst)


@pytest.mark.parametrize("name", ["float32", "float64"])
@pytest.mark.parametrize("kind", KINDS)
def test_bound_covers_sums_of_many_terms_in_every_order(kind: str, name: str) -> None:
    rng = np.random.default_rng(1)
    for shape in (*SHAPES, *([(1, 2**20)] if kind in LOSSY else [])):
        terms = KINDS[kind](rng, shape).astype(name)
        assert_covered(terms, np.sum(tracked(terms, FORMATS[name]), axis=1), rng)


@pytest.mark.parametrize("form", NARROW, ids=lambda form: form.name)
@pytest.mark.parametrize("kind", KINDS)
def test_bound_covers_sums_that_stagnate(kind: str, form: Format) -> None:
    rng = np.random.default_rng(2)
    terms = form.nearest(KINDS[kind](rng, (4, 2**13)) / 64)
    expected = np.sum(tracked(terms, form), axis=1)
    assert np.all(np.isfinite(expected.bound))
    assert np.all(expected.bound >= 0)
    computed = np.zeros(len(terms))
    for column in terms.T:
        computed = form.nearest(computed + column)
    worst = judge(computed, expected)
    assert worst.conforms, worst


def test_bound_of_a_sum_that_loses_all_terms_but_the_first_is_not_less_than_they_are() -> None:
    form = NARROW[1]
    terms = np.concatenate([[256.0], np.full(2**12, 0.5)])  # to which bfloat16 adds nothing below 1
    expected = np.sum(tracked(terms, form))
    assert expected.bound >= 2**11


@pytest.mark.parametrize("name", ["float32", "float64"])
def test_sum_that_data_make_exact_has_no_error(name: str) -> None:
    form, unit = FORMATS[name], 2.0**-12
    most = int(1 / form.unit_roundoff)  # units that the format counts
    for count in (2, 3, 2**10, 2**12):
        full = np.full(count, unit * (most // count))
        full[0] += unit * (most % count)
        signs = np.where(np.arange(count) % 2, -1, 1)
        assert np.sum(tracked(full, form)).error == 0
        assert np.sum(tracked(signs * full, form)).error == 0
        full[0] += unit
        full[-1] += unit
        assert np.sum(tracked(full, form)).error > 0


@pytest.mark.parametrize("form", FORMATS.values(), ids=lambda form: form.name)
def test_loss_of_small_integers_has_no_error(form: Format) -> None:
    rng = np.random.default_rng(3)
    x, y = (tracked(rng.integers(-3, 4, 2**12).astype(float), form) for _ in range(2))
    for loss in (reference.mse_loss, reference.l1_loss):
        added = loss(x, y, reduction="sum")
        assert added.error == 0 or not form.has(np.asarray(added.value))
        assert np.all(loss(x, y, reduction="none").error == 0)


@pytest.mark.parametrize("name", ["float32", "float64"])
def test_result_that_only_looks_exact_has_an_error(name: str) -> None:
    form, count = FORMATS[name], 2**10
    lost = form.oracle_roundoff / 2  # beside 1, the wide type drops it
    one = tracked(np.ones(count), form)
    assert np.all((one + tracked(np.full(count, lost), form)).error > 0)
    assert np.all((one / 3 * 3).error > 0)
    if name == "float64":  # the square is 1 - 2^-80
        product = tracked(np.full(count, 1 - 2.0**-40), form) * tracked(np.full(count, 1 + 2.0**-40), form)
        assert np.all(product.error > 0)


def test_probable_bound_fails_less_than_once_in_a_thousand_million_runs() -> None:
    assert 10**8 * 2 * np.exp(-(DEVIATIONS**2) / 2) <= 1e-9


@pytest.mark.parametrize(("name", "off"), [("float32", 1e-3), ("float64", 1e-10)])
@pytest.mark.parametrize("loss", [reference.mse_loss, reference.l1_loss, reference.poisson_nll_loss])
def test_small_error_in_a_mean_of_a_million_is_caught(
    loss: Callable[[Tracked, Tracked], Tracked], name: str, off: float
) -> None:
    rng = np.random.default_rng(4)
    form = FORMATS[name]
    x, y = (tracked(form.nearest(rng.standard_normal(2**20)), form) for _ in range(2))
    expected = loss(x, y)
    right = form.nearest(np.asarray(expected.value, dtype=np.float64))
    assert judge(right, expected).conforms
    for wrong in (right * (1 + off), right * (1 - off)):
        assert not judge(wrong, expected).conforms
