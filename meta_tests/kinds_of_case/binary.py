"""Kinds of the losses of two-class problems."""

from __future__ import annotations

from typing import Any

import numpy as np

from .shared import ELEMENTWISE, NUMBERS, SIGNED, SIGNS, WEIGHT, Kinds

TARGETS: Kinds = {
    **NUMBERS,
    **ELEMENTWISE,
    "target 0": lambda c: c.target == 0,
    "target 1": lambda c: c.target == 1,
    "target between": lambda c: (c.target > 0) & (c.target < 1),
}


def _shapes(name: str) -> Kinds:
    """Kinds of the shape of a weight: as `input`, or whatever broadcasts to that."""

    def shape(c: Any) -> Any:
        weight = getattr(c, name)
        return None if weight is None or c.shape in ((), (1,)) else weight.shape

    return {
        f"{name} for each element": lambda c: shape(c) == c.shape,
        f"{name} lacks an axis": lambda c: len(c.shape) > 1 and shape(c) == c.shape[1:],
        f"{name} of one element": lambda c: len(c.shape) > 1 and shape(c) == (1,) * len(c.shape),
        f"{name} for each row": lambda c: len(c.shape) > 1 and shape(c) == (*c.shape[:-1], 1),
        f"{name} 0-d": lambda c: shape(c) == (),
    }


KINDS: dict[str, Kinds] = {
    "binary_cross_entropy": {
        **TARGETS,
        **WEIGHT,
        **_shapes("weight"),
        "input 0": lambda c: c.input == 0,
        "input 1": lambda c: c.input == 1,
        "input just below 1": lambda c: c.input == 1 - c.format.unit_roundoff,
        "input between": lambda c: (c.input > 0) & (c.input < 1),
        "right at 0": lambda c: (c.input == 0) & (c.target == 0),
        "right at 1": lambda c: (c.input == 1) & (c.target == 1),
        "log of 0 is clamped": lambda c: (c.input == 0) & (c.target > 0),
        "log of 1 - 1 is clamped": lambda c: (c.input == 1) & (c.target < 1),
    },
    "binary_cross_entropy_with_logits": {
        **TARGETS,
        **SIGNED,
        **WEIGHT,
        **_shapes("weight"),
        **_shapes("pos_weight"),
        "both weights": lambda c: c.weight is not None and c.pos_weight is not None,
        "pos_weight 0": lambda c: c.pos_weight is not None and (c.pos_weight == 0) & (c.target > 0),
        "pos_weight above 1": lambda c: c.pos_weight is not None and c.pos_weight > 1,
    },
    "soft_margin_loss": {
        **NUMBERS,
        **SIGNED,
        **ELEMENTWISE,
        **SIGNS,
        "exp overflows": lambda c: -c.target * c.input > np.log(c.format.max),
        "right side": lambda c: c.target * c.input > 0,
    },
    "hinge_embedding_loss": {
        **NUMBERS,
        **SIGNED,
        **ELEMENTWISE,
        **SIGNS,
        "at the margin": lambda c: (c.target == -1) & (c.input == c.margin),
        "within the margin": lambda c: (c.target == -1) & (c.input < c.margin),
        "beyond the margin": lambda c: (c.target == -1) & (c.input > c.margin),
        "negative distance": lambda c: (c.target == 1) & (c.input < 0),
    },
}

OPTIONS: dict[str, dict[str, tuple[Any, ...]]] = {
    "hinge_embedding_loss": {"margin": (1.0, 0.5, 2.0, 0.0, 0.1, -1.0, 1)},
}
