"""A broken gradient is found, and the failure is one that people can act on."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from conformance import test_gradient, test_second_derivative

from .test_failures import break_loss, printed_by, script_of, told_by

# A torch whose loss passes its input, or its result, through a function with a backward of its own.
BROKEN = """
class Broken(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    def backward(ctx, g):
        g = g.clone()
        if g.numel():
            {tampering}
        return g

def broken(*args, **kwargs):
    {call}
"""
INPUT = "return original(*args, **{**kwargs, 'input': Broken.apply(kwargs['input'])})"
RESULT = "return Broken.apply(original(*args, **kwargs))"

TAMPERINGS = [
    ("one element off by 1e-5", INPUT, "g.view(-1)[-1] *= 1 + 1e-5"),
    ("one element of the other sign", INPUT, "g.view(-1)[-1] *= -1"),
    ("upstream gradient taken for uniform", RESULT, "g.fill_(g.reshape(-1)[0])"),
    ("upstream gradient ignored", RESULT, "g.fill_(1)"),
    ("one element missing", INPUT, "g.view(-1)[0] = 0"),
]


@pytest.mark.parametrize("loss", ["mse_loss", "cross_entropy", "binary_cross_entropy_with_logits"])
@pytest.mark.parametrize(("what", "call", "tampering"), TAMPERINGS, ids=[row[0] for row in TAMPERINGS])
def test_a_broken_gradient_fails_with_the_reason(
    loss: str, what: str, call: str, tampering: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_loss(monkeypatch, loss, BROKEN.replace("{call}", call).replace("{tampering}", tampering))
    told = told_by(test_gradient.test_gradient, loss, "none")
    assert "outside the derived bound" in told
    assert "torch.autograd.grad(loss, " in told


ONCE = """
class Once(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, g):
        return g

"""
# What torch must not do with gradients, which test finds it, and how the failure names it.
MISDEEDS = [
    (
        "target detached",
        test_gradient.test_gradient,
        "original(*a, **{**k, 'target': k['target'].detach()})",
        "no gradient",
    ),
    (
        "result detached",
        test_gradient.test_gradient,
        "original(*a, **k).detach()",
        "does not require a gradient",
    ),
    (
        "once",
        test_second_derivative.test_second_derivative,
        "Once.apply(original(*a, **k))",
        "raised RuntimeError",
    ),
]


@pytest.mark.parametrize(("what", "test", "expression", "words"), MISDEEDS, ids=[row[0] for row in MISDEEDS])
def test_a_missing_gradient_is_told(
    what: str, test: Callable[..., None], expression: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_loss(monkeypatch, "mse_loss", f"{ONCE}def broken(*a, **k):\n    return {expression}\n")
    assert words in told_by(test, "mse_loss", "mean")


def test_the_script_of_a_gradient_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    break_loss(
        monkeypatch,
        "mse_loss",
        BROKEN.replace("{call}", INPUT).replace("{tampering}", "g.view(-1)[-1] *= -1"),
    )
    output = told_by(test_gradient.test_gradient, "mse_loss", "mean")
    monkeypatch.undo()
    explanation, rest = output.split("To reproduce:", 1)
    for words in (
        "mse_loss (backward), reduction mean, float32, cpu: a gradient by input outside",
        "index (0,)",
    ):
        assert words in explanation
    script = script_of(rest)
    expected = float(script.rsplit("# expected ", 1)[1].split(" ")[0])
    assert printed_by(script) == pytest.approx(expected)  # an unbroken torch gives what was expected
