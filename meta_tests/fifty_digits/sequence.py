"""Connectionist temporal classification."""

from functools import lru_cache
from itertools import groupby, product

import numpy as np
from mpmath import mp, mpf

from .arithmetic import Array, Values, exact, fifty_digits, reduced
from .classification import log_excess


@lru_cache(maxsize=256)
def alignments(frames: int, classes: int, blank: int) -> dict[tuple[int, ...], list[tuple[int, ...]]]:
    """All Cᵀ frame labelings, under the labels each gives once repeats collapse and blanks go."""
    found: dict[tuple[int, ...], list[tuple[int, ...]]] = {}
    for path in product(range(classes), repeat=frames):
        found.setdefault(tuple(k for k, _ in groupby(path) if k != blank), []).append(path)
    return found


def ctc_sample(log_p: Array, labels: tuple[int, ...], blank: int) -> mpf:
    """-log Σ_π Π_t p_t(π_t) over every alignment π of the labels to the frames."""
    frames, classes = log_p.shape
    paths = alignments(frames, classes, blank).get(labels, [])
    scores = [mp.fsum(log_p[t, k] for t, k in enumerate(path)) for path in paths]
    if any(map(mp.isnan, scores)):
        return mp.nan
    possible = [score for score in scores if score != mp.ninf]
    if not possible:
        return mp.inf
    peak = max(range(len(possible)), key=lambda j: possible[j])
    return -(possible[peak] + log_excess(possible, peak))


@fifty_digits
def ctc_loss(
    log_probs: Values,
    targets: Values,
    input_lengths: Values,
    target_lengths: Values,
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Array:
    """-log P(labels); the mean divides each loss by max(|labels|, 1) and then by N."""
    log_p, y = exact(log_probs), np.asarray(targets)
    batched = log_p.ndim == 3
    log_p = log_p if batched else log_p[:, None]
    batch = log_p.shape[1]
    frames = np.broadcast_to(np.asarray(input_lengths, dtype=int), batch)
    lengths = np.broadcast_to(np.asarray(target_lengths, dtype=int), batch)
    starts = np.cumsum(lengths) - lengths
    losses = np.empty(batch, dtype=object)
    for n in range(batch):
        labels = y[n, : lengths[n]] if y.ndim == 2 else y[starts[n] : starts[n] + lengths[n]]
        loss = ctc_sample(log_p[: frames[n], n], tuple(map(int, labels)), blank)
        losses[n] = mp.zero if zero_infinity and loss == mp.inf else loss
    if reduction == "mean":
        losses = losses / np.maximum(lengths, 1)
    return reduced(losses if batched else losses.reshape(()), reduction)
