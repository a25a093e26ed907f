"""A module class computes what the functional does with the same arguments, whatever is done to it before."""

from __future__ import annotations

from typing import TypeAlias

import pytest
import torch

from strategies import Case

from .availability import skip_if_missing
from .foreign import told
from .losses import LOSSES, Loss
from .modules import (
    NOTHING,
    SAMPLES,
    TREATMENTS,
    Argument,
    Sample,
    Seen,
    Treatment,
    difference,
    expect,
    observe,
    run,
    seen,
    seen_of,
    stages,
)
from .running import obstacle, parameters, to_numpy
from .scripts import commented, head, section

ARGUMENTS = [row for sample in SAMPLES.values() for row in sample.arguments()]
# Arguments that a test of their own is about.
ELSEWHERE = {"linear_cross_entropy": {"device"}}

# The code that makes a module, the code that calls it, and the devices on which they run.
Stages: TypeAlias = tuple[list[str], list[str], str, str]

samples = pytest.mark.parametrize("sample", SAMPLES.values(), ids=lambda sample: sample.loss)


def problem(case: Case, device: str, what: str, treatment: Treatment = NOTHING) -> str | None:
    """What is wrong with a module, or None.

    Args:
        case: tells how the module is made and called.
        device: where.
        what: what this is about, for the person who reads it.
        treatment: what is done to the module before it is called.
    """
    expected = expect(case, device, treatment)
    try:
        got = observe(case, device, treatment)
    except Exception as error:  # the functional takes these arguments
        got = {**expected, "result": told(error)}
    place = difference(expected, got)
    if place is None:
        return None
    where = f"{LOSSES[case.loss].module}, {what}, {device}"
    made = (*stages(case, treatment), *treatment.devices(device))
    return _told(where, place, expected, got, made, repr(treatment.of(case)))


def _told(where: str, place: str, expected: Seen, got: Seen, stages: Stages, functional: str) -> str:
    """What a person needs: where it was, what is wrong, what was expected, what came, and a script."""
    right, wrong = _written(expected.get(place)), _written(got.get(place))
    shown = ["torch.set_printoptions(precision=17)", *commented(f"print({place})", wrong)]
    if place == "result":
        shown += commented(f"print({functional})", right)
    lines = [
        f"{where}: wrong is {place}",
        f"    expected {right}",
        f"    got      {wrong}".replace("\n", "\n             "),
    ]
    return "\n".join(lines) + section(_script(*stages, shown))


def _written(value: object) -> str:
    if not isinstance(value, torch.Tensor):
        return str(value or "nothing")
    numbers = "no numbers" if value.is_meta else to_numpy(value).tolist()
    return f"{numbers}, {value.dtype} on {value.device.type}"


def _script(made: list[str], called: list[str], first: str, then: str, shown: list[str]) -> list[str]:
    """Torch code that makes a module on one device, calls it on another, and shows what is seen."""
    moving = [f"torch.set_default_device({then!r})"] if then != first else []
    code = [*made, *moving, *called, *shown]
    return [*head(first, code), *code]


def _check(wrong: str | None) -> None:
    if wrong:
        pytest.fail(wrong, pytrace=False)


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
def test_every_constructor_argument_is_tested(loss: Loss) -> None:
    """An argument of a newer torch is told by name."""
    skip_if_missing(loss.name)
    tested = {row.name for row in ARGUMENTS if row.loss == loss.name} | ELSEWHERE.get(loss.name, set())
    new = [name for name in parameters(getattr(torch.nn, loss.module)) if name not in tested]
    assert not new, (
        f"{', '.join(new)} of torch.nn.{loss.module} is not tested: "
        "give it two values that make a difference in conformance/modules/samples.py"
    )


@pytest.mark.parametrize("argument", ARGUMENTS, ids=str)
def test_constructor_argument(argument: Argument, device: str) -> None:
    """An argument reaches the computation: two values of it make the difference that the functional makes."""
    skip_if_missing(argument.loss)
    module = LOSSES[argument.loss].module
    if argument.name not in parameters(getattr(torch.nn, module)):
        pytest.skip(f"torch {torch.__version__}: {module} has no {argument.name}")
    for case in (argument.first, argument.second):
        _check(problem(case, device, f"argument {argument.name}"))
    first, second = (expect(case, device) for case in (argument.first, argument.second))
    # How a result is computed is an argument too, of a layer.
    results = ("result", "result.grad_fn.name()")
    if not difference(*({place: side.get(place) for place in results} for side in (first, second))):
        calls = f"    {argument.first}\n    {argument.second}"
        _check(f"{module}, argument {argument.name}, {device}: no difference between\n{calls}")


@pytest.mark.parametrize("treatment", TREATMENTS, ids=str)
@samples
def test_treatment(sample: Sample, treatment: Treatment, device: str) -> None:
    """A module that was called, copied, saved, moved or cast has its state and gives its results."""
    skip_if_missing(sample.loss)
    reason = treatment.format and obstacle(sample.loss, treatment.format, device)
    if reason:
        pytest.skip(reason)
    _check(problem(sample.case, device, f"treatment {treatment}", treatment))


@samples
def test_repr(sample: Sample) -> None:
    """A module shows itself by the name of its class."""
    skip_if_missing(sample.loss)
    made, _ = stages(sample.case)
    names = run(made, [], "cpu", "cpu")
    shown = repr(names["criterion"])
    assert shown.startswith(f"{LOSSES[sample.loss].module}("), shown


@pytest.mark.parametrize("loss", [LOSSES["linear_cross_entropy"]], ids=lambda loss: loss.name)
def test_layer_is_made_on_the_device(loss: Loss) -> None:
    """The parameters are where the constructor's ``device`` says."""
    skip_if_missing(loss.name)
    criterion = torch.nn.LinearCrossEntropyLoss(2, 3, bias=True, device="meta")
    assert {name: p.device.type for name, p in criterion.named_parameters()} == {
        "linear.weight": "meta",
        "linear.bias": "meta",
    }


@pytest.mark.parametrize("loss", [LOSSES["triplet_margin_with_distance_loss"]], ids=lambda loss: loss.name)
def test_distance_is_a_submodule(loss: Loss, device: str) -> None:
    """A distance that is a module is part of the loss: its parameters are, are copied, and have gradients."""
    made = [
        "distance = torch.nn.Bilinear(2, 2, 1, bias=False)",
        "torch.nn.init.constant_(distance.weight, 0.5)",
        "criterion = torch.nn.TripletMarginWithDistanceLoss(distance_function=distance, margin=100.0)",
        "operands = [torch.tensor([[0.5, -1.0], [2.0, 1.5]]) * factor for factor in (1, 2, -1)]",
    ]
    call = "F.triplet_margin_with_distance_loss(*operands, distance_function=distance, margin=100.0)"
    for copied in ("criterion", "copy.deepcopy(criterion)", "pickle.loads(pickle.dumps(criterion))"):
        called = [f"criterion = {copied}", "result = criterion(*operands)"]
        names = run(made, called, device, device)
        weight = {"distance_function.weight": names["distance"].weight}
        expected = seen(eval(call, names), {}, weight, weight)
        got = seen_of(names["criterion"], names["result"])
        place = difference(expected, got)
        if place:
            where = f"{loss.module}, a module as distance, {device}"
            _check(_told(where, place, expected, got, (made, called, device, device), call))
