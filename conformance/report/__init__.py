"""What a run found, as a file: written while it runs, rendered for people, compared with another."""

from __future__ import annotations

from .progress import Progress
from .recorder import Recorder, prepared
from .tested import RequireTested, required_share

__all__ = ["Progress", "Recorder", "RequireTested", "prepared", "required_share"]
