"""The arguments of each loss, as the sections "Args" and "Shape" of its documentation declare them.

Everything generic follows from these declarations: strategies, infinities, axes, invalid calls and ordinary
calls. They are data. The oracle checks its arguments by itself, and a meta test compares the two.

A shape has a letter for each axis: N samples, C classes, D or F features, T frames, S labels, d and e
positions. An argument has one shape for each layout of its loss, in the same order; ``"*"`` is any shape.
"""

from __future__ import annotations

import math
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from reference import REDUCTIONS

from .arguments import Choice, Fit, Gradient, Number, Signature, Tensor
from .case import Case
from .domains import (
    BETWEEN_SIGNS,
    BITS,
    LOG_PROBABILITIES,
    NON_NEGATIVE,
    POSITIVE,
    RATES,
    SIGNS,
    UNIT,
    Classes,
    Lengths,
    Members,
)


def real(*shapes: str, **fields: Any) -> Tensor:
    """Any real numbers."""
    return Tensor(shapes or ("*",), **fields)


def probability(*shapes: str, **fields: Any) -> Tensor:
    """Numbers in [0, 1]."""
    return Tensor(shapes or ("*",), UNIT, **fields)


def labels(*shapes: str, **fields: Any) -> Tensor:
    """Class indices, documented as int64."""
    return Tensor(shapes, Classes(**fields), dtypes=("integer",), gradient=Gradient.NO)


def signs(*shapes: str, **fields: Any) -> Tensor:
    """Labels 1 and -1, in any type of numbers."""
    return Tensor(shapes or ("*",), SIGNS, dtypes=("float", "integer"), **fields)


def class_weight(gradient: Gradient = Gradient.REFUSED, *, divides_mean: bool = True) -> Tensor:
    """A weight for each class, which the mean divides by unless said otherwise."""
    weight = Tensor(("C",), drawn=NON_NEGATIVE, gradient=gradient, optional=True, weighs="classes")
    return replace(weight, divides_mean=divides_mean)


def weight(fit: Fit = Fit.EXACT, gradient: Gradient = Gradient.YES, *shapes: str) -> Tensor:
    """A weight for each element."""
    fields: dict[str, Any] = {"optional": True, "weighs": "elements"}
    return Tensor(shapes or ("*",), drawn=NON_NEGATIVE, fit=fit, gradient=gradient, **fields)


def lengths(axis: str, *shapes: str) -> Tensor:
    """How much of an axis each sequence uses."""
    fields: dict[str, Any] = {"dtypes": ("integer",), "gradient": Gradient.NO, "or_tuple": True}
    fields["or_batch_of_one"] = True
    return Tensor(shapes or ("", "N"), Lengths(axis), **fields)


THRESHOLDS = (1.0, 0.5, 2.0, 0.1, 3.0, 1e-3, 100.0)
REDUCTION = Choice("mean", REDUCTIONS, "word")
WITH_BATCHMEAN = Choice("mean", (*REDUCTIONS, "batchmean"), "word")
SMOOTHING = Number(0.0, UNIT, (0.1, 0.0, 1.0, 0.5, 0.25))
IGNORED = Number(-100, values=(-100, -1, 0, 2, 8), integer=True)
FLAG = Choice(False, (False, True))
IMAGES = ("", "N", "N d", "N d e")
LOGITS = ("C", "N C", "N C d", "N C d e")
VECTORS = ("D", "N D")
COMPLEX = ("float", "complex")


def form(loss: str, name: str = "", /, **arguments: Any) -> Signature:
    """A form of a loss; a keyword whose value declares no argument fixes an option."""
    kinds = (Tensor, Number, Choice)
    fixed = {name: value for name, value in arguments.items() if not isinstance(value, kinds)}
    return Signature(loss, name, MappingProxyType(arguments), MappingProxyType(fixed))


