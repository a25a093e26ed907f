"""The module classes: what their constructors take, what may be done to them, and what is seen then."""

from __future__ import annotations

from .observing import Seen, difference, expect, observe, run, seen, seen_of, stages
from .samples import SAMPLES, Argument, Sample
from .treatments import NOTHING, TREATMENTS, Treatment

__all__ = [
    "NOTHING",
    "SAMPLES",
    "TREATMENTS",
    "Argument",
    "Sample",
    "Seen",
    "Treatment",
    "difference",
    "expect",
    "observe",
    "run",
    "seen",
    "seen_of",
    "stages",
]
