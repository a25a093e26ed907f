"""Other dtypes: complex numbers in the oracle, what is drawn, and faults that the property notices."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from mpmath import mp

import reference
from conformance.bounds import expect
from conformance.checks.other_dtypes import DtypeCell, check_dtypes
from conformance.differentiating import expect_derivatives
from conformance.losses import LOSSES
from conformance.running import arguments
from conformance.tally import Tally
from meta_tests import fifty_digits
from reference import FORMATS, Format, promoted
from strategies import DTYPES, Case, Differentiation, takes
from strategies.dtypes import numbers_of

L1 = LOSSES["l1_loss"]
ONES = np.ones(1)


def example_of(case: Case) -> Differentiation:
    return Differentiation(case, ONES, ONES, 0)


def complex_case(input: Any, target: Any, **options: Any) -> Case:
    given = {"input": np.asarray(input, np.complex64), "target": np.asarray(target, np.complex64)}
    return Case("l1_loss", FORMATS["float32"], {**given, **options})


def cell_of(case: Case, kind: str = "complex") -> DtypeCell:
    return DtypeCell(LOSSES[case.loss], "mean", case.format, "cpu", kind)


@pytest.mark.parametrize("dtype", [np.complex64, np.complex128])
def test_the_distance_of_complex_numbers_is_real(dtype: type[np.complexfloating[Any, Any]]) -> None:
    loss = reference.l1_loss(np.array([3 + 4j], dtype), np.array([0j], dtype))
    assert loss == 5
    assert loss.dtype == np.float64
    assert reference.l1_loss(np.array([3 + 4j, 1]), [0.0, 1.0], reduction="sum") == 5
    assert reference.l1_loss([3.0], np.array([4j]), weight=[2.0]) == 10
    assert reference.l1_loss(np.array([1e300 + 1e300j]), np.array([0j])) == np.hypot(1e300, 1e300)


@pytest.mark.parametrize("loss", ["mse_loss", "smooth_l1_loss", "huber_loss", "kl_div"])
def test_other_losses_refuse_complex_numbers(loss: str) -> None:
    with pytest.raises(TypeError, match="input must hold real numbers"):
        getattr(reference, loss)(np.array([3 + 4j]), np.array([0.0]))
    with pytest.raises(TypeError, match="weight"):
        reference.l1_loss([1.0], [0.0], weight=np.array([1j]))


@pytest.mark.parametrize("form", [FORMATS["float32"], FORMATS["float64"]], ids=lambda form: form.name)
@mp.workdps(50)
def test_complex_losses_agree_with_fifty_digits(form: Format) -> None:
    @given(st.sampled_from(L1.reductions).flatmap(lambda r: DTYPES["complex"](L1.cases(form, r))))
    def agrees(case: Case) -> None:
        expected = expect(L1, case)
        truth = fifty_digits.l1_loss(**case.arguments)
        # The oracle computes as wide as the bound is narrow.
        allowed = np.asarray(expected.error) * (2**20 * form.oracle_roundoff / form.unit_roundoff)
        for value, exactly, most in np.broadcast(expected.value, truth, allowed):
            if not (np.isnan(value) and mp.isnan(exactly)) and np.isfinite(value):
                assert abs(mp.convert(value) - exactly) <= mp.convert(most)

    agrees()


def test_the_gradient_by_a_complex_number_points_to_where_the_loss_grows() -> None:
    case = complex_case([3 + 4j, 0, -2j], [0, 0, 0], reduction="sum")
    by = expect_derivatives(L1, example_of(case), ["input", "target"]).gradients
    np.testing.assert_allclose(by["input"].value.astype(float), [[0.6, 0.8], [0, 0], [0, -1]])
    np.testing.assert_allclose(by["target"].value.astype(float), [[-0.6, -0.8], [0, 0], [0, 1]])
    assert np.all(by["input"].error[[0, 2]] < 1e-5)
    assert np.all((by["input"].error[1] >= 1) & (by["input"].error[1] < 1.01))  # any length up to 1


@pytest.mark.parametrize("parts", [(3.0, 4.0), (-1e-3, 7.0), (0.5, 0.0), (1e3, -1e-3)])
def test_the_complex_gradient_is_a_difference_quotient(parts: tuple[float, float]) -> None:
    step, z = 1e-6, np.array([complex(*parts)])
    form = FORMATS["float64"]
    case = Case("l1_loss", form, {"input": z, "target": np.array([0j])})
    got = expect_derivatives(L1, example_of(case), ["input"]).gradients["input"].value[0]
    for number, direction in zip(got, (1, 1j)):
        sides = (reference.l1_loss(z + sign * step * direction, np.array([0j])) for sign in (1, -1))
        high, low = map(float, sides)
        assert abs(float(number) - (high - low) / (2 * step)) < 1e-6


class Betrayed(torch.autograd.Function):
    """The same numbers; the gradient is what `betray` makes of it."""

    betray: Callable[[torch.Tensor], torch.Tensor]

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        """See the class."""
        return x.clone()

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> Any:
        """See the class."""
        return Betrayed.betray(gradients[0])


ORDINARY = complex_case([3 + 4j, 1 - 2j], [0, 1 + 1j])


@pytest.mark.parametrize(
    "betray",
    [torch.conj_physical, lambda g: 2 * g, lambda g: g * 1j, lambda g: torch.complex(g.real, 0 * g.real)],
    ids=["conjugated", "doubled", "turned", "of the real part"],
)
def test_a_wrong_complex_gradient_is_noticed(
    betray: Callable[[torch.Tensor], torch.Tensor],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    check_dtypes(cell_of(ORDINARY), example_of(ORDINARY), Tally())
    original = F.l1_loss
    monkeypatch.setattr(Betrayed, "betray", staticmethod(betray), raising=False)
    monkeypatch.setattr(F, "l1_loss", lambda **o: original(Betrayed.apply(o.pop("input")), **o))
    with pytest.raises(pytest.fail.Exception, match="a gradient by input outside") as raised:
        check_dtypes(cell_of(ORDINARY), example_of(ORDINARY), Tally())
    script = textwrap.dedent(str(raised.value).partition("To reproduce:")[2])
    told = re.search(r"\.item\(\)\)  # (.*)", script)
    assert told
    exec(script, {})  # its loss is the wrong one
    assert capsys.readouterr().out.strip() == told[1]
    monkeypatch.undo()
    exec(script, {})
    assert capsys.readouterr().out.strip() != told[1]


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (lambda x, y: (x - y).real.abs().mean(), "a value outside the derived bound"),
        (lambda x, y: (x - y).abs().square().mean(), "a value outside the derived bound"),
        (lambda x, y: (x - y).abs().mean().to(torch.complex64), "dtype torch.complex64"),
        (lambda x, y: (x - y).abs().double().mean(), "dtype torch.float64"),
        (lambda x, y: (x - y).abs(), r"shape \(2,\)"),
    ],
    ids=["real parts", "squared", "complex", "wide", "not reduced"],
)
def test_a_wrong_complex_loss_is_noticed(fault: Any, says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(F, "l1_loss", lambda **given: fault(*given.values()))
    with pytest.raises(pytest.fail.Exception, match=says):
        check_dtypes(cell_of(ORDINARY), example_of(ORDINARY), Tally())


def test_a_refusal_conforms_and_an_internal_error_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    def refusing(error: Exception) -> Callable[..., Any]:
        def loss(**_: Any) -> torch.Tensor:
            raise error

        return loss

    for error in (TypeError("no complex"), NotImplementedError("not implemented for 'ComplexFloat'")):
        monkeypatch.setattr(F, "l1_loss", refusing(error))
        check_dtypes(cell_of(ORDINARY), example_of(ORDINARY), Tally())
    for error in (KeyError("dtype"), RuntimeError("x INTERNAL ASSERT FAILED at y")):
        monkeypatch.setattr(F, "l1_loss", refusing(error))
        with pytest.raises(pytest.fail.Exception, match="raised"):
            check_dtypes(cell_of(ORDINARY), example_of(ORDINARY), Tally())


def integers_case(loss: str, dtype: str, **arguments: Any) -> Case:
    given = {name: np.asarray(v, np.float64) if isinstance(v, list) else v for name, v in arguments.items()}
    return Case(
        loss, FORMATS["float32"], given, {n: dtype for n, v in arguments.items() if isinstance(v, list)}
    )


def test_wrapped_integers_are_noticed_and_right_ones_conform(monkeypatch: pytest.MonkeyPatch) -> None:
    case = integers_case("l1_loss", "uint8", input=[3.0], target=[5.0], reduction="sum")
    wrapped = F.l1_loss(torch.tensor([3], dtype=torch.uint8), torch.tensor([5], dtype=torch.uint8),
                        reduction="sum")  # fmt: skip
    assert wrapped.item() == 254
    tally = Tally()
    check_dtypes(cell_of(case), example_of(case), tally)
    assert tally.known == {"l1_loss-wrapped-integers": 1}
    original = F.l1_loss
    monkeypatch.setattr(F, "l1_loss", lambda **o: original(**o) + 1)
    with pytest.raises(pytest.fail.Exception, match="a value outside the derived bound"):
        check_dtypes(cell_of(case), example_of(case), Tally())
    monkeypatch.setattr(
        F, "l1_loss", lambda **o: original(o.pop("input").float(), o.pop("target").float(), **o)
    )
    check_dtypes(cell_of(case), example_of(case), Tally())


def test_going_back_only_is_too_late_to_refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    arrays = {"input": np.zeros(2), "target": np.array([1.0, 2.0])}
    case = Case("huber_loss", FORMATS["float32"], arrays, {"target": "int64"})
    tally = Tally()
    check_dtypes(cell_of(case), example_of(case), tally)
    assert tally.known == {"huber_loss-one-dtype-backward": 1}
    original = F.huber_loss

    def late(input: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        return original(Betrayed.apply(input), target.to(input.dtype))

    def refuse(gradient: torch.Tensor) -> torch.Tensor:
        raise RuntimeError("no integers")

    monkeypatch.setattr(Betrayed, "betray", staticmethod(refuse), raising=False)
    monkeypatch.setattr(F, "huber_loss", late)
    with pytest.raises(pytest.fail.Exception, match="raised RuntimeError: no integers"):
        check_dtypes(cell_of(case), example_of(case), Tally())


def test_a_gradient_of_another_dtype_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    arrays = {"input": np.zeros(2), "target": np.array([1.0, 2.0])}
    case = Case("mse_loss", FORMATS["float64"], arrays, {"input": "float32", "target": "float64"})
    check_dtypes(cell_of(case), example_of(case), Tally())
    original = torch.autograd.grad

    def wide(*given: Any, **options: Any) -> tuple[torch.Tensor, ...]:
        return tuple(gradient.double() for gradient in original(*given, **options))

    monkeypatch.setattr(torch.autograd, "grad", wide)
    with pytest.raises(pytest.fail.Exception, match=r"a gradient torch.float64 \(2,\), unlike the argument"):
        check_dtypes(cell_of(case), example_of(case), Tally())


DRAWN = [
    pytest.param(loss, kind, name, id=f"{loss}-{kind}-{name}")
    for loss in LOSSES
    for kind in DTYPES
    for name in ("float32",)
    if takes(loss, kind, name)
]


@pytest.mark.parametrize(("loss", "kind", "name"), DRAWN)
def test_drawn_cases_are_valid_and_hold_only_numbers_of_their_dtypes(loss: str, kind: str, name: str) -> None:
    seen: set[str] = set()

    @settings(max_examples=25)
    @given(DTYPES[kind](LOSSES[loss].cases(FORMATS[name], "mean")))
    def holds(case: Case) -> None:
        with np.errstate(all="ignore"):
            expect(LOSSES[loss], case)  # the oracle does not refuse it
        for argument, tensor in arguments(case, "cpu").items():
            if not isinstance(tensor, torch.Tensor):
                continue
            assert str(tensor.dtype) == f"torch.{case.dtype(argument)}"
            numbers = tensor.double() if argument in case.dtypes else tensor
            assert np.array_equal(numbers.numpy(), case.arguments[argument], equal_nan=True) or (
                tensor.dtype == torch.bfloat16
            )
            made = eval(case.literal(argument), {"torch": torch})
            assert made.dtype == tensor.dtype
            if argument in numbers_of(case):
                seen.add(case.dtype(argument))

    holds()
    assert len(seen) > 1


@pytest.mark.parametrize(
    ("names", "wide"),
    [(("float16", "bfloat16"), "float32"), (("float32", "float64"), "float64"), (("float16",), "float16")],
)
def test_promotion_is_that_of_torch(names: tuple[str, ...], wide: str) -> None:
    assert promoted(*(FORMATS[name] for name in names)).name == wide
    for first in FORMATS:
        for second in FORMATS:
            theirs = torch.promote_types(getattr(torch, first), getattr(torch, second))
            assert theirs == getattr(torch, promoted(FORMATS[first], FORMATS[second]).name)
