"""Corners that follow from the declared arguments of each loss, by loops over forms.

Nothing here names a loss. A value that follows from no convention is that of another call, of the formula.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from reference import Array, Format
from strategies import Case
from strategies.arguments import Signature

from ..losses import LOSSES, Loss
from .corner import Corner, corner
from .shared import CONTRIBUTES, NAN, NO_ELEMENTS, NO_MEAN, NO_SUM

ONE = "a number without an axis has the loss of one in an array"
EMPTY: dict[str, tuple[str, float | list[float]]] = {
    "mean": (NO_MEAN, NAN), "sum": (NO_SUM, 0.0), "none": (NO_ELEMENTS, []),
}  # fmt: skip


def _empty(loss: Loss) -> Iterator[Corner]:
    """A batch of nothing, of the first form."""
    form = loss.forms[0]
    batched = [layout for layout in form.layouts if _batch_axes(form, layout)]
    case, axes = form.ordinary(batched[0]), _batch_axes(form, batched[0])
    given = {name: np.take(case.arguments[name], [], axes[name]) for name in form.required if name in axes}
    for reduction, (convention, value) in EMPTY.items():
        arguments = {**case.arguments, **given, "reduction": reduction}
        yield corner(loss.name, f"empty batch, {reduction}", convention, value, **arguments)


def _batch_axes(form: Signature, layout: int) -> dict[str, int]:
    """The axis of the samples; the only one of what may have any shape."""
    letter = "C" if form.any_shape else "N"
    axes = {name: form.axis(name, letter, layout) for name in form.required}
    return {name: axis for name, axis in axes.items() if axis is not None}


def _of_any_shape(loss: Loss, form: Signature) -> Iterator[Corner]:
    """No axis, and nan in each argument that may hold it."""
    case = form.ordinary(0)

    def of_one(format: Format) -> Array:
        arrays = {name: np.reshape(case.arguments[name], (1,)) for name in form.required}
        return _value(loss, case.replacing(**arrays, reduction="sum"), format)

    kind = f", {form.form}" if form.form else ""
    yield corner(loss.name, f"without an axis{kind}", ONE, of_one, **case.arguments)
    several = form.ordinary(1)
    for name, tensor in form.required.items():
        if any(np.isnan(tensor.range.infinities)):
            poisoned = np.array(several.arguments[name])
            poisoned[0] = NAN
            arguments = {**several.arguments, name: poisoned}
            yield corner(loss.name, f"nan in {name}, mean{kind}", CONTRIBUTES, NAN, **arguments)


@np.errstate(all="ignore")  # infinities and nans are answers here, not accidents
def _value(loss: Loss, case: Case, format: Format) -> Array:
    given = {n: format.nearest(v) if isinstance(v, np.ndarray) else v for n, v in case.arguments.items()}
    return np.asarray(loss.oracle(**given), dtype=np.float64)


def _of(loss: Loss) -> Iterator[Corner]:
    yield from _empty(loss)
    for form in loss.forms:
        if form.any_shape:
            yield from _of_any_shape(loss, form)


CORNERS: tuple[Corner, ...] = tuple(row for loss in LOSSES.values() for row in _of(loss))
