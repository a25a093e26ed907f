"""Corners of the losses of a difference."""

from __future__ import annotations

import numpy as np

from .corner import Corner, corner
from .shared import (
    CONTRIBUTES,
    FACTOR,
    FITS,
    INF,
    LIMIT,
    NAN,
    NO_LIMIT,
    NO_SUM,
    PERFECT,
    ROUNDED,
    ROWS,
    SCALAR,
    SIGNED_ZERO,
)

LOSSES = ("l1_loss", "mse_loss", "smooth_l1_loss", "huber_loss")
WEIGHTED = ("l1_loss", "mse_loss", "huber_loss")
LINEAR = ("l1_loss", "smooth_l1_loss", "huber_loss")
OF_ONE = {"l1_loss": 1.0, "mse_loss": 1.0, "smooth_l1_loss": 0.5, "huber_loss": 0.5}
OF_FOUR = {"l1_loss": 4.0, "mse_loss": 16.0, "smooth_l1_loss": 3.5, "huber_loss": 3.5}


def _each(loss: str) -> tuple[Corner, ...]:
    one, four = OF_ONE[loss], OF_FOUR[loss]
    return (
        corner(loss, "0-d", SCALAR, four, input=np.array(-4.0), target=np.array(0.0)),
        corner(loss, "0-d, none", SCALAR, four, input=np.array(0.0), target=np.array(4.0), reduction="none"),
        corner(loss, "equal", PERFECT, 0.0,
               input=["max", 1.0, "subnormal"], target=["max", 1.0, "subnormal"]),
        corner(loss, "zeros of both signs", SIGNED_ZERO, [0.0, 0.0],
               input=[-0.0, 0.0], target=[0.0, -0.0], reduction="none"),
        corner(loss, "where branches meet", ROUNDED, [one, one],
               input=[1.0, 0.0], target=[0.0, 1.0], reduction="none"),
        corner(loss, "broadcast", "torch broadcasts input and target, with a warning", [[four], [one]],
               input=[[4.0], [1.0]], target=[[0.0]], reduction="none"),
        corner(loss, "nan", CONTRIBUTES, [NAN, one], input=[NAN, 1.0], target=[0.0, 0.0], reduction="none"),
        corner(loss, "nan, mean", CONTRIBUTES, NAN, input=[NAN, 1.0], target=[0.0, 0.0]),
        corner(loss, "infinite", LIMIT, [INF, INF, INF],
               input=[INF, -INF, 0.0], target=[0.0, 0.0, INF], reduction="none"),
        corner(loss, "opposite infinities", LIMIT, INF, input=[INF], target=[-INF]),
        corner(loss, "equal infinities", NO_LIMIT, NAN, input=[INF], target=[INF]),
        corner(loss, "more rows than the largest half", FITS, four,
               input=np.full(ROWS, 4.0), target=np.zeros(ROWS)),
    )  # fmt: skip


def _linear(loss: str) -> tuple[Corner, ...]:
    return (
        corner(loss, "sum overflows, mean fits", FITS,
               lambda f: f.max / 2 - (0 if loss == "l1_loss" else 0.5),
               input=["half max"] * 4, target=[0.0] * 4),
        corner(loss, "difference of the ends", "the true value is beyond the format", INF,
               input=["max"], target=["-max"]),
    )  # fmt: skip


def _weighted(loss: str) -> tuple[Corner, ...]:
    four = OF_FOUR[loss]
    return (
        corner(loss, "weight 0 of one", ROUNDED, four / 2,
               input=[4.0, 1.0], target=[0.0, 0.0], weight=[1.0, 0.0]),
        corner(loss, "weight 0 at infinity", FACTOR, NAN,
               input=[INF, 1.0], target=[0.0, 0.0], weight=[0.0, 1.0], reduction="sum"),
        corner(loss, "weight 0 of all, sum", ROUNDED, 0.0,
               input=[4.0, 1.0], target=[0.0, 0.0], weight=[0.0, 0.0], reduction="sum"),
        corner(loss, "weight 0 of all, mean", "the mean divides by the number of losses", 0.0,
               input=[4.0], target=[0.0], weight=[0.0]),
        corner(loss, "negative weight", "nothing documents that weights are positive", -four,
               input=[4.0], target=[0.0], weight=[-1.0], reduction="sum"),
        corner(loss, "weight of an empty batch", NO_SUM, 0.0,
               input=[], target=[], weight=[], reduction="sum"),
    )  # fmt: skip


CORNERS: tuple[Corner, ...] = (
    *(row for loss in LOSSES for row in _each(loss)),
    *(row for loss in LINEAR for row in _linear(loss)),
    *(row for loss in WEIGHTED for row in _weighted(loss)),
    corner("mse_loss", "square overflows, mean fits", FITS, lambda f: 2.0 ** (f.max_exponent - 1),
           input=lambda f: [2.0 ** (f.max_exponent // 2), 0.0], target=[0.0, 0.0]),
    corner("mse_loss", "square vanishes", "half a spacing below the smallest number", [0.0],
           input=["normal"], target=[0.0], reduction="none"),
    corner("smooth_l1_loss", "beta 0", "documented: the loss is l1_loss", [2.0, 0.0],
           input=[2.0, 0.0], target=[0.0, 0.0], beta=0.0, reduction="none"),
    corner("smooth_l1_loss", "beta 0, subnormal", "documented: the loss is l1_loss", ["subnormal"],
           input=["subnormal"], target=[0.0], beta=0.0, reduction="none"),
    corner("smooth_l1_loss", "beta infinite", "documented: it converges to the constant 0", [0.0, 0.0],
           input=[2.0, "max"], target=[0.0, 0.0], beta=INF, reduction="none"),
    corner("smooth_l1_loss", "beta tiny", LIMIT, [2.0], input=[2.0], target=[0.0], beta=1e-30,
           reduction="none"),
    corner("huber_loss", "delta infinite", "the first branch holds everywhere: half of mse_loss", [2.0],
           input=[2.0], target=[0.0], delta=INF, reduction="none"),
    corner("huber_loss", "delta tiny", "the second branch: delta (d - delta / 2)",
           [2.0**-14 * (2 - 2.0**-15)],
           input=[2.0], target=[0.0], delta=2.0**-14, reduction="none", formats=("float64", "float32")),
    corner("huber_loss", "delta tiny and difference infinite", LIMIT, [INF],
           input=[INF], target=[0.0], delta=2.0**-10, reduction="none"),
)  # fmt: skip
