"""Directions: what derivatives are multiplied with, upstream gradients and tangents."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st

from reference import Array, Format

from .case import Case
from .values import reals

# Numbers are drawn before it is known how many are needed, and repeated. A prime, so that they fall on other
# elements in each row.
PERIOD = 31


@dataclass(frozen=True)
class Differentiation:
    """A case, and how it is differentiated.

    Attributes:
        case: the call.
        upstream: what the gradient is of, sum(upstream * result): numbers to repeat over the result.
        tangent: the direction of a second derivative: numbers to repeat over each argument.
        left_out: chooses the arguments that require no gradient, a bit for each.
    """

    case: Case
    upstream: Array
    tangent: Array
    left_out: int

    def __repr__(self) -> str:
        return f"{self.case!r}, upstream {self.upstream.tolist()}, tangent {self.tangent.tolist()}"


def directions(format: Format) -> st.SearchStrategy[Array]:
    """Arrays to repeat: ones, or any numbers, zeros, negative and huge ones among them. Shrinks to ones."""
    return st.one_of(st.just(np.ones(1)), reals(format, (PERIOD,)))


@st.composite
def differentiations(
    draw: st.DrawFn, cases: st.SearchStrategy[Case], format: Format, *, twice: bool = False
) -> Differentiation:
    """Cases with an upstream gradient and, if `twice`, a tangent. All arguments require gradients, mostly.

    Shrinks to the simplest case, ones, and no argument left out.
    """
    case = draw(cases)
    upstream = draw(directions(format))
    tangent = draw(directions(format)) if twice else np.ones(1)
    return Differentiation(case, upstream, tangent, draw(st.sampled_from((0, 0, 0, 1, 2, 4, 3, 5))))


def spread(direction: Array, shape: tuple[int, ...]) -> Array:
    """Repeat the numbers of a direction over an array of a shape."""
    return np.resize(direction, shape)
