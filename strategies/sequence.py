"""Cases of connectionist temporal classification."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from hypothesis import strategies as st

from reference import Array, Format

from .case import Case
from .labels import dtypes
from .made_once import FLAG, sampled, up_to
from .passed_options import build
from .values import choices, log_probabilities

FRAMES = st.sampled_from((1, 2, 3, 4, 6, 8, 17))
CLASSES = st.sampled_from((2, 3, 1, 4, 6))
SEQUENCES = st.sampled_from((1, 2, 3, 5))
LABELS = st.sampled_from((0, 1, 2, 3, 5))
# What is large in one case of eight.
LARGE = st.sampled_from((*[""] * 28, "frames", "sequences", "classes", "labels"))
MANY = 70
NO_BLANK = st.just(0)
# As many numbers as Hypothesis draws for a case without giving it up.
MOST = 1500


@cache
def _lengths(batch: int, most: int) -> st.SearchStrategy[Array]:
    """One length for each sequence; the longest is frequent. Shrinks to `most` throughout."""
    return choices((batch,), [most, *range(most + 1)])


@st.composite
def ctc_loss(draw: st.DrawFn, format: Format, reduction: str) -> Case:
    """Sequences of frames and of labels in both layouts, with every kind of lengths.

    Repeated labels, empty targets, no frames and impossible alignments are frequent. Shrinks to one
    frame, two classes and no label.
    """
    steps = draw(FRAMES)
    classes = draw(CLASSES)
    batch = draw(SEQUENCES)
    longest = draw(LABELS)
    large = draw(LARGE)
    if large == "frames" and MANY * batch * classes <= MOST:
        steps = MANY
    elif large == "sequences" and steps * MANY * classes <= MOST:
        batch = MANY
    elif large == "classes" and steps * batch * MANY <= MOST:
        classes = MANY
    elif large == "labels":  # repeated ones need more frames, and their number has to fit 8 bits
        steps, batch, longest = 120, 1, MANY
    unbatched = draw(up_to(4)) == 4
    if unbatched:
        batch = 1
    if classes == 1:
        longest = 0
    blank = draw(sampled((0, 0, classes - 1, classes // 2)))

    labels = [label for label in range(classes) if label != blank]
    padded = draw(choices((batch, longest), labels or [0]))
    frames, lengths = draw(_lengths(batch, steps)), draw(_lengths(batch, longest))
    concatenated = draw(FLAG) or unbatched
    targets = np.concatenate([row[:n] for row, n in zip(padded, lengths)]) if concatenated else padded
    x = draw(log_probabilities(format, (steps, batch, classes)))

    kind = draw(dtypes())
    as_tuple = draw(FLAG)
    operands: dict[str, Any] = {
        "log_probs": x[:, 0] if unbatched else x,
        "targets": targets.astype(draw(dtypes())),
        "input_lengths": tuple(frames.tolist()) if as_tuple else frames.astype(kind),
        "target_lengths": tuple(lengths.tolist()) if as_tuple else lengths.astype(kind),
    }
    if unbatched and not as_tuple and draw(FLAG):
        operands["input_lengths"] = operands["input_lengths"].reshape(())
        operands["target_lengths"] = operands["target_lengths"].reshape(())
    if blank:
        operands["blank"] = blank
    options: dict[str, Any] = {"zero_infinity": FLAG}
    if not blank:
        options["blank"] = NO_BLANK
    return build(draw, "ctc_loss", format, reduction, operands, options)
