"""Corners of the losses of pairs and triplets of vectors."""

from __future__ import annotations

from typing import Any

import numpy as np

from .corner import Corner, corner
from .shared import (
    CONTRIBUTES,
    FITS,
    HINGE,
    INF,
    LIMIT,
    NAN,
    NO_LIMIT,
    ROWS,
    SCALAR,
)

COSINE, RANKING = "cosine_embedding_loss", "margin_ranking_loss"
TRIPLET, DISTANCE = "triplet_margin_loss", "triplet_margin_with_distance_loss"
NONE: dict[str, Any] = {"reduction": "none"}
WIDE = ("float64", "float32")
NO_ANGLE = "a zero vector has no angle, and its cosine is taken as 0"
TRIPLETS = ("anchor", "positive", "negative")


def _vectors(loss: str, rows: int, columns: int) -> dict[str, np.ndarray]:
    names = TRIPLETS if loss in (TRIPLET, DISTANCE) else ("input1", "input2")
    vectors = {name: np.zeros((rows, columns)) for name in names}
    return vectors if loss != COSINE else {**vectors, "target": np.ones(rows)}


def _triplet(loss: str) -> tuple[Corner, ...]:
    return (
        corner(loss, "beyond the margin", HINGE, [0.0],
               anchor=[[0.0]], positive=[[0.0]], negative=[[-2.0]], **NONE),
        corner(loss, "all equal", "both distances are equal: the margin is left", [1.0],
               anchor=[[3.0, 3.0]], positive=[[3.0, 3.0]], negative=[[3.0, 3.0]], **NONE),
        corner(loss, "swap of equals", "the distances are equal, and the swap changes nothing", [1.0],
               anchor=[[1.0]], positive=[[1.0]], negative=[[1.0]], swap=True, **NONE),
        corner(loss, "nan", CONTRIBUTES, [NAN], anchor=[[NAN]], positive=[[0.0]], negative=[[1.0]], **NONE),
        corner(loss, "positive infinite", LIMIT, [INF],
               anchor=[[0.0, 0.0]], positive=[[INF, 0.0]], negative=[[1.0, 0.0]], **NONE),
        corner(loss, "negative infinite", LIMIT, [0.0],
               anchor=[[0.0, 0.0]], positive=[[1.0, 0.0]], negative=[[INF, 0.0]], **NONE),
        corner(loss, "anchor infinite", NO_LIMIT, [NAN],
               anchor=[[INF, 0.0]], positive=[[1.0, 0.0]], negative=[[0.0, 0.0]], **NONE),
        corner(loss, "squares overflow, distances are equal", FITS, [1.0],
               anchor=[[0.0, 0.0]], positive=[["half max", "half max"]], negative=[["half max", "half max"]],
               **NONE),
        corner(loss, "no components", "the distance of vectors without components is 0", [1.0],
               anchor=np.empty((1, 0)), positive=np.empty((1, 0)), negative=np.empty((1, 0)), **NONE),
    )  # fmt: skip


