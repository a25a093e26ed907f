"""Samples: which arguments of a call have one entry for each, and the same call with others of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from reference import Array
from strategies import Case

# Arguments that broadcast to the result, or have its shape.
ELEMENTWISE: dict[str, tuple[str, ...]] = {
    "l1_loss": ("input", "target", "weight"),
    "mse_loss": ("input", "target", "weight"),
    "smooth_l1_loss": ("input", "target"),
    "huber_loss": ("input", "target", "weight"),
    "binary_cross_entropy": ("input", "target", "weight"),
    "binary_cross_entropy_with_logits": ("input", "target", "weight", "pos_weight"),
    "soft_margin_loss": ("input", "target"),
    "hinge_embedding_loss": ("input", "target"),
    "poisson_nll_loss": ("input", "target"),
    "gaussian_nll_loss": ("input", "target", "var"),
    "kl_div": ("input", "target"),
    "margin_ranking_loss": ("input1", "input2", "target"),
}
# Arguments whose first axis is the batch, beside others that have none. CTC has an order of its own.
BATCHED: dict[str, tuple[str, ...]] = {
    "cross_entropy": ("input", "target"),
    "nll_loss": ("input", "target"),
    "linear_cross_entropy": ("input", "target"),
    "cosine_embedding_loss": ("input1", "input2", "target"),
    "triplet_margin_loss": ("anchor", "positive", "negative"),
    "triplet_margin_with_distance_loss": ("anchor", "positive", "negative"),
    "multi_margin_loss": ("input", "target"),
    "multilabel_margin_loss": ("input", "target"),
    "multilabel_soft_margin_loss": ("input", "target"),
}


def spelt_out(case: Case) -> Case:
    """The same call with arguments that broadcast given in full."""
    names = ELEMENTWISE.get(case.loss, ())
    arrays = {
        name: case.arguments[name] for name in names if isinstance(case.arguments.get(name), np.ndarray)
    }
    if "var" in arrays and arrays["var"].ndim < arrays["input"].ndim:  # one for each row
        arrays["var"] = np.expand_dims(arrays["var"], -1)
    shape = np.broadcast_shapes(*(array.shape for array in arrays.values()))
    return case.replacing(**{name: np.array(np.broadcast_to(array, shape)) for name, array in arrays.items()})


def batch_size(case: Case) -> int | None:
    """How many samples a spelt-out call is of; None for one alone."""
    x = next(iter(case.arguments.values()))
    if case.loss == "ctc_loss":
        return int(x.shape[1]) if x.ndim == 3 else None
    return len(x) if x.ndim > (case.loss in BATCHED) else None


def taking(case: Case, rows: list[int] | int) -> Case:
    """The call of some samples of a spelt-out one, in this order; of one alone if `rows` is a number."""
    index = np.asarray(rows, dtype=np.int64)
    if case.loss == "ctc_loss":
        return _sequences(case, index)
    names = ELEMENTWISE.get(case.loss) or BATCHED[case.loss]
    arrays = {
        name: case.arguments[name] for name in names if isinstance(case.arguments.get(name), np.ndarray)
    }
    return case.replacing(**{name: np.asarray(np.take(x, index, axis=0)) for name, x in arrays.items()})


def _sequences(case: Case, index: Array) -> Case:
    given = case.arguments
    targets, several = given["targets"], np.atleast_1d(index)

    def lengths(name: str) -> Any:
        taken = np.atleast_1d(given[name])[several]
        return tuple(taken.tolist()) if isinstance(given[name], tuple) else taken

    if targets.ndim == 2 and index.ndim:
        targets = targets[several]
    else:
        rows = labels_of(case)
        targets = np.concatenate([*(rows[i] for i in several), np.zeros(0, dtype=targets.dtype)])
    return case.replacing(
        log_probs=np.take(given["log_probs"], index, axis=1),
        targets=targets,
        input_lengths=lengths("input_lengths"),
        target_lengths=lengths("target_lengths"),
    )


def labels_of(case: Case) -> list[Array]:
    """The labels of each sequence of a CTC call, without padding."""
    targets, lengths = case.arguments["targets"], np.atleast_1d(case.arguments["target_lengths"])
    if targets.ndim == 2:
        return [row[:n] for row, n in zip(targets, lengths)]
    ends = np.cumsum(lengths)
    return [targets[end - n : end] for end, n in zip(ends, lengths)]
