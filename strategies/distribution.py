"""Cases of the losses between distributions."""

from __future__ import annotations

from functools import cache
from typing import Any

from hypothesis import strategies as st

from reference import Array, Format

from .building import build
from .case import Case
from .shapes import Shape, elementwise, pairs
from .values import log_probabilities, non_negatives, probabilities, reals

POISSON_EPS = st.sampled_from((1e-8, 1e-3, 0.5))
GAUSSIAN_EPS = st.sampled_from((1e-6, 1e-3, 0.5))
# In place of an array of variances.
NUMBERS = st.sampled_from((None, None, None, 1.0, 0.5, 0.0))


@st.composite
def poisson_nll_loss(draw: st.DrawFn, format: Format, reduction: str) -> Case:
    """Rates, or their logarithms, and counts; counts at and around 1 are frequent. Shrinks to zeros."""
    shape = draw(elementwise())
    log_input = not draw(st.booleans())
    rates = reals if log_input else non_negatives
    operands: dict[str, Any] = {
        "input": draw(rates(format, shape)),
        "target": draw(non_negatives(format, shape)),
    }
    if not log_input:
        operands["log_input"] = False
    options: dict[str, Any] = {
        "full": st.booleans(),
        "eps": POISSON_EPS,
    }
    if log_input:
        options["log_input"] = st.just(True)
    return build(draw, "poisson_nll_loss", format, reduction, operands, options)


@cache
def _variances(format: Format, shape: Shape) -> st.SearchStrategy[Array]:
    """Variances of input of `shape`, in the shapes that are documented. Shrinks to zeros of that shape."""
    allowed = [shape]
    if shape:
        allowed += [shape[:-1], (*shape[:-1], 1), (1, *shape[1:])]
    if len(shape) > 1:
        allowed.append(())
    return st.sampled_from(allowed).flatmap(lambda s: non_negatives(format, s))


@st.composite
def gaussian_nll_loss(draw: st.DrawFn, format: Format, reduction: str) -> Case:
    """Expectations, samples and variances, below eps too; one for each element, row, or all.

    Shrinks to one element, all zero.
    """
    shape = draw(elementwise())
    target_shape = draw(st.sampled_from((shape, shape, shape, (1, *shape[1:]) if shape else shape)))
    array = draw(_variances(format, shape))
    var = draw(NUMBERS)
    operands = {
        "input": draw(reals(format, shape)),
        "target": draw(reals(format, target_shape)),
        "var": array if var is None else var,
    }
    options: dict[str, Any] = {
        "full": st.booleans(),
        "eps": GAUSSIAN_EPS,
    }
    return build(draw, "gaussian_nll_loss", format, reduction, operands, options)


@st.composite
def kl_div(draw: st.DrawFn, format: Format, reduction: str) -> Case:
    """Log-probabilities against probabilities or their logarithms. Shrinks to one element, both 0."""
    input_shape, target_shape = draw(pairs())
    log_target = draw(st.booleans())
    targets = log_probabilities if log_target else probabilities
    operands: dict[str, Any] = {
        "input": draw(log_probabilities(format, input_shape)),
        "target": draw(targets(format, target_shape)),
    }
    if log_target:
        operands["log_target"] = True
    options: dict[str, Any] = {} if log_target else {"log_target": st.just(False)}
    return build(draw, "kl_div", format, reduction, operands, options)