CORNERS: tuple[Corner, ...] = (
    *(row for loss in (TRIPLET, DISTANCE) for row in _triplet(loss)),
    *(
        corner(loss, "more rows than the largest half", FITS, 1.0, **_vectors(loss, ROWS, 1))
        for loss in (COSINE, TRIPLET, DISTANCE)
    ),
    corner(COSINE, "identical", "the cosine is 1", [0.0],
           input1=[[3.0, 4.0]], input2=[[3.0, 4.0]], target=[1.0], **NONE),
    corner(COSINE, "opposite", "the cosine is -1", [2.0],
           input1=[[1.0, 0.0]], input2=[[-1.0, 0.0]], target=[1.0], **NONE),
    corner(COSINE, "orthogonal", "the cosine is 0", [1.0, 0.0],
           input1=[[1.0, 0.0]] * 2, input2=[[0.0, 1.0]] * 2, target=[1.0, -1.0], **NONE),
    corner(COSINE, "zero vector", NO_ANGLE, [1.0, 0.0],
           input1=[[0.0, 0.0]] * 2, input2=[[1.0, 0.0]] * 2, target=[1.0, -1.0], **NONE),
    corner(COSINE, "two zero vectors", NO_ANGLE, [1.0],
           input1=[[0.0, 0.0]], input2=[[0.0, 0.0]], target=[1.0], **NONE),
    corner(COSINE, "largest vectors", FITS, [0.0],
           input1=[["max", 0.0]], input2=[["max", 0.0]], target=[1.0], **NONE),
    corner(COSINE, "squares overflow", FITS, [0.0],
           input1=lambda f: [[2.0 ** (f.max_exponent // 2), 0.0]],
           input2=lambda f: [[2.0 ** (f.max_exponent // 2), 0.0]], target=[1.0], **NONE),
    corner(COSINE, "at the margin", HINGE, [0.0],
           input1=[[1.0, 0.0]], input2=[[0.0, 1.0]], target=[-1.0], margin=0.0, **NONE),
    corner(COSINE, "margin negative", HINGE, [0.5],
           input1=[[1.0, 0.0]], input2=[[0.0, 1.0]], target=[-1.0], margin=-0.5, **NONE),
    corner(COSINE, "unbatched", "documented: (D) is one pair", 1.0,
           input1=[1.0, 0.0], input2=[0.0, 1.0], target=np.array(1.0), **NONE),
    corner(COSINE, "nan", CONTRIBUTES, [NAN, NAN],
           input1=[[NAN, 0.0]] * 2, input2=[[1.0, 0.0]] * 2, target=[1.0, -1.0], **NONE),
    corner(COSINE, "infinite", "the cosine of infinite components has no limit in this formula: inf / inf",
           [NAN], input1=[[INF, 0.0]], input2=[[1.0, 0.0]], target=[1.0], **NONE),
    corner(RANKING, "0-d", SCALAR, 2.0, input1=np.array(0.0), input2=np.array(2.0), target=np.array(1.0)),
    corner(RANKING, "equal", HINGE, [0.0, 0.0],
           input1=[1.0, 1.0], input2=[1.0, 1.0], target=[1.0, -1.0], **NONE),
    corner(RANKING, "equal, with a margin", HINGE, [2.0],
           input1=[1.0], input2=[1.0], target=[1.0], margin=2.0, **NONE),
    corner(RANKING, "margin negative", HINGE, [0.0], input1=[1.0], input2=[1.0], target=[1.0], margin=-1.0,
           **NONE),
    corner(RANKING, "infinite", LIMIT, [0.0, INF],
           input1=[INF, 0.0], input2=[0.0, INF], target=[1.0, 1.0], **NONE),
    corner(RANKING, "equal infinities", NO_LIMIT, [NAN], input1=[INF], input2=[INF], target=[1.0], **NONE),
    corner(RANKING, "nan", CONTRIBUTES, [NAN], input1=[NAN], input2=[0.0], target=[1.0], **NONE),
    corner(RANKING, "sum overflows, mean fits", FITS, "half max",
           input1=[0.0] * 4, input2=["half max"] * 4, target=[1.0] * 4),
    corner(RANKING, "more rows than the largest half", FITS, 1.0,
           input1=np.zeros(ROWS), input2=np.ones(ROWS), target=np.ones(ROWS)),
    corner(TRIPLET, "p 1", "the sum of the absolute differences", [2.0],
           anchor=[[0.0, 0.0]], positive=[[1.0, 2.0]], negative=[[2.0, 0.0]], p=1.0, eps=0.0, **NONE),
    corner(TRIPLET, "p infinite", "the largest absolute difference", [1.0],
           anchor=[[0.0, 0.0]], positive=[[1.0, 2.0]], negative=[[2.0, 0.0]], p=INF, eps=0.0, **NONE),
    corner(TRIPLET, "p 3", "the cube root of the sum of cubes", [2.0 ** (1 / 3)],
           anchor=[[0.0, 0.0]], positive=[[1.0, 1.0]], negative=[[1.0, 0.0]], p=3.0, eps=0.0, **NONE),
    corner(TRIPLET, "p not an integer", "the documented p-norm", [2.0 ** (1 / 1.5)],
           anchor=[[0.0, 0.0]], positive=[[1.0, 1.0]], negative=[[1.0, 0.0]], p=1.5, eps=0.0, **NONE),
    corner(TRIPLET, "swap", "documented: the distance of positive and negative, if it is smaller", [1.5],
           anchor=[[0.0]], positive=[[1.0]], negative=[[1.5]], swap=True, eps=0.0, **NONE),
    corner(TRIPLET, "swap to distance 0", "the distance is 0, and less than the other", [2.0],
           anchor=[[0.0]], positive=[[1.0]], negative=[[1.0]], swap=True, eps=0.0, **NONE),
    corner(TRIPLET, "subnormal difference", "its square vanishes in a step-by-step norm", [1.0],
           anchor=[[0.0]], positive=[["subnormal"]], negative=[[0.0]], eps=0.0, formats=WIDE, **NONE),
)  # fmt: skip
