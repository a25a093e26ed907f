"""Invalid calls that torch refuses if it is called plainly, and accepts in some ways of running it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from ..invalid.binary import BCE, HINGE, LOGITS, SOFT
from ..invalid.classification import CHUNKED, CROSS, LINEAR, MARGIN, MULTI, NLL
from ..invalid.classification import SOFT as MULTILABEL
from ..invalid.distribution import RATE
from ..invalid.embedding import COSINE, DISTANCE, RANKING, TRIPLET
from ..invalid.regression import HUBER, L1, MSE, SMOOTH
from ..invalid.row import Valid
from .accepted import accepts
from .divergence import Divergence, Witness
from .outcomes import Accepts, Answer
from .ways import INDUCTOR, WITHOUT_DATA

LN2, LN3 = math.log(2), math.log(3)
# Half of the loss of a logit 0.5 and a probability 0.5.
HALVES = 0.3620384931564331
VMAP, COMPILED = ("vmap",), ("compile_aot_eager", *INDUCTOR)


def _in_ways(
    id: str, reason: str, ways: tuple[str, ...], witnesses: Iterable[Witness],
    severity: str = "without data", instead: Accepts | None = None, upstream: str = "",
) -> Divergence:  # fmt: skip
    """A record of calls that are refused but in some ways. What these give is `instead`, or in the table."""
    return Divergence(
        id, "no error", severity, instead or accepts(id), reason, tuple(witnesses),
        of=("invalid call",), ways=ways, upstream=upstream,
    )  # fmt: skip


def _on_meta(valid: Valid, **change: str) -> Witness:
    """A valid call with one argument changed, which tensors without data take."""
    code = f"with torch.device('meta'):\n    got = {valid.with_(**change).call}\ngot.ndim"
    return Witness(valid.loss, code, 0.0, "RuntimeError")


COMPLEX = "torch.zeros(2, 3, dtype=torch.complex64)"
BOOLS = "torch.tensor([True, False])"
# Until 2.14 the padding behind the labels counts as label 0.
COMPILED_INTEGERS: dict[str, tuple[Answer, ...]] = {
    "multi_margin_loss": (Answer(2 / 3),),
    "multilabel_margin_loss": (Answer(1.0), Answer(2 / 3)),
}


def _in_way(way: str, of: Mapping[str, float], dtype: str = "float32") -> dict[str, Answer]:
    """Numbers that calls give in a way, by the loss and the violation."""
    return {f"{way}-{name}": Answer(number, (), dtype) for name, number in of.items()}


DIVERGENCES: tuple[Divergence, ...] = (
    _in_ways(
        "ways-accept-types",
        "the types for which the loss is not implemented are accepted without data, and a result is promised",
        WITHOUT_DATA,
        (
            _on_meta(L1, input="torch.zeros(2, 3, dtype=torch.bool)"),
            _on_meta(MSE, input=COMPLEX),
            _on_meta(SMOOTH, input=COMPLEX),
            _on_meta(HUBER, input=COMPLEX),
            _on_meta(CROSS, target=BOOLS),
            _on_meta(NLL, target=BOOLS),
            _on_meta(LINEAR, target=BOOLS),
            _on_meta(BCE, input="torch.ones(2, 3, dtype=torch.long)"),
            _on_meta(LOGITS, input=COMPLEX),
            _on_meta(SOFT, target=COMPLEX),
            _on_meta(HINGE, input=COMPLEX),
            _on_meta(RATE, input="torch.ones(2, 3, dtype=torch.bool)"),
            _on_meta(COSINE, input1=COMPLEX),
            _on_meta(RANKING, input1="torch.zeros(3, dtype=torch.complex64)"),
            _on_meta(TRIPLET, anchor="torch.zeros(2, 3, dtype=torch.bool)"),
            _on_meta(DISTANCE, anchor="torch.zeros(2, 3, dtype=torch.bool)"),
            _on_meta(MARGIN, input="torch.zeros(2, 3, dtype=torch.long)"),
            _on_meta(MULTI, input="torch.zeros(2, 3, dtype=torch.long)"),
            _on_meta(MULTILABEL, input=COMPLEX),
        ),
    ),
    _in_ways(
        "ways-accept-shapes", "shapes that do not fit are accepted without data", WITHOUT_DATA,
        (
            _on_meta(CROSS, input="torch.zeros(2, 0)"),
            _on_meta(NLL, input="torch.zeros(2, 0)"),
            _on_meta(CHUNKED, weight="torch.ones(3, 1)"),
            _on_meta(BCE, weight="torch.ones(2, 2, 3)"),
            _on_meta(LOGITS, weight="torch.ones(2, 2, 3)"),
            _on_meta(SOFT, target="torch.ones(2, 2, 3)"),
            _on_meta(MARGIN, input="torch.tensor(0.0)", target="torch.tensor(0)"),
            _on_meta(MULTI, input="torch.tensor(0.0)", target="torch.tensor(0)"),
        ),
    ),
    _in_ways(
        "smooth_l1_loss-ways-accept-negative-beta", "a beta below 0 is accepted", (*WITHOUT_DATA, *INDUCTOR),
        (_on_meta(SMOOTH, beta="-1.0"),), "accepted",
        Accepts({
            **accepts("smooth_l1_loss-ways-accept-negative-beta").answers,
            **_in_way("compile_inductor", {"smooth_l1_loss-beta-negative": 1.5}),
        }),
        upstream="https://github.com/pytorch/pytorch/issues/194501",
    ),
    _in_ways(
        "vmap-accepts-types",
        "labels are taken for indices, and scores and weights for numbers, whatever their type; bytes wrap",
        VMAP,
        (
            Witness("cross_entropy",
                    "torch.vmap(F.cross_entropy)(torch.zeros(1, 2, 3), torch.zeros(1, 2).bool())", LN3,
                    "RuntimeError"),
            Witness("linear_cross_entropy",
                    "x, w, y = torch.zeros(1, 2, 4), torch.zeros(1, 3, 4), torch.zeros(1, 2).bool()\n"
                    "torch.vmap(F.linear_cross_entropy)(x, w, y)", LN3, "RuntimeError"),
            Witness("nll_loss", "torch.vmap(F.nll_loss)(torch.zeros(1, 2, 3), torch.zeros(1, 2).bool())", 0.0,
                    "RuntimeError"),
            *(
                Witness(loss, f"x = torch.full((1, 2), 0.5)\ntorch.vmap(F.{loss})(x, x, x.cfloat()).real",
                        number, "RuntimeError")
                for loss, number in (("binary_cross_entropy", LN2 / 2), (LOGITS.loss, HALVES))
            ),
        ),
        "accepted",
    ),
    _in_ways(
        "vmap-accepts-shapes",
        "weights of more axes than the input, one weight for all classes and positions that do not fit",
        VMAP,
        (
            Witness(
                "binary_cross_entropy",
                "x, w = torch.full((1, 2, 3), 0.5), torch.ones(1, 2, 2, 3)\n"
                "torch.vmap(F.binary_cross_entropy)(x, x, w)",
                LN2, "RuntimeError",
            ),
            Witness(
                "binary_cross_entropy_with_logits",
                "x, w = torch.full((1, 2, 3), 0.5), torch.ones(1, 2, 2, 3)\n"
                "torch.vmap(F.binary_cross_entropy_with_logits)(x, x, w)",
                2 * HALVES, "RuntimeError",
            ),
            *(
                Witness(loss, "x, y = torch.ones(1, 2, 3, 2), torch.zeros(1, 2, 2).long()\n"
                        f"w = torch.ones(1, 1)\ntorch.vmap(F.{loss})(x, y, w)", number, "RuntimeError")
                for loss, number in (("cross_entropy", LN3), ("nll_loss", -1.0))
            ),
            Witness(
                "linear_cross_entropy",
                "x, w, y = torch.zeros(2, 4), torch.zeros(3, 2, 4), torch.zeros(1, 2, 2).long()\n"
                "one = torch.ones(1)\n"
                "torch.vmap(lambda y: F.linear_cross_entropy(x, w, y, weight=one))(y)", LN3, "RuntimeError",
            ),
        ),
        "accepted",
    ),
    _in_ways(
        "compiled-accepts-integers", "integers are accepted, for which the loss is not implemented", COMPILED,
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
        Accepts({
            f"{way}-{loss}-integers": answers
            for way in ("compile_aot_eager", "compile_inductor")
            for loss, answers in COMPILED_INTEGERS.items()
        }),
    ),
)  # fmt: skip
