"""Valid cases whose arguments are passed in other dtypes: integers, several formats, complex numbers.

Which arguments can change their dtype follows from the declarations of `signatures`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import strategies as st

from reference import FORMATS, Array, Format, promoted

from .arguments import Tensor, indexes
from .case import Case, is_real
from .domains import Members
from .made_once import FLAG
from .signatures import SIGNATURES, form_of
from .values import reals

INTEGER_DTYPES = ("int64", "uint8", "int32", "bool")
# A set of arguments, a bit for each.
SOME = st.integers(1, 2**6 - 1)
# A dtype for each argument.
SIX_INTEGERS = st.lists(st.sampled_from(INTEGER_DTYPES), min_size=6, max_size=6)
SIX_FORMATS = st.lists(st.sampled_from(tuple(FORMATS)), min_size=6, max_size=6)
COMPLEX = {"float32": np.complex64, "float64": np.complex128}


def numbers_of(case: Case) -> dict[str, Tensor]:
    """The tensors of a case that hold numbers, and not indices or lengths, with their declarations."""
    declared = form_of(case).tensors
    return {
        name: declared[name]
        for name, array in case.arguments.items()
        if isinstance(array, np.ndarray) and name in declared and not indexes(declared[name])
    }


@st.composite
def with_integers(draw: st.DrawFn, cases: st.SearchStrategy[Case]) -> Case:
    """Cases some of whose tensors are integers or bools. Shrinks to one argument of zeros, in int64."""
    case = draw(cases)
    numbers = numbers_of(case)
    chosen, dtypes = draw(SOME), draw(SIX_INTEGERS)
    names = [name for name, array in case.arguments.items() if isinstance(array, np.ndarray)]
    wanted = [name for i, name in enumerate(names) if chosen >> i & 1] or names[:1]
    given: dict[str, Any] = {}
    held = {name: case.format.name for name in numbers if is_real(case.arguments[name])}
    for name, dtype in zip(names, dtypes):
        array: Array = case.arguments[name]
        if name not in wanted:
            continue
        if name not in numbers:  # labels and lengths stay what they are
            narrow = array.astype(np.int32 if dtype == "bool" else dtype)
            given[name] = narrow if np.array_equal(narrow, array) else array
            continue
        held[name], given[name] = _as_integers(array, dtype, case.format, numbers[name])
    return replace(case.replacing(**given), dtypes=held)


def _as_integers(array: Array, dtype: str, format: Format, declared: Tensor) -> tuple[str, Array]:
    """The dtype and the numbers of an argument once it holds integers that both types have."""
    whole = np.rint(np.where(np.isfinite(array), array, 0.0))
    limit = 2.0 ** min(format.digits, 31) - 1
    for chosen, values in (
        (dtype, np.abs(whole) if dtype in ("uint8", "bool") else whole),
        ("int64", whole),
    ):
        most = min(limit, 1 if chosen == "bool" else np.iinfo(chosen).max)
        least = 0 if chosen in ("uint8", "bool") else -most
        values = format.nearest(np.clip(values, least, most))
        if np.all(declared.range.holds(values)):  # type: ignore[union-attr]  # it is no set of indices
            return chosen, values
    return "int64", np.clip(whole, -limit, limit)


@st.composite
def with_formats(draw: st.DrawFn, cases: st.SearchStrategy[Case]) -> Case:
    """Cases of several floating-point formats. Shrinks to a first argument in float64."""
    case = draw(cases)
    numbers = {name: t for name, t in numbers_of(case).items() if is_real(case.arguments[name])}
    chosen, full = draw(SOME), draw(FLAG)
    formats = draw(SIX_FORMATS)
    given: dict[str, Array] = {}
    held = dict.fromkeys(numbers, case.format.name)
    for i, (name, declared) in enumerate(numbers.items()):
        if not chosen >> i & 1:
            continue
        form = FORMATS[formats[i]]
        held[name], given[name] = form.name, _in_format(case.arguments[name], form, declared, full)
    return replace(
        case.replacing(**given), dtypes=held, format=promoted(*(FORMATS[name] for name in held.values()))
    )


def _in_format(array: Array, form: Format, declared: Tensor, full: bool) -> Array:
    """Numbers of a format near others; with all its digits if `full` and it has more."""
    inward = 1 - 2.0 ** (2 - form.digits) / 3 if full and not isinstance(declared.range, Members) else 1.0
    return np.asarray(np.clip(form.nearest(array * inward), -form.max, form.max))


@st.composite
def with_complex_numbers(draw: st.DrawFn, cases: st.SearchStrategy[Case]) -> Case:
    """Cases of complex numbers, where they are documented. Shrinks to a complex zero."""
    case = draw(cases)
    names = [name for name, declared in numbers_of(case).items() if "complex" in declared.dtypes]
    chosen = draw(SOME)
    wanted = [name for i, name in enumerate(names) if chosen >> i & 1] or names[:1]
    given = {}
    for name in wanted:
        real: Array = case.arguments[name]
        number: Array = np.empty(real.shape, COMPLEX[case.format.name])
        number.real, number.imag = real, draw(reals(case.format, real.shape))
        given[name] = number
    return case.replacing(**given)


Kind = Callable[[st.SearchStrategy[Case]], st.SearchStrategy[Case]]
# What is drawn in place of the tensors of one format.
DTYPES: dict[str, Kind] = {
    "integers": with_integers,
    "formats": with_formats,
    "complex": with_complex_numbers,
}


def takes(loss: str, kind: str, format: str) -> bool:
    """Whether a loss has cases of a kind in a format: several formats need two tensors of numbers."""
    tensors = [tensor for form in SIGNATURES[loss] for tensor in form.tensors.values()]
    if kind == "complex":
        return format in COMPLEX and any("complex" in tensor.dtypes for tensor in tensors)
    numbers = [
        {name for name, tensor in form.tensors.items() if not indexes(tensor)} for form in SIGNATURES[loss]
    ]
    return kind == "integers" or max(map(len, numbers)) > 1
