"""Domains: which numbers an argument may hold, according to the documentation of its loss."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from reference import Array


@dataclass(frozen=True)
class Interval:
    """All numbers between two ends, which belong to it unless they are open.

    Attributes:
        low, high: the ends; infinite ones may themselves be members.
        open_low, open_high: whether an end is excluded.
        nan: whether nan is a member, as it is of what has no documented range: it contributes.

    Example:
        >>> UNIT.holds(np.array([0.0, 1.5]))
        array([ True, False])
    """

    low: float = -math.inf
    high: float = math.inf
    open_low: bool = False
    open_high: bool = False
    nan: bool = False

    def __str__(self) -> str:
        """In the notation of mathematics, ``[0, 1)``."""
        left, right = "[("[self.open_low], "])"[self.open_high]
        return f"{left}{self.low:g}, {self.high:g}{right}"

    def holds(self, numbers: Array) -> Array:
        """Which numbers are members: a bool array of the same shape."""
        above = numbers > self.low if self.open_low else numbers >= self.low
        below = numbers < self.high if self.open_high else numbers <= self.high
        return np.asarray(above & below | (np.isnan(numbers) & self.nan))

    @cached_property
    def infinities(self) -> tuple[float, ...]:
        """The infinite members, and nan if it is a member."""
        ends = [end for end in (-math.inf, math.inf) if bool(self.holds(np.asarray(end)))]
        return (*ends, *[math.nan] * self.nan)

    def outside(self) -> dict[str, float]:
        """Numbers just beyond and far beyond each end, and nan, by a word for each; empty for all reals.

        Just beyond a closed end is the next float32; just beyond an open one is the end itself.
        """
        found: dict[str, float] = {}
        for word, end, is_open, away in (
            ("low", self.low, self.open_low, -math.inf),
            ("high", self.high, self.open_high, math.inf),
        ):
            if math.isinf(end):
                continue
            beyond = end if is_open else float(np.nextafter(np.float32(end), np.float32(away)))
            sign = math.copysign(1, away)
            found |= {f"just-too-{word}": beyond, f"too-{word}": end + sign / 2}
            found |= {f"far-too-{word}": sign * 1e30, f"infinitely-too-{word}": away}
        return found | ({"nan": math.nan} if found and not self.nan else {})


REALS = Interval(nan=True)
RATES = Interval(low=0, nan=True)
NON_NEGATIVE = Interval(low=0)
POSITIVE = Interval(low=0, open_low=True)
UNIT = Interval(0, 1)
BETWEEN_SIGNS = Interval(-1, 1)
LOG_PROBABILITIES = Interval(high=0, nan=True)


@dataclass(frozen=True)
class Members:
    """A few numbers, such as the labels 1 and -1."""

    numbers: tuple[float, ...]

    infinities: tuple[float, ...] = ()

    def __str__(self) -> str:
        return f"{{{', '.join(f'{number:g}' for number in self.numbers)}}}"

    def holds(self, numbers: Array) -> Array:
        """Which numbers are members: a bool array of the same shape."""
        return np.isin(numbers, self.numbers)

    def outside(self) -> dict[str, float]:
        """Numbers between and beyond the members, and nan, by a word for each."""
        middle, most = sum(self.numbers) / len(self.numbers), max(self.numbers)
        found = {"between": middle, "too-high": most + 1, "infinite": math.inf, "nan": math.nan}
        return {word: x for word, x in found.items() if x not in self.numbers}


@dataclass(frozen=True)
class Classes:
    """Class indices from 0 up to the size of an axis, which is excluded.

    Attributes:
        ignored: whether the loss leaves out a label that its option ``ignore_index`` names.
        ended: whether a -1 ends a list of labels.
        blank: whether the option ``blank`` names a class that is no label.
    """

    ignored: bool = False
    ended: bool = False
    blank: bool = False

    infinities: ClassVar[tuple[float, ...]] = ()

    def __str__(self) -> str:
        return "[0, C)"

    def outside(self, classes: int, blank: int = 0) -> dict[str, int]:
        """Labels that no class has, by a word for each; beyond 32 bits, some that wrap into the range."""
        low = -2 if self.ended else -1
        found = {"too-high": classes, "too-low": low, "far-too-high": 10**12, "far-too-low": -(10**12)}
        found |= {
            "beyond-int32": 2**31,
            "wraps-to-0": 2**32,
            "wraps-to-1": 2**32 + 1,
            "wraps-from-below": -(2**32),
        }
        return found | ({"blank": blank} if self.blank else {})


@dataclass(frozen=True)
class Lengths:
    """How much of an axis a sequence uses, from 0 to all of it.

    Attributes:
        axis: its letter.
    """

    axis: str

    infinities: ClassVar[tuple[float, ...]] = ()

    def __str__(self) -> str:
        return f"[0, {self.axis}]"

    def outside(self, size: int) -> dict[str, int]:
        """Lengths that an axis of a size does not have, by a word for each."""
        found = {"too-high": size + 1, "too-low": -1, "far-too-high": 10**12, "far-too-low": -(10**12)}
        return found | {"wraps-to-1": 2**32 + 1}


Domain = Interval | Members | Classes | Lengths
SIGNS = Members((1.0, -1.0))
BITS = Members((0.0, 1.0))
