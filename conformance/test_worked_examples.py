"""Published worked examples, one row per value.

Source: a public walk-through of PyTorch's 18 classic losses, sections 1.1 to 1.18, each with a small call
and a compute-by-hand part; and the values printed in the docstrings of torch.nn, under the class's name.
Slips of the walk-through (formulas without max(0, .), a triplet without eps, a cosine target of two
dimensions) are not copied; probabilities where `kl_div` wants their logarithms are, as the value printed
for them is what torch returns.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import nn
from torch.nn import functional

import reference
from reference import FORMATS
from strategies import literal

from . import journal

Nested: TypeAlias = "float | list[Any]"
Arguments: TypeAlias = "tuple[Nested, ...]"
Way: TypeAlias = Literal["oracle", "functional", "module"]

EXACT = 99  # decimals of an expected value that is given in full
EVALUATION = 8  # allowance for evaluation, in machine epsilons of max(1, |expected|)


@dataclass(frozen=True)
class Example:
    """One value of the walk-through.

    Attributes:
        section: of the walk-through, or the class whose documentation prints the value.
        loss: name in torch.nn.functional.
        arguments: numbers or nested lists; floats become float64 arrays, integers int64 arrays.
        options: keyword arguments, lists converted likewise; a class takes them in its constructor.
        expected: the value, literally.
        decimals: how many decimals `expected` is given to.
        how: where the value comes from.
        note: tells rows of the same loss and reduction apart.
        input_rounding: what the rounding of the printed inputs may change.
    """

    section: str
    loss: str
    arguments: Arguments
    options: dict[str, Any]
    expected: Nested
    decimals: int
    how: Literal["printed", "by hand", "derived", "stated", "documentation"]
    note: str = ""
    input_rounding: float = 0.0

    def __str__(self) -> str:
        parts = (self.section, self.loss, self.options.get("reduction", "mean"), self.note)
        return "-".join(part for part in parts if part)


def _elementwise(function: Any, values: list[list[float]]) -> list[list[float]]:
    return [[function(value) for value in row] for row in values]


NONE, SUM, MEAN = ({"reduction": name} for name in ("none", "sum", "mean"))
W12, W11 = {"weight": [1.0, 2.0]}, {"weight": [1.0, 1.0]}

CE: Arguments = ([[1.0, 2.0], [1.0, 3.0], [1.0, 3.0]], [0, 1, 1])
# Sections 1.3 and 1.4: -log sigma(x) where the target is 1, else x - log sigma(x).
RAW = [[1.0, 2.0], [2.0, 2.0], [3.0, 4.0], [4.0, 5.0]]
BINARY = [[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]]
LOGITS = (RAW, BINARY)
BCE = (_elementwise(lambda x: 1 / (1 + math.exp(-x)), RAW), BINARY)
BCE_NONE = [[0.3133, 2.1269], [0.1269, 2.1269], [3.0486, 0.0181], [4.0181, 0.0067]]
ONES, THREES = [[1.0, 1.0], [1.0, 1.0]], [[3.0, 3.0], [3.0, 3.0]]
POISSON = ([[0.6614, 0.2669], [0.0617, 0.6213]], [[-0.4519, -0.1661], [-1.5228, 0.3817]])
KL_INPUT, KL_TARGET = [[0.5, 0.3, 0.2], [0.2, 0.3, 0.5]], [[0.9, 0.05, 0.05], [0.1, 0.7, 0.2]]
KL_LOG = (_elementwise(math.log, KL_INPUT), KL_TARGET)
RANKED = ([0.3, 0.8, 0.9, 0.1], [0.5, 0.2, 0.2, 0.4], [1.0, -1.0, 1.0, -1.0])
TRIPLET = ([[1.0]], [[2.0]], [[0.5]])
COSINE = ([[0.3, 0.5, 0.7], [0.3, 0.5, 0.7]], [[0.1, 0.3, 0.5], [0.1, 0.3, 0.5]], [1.0, -1.0])
# CrossEntropyLoss: the logits are what the documented seed 283 draws, the targets what is printed.
DRAWN = [
    [-2.2707958, -0.088106774, -2.31804, 1.5259376, -0.22015132],
    [0.074381016, -1.772515, -0.79083663, -1.0375326, -0.16141602],
    [2.102045, -2.1551037, 0.12672016, -1.3159734, 1.7355096],
]
UNNORMALIZED = [
    [0.7105, 0.4446, 2.0297, 0.2671, -0.6075],
    [-1.0496, -0.2753, -0.3586, 0.9270, 1.0027],
    [0.7551, 0.1003, 1.3468, -0.3581, -0.9569],
]
NORMALIZED = [
    [0.1559, 0.1195, 0.5830, 0.1000, 0.0417],
    [0.0496, 0.1075, 0.0990, 0.3579, 0.3860],
    [0.2607, 0.1355, 0.4711, 0.0856, 0.0471],
]
# Each probability is off by up to 5e-5: 5e-5 sum |log softmax(DRAWN)| / 3.
PROBABILITIES = 5.9e-4

# fmt: off
EXAMPLES = [
    Example("1.1", "cross_entropy", CE, NONE, [1.3133, 0.1269, 0.1269], 4, "printed"),
    Example("1.1", "cross_entropy", CE, SUM, 1.5671, 4, "printed"),
    Example("1.1", "cross_entropy", CE, MEAN, 0.5224, 4, "printed"),
    Example("1.1", "cross_entropy", ([1.0, 2.0], 0), NONE, 1.3132616875182226, 16, "by hand", "first"),
    Example("1.1", "cross_entropy", CE, SUM | W12, 1.8210, 4, "stated", "weighted"),
    Example("1.1", "cross_entropy", CE, MEAN | W12, 0.3642, 4, "stated", "weighted"),
    Example("1.2", "nll_loss", ([-1.233, 2.678, 0.534], 2), NONE, -0.534, EXACT, "stated", "unbatched"),
    Example("1.2", "nll_loss", CE, NONE | W11, [-1.0, -3.0, -3.0], EXACT, "derived"),
    Example("1.2", "nll_loss", CE, SUM | W11, -7.0, EXACT, "derived"),
    Example("1.2", "nll_loss", CE, MEAN | W11, -2.3333, 4, "derived"),
    Example("1.3", "binary_cross_entropy", BCE, NONE | W11, BCE_NONE, 4, "derived"),
    Example("1.3", "binary_cross_entropy", BCE, SUM | W11, 11.7856, 4, "derived"),
    Example("1.3", "binary_cross_entropy", BCE, MEAN | W11, 1.4732, 4, "derived"),
    Example("1.4", "binary_cross_entropy_with_logits", LOGITS, NONE | W11, BCE_NONE, 4, "derived"),
    Example("1.4", "binary_cross_entropy_with_logits", LOGITS, SUM | W11, 11.7856, 4, "derived"),
    Example("1.4", "binary_cross_entropy_with_logits", LOGITS, MEAN | W11, 1.4732, 4, "derived"),
    Example("1.5", "l1_loss", (ONES, THREES), NONE, [[2.0, 2.0], [2.0, 2.0]], EXACT, "derived"),
    Example("1.6", "mse_loss", (ONES, THREES), NONE, [[4.0, 4.0], [4.0, 4.0]], EXACT, "derived"),
    # 2 - 1/2
    Example("1.7", "smooth_l1_loss", (ONES, THREES), NONE, [[1.5, 1.5], [1.5, 1.5]], EXACT, "derived"),
    # Inside beta = 1: 1/2 0.5^2 and 1/2 0.25^2
    Example("1.7", "smooth_l1_loss", ([1.0, 1.0], [1.5, 0.75]), NONE, [0.125, 0.03125], EXACT, "derived",
            "inside"),
    # Inside beta = 4: 1/2 2^2 / 4; outside beta = 0.5: 2 - 0.5/2
    Example("1.7", "smooth_l1_loss", (ONES, THREES), MEAN | {"beta": 4.0}, 0.5, EXACT, "derived", "beta-4"),
    Example("1.7", "smooth_l1_loss", (ONES, THREES), MEAN | {"beta": 0.5}, 1.75, EXACT, "derived",
            "beta-0.5"),
    Example("1.8", "poisson_nll_loss", POISSON, NONE | {"log_input": True, "full": False},
            [[2.2363, 1.3503], [1.1575, 1.6242]], 4, "printed", input_rounding=2.6e-4),
    Example("1.9", "kl_div", (KL_INPUT, KL_TARGET), NONE,
            [[-0.5448, -0.1648, -0.1598], [-0.2503, -0.4597, -0.4219]], 4, "printed", "without-log"),
    Example("1.9", "kl_div", KL_LOG, NONE,
            [[0.5290, -0.0896, -0.0693], [-0.0693, 0.5931, -0.1833]], 4, "derived"),
    Example("1.9", "kl_div", KL_LOG, MEAN, 0.1184, 4, "derived"),
    Example("1.9", "kl_div", KL_LOG, {"reduction": "batchmean"}, 0.3553, 4, "derived"),
    # -(0.3 - 0.5) + 0.1; (0.8 - 0.2) + 0.1; max(0, -(0.9 - 0.2) + 0.1); max(0, (0.1 - 0.4) + 0.1)
    Example("1.10", "margin_ranking_loss", RANKED, NONE | {"margin": 0.1}, [0.3, 0.7, 0.0, 0.0], EXACT,
            "derived"),
    Example("1.10", "margin_ranking_loss", RANKED, SUM | {"margin": 0.1}, 1.0, EXACT, "derived"),
    Example("1.10", "margin_ranking_loss", RANKED, MEAN | {"margin": 0.1}, 0.25, EXACT, "derived"),
    # Labels 0 and 3: (1.1 + 1.3 + 0.4 + 0.6) / 4
    Example("1.11", "multilabel_margin_loss", ([[0.1, 0.2, 0.4, 0.8]], [[0, 3, -1, -1]]), NONE, [0.85],
            EXACT, "by hand"),
    Example("1.12", "soft_margin_loss", ([[0.3, 0.7], [0.5, 0.5]], [[-1.0, 1.0], [1.0, -1.0]]), NONE,
            [[0.8544, 0.4032], [0.4741, 0.9741]], 4, "by hand"),
    Example("1.13", "multilabel_soft_margin_loss", ([[0.3, 0.7, 0.8]], [[0.0, 1.0, 1.0]]), NONE, [0.5429],
            4, "by hand"),
    # (0.9 + 1.5) / 3; (0.9 + 1.2) / 3
    Example("1.14", "multi_margin_loss", ([[0.1, 0.2, 0.7], [0.2, 0.5, 0.3]], [1, 2]), NONE, [0.8, 0.7],
            EXACT, "by hand"),
    # 1 + |1 - 2| - |1 - 0.5|; with eps 1e-6 the differences are -0.999999 and 0.500001
    Example("1.15", "triplet_margin_loss", TRIPLET, {"margin": 1.0, "p": 1.0, "eps": 0.0}, 1.5, EXACT,
            "by hand", "eps-0"),
    Example("1.15", "triplet_margin_loss", TRIPLET, {"margin": 1.0, "p": 1.0}, 1.499998, EXACT, "by hand"),
    Example("1.16", "hinge_embedding_loss", ([[1.0, 0.8, 0.5]], [[1.0, 1.0, -1.0]]), NONE | {"margin": 1.0},
            [[1.0, 0.8, 0.5]], EXACT, "by hand"),
    # 1 - cos and cos, cos = 0.53 / sqrt(0.83 0.35)
    Example("1.17", "cosine_embedding_loss", COSINE, NONE | {"margin": 0.0}, [0.0167, 0.9833], 4, "by hand"),
    Example("CrossEntropyLoss", "cross_entropy", (DRAWN, UNNORMALIZED), {}, 4.6379876136779785, 16,
            "documentation", "unnormalized", input_rounding=PROBABILITIES),
    Example("CrossEntropyLoss", "cross_entropy", (DRAWN, NORMALIZED), {}, 2.55349063873291, 14,
            "documentation", "normalized", input_rounding=PROBABILITIES),
    # Printed as 0.20... with the formula -log(sigmoid(1.5)) = log(1 + exp(-1.5))
    Example("BCEWithLogitsLoss", "binary_cross_entropy_with_logits", ([[1.5] * 64] * 10, [[1.0] * 64] * 10),
            {"pos_weight": [1.0] * 64}, 0.2014132780, 10, "documentation"),
    # Printed as 0.85... with the formula
    # 0.25 * ((1-(0.1-0.2)) + (1-(0.1-0.4)) + (1-(0.8-0.2)) + (1-(0.8-0.4)))
    Example("MultiLabelMarginLoss", "multilabel_margin_loss", ([[0.1, 0.2, 0.4, 0.8]], [[3, 0, -1, 1]]), {},
            0.85, EXACT, "documentation"),
    # Printed as 0.32... with the formula 0.25 * ((1-(0.8-0.1)) + (1-(0.8-0.2)) + (1-(0.8-0.4)))
    Example("MultiMarginLoss", "multi_margin_loss", ([[0.1, 0.2, 0.4, 0.8]], [3]), {}, 0.325, EXACT,
            "documentation"),
]
# fmt: on

CLASSES = {
    "binary_cross_entropy": nn.BCELoss,
    "binary_cross_entropy_with_logits": nn.BCEWithLogitsLoss,
    "cosine_embedding_loss": nn.CosineEmbeddingLoss,
    "cross_entropy": nn.CrossEntropyLoss,
    "hinge_embedding_loss": nn.HingeEmbeddingLoss,
    "kl_div": nn.KLDivLoss,
    "l1_loss": nn.L1Loss,
    "margin_ranking_loss": nn.MarginRankingLoss,
    "mse_loss": nn.MSELoss,
    "multi_margin_loss": nn.MultiMarginLoss,
    "multilabel_margin_loss": nn.MultiLabelMarginLoss,
    "multilabel_soft_margin_loss": nn.MultiLabelSoftMarginLoss,
    "nll_loss": nn.NLLLoss,
    "poisson_nll_loss": nn.PoissonNLLLoss,
    "smooth_l1_loss": nn.SmoothL1Loss,
    "soft_margin_loss": nn.SoftMarginLoss,
    "triplet_margin_loss": nn.TripletMarginLoss,
}


def _array(values: Nested) -> npt.NDArray[Any]:
    array = np.asarray(values)
    return array.astype(np.int64 if array.dtype.kind == "i" else np.float64)


def _double(values: Nested) -> torch.Tensor:
    return torch.as_tensor(_array(values))


def _single(values: Nested) -> torch.Tensor:
    tensor = _double(values)
    return tensor.float() if tensor.is_floating_point() else tensor


def _note(example: Example) -> None:
    """Note the call of an example, lest it ends the process."""
    given = [literal(_array(values), FORMATS["float64"]) for values in example.arguments]
    given += [
        f"{name}={literal(_array(v), FORMATS['float64']) if isinstance(v, list) else repr(v)}"
        for name, v in example.options.items()
    ]
    journal.note(f"F.{example.loss}({', '.join(given)})")


def _value(way: Way, example: Example) -> npt.NDArray[Any]:
    _note(example)
    convert = {"oracle": _array, "functional": _double, "module": _single}[way]
    arguments = [convert(values) for values in example.arguments]
    options = {name: convert(v) if isinstance(v, list) else v for name, v in example.options.items()}
    if way == "module":
        return np.asarray(CLASSES[example.loss](**options)(*arguments))
    home = reference if way == "oracle" else functional
    return np.asarray(getattr(home, example.loss)(*arguments, **options))


@pytest.mark.filterwarnings("ignore:reduction. 'mean' divides the total loss:UserWarning")  # kl_div
@pytest.mark.parametrize("example", EXAMPLES, ids=str)
@pytest.mark.parametrize("way", ["oracle", "functional", "module"])
def test_worked_example(way: Way, example: Example) -> None:
    value, expected = _value(way, example), np.asarray(example.expected)
    assert value.dtype == (np.float32 if way == "module" else np.float64)
    assert value.shape == expected.shape
    evaluation = EVALUATION * np.finfo(value.dtype).eps * np.maximum(1, np.abs(expected))
    allowed = 0.5 * 10.0**-example.decimals + example.input_rounding + evaluation
    off = np.abs(value.astype(np.float64) - expected)
    assert np.all(off <= allowed), f"{value} is off {expected} by {off}, more than {allowed}"


def test_cross_entropy_to_all_digits() -> None:
    # -x[class] + log sum exp, as it stands, rounds to the printed ...2226; the loss is nearer to ...2228.
    single = functional.cross_entropy(_single([1.0, 2.0]), torch.tensor(0)).numpy()
    double = functional.cross_entropy(_double([1.0, 2.0]), torch.tensor(0)).numpy()
    oracle = reference.cross_entropy([1.0, 2.0], 0)
    np.testing.assert_array_max_ulp(single, np.float32(1.3132617), maxulp=1)
    np.testing.assert_array_max_ulp(double, np.float64(1.3132616875182226), maxulp=1)
    np.testing.assert_array_max_ulp(oracle, np.float64(1.3132616875182226), maxulp=1)


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize("layout", ["padded", "concatenated"])
def test_ctc_of_section_1_18(layout: str, reduction: str) -> None:
    steps, classes, batch, longest, shortest = 50, 20, 16, 30, 10
    rng = np.random.default_rng(118)
    log_probs = torch.as_tensor(rng.standard_normal((steps, batch, classes))).log_softmax(2).numpy()
    targets = rng.integers(1, classes, (batch, longest))
    lengths = rng.integers(shortest, longest, batch, endpoint=True)
    if layout == "concatenated":
        targets = targets[np.arange(longest) < lengths[:, None]]
    rest = (targets, np.full(batch, steps), lengths)
    exact: Any = reference.tracked(log_probs, reference.FORMATS["float64"])
    loss: Any = reference.ctc_loss(exact, *rest, reduction=reduction)
    assert np.all(loss.bound < 1e-9 * loss.value)  # a bound that can fail
    x, y, t, s = (torch.as_tensor(array) for array in (log_probs, *rest))
    value = functional.ctc_loss(x, y, t, s, reduction=reduction)
    assert np.all(np.abs(value.numpy() - loss.value) <= loss.bound)


@pytest.mark.parametrize("loss", ["cross_entropy", "nll_loss", "multi_margin_loss"])
def test_class_labels_are_long(loss: str) -> None:
    scores, labels = map(_double, CE)
    assert labels.dtype == torch.long
    getattr(functional, loss)(scores, labels)
    for dtype in (torch.int32, torch.float64):
        with pytest.raises(RuntimeError, match="Long"):
            getattr(functional, loss)(scores, labels.to(dtype))
    with pytest.raises(TypeError, match="integers"):
        getattr(reference, loss)(_array(CE[0]), np.array([0.0, 1.0, 1.0]))


@pytest.mark.parametrize("loss", ["cross_entropy", "nll_loss", "multi_margin_loss"])
@pytest.mark.parametrize("weight", [[1.0], [1.0, 2.0, 3.0]], ids=["short", "long"])
def test_weight_has_one_entry_per_class(loss: str, weight: list[float]) -> None:
    with pytest.raises(RuntimeError, match="weight"):
        getattr(functional, loss)(*map(_double, CE), weight=_double(weight))
    with pytest.raises(ValueError, match="one per class"):
        getattr(reference, loss)(*map(_array, CE), weight=_array(weight))


@pytest.mark.parametrize("way", ["oracle", "functional", "module"])
def test_weighted_mean_counts_the_targets_that_occur(way: Way) -> None:
    scores = [[-1.0, -2.0, -4.0], [-3.0, -1.0, -8.0]]  # (2 * 1 + 6 * 1) / (2 + 6), whatever class 2 weighs
    options = {"weight": [2.0, 6.0, 1000.0]}
    assert _value(way, Example("1.1", "nll_loss", (scores, [0, 1]), options, 1.0, EXACT, "stated")) == 1.0


@pytest.mark.parametrize("size_average", [None, True, False])
def test_reduce_false_ignores_size_average(size_average: bool | None) -> None:
    scores, labels = map(_double, CE)
    with pytest.warns(UserWarning, match="size_average and reduce args will be deprecated"):
        legacy = functional.cross_entropy(scores, labels, reduce=False, size_average=size_average)
    assert torch.equal(legacy, functional.cross_entropy(scores, labels, reduction="none"))


def test_nll_loss_expects_log_probabilities() -> None:
    scores, labels = map(_double, CE)
    loss = functional.nll_loss(scores.log_softmax(1), labels)
    torch.testing.assert_close(loss, functional.cross_entropy(scores, labels))
    assert functional.nll_loss(scores.softmax(1), labels) < 0  # no logarithm is taken of probabilities


def test_ctc_blank_is_class_0_and_counted() -> None:
    # One frame of three classes spells nothing, 1 or 2.
    probabilities = [0.5, 0.3, 0.2]
    log_probs = np.log([[probabilities] * 3])
    targets, frames, lengths = np.array([[1], [1], [2]]), np.array([1, 1, 1]), np.array([0, 1, 1])
    oracle = reference.ctc_loss(log_probs, targets, frames, lengths, reduction="none")
    np.testing.assert_allclose(np.exp(-oracle), probabilities, rtol=1e-14)
    x, y, t, s = (torch.as_tensor(array) for array in (log_probs, targets, frames, lengths))
    loss = functional.ctc_loss(x, y, t, s, reduction="none")
    np.testing.assert_allclose((-loss).exp().numpy(), probabilities, rtol=1e-14)
    for label in (0, 3):  # the blank, and one beyond C
        with pytest.raises(ValueError, match="targets must lie in"):
            reference.ctc_loss(log_probs, np.full((3, 1), label), frames, lengths)


def test_cosine_target_has_one_dimension() -> None:
    with pytest.raises(RuntimeError, match="1D target"):
        functional.cosine_embedding_loss(_double(COSINE[0]), _double(COSINE[1]), _double([COSINE[2]]))
