"""What the examples of a cell came to: counts, the largest errors and a digest of all bits."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import target

from reference import Array, Tracked

from .bounds import ulp_errors
from .implementation import Untested

# The histogram of errors ends with all that is farther off than 2**30 ulps.
LAST_BIN = 31


@dataclass
class Tally:
    """What the examples of a cell came to.

    Attributes:
        examples: how many ran to a verdict.
        worst: the largest error / bound among conforming results.
        ulp: the largest error among conforming results, in ulps of the right one.
        where: of which call and element that is.
        ulps: how many elements were how far off: up to half an ulp, up to 1, 2, 4 and so on.
        known: how many examples each known divergence covered.
        untested: how many examples were not tested, by the reason.
        digest: of the bits of all conforming results.
        prints: four hexadecimal digits of such a digest for each example.
    """

    examples: int = 0
    worst: float = 0.0
    ulp: float = 0.0
    where: str = ""
    ulps: list[int] = field(default_factory=list)
    known: dict[str, int] = field(default_factory=dict)
    untested: dict[str, int] = field(default_factory=dict)
    digest: str = ""
    prints: str = ""
    _latest: float = 0.0
    _last: dict[str, int] = field(default_factory=dict)
    _bits: str = ""

    def measure(self, ratio: float) -> None:
        """Take note of an error / bound of the present example."""
        self.worst = max(self.worst, ratio)
        self._latest = max(self._latest, ratio)

    def note_errors(
        self, got: Array, truth: Tracked, known: Array | bool, where: Callable[[tuple[int, ...]], str]
    ) -> None:
        """Take note of how far conforming numbers are off, in ulps.

        Args:
            got: torch's numbers, the shape of `truth`.
            truth: the oracle's.
            known: elements that are not looked at.
            where: says of which call and element an index is.
        """
        errors = ulp_errors(got, truth, known)
        told = errors[~np.isnan(errors)]
        if not told.size:
            return
        _, exponents = np.frexp(np.maximum(told, 0.5))
        # 0.5 has the exponent 0, as all below 1 have, and each power of two is the end of its bin.
        bins = np.where(told <= 0.5, 0, exponents - (told == np.ldexp(0.5, exponents)) + 1)
        counts = np.bincount(np.clip(bins, 0, LAST_BIN), minlength=len(self.ulps))
        counts[: len(self.ulps)] += np.asarray(self.ulps, dtype=counts.dtype)
        self.ulps = counts.tolist()
        largest = float(told.max())
        if largest > self.ulp:
            self.ulp = largest
            index = np.unravel_index(int(np.nanargmax(errors)), errors.shape)
            self.where = where(tuple(int(i) for i in index))

    def note_bits(self, got: Array, known: Array | bool = False) -> None:
        """Take note of the bits of numbers of the present example, but for those known to diverge."""
        # One nan is as good as another, and what diverges may be different in each run.
        settled = np.where(np.isnan(got) | known, np.nan, got)
        self._bits = _chained(self._bits, settled.tobytes())

    def finish_example(self) -> None:
        """Close the present example."""
        if self._bits:
            self.digest = _chained(self.digest, self._bits.encode())
        self.prints += (self._bits or "0" * 4)[:4]
        self._bits = ""

    def aim(self) -> None:
        """Tell Hypothesis how close the example came to its bounds, so that it tries to come closer."""
        target(self._latest, label="error / bound")
        self._latest = 0.0

    def meet(self, divergence: str) -> None:
        """Count the present example as one that a known divergence covers, however often it does."""
        if self._last.get(divergence) != self.examples:
            self._last[divergence] = self.examples
            self.known[divergence] = self.known.get(divergence, 0) + 1

    @contextmanager
    def counting(self) -> Iterator[None]:
        """Around the check of an example: one that cannot be tested is counted apart, with the reason."""
        before = self.examples
        try:
            yield
        except Untested as untested:
            self.examples = before
            self.leave_out(str(untested))

    def leave_out(self, reason: str) -> None:
        """Count something of an example as not tested."""
        self.untested[reason] = self.untested.get(reason, 0) + 1

    def skip_if_untested(self) -> None:
        """Skip the test, with the reasons, if no example could be tested.

        Raises:
            pytest.skip.Exception: so it is.
        """
        if self.untested and not self.examples:
            pytest.skip("; ".join(sorted(self.untested)))


def _chained(digest: str, data: bytes) -> str:
    """A digest of what a digest is of, and of further data."""
    return hashlib.blake2b(digest.encode() + data, digest_size=8).hexdigest()
