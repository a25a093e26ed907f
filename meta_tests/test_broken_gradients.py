"""A broken gradient is found, and the failure is one that people can act on."""

from __future__ import annotations

from pathlib import Path

import pytest

from .test_failures import printed_by, run_broken, script_of

# A torch whose loss passes its input, or its result, through a function with a backward of its own.
BROKEN = """
import functools, torch, torch.nn.functional as F

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

original = F.{loss}

@functools.wraps(original)
def broken(*args, **kwargs):
    {call}

F.{loss} = broken
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
    tmp_path: Path, loss: str, what: str, call: str, tampering: str
) -> None:
    source = BROKEN.replace("{loss}", loss).replace("{call}", call).replace("{tampering}", tampering)
    output = run_broken(tmp_path, source, loss, "test_gradient and none")
    assert "outside the derived bound" in output
    assert "torch.autograd.grad(loss, " in output


# What torch must not do with gradients, and how the failure names it.
MISDEEDS = [
    ("target detached", "original(*a, **{**k, 'target': k['target'].detach()})", "raised RuntimeError"),
    ("result detached", "original(*a, **k).detach()", "raised RuntimeError"),
    ("first derivative only", "Once.apply(original(*a, **k))", "raised RuntimeError"),
]


@pytest.mark.parametrize(("what", "expression", "words"), MISDEEDS, ids=[row[0] for row in MISDEEDS])
def test_a_missing_gradient_is_told(tmp_path: Path, what: str, expression: str, words: str) -> None:
    source = (
        "import functools, torch, torch.nn.functional as F\noriginal = F.mse_loss\n"
        "class Once(torch.autograd.Function):\n"
        "    @staticmethod\n    def forward(ctx, x):\n        return x.clone()\n"
        "    @staticmethod\n    @torch.autograd.function.once_differentiable\n"
        "    def backward(ctx, g):\n        return g\n"
        f"@functools.wraps(original)\ndef broken(*a, **k):\n    return {expression}\n"
        "F.mse_loss = broken\n"
    )
    output = run_broken(tmp_path, source, "mse_loss", "test_gradient or test_second_derivative")
    assert words in output or "no gradient" in output


def test_the_script_of_a_gradient_runs(tmp_path: Path) -> None:
    tampering = "g.view(-1)[-1] *= -1"
    source = BROKEN.replace("{loss}", "mse_loss").replace("{call}", INPUT).replace("{tampering}", tampering)
    output = run_broken(tmp_path, source, "mse_loss", "test_gradient and mean")
    explanation, rest = output.split("To reproduce:", 1)
    for words in (
        "mse_loss (backward), reduction mean, float32, cpu: a gradient by input outside",
        "index (0,)",
    ):
        assert words in explanation
    script = script_of(rest)
    expected = float(script.rsplit("# expected ", 1)[1].split(" ")[0])
    assert printed_by(script) == pytest.approx(expected)  # an unbroken torch gives what was expected
