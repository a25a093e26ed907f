"""Number options in other types than float: the integers and bools of Python, and the scalars of NumPy.

Which options a loss has, and which numbers they may be, follows from the declarations of `signatures`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st

from .arguments import Number, Tensor
from .case import Case
from .domains import Interval
from .made_once import FLAG, sampled, up_to
from .signatures import form_of

# Of a number that is declared as real; an integer is documented as an int.
TYPES: tuple[Callable[[Any], Any], ...] = (int, bool, np.float64, np.float32, np.int64)
OF_INTEGERS: tuple[Callable[[Any], Any], ...] = (np.int64, np.int32)


def number_options(case: Case) -> dict[str, Number | Tensor]:
    """The number options of a case, passed or not, and tensors for which it passes a number."""
    return {
        name: declared
        for name, declared in form_of(case).arguments.items()
        if isinstance(declared, Number)
        or (
            isinstance(declared, Tensor)
            and declared.or_number
            and not isinstance(case.arguments.get(name), np.ndarray)
        )
    }


def retyped(case: Case) -> dict[str, list[Any]]:
    """What else may be given for each number option of a case, passed or not.

    It is the same number in every type that holds it exactly. For a real number also 0 and 1, if they are in
    its domain: few options have a default that an integer or a bool holds.
    """
    found: dict[str, list[Any]] = {}
    for name, declared in number_options(case).items():
        given = case.arguments.get(name)
        value: Any = declared.default if isinstance(declared, Number) and given is None else given
        whole = isinstance(declared, Number) and declared.integer
        domain = declared.domain
        others = []
        if isinstance(domain, Interval) and not whole:
            others = [x for x in (1, 0) if domain.holds(np.asarray(float(x)))]
        types = OF_INTEGERS if whole else TYPES
        numbers = dict.fromkeys([value, *others])  # 1 and 1.0 are one key
        found[name] = [kind(x) for x in numbers for kind in types if _holds(kind, x)]
    return found


def _holds(kind: Callable[[Any], Any], number: float) -> bool:
    """Whether a type has a number, exactly."""
    if not np.isfinite(number):
        return kind in (np.float64, np.float32)
    return bool(kind(number) == number)


def with_python_numbers(case: Case) -> Case:
    """The same case with Python numbers in place of NumPy scalars; the very case if it has none."""
    scalars = {name: value for name, value in case.arguments.items() if isinstance(value, np.generic)}
    return case.replacing(**{name: value.item() for name, value in scalars.items()}) if scalars else case


@st.composite
def with_option_types(draw: st.DrawFn, cases: st.SearchStrategy[Case], *, rarely: int = 2) -> Case:
    """Cases some of whose number options are, at times, of another type. Shrinks to cases without.

    Args:
        draw: given by Hypothesis.
        cases: whose numbers are those of Python.
        rarely: this many are left as they are for each that is not.
    """
    case = draw(cases)
    if not number_options(case) or draw(up_to(rarely)) < rarely:
        return case
    possible = retyped(case)
    first = draw(sampled(tuple(sorted(possible))))
    chosen = {
        name: draw(st.sampled_from(values))
        for name, values in possible.items()
        if draw(FLAG) or name == first
    }
    return case.replacing(**chosen)
