"""What torch is known to do otherwise than documented."""

from .record import Divergence

DIVERGENCES: tuple[Divergence, ...] = ()
