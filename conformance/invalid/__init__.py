"""Invalid calls, one violation each: torch must refuse them with an exception that a caller can act on.

The documentation and mathematics say what is invalid. A value that neither excludes is not in the tables.
Python takes half a second to make these, so they are a module of their own, `tables`, which a process imports
only to make the calls.
"""

from __future__ import annotations

from .promotion import Promotion
from .row import SENSIBLE, Invalid, Valid

__all__ = ["SENSIBLE", "Invalid", "Promotion", "Valid"]
