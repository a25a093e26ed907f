"""Difference quotients of losses, in so many digits that they are as good as derivatives.

The step of a quotient is far smaller than any distance between the numbers of a case. So no kink lies within
a step, unless the point itself is one, and then the quotients to either side are its one-sided derivatives.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from mpmath import mp, mpf

from meta_tests import fifty_digits
from reference import Array
from strategies import Case, is_real

from .fifty_digits.arithmetic import exact
from .test_oracle import arguments

COST = 60 * 1000  # numbers times bits that the loss of a quick case takes
SMALLEST_CONSTANT = 1e-12  # in a formula


def in_any_precision(name: str) -> Any:
    """A loss of `fifty_digits`, in whatever precision is set."""
    return inspect.unwrap(getattr(fifty_digits, name))


@dataclass(frozen=True)
class Slope:
    """A difference quotient.

    Attributes:
        value: with the smaller of two steps.
        bend: how far the derivative may be from it. A quotient is off by c h^a to leading order, with a = 1
            or, beside a power of 1.5, 1/2. Doubling h changes that by at least (sqrt(2) - 1) c h^a, and
            three times that change is more than c h^a.
        noise: how far rounding may have moved it.
    """

    value: Any
    bend: Any
    noise: Any

    @property
    def doubt(self) -> Any:
        """How far off it may be altogether."""
        return self.bend + self.noise


class Moving:
    """A loss as a function of its arguments, at a precision that suffices for difference quotients.

    Attributes:
        step: its logarithm, in bits. All sums and differences of the numbers of a case are multiples of the
            lowest bit of all; the step is 160 bits below it.
        precision: in bits: those of the step, twice the range of the numbers, for products of two, and 64;
            more for exponentials, of which not all are seen beside 1.
    """

    def __init__(self, case: Case, order: int = 1) -> None:
        self.case = case
        self.given = arguments(case, np.float64)
        if case.loss == "gaussian_nll_loss":  # whose derivative is documented to ignore the clamp
            eps = self.given.pop("eps", 1e-6)
            self.given |= {"var": np.maximum(self.given["var"], eps), "eps": 0.0}
        numbers = [np.ravel(v) for v in self.given.values() if isinstance(v, float) or is_real(v)]
        sizes = np.concatenate([np.array([1.0, SMALLEST_CONSTANT]), *numbers])
        _, exponents = np.frexp(sizes[np.isfinite(sizes) & (sizes != 0)])
        self.lowest, self.highest = int(exponents.min()) - 53, int(exponents.max())
        self.step = self.lowest - 160
        self.precision = -order * self.step + 2 * (self.highest - self.lowest) + 64
        self.precision += 2 ** min(self.highest + 1, 10)
        self.formula = in_any_precision(case.loss)

    @property
    def quick(self) -> bool:
        """Whether the case is small; CTC enumerates all alignments."""
        if self.case.loss == "ctc_loss":
            frames, *_, classes = self.given["log_probs"].shape
            return bool(classes**frames <= 100)
        numbers = sum(v.size for v in self.given.values() if is_real(v))
        return bool(self.precision * numbers <= COST)

    @cached_property
    def start(self) -> Array:
        """The losses of the case itself."""
        start = self.losses({})
        size = start.flat[0] if start.size == 1 else mp.zero
        if mp.isfinite(size) and size:  # a sum of terms, beside which that which moves must be seen
            self.precision += min(max(0, int(mp.mag(size)) - 2 * self.highest), 5000)
        return self.losses({})

    def losses(self, moves: dict[str, Array]) -> Array:
        """The losses where arguments are moved, each by an array of its shape."""
        with mp.workprec(self.precision):
            moved = {name: exact(self.given[name]) + move for name, move in moves.items()}
            result: Array = self.formula(**{**self.given, **moved})
        return result

    def slope(self, direction: dict[str, Array], upstream: Array, side: int) -> Slope:
        """Derivative of sum(upstream * losses) in a direction, to a side."""
        start = self.start
        moved = self.losses({name: exact(np.where(v != 0, np.nan, 0)) for name, v in direction.items()})
        with mp.workprec(self.precision):
            steps = [mp.ldexp(side, self.step), mp.ldexp(side, self.step + 1)]
            ends = [self.losses({name: t * v for name, v in direction.items()}) for t in steps]
            # Losses that neither become nan with an argument nor move with it do not depend on it.
            parts = [
                (k, mpf(upstream[k]))
                for k in np.ndindex(start.shape)
                if upstream[k] and (mp.isnan(moved[k]) or any(end[k] != start[k] for end in ends))
            ]
            near, far = (
                mp.fsum(u * ((end[k] - start[k]) / t) for k, u in parts) for t, end in zip(steps, ends)
            )
            # In each loss, a few operations are rounded, relative to it or to a product of two arguments.
            sizes = mp.fsum(abs(u) * max(abs(start[k]), mp.ldexp(1, 2 * self.highest)) for k, u in parts)
            return Slope(near, 3 * abs(far - near), mp.ldexp(sizes, 32 - self.precision - self.step))

    def one(self, name: str, index: tuple[int, ...]) -> dict[str, Array]:
        """The direction of one element; of log-probabilities, along normalised ones."""
        direction = exact(np.zeros(self.given[name].shape))
        with mp.workprec(self.precision):
            if name == "log_probs":
                direction[index[:-1]] -= mp.exp(mpf(self.given[name][index]))
            direction[index] += 1
        return {name: direction}
