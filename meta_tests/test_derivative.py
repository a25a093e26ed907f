"""The derivatives that the oracle gives, against difference quotients of the losses in many digits."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from mpmath import mp, mpf

import reference
from conformance.differentiating import Expected, expect_derivatives
from conformance.losses import LOSSES, Loss
from meta_tests import fifty_digits
from reference import FORMATS, Array, Format, Tracked, Variable, gradients
from strategies import Case, Differentiation, differentiations, masked
from strategies.embedding import DISTANCES
from strategies.signatures import SIGNATURES

from .difference_quotients import Moving, Slope, in_any_precision
from .fifty_digits.arithmetic import exact
from .test_oracle import both_oracles, every_loss, problem

EXAMPLES = 40
ELEMENTS = 3  # of each argument of a case

# The arithmetic in which the oracle computes for a format, as a format: so it gives its own error.
LONGDOUBLE = Format("longdouble", np.finfo(np.longdouble).nmant + 1, -1010, 1024, np.longdouble, "longdouble")
OWN = {"float32": FORMATS["float64"], "float64": LONGDOUBLE}

# Points whose derivative is not simply a two-sided difference quotient, and what it is there.
KINK = "at a kink"  # what is between the one-sided derivatives
UNDECIDED = "within rounding of a kink"  # one of the two in truth, the middle in the format
EDGE = "at an end of the domain"  # the derivative to the inside
JUMP = "at a discontinuity"  # the derivative of the side that the point belongs to
LOGARITHM = "log 0"  # an infinite limit
CLAMP = "below the clamp"  # documented to be ignored
IGNORED = "not finite, and ignored"  # 0
NOTHING = "mean of nothing"  # 0
IMPOSSIBLE = "impossible alignment"  # nan, or 0 if documented
UNHEARD = "frame beyond the length"  # 0
SWAMPED = "beside terms too large to see it change"  # compared with more doubt than the oracle's own


@pytest.fixture(autouse=True)
def many_digits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the losses of `fifty_digits` call each other in whatever precision is set; and know longdouble."""
    monkeypatch.setitem(FORMATS, LONGDOUBLE.name, LONGDOUBLE)
    for name in fifty_digits.__all__:
        bare = in_any_precision(name)
        monkeypatch.setitem(bare.__globals__, name, bare)


