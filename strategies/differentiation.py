"""Directions: what derivatives are multiplied with, upstream gradients and tangents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from hypothesis import strategies as st

from reference import Array, Format

from .case import PERIOD, Case
from .signatures import SIGNATURES
from .values import reals

# In place of what does not count.
POISONS = st.sampled_from((None, np.nan, np.inf, -np.inf))
# Which arguments require no gradient, a bit for each.
LEFT_OUT = st.sampled_from((0, 0, 0, 1, 2, 4, 3, 5))


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

    def chosen(self, names: Sequence[str]) -> list[str]:
        """Those of some arguments that are to require gradients: all if none is left."""
        return [name for i, name in enumerate(names) if not self.left_out >> i & 1] or list(names)

    def __repr__(self) -> str:
        return f"{self.case!r}, upstream {self.upstream.tolist()}, tangent {self.tangent.tolist()}"


@cache
def directions(format: Format) -> st.SearchStrategy[Array]:
    """Arrays to repeat: ones, or any numbers, zeros, negative and huge ones among them. Shrinks to ones."""
    return st.one_of(st.just(np.ones(1)), reals(format, (PERIOD,)))


@st.composite
def differentiations(
    draw: st.DrawFn, cases: st.SearchStrategy[Case], format: Format, *, twice: bool = False
) -> Differentiation:
    """Cases with an upstream gradient and, if `twice`, a tangent. All arguments require gradients, mostly.

    What is masked is at times nan or infinite. Shrinks to the simplest case, ones, and no argument left out.
    """
    case = draw(cases)
    mask = masked(case)
    if mask is not None and np.any(mask):
        number = draw(POISONS)
        if number is not None:
            name, x = next(iter(case.arguments.items()))
            case = case.replacing(**{name: np.where(mask, number, x)})
    upstream = draw(directions(format))
    tangent = draw(directions(format)) if twice else np.ones(1)
    return Differentiation(case, upstream, tangent, draw(LEFT_OUT))


def masked(case: Case) -> Array | None:
    """Which elements of the first argument do not count, whatever they are; None where all do.

    They are frames beyond the length of their sequence. Ignored samples are filled where labels are drawn; a
    weight of 0 is no mask.
    """
    form = SIGNATURES[case.loss][0]
    first, *others = form.required
    frames = form.axes(first, 0).split()[0:1]
    lengths = [name for name in others if getattr(form.tensors[name].domain, "axis", "") in frames]
    return _unheard(case.arguments[first], case.arguments[lengths[0]]) if lengths else None


def _unheard(frames: Array, lengths: Any) -> Array:
    """Which frames are beyond the length of their sequence."""
    batched = frames if frames.ndim == 3 else frames[:, None]
    beyond = np.arange(len(batched))[:, None] >= np.atleast_1d(lengths)
    return np.broadcast_to(np.expand_dims(beyond, -1), batched.shape).reshape(frames.shape)


def spread(direction: Array, shape: tuple[int, ...]) -> Array:
    """Repeat the numbers of a direction over an array of a shape."""
    return np.resize(direction, shape)
