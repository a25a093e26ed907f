"""Contexts: what is set around a call, and must change nothing."""

from __future__ import annotations

from .variants import many_samples
from .way import Way


def _within(context: str) -> str:
    """Code of a way that calls the loss in a context."""
    return f"""\
def way(*x):
    with {context}:
        return function(*x)
"""


def _between(before: str, after: str) -> str:
    """Code of a way that calls the loss between two statements."""
    return f"""\
def way(*x):
    {before}
    try:
        return function(*x)
    finally:
        {after}
"""


MODE = """\
class Mode(torch.overrides.TorchFunctionMode):
    def __torch_function__(self, function, types, args=(), kwargs=None):
        return function(*args, **(kwargs or {}))
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

DEFAULT_DEVICE = _between("torch.set_default_device(x[0].device)", "torch.set_default_device(None)")
DETERMINISTIC = _between(
    "torch.use_deterministic_algorithms(True)", "torch.use_deterministic_algorithms(False)"
)
THREADS = _between(
    "threads = torch.get_num_threads(); torch.set_num_threads(2)", "torch.set_num_threads(threads)"
)

CONTEXTS = (
    Way("no_grad", "way = torch.no_grad()(function)", exact=True, differentiates=False),
    Way("inference_mode", "way = torch.inference_mode()(function)", exact=True, differentiates=False),
    Way("function_mode", _within("Mode()"), setup=MODE, exact=True),
    Way("subclass", OF_SUBCLASS, setup=SUBCLASS, exact=True),
    Way("device_context", _within("x[0].device"), exact=True),
    Way("default_device", DEFAULT_DEVICE, exact=True),
    Way("deterministic", DETERMINISTIC),
    Way("two_threads", THREADS, divisor=50, serves=many_samples),
    Way(
        "checkpoint",
        "way = lambda *x: checkpoint(function, *x, use_reentrant=False)",
        setup="from torch.utils.checkpoint import checkpoint",
        exact=True,
    ),
)
