"""Tensors without data: what a result will be, before there are numbers."""

from __future__ import annotations

from .way import Way

FAKE = """\
def way(*x):
    with mode:
        return function(*x)

def back(x, by, upstream):
    with mode:
        result = function(*(t.requires_grad_(i in by) for i, t in enumerate(x)))
        return torch.autograd.grad(result, [x[i] for i in by], upstream, allow_unused=True)
"""

WITHOUT_DATA = (
    Way("meta", layout="x.to('meta')", data=False),
    Way(
        "fake",
        FAKE,
        setup="from torch._subclasses.fake_tensor import FakeTensorMode\nmode = FakeTensorMode()",
        layout="mode.from_tensor(x)",
        data=False,
        divisor=20,  # a fake call takes the time of several
    ),
)
