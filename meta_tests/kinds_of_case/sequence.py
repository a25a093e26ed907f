"""Kinds of connectionist temporal classification."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from .shared import NUMBERS, UNBOUNDED, Call, Kinds

INTEGERS = (np.int64, np.int32, np.int16, np.int8, np.uint8)


def sequences(c: Call) -> list[tuple[int, list[int]]]:
    """The number of frames of each sequence, and its labels."""
    frames, lengths = np.atleast_1d(c.input_lengths), np.atleast_1d(c.target_lengths)
    ends = np.cumsum(lengths)
    rows = c.targets if c.targets.ndim == 2 else [c.targets[end - n : end] for n, end in zip(lengths, ends)]
    return [(int(t), row[:n].tolist()) for t, n, row in zip(frames, lengths, rows)]


def repeats(labels: list[int]) -> int:
    """How many labels equal the one before; between those a frame must be blank."""
    return sum(a == b for a, b in pairwise(labels))


def spare(c: Call) -> list[int]:
    """For each sequence, the frames that its labels leave; below 0 it has no alignment."""
    return [frames - len(labels) - repeats(labels) for frames, labels in sequences(c)]


def lengths(c: Call) -> Any:
    """The lengths of the inputs if they are an array, whose dtype and shape are then those of both."""
    return c.input_lengths if isinstance(c.input_lengths, np.ndarray) else np.zeros((1, 1))


KINDS: dict[str, Kinds] = {
    "ctc_loss": {
        **NUMBERS,
        **UNBOUNDED,
        "one sequence, unbatched": lambda c: c.log_probs.ndim == 2,
        "one sequence, batched": lambda c: c.log_probs.ndim == 3 and c.log_probs.shape[1] == 1,
        "five sequences": lambda c: c.log_probs.ndim == 3 and c.log_probs.shape[1] == 5,
        "padded": lambda c: c.targets.ndim == 2,
        "concatenated": lambda c: c.targets.ndim == 1 and c.log_probs.ndim == 3,
        "padding in use": lambda c: (
            c.targets.ndim == 2 and np.any(c.target_lengths < np.array(c.targets.shape[1]))
        ),
        "no label at all": lambda c: c.targets.size == 0,
        "tuple lengths": lambda c: isinstance(c.input_lengths, tuple),
        "tensor lengths": lambda c: isinstance(c.input_lengths, np.ndarray),
        "0-d lengths": lambda c: lengths(c).ndim == 0,
        **{f"{k.__name__} lengths": lambda c, k=k: lengths(c).dtype == k for k in INTEGERS},
        **{f"{k.__name__} targets": lambda c, k=k: c.targets.dtype == k for k in INTEGERS},
        "one class": lambda c: c.log_probs.shape[-1] == 1,
        "one frame": lambda c: len(c.log_probs) == 1,
        "17 frames": lambda c: len(c.log_probs) == 17,
        "blank is the last class": lambda c: c.blank == c.log_probs.shape[-1] - 1 > 0,
        "blank is between classes": lambda c: 0 < c.blank < c.log_probs.shape[-1] - 1,
        "all frames": lambda c: np.all(np.asarray(c.input_lengths) == len(c.log_probs)),
        "unused frames": lambda c: np.any(np.asarray(c.input_lengths) < len(c.log_probs)),
        "no frame": lambda c: 0 in [frames for frames, _ in sequences(c)],
        "no frame, no label": lambda c: (0, []) in sequences(c),
        "no frame, a label": lambda c: any(frames == 0 < len(labels) for frames, labels in sequences(c)),
        "no label": lambda c: [] in [labels for _, labels in sequences(c)],
        "a label and none in a batch": lambda c: len({len(labels) > 0 for _, labels in sequences(c)}) > 1,
        "repeated labels": lambda c: any(repeats(labels) for _, labels in sequences(c)),
        "repeated labels with frames to spare": lambda c: any(
            repeats(labels) > 0 <= left for (_, labels), left in zip(sequences(c), spare(c))
        ),
        "impossible": lambda c: np.any(np.array(spare(c)) < 0),
        "impossible for the repeats": lambda c: any(
            left < 0 <= left + repeats(labels) and frames
            for (frames, labels), left in zip(sequences(c), spare(c))
        ),
        "only just possible": lambda c: any(
            left == 0 < len(labels) for (_, labels), left in zip(sequences(c), spare(c))
        ),
        "impossible and counted as 0": lambda c: c.zero_infinity and np.any(np.array(spare(c)) < 0),
        "impossible beside possible": lambda c: min(spare(c)) < 0 <= max(spare(c)),
    },
}

OPTIONS: dict[str, dict[str, tuple[Any, ...]]] = {
    "ctc_loss": {"zero_infinity": (True, False)},
}
