"""What a script prints to show what is wrong with a call, apart from its numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from reference import Array

from .foreign import UnfitError, told


@dataclass(frozen=True)
class Evidence:
    """What a script prints, and what it needs to do so. The call makes ``got``.

    Attributes:
        prints: expressions.
        kept: the argument that has a name in the script; where `prints` uses ``before``, that is a copy of it
            from before the call.
        copy: how it is copied.
        setup: statements before everything else.
        after: statements between the call and what is printed.
        beside: "runs" if the call that ``got`` must agree with is made first, as ``first``; "raises" if it is
            and raises; empty if it is not made.
        passes: how often the script goes back through the graph.
    """

    prints: tuple[str, ...] = ("got",)
    kept: str = ""
    copy: str = "{}.detach().clone()"
    setup: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    beside: str = ""
    passes: int = 0

    def keeping(self) -> list[str]:
        """The statement that keeps a copy, if one is looked at."""
        looks = any("before" in expression for expression in self.prints)
        return [f"before = {self.copy.format(self.kept)}"] if looks else []


class Problem(NamedTuple):
    """What is wrong, in words, and what shows it."""

    text: str
    shows: Evidence


RESULT = Evidence()
SHAPE = Evidence(("tuple(got.shape)",))
KIND = Evidence(("(got.dtype, tuple(got.shape), got.device.type)",))
# That of the way, which is on the device where the tensors are, and that of the plain call.
KINDS = Evidence((*KIND.prints, "(first.dtype, tuple(first.shape))"), beside="runs")
MEMORY = """\
def memory(x):
    return x.detach().as_strided((x.untyped_storage().nbytes() // x.element_size(),), (1,), 0)
"""


def raises(error: Exception, passes: int = 0) -> Problem:
    """A call raises or returns what cannot be judged, or going back through its graph does."""
    shows = (error.shows,) if isinstance(error, UnfitError) else RESULT.prints
    return Problem(told(error), Evidence(shows, passes=passes))


def changed(name: str, values: Array, passes: int = 0) -> Problem:
    """A call has changed an argument, or an upstream gradient, whose values are those from before."""
    what = "the upstream gradient" if name == "upstream" else name
    return Problem(f"{what} was changed in place", Evidence((_equal(name, values),), name, passes=passes))


def shared(name: str, values: Array) -> Problem:
    """The result shares memory with an argument of these values."""
    writing = ("got.copy_(got == 0)  # no number stays what it is",)
    shows = Evidence((_equal(name, values),), name, after=writing)
    return Problem(f"the result shares memory with {name}", shows)


def view_changed(name: str) -> Problem:
    """The memory around an argument that is a view has changed."""
    shows = Evidence(
        (f"torch.equal(memory({name}).view(torch.uint8), before.view(torch.uint8))",), name,
        copy="memory({}).clone()", setup=tuple(MEMORY.splitlines()), passes=1,
    )  # fmt: skip
    return Problem(f"memory that {name} is a view of was changed", shows)


def differing(got: Array, other: Array, name: str = "first", after: str = "got") -> tuple[str, ...]:
    """Expressions of two arrays of one shape that show where their bits first differ.

    Args:
        got: an array.
        other: another one.
        name: of `other` in the script.
        after: of `got` in the script.
    """
    alike = (got == other) & (np.signbit(got) == np.signbit(other)) | np.isnan(got) & np.isnan(other)
    index = np.unravel_index(int(np.argmin(alike)), alike.shape) if alike.size else ()
    place = f"[{', '.join(map(str, index))}]" if index else ""
    return f"{after}{place}.item()", f"{name}{place}.item()"


def _equal(name: str, values: Array) -> str:
    """An expression: whether an argument is what it was; torch.equal takes no nan for equal to another."""
    if np.any(values != values):
        return f"str({name}.cpu().tolist()) == str(before.cpu().tolist())"
    return f"torch.equal({name}, before)"
