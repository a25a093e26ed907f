"""How large and how small partial results may be when it is open in what order they are computed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .dispatch import Array


@dataclass(slots=True)  # not frozen: every step makes one
class Reach:
    """Bounds on the sizes of partial products and sums, whichever factors and terms come first.

    The documentation of a derivative does not say in what order the chain rule multiplies. A product of
    moderate size may overflow, or be rounded below the normal range, if its factors come in another order.

    Attributes:
        largest: bound from above: factors below 1 come last. 0 where the result is not finite.
        smallest: bound from below: factors above 1 come last. 1 where the result is exactly zero, as then
            every product is.
    """

    largest: Array
    smallest: Array

    @classmethod
    def of(cls, size: Array, error: Array | None = None) -> Reach:
        """Of a single number of a size, give or take an error."""
        return cls(np.where(np.isfinite(size), size, 0), _not_zero(size if error is None else size + error))

    def joined(self, size: Array, error: Array | None = None) -> Reach:
        """The same of partial results and of the result itself."""
        smallest = np.minimum(self.smallest, _not_zero(size if error is None else size + error))
        return Reach(np.where(np.isfinite(size), self.largest, 0), smallest)

    def plus(self, other: Reach) -> Reach:
        """Of a sum of two."""
        return Reach(self.largest + other.largest, np.minimum(self.smallest, other.smallest))

    def times(self, other: Reach) -> Reach:
        """Of a product of two."""
        largest = np.maximum(self.largest, 1) * np.maximum(other.largest, 1)
        return Reach(largest, np.minimum(self.smallest, 1) * np.minimum(other.smallest, 1))

    def over(self, least: Array, most: Array) -> Reach:
        """Of a quotient by something whose size is between two."""
        largest = np.maximum(self.largest, 1) / np.where(least > 0, np.minimum(least, 1), 1)
        return Reach(largest, np.minimum(self.smallest, 1) / np.maximum(most, 1))

    def either(self, other: Reach) -> Reach:
        """Of one of two, it is open which."""
        return Reach(np.maximum(self.largest, other.largest), np.minimum(self.smallest, other.smallest))

    def along(self, axis: Any, keepdims: bool, *, summed: bool) -> Reach:
        """Of the sum of an array along axes, or of its largest element."""
        over: Callable[..., Array] = np.sum if summed else np.max
        largest = over(self.largest, axis=axis, keepdims=keepdims)
        return Reach(largest, np.min(self.smallest, axis=axis, keepdims=keepdims, initial=np.inf))


def _not_zero(size: Array) -> Array:
    return np.where(size > 0, size, 1)
