"""Corners of the losses of two-class problems."""

from __future__ import annotations

import math

import numpy as np

from .corner import Corner, corner
from .shared import (
    CONTRIBUTES,
    FACTOR,
    FITS,
    HINGE,
    INF,
    LIMIT,
    NAN,
    ROUNDED,
    ROWS,
    SCALAR,
)

BCE, LOGITS = "binary_cross_entropy", "binary_cross_entropy_with_logits"
SOFT, HINGED = "soft_margin_loss", "hinge_embedding_loss"
LN2 = math.log(2)
CLAMPED = "documented: logarithms are clamped at -100"
# A valid call of one element each, and its loss.
ONE = {BCE: (0.5, LN2), LOGITS: (0.0, LN2), SOFT: (0.0, LN2), HINGED: (0.25, 0.25)}


def _each(loss: str) -> tuple[Corner, ...]:
    x, value = ONE[loss]
    return (
        corner(loss, "0-d", SCALAR, value, input=np.array(x), target=np.array(1.0), reduction="none"),
        corner(loss, "more rows than the largest half", FITS, value,
               input=np.full(ROWS, x), target=np.ones(ROWS)),
    )  # fmt: skip


CORNERS: tuple[Corner, ...] = (
    *(row for loss in ONE for row in _each(loss)),
    corner(BCE, "right at 0 and 1", "documented: 0 log 0 is 0", [0.0, 0.0],
           input=[0.0, 1.0], target=[0.0, 1.0], reduction="none"),
    corner(BCE, "wrong at 0 and 1", CLAMPED, [100.0, 100.0],
           input=[0.0, 1.0], target=[1.0, 0.0], reduction="none"),
    corner(BCE, "half right at 0 and 1", CLAMPED, [50.0, 50.0],
           input=[0.0, 1.0], target=[0.5, 0.5], reduction="none"),
    corner(BCE, "just below 1", ROUNDED, lambda f: [f.digits * LN2],
           input=["below 1"], target=[0.0], reduction="none"),
    corner(BCE, "subnormal probability", "the logarithm, clamped at -100",
           lambda f: [min(100, -math.log(f.smallest_subnormal))],
           input=["subnormal"], target=[1.0], reduction="none"),
    corner(BCE, "weight 0", ROUNDED, [0.0, LN2],
           input=[0.0, 0.5], target=[1.0, 1.0], weight=[0.0, 1.0], reduction="none"),
    corner(BCE, "weight negative", "nothing documents that weights are positive", [-LN2],
           input=[0.5], target=[1.0], weight=[-1.0], reduction="none"),
    corner(BCE, "weight 0 of all, mean", "the mean counts elements", 0.0,
           input=[0.5], target=[1.0], weight=[0.0]),
    corner(BCE, "sum overflows, mean fits", FITS, lambda f: f.max / 100 * 50,
           input=[0.5, 1.0] * 2, target=[0.5, 0.0] * 2, weight=lambda f: [0.0, f.max / 100] * 2),
    corner(LOGITS, "right at infinity", LIMIT, [0.0, 0.0],
           input=[-INF, INF], target=[0.0, 1.0], reduction="none"),
    corner(LOGITS, "wrong at infinity", LIMIT, [INF, INF],
           input=[-INF, INF], target=[1.0, 0.0], reduction="none"),
    corner(LOGITS, "half right at infinity", LIMIT, [INF, INF],
           input=[-INF, INF], target=[0.5, 0.5], reduction="none"),
    corner(LOGITS, "right at infinity, with pos_weight", LIMIT, [0.0, 0.0],
           input=[-INF, INF], target=[0.0, 1.0], pos_weight=[2.0, 2.0], reduction="none"),
    corner(LOGITS, "wrong at infinity, weight 0", FACTOR, [NAN],
           input=[-INF], target=[1.0], weight=[0.0], reduction="none"),
    corner(LOGITS, "nan", CONTRIBUTES, [NAN, LN2], input=[NAN, 0.0], target=[0.0, 0.0], reduction="none"),
    corner(LOGITS, "ends of the range, wrong", "log(1 + exp(x)) is x there", ["max", "max"],
           input=["max", "-max"], target=[0.0, 1.0], reduction="none"),
    corner(LOGITS, "ends of the range, right", "log(1 + exp(x)) vanishes", [0.0, 0.0],
           input=["-max", "max"], target=[0.0, 1.0], reduction="none"),
    corner(LOGITS, "exp about to overflow", "log(1 + exp(x)) is x there",
           lambda f: f.nearest([math.log(f.max) * (1 - 4 * f.unit_roundoff),
                                math.log(f.max) * (1 + 4 * f.unit_roundoff)]),
           input=["exp fits", "exp overflows"], target=[0.0, 0.0], reduction="none"),
    corner(LOGITS, "target between", ROUNDED, [LN2], input=[0.0], target=[0.25], reduction="none"),
    corner(LOGITS, "sum overflows, mean fits", FITS, "half max", input=["half max"] * 4, target=[0.0] * 4),
    corner(LOGITS, "pos_weight 0", ROUNDED, [0.0, LN2],
           input=[0.0, 0.0], target=[1.0, 0.0], pos_weight=[0.0, 0.0], reduction="none"),
    corner(SOFT, "exp about to overflow", "log(1 + exp(x)) is x there",
           lambda f: f.nearest([math.log(f.max) * (1 - 4 * f.unit_roundoff),
                                math.log(f.max) * (1 + 4 * f.unit_roundoff)]),
           input=["exp fits", "exp overflows"], target=[-1.0, -1.0], reduction="none"),
    corner(SOFT, "far on the wrong side", "log(1 + exp(x)) is x there", ["max", 20_000.0],
           input=["max", -20_000.0], target=[-1.0, 1.0], reduction="none"),
    corner(SOFT, "far on the right side", "log(1 + exp(-x)) vanishes", [0.0, 0.0],
           input=["max", -20_000.0], target=[1.0, -1.0], reduction="none"),
    corner(SOFT, "infinite", LIMIT, [0.0, INF], input=[INF, INF], target=[1.0, -1.0], reduction="none"),
    corner(SOFT, "nan", CONTRIBUTES, [NAN], input=[NAN], target=[1.0], reduction="none"),
    corner(HINGED, "at the margin", HINGE, [0.0, 0.0],
           input=[1.0, 2.0], target=[-1.0, -1.0], reduction="none"),
    corner(HINGED, "distance 0", HINGE, [0.0, 1.0], input=[0.0, -0.0], target=[1.0, -1.0], reduction="none"),
    corner(HINGED, "margin 0", HINGE, [0.0, 2.0],
           input=[2.0, -2.0], target=[-1.0, -1.0], margin=0.0, reduction="none"),
    corner(HINGED, "margin negative", HINGE, [0.0], input=[0.0], target=[-1.0], margin=-1.0,
           reduction="none"),
    corner(HINGED, "infinite", LIMIT, [INF, 0.0, -INF, INF],
           input=[INF, INF, -INF, -INF], target=[1.0, -1.0, 1.0, -1.0], reduction="none"),
    corner(HINGED, "nan", CONTRIBUTES, [NAN, NAN], input=[NAN, NAN], target=[1.0, -1.0], reduction="none"),
    corner(HINGED, "integer labels", "documented: targets contain -1 or 1", [3.0, 0.0],
           input=[3.0, 3.0], target=[1, -1], reduction="none"),
    corner(HINGED, "sum overflows, mean fits", FITS, "half max", input=["half max"] * 4, target=[1.0] * 4),
)  # fmt: skip
