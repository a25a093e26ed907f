"""Corners of connectionist temporal classification."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .corner import Corner, corner
from .shared import CONTRIBUTES, FITS, INF, LIMIT, NAN, ROUNDED

CTC = "ctc_loss"
NONE: dict[str, Any] = {"reduction": "none"}
LN2, LN3 = math.log(2), math.log(3)
IMPOSSIBLE = "no alignment spells the target: -log 0"
ZEROED = "documented: zero_infinity zeroes infinite losses"
EMPTY_PATH = "without a frame only the empty target is spelt, with probability 1"
BEYOND = "frames beyond input_lengths are not heard"


def _frames(steps: int, batch: int, classes: int) -> list[Any]:
    """Frames in which all classes are equally likely."""
    return np.full((steps, batch, classes), -math.log(classes)).tolist()


CORNERS: tuple[Corner, ...] = (
    corner(CTC, "one frame, one label", ROUNDED, [LN2],
           log_probs=_frames(1, 1, 2), targets=[[1]], input_lengths=(1,), target_lengths=(1,), **NONE),
    corner(CTC, "no label", "only blanks spell the empty target", [2 * LN2],
           log_probs=_frames(2, 1, 2), targets=np.empty((1, 0), dtype=np.int64),
           input_lengths=(2,), target_lengths=(0,), **NONE),
    corner(CTC, "no label, mean", "the mean divides by the target's length, but at least by 1", 2 * LN2,
           log_probs=_frames(2, 1, 2), targets=np.empty((1, 0), dtype=np.int64),
           input_lengths=(2,), target_lengths=(0,)),
    corner(CTC, "no frame heard, no label", EMPTY_PATH, [0.0],
           log_probs=_frames(1, 1, 2), targets=np.empty((1, 0), dtype=np.int64),
           input_lengths=(0,), target_lengths=(0,), **NONE),
    corner(CTC, "no frame heard, a label", IMPOSSIBLE, [INF],
           log_probs=_frames(1, 1, 2), targets=[[1]], input_lengths=(0,), target_lengths=(1,), **NONE),
    corner(CTC, "no frame heard, a label, zero_infinity", ZEROED, [0.0],
           log_probs=_frames(1, 1, 2), targets=[[1]], input_lengths=(0,), target_lengths=(1,),
           zero_infinity=True, **NONE),
    corner(CTC, "T 0, no label", EMPTY_PATH, [0.0],
           log_probs=np.empty((0, 1, 2)), targets=np.empty((1, 0), dtype=np.int64),
           input_lengths=(0,), target_lengths=(0,), **NONE),
    corner(CTC, "T 0, a label", IMPOSSIBLE, [INF],
           log_probs=np.empty((0, 1, 2)), targets=[[1]], input_lengths=(0,), target_lengths=(1,), **NONE),
    corner(CTC, "target longer than T", IMPOSSIBLE, [INF],
           log_probs=_frames(1, 1, 3), targets=[[1, 2]], input_lengths=(1,), target_lengths=(2,), **NONE),
    corner(CTC, "target longer than T, mean", IMPOSSIBLE, INF,
           log_probs=_frames(1, 1, 3), targets=[[1, 2]], input_lengths=(1,), target_lengths=(2,)),
    corner(CTC, "target longer than T, zero_infinity", ZEROED, [0.0],
           log_probs=_frames(1, 1, 3), targets=[[1, 2]], input_lengths=(1,), target_lengths=(2,),
           zero_infinity=True, **NONE),
    corner(CTC, "repeats without room for a blank", IMPOSSIBLE, [INF],
           log_probs=_frames(2, 1, 2), targets=[[1, 1]], input_lengths=(2,), target_lengths=(2,), **NONE),
    corner(CTC, "repeats with just enough room", "one alignment: label, blank, label", [3 * LN2],
           log_probs=_frames(3, 1, 2), targets=[[1, 1]], input_lengths=(3,), target_lengths=(2,), **NONE),
    corner(CTC, "many repeats", "one alignment", [9 * LN2],
           log_probs=_frames(9, 1, 2), targets=[[1, 1, 1, 1, 1]], input_lengths=(9,), target_lengths=(5,),
           **NONE),
    corner(CTC, "one class", "the blank is certain", [0.0],
           log_probs=np.zeros((3, 1, 1)), targets=np.empty((1, 0), dtype=np.int64),
           input_lengths=(3,), target_lengths=(0,), **NONE),
    corner(CTC, "blank last", ROUNDED, [LN2],
           log_probs=_frames(1, 1, 2), targets=[[0]], input_lengths=(1,), target_lengths=(1,), blank=1,
           **NONE),
    corner(CTC, "only the target is possible", LIMIT, [0.0],
           log_probs=[[[-INF, 0.0]]], targets=[[1]], input_lengths=(1,), target_lengths=(1,), **NONE),
    corner(CTC, "the target is impossible", LIMIT, [INF],
           log_probs=[[[0.0, -INF]]], targets=[[1]], input_lengths=(1,), target_lengths=(1,), **NONE),
    corner(CTC, "the target is impossible, zero_infinity", ZEROED, [0.0],
           log_probs=[[[0.0, -INF]]], targets=[[1]], input_lengths=(1,), target_lengths=(1,),
           zero_infinity=True, **NONE),
    corner(CTC, "nan", CONTRIBUTES, [NAN],
           log_probs=[[[-LN2, NAN]]], targets=[[1]], input_lengths=(1,), target_lengths=(1,), **NONE),
    corner(CTC, "nan beyond the length", BEYOND, [LN2],
           log_probs=[[[-LN2, -LN2]], [[NAN, NAN]]], targets=[[1]], input_lengths=(1,), target_lengths=(1,),
           **NONE),
    corner(CTC, "not normalised", "nothing checks that probabilities sum to 1", [1.0],
           log_probs=[[[-1.0, -1.0]]], targets=[[1]], input_lengths=(1,), target_lengths=(1,), **NONE),
    corner(CTC, "empty targets of both layouts", "documented: targets may be concatenated", [LN2, LN2],
           log_probs=_frames(1, 2, 2), targets=np.empty(0, dtype=np.int64),
           input_lengths=(1, 1), target_lengths=(0, 0), **NONE),
    corner(CTC, "unbatched", "documented: (T, C) is one sequence", LN2,
           log_probs=[[-LN2, -LN2]], targets=[1], input_lengths=(1,), target_lengths=(1,), **NONE),
    corner(CTC, "sum overflows, mean fits", FITS, "half max",
           log_probs=lambda f: np.full((1, 4, 1), -f.max / 2), targets=np.empty((4, 0), dtype=np.int64),
           input_lengths=(1,) * 4, target_lengths=(0,) * 4),
)  # fmt: skip
