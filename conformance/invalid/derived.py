"""Invalid calls that follow from the declared arguments of each loss, by loops over forms and arguments.

Nothing here names a loss. The id of a row is its loss, form, argument, violation and, where it matters, the
layout, by the letters of its axes.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from reference import FORMATS, Array
from strategies import Case, literal
from strategies.arguments import SIZES, Choice, Number, Signature, Tensor, indexes
from strategies.domains import UNIT, Classes, Interval, Lengths, Members
from strategies.signatures import FORMS, SIGNATURES

from ..losses import LOSSES
from .row import Invalid, Rows, Valid, functional

FLOAT32 = FORMATS["float32"]
# Types that documentation rarely names; of labels, whose documented type is int64, and of numbers.
OF_LABELS = ("uint8", "int32", "float32", "bool", "complex64")
OF_NUMBERS = ("uint8", "int64", "bool", "complex64")
# Integers whose differences have both signs, so that arithmetic of bytes wraps.
SMALL: tuple[int, ...] = (3, 5, 1, 2, 4, 6, 0)
BITS: tuple[int, ...] = (1, 0, 0, 1, 1, 0, 1)
# What is no number, and no truth value.
NO_NUMBERS = {"word": "'1.0'", "none": "None", "list": "[1.0]", "complex": "1j"}
NO_FLAGS = {"word": "'True'", "number": "7", "none": "None"}
NO_WORDS = {"unknown": "'median'", "number": "7", "none": "None"}
NO_FUNCTIONS = {"number": "2", "word": "'norm'"}


def _layout(form: Signature, layout: int) -> str:
    letters = [letter for name in form.required for letter in form.axes(name, layout).split()]
    return "".join(dict.fromkeys(letters)) or "0d"


def _valid(case: Case) -> Valid:
    return Valid(case.loss, {name: _text(value) for name, value in case.arguments.items()})


def valid(form: Signature) -> Valid:
    """The ordinary call of a form with all of its tensors."""
    return _valid(form.ordinary(None, *(name for name, tensor in form.tensors.items() if tensor.optional)))


def _text(value: Any) -> str:
    return literal(value, FLOAT32)


def _name(*parts: str) -> str:
    return "-".join(part for part in parts if part)


def _value(case: Case) -> float | None:
    """What the formula gives for a call, all of its elements added up; None if it refuses."""
    given = dict(case.arguments)
    try:
        with np.errstate(all="ignore"):
            return float(np.sum(np.asarray(LOSSES[case.loss].oracle(**given), dtype=np.float64)))
    except (ValueError, TypeError):
        return None


def _changed(
    case: Case, violation: str, change: Mapping[str, Any], *, dangerous: bool, or_gives: float | None = None
) -> Invalid:
    """The row of a valid call with some tensors changed, of which the first is named."""
    valid, texts = _valid(case), {name: _text(value) for name, value in change.items()}
    return Invalid(
        case.loss, violation, functional(case.loss, {**valid.arguments, **texts}), valid.call,
        next(iter(change)), dangerous=dangerous, or_gives=or_gives,
    )  # fmt: skip


def _with(form: Signature, layout: int | None, name: str) -> Case:
    """The ordinary call, with an optional tensor if it is the one of that name."""
    return form.ordinary(layout, *([name] if form.tensors[name].optional else []))


def _numbers(argument: Tensor, array: Array, dtype: str, position: int) -> Array:
    """Numbers that an argument may hold and that a dtype can represent."""
    if indexes(argument):
        if dtype != "bool":
            return np.asarray(np.abs(array)) if dtype == "uint8" else array
        ones = getattr(argument.domain, "blank", True)  # labels beside a blank, and lengths
        return np.ones_like(array) if ones else np.asarray(np.abs(array) % 2)
    domain, table = argument.range, SMALL
    if isinstance(domain, Members) and min(domain.numbers) < 0:
        return np.ones_like(array) if dtype in ("uint8", "bool") else array
    if dtype == "bool" or isinstance(domain, Members) or domain == UNIT:
        table = BITS
    elif argument.weighs:
        table = tuple(1 + number for number in SMALL)
    return np.resize(np.roll(table, -position), array.shape).astype(np.float64)


def _dtypes(form: Signature) -> Iterator[Invalid]:
    """Each tensor, and all that hold numbers, in a type that the documentation does not name."""
    tensors = form.tensors
    floats = [name for name, tensor in form.required.items() if not indexes(tensor)]
    for dtype in dict.fromkeys(OF_LABELS + OF_NUMBERS):
        kind = {"bool": "bool", "complex64": "complex", "float32": "float"}.get(dtype, "integer")
        alone = [
            [name] for name, tensor in tensors.items()
            if dtype in (OF_LABELS if indexes(tensor) else OF_NUMBERS)
            and (kind not in tensor.dtypes or (indexes(tensor) and dtype != "int64"))
        ]  # fmt: skip
        together = [floats] if len(floats) > 1 and dtype in OF_NUMBERS else []
        together = [names for names in together if any(kind not in tensors[name].dtypes for name in names)]
        together = [names for names in together if all("complex" not in tensors[n].dtypes for n in names)]
        for names in [*alone, *together]:
            case = _with(form, None, names[0])
            held = {
                name: _numbers(tensors[name], case.arguments[name], dtype, position)
                for position, name in enumerate(names if len(names) > 1 else tensors)
                if name in names
            }
            case = case.replacing(**held)
            change = {name: array.astype(dtype) for name, array in held.items()}
            # What the mean of weighted losses divides by is another question.
            for reduction in ("sum",) if tensors[names[0]].weighs == "elements" else ("mean", "sum"):
                reduced = case.replacing(reduction=reduction)
                value = _value(reduced)
                if value is None:  # lengths that no bool holds
                    continue
                word = names[0] if len(names) == 1 else "all"
                yield _changed(
                    reduced, _name(form.form, word, dtype, "" if reduction == "mean" else reduction), change,
                    dangerous=any(indexes(tensors[name]) for name in names),
                    or_gives=None if kind == "complex" else value,
                )  # fmt: skip


def _ranges(form: Signature) -> Iterator[Invalid]:
    """An element outside the documented range, among valid ones."""
    for name, tensor in form.tensors.items():
        case = _with(form, None, name)
        outside = {} if isinstance(tensor.domain, Classes | Lengths) else tensor.domain.outside()
        for word, number in outside.items():
            array = np.array(case.arguments[name], dtype=np.float64)
            array.flat[-1] = number
            value = _value(case.replacing(**{name: array})) if number != number else None
            or_gives = value if value is not None and value != value else None
            violation = _name(form.form, name, word)
            yield _changed(case, violation, {name: array}, dangerous=False, or_gives=or_gives)


def _indices(form: Signature) -> Iterator[Invalid]:
    """Labels that no class has, and lengths that no axis has, in every layout, weighted or not."""
    smoothing = [name for name, option in form.options.items() if getattr(option, "domain", None) == UNIT]
    weights = [name for name, tensor in form.tensors.items() if tensor.weighs]
    for layout in form.layouts:
        siblings = {"": form.ordinary(layout)}
        if smoothing:
            siblings["smoothed"] = siblings[""].replacing(**dict.fromkeys(smoothing, 0.1))
        siblings |= {
            _name(kind, "weighted"): case.replacing(**{name: form.ordinary(layout, name).arguments[name]})
            for kind, case in siblings.items()
            for name in weights
        }
        siblings |= {_name(kind, "none"): c.replacing(reduction="none") for kind, c in siblings.items()}
        for name, tensor in form.tensors.items():
            domain = tensor.domain
            if isinstance(domain, Classes):
                outside = domain.outside(SIZES["C"])
            elif isinstance(domain, Lengths):
                outside = domain.outside(SIZES[domain.axis])
            else:
                continue
            for kind, case in siblings.items():
                for word, number in outside.items():
                    array = np.array(case.arguments[name])
                    array.flat[-2 if getattr(domain, "ended", False) else -1] = number
                    violation = _name(form.form, name, word, _layout(form, layout), kind)
                    yield _changed(case, violation, {name: array}, dangerous=True)
                    if tensor.or_tuple and array.ndim and not kind:
                        listed = {name: tuple(array.tolist())}
                        yield _changed(case, f"{violation}-tuple", listed, dangerous=True)


def _shapes_of(shape: tuple[int, ...], letters: list[str]) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Other shapes, by a word for each."""
    for axis, letter in enumerate(letters):
        size = shape[axis]
        for word, other in (
            (f"longer-{letter}", (size + 1,)), (f"shorter-{letter}", (size - 1,)), (f"one-{letter}", (1,)),
            (f"without-{letter}", ()), (f"empty-{letter}", (0,)),
        ):  # fmt: skip
            if not word.startswith("empty") or letter == "C":
                yield word, (*shape[:axis], *other, *shape[axis + 1 :])
    yield "more-in-front", (1, *shape)
    yield "more-behind", (*shape, 1)
    yield "0d", ()


