"""A divergence on record, and what several of them ask of a mismatch."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from reference import FORMATS, Array, Format, Tracked
from reference.embedding import COSINE_EPSILON
from strategies import is_real

from ..devices import absence
from ..judging import Worst, expect, judge
from ..mismatch import Mismatch

HALVES = ("float16", "bfloat16")

# Among the devices of a record: whichever is not the CPU.
ELSEWHERE = "any other than cpu"

# What is wrong with a result.
KINDS = {
    "overflow": "it is infinite, nan or 0 because something overflows on the way to a number that fits",
    "underflow": "something on the way vanishes that the result depends on",
    "nan": "it is nan where the formula, or its limit, has a value",
    "accuracy": "it is a number, and farther off than rounding explains",
    "uninitialised": "it is read from memory that nobody wrote, or that belongs to something else",
    "race": "threads read what others still write, so that it is another now and then",
    "convention": "it is computed by another formula than the documented one",
    "contract": "its shape or dtype is another than documented",
    "error": "a valid call raises",
    "no error": "an invalid call does not raise",
}

# What of a loss diverges.
OF = {
    "value": "value",
    "gradient": "gradient",
    "second": "second derivative or forward mode",
    "invalid call": "invalid call",
    "way": "way of running torch",
}


@dataclass(frozen=True)
class Divergence:
    """A known divergence.

    Attributes:
        id: a stable name.
        loss: name of the functional.
        kind: one of `KINDS`.
        covers: whether a mismatch of this loss in these formats is this divergence; or which elements are.
        reason: what torch does, and what would be right and why.
        witness: torch code that shows it; the last line is an expression.
        gives: the number that the witness gives, or the name of the exception it raises.
        truth: the number it should give, or the name of the exception.
        formats: the floating-point formats concerned.
        until: the first torch known to be without it.
        of: what diverges: the "value", the "gradient", the "second" derivative and forward mode, that an
            "invalid call" raises, or that a "way" of running torch changes nothing.
        since: the first torch known to have it, if that is not the oldest supported.
        devices: the types of device concerned, or `ELSEWHERE`; empty for all, as for what torch composes of
            other operations. The witness of what concerns certain devices runs there.
        upstream: where torch's developers discuss it, if that is known.
        ways: the ways of running torch concerned, where it is about those only.
    """

    id: str
    loss: str
    kind: str
    covers: Callable[[Any], bool | Array]
    reason: str
    witness: str
    gives: float | str
    truth: float | str
    formats: tuple[str, ...] = tuple(FORMATS)
    until: str | None = None
    of: str = "value"
    since: str | None = None
    devices: tuple[str, ...] = ()
    upstream: str = ""
    ways: tuple[str, ...] = ()

    @property
    def current(self) -> bool:
        """Whether the installed torch is in the range that the record is about."""
        begun = self.since is None or torch.__version__ >= self.since
        return begun and (self.until is None or torch.__version__ < self.until)

    @property
    def absent(self) -> str | None:
        """Why the witness cannot run here: all devices that the record is about are absent; or None."""
        reasons = [absence(device) for device in self.devices if device != ELSEWHERE]
        return reasons[0] if reasons and all(reasons) else None

    def concerns(self, device: str) -> bool:
        """Whether a device, as torch spells it, is among those that the record is about."""
        kind = torch.device(device).type
        return not self.devices or kind in self.devices or (ELSEWHERE in self.devices and kind != "cpu")


def near(a: float | str, b: float | str) -> bool:
    """Whether results are as good as equal, given that a record's numbers are written with few digits."""
    if isinstance(a, str) or isinstance(b, str):
        return a == b
    return a == b or (a != a and b != b) or math.isclose(a, b, rel_tol=1e-4)


def arguments_of(mismatch: Mismatch) -> dict[str, Any]:
    """The arguments of the call, for the predicates to read."""
    return dict(mismatch.case.arguments)


def kept_labels(given: dict[str, Any]) -> Array:
    """The labels among the arguments that are not ignored, flat."""
    labels = given["target"]
    kept: Array = labels[labels != given.get("ignore_index", -100)]
    return kept


def reduced_by(mismatch: Mismatch, *reductions: str) -> bool:
    """Whether the call's reduction is one of these."""
    return mismatch.case.arguments.get("reduction", "mean") in reductions


def intermediate_overflows(mismatch: Mismatch) -> bool:
    """The value fits the format, but a result on the way to it, computed as documented, does not."""
    return mismatch.worst is not None and mismatch.worst.overflows


def sums_in_own_format(mismatch: Mismatch) -> bool:
    """The result is what summing in the narrow format itself explains, the float32 accumulator not."""
    if mismatch.observed is None or not reduced_by(mismatch, "mean", "sum"):
        return False
    narrow = replace(mismatch.case.format, accumulator=mismatch.case.format.name)
    allowed = expect(mismatch.loss, replace(mismatch.case, format=narrow))
    return explained(judge(mismatch.observed, allowed))


