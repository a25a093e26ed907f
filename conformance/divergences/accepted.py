"""What torch returns for each invalid call that it accepts, by the record: the table ``accepted.tsv``.

A line has the id of the record, the call (loss and violation), the sum of the result, its shape and dtype,
and the sum of the gradients or the name of an exception. ``any`` stands for memory that is not the tensor's,
``-`` for what was not tried. Several lines of a call are what several versions of torch return. The failure
of a call that is not on record prints its line.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

from ..disposable import Outcome
from .divergence import Divergence, Witness
from .outcomes import Accepts, Answer

TABLE = Path(__file__).with_suffix(".tsv")


@cache
def _answers() -> Mapping[str, Mapping[str, tuple[Answer, ...]]]:
    found: dict[str, dict[str, tuple[Answer, ...]]] = {}
    for line in TABLE.read_text().splitlines()[1:]:
        record, call, number, shape, dtype, back = line.split("\t")
        sizes = () if shape == "0d" else tuple(int(size) for size in shape.split("x"))
        answer = Answer(None if number == "any" else float(number), sizes, dtype, _back(back))
        of = found.setdefault(record, {})
        of[call] = (*of.get(call, ()), answer)
    return found


def _back(text: str) -> float | str | None:
    try:
        return float(text)
    except ValueError:
        return None if text == "-" else text


def accepts(record: str) -> Accepts:
    """The calls of the table that belong to a record."""
    return Accepts(_answers()[record])


def accepted(
    id: str, reason: str, witnesses: Iterable[Witness], *, kind: str = "no error",
    since: str | None = None, until: str | None = None, upstream: str = "",
) -> Divergence:  # fmt: skip
    """A record of invalid calls of which the table has what torch returns.

    Args:
        id: of the record, in the table, too.
        reason: what is wrong.
        witnesses: calls that show it.
        kind: what torch does, if not only that it raises no error.
        since: the first version that accepts them, see `Divergence`.
        until: the first that does not.
        upstream: where PyTorch's developers speak of it.
    """
    return Divergence(
        id, kind, "accepted", accepts(id), reason, tuple(witnesses), of=("invalid call",),
        since=since, until=until, upstream=upstream,
    )  # fmt: skip


def line_of(call: str, outcome: Outcome) -> str:
    """The line that puts what came of a call on record."""
    back = "-" if outcome.back is None else outcome.back
    number, gradient = (x if isinstance(x, str) else f"{x:.6g}" for x in (outcome.gives, back))
    shape = "x".join(map(str, outcome.shape)) or "0d"
    return "\t".join(("RECORD", call, number, shape, outcome.dtype, gradient))