def _fit(form: Signature, shapes: Mapping[str, tuple[int, ...]]) -> bool:
    """Whether shapes are those of a form of the loss that has the same tensors."""
    siblings = [other for other in SIGNATURES[form.loss] if other.tensors.keys() == form.tensors.keys()]
    return any(other.fits(shapes) for other in siblings)


def _shapes(form: Signature) -> Iterator[Invalid]:
    """Each tensor in shapes that the declaration excludes, from the valid call of every layout."""
    dangerous = any(map(indexes, form.tensors.values()))
    for layout in form.layouts:
        for name in form.tensors:
            case = _with(form, layout, name)
            shapes = {n: case.arguments[n].shape for n in form.tensors if n in case.arguments}
            array, seen = case.arguments[name], {shapes[name]}
            for word, shape in _shapes_of(shapes[name], form.axes(name, layout).split()):
                if shape in seen or _fit(form, {**shapes, name: shape}):
                    continue
                seen.add(shape)
                violation = _name(form.form, name, word, _layout(form, layout))
                change = {name: np.resize(array, shape) if array.size else np.zeros(shape)}
                yield _changed(case, violation, change, dangerous=dangerous)
        case = form.ordinary(layout)
        for word, axes in (("more-in-front", 1), ("0d", None))[: 2 if layout == form.layouts[0] else 1]:
            change = {
                name: np.resize(case.arguments[name], (1, *case.arguments[name].shape) if axes else ())
                for name in form.required
            }
            if not _fit(form, {name: array.shape for name, array in change.items()}):
                violation = _name(form.form, "all", word, _layout(form, layout))
                # Beyond the documented ranks, the natural extension is right as well.
                or_gives = _value(case.replacing(**change))
                yield _changed(case, violation, change, dangerous=dangerous, or_gives=or_gives)


