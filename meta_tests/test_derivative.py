"""The derivatives that the oracle gives, against difference quotients of the losses in many digits.

The step of a quotient is far smaller than any distance between the numbers of a case. So no kink lies within
a step, unless the point itself is one, and both sides of each are seen apart.
"""

from __future__ import annotations

import inspect
import math
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mpmath import mp, mpf

import reference
from conformance.differentiating import Expected, expect_derivatives
from conformance.losses import LOSSES, Loss
from meta_tests import fifty_digits
from reference import FORMATS, Array, Format, Tracked
from strategies import Case, Differentiation, differentiations, is_real

from .fifty_digits.arithmetic import exact
from .test_oracle import arguments, both_oracles, every_loss, problem

EXAMPLES = 25
ELEMENTS = 3  # of each argument of a case
SMALLEST_CONSTANT = 1e-12  # in a formula

# What is met where a two-sided difference quotient is not the documented derivative.
KINK, UNDECIDED, EDGE = "kink", "within rounding of a kink", "edge of the domain"
NOTHING, IMPOSSIBLE, UNHEARD = "mean of nothing", "impossible alignment", "frame beyond the length"
JUMP, LOGARITHM, CLAMP, POISON = "jump", "logarithm of 0", "clamped variance", "ignored and not finite"
SWAMPED = "swamped by other terms"

@pytest.fixture(autouse=True)
def any_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the losses call each other in whatever precision is set, rather than in fifty digits."""
    for name in fifty_digits.__all__:
        bare = in_any_precision(name)
        monkeypatch.setitem(bare.__globals__, name, bare)


def in_any_precision(name: str) -> Any:
    return inspect.unwrap(getattr(fifty_digits, name))


def small(case: Case) -> bool:
    """Whether a case is quick in many digits; CTC enumerates all alignments."""
    if case.loss == "ctc_loss":
        frames, *_, classes = case.arguments["log_probs"].shape
        return bool(classes**frames <= 100)
    return sum(value.size for value in case.arguments.values() if is_real(value)) <= 60


class Moving:
    """A loss as a function of how far one element is moved, at a precision that suffices for a quotient.

    Attributes:
        step: less than a distance of numbers of the case by 160 bits. What is smooth bends on the scale of
            such distances, so it is straight within a step, to 160 bits.
        precision: in bits; the step's, twice the range of the numbers (of a product) on either side, and 64.
    """

    def __init__(self, case: Case) -> None:
        self.case = case
        self.given = arguments(case, np.float64)
        if case.loss == "gaussian_nll_loss":
            # Documented: the derivative takes no notice of the clamp.
            eps = self.given.pop("eps", 1e-6)
            self.given |= {"var": np.maximum(self.given["var"], eps), "eps": 0.0}
        numbers = [np.array([1.0, SMALLEST_CONSTANT])]
        numbers += [np.ravel(v) for v in self.given.values() if isinstance(v, float) or is_real(v)]
        sizes = np.concatenate(numbers)
        _, exponents = np.frexp(sizes[np.isfinite(sizes) & (sizes != 0)])
        self.lowest, self.highest = int(exponents.min()) - 53, int(exponents.max())
        self.step = 160 - self.lowest
        self.precision = self.step + 2 * (self.highest - self.lowest) + 64
        self.formula = in_any_precision(case.loss)
        self.start: Array = self.losses()
        if self.start.size == 1:
            # Terms beside which the one that moves must still be seen.
            size = self.start.flat[0]
            if mp.isfinite(size) and size:
                self.precision += min(max(0, int(mp.mag(size)) - 2 * self.highest), 5000)
                self.start = self.losses()

    def losses(self, **moved: Array) -> Array:
        with mp.workprec(self.precision):
            result: Array = self.formula(**{**self.given, **moved})
        return result

    def slope(self, name: str, index: tuple[int, ...], upstream: Array, side: int, at: Any = 0) -> Slope:
        """Derivative of sum(upstream * losses) to a side, at a distance from the point."""
        with mp.workprec(self.precision):
            start = self.start if at == 0 else self.losses(**{name: self.moved(name, index, at)})
            quotients = []
            noise = mp.zero
            for steps in (1, 2):
                t = steps * mp.ldexp(side, -self.step)
                end = self.losses(**{name: self.moved(name, index, at + t)})
                terms = []
                for u, a, b in zip(upstream.flat, start.flat, end.flat):
                    if u == 0 or a == b:
                        continue
                    terms.append(mpf(u) * ((b - a) / t))
                    size = max(abs(a), mp.ldexp(1, 2 * self.highest)) if mp.isfinite(a) else mp.zero
                    noise += abs(mpf(u)) * mp.ldexp(size, 32 - self.precision) / abs(t)
                quotients.append(mp.fsum(terms))
            near, far = quotients
            return Slope(near, 3 * abs(far - near) + noise)

    def moved(self, name: str, index: tuple[int, ...], t: Any) -> Array:
        """The argument with one element moved by t; of log-probabilities, along normalised ones."""
        x = exact(self.given[name]).copy()
        if name == "log_probs":
            x[index[:-1]] = x[index[:-1]] - t * mp.exp(x[index])
        x[index] += t
        return x


@dataclass(frozen=True)
class Slope:
    """A one-sided derivative.

    Attributes:
        value: the difference quotient of the smaller step.
        doubt: what it may be off.
    """

    value: Any
    doubt: Any


@np.errstate(all="ignore")
def own_errors(row: Loss, example: Differentiation, names: list[str]) -> dict[str, Array]:
    """How far off the oracle's gradients may be where they are smooth: as in `test_oracle`."""
    case = example.case
    fine = replace(example, case=replace(case, format=FORMATS["float64"]))
    scale = case.format.oracle_roundoff / FORMATS["float64"].unit_roundoff
    smallest = np.finfo(case.format.wide).smallest_subnormal
    errors = {name: g.error for name, g in expect_derivatives(row, fine, names).gradients.items()}
    return {name: np.where(np.isnan(e), np.inf, e * scale) + smallest for name, e in errors.items()}


