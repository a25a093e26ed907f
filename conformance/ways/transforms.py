"""Function transforms: ``torch.func``."""

from __future__ import annotations

from .way import Way

# Beside the case goes another of the same shapes, whose numbers must not reach it, forward or backward.
OTHER = "other = lambda x: x.detach().flip(0) if x.ndim else x.detach()"


def _vmap(stacked: str, at: str, in_dims: str) -> str:
    return f"""\
def way(*x):
    return torch.func.vmap(function, in_dims={in_dims})(*({stacked} for t in x))[{at}]
"""


FIRST = """\
def way(*x):
    first = torch.stack([x[0], other(x[0])])
    return torch.func.vmap(function, in_dims=(0, *[None] * len(x[1:])))(first, *x[1:])[0]
"""

SUM = "of_sum = lambda *x: (function(*x) * upstream).sum()"

GRAD = f"""\
def back(x, by, upstream):
    {SUM}
    return torch.func.grad(of_sum, by)(*x)
"""

VMAP_OF_GRAD = f"""\
def back(x, by, upstream):
    {SUM}
    gradients = torch.func.vmap(torch.func.grad(of_sum, by))(*(torch.stack([other(t), t]) for t in x))
    return tuple(gradient[1] for gradient in gradients)
"""

TRANSFORMS = (
    Way("vmap", _vmap("torch.stack([t, other(t)])", "0", "0"), setup=OTHER),
    Way("vmap_last", _vmap("torch.stack([other(t), t], -1)", "1", "-1"), setup=OTHER),
    # The gradient by what both share is the sum of two, of which each has its own infinities.
    Way("vmap_first", FIRST, setup=OTHER, differentiates=False),
    Way("func_grad", f"way = function\n{GRAD}"),
    Way("vmap_of_grad", f"way = function\n{VMAP_OF_GRAD}", setup=OTHER),
)
