"""Samples of the module classes: a call that uses all that a constructor takes, and other values of each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from reference import FORMATS
from strategies import Case
from strategies.case import read_only

from ..losses import LOSSES
from ..running import LEGACY
from .derived import derived


class Code(str):
    """Torch code that stands in a call as it is."""

    __slots__ = ()
    __repr__ = str.__str__


@dataclass(frozen=True)
class Argument:
    """An argument of a constructor, and two calls that differ by it."""

    loss: str
    name: str
    first: Case
    second: Case

    def __str__(self) -> str:
        """The coordinates in a test's id."""
        return f"{self.loss}-{self.name}"


@dataclass(frozen=True)
class Sample:
    """A call, and what else its options may be.

    Attributes:
        case: a call that gives the module all the state and options that it can have.
        others: for each option of the constructor the arguments that give it another value.
    """

    case: Case
    others: Mapping[str, Mapping[str, Any]]

    @property
    def loss(self) -> str:
        """Name of the functional; also in a test's id."""
        return self.case.loss

    def arguments(self) -> Iterator[Argument]:
        """What the constructor takes; each makes a difference to the result."""
        case, loss = self.case, self.loss
        for name, change in self.others.items():
            yield Argument(loss, name, case, case.replacing(**change))
        if LOSSES[loss].legacy:
            by_size = (case.replacing(**LEGACY[reduction]) for reduction in ("sum", "mean"))
            yield Argument(loss, "size_average", *by_size)
            yield Argument(loss, "reduce", case.replacing(reduce=True), case.replacing(reduce=False))
        if LOSSES[loss].layer:
            yield Argument(loss, "dtype", case, replace(case, format=FORMATS["float64"]))
            # Chunks are for what is not smoothed.
            plain = case.without("label_smoothing")
            chunked = plain.replacing(options=Code("torch.nn.LinearCrossEntropyOptions()"))
            yield Argument(loss, "options", plain, chunked)


def _sample(loss: str, operands: Mapping[str, Any], /, **options: tuple[Any, Any]) -> Sample:
    """A sample of what ``forward`` takes, and for each option the value in the call and another."""
    options = {**options, "reduction": ("sum", "mean")}
    given = {**operands, **{name: value for name, (value, _) in options.items()}}
    others = {name: _arrays({name: other}) for name, (_, other) in options.items()}
    return Sample(Case(loss, FORMATS["float32"], _arrays(given)), others)


def _arrays(given: Mapping[str, Any]) -> dict[str, Any]:
    return {name: read_only(value) if isinstance(value, list) else value for name, value in given.items()}


# Every format has these numbers. Their differences are on both sides of each option.
INPUT = [[0.25, -1.5, 3.0], [2.0, 0.5, -0.75]]
TARGET = [[1.0, 0.25, -2.0], [0.5, 3.0, 2.25]]
PROBABILITIES = [[0.25, 0.5, 0.875], [0.125, 0.75, 0.5]]
SIGNS = [[1.0, -1.0, -1.0], [-1.0, 1.0, 1.0]]
LABELS = [2, 1]
CLASS_WEIGHT = [1.0, 0.5, 2.0]
PAIR = {"input": INPUT, "target": TARGET}
TRIPLET = {"anchor": INPUT, "positive": [[1.0, -1.0, 2.0], [0.5, 1.5, 0.25]], "negative": TARGET}

_LINEAR = _sample(
    "linear_cross_entropy",
    {
        "input": [[0.25, -1.5], [2.0, 0.5]],
        "linear_weight": [[1.0, 0.25], [-2.0, 0.5], [0.5, 3.0]],
        "target": LABELS,
        "linear_bias": [0.5, -0.25, 1.0],
    },
    weight=(CLASS_WEIGHT, None), ignore_index=(1, 2), label_smoothing=(0.25, 0.5),
)  # fmt: skip
# Its constructor takes sizes, of arguments that the functional takes.
_SIZES: Mapping[str, Mapping[str, Any]] = {
    "in_features": {"input": INPUT, "linear_weight": [[1.0, 0.25, -2.0], [-2.0, 0.5, 0.25], [0.5, 3.0, 1.5]]},
    "num_classes": {
        "linear_weight": [[1.0, 0.25], [-2.0, 0.5], [0.5, 3.0], [0.75, -1.0]],
        "linear_bias": [0.5, -0.25, 1.0, 0.0],
        "weight": [1.0, 0.5, 2.0, 4.0],
    },
    "out_features": {
        "linear_weight": [[[1.0, 0.25], [0.5, 2.0]], [[-2.0, 0.5], [0.25, 0.5]], [[0.5, 3.0], [1.5, -1.0]]],
        "linear_bias": [[0.5, 1.0], [-0.25, 0.75], [1.0, -0.5]],
        "target": [[2, 1], [1, 0]],
    },
    "bias": {"linear_bias": None},
}
_LINEAR = replace(_LINEAR, others={**_LINEAR.others, **{name: _arrays(new) for name, new in _SIZES.items()}})

# What the declarations do not give: sizes, functions, too few frames, and numbers below eps.
WRITTEN = (
    _LINEAR,
    _sample("gaussian_nll_loss", {**PAIR, "var": PROBABILITIES}, full=(True, False), eps=(0.25, 0.75)),
    _sample(
        "triplet_margin_loss", TRIPLET,
        margin=(4.0, 6.0), p=(3.0, 1.0), eps=(0.25, 0.5), swap=(True, False),
    ),
    _sample(
        "triplet_margin_with_distance_loss", TRIPLET,
        distance_function=(Code("torch.nn.PairwiseDistance(p=1)"), Code("F.pairwise_distance")),
        margin=(4.0, 6.0), swap=(True, False),
    ),
    # The second sample has too few frames for its labels.
    _sample(
        "ctc_loss",
        {
            "log_probs": [INPUT, TARGET, SIGNS],
            "targets": [[2, 2], [2, 2]],
            "input_lengths": [3, 2],
            "target_lengths": [2, 2],
        },
        blank=(1, 0), zero_infinity=(True, False),
    ),
)  # fmt: skip

_BY_HAND = {sample.loss: sample for sample in WRITTEN}
SAMPLES = {name: _BY_HAND.get(name) or Sample(*derived(loss)) for name, loss in LOSSES.items()}