def elements(shape: tuple[int, ...], seed: int) -> Iterator[tuple[int, ...]]:
    """A few indices of an array, others for each seed."""
    size = math.prod(shape)
    for place in range(min(ELEMENTS, size)):
        yield tuple(int(i) for i in np.unravel_index((seed + place * (size // ELEMENTS + 1)) % size, shape))


def in_own_arithmetic(row: Loss, example: Differentiation, *, twice: bool = False) -> Expected:
    """The same from the oracle with the roundings of its own arithmetic; what is smaller is rounded to 0."""
    case = replace(example.case, format=OWN[example.case.format.name])
    return expect_derivatives(row, replace(example, case=case), row.variables(case), twice=twice)


class Comparison:
    """Compares the oracle's gradients with difference quotients, and counts what it meets."""

    def __init__(self, row: Loss) -> None:
        self.row = row
        self.met: Counter[str] = Counter()
        self.compared = 0

    @np.errstate(all="ignore")  # infinities and nans are answers here
    def __call__(self, example: Differentiation, seed: int) -> bool:
        """Compare a few elements of the gradient by each argument; false if the case is not quick."""
        case = example.case
        moving = Moving(case)
        if not moving.quick:
            return False
        names = self.row.variables(case)
        expected, own = expect_derivatives(self.row, example, names), in_own_arithmetic(self.row, example)
        for name in names:
            for index in elements(case.arguments[name].shape, seed):
                pair = expected.gradients[name][index], own.gradients[name][index]
                wrong = self.wrong(moving, name, index, expected.upstream, *pair)
                assert wrong is None, f"by {name}{list(index)}: {wrong}"
                self.compared += 1
        return True

    def wrong(
        self,
        moving: Moving,
        name: str,
        index: tuple[int, ...],
        upstream: Array,
        gradient: Tracked,
        own: Tracked,
    ) -> str | None:
        """What is wrong with one element of a gradient, or None."""
        case, x = moving.case, moving.case.arguments[name][index]
        known = None
        if not np.isfinite(x):
            known = self.meets(IGNORED, mp.zero)
        elif moving.start.size == 1 and mp.isnan(moving.start.flat[0]):
            known = self.meets(NOTHING, mp.zero)
        elif case.loss == "ctc_loss":
            moving, upstream, known = self.sequence(moving, upstream, index)
        elif case.loss == "kl_div" and name == "target" and x == 0 and not case.arguments.get("log_target"):
            known = self.meets(LOGARITHM, times_log_0(case, upstream, index))
        elif case.loss == "gaussian_nll_loss" and name == "var" and x < case.arguments.get("eps", 1e-6):
            self.meets(CLAMP)
        if known is not None:
            return problem(gradient.value, known, 0.0)
        direction = moving.one(name, index)
        slopes = [moving.slope(direction, upstream, side) for side in self.sides(case, name, x)]
        if len({slope.value for slope in slopes}) > 1:
            below, above = slopes
            if abs(below.value - above.value) > below.doubt + above.doubt:
                self.meets(KINK)
        return self.compare(moving, slopes, upstream, gradient, own)

    def compare(
        self, moving: Moving, slopes: Sequence[Slope], upstream: Array, gradient: Tracked, own: Tracked
    ) -> str | None:
        """What is wrong with a gradient that should have these one-sided derivatives, or None."""
        smallest = mp.convert(np.finfo(gradient.dtype).smallest_subnormal)
        with mp.workprec(moving.precision):
            seen = mp.ldexp(mp.fsum(map(abs, upstream.flat)), 2 * moving.lowest)
            sizes = [abs(slope.value) * gradient.format.oracle_roundoff + seen for slope in slopes]
            if any(slope.noise > reach(own) + size for slope, size in zip(slopes, sizes)):
                self.meets(SWAMPED)

            def wrong(value: Any, allowed: Any) -> str | None:
                found = (problem(value, slope.value, allowed + slope.doubt) for slope in slopes)
                return next(filter(None, found), None)

            amiss = wrong(gradient.value, reach(own) + smallest)
            if amiss and wrong(own.value, reach(own) + smallest) is None:
                # In finer arithmetic it is on one side of a kink, in the format perhaps on either.
                self.meets(UNDECIDED)
                amiss = wrong(gradient.value, reach(gradient))
        return amiss

    def meets(self, what: str, derivative: Any = None) -> Any:
        """Count it, and pass on what the derivative is known to be there."""
        self.met[what] += 1
        return derivative

    def sides(self, case: Case, name: str, x: float) -> tuple[int, ...]:
        """To which sides a derivative is taken."""
        if case.loss == "binary_cross_entropy" and name == "input" and x in (0, 1):
            self.meets(EDGE)
            return (1,) if x == 0 else (-1,)
        if case.loss == "poisson_nll_loss" and name == "target" and x == 1 and case.arguments.get("full"):
            self.meets(JUMP)  # Stirling's approximation is added from there on, not there
            return (-1,)
        return (-1, 1)

    def sequence(self, moving: Moving, upstream: Array, index: tuple[int, ...]) -> tuple[Moving, Array, Any]:
        """CTC, one sequence at a time if one is impossible, which spoils the sum and not its derivative."""
        case = moving.case
        frames, lengths = (np.atleast_1d(case.arguments[k]) for k in ("input_lengths", "target_lengths"))
        n = index[1] if len(index) == 3 else 0
        if index[0] >= frames[n]:
            return moving, upstream, self.meets(UNHEARD, mp.zero)
        alone = Moving(case.replacing(reduction="none", zero_infinity=False))
        impossible = list(map(mp.isinf, alone.start.flat))
        if not any(impossible):
            return moving, upstream, None
        if case.arguments.get("reduction", "mean") == "mean":
            with mp.workprec(moving.precision):
                upstream = upstream / (np.maximum(lengths, 1) * mpf(lengths.size))
        upstream = np.broadcast_to(upstream, len(impossible)).reshape(alone.start.shape)
        if not impossible[n]:
            return alone, upstream, None
        zero = case.arguments.get("zero_infinity") or upstream.flat[n] == 0
        return alone, upstream, self.meets(IMPOSSIBLE, mp.zero if zero else mp.nan)


def reach(derivative: Tracked) -> Any:
    """How far off a derivative may be; nan says unbounded."""
    return mp.inf if np.isnan(derivative.error) else mp.convert(derivative.error)


def times_log_0(case: Case, upstream: Array, index: tuple[int, ...]) -> Any:
    """The limit of upstream times log y at y = 0, summed over whatever y is compared with."""
    here = np.zeros(case.arguments["target"].shape, dtype=bool)
    here[index] = True
    shape = np.broadcast_shapes(case.arguments["input"].shape, here.shape)
    factors = np.broadcast_to(upstream, shape)[np.broadcast_to(here, shape)]
    with np.errstate(invalid="ignore"):  # of infinities of both signs the sum is nan
        return mp.convert(float(np.sum(-np.inf * factors[factors != 0])))


@every_loss
@both_oracles
def test_gradient_agrees_with_difference_quotients(row: Loss, form: Format) -> None:
    compare = Comparison(row)
    drawn = st.sampled_from(row.reductions).flatmap(lambda r: differentiations(row.cases(form, r), form))

    @settings(max_examples=EXAMPLES)
    @given(drawn, st.integers(0, 2**16))
    def agrees(example: Differentiation, seed: int) -> None:
        # A quotient of losses that are nan tells nothing. What is masked is no part of the others.
        case, mask = example.case, masked(example.case)
        if mask is not None:
            first, x = next(iter(case.arguments.items()))
            case = case.replacing(**{first: np.where(mask & ~np.isfinite(x), 0, x)})
        assume(compare(replace(example, case=case), seed))  # what is slow tells nothing, and counts for none

    agrees()
    # Enough of them at points where the quotients, and the comparison, are as sharp as the oracle.
    assert compare.compared - compare.met[SWAMPED] - compare.met[UNDECIDED] >= EXAMPLES


CTC = {
    "log_probs": np.log(np.full((2, 2, 3), [0.5, 0.25, 0.5])), "targets": [[1, 1], [1, 2]],
    "target_lengths": (2, 2),
}  # fmt: skip

# Each kind of special point, in a small call that has one.
SPECIAL: list[tuple[str, str, dict[str, Any]]] = [
    (KINK, "l1_loss", {"input": [1.0, 2.0], "target": [1.0, 0.0]}),
    (KINK, "smooth_l1_loss", {"input": [1.0], "target": [1.0], "beta": 0.0}),
    (KINK, "hinge_embedding_loss", {"input": [1.0], "target": [-1]}),
    (KINK, "margin_ranking_loss", {"input1": [1.0], "input2": [0.0], "target": [1.0], "margin": 1.0}),
    (KINK, "cosine_embedding_loss", {"input1": [1.0, 0.0], "input2": [0.0, 1.0], "target": -1}),
    (KINK, "multi_margin_loss", {"input": [1.0, 0.0, 0.0], "target": 0}),
    (KINK, "multilabel_margin_loss", {"input": [1.0, 0.0, 0.0], "target": [0, -1, -1]}),
    # The distance to the positive is the root of 0.
    (KINK, "triplet_margin_loss", {
        "anchor": [0.0, 0.0], "positive": [0.0, 0.0], "negative": [1.0, 0.5], "margin": 2.0, "eps": 0.0,
    }),
    # The distances to the negative are equal, and so are both components of the one to the positive.
    (KINK, "triplet_margin_loss", {
        "anchor": [0.0, 0.0], "positive": [1.0, 1.0], "negative": [1.0, -1.0], "margin": 5, "p": np.inf,
        "eps": 0.0, "swap": True,
    }),
    (KINK, "triplet_margin_with_distance_loss", {
        "anchor": [[0.0]], "positive": [[0.0]], "negative": [[1.0]], "distance_function": DISTANCES[0],
    }),
    # It depends on the rounding whether 0.1 - 0.3 + 0.2 is above 0.
    (UNDECIDED, "margin_ranking_loss", {"input1": [0.1], "input2": [0.3], "target": [-1.0], "margin": 0.2}),
    (EDGE, "binary_cross_entropy", {"input": [0.0, 1.0], "target": [0.25, 0.25]}),
    (JUMP, "poisson_nll_loss", {"input": [0.5], "target": [1.0], "full": True}),
    (LOGARITHM, "kl_div", {"input": [-1.0, -2.0], "target": [0.0, 0.5], "reduction": "sum"}),
    (CLAMP, "gaussian_nll_loss", {"input": [1.0], "target": [3.0], "var": [0.25], "eps": 0.5}),
    (IGNORED, "cross_entropy", {"input": [[np.nan, np.inf], [1.0, 2.0]], "target": [-100, 0]}),
    (IGNORED, "nll_loss", {"input": [[np.nan, -np.inf], [-1.0, -2.0]], "target": [-100, 0]}),
    (NOTHING, "nll_loss", {"input": [[-1.0]], "target": [0], "weight": [0.0]}),
    (NOTHING, "cross_entropy", {"input": [[1.0, 2.0]], "target": [-100]}),
    (NOTHING, "linear_cross_entropy", {
        "input": [[1.0]], "linear_weight": [[1.0], [2.0]], "target": [-100],
    }),
    (IMPOSSIBLE, "ctc_loss", {**CTC, "input_lengths": (2, 2)}),
    (IMPOSSIBLE, "ctc_loss", {**CTC, "input_lengths": (2, 2), "reduction": "none"}),
    (IMPOSSIBLE, "ctc_loss", {**CTC, "input_lengths": (2, 2), "zero_infinity": True}),
    (UNHEARD, "ctc_loss", {**CTC, "input_lengths": (1, 2)}),
    (UNHEARD, "ctc_loss", {**CTC, "input_lengths": (1, 2), "zero_infinity": True}),
]  # fmt: skip


def case_of(loss: str, form: Format, given_arguments: dict[str, Any]) -> Case:
    """A call, in numbers of a format."""

    def argument(value: Any) -> Any:
        array = np.asarray(value)
        numbers = isinstance(value, (list, np.ndarray)) and array.dtype.kind == "f"
        return form.nearest(array) if numbers else array if isinstance(value, list) else value

    return Case(loss, form, {name: argument(value) for name, value in given_arguments.items()})


@both_oracles
@pytest.mark.parametrize(
    ("what", "loss", "given_arguments"),
    [pytest.param(*row, id=f"{row[0]}-{row[1]}-{n}".replace(" ", "_")) for n, row in enumerate(SPECIAL)],
)
def test_special_points_have_the_documented_derivative(
    form: Format, what: str, loss: str, given_arguments: dict[str, Any]
) -> None:
    case = case_of(loss, form, given_arguments)
    for upstream in (1.0, -2.0, 0.0):
        compare = Comparison(LOSSES[loss])
        for seed in range(5):  # so that every element has its turn
            compare(Differentiation(case, np.array([upstream]), np.ones(1), 0), seed)
        assert compare.met[what] or (upstream == 0 and what in (KINK, UNDECIDED))


@pytest.mark.parametrize("reduction", ["none", "mean"])
@pytest.mark.parametrize("loss", [row.name for row in LOSSES.values() if row.twice])
@both_oracles
def test_second_derivative_agrees_with_difference_quotients(form: Format, loss: str, reduction: str) -> None:
    rng = np.random.default_rng(1)
    signature = SIGNATURES[loss][-1]
    weights = [name for name, tensor in signature.tensors.items() if tensor.optional]
    case = case_of(loss, form, {**signature.ordinary(None, *weights).arguments, "reduction": reduction})
    upstream, tangent = form.nearest(rng.normal(size=(2, 31)))
    row, example = LOSSES[loss], Differentiation(case, upstream, tangent, 0)
    names = row.variables(case)
    expected = expect_derivatives(row, example, names, twice=True)
    own = in_own_arithmetic(row, example, twice=True)
    moving = Moving(case, order=2)

    with mp.workprec(moving.precision):
        tangents = {name: exact(tangent) for name, tangent in expected.tangents.items()}
        h = mp.ldexp(1, moving.step)

        def along(h: Any, moves: dict[str, Array]) -> Array:
            """The derivative of the losses along the tangents, at a distance: off by c h^2."""

            def losses(t: Any) -> Array:
                return moving.losses(
                    {name: moves.get(name, 0) + t * tangent for name, tangent in tangents.items()}
                )

            return np.asarray((losses(h) - losses(-h)) / (2 * h))

        def second(h: Any, name: str, index: tuple[int, ...]) -> Any:
            move = {name: h * moving.one(name, index)[name]}
            back = {name: -move[name]}
            change = expected.upstream * (along(h, move) - along(h, back))
            return mp.fsum(np.ravel(change)) / (2 * h)

        def agrees(derivative: Tracked, own: Tracked, near: Any, far: Any) -> None:
            # Twice the step, four times the error; and the rounding, as in `Moving`, over both steps.
            noise = mp.ldexp(100, 32 + 2 * moving.highest - 2 * moving.step - moving.precision)
            wrong = problem(derivative.value, near, reach(own) + abs(far - near) + noise)
            assert wrong is None, wrong

        assert expected.along is not None
        assert own.along is not None
        near, far = along(h, {}), along(2 * h, {})
        for index in np.ndindex(near.shape):
            agrees(expected.along[index], own.along[index], near[index], far[index])
        for name in names:
            for index in elements(case.arguments[name].shape, 1):
                pair = expected.second[name][index], own.second[name][index]
                agrees(*pair, second(h, name, index), second(2 * h, name, index))


def test_gradients_of_plain_arrays_are_plain_arrays() -> None:
    x = Variable(np.array([[1.0, 2.0]]))
    (gradient,) = gradients(reference.cross_entropy(x, [0]), np.array(1.0), [x])
    softmax = np.exp([[1.0, 2.0]]) / np.sum(np.exp([1.0, 2.0]))
    np.testing.assert_allclose(gradient, softmax - [[1, 0]], rtol=1e-15)
    assert isinstance(gradient, np.ndarray)


def test_what_a_loss_does_not_depend_on_has_gradient_0() -> None:
    x, y = Variable(np.array([1.0, 2.0])), Variable(np.array([5.0]))
    loss = reference.mse_loss(x, [0.0, 0.0], reduction="sum")
    by_x, by_y = gradients(loss, np.array(1.0), [x, y])
    np.testing.assert_array_equal(by_x, [2, 4])
    np.testing.assert_array_equal(by_y, [0])


def test_gradients_of_variables_that_hold_variables_can_be_differentiated_again() -> None:
    outer = Variable(inner := Variable(np.array([3.0])))
    (first,) = gradients(reference.mse_loss(outer, [0.0], reduction="sum"), Variable(np.array(1.0)), [outer])
    (second,) = gradients(first, np.ones(1), [inner])
    np.testing.assert_array_equal([first.value, second], [[6], [2]])
