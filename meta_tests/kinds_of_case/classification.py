"""Kinds of cross entropy and its relatives, and of the multi-class hinges."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from reference import Array
from strategies import Chunking, is_real
from strategies.shapes import BATCHES, TAILS

from .shared import LABEL_DTYPES, NUMBERS, SIGNED, UNBOUNDED, WEIGHT, Call, Kinds


def axis(c: Call) -> int:
    """The class axis."""
    return 0 if c.input.ndim == 1 else 1


def classes(c: Call) -> int:
    """The number of classes."""
    return int(c.input.shape[axis(c)])


def has_labels(c: Call) -> bool:
    """Whether the target holds class labels, not probabilities."""
    return not is_real(c.target)


def ignored(c: Call) -> Array:
    """Which samples are ignored; there are none where the target holds probabilities."""
    index = -100 if c.ignore_index is None else c.ignore_index
    return np.asarray(c.target == index) if has_labels(c) else np.zeros(0, dtype=bool)


def total_weight(c: Call) -> float:
    """The sum of the kept labels' weights; nan where no weight or no label counts."""
    if c.weight is None or not has_labels(c) or np.all(ignored(c)):
        return math.nan
    return float(np.sum(c.weight[c.target[~ignored(c)]]))


def hinges(c: Call) -> Array:
    """Each other class's score above the label's, plus the margin; flat."""
    rows, labels = np.atleast_2d(c.input), np.atleast_1d(c.target)
    at_label = np.take_along_axis(rows, labels[:, None], axis=1)
    return np.asarray((c.margin - at_label + rows)[np.arange(rows.shape[1]) != labels[:, None]])


def label_lists(c: Call) -> list[list[int]]:
    """The labels of each sample, up to the first -1."""
    return [row[: row.index(-1)] if -1 in row else row for row in np.atleast_2d(c.target).tolist()]


def differ_by_the_margin(c: Call) -> bool:
    """Whether a label's score exceeds another class's by just 1."""
    for x, labels in zip(np.atleast_2d(c.input), label_lists(c)):
        rest = np.delete(x, labels)
        if np.any(x[labels][:, None] - rest == 1):
            return True
    return False


LAYOUTS: Kinds = {
    **NUMBERS,
    **UNBOUNDED,
    "unbatched": lambda c: c.input.ndim == 1,
    "batched": lambda c: c.input.ndim == 2,
    "empty batch": lambda c: c.input.ndim > 1 and len(c.input) == 0,
    "more than 64 samples": lambda c: c.input.ndim > 1 and len(c.input) > 64,
    "tall": lambda c: c.input.ndim == 2 and len(c.input) > 8 * classes(c),
    "wide": lambda c: c.input.ndim == 2 and classes(c) > 8 * len(c.input) > 0,
    **{f"{n} samples": lambda c, n=n: c.input.ndim > 1 and len(c.input) == n for n in BATCHES},
    **{f"{n} classes": lambda c, n=n: classes(c) == n for n in (1, 2, 3, 4, 5, *TAILS)},
}
POSITIONS: Kinds = {
    **{f"{n} dimensions of positions": lambda c, n=n: c.input.ndim == 2 + n for n in (1, 2, 3)},
    "no position": lambda c: 0 in c.input.shape[2:],
}
LABELS: Kinds = {
    "first class": lambda c: has_labels(c) and (c.target == 0) & (classes(c) > 1),
    "last class": lambda c: has_labels(c) and (c.target == classes(c) - 1) & (classes(c) > 1),
    "unbatched label": lambda c: has_labels(c) and c.target.ndim == 0,
}
BYTES: Kinds = {
    "labels in bytes": lambda c: c.target.dtype == np.uint8,
    "labels of 64 bits": lambda c: c.target.dtype == np.int64,
    "ignored label in bytes": lambda c: c.target.dtype == np.uint8 and ignored(c),
}
IGNORED: Kinds = {
    "all ignored": lambda c: ignored(c).size > 0 and np.all(ignored(c)),
    "some ignored": lambda c: np.any(ignored(c)) and not np.all(ignored(c)),
    "ignored by default": lambda c: c.ignore_index in (None, -100) and ignored(c),
    "label -1 is ignored": lambda c: c.ignore_index == -1 and ignored(c),
    "class 0 is ignored": lambda c: c.ignore_index == 0 and ignored(c),
    "kept labels weigh 0": lambda c: total_weight(c) == 0,
}
POISON: Kinds = {
    "last class is ignored": lambda c: c.ignore_index == classes(c) - 1 > 0 and ignored(c),
    "label beyond the classes is ignored": lambda c: c.ignore_index >= classes(c) and ignored(c),
    "nan where ignored": lambda c: np.isnan(c.input),
    "inf where ignored": lambda c: c.input == np.inf,
    "-inf where ignored": lambda c: c.input == -np.inf,
}
PROBABILITIES: Kinds = {
    "labels": has_labels,
    "probabilities": lambda c: not has_labels(c),
    "probability 0": lambda c: not has_labels(c) and c.target == 0,
    "probability 1": lambda c: not has_labels(c) and c.target == 1,
    "unbatched probabilities": lambda c: not has_labels(c) and c.target.ndim == 1,
    "no probabilities": lambda c: not has_labels(c) and c.target.size == 0,
    "weighted probabilities": lambda c: not has_labels(c) and c.weight is not None,
    "smoothed probabilities": lambda c: not has_labels(c) and 0 < c.label_smoothing < 1,
    "smoothed labels": lambda c: has_labels(c) and 0 < c.label_smoothing < 1,
    "smoothed away": lambda c: has_labels(c) and c.label_smoothing == 1,
    "smoothed and weighted": lambda c: has_labels(c) and c.label_smoothing > 0 and c.weight is not None,
    "smoothed and ignored": lambda c: c.label_smoothing > 0 and ignored(c),
}

