"""Values: whole arrays of numbers of a format in one draw.

An array is drawn as one string of bytes, two for each element, and decoded through a table. Drawing
floats one at a time costs several times as much. There is a table for each format, domain and regime;
entry 0 is always the simplest number, so shrinking the bytes to zero shrinks the array.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache

import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st

from reference import Array, Format

from .domains import LOG_PROBABILITIES, NON_NEGATIVE, REALS, UNIT, Interval
from .shapes import Shape

ENTRIES = 4096  # a power of two, so that every entry is equally likely

SIMPLE = (0.0, 1.0, -1.0, 2.0, -2.0, 0.5, -0.5, 3.0, -3.0, 0.25, 1.5, -1.5, 4.0, -4.0, -0.0, 10.0)


def _simple(format: Format, rng: np.random.Generator) -> Array:
    """Small round numbers: ties between elements, and arguments that hit a branch's boundary."""
    return np.resize(SIMPLE, ENTRIES)


def _beside(format: Format, rng: np.random.Generator) -> Array:
    """The same and their neighbours in the format: differences that cancel, and the sides of a boundary."""
    return _simple(format, rng) * (1 + format.unit_roundoff * rng.choice([0.0, -1.0, 2.0], ENTRIES))


def _ordinary(format: Format, rng: np.random.Generator) -> Array:
    """What networks produce: full mantissas, size around 1."""
    return rng.normal(scale=2.0, size=ENTRIES)


def _spread(format: Format, rng: np.random.Generator) -> Array:
    """Sizes from 2^-16 to 2^11, where exponentials saturate, overflow and vanish."""
    ends = [math.log(format.max), math.log(format.smallest_normal), math.log(format.smallest_subnormal)]
    near = [end * factor for end in ends for factor in (1.0, 0.98, 1.02, -1.0)]
    size = rng.choice([-1.0, 1.0], ENTRIES) * 2.0 ** rng.uniform(-16, 11, ENTRIES)
    size[: 16 * len(near)] = np.tile(near, 16)
    return size


def _extreme(format: Format, rng: np.random.Generator) -> Array:
    """The whole range of the format, its ends and its subnormals."""
    lowest = format.min_exponent - format.digits + 1
    size = rng.uniform(1, 2, ENTRIES) * 2.0 ** rng.integers(lowest, format.max_exponent, ENTRIES)
    ends = [0.0, format.smallest_subnormal, format.smallest_normal, format.max, format.max / 2]
    size[: 128 * len(ends)] = np.tile(ends, 128)
    return rng.choice([-1.0, 1.0], ENTRIES) * np.minimum(size, format.max)


def _wide(format: Format, rng: np.random.Generator) -> Array:
    """Sizes over a third of the format's exponents: products of two or three numbers just fit, or do not."""
    exponents = rng.uniform(format.min_exponent / 3, format.max_exponent / 3, ENTRIES)
    return rng.choice([-1.0, 1.0], ENTRIES) * 2.0**exponents


Regime = Callable[[Format, np.random.Generator], Array]
# A regime holds for a whole array: one huge element would hide the others in a sum.
REGIMES: tuple[Regime, ...] = (
    _simple, _simple, _beside, _beside, _ordinary, _ordinary, _ordinary, _spread, _spread, _extreme,
)  # fmt: skip


AUDIT: tuple[Regime, ...] = (*REGIMES, _wide, _wide, _wide, _extreme)


# Tables are part of the suite, not of a run, so their seed is fixed; an audit has the seed of its run.
SEED = 20


def widen(seed: int) -> None:
    """Draw from wider tables of other numbers, as an audit does; before any strategy is made.

    Args:
        seed: of the numbers in the tables.
    """
    global REGIMES, SEED
    REGIMES, SEED = AUDIT, seed


