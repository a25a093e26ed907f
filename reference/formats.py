"""The floating-point formats a loss can be computed in.

A format is described by data alone, so the oracle needs neither torch nor a NumPy dtype for it (NumPy
has no bfloat16). The numbers are those of IEEE 754-2019, table 3.5, and for bfloat16 those of the same
formulas with 8 significant bits and the exponent range of float32.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Format:
    """A binary floating-point format.

    Attributes:
        name: as torch and NumPy spell it, e.g. ``"float32"``.
        digits: significant bits, the hidden one included.
        min_exponent: exponent of the smallest normal number, 2**min_exponent.
        max_exponent: every finite number is below 2**max_exponent.
        wide: the NumPy dtype in which the oracle computes for this format.
        accumulator: the name of the format in which sums are accumulated. torch sums float16 and
            bfloat16 in float32 and all others in their own format (``ATen/AccumulateType.h``).
    """

    name: str
    digits: int
    min_exponent: int
    max_exponent: int
    wide: npt.DTypeLike
    accumulator: str

    # Plain floats, cached: they are read at every arithmetic operation of the oracle.
    @cached_property
    def unit_roundoff(self) -> float:
        """Largest relative error of one rounding to nearest, 2**-digits."""
        return 2.0**-self.digits

    @cached_property
    def smallest_normal(self) -> float:
        """Smallest positive number of full precision."""
        return 2.0**self.min_exponent

    @cached_property
    def smallest_subnormal(self) -> float:
        """Smallest positive number, and the spacing of all numbers below the normal range."""
        return 2.0 ** (self.min_exponent - self.digits + 1)

    @cached_property
    def max(self) -> float:
        """Largest finite number."""
        return (2.0 - 2.0 ** (1 - self.digits)) * 2.0 ** (self.max_exponent - 1)

    @cached_property
    def sum_roundoff(self) -> float:
        """Unit roundoff of the format in which sums are accumulated."""
        return FORMATS[self.accumulator].unit_roundoff

    @cached_property
    def oracle_roundoff(self) -> float:
        """Unit roundoff of the oracle's own arithmetic for this format."""
        return float(np.finfo(np.dtype(self.wide)).eps) / 2

    def nearest(self, values: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Round to the nearest number of the format, ties to even.

        Args:
            values: array-like of float64 numbers, any shape.

        Returns:
            float64 array of the same shape; numbers beyond the range become infinite.
        """
        exact = np.asarray(values, dtype=np.float64)
        if self.name == "float64":
            return exact
        _, exponent = np.frexp(exact)
        # The spacing of the format's numbers around each value; rint rounds ties to even.
        spacing = np.ldexp(1.0, np.maximum(exponent, self.min_exponent + 1) - self.digits)
        # inf / spacing * spacing is fine, nan stays nan, and what rounds beyond float64 is infinite.
        with np.errstate(invalid="ignore", over="ignore"):
            rounded = np.where(np.isfinite(exact), np.rint(exact / spacing) * spacing, exact)
        return np.where(np.abs(rounded) > self.max, np.copysign(np.inf, rounded), rounded)

    def has(self, values: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.bool_]:
        """Which numbers of an array are exactly numbers of this format; infinities and nan count."""
        narrow = np.float32 if self.name == "bfloat16" else np.dtype(self.name)
        with np.errstate(over="ignore"):
            rounded = values.astype(narrow)
        exact: npt.NDArray[np.bool_] = (rounded == values) | np.isnan(values)
        if self.name == "bfloat16":  # float32 less its last 16 bits
            exact &= (
                np.ascontiguousarray(rounded).view(np.uint32).reshape(values.shape) & 0xFFFF == 0
            ) | np.isnan(values)
        return exact

    def holds(self, value: float) -> bool:
        """Whether a Python number is exactly a number of this format; infinities and nan count."""
        if not math.isfinite(value):
            return True
        if float(value) != value:
            return False
        mantissa, exponent = math.frexp(value)
        digits = self.digits - max(0, self.min_exponent + 1 - exponent)
        return abs(value) <= self.max and (mantissa * 2.0**digits).is_integer()


FORMATS: dict[str, Format] = {
    # longdouble is wider than float64 on x86 (64 bits) and on Linux for Arm (113 bits). Where it is
    # not (Windows, macOS on Arm), the oracle's own rounding is added to the bound: see Tracked.bound.
    "float64": Format("float64", 53, -1022, 1024, np.longdouble, "float64"),
    "float32": Format("float32", 24, -126, 128, np.float64, "float32"),
    "float16": Format("float16", 11, -14, 16, np.float64, "float32"),
    "bfloat16": Format("bfloat16", 8, -126, 128, np.float64, "float32"),
}


def promoted(*formats: Format) -> Format:
    """The narrowest format that has all numbers of some formats.

    Example:
        >>> promoted(FORMATS["float16"], FORMATS["bfloat16"]).name
        'float32'
    """
    digits = max(form.digits for form in formats)
    exponent = max(form.max_exponent for form in formats)
    fitting = [form for form in FORMATS.values() if form.digits >= digits and form.max_exponent >= exponent]
    return min(fitting, key=lambda form: form.digits)
