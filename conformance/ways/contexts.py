"""Contexts: what is set around a call, and must change nothing."""

from __future__ import annotations

from .way import Way

MODE = """\
class Mode(torch.overrides.TorchFunctionMode):
    def __torch_function__(self, function, types, args=(), kwargs=None):
        return function(*args, **(kwargs or {}))
"""

IN_MODE = """\
def way(*x):
    with Mode():
        return function(*x)
"""

SUBCLASS = """\
class Subclass(torch.Tensor):
    pass
"""

OF_SUBCLASS = """\
def way(*x):
    result = function(*(tensor.as_subclass(Subclass) for tensor in x))
    assert type(result) is Subclass, f"the result is a {type(result).__name__}"
    return result.as_subclass(torch.Tensor)
"""

ON_DEVICE = """\
def way(*x):
    with x[0].device:
        return function(*x)
"""

DEFAULT_DEVICE = """\
def way(*x):
    torch.set_default_device(x[0].device)
    try:
        return function(*x)
    finally:
        torch.set_default_device(None)
"""

DETERMINISTIC = """\
def way(*x):
    torch.use_deterministic_algorithms(True)
    try:
        return function(*x)
    finally:
        torch.use_deterministic_algorithms(False)
"""

THREADS = """\
def way(*x):
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        return function(*x)
    finally:
        torch.set_num_threads(threads)
"""

CONTEXTS = (
    Way("no_grad", "way = torch.no_grad()(function)", exact=True, differentiates=False),
    Way("inference_mode", "way = torch.inference_mode()(function)", exact=True, differentiates=False),
    Way("function_mode", IN_MODE, setup=MODE, exact=True),
    Way("subclass", OF_SUBCLASS, setup=SUBCLASS, exact=True),
    Way("device_context", ON_DEVICE, exact=True),
    Way("default_device", DEFAULT_DEVICE, exact=True),
    Way("deterministic", DETERMINISTIC),
    Way("two_threads", THREADS),
    Way(
        "checkpoint",
        "way = lambda *x: checkpoint(function, *x, use_reentrant=False)",
        setup="from torch.utils.checkpoint import checkpoint",
        exact=True,
    ),
)
