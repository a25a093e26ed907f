"""What torch is known to accept although it is invalid."""

from __future__ import annotations

import math
from typing import Any

from ..invalid import Invalid, Promotion
from ..invalid.binary import HINGE, LOGITS, SOFT
from ..invalid.classification import CHUNKED, CROSS, LINEAR, MARGIN, WEIGHT
from ..invalid.classification import SOFT as MULTILABEL
from ..invalid.distribution import GAUSSIAN
from ..invalid.embedding import COSINE, RANKING
from ..invalid.row import Valid
from ..invalid.sequence import PADDED
from .record import Divergence

OF = "invalid call"


def _accepts(
    valid: Valid, violation: str, prefixes: tuple[str, ...], gives: float, reason: str, *,
    kind: str = "no error", since: str | None = None, until: str | None = None, upstream: str = "",
    **change: str,
) -> Divergence:  # fmt: skip
    """A record of all rows of a loss whose violation begins so; one changed argument is the witness."""

    def covers(row: Invalid | Promotion) -> bool:
        return row.violation.startswith(prefixes)

    return Divergence(
        f"{valid.loss}-accepts-{violation}", valid.loss, kind, covers, reason,
        valid.with_(**change).call, gives, "ValueError", of=OF, since=since, until=until, upstream=upstream,
    )  # fmt: skip


def _smoothing(valid: Valid, since: str | None = None) -> tuple[Divergence, ...]:
    negative = "label_smoothing is documented to be in [0, 1]; a negative one has no effect"
    nan = "a label_smoothing that is nan has no effect, so the loss is a number that it does not influence"
    return (
        _accepts(
            valid, "negative-smoothing", ("label-smoothing-negative",), math.log(3), negative, since=since,
            upstream="https://github.com/pytorch/pytorch/issues/134767", label_smoothing="-0.1",
        ),
        _accepts(
            valid, "nan-smoothing", ("label-smoothing-nan",), math.log(3), nan, since=since,
            label_smoothing="float('nan')",
        ),
    )  # fmt: skip


BROADCASTS = "it broadcasts, although the documentation asks for one shape"
LABEL_READS = "labels are not compared with the classes, and are read beyond the array"
BITS = "torch.finfo(F.{}({}).dtype).bits"


def _follows_target(row: Any) -> bool:
    return isinstance(row, Promotion) and row.violation in ("input-double", "target-half")


DIVERGENCES = (
    *_smoothing(CROSS),
    *_smoothing(LINEAR, "2.13"),
    _accepts(
        CHUNKED.with_(weight=WEIGHT), "weight-of-other-classes-in-chunks",
        ("weight-too-short-chunked", "weight-too-long-chunked"), math.log(3),
        "with options, the number of weights is not compared with the number of classes", since="2.13",
        weight="torch.ones(2)",
    ),
    _accepts(
        MARGIN, "nan-margin", ("margin-nan",), 0.0, "max(0, .) swallows the nan of the margin",
        margin="float('nan')",
    ),
    _accepts(
        MULTILABEL, "target-that-broadcasts", ("target-fewer-dimensions",), math.log(2), BROADCASTS,
        target="torch.ones(3)",
    ),
    _accepts(
        SOFT, "target-that-broadcasts", ("target-fewer-dimensions",), math.log(2), BROADCASTS,
        target="torch.ones(3)",
    ),
    _accepts(
        HINGE, "target-that-broadcasts", ("target-fewer-dimensions", "target-more-dimensions"), 0.0,
        BROADCASTS, target="torch.ones(3)",
    ),
    _accepts(
        COSINE, "target-that-broadcasts", ("target-too-short",), 0.0, BROADCASTS, target="torch.ones(1)"
    ),
    _accepts(
        RANKING, "shapes-that-broadcast", ("input-too-short", "target-too-short"), 1.0, BROADCASTS,
        target="torch.ones(1)",
    ),
    _accepts(
        GAUSSIAN, "nan-eps", ("eps-nan",), 0.5, "an eps that is nan clamps nothing", until="2.13",
        eps="float('nan')",
    ),
    _accepts(
        PADDED, "label-out-of-range",
        ("label-too-large", "label-negative", "label-far-too-large", "label-far-too-small"),
        math.nan, LABEL_READS, kind="uninitialised", upstream="https://github.com/pytorch/pytorch/issues/193794",
        targets="torch.tensor([[1, 2], [3, 5]])",
    ),
    _accepts(
        PADDED, "blank-in-target", ("label-blank",), -1.35402512550354,
        "the blank is documented not to be a target, and is taken for a label",
        targets="torch.tensor([[1, 2], [3, 0]])",
    ),
    _accepts(
        PADDED, "label-that-is-a-fraction", ("label-a-fraction",), -1.35402512550354,
        "4.5 is no class, and is taken for 4", targets="torch.tensor([[1.0, 2.0], [3.0, 4.5]])",
    ),
    Divergence(
        "l1_loss-accepts-weight-shape", "l1_loss", "no error",
        lambda row: row.violation in ("weight-shape", "weight-too-long"),
        "where a device is set for new tensors, calls go by way of __torch_function__ and lose the weight",
        "x, y, w = torch.zeros(2), torch.ones(2), torch.ones(3)\n"
        "with torch.device('cpu'):\n    got = F.l1_loss(x, y, weight=w)\ngot",
        1.0, "ValueError", of=OF, devices=("cuda", "xpu", "mps"),
        upstream="https://github.com/pytorch/pytorch/pull/193003",
    ),
    Divergence(
        "binary_cross_entropy_with_logits-dtype-of-target", LOGITS.loss, "convention", _follows_target,
        "the result has the dtype of target, be it narrower than that of input: neither promoted nor refused",
        BITS.format(LOGITS.loss, "torch.zeros(3, dtype=torch.float64), torch.ones(3)"), 32.0, 64.0, of=OF,
    ),
)  # fmt: skip
