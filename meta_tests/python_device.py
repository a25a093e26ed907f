"""A device named "toy" for a machine without one: ``-p meta_tests.python_device --device toy``.

Its tensors are wrappers without accessible memory. Each holds a CPU tensor, on which its kernels run. As on
other accelerators, a call may not mix its tensors with those of the CPU, apart from single numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.utils import backend_registration
from torch.utils._pytree import tree_flatten, tree_map_only

NAME = "toy"
CPU = torch.device("cpu")

# Kernels of its own, by the operation whose place they take; they are given CPU tensors, and give such.
KERNELS: dict[torch._ops.OpOverload, Callable[..., Any]] = {}


class ToyTensor(torch.Tensor):
    """A tensor on the device.

    Args:
        inner: the CPU tensor that holds its numbers.
    """

    inner: torch.Tensor
    __torch_function__ = torch._C._disabled_torch_function_impl

    @staticmethod
    def __new__(cls, inner: torch.Tensor) -> ToyTensor:
        """Wrap a CPU tensor."""
        if inner._is_zerotensor():  # derivatives may be zeros that have no memory
            inner = torch.zeros(inner.shape, dtype=inner.dtype)
        made: ToyTensor = torch.Tensor._make_wrapper_subclass(
            cls, inner.shape, strides=inner.stride(), storage_offset=inner.storage_offset(),
            dtype=inner.dtype, device=torch.device(NAME, 0), storage_size=inner.untyped_storage().nbytes(),
        )  # fmt: skip
        made.inner = inner
        return made

    @classmethod
    def __torch_dispatch__(cls, operation: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return run(operation, *args, **(kwargs or {}))

    def __repr__(self, **_: Any) -> str:
        return f"{self.inner!r} on {NAME}"


def run(operation: torch._ops.OpOverload, *args: Any, **kwargs: Any) -> Any:
    """Run an operation on the CPU tensors, and put the results where it is asked for them.

    Raises:
        RuntimeError: some tensors are on the CPU.
    """
    tensors = [x for x in tree_flatten((args, kwargs))[0] if isinstance(x, torch.Tensor)]
    transfers = operation.overloadpacket in (torch.ops.aten.copy_, torch.ops.aten._to_copy)
    if not transfers and any(x.ndim for x in tensors if not isinstance(x, ToyTensor)):
        raise RuntimeError(f"Expected all tensors to be on the same device, but found {NAME}:0 and cpu")
    known = {id(x.inner): x for x in tensors if isinstance(x, ToyTensor)}
    inner = tree_map_only(ToyTensor, lambda x: x.inner, (args, kwargs))
    args, kwargs = tree_map_only(torch.device, lambda x: CPU if x.type == NAME else x, inner)
    result = KERNELS.get(operation, operation)(*args, **kwargs)
    device = inner[1].get("device")
    if device is not None and device.type != NAME:
        return result
    # What is changed in place stays the tensor that it is.
    return tree_map_only(torch.Tensor, lambda x: known[id(x)] if id(x) in known else ToyTensor(x), result)


def _copy(to: torch.Tensor, source: torch.Tensor, non_blocking: bool = False) -> Any:
    """``copy_``, which torch.tensor calls where tensor subclasses are not looked at."""
    return run(torch.ops.aten.copy_.default, to, source, non_blocking)


backend_registration._setup_privateuseone_for_python_backend(NAME)
# What makes tensors has none whose subclass could be asked.
_ANY = torch.library.Library("_", "IMPL")
_ANY.fallback(run, "PrivateUse1")
_ATEN = torch.library.Library("aten", "IMPL")
_ATEN.impl("copy_", _copy, "PrivateUse1")
