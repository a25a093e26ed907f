"""Saboteurs: broken losses, which the suite must notice.

A row of a table here breaks one loss in one way, as low in torch as is practical: a kernel by way of the
dispatcher, else the function that torch's Python code calls. ``python -m meta_tests.saboteurs`` runs the
suite against each and says which it notices; docs/power.md has the result.

To add one, write a `Saboteur` into the module of the loss's family. `faults.py` has words for most of what
can be wrong. Its witness must give another result while it is at work; `test_saboteurs.py` sees to that.
"""

from __future__ import annotations

from . import binary, classification, distribution, embedding, everywhere, regression, sequence
from .saboteur import KINDS, SEVERITIES, Saboteur

__all__ = ["KINDS", "SABOTEURS", "SEVERITIES", "Saboteur"]

SABOTEURS: dict[str, Saboteur] = {
    str(saboteur): saboteur
    for family in (everywhere, regression, classification, binary, distribution, embedding, sequence)
    for saboteur in family.SABOTEURS
}