def _options(form: Signature) -> Iterator[Invalid]:
    """Options that are out of range, of another type, or unknown."""
    case = form.ordinary()
    defaults = {n: p.default for n, p in inspect.signature(LOSSES[form.loss].oracle).parameters.items()}
    for name, option in form.arguments.items():
        if isinstance(option, Tensor):
            continue
        wrong: dict[str, str]
        if isinstance(option, Number):
            wrong = _no_numbers(option)
        elif isinstance(option, Choice) and option.kind == "word":
            wrong = NO_WORDS | ({} if "batchmean" in option.values else {"batchmean": "'batchmean'"})
        elif isinstance(option, Choice) and option.kind == "function":
            wrong = NO_FUNCTIONS
        else:
            wrong = NO_FLAGS
        for word, text in wrong.items():
            if text == "None" and defaults[name] is None:
                continue
            # Where the formula does not depend on an option that is nan, its value is right.
            value = _value(case.replacing(**{name: math.nan})) if word == "nan" else None
            or_gives = math.nan if word == "nan" and value is None else value
            yield from _valid(case).but(
                _name(form.form, name, word), dangerous=indexes(option), or_gives=or_gives, **{name: text}
            )


def _no_numbers(option: Number) -> dict[str, str]:
    """What a number option must not be."""
    domain, wrong = option.domain, dict(NO_NUMBERS)
    if isinstance(domain, Classes):
        wrong |= {word: str(number) for word, number in domain.outside(SIZES["C"]).items()}
    elif isinstance(domain, Interval | Members):
        numbers = domain.outside() or {"nan": math.nan}
        integral = {w: int(x) if option.integer and float(x).is_integer() else x for w, x in numbers.items()}
        wrong |= {word: _text(number) for word, number in integral.items()}
    return wrong | ({"fraction": "0.5"} if option.integer else {})


def derived(form: Signature) -> Iterator[Invalid]:
    """All rows of a form of a loss."""
    for rows in (_dtypes, _ranges, _indices, _shapes, _options):
        for row in rows(form):
            yield replace(row, derived=True)


ROWS: Rows = tuple(row for form in FORMS for row in derived(form))
VALID: tuple[Valid, ...] = tuple(map(valid, FORMS))