def _training(format: Format, rng: np.random.Generator) -> Array:
    """What a network in training produces: full mantissas, sizes around 1, and nothing exactly at an end."""
    return np.where(np.abs(drawn := rng.normal(size=ENTRIES)) < 1e-3, 1e-3, drawn)


def narrow() -> None:
    """Draw only numbers as training has them; before any strategy is made, as they are kept."""
    global REGIMES, SIMPLEST
    REGIMES, SIMPLEST = (_training,), 0.5


# The entry 0 of every table.
SIMPLEST = 0.0


def _unit(x: Array) -> Array:
    """Fold the reals onto [0, 1]: sizes up to 1 stay, larger ones approach 1 from below."""
    size = np.abs(x)
    return np.where(size <= 1, size, 1 - 1 / np.maximum(size, 1))


def _folded(x: Array, interval: Interval) -> Array:
    """Fold the reals into an interval, the small ones next to its lower end, or to its only one."""
    low, high = interval.low, interval.high
    if math.isinf(low):
        return x if math.isinf(high) else high - np.abs(x) if high else -np.abs(x)
    return low + np.abs(x) if math.isinf(high) else low + (high - low) * _unit(x)


def _simplest(format: Format, interval: Interval) -> float:
    """A round number of an interval; 0 where that is one."""
    low, high = interval.low, interval.high
    candidates = np.array([SIMPLEST, -SIMPLEST, 1.0, -1.0, 0.5, low + 1, high - 1, (low + high) / 2])
    rounded = format.nearest(candidates[np.isfinite(candidates)])
    return float(rounded[interval.holds(rounded)][0])


@cache
def _table(format: Format, interval: Interval, regime: Regime) -> Array:
    table = _folded(regime(format, np.random.default_rng(SEED)), interval)
    simplest = table[0] = _simplest(format, interval)
    table = np.clip(format.nearest(table), -format.max, format.max)
    return np.where(interval.holds(table), table, simplest)


@cache
def _arrays(
    format: Format, shape: Shape, interval: Interval, regimes: tuple[Regime, ...]
) -> st.SearchStrategy[Array]:
    size = 2 * math.prod(shape)

    def decoded(drawn: tuple[Regime, bytes]) -> Array:
        regime, codes = drawn
        values: Array = _table(format, interval, regime)[np.frombuffer(codes, dtype=">u2") % ENTRIES]
        return values.reshape(shape)

    return st.tuples(st.sampled_from(regimes), st.binary(min_size=size, max_size=size)).map(decoded)


def within(format: Format, shape: Shape, interval: Interval) -> st.SearchStrategy[Array]:
    """Arrays of finite numbers of an interval and of the format. Shrinks to zeros where 0 is one."""
    return _arrays(format, shape, interval, REGIMES)


def reals(format: Format, shape: Shape) -> st.SearchStrategy[Array]:
    """Arrays of any finite numbers of the format. Shrinks to zeros."""
    return within(format, shape, REALS)


def probabilities(format: Format, shape: Shape) -> st.SearchStrategy[Array]:
    """Arrays of numbers in [0, 1], both ends included. Shrinks to zeros."""
    return within(format, shape, UNIT)


def non_negatives(format: Format, shape: Shape) -> st.SearchStrategy[Array]:
    """Arrays of numbers >= 0. Shrinks to zeros."""
    return within(format, shape, NON_NEGATIVE)


def log_probabilities(format: Format, shape: Shape) -> st.SearchStrategy[Array]:
    """Arrays of numbers <= 0; their exponentials need not sum to 1. Shrinks to zeros."""
    return within(format, shape, LOG_PROBABILITIES)


def choices(shape: Shape, options: npt.ArrayLike) -> st.SearchStrategy[Array]:
    """Arrays of the given few options, in one draw. Shrinks to the first option throughout."""
    size, table = math.prod(shape), np.asarray(options)
    drawn = st.binary(min_size=size, max_size=size)
    return drawn.map(lambda codes: table[np.frombuffer(codes, np.uint8) % len(table)].reshape(shape))
