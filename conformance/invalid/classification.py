"""Invalid calls of the losses of class indices and class probabilities."""

from __future__ import annotations

import math
from collections.abc import Iterator

from strategies.domains import Classes

from .row import Invalid, Rows, Valid

# Labels that no class has. The default of ignore_index is negative too.
LABELS = {"too-large": "3", "negative": "-1", "far-too-large": "10**12", "far-too-small": "-(10**12)"}
WEIGHT = "torch.ones(3)"
BATCH = {"input": "torch.zeros(2, 3)", "target": "torch.tensor([0, 1])"}

CROSS, NLL, MARGIN = (Valid(loss, BATCH) for loss in ("cross_entropy", "nll_loss", "multi_margin_loss"))
PROBABILITIES = CROSS.with_(target="torch.ones(2, 3)")
LINEAR = Valid(
    "linear_cross_entropy",
    {"input": "torch.zeros(2, 4)", "linear_weight": "torch.zeros(3, 4)", "target": "torch.tensor([0, 1])"},
)
LINEAR_PROBABILITIES = LINEAR.with_(target="torch.ones(2, 3)")
CHUNKED = LINEAR.with_(options="torch.nn.LinearCrossEntropyOptions()")
MULTI = Valid(
    "multilabel_margin_loss", {"input": "torch.zeros(2, 3)", "target": "torch.tensor([[0, 1, -1]] * 2)"}
)
ROW = MULTI.with_(input="torch.zeros(3)", target="torch.tensor([0, 1, -1])")
SOFT = Valid("multilabel_soft_margin_loss", {"input": "torch.zeros(2, 3)", "target": "torch.ones(2, 3)"})
WEIGHTED = tuple(valid.with_(weight=WEIGHT) for valid in (CROSS, NLL, LINEAR, MARGIN, SOFT))
BIASED = LINEAR.with_(linear_bias="torch.zeros(3)")


def _labels_out_of_range_in_chunks() -> Iterator[Invalid]:
    """Labels that no class has, with the memory-saving options of a linear layer."""
    for kind, valid in {"": CHUNKED, "-weighted": CHUNKED.with_(weight=WEIGHT)}.items():
        for reduction in ("mean", "none"):
            for name, label in Classes().outside(3).items():
                yield from valid.with_(reduction=repr(reduction)).but(
                    f"label-{name}-chunked{kind}-{reduction}",
                    target=f"torch.tensor([0, {label}])",
                    dangerous=True,
                )


def _of_labels(valid: Valid) -> Iterator[Invalid]:
    """What no loss of one label a sample takes."""
    for dtype in ("float32", "bool"):
        target = f"torch.tensor([0, 1]).to(torch.{dtype})"
        yield from valid.but(f"labels-{dtype}", target=target, dangerous=True)
    yield from valid.but("labels-complex", target="torch.zeros(2, dtype=torch.complex64)")
    yield from valid.but("too-many-labels", target="torch.tensor([0, 1, 0])", dangerous=True)
    yield from valid.but("too-few-labels", target="torch.tensor([0])", dangerous=True)
    yield from valid.but("labels-without-dimensions", target="torch.tensor(0)", dangerous=True)
    yield from valid.but("labels-more-dimensions", target="torch.tensor([[0], [1]])", dangerous=True)
    yield from valid.but("input-without-dimensions", input="torch.tensor(0.0)", dangerous=True)
    weighted = valid.with_(weight=WEIGHT)
    yield from weighted.but("weight-too-short", weight="torch.ones(2)", dangerous=True)
    yield from weighted.but("weight-too-long", weight="torch.ones(4)", dangerous=True)
    yield from weighted.but("weight-empty", weight="torch.ones(0)", dangerous=True)
    yield from weighted.but("weight-more-dimensions", weight="torch.ones(1, 3)", dangerous=True)
    yield from weighted.but("weight-without-dimensions", weight="torch.tensor(1.0)", dangerous=True)


def _module(
    violation: str, argument: str, option: str, target: str, or_gives: float | None = None
) -> Invalid:
    """A row of the module that has its linear layer itself."""
    valid = f"torch.nn.LinearCrossEntropyLoss(4, 3)(torch.zeros(2, 4), {target})"
    call = valid.replace("(4, 3)", f"(4, 3, {argument}={option})")
    return Invalid("linear_cross_entropy", violation, call, valid, argument, "module", or_gives=or_gives)


LABELLED, SOFT_LABELLED = "torch.tensor([0, 1])", "torch.ones(2, 3)"