# fmt: off
FORMS = (
    form("l1_loss", input=real(dtypes=COMPLEX), target=real(fit=Fit.MUTUAL, dtypes=COMPLEX),
         reduction=REDUCTION, weight=weight()),
    form("mse_loss", input=real(), target=real(fit=Fit.MUTUAL), reduction=REDUCTION, weight=weight()),
    form("smooth_l1_loss", input=real(), target=real(fit=Fit.MUTUAL), reduction=REDUCTION,
         beta=Number(1.0, NON_NEGATIVE, (*THRESHOLDS, 0.0, 0))),
    form("huber_loss", input=real(), target=real(fit=Fit.MUTUAL), reduction=REDUCTION,
         delta=Number(1.0, POSITIVE, THRESHOLDS), weight=weight()),

    form("cross_entropy", "labels", input=real(*LOGITS), target=labels(*IMAGES, ignored=True),
         weight=class_weight(), ignore_index=IGNORED, reduction=REDUCTION, label_smoothing=SMOOTHING),
    # "PyTorch does not validate whether the values provided in target lie in the range [0, 1]": any number.
    form("cross_entropy", "probabilities", input=real(*LOGITS), target=real(*LOGITS, drawn=UNIT),
         weight=class_weight(Gradient.YES, divides_mean=False), reduction=REDUCTION,
         label_smoothing=SMOOTHING),
    form("nll_loss", input=real(*LOGITS, drawn=LOG_PROBABILITIES), target=labels(*IMAGES, ignored=True),
         weight=class_weight(), ignore_index=IGNORED, reduction=REDUCTION),
    form("linear_cross_entropy", "labels",
         input=real("F", "N F", "N F", "N F"), linear_weight=real("C F", "C F", "C d F", "C d e F"),
         target=labels(*IMAGES, ignored=True), linear_bias=real("C", "C", "C d", "C d e", optional=True),
         weight=class_weight(), reduction=REDUCTION, ignore_index=IGNORED, label_smoothing=SMOOTHING),
    form("linear_cross_entropy", "probabilities",
         input=real("F", "N F", "N F", "N F"), linear_weight=real("C F", "C F", "C d F", "C d e F"),
         target=real(*LOGITS, drawn=UNIT), linear_bias=real("C", "C", "C d", "C d e", optional=True),
         weight=class_weight(Gradient.YES, divides_mean=False), reduction=REDUCTION,
         label_smoothing=SMOOTHING),

    form("binary_cross_entropy", input=probability(), target=probability(),
         weight=weight(Fit.ONTO, Gradient.REFUSED), reduction=REDUCTION),
    form("binary_cross_entropy_with_logits", input=real(), target=probability(),
         weight=weight(Fit.ONTO, Gradient.REFUSED), reduction=REDUCTION,
         pos_weight=weight(Fit.ONTO, Gradient.REFUSED)),
    form("soft_margin_loss", input=real(), target=signs(gradient=Gradient.REFUSED), reduction=REDUCTION),
    form("hinge_embedding_loss", input=real(), target=signs(gradient=Gradient.NO),
         margin=Number(1.0, values=(1.0, 0.5, 2.0, 0.0, 0.1, -1.0, 1)), reduction=REDUCTION),

    form("poisson_nll_loss", "logarithms", input=real(), target=real(drawn=NON_NEGATIVE),
         log_input=True, full=FLAG, eps=Number(1e-8, values=(1e-8, 1e-3, 0.5)), reduction=REDUCTION),
    form("poisson_nll_loss", "rates", input=real(domain=RATES), target=real(drawn=NON_NEGATIVE),
         log_input=False, full=FLAG, eps=Number(1e-8, values=(1e-8, 1e-3, 0.5)), reduction=REDUCTION),
    form("gaussian_nll_loss", input=real(), target=real(fit=Fit.MUTUAL),
         var=real(domain=NON_NEGATIVE, fit=Fit.PER_ROW, or_number=True), full=FLAG,
         eps=Number(1e-6, values=(1e-6, 1e-3, 0.5)), reduction=REDUCTION),
    form("kl_div", "probabilities", input=real(drawn=LOG_PROBABILITIES),
         target=real(drawn=UNIT, fit=Fit.MUTUAL), reduction=WITH_BATCHMEAN, log_target=False),
    form("kl_div", "logarithms", input=real(drawn=LOG_PROBABILITIES),
         target=real(drawn=LOG_PROBABILITIES, fit=Fit.MUTUAL), reduction=WITH_BATCHMEAN, log_target=True),

    form("cosine_embedding_loss", input1=real(*VECTORS), input2=real(*VECTORS),
         target=signs("", "N", gradient=Gradient.NO),
         margin=Number(0.0, BETWEEN_SIGNS, (0.0, 0.5, -0.5, 0.1, 1.0, -1.0)), reduction=REDUCTION),
    form("margin_ranking_loss", input1=real(), input2=real(), target=signs(),
         margin=Number(0.0, values=(0.0, 1.0, 0.5, 0.1, -1.0, 0)), reduction=REDUCTION),
    form("triplet_margin_loss", anchor=real(*VECTORS), positive=real(*VECTORS), negative=real(*VECTORS),
         margin=Number(1.0, POSITIVE, (1.0, 0.5, 2.0, 0.1, 5)),
         p=Number(2.0, POSITIVE, (2.0, 1.0, 3.0, math.inf, 1.5, 2)),
         eps=Number(1e-6, values=(1e-6, 0.0, 1e-3)), swap=FLAG, reduction=REDUCTION),
    form("triplet_margin_with_distance_loss", anchor=real(*VECTORS), positive=real(*VECTORS),
         negative=real(*VECTORS), distance_function=Choice(None, (None,), "function"),
         margin=Number(1.0, POSITIVE, (1.0, 0.5, 2.0, 0.1, 5)), swap=FLAG, reduction=REDUCTION),

    form("multi_margin_loss", input=real("C", "N C"), target=labels("", "N"),
         p=Number(1, Members((1, 2)), (1, 2), integer=True),
         margin=Number(1.0, values=(1.0, 0.5, 2.0, 0.0, 0.1, -1.0)), weight=class_weight(divides_mean=False),
         reduction=REDUCTION),
    form("multilabel_margin_loss", input=real("C", "N C"), target=labels("C", "N C", ended=True),
         reduction=REDUCTION),
    form("multilabel_soft_margin_loss", input=real("C", "N C"),
         target=real("C", "N C", domain=BITS, dtypes=("float", "integer")),
         weight=weight(Fit.ONTO, Gradient.YES, "C"), reduction=REDUCTION),
    form("ctc_loss", "padded", log_probs=real("T C", "T N C", drawn=LOG_PROBABILITIES),
         targets=replace(labels("S", "N S", blank=True), or_batch_of_one=True), input_lengths=lengths("T"),
         target_lengths=lengths("S"),
         blank=Number(0, Classes(), (0, 1, 2), integer=True), reduction=REDUCTION, zero_infinity=FLAG),
    form("ctc_loss", "joined", log_probs=real("T N C", drawn=LOG_PROBABILITIES),
         targets=labels("NS", blank=True), input_lengths=lengths("T", "N"), target_lengths=lengths("S", "N"),
         blank=Number(0, Classes(), (0, 1, 2), integer=True), reduction=REDUCTION, zero_infinity=FLAG),
)
# fmt: on

# The forms of each loss by its name.
SIGNATURES: dict[str, tuple[Signature, ...]] = {}
for _form in FORMS:
    SIGNATURES[_form.loss] = (*SIGNATURES.get(_form.loss, ()), _form)


def form_of(case: Case) -> Signature:
    """The form that a call of a loss has; the first if the call is of none that is declared."""
    forms = SIGNATURES[case.loss]
    # An option that makes the form has in the first form its default.
    options = {name: case.arguments.get(name, value) for name, value in forms[0].fixed.items()}
    alike = (form for form in forms if options.items() == form.fixed.items() and form.takes(case))
    return next(alike, forms[0])
