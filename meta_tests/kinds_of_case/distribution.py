"""Kinds of the losses between distributions."""

from __future__ import annotations

from typing import Any

import numpy as np

from .shared import BROADCAST, ELEMENTWISE, NUMBERS, SIGNED, UNBOUNDED, Call, Kinds, spacings_from_one


def var_shape(c: Call) -> Any:
    """The shape of the variances, None for a number; None also where the input is a scalar."""
    return np.shape(c.var) if isinstance(c.var, np.ndarray) and len(c.input.shape) else None


KINDS: dict[str, Kinds] = {
    "poisson_nll_loss": {
        **NUMBERS,
        **SIGNED,
        **ELEMENTWISE,
        "logarithms of rates": lambda c: c.log_input,
        "rates": lambda c: not c.log_input,
        "rate 0": lambda c: not c.log_input and c.input == 0,
        "rate 0 and a count": lambda c: not c.log_input and (c.input == 0) & (c.target > 0),
        "count 0": lambda c: c.target == 0,
        "Stirling at 1": lambda c: c.full and c.target == 1,
        "Stirling just below 1": lambda c: c.full and (c.target < 1) & (spacings_from_one(c, c.target) <= 2),
        "Stirling just above 1": lambda c: c.full and (c.target > 1) & (spacings_from_one(c, c.target) <= 2),
        "Stirling above 1": lambda c: c.full and c.target > 1,
        "Stirling below 1": lambda c: c.full and (c.target > 0) & (c.target < 1),
        "Stirling at 0": lambda c: c.full and c.target == 0,
    },
    "gaussian_nll_loss": {
        **NUMBERS,
        **SIGNED,
        **ELEMENTWISE,
        "target broadcasts": lambda c: c.target.shape != c.input.shape,
        "var for each element": lambda c: var_shape(c) == c.input.shape,
        "var lacks the last axis": lambda c: len(c.shape) > 1 and var_shape(c) == c.input.shape[:-1],
        "var for each row": lambda c: len(c.shape) > 1 and var_shape(c) == (*c.input.shape[:-1], 1),
        "var for each column": lambda c: len(c.shape) > 1 and var_shape(c) == (1, *c.input.shape[1:]),
        "var 0-d": lambda c: var_shape(c) == (),
        **{
            f"var the number {v}": lambda c, v=v: isinstance(c.var, float) and c.var == v
            for v in (1.0, 0.5, 0.0)
        },
        "var 0": lambda c: np.asarray(c.var) == 0,
        "var below eps": lambda c: (np.asarray(c.var) > 0) & (np.asarray(c.var) < c.eps),
        "var above eps": lambda c: np.asarray(c.var) > c.eps,
        "var at eps": lambda c: np.asarray(c.var) == c.eps,
        "sample met": lambda c: c.input == c.target,
        "sample missed": lambda c: c.input != c.target,
    },
    "kl_div": {
        **NUMBERS,
        **UNBOUNDED,
        **ELEMENTWISE,
        **BROADCAST,
        "logarithms of probabilities": lambda c: c.log_target,
        "probabilities": lambda c: not c.log_target,
        "probability 0": lambda c: not c.log_target and c.target == 0,
        "probability 1": lambda c: not c.log_target and c.target == 1,
        "probability between": lambda c: not c.log_target and (c.target > 0) & (c.target < 1),
        "logarithm 0": lambda c: c.log_target and c.target == 0,
        "logarithm of what vanishes": lambda c: (
            c.log_target and c.target < np.log(c.format.smallest_subnormal) - 1
        ),
        "equal logarithms": lambda c: c.log_target and c.input == c.target,
    },
}

OPTIONS: dict[str, dict[str, tuple[Any, ...]]] = {
    "poisson_nll_loss": {"log_input": (True, False), "full": (True, False), "eps": (1e-8, 1e-3, 0.5)},
    "gaussian_nll_loss": {"full": (True, False), "eps": (1e-6, 1e-3, 0.5)},
    "kl_div": {"log_target": (True, False)},
}
