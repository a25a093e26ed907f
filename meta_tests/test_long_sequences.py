"""CTC at the lengths that people train with: bounds that hold and betray, in little time and memory."""

from __future__ import annotations

import time
import tracemalloc
from typing import Any

import numpy as np
import pytest
from mpmath import mp

import reference
from conformance.bounds import judge
from reference import FORMATS, Array, Tracked, Variable, gradients, tracked

from .step_by_step import rounding
from .test_bound import count_covered

SCALES = {"even": 0.0, "random": 1.0, "confident": 4.0}
both = pytest.mark.parametrize("name", ["float32", "float64"])


def sequences(name: str, frames: int, labels: int, batch: int, classes: int, scale: float = 1.0) -> Any:
    """Log-probabilities, and the other arguments: lengths differ, and the labels of one repeat."""
    rng = np.random.default_rng(frames + labels)
    x = scale * rng.standard_normal((frames, batch, classes))
    x = x - np.log(np.sum(np.exp(x), axis=-1, keepdims=True))
    targets = rng.integers(1, classes, (batch, labels))
    targets[0] = 1 + (np.arange(labels) // 2) % (classes - 1)
    input_lengths, target_lengths = np.full(batch, frames), np.full(batch, labels)
    input_lengths[1:2] -= frames // 5
    target_lengths[1:2] //= 2
    return FORMATS[name].nearest(x), targets, input_lengths, target_lengths


@np.errstate(all="ignore")
def evaluated(numbers: Any, *others: Array, **options: Any) -> tuple[Any, Any]:
    """The losses, and the gradient of their sum."""
    x = Variable(numbers)
    losses: Any = reference.ctc_loss(x, *others, reduction="none", **options)
    (gradient,) = gradients(losses, np.ones(losses.shape), [x])
    return losses.value, gradient


def known(name: str, x: Array, *others: Array, **options: Any) -> tuple[Tracked, Tracked]:
    """What the oracle says of the same."""
    return evaluated(tracked(x, FORMATS[name]), *others, **options)


@both
@pytest.mark.parametrize("scale", SCALES.values(), ids=SCALES)
@pytest.mark.parametrize(("frames", "labels"), [(300, 40), (500, 5), (250, 110)])
def test_bounds_cover_a_step_by_step_computation(name: str, scale: float, frames: int, labels: int) -> None:
    x, *others = sequences(name, frames, labels, 3, 6, scale)
    for seed in range(2):
        numbers = rounding(np.random.default_rng(seed))(x, FORMATS[name])
        for computed, expected in zip(evaluated(numbers, *others), known(name, x, *others)):
            assert count_covered(computed.value, expected) == expected.size


def test_bounds_cover_a_step_by_step_computation_of_1500_frames() -> None:
    x, *others = sequences("float32", 1500, 100, 2, 5)
    numbers = rounding(np.random.default_rng(0))(x, FORMATS["float32"])
    for computed, expected in zip(evaluated(numbers, *others), known("float32", x, *others)):
        assert count_covered(computed.value, expected) == expected.size


@pytest.mark.parametrize(("name", "error"), [("float32", 1e-3), ("float64", 1e-10)])
@pytest.mark.parametrize("scale", SCALES.values(), ids=SCALES)
def test_bounds_at_1500_frames_betray_wrong_losses_and_doubled_gradients(
    name: str, error: float, scale: float
) -> None:
    losses, gradient = known(name, *sequences(name, 1500, 150, 2, 8, scale))
    for n in range(losses.size):
        assert not judge(np.float64(losses.value[n] * (1 + error)), losses[n]).conforms
        assert not judge(np.float64(2 * gradient.value[:, n]), gradient[:, n]).conforms


def test_bound_of_even_probabilities_is_finite() -> None:
    x = np.full((200, 1, 3), np.log(1 / 3, dtype=np.float32))
    loss, gradient = known("float32", x, np.array([[1, 2]]), np.array([200]), np.array([2]))
    assert np.all(loss.bound < 2e-5 * loss.value)
    assert np.all(gradient.bound < 0.05)


def likelihood(log_probs: Array, labels: list[int], blank: int) -> Any:
    """The probability of the labels, prefix by prefix: those that end in a blank, or in their last label."""
    silent, voiced = [mp.one, *[mp.zero] * len(labels)], [mp.zero] * (len(labels) + 1)
    for frame in log_probs:
        p = [mp.exp(number) for number in frame]
        for n in reversed(range(len(labels) + 1)):
            silence = (silent[n] + voiced[n]) * p[blank]
            if n:
                repeated = n > 1 and labels[n - 1] == labels[n - 2]
                before = silent[n - 1] + (mp.zero if repeated else voiced[n - 1])
                voiced[n] = (voiced[n] + before) * p[labels[n - 1]]
            silent[n] = silence
    return silent[-1] + voiced[-1]


@pytest.mark.parametrize("blank", [0, 3])
def test_oracle_agrees_with_fifty_digits(blank: int) -> None:
    frames, classes = 120, 4
    x, _, *lengths = sequences("float64", frames, 30, 1, classes)
    labels = [label for label in range(classes) if label != blank]
    target = [labels[n // 2 % 3] for n in range(30)]
    losses, gradient = known("float64", x, np.array([target]), *lengths, blank=blank)
    with mp.workdps(50):
        given = np.vectorize(mp.mpf, otypes=[object])(x[:, 0])
        whole = likelihood(given, target, blank)
        assert abs(-mp.log(whole) - mp.convert(losses.value[0])) <= mp.convert(losses.bound[0])
        step = mp.mpf(10) ** -20
        for t, k in [(0, blank), (0, target[0]), (7, 1), (60, blank), (60, 2), (119, 0)]:
            moved = given.copy()
            moved[t, k] += step
            moved[t] -= mp.log(mp.fsum(map(mp.exp, moved[t])))
            base = given.copy()
            base[t] -= mp.log(mp.fsum(map(mp.exp, base[t])))
            slope = mp.log(likelihood(base, target, blank) / likelihood(moved, target, blank)) / step
            assert abs(slope - mp.convert(gradient.value[t, 0, k])) <= mp.convert(gradient.bound[t, 0, k])


def test_gradient_at_1500_frames_takes_little_time_and_memory() -> None:
    given = sequences("float32", 1500, 300, 8, 64)
    tracemalloc.start()
    try:
        begun = time.process_time()
        _, gradient = known("float32", *given)
        spent = time.process_time() - begun
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert np.all(np.isfinite(gradient.bound))
    assert most < 1e9
    assert spent < 30
