"""Cases of cross entropy and its relatives, and of the multi-class hinges."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from hypothesis import strategies as st

from reference import Array, Format

from .case import Case
from .chunking import chunkings
from .labels import indices, label_sets, signs
from .made_once import FLAG, sampled, up_to
from .passed_options import build
from .shapes import BATCHES, TAILS, Shape, class_counts, classified
from .values import log_probabilities, probabilities, reals
from .weights import weights

SMOOTHINGS = st.sampled_from((0.1, 0.0, 1.0, 0.5, 0.25))
LINEAR_BATCHES = st.sampled_from((1, 2, 3, 0, 5, 17, None))
LINEAR_CLASSES = st.sampled_from((2, 1, 3, 5, 9))
LINEAR_POSITIONS = st.sampled_from(((), (), (2,), (2, 2)))
FEATURES = st.sampled_from((1, 2, 3, *TAILS))
FEWER_FEATURES = st.sampled_from((1, 2, 3, *TAILS[:9]))
POWERS = st.sampled_from((1, 2))
MARGINS = st.sampled_from((1.0, 0.5, 2.0, 0.0, 0.1, -1.0))
ROWS = st.sampled_from((None, *BATCHES))
POISONS = st.sampled_from((None, None, np.nan, np.inf, -np.inf))


@cache
@st.composite
def _labels(draw: st.DrawFn, shape: Shape, classes: int) -> tuple[Array, dict[str, Any]]:
    """Labels, and the ignore_index they use if not the default: inside or outside the class range."""
    ignored = draw(sampled((None, -100, -1, 0, classes - 1, classes + 5)))
    if ignored is None:
        return draw(indices(shape, classes)), {}
    labels = draw(indices(shape, classes, extra=(ignored,)))
    if draw(up_to(7)) == 7:  # a batch that is ignored as a whole
        labels = np.full(shape, ignored, dtype=np.int64)
    return labels, {"ignore_index": ignored}


def _in_bytes(draw: st.DrawFn, labels: Array, input: Array) -> Array:
    """At times give labels as uint8, which torch takes for input of up to two dimensions."""
    fit = input.ndim <= 2 and bool(np.all((labels >= 0) & (labels < 256)))
    return labels.astype(np.uint8) if draw(FLAG) and fit else labels


def _poisoned(draw: st.DrawFn, x: Array, axis: int, labels: Array, ignore_index: int = -100) -> Array:
    """At times put nan and inf where a sample is ignored: they must not show anywhere."""
    poison = draw(POISONS)
    if poison is None:
        return x
    return np.where(np.expand_dims(labels == ignore_index, axis), poison, x)


@st.composite
def nll_loss(draw: st.DrawFn, format: Format, reduction: str) -> Case:
    """Log-probabilities and labels in all layouts. Shrinks to one sample of class 0, two classes."""
    shape, axis = draw(classified())
    labels, given = draw(_labels(shape[:axis] + shape[axis + 1 :], shape[axis]))
    x = draw(log_probabilities(format, shape))
    x = _poisoned(draw, x, axis, labels, **given)
    operands = {"input": x, "target": _in_bytes(draw, labels, x), **given}
    options: dict[str, Any] = {"weight": weights(format, (shape[axis],))}
    return build(draw, "nll_loss", format, reduction, operands, options)


@st.composite
def cross_entropy(draw: st.DrawFn, format: Format, reduction: str) -> Case:
    """Logits with labels or with probabilities, in all layouts. Shrinks to two classes, label 0."""
    shape, axis = draw(classified())
    x = draw(reals(format, shape))
    labels, given = draw(_labels(shape[:axis] + shape[axis + 1 :], shape[axis]))
    poisoned = _poisoned(draw, x, axis, labels, **given)
    operands = {"input": poisoned, "target": _in_bytes(draw, labels, x), **given}
    if draw(up_to(4)) >= 3:
        operands = {"input": x, "target": draw(probabilities(format, shape))}
    options = {
        "weight": weights(format, (shape[axis],)),
        "label_smoothing": SMOOTHINGS,
    }
    return build(draw, "cross_entropy", format, reduction, operands, options)


@st.composite
def linear_cross_entropy(draw: st.DrawFn, format: Format, reduction: str) -> Case:
    """A linear layer before cross entropy, with labels or probabilities, also K-dimensional, also in chunks.

    Shrinks to one feature, two classes, label 0.
    """
    batch = draw(LINEAR_BATCHES)
    classes = draw(LINEAR_CLASSES)
    positions = draw(LINEAR_POSITIONS)
    in_chunks = draw(up_to(4)) >= 3  # which torch does for labels without positions or smoothing
    if batch is None or in_chunks:
        positions = ()
    features = draw(FEWER_FEATURES if positions else FEATURES)
    samples = () if batch is None else (batch,)
    x = draw(reals(format, (*samples, features)))
    a = draw(reals(format, (classes, *positions, features)))
    labels, given = draw(_labels((*samples, *positions), classes))
    # With positions, a row of the input is behind many labels.
    poisoned = x if positions else _poisoned(draw, x, x.ndim - 1, labels, **given)
    operands: dict[str, Any] = {"input": poisoned, "linear_weight": a, "target": labels, **given}
    if not in_chunks and draw(up_to(2)) == 2:
        target = draw(probabilities(format, (*samples, classes, *positions)))
        operands = {"input": x, "linear_weight": a, "target": target}
    options: dict[str, Any] = {
        "linear_bias": reals(format, (classes, *positions)),
        "weight": weights(format, (classes,)),
        "label_smoothing": SMOOTHINGS,
        "options": chunkings(format, batch or 1),
    }
    if in_chunks:
        operands["options"] = draw(options.pop("options"))
        del options["label_smoothing"]
    return build(draw, "linear_cross_entropy", format, reduction, operands, options)


@st.composite
def multi_margin_loss(draw: st.DrawFn, format: Format, reduction: str) -> Case:
    """Scores and labels, unbatched too. Shrinks to one sample of class 0, two classes."""
    shape, axis = draw(classified(positions=False))
    operands = {
        "input": draw(reals(format, shape)),
        "target": draw(indices(shape[:axis], shape[axis])),
    }
    options = {
        "p": POWERS,
        "margin": MARGINS,
        "weight": weights(format, (shape[axis],)),
    }
    return build(draw, "multi_margin_loss", format, reduction, operands, options)


@cache
@st.composite
def _rows(draw: st.DrawFn) -> Shape:
    """Shapes (C) and (N, C), wide or tall."""
    batch = draw(ROWS)
    classes = draw(class_counts(batch or 1))
    return (classes,) if batch is None else (batch, classes)


@st.composite
def multilabel_margin_loss(draw: st.DrawFn, format: Format, reduction: str) -> Case:
    """Scores and lists of labels: empty, full and with repeats. Shrinks to no label."""
    shape = draw(_rows())
    operands = {"input": draw(reals(format, shape)), "target": draw(label_sets(shape))}
    return build(draw, "multilabel_margin_loss", format, reduction, operands, {})


@st.composite
def multilabel_soft_margin_loss(draw: st.DrawFn, format: Format, reduction: str) -> Case:
    """Logits and 0/1 targets of (N, C), and of the (C) and (N, D, C) that torch also takes."""
    rows = draw(_rows())
    shape = draw(sampled((rows, rows, rows, rows, rows, rows, (2, 3, 4), (1, 1, 1))))
    operands = {"input": draw(reals(format, shape)), "target": draw(signs(shape, zero=True))}
    options: dict[str, Any] = {"weight": weights(format, shape[-1:])}
    return build(draw, "multilabel_soft_margin_loss", format, reduction, operands, options)
