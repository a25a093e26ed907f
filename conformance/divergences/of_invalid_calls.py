"""What torch is known to accept although it is invalid."""

from __future__ import annotations

import math
from itertools import product
from typing import Any

from ..invalid import ROWS, Invalid, Promotion
from ..invalid.binary import HINGE, LOGITS, SOFT
from ..invalid.classification import CHUNKED, CROSS, LINEAR, MARGIN, WEIGHT
from ..invalid.classification import SOFT as MULTILABEL
from ..invalid.distribution import GAUSSIAN
from ..invalid.embedding import COSINE, RANKING
from ..invalid.row import Valid
from ..invalid.sequence import PADDED
from ..losses import LOSSES
from .record import ELSEWHERE, Divergence

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


def _in_ways(
    loss: str, what: str, violations: tuple[str, ...], reason: str, ways: tuple[str, ...],
    witness: str | None = None, gives: float = 0.0, *, since: str | None = None, upstream: str = "",
) -> Divergence:  # fmt: skip
    """A record of calls that are refused but in some ways; by default the witness is the first on meta."""
    first = next(row for row in ROWS if (row.loss, row.violation) == (loss, violations[0]))
    return Divergence(
        f"{loss}-ways-accept-{what}", loss, "no error", lambda row: row.violation in violations, reason,
        witness or f"with torch.device('meta'):\n    got = {first.call}\ngot.ndim",
        gives, "RuntimeError", of=OF, ways=ways, since=since, upstream=upstream,
    )  # fmt: skip


# What a loss is not implemented for, of which tensors without data know nothing.
UNIMPLEMENTED = {
    "smooth_l1_loss": ("complex",),
    "huber_loss": ("complex",),
    "cross_entropy": ("labels-bool", "labels-int32", "integers"),
    "nll_loss": ("labels-bool", "integers"),
    "linear_cross_entropy": ("labels-bool", "labels-int32", "integers"),
    "binary_cross_entropy": ("integers", "integer-target", "complex", "complex-target"),
    "hinge_embedding_loss": ("complex",),
    "cosine_embedding_loss": ("complex",),
    "margin_ranking_loss": ("complex",),
    "multi_margin_loss": ("integers", "complex"),
    "multilabel_margin_loss": ("integers", "complex"),
}
# Losses that inductor calls the kernels of, in whole or in part.
KERNELS = (
    "hinge_embedding_loss", "cosine_embedding_loss", "margin_ranking_loss", "multi_margin_loss",
    "multilabel_margin_loss",
)  # fmt: skip
META = ("meta", "fake")
VMAP = ("vmap",)
INDUCTOR = ("compile_inductor",)
COMPILED = ("compile_aot_eager", *INDUCTOR)
TYPES = "the types for which the loss is not implemented are accepted, and a result is promised"
SHAPES = "shapes that do not fit are accepted"
LABELS = "labels are taken for indices, whatever their type"
INTEGERS = "integers are accepted, for which the loss is not implemented"


NO_PROBABILITIES = ("negative", "above-one", "nan", "infinite")


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
        1.0, "ValueError", of=OF, devices=(ELSEWHERE,),
        upstream="https://github.com/pytorch/pytorch/pull/193003",
    ),
    Divergence(
        "binary_cross_entropy_with_logits-dtype-of-target", LOGITS.loss, "convention", _follows_target,
        "the result has the dtype of target, be it narrower than that of input: neither promoted nor refused",
        BITS.format(LOGITS.loss, "torch.zeros(3, dtype=torch.float64), torch.ones(3)"), 32.0, 64.0, of=OF,
    ),
    *(
        _in_ways(
            loss, "types", violations, TYPES, META if loss in KERNELS else (*META, *INDUCTOR),
            since=LOSSES[loss].since,
        )
        for loss, violations in UNIMPLEMENTED.items()
    ),
    _in_ways(
        "smooth_l1_loss", "negative-beta", ("beta-negative",), "a beta below 0 is accepted",
        (*META, *INDUCTOR),
        upstream="https://github.com/pytorch/pytorch/issues/194501",
    ),
    _in_ways("cross_entropy", "no-classes", ("no-classes",), SHAPES, META),
    _in_ways("nll_loss", "no-classes", ("no-classes",), SHAPES, META),
    _in_ways(
        "linear_cross_entropy", "weight-shape", ("weight-more-dimensions-chunked",), SHAPES, META,
        since="2.13",
    ),
    _in_ways("soft_margin_loss", "target-shape", ("target-more-dimensions",), SHAPES, (*META, *INDUCTOR)),
    _in_ways(
        "binary_cross_entropy", "weight-shape", ("weight-more-dimensions",), SHAPES, (*META, *VMAP, *INDUCTOR)
    ),
    _in_ways(
        "binary_cross_entropy", "no-probabilities",
        tuple(f"{name}-{what}" for name, what in product(("input", "target"), NO_PROBABILITIES)),
        "compiled by inductor, numbers that are no probabilities are accepted", INDUCTOR,
        "from torch._decomp import decomposition_table as table\n"
        "table[torch.ops.aten.binary_cross_entropy.default](torch.full((1,), 0.5), torch.full((1,), 2.0))",
        math.log(2),
    ),
    _in_ways(
        "cross_entropy", "labels", ("labels-bool", "labels-int32"), LABELS, VMAP,
        "torch.vmap(F.cross_entropy)(torch.zeros(1, 2, 3), torch.zeros(1, 2).bool())", math.log(3),
    ),
    _in_ways(
        "linear_cross_entropy", "labels", ("labels-bool", "labels-int32"), LABELS, VMAP,
        "x, w, y = torch.zeros(1, 2, 4), torch.zeros(1, 3, 4), torch.zeros(1, 2).bool()\n"
        "torch.vmap(F.linear_cross_entropy)(x, w, y)",
        math.log(3), since="2.13",
    ),
    _in_ways(
        "nll_loss", "labels", ("labels-bool", "integers"), "labels and scores of any type are accepted", VMAP,
        "torch.vmap(F.nll_loss)(torch.zeros(1, 2, 3), torch.zeros(1, 2).bool())",
    ),
    _in_ways(
        "multi_margin_loss", "integers", ("integers",), INTEGERS, COMPILED,
        "compiled = torch.compile(lambda *given: F.multi_margin_loss(*given), backend='aot_eager')\n"
        "compiled(torch.zeros(2, 3).long(), torch.tensor([0, 2]))",
        2 / 3,
    ),
    _in_ways(
        "multilabel_margin_loss", "integers", ("integers",), INTEGERS, COMPILED,
        "from torch._decomp import decomposition_table as table\n"
        "forward = table[torch.ops.aten.multilabel_margin_loss_forward.default]\n"
        "forward(torch.zeros(1, 2).long(), torch.tensor([[0, 1]]), 0)[0]",
    ),
)  # fmt: skip
