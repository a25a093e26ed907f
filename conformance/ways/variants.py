"""Variants: other cases for which what was made for one must do."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from strategies import Case

from ..laws.batches import batch_size, spelt_out, taking

# torch divides a loop of more than 2**15 elements among threads (at::internal::GRAIN_SIZE).
SHARED_OUT = 40_000


def other_samples(case: Case) -> list[Case]:
    """The call with its last sample only, as often, and with the order of its samples reversed."""
    return _taking(case, lambda n: [[n - 1] * n, list(range(n))[::-1]])


def other_sizes(case: Case) -> list[Case]:
    """The call with two samples more, and with thrice as many."""
    return _taking(case, lambda n: [[*range(n), 0, n - 1], [*range(n)] * 3])


def many_samples(case: Case) -> list[Case]:
    """The call with its samples repeated until there is work for several threads."""
    elements = max(np.size(value) for value in case.arguments.values())
    return _taking(case, lambda n: [[*range(n)] * (SHARED_OUT // max(1, elements) + 1)])


def _taking(case: Case, choices: Callable[[int], list[list[int]]]) -> list[Case]:
    """Calls of other samples. What broadcasts is left alone: its shape would be another one spelt out."""
    whole = spelt_out(case)
    size = batch_size(whole)
    if not size or any(np.shape(whole.arguments[k]) != np.shape(v) for k, v in case.arguments.items()):
        return []
    return [taking(whole, rows) for rows in choices(size)]
