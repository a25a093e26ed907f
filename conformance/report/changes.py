"""What a comparison of two records holds, and the kinds of change in the order in which they matter."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from .comparable import Note
from .record import Record
from .signatures import SignatureChange

# By what factor the worst ulp, or the worst error / bound, must change to be told. Both runs have the same
# examples, so there is no chance in it; but at the one to few ulps that are usual here, one rounding more or
# less, as another order of a sum makes, is less than half of what was there.
FACTOR = 1.5
# What is not farther off than half an ulp is rounded correctly, and cannot be better.
CORRECTLY_ROUNDED = 0.5


@dataclass(frozen=True)
class Gap:
    """Cells that a run should have, and does not; nothing that they would say is compared.

    Attributes:
        side: "OLD" or "NEW".
        told: what is missing, and why.
        cells: how many there are.
        of_cells: how many there should be.
        first: ids of some that are missing, if they are known.
    """

    side: str
    told: str
    cells: int
    of_cells: int
    first: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Change:
    """A cell, or a divergence on record, of which torch does otherwise than before.

    Attributes:
        name: what diverges: the test, without its file, or the divergence on record.
        loss: the loss.
        before, after: outcomes.
        told: what a person is told of it.
        code: the failure, or a script that shows the divergence.
        id: of the test, for pytest to run it again; empty of a divergence on record.
        cells, examples: how many of those compared meet a divergence on record.
    """

    name: str
    loss: str
    before: str
    after: str
    told: str
    code: str
    id: str = ""
    cells: int = 1
    examples: int = 0


@dataclass(frozen=True)
class Accuracy:
    """The largest errors of a loss.

    Attributes:
        loss, of, dtype, device: of what; `of` is the property.
        ulp, ulp_after: the largest error in ulps.
        ratio, ratio_after: the largest error in units of the allowed error.
        where: the call with the larger of both errors in ulps.
        cells: how many there are.
    """

    loss: str
    of: str
    dtype: str
    device: str
    ulp: float
    ulp_after: float
    ratio: float
    ratio_after: float
    where: str
    cells: int

    @property
    def factors(self) -> tuple[float, float]:
        """By what the errors have grown: that in ulps, and that in units of the allowed one."""
        if 0 < max(self.ulp, self.ulp_after) <= CORRECTLY_ROUNDED:
            return 1.0, 1.0
        return _factor(self.ulp, self.ulp_after), _factor(self.ratio, self.ratio_after)

    @property
    def factor(self) -> float:
        """The factor that counts: what grew, if anything grew noticeably; else what shrank most."""
        largest = max(self.factors)
        return largest if largest > FACTOR else min(self.factors)


@dataclass(frozen=True)
class Drift:
    """Cells that conform as before, with other bits.

    Attributes:
        loss, of, way, dtype, device: of what; `of` is the property.
        cells, of_cells: how many have other bits, and how many have bits to compare.
        examples, of_examples: the same for examples, as far as there are as many before as after.
        unmatched: how many cells have another number of examples, which therefore are not compared.
        ulp, ulp_after: the largest error of the cells that have other bits.
    """

    loss: str
    of: str
    way: str
    dtype: str
    device: str
    cells: int
    of_cells: int
    examples: int
    of_examples: int
    unmatched: int
    ulp: float
    ulp_after: float


@dataclass(frozen=True)
class Side:
    """Another subgradient at a kink.

    Attributes:
        name: the test, without its file.
        loss: the loss.
        before, after: the subgradients.
    """

    name: str
    loss: str
    before: float
    after: float


@dataclass(frozen=True)
class Group:
    """Cells that are tested in one record only, for one reason.

    Attributes:
        loss, of, way, dtype, device: where they are; `of` is the property.
        reason: why they are not tested in the other.
        cells: how many.
        examples: how many got a verdict in one record only.
        diverging: how many of the cells diverge where they are tested.
    """

    loss: str
    of: str
    way: str
    dtype: str
    device: str
    reason: str
    cells: int
    examples: int
    diverging: int


@dataclass(frozen=True)
class LossChange:
    """A loss that only one of both has.

    Attributes:
        loss: its name.
        outcomes: how many of its cells came to what.
        findings: divergences of it that are on record and in force.
    """

    loss: str
    outcomes: dict[str, int]
    findings: list[str]


@dataclass(frozen=True)
class Kind:
    """A kind of change.

    Attributes:
        key: its name on the command line and, with underscores, the attribute of a comparison.
        title: for people.
        meaning: a sentence.
        unit: what is counted.
    """

    key: str
    title: str
    meaning: str
    unit: str

    @property
    def attribute(self) -> str:
        """Of `Comparison`, that lists the changes."""
        return self.key.replace("-", "_")


# The kinds that are shown with the failure or script of each change.
WORST = ("regressions", "crashes")
# The kinds for which a comparison fails by default.
FAILING = ("incomplete", *WORST)

# In the order in which they matter.
KINDS = tuple(
    Kind(*row)
    for row in (
        ("incomplete", "Incomplete",
         "A run lacks cells that it should have; nothing that they would say is compared.", "gaps"),
        ("regressions", "Regressions",
         "What conformed, or was known to diverge, diverges now; what conformed is a known divergence that "
         "both have; or what is on record of this torch and was not of the other.", "changes"),
        ("crashes", "Crashes",
         "The process ended, or something outside the tests failed, and did not before.", "cells"),
        ("fixes", "Fixes",
         "What diverged or crashed conforms now, or is known; or what was on record is gone.", "changes"),
        ("known-outcomes", "Other known outcomes",
         "A known divergence that both have is met by more or fewer examples of a cell.", "changes"),
        ("less-accurate", "Less accurate",
         f"What conforms has a largest error more than {FACTOR} times that of before.", "groups"),
        ("more-accurate", "More accurate",
         f"What conforms had a largest error more than {FACTOR} times that of now.", "groups"),
        ("drift", "Drift", "What conforms, or is known to diverge, as before has other bits.", "cells"),
        ("sides", "Sides of kinks", "Where there are many subgradients, another is taken.", "kinks"),
        ("lost-support", "Lost support", "What was tested, and torch says it does not have now.", "cells"),
        ("gained-support", "Gained support", "What torch did not have, and what is tested now.", "cells"),
        ("new-losses", "New losses",
         "What only the latter torch has; nothing of it is a regression.", "losses"),
        ("removed-losses", "Removed losses", "What only the former torch has.", "losses"),
        ("signatures", "Signatures", "Parameters, or their defaults, are others.", "signatures"),
        ("not-tested", "Newly not tested",
         "What was tested and is not now, for whatever reason; lost support counts, too.", "cells"),
        ("newly-tested", "Newly tested",
         "What was not tested before, for another reason than lack of support.", "cells"),
    )
)  # fmt: skip


@dataclass
class Comparison:
    """What changed.

    Attributes:
        old, new: what is compared.
        notes: what to bear in mind.
        cells: how many were compared.
        bad: how many of them diverge or crash in both.
        fail_on: the keys of the kinds for which the comparison fails.
        incomplete, ...: the changes, by `KINDS`.
    """

    old: Record
    new: Record
    notes: list[Note]
    cells: int = 0
    bad: int = 0
    fail_on: Sequence[str] = FAILING
    incomplete: list[Gap] = field(default_factory=list)
    regressions: list[Change] = field(default_factory=list)
    crashes: list[Change] = field(default_factory=list)
    fixes: list[Change] = field(default_factory=list)
    known_outcomes: list[Change] = field(default_factory=list)
    less_accurate: list[Accuracy] = field(default_factory=list)
    more_accurate: list[Accuracy] = field(default_factory=list)
    drift: list[Drift] = field(default_factory=list)
    sides: list[Side] = field(default_factory=list)
    lost_support: list[Group] = field(default_factory=list)
    gained_support: list[Group] = field(default_factory=list)
    new_losses: list[LossChange] = field(default_factory=list)
    removed_losses: list[LossChange] = field(default_factory=list)
    signatures: list[SignatureChange] = field(default_factory=list)
    not_tested: list[Group] = field(default_factory=list)
    newly_tested: list[Group] = field(default_factory=list)

    def changes(self, kind: Kind) -> list[Any]:
        """The changes of a kind."""
        found: list[Any] = getattr(self, kind.attribute)
        return found

    @property
    def failing(self) -> list[Kind]:
        """The kinds of change for which the comparison fails."""
        return [kind for kind in KINDS if kind.key in self.fail_on and self.changes(kind)]

    def count(self, kind: Kind) -> int:
        """How many there are, in the kind's unit."""
        changes = self.changes(kind)
        return sum(change.cells for change in changes) if kind.unit == "cells" else len(changes)


def _factor(before: float, after: float) -> float:
    if before == after:
        return 1.0
    return after / before if before else math.inf
