"""Samples: which arguments of a call have one entry for each, and the same call with others of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from reference import Array
from strategies import Case
from strategies.arguments import Fit
from strategies.signatures import form_of


def axes_of(case: Case, letter: str) -> dict[str, int]:
    """The axis that has a letter, of each tensor of a call that has one."""
    form = form_of(case)
    given = {name: case.arguments[name] for name in form.tensors if name in case.arguments}
    arrays = {name: value for name, value in given.items() if isinstance(value, np.ndarray)}
    found = {name: form.axis_of(name, letter, array) for name, array in arrays.items()}
    return {name: axis for name, axis in found.items() if axis is not None}


def size_of(case: Case, letter: str) -> int:
    """How long the axis of a letter is, 0 if there is none."""
    sizes = (case.arguments[name].shape[axis] for name, axis in axes_of(case, letter).items())
    return next(sizes, 0)


def spelt_out(case: Case) -> Case:
    """The same call with arguments that broadcast given in full."""
    form = form_of(case)
    names = form.tensors if form.any_shape else ()
    arrays = {
        name: case.arguments[name] for name in names if isinstance(case.arguments.get(name), np.ndarray)
    }
    for name, array in arrays.items():
        if form.tensors[name].fit is Fit.PER_ROW and array.ndim < arrays["input"].ndim:
            arrays[name] = np.expand_dims(array, -1)
    shape = np.broadcast_shapes(*(array.shape for array in arrays.values()))
    return case.replacing(**{name: np.array(np.broadcast_to(array, shape)) for name, array in arrays.items()})


def batch_size(case: Case) -> int | None:
    """How many samples a spelt-out call is of; None for one alone."""
    name, x = next(iter(case.arguments.items()))
    axis = axes_of(case, "N").get(name)
    return None if axis is None else int(x.shape[axis])


def taking(case: Case, rows: list[int] | int) -> Case:
    """The call of some samples of a spelt-out one, in this order; of one alone if `rows` is a number."""
    index = np.asarray(rows, dtype=np.int64)
    if form_of(case).of_sequences:
        return _sequences(case, index)
    axes = axes_of(case, "N")
    return case.replacing(
        **{name: np.asarray(np.take(case.arguments[name], index, axis)) for name, axis in axes.items()}
    )


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
