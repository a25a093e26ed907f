"""Laws of classes, labels and logits."""

from __future__ import annotations

from typing import Any

import numpy as np

from reference import Array
from reference.classification import log_softmax
from strategies import Case, is_real
from strategies.domains import Classes
from strategies.signatures import form_of

from ..dividing import kept_labels
from .batches import axes_of, size_of
from .claim import Claim, Composed, Operation
from .of_batches import unchanged


def _reversed(array: Array, axis: int) -> Array:
    return np.flip(array, axis).copy()  # torch takes no view that runs backwards


def permuting_the_classes(case: Case) -> Claim:
    """Classes in another order, with their weights and labels, have the same losses.

    A sum over classes does not depend on their order, and a label is only a name.
    """
    given, classes = case.arguments, size_of(case, "C")
    changed: dict[str, Any] = {
        name: _reversed(given[name], axis) for name, axis in axes_of(case, "C").items()
    }
    for name, tensor in form_of(case).required.items():
        if isinstance(tensor.domain, Classes):  # labels out of range are ignored, or end a list, and stay
            y = given[name]
            renamed = np.where((y >= 0) & (y < classes), classes - 1 - y.astype(int), y)
            changed[name] = renamed.astype(y.dtype)
    ignored = given.get("ignore_index", -100)
    if 0 <= ignored < classes:
        changed["ignore_index"] = classes - 1 - ignored
    return unchanged(case, case.replacing(**changed))


def _shifted(x: Array, case: Case) -> tuple[Array, Array]:
    """Numbers near x, and the same larger by a constant, exactly; 0 where x gives none that are exact."""
    shift = float(np.max(np.abs(x), initial=0, where=np.isfinite(x)))
    with np.errstate(all="ignore"):
        more = case.format.nearest(x + shift)
        less = more - shift
        # What the subtraction lost: O. Moller, Quasi double-precision in floating point addition (1965).
        back = less - more
        lost = (more - (less - back)) + (-shift - back)
    exact = (lost == 0) & (case.format.nearest(less) == less) | ~np.isfinite(x)
    return np.where(exact, less, 0.0), np.where(exact, more, shift)


def shifting_the_logits(case: Case) -> Claim:
    """A constant added to all logits of a sample changes nothing.

    log softmax(x + c) = x + c - log(e^c sum exp x) = log softmax(x). The logits of a linear layer are shifted
    by its bias.
    """
    if "input" not in axes_of(case, "C"):
        a = case.arguments["linear_weight"]
        bias = case.arguments.get("linear_bias", np.zeros(a.shape[:-1]))
        less, more = _shifted(bias, case)
        more = more if np.any(more) else less + 1
        return unchanged(case.replacing(linear_bias=less), case.replacing(linear_bias=more))
    less, more = _shifted(case.arguments["input"], case)
    return unchanged(case.replacing(input=less), case.replacing(input=more))


def naming_labels_by_one_hot(case: Case) -> Claim | None:
    """A label gives the loss of the probabilities that are 1 for its class and 0 for all others.

    Source: torch.nn.CrossEntropyLoss. A sample that is ignored has probability 0 throughout. The means have
    other divisors if labels are ignored or weighed.
    """
    given = case.arguments
    if is_real(given["target"]):
        return None
    kept = kept_labels(case)
    ignores = not np.all(kept)
    if ignores:  # smoothing would give the ignored sample probabilities
        case = case.without("label_smoothing")
    x = np.where(np.isfinite(given["input"]), given["input"], 0.0)
    labels = np.where(kept, given["target"].astype(np.int64), -1)
    one_hot = (labels[..., None] == np.arange(size_of(case, "C"))).astype(float)
    axis = 0 if labels.ndim == 0 else 1
    probabilities = case.replacing(input=x, target=np.array(np.moveaxis(one_hot, -1, axis)))
    same_divisor = not ignores and "weight" not in given
    reductions = ("none", "sum", "mean") if same_divisor else ("none", "sum")
    return unchanged(case.replacing(input=x), probabilities.without("ignore_index"), *reductions)


def removing_the_ignored(case: Case) -> Claim | None:
    """A batch without its ignored samples has the same losses, sum and mean.

    Source: torch.nn.CrossEntropyLoss, ``ignore_index``: they do not contribute, and are not counted.
    In a batch without any, its first label is declared to be the one to ignore.
    """
    given = case.arguments
    if is_real(given["target"]) or not given["target"].size:
        return None
    if np.all(kept_labels(case)):
        case = case.replacing(ignore_index=int(given["target"].flat[0]))
    x, labels = given["input"], np.reshape(given["target"], -1)
    axis = axes_of(case, "C").get("input")
    if axis is not None:
        x = np.moveaxis(x, axis, -1)
    elif axes_of(case, "d"):  # a row is behind many labels
        return None
    rows = np.flatnonzero(kept_labels(case))
    samples = np.reshape(x, (labels.size, x.shape[-1]))
    rest = case.replacing(input=samples[rows], target=labels[rows])
    return unchanged(case, rest, each=f"np.reshape(each_before, (-1,))[{rows.tolist()}]")


def taking_log_softmax_first(case: Case) -> Claim | None:
    """Cross entropy is the negative log likelihood of log softmax.

    Source: torch.nn.CrossEntropyLoss, "equivalent to applying LogSoftmax on an input, followed by NLLLoss".
    """
    if is_real(case.arguments["target"]):
        return None
    case = case.without("label_smoothing")
    axis = axes_of(case, "C")["input"]
    operation = Operation(f"lambda x: x.log_softmax({axis})", lambda x: log_softmax(x, axis))
    return unchanged(case, Composed(Case("nll_loss", case.format, case.arguments), operation))
