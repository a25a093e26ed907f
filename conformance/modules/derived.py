"""Samples of modules as the declarations give them: an ordinary call, and values that make a difference."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from reference import Array
from strategies import Case
from strategies.arguments import Signature

from ..losses import Loss
from ..running import parameters

# Two results that every format tells apart.
APART = 2.0**-6


def derived(loss: Loss) -> tuple[Case, dict[str, dict[str, Any]]]:
    """A call that gives every argument of the module a value other than its default, and those defaults.

    Of the forms of a loss, the one in which most arguments make a difference.
    """
    return max((_of_form(loss, form) for form in loss.forms), key=lambda sample: len(sample[1]))


def _of_form(loss: Loss, form: Signature) -> tuple[Case, dict[str, dict[str, Any]]]:
    module = getattr(torch.nn, loss.module, None)
    taken = parameters(module) if module else list(form.tensors)
    optional = [name for name, tensor in form.tensors.items() if tensor.optional and name in taken]
    batched = [layout for layout in form.layouts if "N" in form.axes(next(iter(form.tensors)), layout)]
    case = form.ordinary(batched[-2:][0], *optional).replacing(reduction="sum")
    defaults: dict[str, Any] = {"reduction": "mean"} | dict.fromkeys(optional)
    for name, (default, values) in _options(loss, form).items():
        usual = case.replacing(**{name: default})
        candidates = (usual.replacing(**{name: value}) for value in values if value != default)
        case = next((new for new in candidates if _all_differ(loss, new, usual)), case)
        defaults[name] = default
    others = {name: {name: default} for name, default in defaults.items()}
    return case, {
        name: change for name, change in others.items() if _differ(loss, case, case.replacing(**change))
    }


def _options(loss: Loss, form: Signature) -> Mapping[str, tuple[Any, tuple[Any, ...]]]:
    """The default and the values of each option, of those, too, by which the forms of the loss differ."""
    fixed = {name: tuple(other.fixed[name] for other in loss.forms) for name in form.fixed}
    found = {name: (values[0], values) for name, values in fixed.items()}
    declared = form.options.items()
    return found | {name: (o.default, o.values) for name, o in declared if name != "reduction"}


def _all_differ(loss: Loss, case: Case, *others: Case) -> bool:
    """Whether a call differs from others, and from its own mean."""
    return all(_differ(loss, case, other) for other in (*others, case.replacing(reduction="mean")))


def _differ(loss: Loss, one: Case, other: Case) -> bool:
    """Whether two calls have results that are numbers, and tell them apart."""
    a, b = (_result(loss, case) for case in (one, other))
    return a is not None and b is not None and bool(np.abs(a - b) > APART * np.abs(b))


@np.errstate(all="ignore")  # a value that gives no number is no sample
def _result(loss: Loss, case: Case) -> Array | None:
    try:
        result = np.asarray(loss.oracle(**case.arguments))
    except ValueError:  # what another form takes
        return None
    return result if np.all(np.isfinite(result)) else None
