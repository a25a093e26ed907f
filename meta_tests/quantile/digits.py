"""The fourth place, meta_tests/fifty_digits/regression.py: the formula again, in mpmath."""

from __future__ import annotations

from mpmath import mpf

from meta_tests.fifty_digits.arithmetic import Array, Values, elementwise, exact, fifty_digits, reduced


@fifty_digits
def quantile_loss(input: Values, target: Values, quantile: float = 0.5, reduction: str = "mean") -> Array:
    """Either q (y - x) if y > x, or (1 - q) (x - y)."""
    q = mpf(quantile)

    def loss(x: mpf, y: mpf) -> mpf:
        return q * (y - x) if y > x else (1 - q) * (x - y)

    return reduced(elementwise(loss, exact(input), exact(target)), reduction)
