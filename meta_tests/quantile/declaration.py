"""The second place, FORMS of strategies/signatures.py: the declaration."""

from __future__ import annotations

from strategies.domains import UNIT
from strategies.signatures import REDUCTION, Number, form, real

QUANTILE = form("quantile_loss", input=real(), target=real(),
                quantile=Number(0.5, UNIT, (0.5, 0.1, 0.75, 0.0, 1.0)), reduction=REDUCTION)  # fmt: skip
