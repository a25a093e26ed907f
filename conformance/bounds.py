"""The verdict: is what torch returned within what the oracle allows?"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np

from reference import FORMATS, Array, Complex, Format, Tracked, stepped, tracked, weights_as_masks
from reference.integers import INTEGERS
from strategies import Case, Distance, is_real

from .chunked import chunking_of
from .losses import Loss

Numbering: TypeAlias = Callable[[Array, Format], Any]
# The arguments that are weights.
WEIGHTS = ("weight", "pos_weight")


def expect(loss: Loss, case: Case) -> Tracked:
    """What the oracle says of a case: the value, and the error allowed in it, element by element."""
    result = loss.oracle(**oracle_arguments(case))
    # A result that depends on no real argument (no frame in any sequence) is exact.
    return result if isinstance(result, Tracked) else tracked(result, case.format)


@np.errstate(all="ignore")
def conforms_as_masked(loss: Loss, case: Case, observed: Array, expected: Tracked) -> Array | bool:
    """Which of torch's numbers conform if a weight of 0 is a mask, of which 0 times infinity makes 0.

    The oracle takes weights for factors. Nothing documents which they are, so that both conform.

    Args:
        loss: what was called.
        case: with what.
        observed: float64, the shape of `expected`.
        expected: what the oracle says.
    """
    weights = [case.arguments.get(name) for name in WEIGHTS]
    if not np.any(np.isnan(expected.value)) or not any(w is not None and np.any(w == 0) for w in weights):
        return False
    with weights_as_masks():
        return np.asarray(ratios(observed, expect(loss, case)) <= 1)


def oracle_arguments(case: Case, numbers: Numbering = tracked) -> dict[str, Any]:
    """The arguments of a case as the oracle takes them: real and complex arrays as `numbers` of its format.

    Options that choose how a loss is computed say at most in what type sums are accumulated. Numbers that
    follow every step are in the types in which they are passed.
    """
    chunking = chunking_of(case)
    form = replace(case.format, accumulator=chunking.accumulator(case.format)) if chunking else case.format

    def argument(name: str, value: Any) -> Any:
        if isinstance(value, Distance):
            return value.formula
        if isinstance(value, np.ndarray) and value.dtype.kind == "c":
            return Complex(numbers(np.stack([value.real, value.imag], -1), form))
        if numbers is stepped and is_real(value) and case.dtype(name) != form.name:
            return stepped(value, {**FORMATS, **INTEGERS}[case.dtype(name)])
        if isinstance(value, np.generic):
            return value.item()  # a number option is the number that it holds, whatever its type
        return numbers(value, form) if is_real(value) else value

    return {name: argument(name, value) for name, value in case.computed.items()}


def elements_of(case: Case) -> int:
    """How many elements the largest tensor of a call may have, as far as shapes tell."""
    arrays = [value for value in case.arguments.values() if isinstance(value, np.ndarray)]
    sizes = [array.size for array in arrays]
    with suppress(ValueError):  # which says that they do not broadcast
        sizes.append(math.prod(np.broadcast_shapes(*(array.shape for array in arrays))))
    if "linear_weight" in case.arguments:  # its products have every class for every sample
        sizes.append(case.arguments["input"].size * len(case.arguments["linear_weight"]))
    return max(sizes, default=0)


@dataclass(frozen=True)
class Worst:
    """The element of a result that is farthest off, in units of its allowed error.

    Attributes:
        conforms: whether it is within the bound; then all are.
        ratio: error / bound; nan where there is nothing to compare, inf beyond comparison.
        index: where it is.
        expected, bound, observed: what was expected there, give or take what, and what came.
    """

    conforms: bool
    ratio: float
    index: tuple[int, ...] = ()
    expected: float = 0.0
    bound: float = 0.0
    observed: float = 0.0

    @property
    def subscript(self) -> str:
        """The index as Python code; empty for a single number."""
        return f"[{', '.join(map(str, self.index))}]" if self.index else ""

    @property
    def kind(self) -> str:
        """Kind of a divergence: "nan", "overflow", "infinity" or "accuracy"."""
        if np.isnan(self.observed):
            return "nan"
        if np.isinf(self.observed):
            return "overflow"
        return "accuracy" if np.isfinite(self.expected) else "infinity"


@np.errstate(all="ignore")  # infinities and nans are compared, not computed with
def ratios(observed: Array, expected: Tracked, excused: Array | bool = False) -> Array:
    """The error / bound of each of torch's numbers; up to 1 conforms, inf is beyond comparison.

    A finite expected value wants a finite number within the bound, or an infinity where a finite bound
    allows a number that rounds to one. An infinite value wants that infinity, nan wants nan.

    Args:
        observed: float64, the shape of `expected`.
        expected: the oracle's value with its bound.
        excused: elements that are not looked at; their ratio is 0.
    """
    value = np.asarray(expected.value)
    got = observed.astype(value.dtype)
    bound = _certain(expected)
    form = expected.format
    # Half a spacing above the largest number, from where on rounding gives infinity.
    edge = np.ldexp(value.dtype.type(2) - form.unit_roundoff, form.max_exponent - 1)
    reach = np.where(np.isfinite(bound), bound, 0)  # an unbounded error is no reason for an infinity
    may_overflow = np.where(got > 0, value + reach, reach - value) >= edge
    agrees = excused | (got == value) | (np.isnan(got) & np.isnan(value)) | (np.isinf(got) & may_overflow)
    comparable = np.isfinite(got) & np.isfinite(value)
    return np.asarray(np.where(agrees, 0, np.where(comparable, np.abs(got - value) / bound, np.inf)))


def _certain(expected: Tracked) -> Array:
    return np.where(np.isnan(expected.bound), np.inf, expected.bound)


def judge(observed: Array, expected: Tracked, excused: Array | bool = False) -> Worst:
    """Compare torch's numbers with the oracle's: the one that is farthest off.

    Args:
        observed: float64, the shape of `expected`.
        expected: the oracle's value with its bound.
        excused: elements that are not looked at.
    """
    if observed.size == 0:
        return Worst(True, 0.0)
    ratio = ratios(observed, expected, excused)
    index = np.unravel_index(int(np.argmax(ratio)), ratio.shape)
    worst = float(ratio[index])
    return Worst(
        worst <= 1,
        worst,
        tuple(int(i) for i in index),
        float(np.asarray(expected.value)[index]),
        float(_certain(expected)[index]),
        float(observed[index]),
    )


@np.errstate(all="ignore")  # of infinities and nans there is no error
def ulp_errors(observed: Array, expected: Tracked, excused: Array | bool = False) -> Array:
    """How far torch's numbers are off, in ulps: spacings of the format's numbers at the right one.

    An error is told in ulps only where the error that is allowed leaves a digit certain. At a kink, or where
    terms cancel out, it does not, and the right number says nothing of how large an error is.

    Args:
        observed: float64, the shape of `expected`.
        expected: the oracle's value with its bound.
        excused: elements that are not looked at.

    Returns:
        float64 array of the same shape; nan where an error is not told in ulps, or a number is not finite.
    """
    value = np.asarray(expected.value)
    form = expected.format
    _, exponent = np.frexp(value)
    spacing = np.ldexp(value.dtype.type(1), np.maximum(exponent, form.min_exponent + 1) - form.digits)
    errors = np.abs(observed.astype(value.dtype) - value) / spacing
    told = np.isfinite(errors) & (expected.bound < np.abs(value)) & ~np.asarray(excused)
    return np.where(told, errors, np.nan).astype(np.float64)
