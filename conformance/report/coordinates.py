"""The coordinates of a test, read from its id."""

from __future__ import annotations

from collections.abc import Collection

from ..losses import LOSSES

NAMES = {name: row.name for row in LOSSES.values() for name in (row.name, row.module)}

CELL = ("loss", "reduction", "dtype", "device")
# What the parts of an id are, by property; "" is a part that is no axis of a report.
AXES = {
    "value": CELL,
    "gradient": CELL,
    "second_derivative": CELL,
    "corner": ("loss", "", "dtype", "device"),
    "law": ("", "loss", "dtype", "device"),
    "way": ("loss", "way", "dtype", "device"),
    "invalid_calls_by_way": ("loss", "way", "device"),
    "cpu_support": ("dtype", "loss"),
}


def coordinates(nodeid: str, devices: Collection[str]) -> dict[str, str]:
    """The property ``of`` a test, and where it is run, as far as it has coordinates.

    The id is read, and not the test's parameters, because it is all that is left of a test whose process
    has ended.

    Args:
        nodeid: pytest's.
        devices: those that the run tests.
    """
    name, _, parameters = nodeid.rpartition("::")[2].removesuffix("]").partition("[")
    of = name.removeprefix("test_")
    parts = parameters.split("-")
    if of in AXES:
        found = dict(zip(AXES[of], parts))
        found.pop("", None)
        return {"of": of, **found}
    losses = [NAMES[part] for part in parts if part in NAMES]
    found = {"loss": losses[0]} if losses else {}
    return {"of": of, **found, **({"device": parts[-1]} if parts[-1] in devices else {})}
