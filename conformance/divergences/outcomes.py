"""What torch gives instead: by it, and by nothing else, a record explains what the suite observes."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, TypeAlias

import numpy as np

from reference import Array, Format, Stepped, multilabel_margin_loss, stepped
from reference.dispatch import total
from strategies import Case

from ..bounds import WEIGHTS, oracle_arguments
from ..differentiating import expect_derivatives
from ..disposable import Outcome as Returned
from ..invalid import Invalid, Promotion
from ..losses import Loss
from ..mismatch import GradientMismatch, Mismatch, SecondMismatch

Formula: TypeAlias = Callable[..., Any]
Elements: TypeAlias = bool | Array


# Gradients of single precision whose sum is smaller cancel.
ROUNDING = 2.0**-18
# How a process ends that reads memory that is not its own.
ENDS = ("SIGSEGV", "SIGBUS", "SIGABRT")


class Outcome(Protocol):
    """What torch gives in place of what is documented."""

    def explains(self, mismatch: Mismatch) -> Elements:
        """Which elements of what torch gave are just that; of an exception or a shape, whether it is."""
        ...


def every_element(mismatch: Mismatch) -> Elements:
    """No element is left out."""
    return True


def wherever(mismatch: Mismatch, outcome: Stepped) -> Elements:
    """Whatever its steps do, no element is left out."""
    return True


def reaches_worst(elements: Elements, mismatch: Mismatch) -> bool:
    """Whether the element that a mismatch is about is among some; without one, whether there are any."""
    if mismatch.worst is None or mismatch.observed is None:
        return bool(np.any(elements))
    return bool(np.broadcast_to(elements, mismatch.observed.shape)[mismatch.worst.index])


def where_it_does_not_stray(mismatch: Mismatch, outcome: Stepped) -> Elements:
    """Numbers, and what is infinite or nan although no step on its way overflows or vanishes."""
    strays = where_it_strays(mismatch, outcome)
    return ~np.asarray(strays) | (True if mismatch.observed is None else np.isfinite(mismatch.observed))


def where_it_strays(mismatch: Mismatch, outcome: Stepped) -> Elements:
    """Elements on whose way a step overflows or vanishes; those of which directions together overflow."""
    twice = isinstance(mismatch, SecondMismatch) and _directions_overflow(mismatch)
    return outcome.strayed | twice


@dataclass(frozen=True)
class Computes:
    """Torch computes another formula, or the documented one with steps that overflow or vanish.

    Attributes:
        formulas: by the loss; each takes and returns what the oracle's function does. A loss that is not
            named is computed by the oracle's own.
        about: which elements the record is about, by the call and what torch gave.
        where: which of them, by what the steps of the formula may do.
        narrow: the losses that add up in their own format, not in the one that torch documents.
    """

    formulas: Mapping[str, Formula] = field(default_factory=dict)
    about: Callable[[Any], Elements] = every_element
    where: Callable[[Any, Stepped], Elements] = wherever
    narrow: Collection[str] = ()

    def explains(self, mismatch: Mismatch) -> Elements:
        """Which numbers the formula gives, evaluated step by step in the format."""
        if mismatch.observed is None:
            return False
        about = np.broadcast_to(self.about(mismatch), mismatch.observed.shape)
        if not reaches_worst(about, mismatch):
            return False  # a formula takes more time than a look
        formula = self.formulas.get(mismatch.loss.name, mismatch.loss.oracle)
        outcome = given_by(formula, mismatch, mismatch.loss.name in self.narrow)
        if outcome is None or outcome.shape != mismatch.observed.shape:
            return False
        given = outcome.gives(mismatch.observed)
        if isinstance(mismatch, SecondMismatch):
            # The chain rule of the chain rule adds and multiplies in an order that is open: where one thing
            # that is not finite may come of it, any may.
            infinite = outcome.plus | outcome.minus | outcome.nan | _directions_overflow(mismatch)
            if mismatch.argument == "along" and not np.all(given):
                gathered = gathered_along(formula, mismatch, mismatch.loss.name in self.narrow)
                if gathered is not None:
                    given = given | gathered.gives(mismatch.observed)
                    infinite = infinite | gathered.plus | gathered.minus | gathered.nan
            given = given | (infinite & ~np.isfinite(mismatch.observed))
        return np.asarray(given & about & self.where(mismatch, outcome))


def _directions_overflow(mismatch: SecondMismatch) -> bool:
    """Whether the directions, which are added and subtracted, are together beyond the range.

    They are multiplied by the upstream gradient and by weights on their way.
    """
    given = mismatch.case.arguments
    factors = [mismatch.upstream, *(given.get(name) for name in WEIGHTS)]
    scale = math.prod(float(np.max(np.abs(f), initial=1)) for f in factors if f is not None)
    sizes = [float(np.max(np.abs(tangent), initial=0)) for tangent in mismatch.tangents.values()]
    return sum(sizes) * scale > mismatch.case.format.max


@dataclass(frozen=True)
class Gives:
    """Torch gives one of certain numbers.

    Attributes:
        numbers: which.
        where: of which elements.
    """

    numbers: tuple[float, ...]
    where: Callable[[Any], Elements]

    def explains(self, mismatch: Mismatch) -> Elements:
        """Which elements have one of the numbers."""
        if mismatch.observed is None:
            return False
        observed = mismatch.observed
        same = [np.isnan(observed) if number != number else observed == number for number in self.numbers]
        return np.asarray(np.any(same, axis=0) & self.where(mismatch))


@dataclass(frozen=True)
class Unwritten:
    """Torch gives what memory holds that nobody wrote, or that is written at the same time.

    Attributes:
        where: which elements that can reach.
        why: why nothing narrower can be said.
    """

    where: Callable[[Any], Elements]
    why: str

    def explains(self, mismatch: Mismatch) -> Elements:
        """Which elements it reaches; where bits differ from call to call, whether it reaches any."""
        reached = self.where(mismatch)
        if mismatch.observed is not None:
            return reached
        differ = mismatch.problem.startswith(("bits", "a second pass through the graph"))
        return differ and bool(np.any(reached))


@dataclass(frozen=True)
class Raises:
    """Torch raises on a valid call.

    Attributes:
        exceptions: the names of the classes.
        words: of which the message has one.
        where: in which calls.
    """

    exceptions: tuple[str, ...]
    words: tuple[str, ...]
    where: Callable[[Any], bool] = lambda mismatch: True

    def explains(self, mismatch: Mismatch) -> bool:
        """Whether just that is raised."""
        raised = mismatch.problem.startswith(tuple(f"raised {name}: " for name in self.exceptions))
        return raised and any(word in mismatch.problem for word in self.words) and self.where(mismatch)


@dataclass(frozen=True)
class Contract:
    """Torch gives a result of another shape or dtype, or none.

    Attributes:
        words: all of which say so in the problem.
        where: in which calls.
    """

    words: tuple[str, ...]
    where: Callable[[Any], bool] = lambda mismatch: True

    def explains(self, mismatch: Mismatch) -> bool:
        """Whether the problem is that shape or dtype."""
        said = mismatch.observed is None and all(word in mismatch.problem for word in self.words)
        return said and self.where(mismatch)


@dataclass(frozen=True)
class AnyOf:
    """Torch does one of several things.

    Attributes:
        outcomes: which.
    """

    outcomes: tuple[Outcome, ...]

    def explains(self, mismatch: Mismatch) -> Elements:
        """Which elements any of them explains."""
        found = [outcome.explains(mismatch) for outcome in self.outcomes]
        return np.any(np.broadcast_arrays(*found), axis=0) if mismatch.observed is not None else any(found)


def near(a: float | str, b: float | str) -> bool:
    """Whether results are as good as equal, given that a record's numbers are written with few digits."""
    if isinstance(a, str) or isinstance(b, str):
        return a == b
    return a == b or (a != a and b != b) or math.isclose(a, b, rel_tol=1e-4)


