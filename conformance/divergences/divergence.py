"""A divergence on record: what torch gives instead of what is documented, and calls that show it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import chain, count

import torch

from reference import FORMATS

from ..devices import absence
from .outcomes import Outcome, near

__all__ = ["Divergence", "Showing", "Witness", "near", "showings"]

HALVES = ("float16", "bfloat16")

# Among the devices of a record: whichever is not the CPU.
ELSEWHERE = "any other than cpu"

# What is wrong with a result.
KINDS = {
    "overflow": "it is infinite, nan or 0 because something overflows on the way to a number that fits",
    "underflow": "something on the way vanishes that the result depends on",
    "nan": "it is nan where the formula, or its limit, has a value; or a number where it is nan",
    "accuracy": "it is a number, and farther off than rounding explains",
    "uninitialised": "it is read from memory that nobody wrote, or that belongs to something else",
    "race": "threads read what others still write, so that it is another now and then",
    "convention": "it is computed by another formula than the documented one",
    "contract": "its shape or dtype is another than documented",
    "error": "a valid call raises",
    "no error": "an invalid call does not raise",
}

# What of a loss diverges.
OF = {
    "value": "value",
    "gradient": "gradient",
    "second": "second derivative or forward mode",
    "invalid call": "invalid call",
    "way": "way of running torch",
}
NUMBERS = ("value", "gradient", "second")

# How much it matters, measured by `python -m conformance severity`.
SEVERITIES = {
    "ordinary": "wrong at ordinary input",
    "corner": "wrong at a documented corner",
    "extreme": "only at the ends of the range",
    "accepted": "accepted though documented as invalid",
    "convention": "a choice that the documentation leaves open",
    "without data": "meta and fake tensors only",
}


@dataclass(frozen=True)
class Witness:
    """A call that shows a divergence.

    Attributes:
        loss: name of the functional.
        code: torch code; the last line is an expression.
        gives: the number that it gives, or the name of the exception it raises.
        truth: the number it should give, or the name of the exception.
        of: which property it shows, one of `OF`; by default the first of the record.
    """

    loss: str
    code: str
    gives: float | str
    truth: float | str
    of: str = ""


@dataclass(frozen=True)
class Divergence:
    """A known divergence: one defect, in whatever losses, derivatives and ways it shows.

    Attributes:
        id: a stable name.
        kind: one of `KINDS`.
        severity: one of `SEVERITIES`.
        instead: what torch gives; nothing else is explained by the record.
        reason: what torch does, and what would be right and why.
        witnesses: calls that show it, one of each loss and each property at least.
        formats: the floating-point formats concerned.
        until: the first torch known to be without it.
        of: the properties that diverge: the "value", the "gradient", the "second" derivative and forward
            mode, that an "invalid call" raises, or that a "way" of running torch changes nothing.
        since: the first torch known to have it, if that is not the oldest supported.
        devices: the types of device concerned, or `ELSEWHERE`; empty for all, as for what torch composes of
            other operations. The witnesses of what concerns certain devices run there.
        upstream: where torch's developers discuss it, if that is known.
        ways: the ways of running torch concerned, where it is about those only.
        needs: why this machine's processor cannot show it, or None; for what depends on its instructions.
    """

    id: str
    kind: str
    severity: str
    instead: Outcome
    reason: str
    witnesses: tuple[Witness, ...]
    of: tuple[str, ...] = ("value",)
    formats: tuple[str, ...] = tuple(FORMATS)
    until: str | None = None
    since: str | None = None
    devices: tuple[str, ...] = ()
    upstream: str = ""
    ways: tuple[str, ...] = ()
    needs: Callable[[], str | None] = lambda: None

    @property
    def losses(self) -> tuple[str, ...]:
        """The losses concerned, in the order of their witnesses."""
        return tuple(dict.fromkeys(witness.loss for witness in self.witnesses))

    def name(self, loss: str) -> str:
        """The record's id as it is of one of its losses, in tests, counts and reports."""
        return self.id if self.id.startswith(loss) and len(self.losses) == 1 else f"{loss}-{self.id}"

    @property
    def current(self) -> bool:
        """Whether the installed torch is in the range that the record is about."""
        begun = self.since is None or torch.__version__ >= self.since
        return begun and (self.until is None or torch.__version__ < self.until)

    @property
    def absent(self) -> str | None:
        """Why the witnesses cannot run here, such as that all devices concerned are absent; or None."""
        reasons = [absence(device) for device in self.devices if device != ELSEWHERE]
        return reasons[0] if reasons and all(reasons) else self.needs()

    def concerns(self, device: str) -> bool:
        """Whether a device, as torch spells it, is among those that the record is about."""
        kind = torch.device(device).type
        return not self.devices or kind in self.devices or (ELSEWHERE in self.devices and kind != "cpu")


@dataclass(frozen=True)
class Showing:
    """A witness of a record; as a string, the name of its test.

    Attributes:
        record: of which.
        witness: which.
        id: the record's name for the loss; with what is shown after it, where the loss has several.
    """

    record: Divergence
    witness: Witness
    id: str

    @property
    def loss(self) -> str:
        """The loss that the witness calls."""
        return self.witness.loss

    @property
    def of(self) -> str:
        """The property that the witness shows."""
        return self.witness.of or self.record.of[0]

    def __str__(self) -> str:
        return self.id


def showings(records: Iterable[Divergence]) -> list[Showing]:
    """All witnesses of some records, each with a name of its own."""
    found: dict[str, Showing] = {}
    for record in records:
        for witness in record.witnesses:
            name = record.name(witness.loss)
            other = f"{name}-{witness.of or record.of[0]}"
            names = chain((name, other), (f"{other}-{i}" for i in count(2)))
            chosen = next(free for free in names if free not in found)
            found[chosen] = Showing(record, witness, chosen)
    return list(found.values())
