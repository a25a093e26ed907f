"""Kinds of L1, MSE, smooth L1 and Huber."""

from __future__ import annotations

from typing import Any

from .shared import BROADCAST, ELEMENTWISE, NUMBERS, SIGNED, WEIGHT, Kinds, gap

DIFFERENCES: Kinds = {
    **NUMBERS,
    **SIGNED,
    **ELEMENTWISE,
    **BROADCAST,
    "some equal": lambda c: (gap(c) == 0) & (c.target != 0),
    "input above": lambda c: c.input > c.target,
    "input below": lambda c: c.input < c.target,
    "signs differ": lambda c: c.input * c.target < 0,
    "difference cancels": lambda c: (gap(c) > 0) & (gap(c) <= 8 * c.format.unit_roundoff * abs(c.target)),
}

KINDS: dict[str, Kinds] = {
    "l1_loss": {**DIFFERENCES, **WEIGHT},
    "mse_loss": {**DIFFERENCES, **WEIGHT},
    "smooth_l1_loss": {
        **DIFFERENCES,
        "quadratic branch": lambda c: (gap(c) > 0) & (gap(c) < c.beta),
        "linear branch": lambda c: (c.beta > 0) & (c.beta < gap(c)),
        "exactly beta apart": lambda c: (c.beta > 0) & (c.beta == gap(c)),
        "just not beta apart": lambda c: (abs(gap(c) - c.beta) > 0) & (abs(gap(c) - c.beta) < 1e-6),
        "beta 0": lambda c: (c.beta == 0) & (gap(c) > 0),
        "beta 0, equal": lambda c: (c.beta == 0) & (gap(c) == 0),
    },
    "huber_loss": {
        **DIFFERENCES,
        **WEIGHT,
        "quadratic branch": lambda c: (gap(c) > 0) & (gap(c) < c.delta),
        "linear branch": lambda c: c.delta < gap(c),
        "exactly delta apart": lambda c: c.delta == gap(c),
        "just not delta apart": lambda c: (abs(gap(c) - c.delta) > 0) & (abs(gap(c) - c.delta) < 1e-6),
    },
}

_THRESHOLDS = (1.0, 0.5, 2.0, 0.1, 3.0, 1e-3, 100.0)

OPTIONS: dict[str, dict[str, tuple[Any, ...]]] = {
    "smooth_l1_loss": {"beta": (*_THRESHOLDS, 0.0, 0)},
    "huber_loss": {"delta": _THRESHOLDS},
}
