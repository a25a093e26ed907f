"""Cases that hold what is not a finite number, where a loss is documented or defined at its limits.

Which arguments may be infinite or nan follows from their declarations, see `strategies.signatures`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from reference import Array

from .arguments import Number, Signature, Tensor
from .case import Case, is_real
from .made_once import sampled, up_to
from .signatures import SIGNATURES

PERIOD = 7
PATTERNS = st.binary(min_size=PERIOD, max_size=PERIOD)


def signature_of(case: Case) -> Signature:
    """The form of its loss that a case has."""
    forms = SIGNATURES[case.loss]
    return next((form for form in forms if _has_form(case, form)), forms[0])


def _has_form(case: Case, form: Signature) -> bool:
    defaults = {"log_input": True}
    for name, value in form.fixed.items():
        if case.arguments.get(name, defaults.get(name, False)) != value:
            return False
    target = form.arguments.get("target")
    of_classes = isinstance(target, Tensor) and target.dtypes == ("integer",)
    return "target" not in case.arguments or of_classes != is_real(case.arguments["target"])


def endless(case: Case) -> dict[str, tuple[float, ...]]:
    """The infinities, and nan, that each argument of a case may hold; arguments without any are left out.

    Weights are, too: 0 times infinity through a weight may be nan or 0, so that little would be judged.
    """
    found: dict[str, tuple[float, ...]] = {}
    for name, argument in signature_of(case).arguments.items():
        value = case.arguments.get(name)
        if isinstance(argument, Tensor) and is_real(value) and not argument.weighs:
            found[name] = argument.range.infinities
        elif isinstance(argument, Number) and name in case.arguments and not argument.integer:
            found[name] = argument.domain.infinities
    return {name: numbers for name, numbers in found.items() if numbers}


@st.composite
def with_infinities(draw: st.DrawFn, cases: st.SearchStrategy[Case], *, rarely: int = 9) -> Case:
    """Cases some of whose numbers are, at times, infinite or nan. Shrinks to cases that are finite.

    Args:
        draw: given by Hypothesis.
        cases: finite ones.
        rarely: this many are left as they are for each that is not.
    """
    case = draw(cases)
    possible = endless(case)
    if not possible or draw(up_to(rarely)) < rarely:
        return case
    name = draw(sampled(tuple(sorted(possible))))
    x: Any = case.arguments[name]
    if not isinstance(x, np.ndarray):
        return case.replacing(**{name: draw(st.sampled_from(possible[name]))})
    several = possible[name]
    chosen = draw(st.sampled_from((several, *((kind,) for kind in several))))
    kinds = np.array([0.0, 0.0, 0.0, *chosen])
    pattern = kinds[np.frombuffer(draw(PATTERNS), np.uint8) % len(kinds)]
    replaced: Array = np.resize(pattern, x.shape)
    return case.replacing(**{name: np.where(replaced == 0, x, replaced)})
