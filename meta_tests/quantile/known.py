"""What this torch does otherwise, for ``--registry``: most losses of torch overflow on the way like this."""

from __future__ import annotations

import math

from conformance.divergences import Divergence
from conformance.divergences.outcomes import Computes, where_it_strays
from conformance.divergences.witnesses import forward, value

BIG = "torch.full((2,), 3e38)"
DIVERGENCES = [
    Divergence(
        "quantile_loss-overflow",
        "overflow",
        "extreme",
        Computes(where=where_it_strays),
        "the sum before the mean is divided, or a difference, overflows although the right result fits",
        (
            value(f"F.quantile_loss({BIG}, torch.zeros(2), 1e-3)", math.inf, 2.997e38),
            forward("torch.ones(2)", "F.quantile_loss(x, torch.zeros(2), 0.25)", BIG, math.inf, 2.25e38),
        ),
        of=("value", "second"),
    ),
]
