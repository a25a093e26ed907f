"""Cases of L1, MSE, smooth L1 and Huber."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from reference import Format

from .building import build
from .case import Case
from .shapes import Shape, pairs
from .values import reals
from .weights import weights

THRESHOLDS = (1.0, 0.5, 2.0, 0.1, 3.0, 1e-3, 100.0)
BETAS, DELTAS = st.sampled_from((*THRESHOLDS, 0.0, 0)), st.sampled_from(THRESHOLDS)


def _operands(draw: st.DrawFn, format: Format) -> tuple[dict[str, Any], Shape]:
    input_shape, target_shape = draw(pairs())
    x, y = draw(reals(format, input_shape)), draw(reals(format, target_shape))
    return {"input": x, "target": y}, input_shape


@st.composite
def l1_loss(draw: st.DrawFn, format: Format, reduction: str) -> Case:
    """Any two broadcastable arrays, with or without weights. Shrinks to one element, both zero."""
    operands, shape = _operands(draw, format)
    options: dict[str, Any] = {"weight": weights(format, shape)}
    return build(draw, "l1_loss", format, reduction, operands, options)


@st.composite
def mse_loss(draw: st.DrawFn, format: Format, reduction: str) -> Case:
    """Any two broadcastable arrays, with or without weights. Shrinks to one element, both zero."""
    operands, shape = _operands(draw, format)
    options: dict[str, Any] = {"weight": weights(format, shape)}
    return build(draw, "mse_loss", format, reduction, operands, options)


@st.composite
def smooth_l1_loss(draw: st.DrawFn, format: Format, reduction: str) -> Case:
    """Any two broadcastable arrays; beta 0 included, and differences of just beta. Shrinks to zeros."""
    operands, _ = _operands(draw, format)
    options: dict[str, Any] = {"beta": BETAS}
    return build(draw, "smooth_l1_loss", format, reduction, operands, options)


@st.composite
def huber_loss(draw: st.DrawFn, format: Format, reduction: str) -> Case:
    """Any two broadcastable arrays, differences of just delta included. Shrinks to zeros."""
    operands, shape = _operands(draw, format)
    options: dict[str, Any] = {
        "delta": DELTAS,
        "weight": weights(format, shape),
    }
    return build(draw, "huber_loss", format, reduction, operands, options)
