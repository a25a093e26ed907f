"""The third place, LOSSES of conformance/losses.py: the row."""

from __future__ import annotations

from conformance.losses import Loss

QUANTILE = Loss("quantile_loss", "QuantileLoss", legacy=False, perfect=True)
