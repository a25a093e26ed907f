"""The session: what this process tests, by which records, and who watches over it.

All state that outlives a test is here, so that a test of the suite can replace it in one place.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .divergences import Divergence
    from .implementation import Implementation
    from .journal import Isolation, Watchdog


@dataclass
class Session:
    """The state of a process that runs tests.

    Attributes:
        implementation: the losses under test; None: torch's.
        records: the known divergences that count; None: those of torch.
        watchdog: keeps the journal of this process; None: nobody does.
        isolation: runs torch so that this process survives; None: nothing does.
    """

    implementation: Implementation | None = None
    records: tuple[Divergence, ...] | None = None
    watchdog: Watchdog | None = None
    isolation: Isolation | None = None


session = Session()