def elements(shape: tuple[int, ...], seed: int) -> Iterator[tuple[int, ...]]:
    """A few indices of an array, others for each seed."""
    size = math.prod(shape)
    for place in range(min(ELEMENTS, size)):
        yield tuple(int(i) for i in np.unravel_index((seed + place * (size // ELEMENTS + 1)) % size, shape))


class Check:
    """Compares the oracle's gradients with difference quotients, and counts what it met."""

    def __init__(self, row: Loss) -> None:
        self.row = row
        self.met: Counter[str] = Counter()
        self.checked = 0
        self.units: list[float] = []

    def __call__(self, example: Differentiation, seed: int) -> None:
        case = example.case
        if not small(case):
            return
        names = self.row.variables(case)
        expected = expect_derivatives(self.row, example, names)
        own = own_errors(self.row, example, names)
        moving = Moving(case)
        for name in names:
            for index in elements(case.arguments[name].shape, seed):
                wrong = self.wrong(moving, expected, own[name], name, index)
                assert wrong is None, f"by {name}{list(index)}: {wrong}"
                self.checked += 1

    def wrong(self, moving: Moving, expected: Expected, own: Array, name: str, index: tuple[int, ...]) -> str | None:
        """What is wrong with one element of a gradient, or None."""
        case, upstream = moving.case, expected.upstream
        self.where=(name,index,upstream)
        gradient = expected.gradients[name][index]
        x = case.arguments[name][index]
        if not np.isfinite(x):
            self.met[POISON] += 1
            return problem(gradient.value, mp.zero, 0)
        if moving.start.size == 1 and mp.isnan(moving.start.flat[0]):
            self.met[NOTHING] += 1
            return problem(gradient.value, mp.zero, 0)
        if case.loss == "ctc_loss":
            moving, upstream, known = self.sequence(moving, upstream, index)
            if known is not None:
                return problem(gradient.value, known, 0)
        if case.loss == "kl_div" and name == "target" and x == 0 and not case.arguments.get("log_target"):
            self.met[LOGARITHM] += 1
            return problem(gradient.value, self.logarithm(case, upstream, index), 0)
        if case.loss == "gaussian_nll_loss" and name == "var" and x < case.arguments.get("eps", 1e-6):
            self.met[CLAMP] += 1
        slopes = [moving.slope(name, index, upstream, side) for side in self.sides(case, name, x)]
        return self.compare(moving, slopes, gradient, own[index])

    def sequence(
        self, moving: Moving, upstream: Array, index: tuple[int, ...]
    ) -> tuple[Moving, Array, Any]:
        """CTC sequence by sequence, as an impossible one must not spoil the others' derivatives."""
        case = moving.case
        frames, lengths = (np.atleast_1d(case.arguments[k]) for k in ("input_lengths", "target_lengths"))
        n = index[1] if case.arguments["log_probs"].ndim == 3 else 0
        if index[0] >= frames[n]:
            self.met[UNHEARD] += 1
            return moving, upstream, mp.zero
        alone = Moving(case.replacing(reduction="none"))
        impossible = np.array([mp.isinf(loss) for loss in np.atleast_1d(alone.start)])
        if not np.any(impossible):
            return moving, upstream, None
        reduction = case.arguments.get("reduction", "mean")
        if reduction == "mean":
            upstream = upstream / (np.maximum(lengths, 1) * mpf(lengths.size))
        weights = np.broadcast_to(upstream, impossible.shape)
        if not impossible[n]:
            return alone, weights.reshape(alone.start.shape), None
        self.met[IMPOSSIBLE] += 1
        return alone, weights, mp.zero if weights[n] == 0 else mp.nan

    def logarithm(self, case: Case, upstream: Array, index: tuple[int, ...]) -> Any:
        """The limit of log y times upstream, at y = 0: of every element that y is compared with."""
        x, y = case.arguments["input"], case.arguments["target"]
        here = np.zeros(y.shape, dtype=bool)
        here[index] = True
        shape = np.broadcast_shapes(x.shape, y.shape)
        factors = np.broadcast_to(upstream, shape)[np.broadcast_to(here, shape)]
        return mp.convert(float(np.sum(-np.inf * factors[factors != 0])))

    def sides(self, case: Case, name: str, x: float) -> tuple[int, ...]:
        """To which sides a derivative is taken."""
        if case.loss == "binary_cross_entropy" and name == "input" and x in (0, 1):
            self.met[EDGE] += 1  # of probabilities, which are from 0 to 1
            return (1,) if x == 0 else (-1,)
        if case.loss == "poisson_nll_loss" and name == "target" and x == 1 and case.arguments.get("full"):
            self.met[JUMP] += 1  # Stirling's approximation is added where y > 1
            return (-1,)
        return (-1, 1)

    def compare(self, moving: Moving, slopes: list[Slope], gradient: Tracked, own: Any) -> str | None:
        """What is wrong with a derivative that should be these, or None."""
        apart = len(slopes) == 2 and abs(slopes[0].value - slopes[1].value) > slopes[0].doubt + slopes[1].doubt
        def wrong(error):
            with mp.workprec(moving.precision):
                return next((w for s in slopes if (w := problem(gradient.value, s.value, mp.convert(error) + s.doubt))), None)
        if any(s.doubt > mp.convert(own) for s in slopes):
            self.met[SWAMPED] += 1
        if apart:
            self.met[KINK] += 1
            return wrong(gradient.error + own)
        w = wrong(own)
        if w is not None and wrong(gradient.error + own) is None:
            self.met[UNDECIDED] += 1
            print('UND', repr(moving.case)[:400], self.where, gradient, own, [(mp.nstr(s.value,25), mp.nstr(s.doubt,5)) for s in slopes])
            return None
        return w


def cases(row: Loss, form: Format) -> st.SearchStrategy[Differentiation]:
    return st.sampled_from(row.reductions).flatmap(lambda reduction: differentiations(row.cases(form, reduction), form))


@every_loss
@both_oracles
def test_gradient_agrees_with_difference_quotients(row: Loss, form: Format) -> None:
    check = Check(row)

    @settings(max_examples=EXAMPLES)
    @given(cases(row, form), st.integers(0, 2**16))
    def agrees(example: Differentiation, seed: int) -> None:
        with np.errstate(all="ignore"):
            check(example, seed)

    agrees()
    print("MET", row.name, form.name, check.checked, dict(check.met))
