"""The first place, reference/regression.py: the formula."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from reference.dispatch import Array, number
from reference.reduction import reduce
from reference.validation import option, real, require, same_shape


@np.errstate(all="ignore")
def quantile_loss(
    input: npt.ArrayLike, target: npt.ArrayLike, quantile: float = 0.5, reduction: str = "mean"
) -> Array:
    """Quantile (pinball) loss.

        l = q max(0, d) + (1 - q) max(0, -d),    d = y - x

    Args:
        input: x, any shape.
        target: y, the same shape.
        quantile: q, from 0 to 1.
        reduction: "none", "mean" or "sum".

    Returns:
        The shape of `input` for "none", else 0-d.

    Raises:
        ValueError: shapes differ, `quantile` is out of range, or an unknown reduction.

    Source: R. Koenker and G. Bassett, Regression quantiles (1978).
    """
    require(0 <= option("quantile", quantile) <= 1, f"quantile must be from 0 to 1, got {quantile}")
    x, y = real("input", input), real("target", target)
    same_shape(input=x, target=y)
    d = y - x
    q = number(quantile, like=d)
    return reduce(q * np.maximum(d, 0) + (1 - q) * np.maximum(-d, 0), reduction)
