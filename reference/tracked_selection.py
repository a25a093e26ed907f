"""Tracked numbers that are taken from others, or take the error of others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from . import dispatch
from .dispatch import Array
from .tracked import Tracked


def _with_error_of(value: Tracked, other: Callable[[], Tracked]) -> Tracked:
    off = other()
    error = off.error + np.abs(off.value - value.value)  # the two differ by what the oracle rounds
    error = np.where(np.isfinite(value.value), np.where(np.isnan(error), value.error, error), 0)
    return Tracked(value.value, error, np.maximum(value.peak, off.peak), off.reach, value.format)


def _where(condition: Array, a: Any, b: Any) -> Tracked:
    home = a if isinstance(a, Tracked) else b
    a, b = home._operand(a), home._operand(b)
    return Tracked.of((np.where(condition, *pair) for pair in zip(a.arrays, b.arrays)), home.format)


def _concatenate(arrays: Sequence[Any], axis: int = 0) -> Tracked:
    home = next(array for array in arrays if isinstance(array, Tracked))
    parts = [home._operand(array) for array in arrays]
    groups = zip(*(part.arrays for part in parts))
    return Tracked.of((np.concatenate(list(group), axis=axis) for group in groups), home.format)


Tracked.functions |= {
    np.where: _where,
    np.concatenate: _concatenate,
    dispatch.with_error_of: _with_error_of,
}
