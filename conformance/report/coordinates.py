"""The coordinates of a test, read from its id."""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import cache
from pathlib import Path

from ..losses import ALIASES, LOSSES

ROOT = Path(__file__).resolve().parents[2]
ROOM = "conformance"

NAMES = {name: row.name for row in LOSSES.values() for name in (row.name, row.module)}
NAMES |= {alias: NAMES[module] for alias, module in ALIASES.items()}

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
    "other_dtypes": ("loss", "", "dtype", "device"),
    "size": ("loss", "", "dtype", "device"),
    "cpu_support": ("dtype", "loss"),
}
# The losses of tests whose ids do not name them.
ABOUT = {
    "cosine_target_has_one_dimension": "cosine_embedding_loss",
    "cross_entropy_to_all_digits": "cross_entropy",
    "ctc_blank_is_class_0_and_counted": "ctc_loss",
    "ctc_of_section_1_18": "ctc_loss",
    "nll_loss_expects_log_probabilities": "nll_loss",
    "reduce_false_ignores_size_average": "cross_entropy",
    "weighted_mean_counts_the_targets_that_occur": "nll_loss",
}


def own_id(nodeid: str, root: Path) -> str | None:
    """The id of a test of this suite as seen from the checkout; None of another.

    Args:
        nodeid: pytest's.
        root: pytest's root folder, which need not be the checkout.
    """
    file, _, test = nodeid.partition("::")
    # Pytest leaves out the file of a test that is outside its root.
    own = _own_file(root / file) if file else _homes().get(test.partition("[")[0])
    return own and f"{own}::{test}"


@cache
def _own_file(path: Path) -> str | None:
    try:
        found = path.resolve().relative_to(ROOT)
    except ValueError:
        return None
    return found.as_posix() if found.parts[0] == ROOM else None


@cache
def _homes() -> dict[str, str]:
    """The file of each test of this suite, by the test's name, which is in no other file."""
    files = sorted((ROOT / ROOM).glob("test_*.py"))
    found = {name: path for path in files for name in re.findall(r"^def (test_\w+)", path.read_text(), re.M)}
    return {name: path.relative_to(ROOT).as_posix() for name, path in found.items()}


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
    if of in AXES and any(part in NAMES for part in parts):
        found = dict(zip(AXES[of], parts))
        found.pop("", None)
        return {"of": of, **found}
    losses = [ABOUT[of]] if of in ABOUT else [NAMES[part] for part in parts if part in NAMES]
    found = {"loss": losses[0]} if losses else {}
    return {"of": of, **found, **({"device": parts[-1]} if parts[-1] in devices else {})}