def near_sums(a: float | str | None, b: float | str | None) -> bool:
    """Whether sums of gradients are as good as equal; what is left where they cancel is rounding."""
    if a is None or b is None or isinstance(a, str) or isinstance(b, str):
        return a == b
    return near(a, b) or abs(a) + abs(b) < ROUNDING


@dataclass(frozen=True)
class Answer:
    """What an invalid call returns.

    Attributes:
        number: the sum of its elements, with four digits. None where torch reads memory that is not the
            tensor's: then it may be any number, or the process may end.
        shape: of the result.
        dtype: of the result.
        back: what comes of going back: the sum of the gradients or the name of an exception. None if there is
            nothing to differentiate by, or memory that is not the tensor's.
    """

    number: float | None
    shape: tuple[int, ...] = ()
    dtype: str = "float32"
    back: float | str | None = None

    def matches(self, outcome: Returned) -> bool:
        """Whether a call returned just that."""
        number = self.number
        if isinstance(outcome.gives, str):
            return number is None and outcome.gives in ENDS
        if (outcome.shape, outcome.dtype) != (self.shape, self.dtype):
            return False
        if number is None:
            return True
        return near(outcome.gives, number) and (outcome.back is None or near_sums(outcome.back, self.back))


@dataclass(frozen=True)
class Accepts:
    """Torch accepts invalid calls.

    Attributes:
        answers: what comes of each, by the loss and the violation, or by the way, the loss and the violation;
            any of several, where versions of torch answer otherwise.
    """

    answers: Mapping[str, Answer | tuple[Answer, ...]]

    def explains(self, mismatch: Mismatch) -> bool:
        """An invalid call is no mismatch."""
        return False

    def names(self, row: Invalid | Promotion, way: str | None, outcome: Returned | None) -> bool:
        """Whether a call is among these, and what came of it, if that is given, is what comes of it."""
        called = f"{row.loss}-{row.violation}"
        found = self.answers.get(f"{way}-{called}" if way else called, self.answers.get(called, ()))
        answers = (found,) if isinstance(found, Answer) else found
        return bool(answers) and (outcome is None or any(answer.matches(outcome) for answer in answers))


