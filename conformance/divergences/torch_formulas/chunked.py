"""Formula of torch for the chunked linear cross entropy."""

from __future__ import annotations

from typing import Any

import numpy as np

from reference.reduction import reduce

from .classification import at_labels, log_softmax, logits_of


def linear_cross_entropy(
    input: Any,
    linear_weight: Any,
    target: Any,
    *,
    linear_bias: Any = None,
    weight: Any = None,
    reduction: str = "mean",
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
) -> Any:
    """Cross entropy of labels, of which an ignored one has the weight 0.

    Source: torch/nn/modules/linear_cross_entropy.py.
    """
    ignored = -100 if ignore_index is None else ignore_index
    logits = logits_of(input, linear_weight, linear_bias)
    axis = 0 if logits.ndim == 1 else 1
    kept = target != ignored
    labels = np.where(kept, target, 0).astype(np.int64)
    weights: Any = kept.astype(np.float64) if weight is None else np.where(kept, weight[labels], 0.0)
    loss = weights * -at_labels(log_softmax(logits, axis), labels, axis)
    return np.sum(loss) / np.sum(weights) if reduction == "mean" else reduce(loss, reduction)