ROWS: Rows = (
    *_labels_out_of_range_in_chunks(),
    *(row for valid in (CROSS, NLL, LINEAR, MARGIN) for row in _of_labels(valid)),
    *(row for valid in (CROSS, NLL, MARGIN, LINEAR) for row in valid.but(
        "integers", input=f"torch.zeros({'2, 4' if valid is LINEAR else '2, 3'}, dtype=torch.long)"
    )),
    *(row for valid in (CROSS, NLL) for row in valid.with_(
        input="torch.zeros(2, 3, 2)", target="torch.tensor([[0, 1], [2, 0]])"
    ).but("positions-apart", target="torch.tensor([[0, 1, 2], [2, 0, 1]])", dangerous=True)),
    # Documented to be int64, though torch takes uint8 as well.
    *(row for valid in (CROSS, LINEAR) for dtype in ("int32", "int8") for row in valid.but(
        f"labels-{dtype}", target=f"torch.tensor([0, 1], dtype=torch.{dtype})", dangerous=True
    )),
    *PROBABILITIES.but("probabilities-of-other-classes", target="torch.ones(2, 4)"),
    *PROBABILITIES.but("probabilities-of-other-samples", target="torch.ones(3, 3)"),
    *PROBABILITIES.but("probabilities-integer", target="torch.ones(2, 3, dtype=torch.long)"),
    *PROBABILITIES.but("probabilities-complex", target="torch.ones(2, 3, dtype=torch.complex64)"),
    *PROBABILITIES.with_(weight=WEIGHT).but("weight-too-short-for-probabilities", weight="torch.ones(2)"),
    *(row for valid in (CROSS, NLL, MARGIN) for row in valid.but(
        "label-beyond-int64", target="torch.tensor([0, 2**64 - 100], dtype=torch.uint64)", dangerous=True
    )),
    *CROSS.but("no-classes", input="torch.zeros(2, 0)", dangerous=True),
    *NLL.but("no-classes", input="torch.zeros(2, 0)", dangerous=True),
    *LINEAR_PROBABILITIES.but("ignore-index-with-probabilities", ignore_index="-100"),
    *LINEAR.but("input-more-dimensions", input="torch.zeros(2, 1, 4)"),
    *LINEAR.but("features-apart", input="torch.zeros(2, 5)"),
    *LINEAR.but("linear-weight-fewer-dimensions", linear_weight="torch.zeros(4)"),
    *LINEAR.with_(input="torch.zeros(4)", target="torch.tensor(0)").but(
        "positions-without-batch", linear_weight="torch.zeros(3, 2, 4)"
    ),
    *BIASED.but("bias-too-short", linear_bias="torch.zeros(2)"),
    *BIASED.but("bias-too-long", linear_bias="torch.zeros(4)"),
    *BIASED.but("bias-without-dimensions", linear_bias="torch.tensor(0.0)"),
    *BIASED.but("bias-more-dimensions", linear_bias="torch.zeros(1, 3)"),
    *LINEAR_PROBABILITIES.but("probabilities-of-other-classes", target="torch.ones(2, 4)"),
    *(row for name, text in {
        "too-short": "torch.ones(2)", "too-long": "torch.ones(4)", "more-dimensions": "torch.ones(1, 3)",
    }.items() for row in CHUNKED.with_(weight=WEIGHT).but(
        f"weight-{name}-chunked", weight=text, dangerous=True
    )),
    _module("reduction-unknown", "reduction", "'median'", LABELLED),
    _module("label-smoothing-negative", "label_smoothing", "-0.1", LABELLED),
    _module("label-smoothing-above-one", "label_smoothing", "1.1", LABELLED),
    _module("label-smoothing-nan", "label_smoothing", "float('nan')", LABELLED, math.nan),
    _module("weight-too-short", "weight", "torch.ones(2)", LABELLED),
    _module("ignore-index-with-probabilities", "ignore_index", "-100", SOFT_LABELLED),
    *MARGIN.but("input-more-dimensions", input="torch.zeros(2, 3, 1)", dangerous=True),
    *MARGIN.but("complex", input="torch.zeros(2, 3, dtype=torch.complex64)"),
    *(row for name, label in {**LABELS, "negative": "-2"}.items() for row in (
        *MULTI.but(f"label-{name}", target=f"torch.tensor([[0, 1, -1], [0, {label}, -1]])", dangerous=True),
        *ROW.but(f"label-{name}-unbatched", target=f"torch.tensor([0, {label}, -1])", dangerous=True),
        *MULTI.with_(reduction="'none'").but(
            f"label-{name}-none", target=f"torch.tensor([[0, 1, -1], [0, {label}, -1]])", dangerous=True
        ),
    )),
    *MULTI.but("labels-float32", target="torch.tensor([[0.0, 1.0, -1.0]] * 2)", dangerous=True),
    *MULTI.but("too-few-labels", target="torch.tensor([[0, -1]] * 2)", dangerous=True),
    *MULTI.but("too-many-labels", target="torch.tensor([[0, 1, 2, -1]] * 2)", dangerous=True),
    *MULTI.but("samples-apart", target="torch.tensor([[0, 1, -1]] * 3)", dangerous=True),
    *MULTI.but("labels-fewer-dimensions", target="torch.tensor([0, 1, -1])", dangerous=True),
    *MULTI.but("input-more-dimensions", input="torch.zeros(2, 3, 1)", dangerous=True),
    *MULTI.but("integers", input="torch.zeros(2, 3, dtype=torch.long)"),
    *MULTI.but("complex", input="torch.zeros(2, 3, dtype=torch.complex64)"),
    *SOFT.but("shapes-apart", target="torch.ones(2, 4)"),
    # The documentation asks for the same shape.
    *SOFT.but("target-fewer-dimensions", target="torch.ones(3)"),
    *SOFT.but("input-without-dimensions", input="torch.tensor(0.0)"),
    *WEIGHTED[-1].but("weight-too-short", weight="torch.ones(2)"),
    *WEIGHTED[-1].but("weight-too-long", weight="torch.ones(4)"),
)  # fmt: skip