@dataclass(frozen=True)
class Otherwise(Loss):
    """A loss with another formula than the oracle's.

    Attributes:
        formula: takes what the oracle takes.
    """

    formula: Formula = multilabel_margin_loss

    @property
    def oracle(self) -> Formula:
        """The other formula."""
        return self.formula


# What was computed last, as a call has several gradients, and several records are asked about each.
_latest: dict[tuple[Any, ...], tuple[Any, Any]] = {}
KEPT = 16


def kept(key: tuple[Any, ...], holder: Any, compute: Callable[[], Any]) -> Any:
    """What was computed before of a holder, which a key names by its identity; else what is computed now."""
    if key not in _latest:
        if len(_latest) >= KEPT:
            _latest.clear()
        _latest[key] = holder, compute()  # what is held keeps its identity
    return _latest[key][1]


@np.errstate(all="ignore")
def given_by(formula: Formula, mismatch: Mismatch, narrow: bool = False) -> Stepped | None:
    """What a formula gives for the call of a mismatch, step by step; None where it says nothing.

    Args:
        formula: takes what the oracle takes.
        mismatch: of a value, a gradient, or a second derivative.
        narrow: whether sums are accumulated in the format itself.
    """
    form = mismatch.case.format
    form = replace(form, accumulator=form.name) if narrow else form
    if not isinstance(mismatch, GradientMismatch):
        case = replace(mismatch.case, format=form)
        return _as_stepped(
            kept((id(mismatch.case), formula, narrow), mismatch.case, lambda: _value(formula, case)), form
        )
    if mismatch.differentiation is None:
        return None
    example = replace(mismatch.differentiation, case=replace(mismatch.case, format=form))
    twice = isinstance(mismatch, SecondMismatch)
    # By all arguments at once, as each is asked for.
    variables = tuple(mismatch.loss.variables(mismatch.case))
    variables = variables if mismatch.argument in variables else (mismatch.argument,)
    names = tuple(mismatch.tangents) if isinstance(mismatch, SecondMismatch) else variables
    other = Otherwise(mismatch.loss.name, mismatch.loss.module, formula=formula)

    def compute() -> Any:
        return expect_derivatives(other, example, names, twice=twice, numbers=stepped)

    key = (id(mismatch.differentiation), formula, narrow, twice, names)
    expected = kept(key, mismatch.differentiation, compute)
    found: Any = expected.derivative(mismatch.argument) if twice else expected.gradients[mismatch.argument]
    return _as_stepped(found, form)


@np.errstate(all="ignore")
def gathered_along(formula: Formula, mismatch: SecondMismatch, narrow: bool = False) -> Stepped | None:
    """The derivative of each result along the tangents, gathered from the gradient, as forward mode does.

    Going back twice divides and multiplies in another order, which matters where a step overflows.

    Returns:
        None where an element of an argument takes part in more than one result.
    """
    if mismatch.differentiation is None or mismatch.observed is None:
        return None
    form = mismatch.case.format
    form = replace(form, accumulator=form.name) if narrow else form
    case = replace(mismatch.case, format=form)
    example = replace(mismatch.differentiation, case=case, upstream=np.ones(1))
    names = tuple(mismatch.tangents)
    other = Otherwise(mismatch.loss.name, mismatch.loss.module, formula=formula)

    def compute() -> Any:
        return expect_derivatives(other, example, names, numbers=stepped)

    key = ("along", id(mismatch.differentiation), formula, narrow, names)
    gradients = kept(key, mismatch.differentiation, compute).gradients
    shape, terms = mismatch.observed.shape, []
    for name in names:
        term = _as_stepped(gradients[name], form) * mismatch.tangents[name]
        if not shape:
            term = np.sum(term)
        elif term.ndim > 1 and shape == (term.shape[0], *term.shape[2:]):
            term = np.sum(term, axis=1)
        elif term.shape != shape and term.shape[: len(shape)] == shape:
            term = np.sum(term, axis=tuple(range(len(shape), term.ndim)))
        if term.shape != shape:
            return None
        terms.append(term)
    return _as_stepped(total(*terms), form)


def _value(formula: Formula, case: Case) -> Any:
    return formula(**oracle_arguments(case, stepped))


def _as_stepped(found: Any, form: Format) -> Stepped:
    return found if isinstance(found, Stepped) else stepped(found, form)
