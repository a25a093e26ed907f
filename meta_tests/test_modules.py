"""Modules: whatever one of them does otherwise is found, and the failure says what."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from conformance import test_modules as suite
from conformance.availability import skip_if_missing
from conformance.losses import LOSSES
from conformance.modules import SAMPLES, TREATMENTS

from .test_failures import run_broken, script_of

MODULE = torch.nn.Module


def as_attribute(self: nn.Module, name: str, tensor: torch.Tensor | None) -> None:
    self.__dict__[name] = tensor


def unsaved(self: nn.Module, name: str, tensor: torch.Tensor | None) -> None:
    MODULE.register_buffer(self, name, tensor, persistent=False)


def as_parameter(self: nn.Module, name: str, tensor: torch.Tensor | None) -> None:
    self.register_parameter(name, None if tensor is None else nn.Parameter(tensor))


def without_buffers(self: nn.Module) -> dict[str, Any]:
    return {**self.__dict__, "_buffers": dict.fromkeys(self._buffers)}


def forgetting(self: nn.Module) -> dict[str, Any]:
    return {name: value for name, value in self.__dict__.items() if name != "ignore_index"}


def without_delta(self: Any, input: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    return F.huber_loss(input, target, reduction=self.reduction)


def only_trained(self: Any, input: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    return F.mse_loss(input, target, reduction=self.reduction) * (1 + 2.0**-23 * (not self.training))


def counting(self: Any, input: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    self.calls = getattr(self, "calls", 0) + 1
    return F.mse_loss(input, target, reduction=self.reduction) * self.calls


def detached(self: Any, input: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    return F.linear_cross_entropy(
        input,
        self.linear.weight.detach(),
        target,
        linear_bias=self.linear.bias,
        weight=self.weight,
        reduction=self.reduction,
        ignore_index=self.ignore_index,
        label_smoothing=self.label_smoothing,
    )


def staying(self: nn.Module, function: Any, recurse: bool = True) -> nn.Module:
    return self


def raising(self: Any, *given: Any) -> Any:
    raise KeyError("no such thing")


GOT_NOTHING = r"\n    expected \[.*\], torch.float32 on cpu\n    got      nothing"
BUFFER = rf"wrong is dict\(criterion.named_buffers\(\)\)\['weight'\]{GOT_NOTHING}"
SAVED = rf"wrong is criterion.state_dict\(\)\['weight'\]{GOT_NOTHING}"

# A loss, what is put into its class, the arguments and treatments that show it, and what the failure says.
BREAKS: list[tuple[str, str, Callable[..., Any], str, str]] = [
    ("huber_loss", "forward", without_delta, "delta", "argument delta, cpu: wrong is result"),
    ("huber_loss", "forward", raising, "reduction", "got      raised KeyError: 'no such thing'"),
    ("cross_entropy", "register_buffer", as_attribute, "weight called deepcopy", BUFFER),
    ("cross_entropy", "register_buffer", as_attribute, "double", "RuntimeError: expected scalar type Double"),
    ("cross_entropy", "register_buffer", unsaved, "weight called", SAVED),
    ("cross_entropy", "register_buffer", unsaved, "load_state_dict", "wrong is result"),
    ("multilabel_soft_margin_loss", "register_buffer", as_parameter, "weight called", BUFFER),
    ("binary_cross_entropy", "_apply", staying, "double half to_dtype to_meta", r"wrong is .*\['weight'\]"),
    ("cross_entropy", "__deepcopy__", lambda self, memo: copy.copy(self), "deepcopy", "wrong is result"),
    ("cross_entropy", "__getstate__", without_buffers, "deepcopy pickle save", "wrong is result"),
    ("nll_loss", "__getstate__", forgetting, "pickle save", "AttributeError: .* has no attribute"),
    ("nll_loss", "load_state_dict", lambda self, state: None, "load_state_dict", "wrong is result"),
    ("mse_loss", "forward", only_trained, "eval", "treatment eval, cpu: wrong is result"),
    ("mse_loss", "forward", counting, "called", "treatment called, cpu: wrong is result"),
    ("mse_loss", "eval", lambda self: None, "train", "AttributeError"),
    (
        "linear_cross_entropy",
        "forward",
        detached,
        "bias called",
        rf"linear.weight'\)\)\[0\]{GOT_NOTHING}",
    ),
]


def check(loss: str, shown_by: str) -> None:
    """Run the test of an argument or of a treatment on the CPU."""
    for argument in suite.ARGUMENTS:
        if (argument.loss, argument.name) == (loss, shown_by):
            suite.test_constructor_argument(argument, "cpu")
    for treatment in TREATMENTS:
        if treatment.name == shown_by:
            suite.test_treatment(SAMPLES[loss], treatment, "cpu")


@pytest.mark.parametrize(
    ("loss", "attribute", "replacement", "shown_by", "words"),
    [
        pytest.param(*row[:3], name, row[4], id=f"{i}-{name}")
        for i, row in enumerate(BREAKS)
        for name in row[3].split()
    ],
)
def test_a_broken_module_fails_with_the_reason(
    loss: str,
    attribute: str,
    replacement: Callable[..., Any],
    shown_by: str,
    words: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    skip_if_missing(loss)
    check(loss, shown_by)
    monkeypatch.setattr(getattr(nn, LOSSES[loss].module), attribute, replacement, raising=False)
    with pytest.raises(pytest.fail.Exception, match=words):
        check(loss, shown_by)


def test_every_loss_has_a_sample() -> None:
    assert SAMPLES.keys() == LOSSES.keys()


def test_a_new_argument_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    class HuberLoss(nn.HuberLoss):
        def __init__(self, reduction: str = "mean", delta: float = 1.0, gamma: float = 0.0) -> None:
            super().__init__(reduction, delta)

    monkeypatch.setattr(nn, "HuberLoss", HuberLoss)
    with pytest.raises(
        AssertionError, match=r"gamma of torch.nn.HuberLoss is not tested: give it two values"
    ):
        suite.test_every_constructor_argument_is_tested(LOSSES["huber_loss"])


def test_an_argument_of_another_torch_is_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    class HuberLoss(nn.HuberLoss):
        def __init__(self, reduction: str = "mean") -> None:
            super().__init__(reduction)

    monkeypatch.setattr(nn, "HuberLoss", HuberLoss)
    with pytest.raises(pytest.skip.Exception, match="HuberLoss has no delta"):
        check("huber_loss", "delta")


def test_an_argument_that_torch_ignores_altogether_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def ignoring(input: torch.Tensor, target: torch.Tensor, reduction: str, delta: float) -> torch.Tensor:
        return F.mse_loss(input, target)

    monkeypatch.setattr(F, "huber_loss", ignoring)
    with pytest.raises(pytest.fail.Exception, match="HuberLoss, argument delta, cpu: no difference between"):
        check("huber_loss", "delta")


def test_a_module_that_cannot_be_shown_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    suite.test_repr(SAMPLES["mse_loss"])
    monkeypatch.setattr(nn.MSELoss, "_get_name", lambda self: "L1Loss")
    with pytest.raises(AssertionError, match="L1Loss"):
        suite.test_repr(SAMPLES["mse_loss"])


def test_a_layer_elsewhere_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    loss = LOSSES["linear_cross_entropy"]
    skip_if_missing(loss.name)
    made = nn.LinearCrossEntropyLoss.__init__
    suite.test_layer_is_made_on_the_device(loss)

    def ignoring(self: Any, *sizes: int, device: object = None, **options: Any) -> None:
        made(self, *sizes, **options)

    monkeypatch.setattr(nn.LinearCrossEntropyLoss, "__init__", ignoring)
    with pytest.raises(AssertionError):
        suite.test_layer_is_made_on_the_device(loss)


@pytest.mark.parametrize(
    ("attribute", "replacement"),
    [
        ("__setattr__", object.__setattr__),
        ("__deepcopy__", lambda self, memo: nn.TripletMarginWithDistanceLoss(margin=self.margin)),
        (
            "__getstate__",
            lambda self: {**self.__dict__, "_modules": {"distance_function": nn.PairwiseDistance()}},
        ),
    ],
)
def test_a_lost_distance_is_told(attribute: str, replacement: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    loss = LOSSES["triplet_margin_with_distance_loss"]
    suite.test_distance_is_a_submodule(loss, "cpu")
    monkeypatch.setattr(nn.TripletMarginWithDistanceLoss, attribute, replacement, raising=False)
    with pytest.raises(pytest.fail.Exception, match="a module as distance, cpu: wrong is"):
        suite.test_distance_is_a_submodule(loss, "cpu")


@pytest.mark.parametrize("treatment", [suite.NOTHING, *TREATMENTS], ids=str)
def test_the_script_gives_what_was_expected_where_nothing_is_broken(
    treatment: suite.Treatment, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    loss = "cross_entropy"
    with monkeypatch.context() as broken:
        broken.setattr(nn.CrossEntropyLoss, "forward", raising)
        told = suite.problem(SAMPLES[loss].case, "cpu", "anything", treatment)
    if not treatment.calls:
        assert told is None
        return
    assert told is not None
    exec(script_of(told.split("To reproduce:")[1]), {})
    got, expected = capsys.readouterr().out.splitlines()
    assert got == expected


def test_the_suite_tells_a_broken_module_by_loss_and_argument(tmp_path: Path) -> None:
    source = (
        "import torch, torch.nn.functional as F\n"
        "def forward(self, input, target):\n"
        "    return F.huber_loss(input, target, reduction=self.reduction)\n"
        "torch.nn.HuberLoss.forward = forward\n"
    )
    output = run_broken(tmp_path, source, "huber_loss", "test_modules.py")
    failed = set(re.findall(r"^(?:_+ )(test_\w+\[.*\])", output, re.MULTILINE))
    assert "test_constructor_argument[huber_loss-delta-cpu]" in failed
    assert "test_treatment[huber_loss-deepcopy-cpu]" in failed
    assert all("[huber_loss" in name for name in failed)
    assert "HuberLoss, argument delta, cpu: wrong is result" in output