# Of a call that takes the chunked path.
CHUNKS: dict[str, Callable[[Call, Chunking], Any]] = {
    "by default": lambda c, o: o.batch_chunk_size is None,
    "of one": lambda c, o: o.batch_chunk_size == 1 < len(c.input),
    "of two": lambda c, o: o.batch_chunk_size == 2 < len(c.input),
    "of all": lambda c, o: o.batch_chunk_size == len(c.input),
    "with a bias": lambda c, o: c.linear_bias is not None,
    "with a weight": lambda c, o: c.weight is not None,
    "with an ignored label": lambda c, o: np.any(ignored(c)),
    "one pass": lambda c, o: not o.allow_retain_graph,
    **{policy: lambda c, o, policy=policy: o.acc_policy == policy
       for policy in (None, "auto", "accurate", "balanced", "compact")},
}  # fmt: skip

KINDS: dict[str, Kinds] = {
    "cross_entropy": {
        **LAYOUTS, **SIGNED, **POSITIONS, **LABELS, **BYTES, **IGNORED, **POISON, **PROBABILITIES, **WEIGHT,
    },
    "nll_loss": {**LAYOUTS, **POSITIONS, **LABELS, **BYTES, **IGNORED, **POISON, **WEIGHT},
    "linear_cross_entropy": {
        **NUMBERS,
        **SIGNED,
        **IGNORED,
        **PROBABILITIES,
        **WEIGHT,
        "unbatched": lambda c: c.input.ndim == 1,
        "empty batch": lambda c: c.input.ndim == 2 and len(c.input) == 0,
        "17 samples": lambda c: c.input.ndim == 2 and len(c.input) == 17,
        "one class": lambda c: len(c.linear_weight) == 1,
        **{f"chunks: {what}": lambda c, holds=holds: c.options is not None and c.input.ndim == 2
           and c.linear_weight.ndim == 2 and has_labels(c) and not c.label_smoothing
           and holds(c, c.options) for what, holds in CHUNKS.items()},
        "one dimension of positions": lambda c: c.linear_weight.ndim == 3,
        "two dimensions of positions": lambda c: c.linear_weight.ndim == 4,
        "last class is ignored": lambda c: c.ignore_index == len(c.linear_weight) - 1 > 0 and ignored(c),
        **{f"{n} features": lambda c, n=n: c.input.shape[-1] == n for n in (1, 2, 3, *TAILS)},
    },
    "multi_margin_loss": {
        **LAYOUTS,
        **SIGNED,
        **LABELS,
        **WEIGHT,
        "at the margin": lambda c: hinges(c) == 0,
        "within the margin": lambda c: hinges(c) > 0,
        "beyond the margin": lambda c: hinges(c) < 0,
        "squared": lambda c: c.p == 2 and hinges(c) > 0,
    },
    "multilabel_margin_loss": {
        **LAYOUTS,
        **SIGNED,
        "no label": lambda c: [] in label_lists(c),
        "as many labels as classes": lambda c: any(len(y) == classes(c) > 1 for y in label_lists(c)),
        "every class a label": lambda c: any(len(set(y)) == classes(c) > 1 for y in label_lists(c)),
        "a label is repeated": lambda c: any(len(set(y)) < len(y) for y in label_lists(c)),
        "labels behind the first -1": lambda c: np.diff(np.where(c.target < 0, 0, 1)) > 0,
        "at the margin": differ_by_the_margin,
    },
    "multilabel_soft_margin_loss": {
        **LAYOUTS,
        **SIGNED,
        **WEIGHT,
        **LABEL_DTYPES,
        "target 0": lambda c: c.target == 0,
        "target 1": lambda c: c.target == 1,
        "three dimensions": lambda c: c.input.ndim == 3,
    },
}  # fmt: skip

_SMOOTHINGS = (0.1, 0.0, 1.0, 0.5, 0.25)

OPTIONS: dict[str, dict[str, tuple[Any, ...]]] = {
    "cross_entropy": {"label_smoothing": _SMOOTHINGS},
    "linear_cross_entropy": {"label_smoothing": _SMOOTHINGS},
    "multi_margin_loss": {"p": (1, 2), "margin": (1.0, 0.5, 2.0, 0.0, 0.1, -1.0)},
}
