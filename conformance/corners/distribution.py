"""Corners of the losses of a distribution."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .corner import Corner, corner
from .shared import (
    CONTRIBUTES,
    FITS,
    INF,
    LIMIT,
    NAN,
    NO_MEAN,
    ROUNDED,
    ROWS,
    SCALAR,
)

POISSON, GAUSSIAN, KL = "poisson_nll_loss", "gaussian_nll_loss", "kl_div"
STIRLING = "documented: the approximation is used for target values more than 1"
CLAMP = "documented: variances are clamped at eps"
NONE: dict[str, Any] = {"reduction": "none"}


def _stirling(y: float) -> float:
    return y * math.log(y) - y + 0.5 * math.log(2 * math.pi * y)


CORNERS: tuple[Corner, ...] = (
    corner(POISSON, "0-d", SCALAR, 1.0, input=np.array(0.0), target=np.array(3.0)),
    corner(POISSON, "target 0", ROUNDED, [1.0], input=[0.0], target=[0.0], **NONE),
    corner(POISSON, "Stirling's term at 0 and 1", STIRLING, [1.0, 1.0],
           input=[0.0, 0.0], target=[0.0, 1.0], full=True, **NONE),
    corner(POISSON, "Stirling's term above 1", STIRLING, [1 + _stirling(1.5)],
           input=[0.0], target=[1.5], full=True, **NONE),
    corner(POISSON, "target between 0 and 1", "no target is documented to be an integer", [0.5],
           input=[1.0], target=[math.e - 0.5], formats=("float64",), **NONE),
    corner(POISSON, "exp about to overflow", "the true value is beyond the format", [INF],
           input=["exp overflows"], target=[0.0], **NONE),
    corner(POISSON, "log-rate infinite", "exp(x) outgrows y x", [INF, INF],
           input=[INF, INF], target=[0.0, 1.0], **NONE),
    corner(POISSON, "log-rate minus infinite", LIMIT, [0.0, INF],
           input=[-INF, -INF], target=[0.0, 1.0], **NONE),
    corner(POISSON, "rate infinite", "x outgrows y log x", [INF, INF],
           input=[INF, INF], target=[0.0, 1.0], log_input=False, **NONE),
    corner(POISSON, "rate 0", "eps is documented to avoid log(0)", [-math.log(2.0**-10)],
           input=[0.0], target=[1.0], log_input=False, eps=2.0**-10, **NONE),
    corner(POISSON, "rate 0 and target 0", "eps is documented to avoid log(0)", [0.0],
           input=[0.0], target=[0.0], log_input=False, **NONE),
    corner(POISSON, "nan", CONTRIBUTES, [NAN, NAN], input=[NAN, 0.0], target=[0.0, NAN], **NONE),
    corner(POISSON, "sum overflows, mean fits", FITS, "half max",
           input=["half max"] * 4, target=[0.0] * 4, log_input=False),
    corner(POISSON, "more rows than the largest half", FITS, 1.0,
           input=np.zeros(ROWS), target=np.zeros(ROWS)),
    corner(GAUSSIAN, "0-d", SCALAR, 2.0, input=np.array(2.0), target=np.array(0.0), var=np.array(1.0)),
    corner(GAUSSIAN, "var 0, on the mean", CLAMP, [0.5 * math.log(2.0**-10)],
           input=[1.0], target=[1.0], var=[0.0], eps=2.0**-10, **NONE),
    corner(GAUSSIAN, "var 0, off the mean", CLAMP, [0.5 * (math.log(2.0**-10) + 2.0**10)],
           input=[1.0], target=[0.0], var=[0.0], eps=2.0**-10, **NONE),
    corner(GAUSSIAN, "var below eps", CLAMP, [0.5 * math.log(2.0**-10)],
           input=[1.0], target=[1.0], var=[2.0**-11], eps=2.0**-10, **NONE),
    corner(GAUSSIAN, "var equal to eps", CLAMP, [0.5 * math.log(2.0**-10)],
           input=[1.0], target=[1.0], var=[2.0**-10], eps=2.0**-10, **NONE),
    corner(GAUSSIAN, "one var per row", "documented: var may lack the last dimension",
           [[0.0, 0.5], [0.0, 2.0]],
           input=[[0.0, 1.0], [2.0, 4.0]], target=[[0.0, 0.0], [2.0, 2.0]], var=[1.0, 1.0], **NONE),
    corner(GAUSSIAN, "full", "documented: half the logarithm of 2 pi is added", [0.5 * math.log(2 * math.pi)],
           input=[1.0], target=[1.0], var=[1.0], full=True, **NONE),
    corner(GAUSSIAN, "square overflows, quotient fits", FITS, lambda f: [2.0 ** (f.max_exponent // 2) / 2],
           input=lambda f: [2.0 ** (f.max_exponent // 2)], target=[0.0],
           var=lambda f: [2.0 ** (f.max_exponent // 2)], formats=("float64", "float32", "bfloat16"), **NONE),
    corner(GAUSSIAN, "infinite", LIMIT, [INF, INF],
           input=[INF, 0.0], target=[0.0, 0.0], var=[1.0, INF], **NONE),
    corner(GAUSSIAN, "nan", CONTRIBUTES, [NAN, NAN], input=[NAN, 0.0], target=[0.0, 0.0], var=[1.0, NAN],
           **NONE),
    corner(KL, "0-d, batchmean", "without a batch the sum is divided by nothing", -1.0,
           input=np.array(1.0), target=np.array(1.0), reduction="batchmean"),
    corner(KL, "empty batch, batchmean", NO_MEAN, NAN, input=[], target=[], reduction="batchmean"),
    corner(KL, "target 0", "documented by xlogy: 0 log 0 is 0", [0.0, 0.0],
           input=[-1.0, 0.0], target=[0.0, 0.0], **NONE),
    corner(KL, "target 0 at -inf", "0 times infinity is 0, the limit: both distributions exclude it", [0.0],
           input=[-INF], target=[0.0], **NONE),
    corner(KL, "target positive at -inf", LIMIT, [INF], input=[-INF], target=[0.5], **NONE),
    corner(KL, "log_target at -inf", "exp(y) y vanishes: the probability is 0", [0.0],
           input=[-1.0], target=[-INF], log_target=True, **NONE),
    corner(KL, "both at -inf", "exp(y) (y - x) vanishes: both distributions exclude it", [0.0],
           input=[-INF], target=[-INF], log_target=True, **NONE),
    corner(KL, "input at -inf, log_target", LIMIT, [INF],
           input=[-INF], target=[0.0], log_target=True, **NONE),
    corner(KL, "nan", CONTRIBUTES, [NAN, NAN], input=[NAN, 0.0], target=[0.5, NAN], **NONE),
    corner(KL, "subnormal target", ROUNDED,
           lambda f: [f.smallest_subnormal * math.log(f.smallest_subnormal)],
           input=[0.0], target=["subnormal"], formats=("float32", "float16", "bfloat16"), **NONE),
    corner(KL, "sum overflows, mean fits", FITS, "half max",
           input=lambda f: [-f.max / 2] * 4, target=[1.0] * 4, reduction="mean"),
)  # fmt: skip
