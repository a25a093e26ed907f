"""Connectionist temporal classification: the loss of a sequence whose alignment is unknown."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from .dispatch import Array, constant, total, with_derivative_of, with_pull
from .reduction import check, reduce
from .validation import flag, index, integers, real, require


@np.errstate(all="ignore")  # infinities and nans are answers here, not accidents
def ctc_loss(
    log_probs: npt.ArrayLike,
    targets: npt.ArrayLike,
    input_lengths: npt.ArrayLike | Sequence[int],
    target_lengths: npt.ArrayLike | Sequence[int],
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Array:
    """Negative log of the summed probability of all alignments of frames to labels.

        l_n = -log sum_{pi: B(pi) = y_n} prod_{t < T_n} exp(log_probs[t, n, pi_t])

    where B joins repeats and then removes blanks.

    Args:
        log_probs: shape (T, N, C), or (T, C) for one sequence; C counts the blank. Its derivative is that
            with respect to normalised log-probabilities, as torch's is: such as log softmax passes on.
        targets: integers in [0, C) without the blank: shape (N, S), padded, or (sum of target_lengths),
            concatenated. For one sequence (S) or (1, S).
        input_lengths: T_n, integers of shape (N), or () for one sequence; at most T.
        target_lengths: the lengths of y_n, likewise; at most S.
        blank: the class of "no label".
        reduction: "none", "mean" or "sum". The mean divides each loss by its target's length, but at
            least by 1, and then by N.
        zero_infinity: whether an infinite loss (no alignment exists) counts as 0.

    Returns:
        (N), or () for one sequence, for "none", else 0-d.

    Raises:
        ValueError: shapes do not fit, a length or label is out of range, or an unknown reduction.
        TypeError: labels or lengths are not integers.

    Source: torch.nn.CTCLoss; A. Graves et al., Connectionist Temporal Classification (2006), eqs. 5-8.
    """
    check(reduction)
    x, y = real("log_probs", log_probs), integers("targets", targets)
    frames, lengths = integers("input_lengths", input_lengths), integers("target_lengths", target_lengths)
    require(x.ndim in (2, 3), f"log_probs must be (T, N, C) or (T, C), got shape {x.shape}")
    batched = x.ndim == 3
    x = x if batched else np.expand_dims(x, 1)
    steps, batch, classes = x.shape
    frames, lengths = np.atleast_1d(frames), np.atleast_1d(lengths)
    require(0 <= index("blank", blank) < classes, f"blank must lie in [0, {classes}), got {blank}")
    require(frames.shape == (batch,), f"input_lengths must have shape ({batch},), got {frames.shape}")
    require(lengths.shape == (batch,), f"target_lengths must have shape ({batch},), got {lengths.shape}")
    require(bool(np.all((frames >= 0) & (frames <= steps))), f"input_lengths must lie in [0, {steps}]")
    labels = _padded(y, lengths)
    used = np.arange(labels.shape[1]) < lengths[:, None]
    valid = (labels >= 0) & (labels < classes) & (labels != blank)
    require(bool(np.all(valid | ~used)), f"targets must lie in [0, {classes}) and not be the blank {blank}")
    # The derivative is taken along normalised log-probabilities, whose exponentials sum to 1: where they do,
    # log sum exp is their sum less 1, and this is the derivative of x - log sum exp(x).
    given = x
    x = with_derivative_of(x, lambda: given - np.sum(np.exp(given), axis=-1, keepdims=True))
    loss = _forward(x, np.where(used, labels, blank), frames, lengths, blank)

    def undefined() -> Array:
        heard = np.arange(steps)[:, None, None] < frames[:, None]
        nothing = np.sum(np.where(heard, given, 0.0), axis=(0, 2)) * np.nan
        return np.where(loss == np.inf, nothing, loss)

    # An infinite loss has no derivative, unless it is documented to be 0.
    loss = with_derivative_of(loss, undefined)
    if flag("zero_infinity", zero_infinity):
        loss = np.where(loss == np.inf, 0.0, loss)
    if reduction == "mean":
        loss = loss / np.maximum(lengths, 1).astype(x.dtype)
    return reduce(loss if batched else loss[0], reduction)


def _padded(y: Array, lengths: Array) -> Array:
    """Targets as (N, S), whichever of the two layouts they come in."""
    require(bool(np.all(lengths >= 0)), "target_lengths must not be negative")
    if y.ndim == 2:
        fits = y.shape[0] == len(lengths) and bool(np.all(lengths <= y.shape[1]))
        require(fits, f"targets {y.shape} must be (N, S) with all {len(lengths)} target_lengths <= S")
        return y
    require(y.ndim == 1, f"targets must be (N, S) or (sum of target_lengths), got shape {y.shape}")
    labels = int(np.sum(lengths))
    require(y.size == labels, f"target_lengths must sum to the {y.size} concatenated targets, got {labels}")
    padded = np.zeros((len(lengths), int(np.max(lengths, initial=0))), dtype=np.int64)
    padded[np.arange(padded.shape[1]) < lengths[:, None]] = y[:labels]
    return padded


def _forward(x: Array, labels: Array, frames: Array, lengths: Array, blank: int) -> Array:
    """Forward variables of Graves' recursion in log space, for the whole batch at once; shape (N)."""
    batch, size = labels.shape
    states = np.full((batch, 2 * size + 1), blank)  # a blank before, between and after the labels
    states[:, 1::2] = labels
    # A state follows itself, the one before, and the one two before unless that has the same label.
    follows = np.ones((batch, 3, states.shape[1]), dtype=bool)
    follows[:, 2, :3] = follows[:, 2, ::2] = False
    follows[:, 2, 3::2] = labels[:, 1:] != labels[:, :-1]

    def pull(c: Array, x: Array, y: Array) -> Array:
        # As exp(log alpha + log beta - y + loss) the derivative is rounded more than along the recursion:
        # the forward and backward variables are as large as y and the loss. Graves, equation 15.
        likelihood = constant(nll)[:, None]
        exponent = total(y, -y, likelihood, -likelihood)
        return c * np.exp(np.where(np.isfinite(exponent), exponent, 0.0))

    emitted = np.take_along_axis(x, np.broadcast_to(states, (x.shape[0], *states.shape)), axis=2)
    emitted = with_pull(lambda y: y, pull, emitted)

    nothing = np.full((batch, 2), -np.inf, dtype=x.dtype)
    position = np.arange(states.shape[1])
    sources = position + np.array([[2], [1], [0]])  # counted from where `nothing` begins
    # Without a frame, only a target without a label is spelt, with probability 1.
    alpha = np.broadcast_to(np.where(position == 0, 0.0, -np.inf).astype(x.dtype), states.shape)
    for t in range(int(np.max(frames, initial=0))):
        if t == 0:
            step = np.where(position < 2, emitted[0], -np.inf)
        else:
            before = np.concatenate([nothing, alpha], axis=1)[:, sources]
            step = _log_sum_exp(np.where(follows, before, -np.inf)) + emitted[t]
        alpha = np.where((t < frames)[:, None], step, alpha)

    # A target ends in its last label or in the blank behind it.
    last = 2 * lengths[:, None]
    ends = np.take_along_axis(alpha, np.concatenate([last, np.maximum(last - 1, 0)], axis=1), axis=1)
    nll = -_log_sum_exp(np.where((lengths > 0)[:, None] | [True, False], ends, -np.inf))
    return nll


def _log_sum_exp(terms: Array) -> Array:
    """Logarithm of the sum of exponentials along axis 1; -inf where all terms are."""
    shift = np.max(constant(terms), axis=1, keepdims=True)
    shift = np.where(np.isfinite(shift), shift, 0.0)
    result: Array = np.log(np.sum(np.exp(terms - shift), axis=1)) + shift[:, 0]
    return result