def explained(verdict: Worst) -> bool:
    """Whether a verdict by other bounds explains a result: it conforms, or overflows as they expect."""
    if verdict.overflows and not np.isfinite(verdict.observed):
        return True
    return verdict.conforms and bool(np.isfinite(verdict.bound))


def where_explained(observed: Array, expected: Tracked) -> Array:
    """Which elements of a result other bounds explain."""
    near = (np.abs(observed - expected.value) <= expected.bound) & np.isfinite(expected.bound)
    alike = (observed == expected.value) | (np.isnan(observed) & np.isnan(expected.value))
    return np.asarray(near | alike)


def pairs_whose_norms_vanish(mismatch: Mismatch) -> Array:
    """Which pairs have a squared norm, or a product of both, that the format cannot tell from 0."""
    a, b = mismatch.case.arguments["input1"], mismatch.case.arguments["input2"]
    first, second = (np.sum(x * x, -1) + COSINE_EPSILON for x in (a, b))
    return np.asarray(
        np.minimum(np.minimum(first, second), first * second) < mismatch.case.format.smallest_normal
    )


def infinity_counts(mismatch: Mismatch) -> bool:
    """Whether an argument holds an infinite number, of a sample that is not ignored."""
    given = arguments_of(mismatch)
    if mismatch.loss.name in ("cross_entropy", "nll_loss") and not is_real(given["target"]):
        x, y = given["input"], given["target"]
        kept = np.expand_dims(y != given.get("ignore_index", -100), 0 if x.ndim == 1 else 1)
        return bool(np.any(np.isinf(x) & kept))
    return any(np.any(np.isinf(value)) for value in given.values() if is_real(value))


def nan_at_infinity(mismatch: Mismatch) -> bool:
    """The result is nan, for an infinite number that counts, and the formula has a limit there."""
    if mismatch.worst is None or not np.isnan(mismatch.worst.observed) or np.isnan(mismatch.worst.expected):
        return False
    return infinity_counts(mismatch)


def nan_is_swallowed(mismatch: Mismatch) -> bool:
    """The result is a number although a score is nan, or a difference of scores is."""
    if mismatch.worst is None or np.isnan(mismatch.worst.observed):
        return False
    return bool(np.isnan(mismatch.worst.expected)) and not np.all(
        np.isfinite(mismatch.case.arguments["input"])
    )


def is_empty(mismatch: Mismatch) -> bool:
    """Torch refuses log-probabilities without elements; before 2.13, by looking for a first frame."""
    words = ("log_probs tensor must not be empty", "exceeds dimension size (0)")
    return any(text in mismatch.problem for text in words)


def exp_overflows(exponent: Array, format: Format) -> Array:
    """Where exp overflows, or is so near to it that fast approximations do: in float32 from 88.38 on."""
    return np.asarray(exponent > 0.995 * math.log(format.max))


def variance_refused(mismatch: Mismatch) -> bool:
    """A variance with a dimension of 1 that is not the last."""
    return "var is of incorrect size" in mismatch.problem


def eps_vanishes(mismatch: Mismatch) -> bool:
    """The sum of a rate and eps rounds to 0 in the format."""
    given = arguments_of(mismatch)
    sums: Array = given["input"] + given.get("eps", 1e-8)
    return given.get("log_input") is False and bool(np.any(mismatch.case.format.nearest(sums) == 0))


def weights_unexpanded(mismatch: Mismatch) -> bool:
    """A weighted mean whose target broadcasts the input, too large by as many times as a weight is used."""
    given, worst = arguments_of(mismatch), mismatch.worst
    if worst is None or not reduced_by(mismatch, "mean") or not given.get("weight", np.empty(0)).size:
        return False
    shape = np.broadcast_shapes(given["input"].shape, given["target"].shape)
    times = math.prod(shape) / given["weight"].size
    # The divisor is rounded otherwise than the one that the bound is of.
    allowed = worst.bound + 2 * mismatch.case.format.unit_roundoff * abs(worst.expected)
    return times != 1 and bool(abs(worst.observed / times - worst.expected) <= allowed)


def total_weight_overflows(mismatch: Mismatch) -> bool:
    """The mean of so many samples that the sum of their weights is beyond the format; then it is 0."""
    given = arguments_of(mismatch)
    if mismatch.worst is None or mismatch.worst.observed or not reduced_by(mismatch, "mean"):
        return False
    if is_real(given["target"]):
        return False
    kept = kept_labels(given)
    total = np.sum(given["weight"][kept]) if "weight" in given else kept.size
    return bool(total > mismatch.case.format.max)


def smoothed_bytes(mismatch: Mismatch) -> bool:
    """Labels in uint8, with weights and smoothing, which torch refuses."""
    given = arguments_of(mismatch)
    bytes_given = given["target"].dtype == np.uint8
    return bytes_given and "gather()" in mismatch.problem and "weight" in given
