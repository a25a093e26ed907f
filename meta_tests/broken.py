"""A torch that is wrong in many ways at once: ``-p meta_tests.broken``.

It is right if ``HEALTHY`` is in the environment. Else each loss has one fault where nothing requires a
gradient, and another where something does.
"""

from __future__ import annotations

import functools
import itertools
import os
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch.autograd import forward_ad
from torch.autograd.function import once_differentiable

MESSAGE = 'first line\nsecond \'line\' of """many""" \udcff' + "x" * 5000
functorch = torch._C._functorch
calls = itertools.count()


def raise_error(*_: Any) -> Any:
    """Raise an error whose message is hard to print."""
    raise RuntimeError(MESSAGE)


class Through(torch.autograd.Function):
    """The same numbers; how the gradient goes back is for a subclass to say."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        """Keep what a subclass may ask for."""
        ctx.passes, ctx.dense = 0, x.untyped_storage().nbytes() == x.nbytes
        return x.clone()

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> Any:
        """See the class."""
        return gradients[0]


class Turned(Through):
    """A gradient of threes."""

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> Any:
        """See the class."""
        return torch.full_like(gradients[0], 3.0)


class Raising(Through):
    """Raises on the way back."""

    backward = staticmethod(raise_error)


class RaisingInParts(Through):
    """Raises on the way back if it was given a view with gaps."""

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> Any:
        """See the class."""
        return gradients[0] if ctx.dense else raise_error()


class Counting(Through):
    """Another gradient in each pass."""

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> Any:
        """See the class."""
        ctx.passes += 1
        return gradients[0] + (ctx.passes - 1)


class Spoiling(Through):
    """Changes the upstream gradient."""

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> Any:
        """See the class."""
        gradients[0].data.add_(1)
        return torch.ones_like(gradients[0])


class Once(Through):
    """A gradient that cannot be differentiated."""

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: torch.Tensor) -> Any:
        """See the class."""
        return gradients[0]


class Twice(Through):
    """A gradient whose derivative is too large."""

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> Any:
        """See the class."""
        g = gradients[0]
        return g + (g - g.detach())


def spoiled(x: torch.Tensor) -> None:
    """Change an argument."""
    x.data.add_(1)  # as a kernel would, unknown to autograd


def labelled(x: torch.Tensor) -> None:
    """Give an argument a gradient."""
    x.grad = torch.ones_like(x)


def around(x: torch.Tensor) -> torch.Tensor:
    """The memory that an argument is a view of."""
    return x.detach().as_strided((x.untyped_storage().nbytes() // x.element_size(),), (1,), 0)


Fault = Callable[[Callable[..., Any], dict[str, Any]], Any]
# By loss: what is wrong where nothing requires a gradient.
VALUES: dict[str, Fault] = {
    "l1_loss": lambda original, k: original(**k) * 0 + 1,
    "mse_loss": raise_error,
    "smooth_l1_loss": lambda original, k: original(**k).double(),
    "huber_loss": lambda original, k: original(**k)[None],
    "poisson_nll_loss": lambda original, k: k["input"].view(k["input"].shape),
    "kl_div": lambda original, k: (original(**k), spoiled(k["input"]))[0],
    "margin_ranking_loss": lambda original, k: original(**k) + (next(calls) % 4 == 0),
    "hinge_embedding_loss": lambda original, k: original(**k) + ("size_average" in k),
    "gaussian_nll_loss": lambda original, k: original(**k).to("meta"),
    "triplet_margin_loss": lambda original, k: original(**k) * (1 + _is_dual(k["anchor"])),
    "multilabel_margin_loss": lambda original, k: torch.zeros(()),
    "multi_margin_loss": lambda original, k: _swallowing(original, k),
    "cosine_embedding_loss": lambda original, k: original(**k).half() if _is_mixed(k) else original(**k),
    "binary_cross_entropy": lambda original, k: (
        original(**k) + 1 if torch.is_inference_mode_enabled() else original(**k)
    ),
    "soft_margin_loss": lambda original, k: (
        original(**k) if torch.is_grad_enabled() else original(**k).double()
    ),
    "cross_entropy": lambda original, k: (
        raise_error() if functorch.is_batchedtensor(k["input"]) else original(**k)
    ),
}
# By loss: what is wrong where something requires one.
GRADIENTS: dict[str, Fault] = {
    "l1_loss": lambda original, k: original(**{**k, "input": Turned.apply(k["input"])}),
    "mse_loss": lambda original, k: original(**{**k, "target": k["target"].detach()}),
    "smooth_l1_loss": lambda original, k: Raising.apply(original(**k)),
    "huber_loss": lambda original, k: original(**{**k, "input": Counting.apply(k["input"])}),
    "poisson_nll_loss": lambda original, k: Spoiling.apply(original(**k)),
    "kl_div": lambda original, k: (original(**k), spoiled(k["target"]))[0],
    "margin_ranking_loss": lambda original, k: Once.apply(original(**k)),
    "hinge_embedding_loss": lambda original, k: (original(**k), labelled(k["target"]))[0],
    "gaussian_nll_loss": lambda original, k: Twice.apply(original(**k)),
    "binary_cross_entropy_with_logits": lambda original, k: original(
        **{**k, "input": RaisingInParts.apply(k["input"])}
    ),
    "multilabel_soft_margin_loss": lambda original, k: (original(**k), around(k["input"]).add_(1))[0],
}


def _is_dual(x: torch.Tensor) -> bool:
    return forward_ad._current_level >= 0 and forward_ad.unpack_dual(x).tangent is not None


def _is_mixed(k: dict[str, Any]) -> bool:
    return k["input1"].dtype != k["input2"].dtype


def _swallowing(original: Callable[..., Any], k: dict[str, Any]) -> Any:
    try:
        return original(**k)
    except Exception:
        return torch.zeros(())


def _breaking(name: str) -> Callable[..., Any]:
    original = getattr(F, name)

    @functools.wraps(original)
    def broken(*a: Any, **k: Any) -> Any:
        named = dict(zip(original.__code__.co_varnames, a)) | k
        leaves = any(isinstance(value, torch.Tensor) and value.requires_grad for value in named.values())
        fault = (GRADIENTS if leaves else VALUES).get(name)
        return fault(original, named) if fault else original(**named)

    return broken


if "HEALTHY" not in os.environ:
    for name in VALUES | GRADIENTS:
        setattr(F, name, _breaking(name))
    forward = torch.nn.SoftMarginLoss.forward
    torch.nn.SoftMarginLoss.forward = lambda self, x, y: forward(self, x, y) + 1
    torch.nn.NLLLoss.forward = lambda self, x, y: F.nll_loss(x, y)  # its options are lost
    torch.nn.CTCLoss.eval = raise_error
