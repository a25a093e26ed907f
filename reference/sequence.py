"""Connectionist temporal classification: the loss of a sequence whose alignment is unknown."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from .derivative import Variable
from .dispatch import Array, scatter, total, with_derivative_of, with_pull
from .log_sum_exp import log_sum_exp
from .reduction import check, reduce
from .slopes import where_it_contributes
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
    loss = _negative_log_likelihood(x, _Trellis(np.where(used, labels, blank), frames, lengths, blank))

    def undefined() -> Array:
        heard = np.arange(steps)[:, None, None] < frames[:, None]
        nothing = np.sum(np.where(heard, x, 0.0), axis=(0, 2)) * np.nan
        return np.where(loss == np.inf, nothing, loss)

    # An infinite loss has no derivative, unless it is documented to be 0.
    loss = with_derivative_of(loss, undefined)
    if flag("zero_infinity", zero_infinity):
        # A 0 that still knows whether a step on its way overflowed.
        loss = np.where(loss == np.inf, np.maximum(-loss, 0), loss)
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


def _negative_log_likelihood(x: Array, trellis: _Trellis) -> Array:
    """The loss of each sequence, shape (N), of log-probabilities (T, N, C)."""
    differentiated = isinstance(x, Variable)
    kept: list[Any] = []

    def formula(x: Any) -> Any:
        alpha = trellis.silence
        for alpha in trellis.forward(x):
            if differentiated:
                kept.append(alpha)
        return trellis.ended(alpha)

    def pull(c: Any, x: Any, loss: Any) -> Any:
        c = np.expand_dims(c, -1)
        along = _normalised(x)
        # What is differentiated once more follows from variables, and what was kept is used up.
        again = isinstance(x, Variable) or not kept
        occupied = _occupied(along, list(trellis.forward(along)) if again else kept, loss, trellis)
        heard = np.arange(x.shape[0])[:, None, None] < trellis.frames[:, None]
        slope = np.where(heard, np.exp(x) - occupied, 0.0)
        return where_it_contributes(c, c * slope)

    result: Array = with_pull(formula, pull, x)
    return result


def _normalised(x: Any) -> Any:
    """Log-probabilities, differentiated along normalised ones, whose exponentials sum to 1.

    Where they do, log sum exp is their sum less 1, and this is the derivative of x - log sum exp(x).
    """
    return with_derivative_of(x, lambda: x - np.sum(np.exp(x), axis=-1, keepdims=True))


def _occupied(x: Any, variables: list[Any], loss: Any, trellis: _Trellis) -> Any:
    """The probability of each class in each frame, given the labels: Graves, equations 14 and 15.

    Args:
        x: log-probabilities (T, N, C).
        variables: the forward variables of each frame, whose memory is given back frame by frame.
        loss: of each sequence.
        trellis: of the sequences.
    """
    steps, batch, classes = x.shape
    places = np.reshape(trellis.places(classes), -1)
    likelihood = np.expand_dims(np.where(loss == np.inf, 0.0, -loss), -1)
    frames = [np.zeros((steps - len(variables), batch * classes))]
    for beta, emitted in trellis.backward(x):
        alpha = variables.pop()
        passes = (alpha != -np.inf) & (beta != -np.inf)
        if not np.all(passes):
            alpha, beta, emitted = (np.where(passes, part, 0.0) for part in (alpha, beta, emitted))
        passing = np.where(passes, np.exp(total(alpha, beta, -emitted, -likelihood)), 0.0)
        frame = scatter(np.reshape(passing, (-1,)), places, (batch * classes,))
        frames.append(np.expand_dims(frame, 0))
    return np.reshape(np.concatenate(frames[::-1]), x.shape)


class _Trellis:
    """The states that alignments go through, and Graves' recursions over them, in log space.

    A sequence has 2 S + 1 states: a blank before, between and after its labels. Arrays of states have the
    shape (N, 2 S + 1).

    Attributes:
        frames: T_n.
        silence: the forward variables before the first frame.
    """

    def __init__(self, labels: Array, frames: Array, lengths: Array, blank: int) -> None:
        batch, size = labels.shape
        self.frames = frames
        self._heard = int(np.max(frames, initial=0))
        self._states = np.full((batch, 2 * size + 1), blank)
        self._states[:, 1::2] = labels
        # A state follows itself, the one before, and the one two before unless that has the same label.
        self._skips = np.zeros(self._states.shape, dtype=bool)
        self._skips[:, 3::2] = labels[:, 1:] != labels[:, :-1]
        # A target ends in its last label or in the blank behind it.
        self._after = np.arange(2 * size + 1) - 2 * lengths[:, None]
        # Without a frame, only a target without a label is spelt, with probability 1.
        self.silence = np.where(np.arange(2 * size + 1) == 0, np.zeros((batch, 1)), -np.inf)

    def places(self, classes: int) -> Array:
        """Where the classes of the states are among the N C numbers of a frame."""
        return self._states + classes * np.arange(len(self._states))[:, None]

    def _emitted(self, x: Any) -> Callable[[int], Any]:
        """Gives the log-probabilities of the states in a frame."""
        steps, batch, classes = x.shape
        flat, places = np.reshape(x, (steps, batch * classes)), self.places(classes)
        return lambda t: flat[t][places]

    def forward(self, x: Any) -> Iterator[Any]:
        """The forward variables of each frame, of log-probabilities (T, N, C). Graves, equations 5 to 7."""
        emitted = self._emitted(x)
        nothing = np.full((len(self.silence), 2), -np.inf)
        alpha: Any = self.silence
        for t in range(self._heard):
            if t == 0:
                step = np.where(np.arange(self.silence.shape[1]) < 2, emitted(t), -np.inf)
            else:
                wide = np.concatenate([nothing, alpha], axis=1)
                skipped = np.where(self._skips, wide[:, :-2], -np.inf)
                step = log_sum_exp(alpha, wide[:, 1:-1], skipped) + emitted(t)
            going = self.frames > t
            alpha = step if np.all(going) else np.where(going[:, None], step, alpha)
            yield alpha

    def backward(self, x: Any) -> Iterator[tuple[Any, Any]]:
        """The backward variables of each frame and its log-probabilities, from the last frame on.

        Source: Graves, equations 9 to 11.
        """
        emitted = self._emitted(x)
        nothing = np.full((len(self.silence), 2), -np.inf)
        # From which the state two behind follows.
        skips = np.concatenate([self._skips, np.zeros(nothing.shape, dtype=bool)], axis=1)[:, 2:]
        ends = (self._after == 0) | (self._after == -1)
        beta: Any = -np.inf
        for t in reversed(range(self._heard)):
            now = emitted(t)
            if t < self._heard - 1:
                wide = np.concatenate([beta, nothing], axis=1)
                skipped = np.where(skips, wide[:, 2:], -np.inf)
                beta = log_sum_exp(beta, wide[:, 1:-1], skipped) + now
            last = self.frames == t + 1
            if np.any(last):
                beta = np.where(last[:, None], np.where(ends, now, -np.inf), beta)
            yield beta, now

    def ended(self, alpha: Any) -> Any:
        """The loss, of the forward variables of the last frame. Graves, equation 8."""
        place = np.argmax(self._after == 0, axis=1)[:, None]
        label, blank = (np.take_along_axis(alpha, place - back, axis=1)[:, 0] for back in (1, 0))
        label = np.where(place[:, 0] > 0, label, -np.inf)
        return -log_sum_exp(label, blank)
