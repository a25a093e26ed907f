"""What torch does instead of the documented where the dtypes of arguments differ, or are integers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from reference import Stepped
from reference.integers import INTEGERS, UNBOUNDED, Integers
from strategies import Case

from ..losses import LOSSES
from ..mismatch import GradientMismatch, Mismatch
from . import (
    binary,
    classification,
    distribution,
    embedding,
    every_loss,
    linear_cross_entropy,
    regression,
    torch_formulas,
    zero_times_infinity,
)
from .divergence import Divergence
from .outcomes import (
    AnyOf,
    Computes,
    Contract,
    Elements,
    Formula,
    Outcome,
    Raises,
    given_by,
    kept,
    reaches_worst,
)
from .torch_formulas import binary as by_torch
from .witnesses import gradient, value

HINGE, LOGITS, SOFT = "hinge_embedding_loss", "binary_cross_entropy_with_logits", "soft_margin_loss"
TRIPLETS = ("triplet_margin_loss", "triplet_margin_with_distance_loss")

# What torch computes step by step, each in the type of its operands.
STEPS: dict[str, Formula] = {
    name: torch_formulas.OF_LOSSES.get(name, loss.oracle) for name, loss in LOSSES.items()
}


def _expanded(formula: Formula) -> Formula:
    """A formula whose input and target are expanded first, so that gradients are added up in their type."""

    def computed(input: Any, target: Any, **given: Any) -> Any:
        shape = np.broadcast_shapes(input.shape, target.shape)
        return formula(np.broadcast_to(input, shape), np.broadcast_to(target, shape), **given)

    return computed


for _name in ("l1_loss", "mse_loss", "smooth_l1_loss", "huber_loss"):
    STEPS[_name] = _expanded(STEPS[_name])
STEPS[SOFT] = by_torch.soft_margin_loss_in_place


def _unbounded(formula: Formula) -> Formula:
    """A formula of integers that do not wrap."""

    def computed(**given: Any) -> Any:
        wide = {
            name: v.in_format(UNBOUNDED) if isinstance(v, Stepped) and isinstance(v.format, Integers) else v
            for name, v in given.items()
        }
        return formula(**wide)

    return computed


WITHOUT_WRAPPING: dict[str, Formula] = {name: _unbounded(formula) for name, formula in STEPS.items()}
OF_HINGE: dict[str, Formula] = {HINGE: by_torch.hinge_embedding_loss}
WRAPPING = {**STEPS, **OF_HINGE}


def several_dtypes(mismatch: Mismatch) -> bool:
    """Calls whose numbers differ in dtype."""
    case = mismatch.case
    return len({*case.dtypes.values(), case.format.name}) > 1


def of_integers(mismatch: Mismatch) -> bool:
    """Calls that have an argument of integers."""
    return not INTEGERS.keys().isdisjoint(mismatch.case.dtypes.values())


def empty(mismatch: Mismatch) -> bool:
    """Calls of integers that have no element, whose result has the dtype of the input."""
    case = mismatch.case
    if "input" not in case.arguments:
        return False
    named = mismatch.problem.startswith(f"dtype torch.{case.dtype('input')} ")
    return named and not case.arguments["input"].size


def cut_margin(mismatch: Mismatch) -> bool:
    """Calls of integers with a margin that is none."""
    margin = mismatch.case.arguments.get("margin", 1.0)
    return "int" in mismatch.case.dtype("input") and margin != int(margin)


def _of_one_type(mismatch: Mismatch) -> Mismatch:
    """The same numbers, as of a call whose arguments all have the type of the result."""

    def of_one_type(case: Case) -> Case:
        # The same object each time: results of formulas are kept by the identity of the case.
        same: Case = kept(("of one type", id(case)), case, lambda: replace(case, dtypes={}))
        return same

    if isinstance(mismatch, GradientMismatch) and mismatch.differentiation:
        example = mismatch.differentiation
        same = kept(
            ("of one type", id(example)), example, lambda: replace(example, case=of_one_type(example.case))
        )
        mismatch = replace(mismatch, differentiation=same)
    return replace(mismatch, case=of_one_type(mismatch.case))


@dataclass(frozen=True)
class OnRecord:
    """Torch gives what is on record, and gives it if all arguments have one type, too.

    Attributes:
        records: that say so.
    """

    records: tuple[Divergence, ...]

    def explains(self, mismatch: Mismatch) -> Elements:
        """Which elements any of the records explains, as far as one explains the worst."""
        found: Elements = False
        same: Mismatch | None = None  # one for all records, which then share what they compute of it
        for record in self.records:
            about = mismatch.loss.name in record.losses and mismatch.of in record.of and not record.ways
            form = mismatch.case.format.name in record.formats
            if about and form and record.current and record.concerns(mismatch.device):
                explained = np.asarray(record.instead.explains(mismatch))
                if np.any(explained):
                    same = same or _of_one_type(mismatch)
                    explained = explained & np.asarray(record.instead.explains(same))
                found = np.asarray(found | explained)
                if reaches_worst(found, mismatch):
                    break
        return found


@dataclass(frozen=True)
class ButNot:
    """Torch does one thing, where that is not what comes of another, too.

    Attributes:
        outcome: what it does.
        other: the other.
    """

    outcome: Outcome
    other: Outcome

    def explains(self, mismatch: Mismatch) -> Elements:
        """Which elements only the one explains."""
        found = self.outcome.explains(mismatch)
        if not reaches_worst(found, mismatch):
            return False  # whatever else is explained: another formula takes more time than a look
        return np.asarray(found & ~np.asarray(self.other.explains(mismatch)))


@dataclass(frozen=True)
class Promotes:
    """Torch gives a result of the dtype to which the steps of a formula are promoted.

    Attributes:
        formulas: by the loss.
    """

    formulas: Mapping[str, Formula]

    def explains(self, mismatch: Mismatch) -> bool:
        """Whether the problem is that dtype."""
        if mismatch.observed is not None or not mismatch.problem.startswith("dtype "):
            return False
        outcome = given_by(self.formulas[mismatch.loss.name], mismatch)
        return outcome is not None and mismatch.problem.startswith(f"dtype torch.{outcome.format.name} ")


OF_ONE_TYPE = OnRecord(
    regression.DIVERGENCES
    + classification.DIVERGENCES
    + linear_cross_entropy.DIVERGENCES
    + binary.DIVERGENCES
    + distribution.DIVERGENCES
    + embedding.DIVERGENCES
    + zero_times_infinity.DIVERGENCES
    + every_loss.DIVERGENCES
)


def _bytes(numbers: str) -> str:
    """A tensor of uint8 as torch code."""
    return f"torch.tensor([{numbers}], dtype=torch.uint8)"


ONE, ZERO, ONES = "torch.ones(1)", "torch.zeros(1)", "torch.ones(3)"
DOUBLE, INTEGER = f"{ZERO}.double()", "torch.tensor([0])"
LOW, HALF, PROBABILITIES = f"{ZERO}.bfloat16()", "torch.full((1,), 0.5).bfloat16()", "torch.eye(1, 2)"
FAR = "torch.full((1,), 256.0).bfloat16(), torch.full((1,), 0.3).bfloat16()"
BYTES = ", ".join(map(_bytes, "010"))
ROWS = f"torch.zeros(3).bfloat16(), {ONES}.bfloat16(), torch.zeros(3)"

DIVERGENCES = (
    Divergence(
        "narrow-steps", "accuracy", "convention",
        ButNot(Computes(WITHOUT_WRAPPING, several_dtypes), OF_ONE_TYPE),
        "a step is rounded to the type of its own operands, where others, and the result, are wider: the "
        "logarithm of a float32 or integer target has the digits of float32, also beside a float64 input",
        (
            value(f"F.l1_loss({FAR}, weight={ONE}, reduction='sum')", 256.0, 255.69922),
            value(f"F.mse_loss({FAR}, weight={ONE}, reduction='sum')", 65536.0, 65382.09),
            value(f"F.huber_loss({ONE}.bfloat16(), torch.full((1,), 0.01), weight={ONE})", 0.49023438,
                  0.49005),
            value(f"F.cross_entropy(torch.zeros(1, 2).bfloat16(), {PROBABILITIES})", 0.69140625, 0.6931472),
            value(f"F.linear_cross_entropy(torch.zeros(1, 1).bfloat16(), torch.zeros(2, 1).bfloat16(), "
                  f"{PROBABILITIES})", 0.69140625, 0.6931472),
            value(f"F.{LOGITS}({LOW}, {ONE})", 0.69140625, 0.6931472),
            value(f"F.{SOFT}(torch.full((1,), -16.64).half(), {ONE})", math.inf, 16.640625),
            value(f"F.poisson_nll_loss({ONE}.bfloat16(), {ZERO})", 2.71875, 2.7182817),
            value(f"F.gaussian_nll_loss({ZERO}, {ZERO}, {HALF})", -0.345703125, -0.3465736),
            value(f"F.kl_div({ZERO}, {HALF})", -0.345703125, -0.3465736),
            value("F.cosine_embedding_loss(torch.tensor([1.0, 0.1]).bfloat16(), torch.tensor([1.0, 0.0]), "
                  "torch.tensor(1))", 0.003883481, 0.0049725),
            value(f"F.margin_ranking_loss({FAR}, -{ONE})", 256.0, 255.69922),
            *(value(f"F.{loss}({ROWS})", 2.7343733, 2.7320492) for loss in TRIPLETS),
            value(f"F.multilabel_soft_margin_loss({LOW}, {ONE})", 0.69140625, 0.6931472),
            gradient("torch.tensor(0.0).bfloat16()",
                     "F.smooth_l1_loss(torch.tensor([4.0155, 4.0155, 0.0155]), x, beta=16.0, "
                     "reduction='sum')", "", -0.5, -0.50290625),
            gradient(PROBABILITIES, "F.cross_entropy(torch.zeros(1, 2).bfloat16(), x)", "[0, 0]",
                     0.69140625, 0.6931472),
        ),
        of=("value", "gradient"),
    ),
    Divergence(
        f"{HINGE}-integer-margin", "convention", "corner", Computes(OF_HINGE, cut_margin),
        "beside an input of integers the margin is cut to an integer",
        (value(f"F.{HINGE}({INTEGER}, -{ONE}, margin=1.5, reduction='sum')", 1.0, 1.5),),
    ),
    Divergence(
        "wrapped-integers", "accuracy", "corner",
        ButNot(Computes(WRAPPING, of_integers), Computes(WITHOUT_WRAPPING)),
        "integers are added, subtracted, multiplied and negated in their own type, in which they wrap: the "
        "difference of 3 and 5 in uint8 is 254, and the opposite of a label 1 is 255",
        (
            value(f"F.l1_loss({_bytes('3')}, {_bytes('5')}, reduction='sum')", 254.0, 2.0),
            value(f"F.smooth_l1_loss({_bytes('3')}, {_bytes('5')}, beta=0.0, reduction='sum')", 254.0, 2.0),
            value(f"F.{HINGE}({_bytes('3')}, -{ONE}, reduction='sum')", 254.0, 0.0),
            value(f"F.{LOGITS}({ZERO}, {ONE}, pos_weight={_bytes('0')})", 177.44568, 0.0),
            value(f"F.margin_ranking_loss({ONE}, {ZERO}, {_bytes('1')})", 255.0, 0.0),
            value(f"F.gaussian_nll_loss({_bytes('0')}, {_bytes('20')}, {ONE})", 72.0, 200.0),
            value(f"F.poisson_nll_loss({_bytes('4')}, {_bytes('80')})", -9.40185, -265.40185),
            value(f"F.cosine_embedding_loss({_bytes('0, 20')}, torch.ones(2), torch.tensor(1))", -0.1785114,
                  0.29289322),
            *(value(f"F.{loss}({BYTES})", 256.0, 2.0) for loss in TRIPLETS),
            gradient("torch.full((1,), 0.3)", f"F.{SOFT}(x, {_bytes('1')})", "[0]", -1.0, -0.42555748),
            gradient(ZERO, f"F.margin_ranking_loss(x, {ONE}, {_bytes('1')})", "[0]", 0.0, -1.0),
        ),
        of=("value", "gradient"),
    ),
    Divergence(
        "result-dtype", "contract", "convention",
        AnyOf((Promotes({**STEPS, **OF_HINGE}), Contract(("dtype ",), empty))),
        "the dtype of the result is that to which the steps are promoted, not the arguments: a function of "
        "integers is float32, also beside half precision; a target that is only compared does not count; and "
        f"{LOGITS} computes in place of its target; an empty batch of integers has a result of theirs",
        (
            value(f"F.huber_loss({LOW}, {DOUBLE}, weight={ONE}).element_size()", 4, 8),
            value(f"F.{LOGITS}({DOUBLE}, {ZERO}).element_size()", 4, 8),
            value(f"F.{HINGE}({INTEGER}, {ONE}, reduction='sum').element_size()", 8, 4),
            value(f"F.poisson_nll_loss({INTEGER}, {LOW}).element_size()", 4, 2),
            value(f"F.gaussian_nll_loss({INTEGER}, {LOW}, 1.0).element_size()", 4, 2),
            value(f"F.cosine_embedding_loss({INTEGER}, {LOW}, torch.tensor(1)).element_size()", 4, 2),
            *(value(f"F.{loss}({INTEGER}, {INTEGER}, {LOW}).element_size()", 4, 2) for loss in TRIPLETS),
            value(f"F.multi_margin_loss({INTEGER}[:0, None], {INTEGER}[:0], weight={ONE}).element_size()",
                  8, 4),
            value("F.multilabel_margin_loss(torch.ones(0, 1).bool(), torch.ones(0, 1).long()).element_size()",
                  1, 4),
        ),
    ),
    Divergence(
        "nll_loss-uint8-backward", "error", "corner", Raises(("RuntimeError",), ("but found Byte",)),
        "the forward call takes labels in uint8; going back refuses them if they have a second axis",
        (
            gradient("torch.zeros(1, 2, 1)",
                     "F.nll_loss(x, torch.zeros(1, 1, dtype=torch.uint8))", "[0, 0, 0]",
                     "RuntimeError", -1.0),
        ),
        of=("gradient",),
    ),
    *(
        Divergence(
            f"{SOFT}-bool-backward{name}", "error", "corner",
            Raises((raised,), ("on a bool tensor",), of_integers),
            "the forward call takes a target of bools; going back negates it, which torch refuses",
            (gradient(ZERO, f"F.{SOFT}(x, torch.tensor([True]))", "[0]", raised, -0.5),),
            of=("gradient",), since=since, until=until,
        )
        for name, raised, since, until in (
            ("", "RuntimeError", None, "2.14"), ("-not-implemented", "NotImplementedError", "2.14", None),
        )
    ),
)  # fmt: skip
