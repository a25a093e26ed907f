"""What torch is known to accept although it is invalid, and what it then returns."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import TypeAlias

from ..invalid.binary import BCE, HINGE, LOGITS, SOFT, TWO_LOGITS
from ..invalid.classification import CHUNKED, CROSS, LINEAR, MARGIN, MULTI, NLL, WEIGHT
from ..invalid.classification import SOFT as MULTILABEL
from ..invalid.distribution import GAUSSIAN, POISSON, RATE
from ..invalid.embedding import COSINE, RANKING
from ..invalid.regression import HUBER, SMOOTH
from ..invalid.row import Valid
from ..invalid.sequence import PADDED
from .outcomes import Accepts, Answer
from .record import Divergence, Witness
from .ways import INDUCTOR, WITHOUT_DATA

NAN = math.nan
LN2, LN3 = math.log(2), math.log(3)
OF = ("invalid call",)
VMAP, COMPILED = ("vmap",), ("compile_aot_eager", *INDUCTOR)
# What two samples of three equal logits, with labels or one-hot probabilities, cost if they are not smoothed.
BLANK = -1.35402512550354
BITS = "torch.finfo(F.binary_cross_entropy_with_logits({}).dtype).bits"


def _numbers(of: Mapping[str, float | None], dtype: str = "float32") -> Accepts:
    """Numbers that calls give, by the loss and the violation."""
    return Accepts({name: Answer(number, (), dtype) for name, number in of.items()})


def _call(valid: Valid, gives: float, **change: str) -> Witness:
    """A valid call with one argument changed, which gives a number."""
    return Witness(valid.loss, valid.with_(**change).call, gives, "ValueError")


def _smoothed(violation: str) -> Accepts:
    entropies = ("cross_entropy", "linear_cross_entropy")
    labels = {f"{loss}-label-smoothing-{violation}": LN3 for loss in entropies}
    return _numbers(
        labels | {f"{loss}-label-smoothing-{violation}-of-probabilities": 3 * LN3 for loss in entropies}
    )


DIVERGENCES: tuple[Divergence, ...] = (
    Divergence(
        "accepts-negative-smoothing", "no error", "accepted", _smoothed("negative"),
        "label_smoothing is documented to be in [0, 1]; a negative one has no effect",
        tuple(_call(valid, LN3, label_smoothing="-0.1") for valid in (CROSS, LINEAR)), of=OF,
        upstream="https://github.com/pytorch/pytorch/issues/134767",
    ),
    Divergence(
        "accepts-nan-smoothing", "no error", "accepted", _smoothed("nan"),
        "a label_smoothing that is nan has no effect, so the loss is a number that it does not influence",
        tuple(_call(valid, LN3, label_smoothing="float('nan')") for valid in (CROSS, LINEAR)), of=OF,
    ),
    Divergence(
        "linear_cross_entropy-accepts-weight-of-other-classes-in-chunks", "no error", "accepted",
        _numbers({f"linear_cross_entropy-weight-too-{name}-chunked": LN3 for name in ("short", "long")}),
        "with options, the number of weights is not compared with the number of classes",
        (_call(CHUNKED.with_(weight=WEIGHT), LN3, weight="torch.ones(2)"),), of=OF, since="2.13",
    ),
    Divergence(
        "multi_margin_loss-accepts-nan-margin", "no error", "accepted",
        _numbers({"multi_margin_loss-margin-nan": 0.0}),
        "max(0, .) swallows the nan of the margin", (_call(MARGIN, 0.0, margin="float('nan')"),), of=OF,
    ),
    Divergence(
        "accepts-shapes-that-broadcast", "no error", "accepted",
        _numbers({
            "multilabel_soft_margin_loss-target-fewer-dimensions": LN2,
            "soft_margin_loss-target-fewer-dimensions": LN2,
            "hinge_embedding_loss-target-fewer-dimensions": 0.0,
            "hinge_embedding_loss-target-more-dimensions": 0.0,
            "poisson_nll_loss-target-fewer-dimensions": 1.0,
            "poisson_nll_loss-target-more-dimensions": 1.0,
            "cosine_embedding_loss-target-too-short": 0.0,
            "margin_ranking_loss-input-too-short": 1.0,
            "margin_ranking_loss-target-too-short": 1.0,
        }),
        "shapes broadcast, although the documentation asks for one shape",
        (
            _call(MULTILABEL, LN2, target="torch.ones(3)"),
            _call(SOFT, LN2, target="torch.ones(3)"),
            _call(HINGE, 0.0, target="torch.ones(3)"),
            _call(POISSON, 1.0, target="torch.ones(3)"),
            _call(COSINE, 0.0, target="torch.ones(1)"),
            _call(RANKING, 1.0, target="torch.ones(1)"),
        ),
        of=OF,
    ),
    Divergence(
        "binary_cross_entropy_with_logits-accepts-no-probabilities", "no error", "accepted",
        _numbers({
            f"binary_cross_entropy_with_logits-target-{name}": number
            for name, number in (
                ("negative", 1.1132616996765137), ("above-one", 0.5132617354393005), ("nan", NAN),
                ("infinite", -math.inf),
            )
        }),
        "targets are documented to lie in [0, 1], and others are taken",
        (_call(TWO_LOGITS, 0.5132617354393005, target="torch.tensor([0.5, 1.1])"),), of=OF,
        upstream="https://github.com/pytorch/pytorch/issues/110865",
    ),
    Divergence(
        "cosine_embedding_loss-accepts-margin", "no error", "accepted",
        _numbers({"cosine_embedding_loss-margin-above-one": 0.0,
                  "cosine_embedding_loss-margin-below-minus-one": 2.5}),
        "the margin is documented to lie in [-1, 1], and others are taken",
        (_call(COSINE, 2.5, margin="-1.5"),), of=OF,
    ),
    Divergence(
        "poisson_nll_loss-accepts-negative-rate", "no error", "accepted",
        _numbers({"poisson_nll_loss-rate-negative": NAN}),
        "the expectation of a Poisson distribution is not negative; one that is makes the loss nan",
        (_call(RATE, NAN, input="-torch.ones(2, 3)"),), of=OF,
        upstream="https://github.com/pytorch/pytorch/issues/184030",
    ),
    Divergence(
        "gaussian_nll_loss-accepts-nan-eps", "no error", "accepted",
        _numbers({"gaussian_nll_loss-eps-nan": 0.5}), "an eps that is nan clamps nothing",
        (_call(GAUSSIAN, 0.5, eps="float('nan')"),), of=OF, until="2.13",
    ),
    Divergence(
        "ctc_loss-accepts-label-out-of-range", "uninitialised", "accepted",
        _numbers({
            **{f"ctc_loss-label-{name}-{layout}": None for name in ("too-large", "negative")
               for layout in ("padded", "joined", "unbatched")},
            "ctc_loss-label-far-too-large": None, "ctc_loss-label-far-too-small": None,
        }),
        "labels are not compared with the classes, and are read beyond the array",
        (_call(PADDED, NAN, targets="torch.tensor([[1, 2], [3, 5]])"),), of=OF,
        upstream="https://github.com/pytorch/pytorch/issues/193794",
    ),
    Divergence(
        "ctc_loss-accepts-blank-in-target", "no error", "accepted",
        _numbers({f"ctc_loss-label-blank-{layout}": BLANK for layout in ("padded", "joined", "unbatched")}),
        "the blank is documented not to be a target, and is taken for a label",
        (_call(PADDED, BLANK, targets="torch.tensor([[1, 2], [3, 0]])"),), of=OF,
    ),
    Divergence(
        "ctc_loss-accepts-label-that-is-a-fraction", "no error", "accepted",
        _numbers({"ctc_loss-label-a-fraction": BLANK}), "4.5 is no class, and is taken for 4",
        (_call(PADDED, BLANK, targets="torch.tensor([[1.0, 2.0], [3.0, 4.5]])"),), of=OF,
    ),
    Divergence(
        "binary_cross_entropy_with_logits-dtype-of-target", "convention", "accepted",
        Accepts({"binary_cross_entropy_with_logits-input-double": Answer(32.0, (), "int64"),
                 "binary_cross_entropy_with_logits-target-half": Answer(16.0, (), "int64")}),
        "the result has the dtype of target, be it narrower than that of input: neither promoted nor refused",
        (
            Witness(LOGITS.loss, BITS.format("torch.zeros(3, dtype=torch.float64), torch.ones(3)"),
                    32.0, 64.0),
        ),
        of=OF,
    ),
)  # fmt: skip


Answers: TypeAlias = Mapping[str, Answer | tuple[Answer, ...]]


def _in_ways(
    id: str, reason: str, ways: tuple[str, ...], answers: Answers, witnesses: Iterable[Witness],
    severity: str = "without data", since: str | None = None, upstream: str = "",
) -> Divergence:  # fmt: skip
    """A record of calls that are refused but in some ways."""
    return Divergence(
        id, "no error", severity, Accepts(answers), reason, tuple(witnesses), of=OF, ways=ways, since=since,
        upstream=upstream,
    )  # fmt: skip


def _on_meta(valid: Valid, **change: str) -> Witness:
    """A valid call with one argument changed, which tensors without data take."""
    code = f"with torch.device('meta'):\n    got = {valid.with_(**change).call}\ngot.ndim"
    return Witness(valid.loss, code, 0.0, "RuntimeError")


# What a loss is not implemented for, of which tensors without data know nothing; and a call of each loss.
COMPLEX = "torch.zeros(2, 3, dtype=torch.complex64)"
BOOLS = "torch.tensor([True, False])"
UNIMPLEMENTED: dict[str, tuple[str, ...]] = {
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


# Until 2.14 the padding behind the labels counts as label 0.
COMPILED_INTEGERS: dict[str, tuple[Answer, ...]] = {
    "multi_margin_loss": (Answer(2 / 3),),
    "multilabel_margin_loss": (Answer(1.0), Answer(2 / 3)),
}


def _without_data(violations: Mapping[str, tuple[str, ...]]) -> dict[str, Answer]:
    """What calls give as tensors without data: a shape and a dtype."""
    return {
        f"{way}-{loss}-{violation}": Answer(0.0, (), "complex64" if "complex" in violation else "float32")
        for way in WITHOUT_DATA
        for loss, listed in violations.items()
        for violation in listed
    }


def _in_way(way: str, of: Mapping[str, float], dtype: str = "float32") -> dict[str, Answer]:
    """Numbers that calls give in a way, by the loss and the violation."""
    return {f"{way}-{name}": Answer(number, (), dtype) for name, number in of.items()}


DIVERGENCES += (
    _in_ways(
        "ways-accept-types",
        "the types for which the loss is not implemented are accepted without data, and a result is promised",
        WITHOUT_DATA, _without_data(UNIMPLEMENTED),
        (
            _on_meta(SMOOTH, input=COMPLEX),
            _on_meta(HUBER, input=COMPLEX),
            _on_meta(CROSS, target=BOOLS),
            _on_meta(NLL, target=BOOLS),
            _on_meta(LINEAR, target=BOOLS),
            _on_meta(BCE, input="torch.ones(2, 3, dtype=torch.long)"),
            _on_meta(HINGE, input=COMPLEX),
            _on_meta(COSINE, input1=COMPLEX),
            _on_meta(RANKING, input1="torch.zeros(3, dtype=torch.complex64)"),
            _on_meta(MARGIN, input="torch.zeros(2, 3, dtype=torch.long)"),
            _on_meta(MULTI, input="torch.zeros(2, 3, dtype=torch.long)"),
        ),
    ),
    _in_ways(
        "ways-accept-shapes", "shapes that do not fit are accepted without data", WITHOUT_DATA,
        _without_data({
            "cross_entropy": ("no-classes",),
            "nll_loss": ("no-classes",),
            "linear_cross_entropy": ("weight-more-dimensions-chunked",),
            "binary_cross_entropy": ("weight-more-dimensions",),
            "soft_margin_loss": ("target-more-dimensions",),
        }),
        (
            _on_meta(CROSS, input="torch.zeros(2, 0)"),
            _on_meta(NLL, input="torch.zeros(2, 0)"),
            _on_meta(CHUNKED, weight="torch.ones(3, 1)"),
            _on_meta(BCE, weight="torch.ones(2, 2, 3)"),
            _on_meta(SOFT, target="torch.ones(2, 2, 3)"),
        ),
    ),
    _in_ways(
        "smooth_l1_loss-ways-accept-negative-beta", "a beta below 0 is accepted", (*WITHOUT_DATA, *INDUCTOR),
        {**_without_data({"smooth_l1_loss": ("beta-negative",)}),
         **_in_way("compile_inductor", {"smooth_l1_loss-beta-negative": 1.5})},
        (_on_meta(SMOOTH, beta="-1.0"),), "accepted",
        upstream="https://github.com/pytorch/pytorch/issues/194501",
    ),
    _in_ways(
        "vmap-accepts-labels", "labels are taken for indices, and scores for numbers, whatever their type",
        VMAP,
        _in_way("vmap", {
            "cross_entropy-labels-bool": LN3, "cross_entropy-labels-int32": LN3,
            "linear_cross_entropy-labels-bool": LN3, "linear_cross_entropy-labels-int32": LN3,
            "nll_loss-labels-bool": 0.0, "nll_loss-integers": 0.0,
        }),
        (
            Witness("cross_entropy",
                    "torch.vmap(F.cross_entropy)(torch.zeros(1, 2, 3), torch.zeros(1, 2).bool())", LN3,
                    "RuntimeError"),
            Witness("linear_cross_entropy",
                    "x, w, y = torch.zeros(1, 2, 4), torch.zeros(1, 3, 4), torch.zeros(1, 2).bool()\n"
                    "torch.vmap(F.linear_cross_entropy)(x, w, y)", LN3, "RuntimeError"),
            Witness("nll_loss", "torch.vmap(F.nll_loss)(torch.zeros(1, 2, 3), torch.zeros(1, 2).bool())", 0.0,
                    "RuntimeError"),
        ),
        "accepted",
    ),
    _in_ways(
        "binary_cross_entropy-vmap-accepts-weight-shape",
        "a weight of more dimensions than the input is accepted", VMAP,
        _in_way("vmap", {"binary_cross_entropy-weight-more-dimensions": LN2}),
        (
            Witness(
                "binary_cross_entropy",
                "x, w = torch.full((1, 2, 3), 0.5), torch.ones(1, 2, 2, 3)\n"
                "torch.vmap(F.binary_cross_entropy)(x, x, w)",
                LN2, "RuntimeError",
            ),
        ),
        "accepted",
    ),
    _in_ways(
        "compiled-accepts-integers", "integers are accepted, for which the loss is not implemented", COMPILED,
        {
            f"{way}-{loss}-integers": answers
            for way in ("compile_aot_eager", "compile_inductor")
            for loss, answers in COMPILED_INTEGERS.items()
        },
        (
            Witness(
                "multi_margin_loss",
                "compiled = torch.compile(lambda *given: F.multi_margin_loss(*given), backend='aot_eager')\n"
                "compiled(torch.zeros(2, 3).long(), torch.tensor([0, 2]))",
                2 / 3, "RuntimeError",
            ),
            Witness(
                "multilabel_margin_loss",
                "f = torch.compile(lambda *given: F.multilabel_margin_loss(*given), backend='aot_eager')\n"
                "f(torch.zeros(2, 2).long(), torch.tensor([[0, 1], [1, 0]]))",
                0.0, "RuntimeError",
            ),
        ),
        "accepted",
    ),
)  # fmt: skip
