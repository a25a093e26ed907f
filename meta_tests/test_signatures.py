"""The declarations of arguments are those of the documentation, as the oracle and torch understand it."""

from __future__ import annotations

import inspect

import pytest
import torch

from conformance.bounds import expect, judge
from conformance.differentiating import differentiate
from conformance.losses import LOSSES
from conformance.running import arguments, functional, to_numpy
from strategies import is_real
from strategies.arguments import Choice, Gradient, Number, Signature
from strategies.signatures import FORMS, SIGNATURES

forms = pytest.mark.parametrize("form", FORMS, ids=str)


def test_every_loss_is_declared() -> None:
    missing = LOSSES.keys() - SIGNATURES.keys()
    assert not missing, f"{missing} have no declaration: add it to strategies/signatures.py"


@forms
def test_names_order_and_defaults_are_those_of_the_oracle(form: Signature) -> None:
    parameters = inspect.signature(LOSSES[form.loss].oracle).parameters
    declared = list(form.arguments)
    assert declared == [name for name in parameters if name in declared]
    assert parameters.keys() - declared <= {"ignore_index"}, "which is for labels"
    for name, argument in form.arguments.items():
        if isinstance(argument, Number | Choice) and name != "ignore_index":
            assert argument.default == parameters[name].default


@forms
@pytest.mark.parametrize("layout", range(4))
def test_torch_and_the_oracle_take_the_ordinary_call_of_every_layout(form: Signature, layout: int) -> None:
    if layout not in form.layouts:
        pytest.skip("no such layout")
    if not hasattr(torch.nn.functional, form.loss):
        pytest.skip(f"this torch has no {form.loss}")
    optional = [name for name, tensor in form.tensors.items() if tensor.optional]
    for chosen in ([], *([name] for name in optional), optional):
        case = form.ordinary(layout, *chosen).replacing(reduction="none")
        expected = expect(LOSSES[form.loss], case)
        got = to_numpy(functional(LOSSES[form.loss], case, arguments(case, "cpu")))
        assert got.shape == expected.shape
        assert judge(got, expected).conforms


@forms
def test_torch_differentiates_by_what_is_declared(form: Signature) -> None:
    if not hasattr(torch.nn.functional, form.loss):
        pytest.skip(f"this torch has no {form.loss}")
    loss, given = LOSSES[form.loss], form.tensors
    case = form.ordinary(None, *(name for name, tensor in given.items() if tensor.optional))
    case = case.replacing(reduction="sum")
    for name, tensor in given.items():
        if not is_real(case.arguments[name]):
            assert tensor.gradient in (Gradient.NO, Gradient.REFUSED)
        elif tensor.gradient is Gradient.REFUSED:
            with pytest.raises(RuntimeError, match=r"not differentiable|not implemented"):
                differentiate(loss, case, "cpu", [name], expect(loss, case).value)
        elif tensor.gradient is Gradient.YES:
            _, result, _ = differentiate(loss, case, "cpu", [name], expect(loss, case).value)
            assert result.requires_grad
