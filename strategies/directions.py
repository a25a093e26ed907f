"""Directions: what derivatives are multiplied with, upstream gradients and tangents."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st

from reference import Array, Format

from .case import Case, is_real
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

    If not `twice`, what weighs nothing is at times nan or infinite. Shrinks to the simplest case, ones, and
    no argument left out.
    """
    case = draw(cases)
    mask = None if twice else weightless(case)
    if mask is not None and np.any(mask):
        number = draw(st.sampled_from((None, np.nan, np.inf, -np.inf)))
        if number is not None:
            case = case.replacing(input=np.where(mask, number, case.arguments["input"]))
    upstream = draw(directions(format))
    tangent = draw(directions(format)) if twice else np.ones(1)
    return Differentiation(case, upstream, tangent, draw(st.sampled_from((0, 0, 0, 1, 2, 4, 3, 5))))


def weightless(case: Case) -> Array | None:
    """Which elements of the input weigh nothing, whatever they are; None where none can.

    With label smoothing every class weighs; and binary cross entropy takes probabilities only.
    """
    given = case.arguments
    if given.get("weight") is None or case.loss in ("binary_cross_entropy", "linear_cross_entropy"):
        return None
    weight, x, y = given["weight"], given["input"], given["target"]
    if case.loss not in ("nll_loss", "cross_entropy", "multi_margin_loss"):
        fits = np.broadcast_shapes(weight.shape, x.shape, y.shape) == x.shape
        return np.broadcast_to(weight == 0, x.shape) if fits else None
    if is_real(y) or given.get("label_smoothing"):
        return None
    labels = y.astype(np.int64)
    kept = labels != given.get("ignore_index", -100)
    weighs = np.where(kept, weight[np.where(kept, labels, 0)], 1)
    return np.broadcast_to(np.expand_dims(weighs == 0, 0 if x.ndim == 1 else 1), x.shape)


def spread(direction: Array, shape: tuple[int, ...]) -> Array:
    """Repeat the numbers of a direction over an array of a shape."""
    return np.resize(direction, shape)
