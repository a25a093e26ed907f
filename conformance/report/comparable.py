"""Whether two records can be compared, and what to bear in mind where they can."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from torch.torch_version import TorchVersion

from .record import Record

# A release, release candidate, development or nightly version, and the build.
RELEASE = re.compile(r"\d+(\.\d+)*((a|b|rc)\d+)?(\.post\d+)?(\.dev\d+)?(\+.*)?$")
AGAIN = "run both again with one checkout of the suite, and --report"


class NotComparableError(ValueError):
    """Records that say nothing about each other, with the reason and the mend in a line."""


@dataclass(frozen=True)
class Note:
    """Something to bear in mind.

    Attributes:
        text: what.
        loud: whether the comparison says less than it seems to.
    """

    text: str
    loud: bool = False


# What must be the same, or a difference would not be torch's: what it is, where it is found, and the mend.
SAME: tuple[tuple[str, Callable[[Record], Any], str], ...] = (
    ("the suite", lambda record: record.suite.sources[:12], AGAIN),
    ("the profile", lambda record: record.settings.profile, "give both runs one --hypothesis-profile"),
    ("examples of a cell", lambda record: record.settings.examples, "give both runs one --examples"),
    ("the seed", lambda record: record.settings.seed, "give both runs one --hypothesis-seed"),
    ("Hypothesis", lambda record: record.platform.hypothesis, "install one version beside both torches"),
    (
        "what is tested",
        lambda record: record.settings.implementation or "torch",
        "give both runs one --implementation",
    ),
)

# What a run was asked for, as people call it.
ASKED: dict[str, Callable[[Record], Any]] = {
    "--loss": lambda record: _listed(record.settings.losses, "all"),
    "--dtype": lambda record: _listed(record.settings.dtypes, "all"),
    "--way": lambda record: _listed(record.settings.ways, "default"),
    "selection": lambda record: _listed(record.settings.selection),
    "devices": lambda record: _listed(sorted(record.devices)),
    "ways left out": lambda record: _listed(sorted(record.left_out)),
}

# What numbers also depend on: last bits and the largest errors, but no verdict.
SURROUNDINGS: dict[str, Callable[[Record], Any]] = {
    "build": lambda record: record.torch.build,
    "CPU capability": lambda record: record.torch.cpu_capability,
    "threads": lambda record: record.torch.threads,
    "system": lambda record: record.platform.system,
    "machine": lambda record: record.platform.machine,
    "processor": lambda record: record.platform.processor,
    "NumPy": lambda record: record.platform.numpy,
    "Python": lambda record: record.platform.python,
}


def refuse_incomparable(old: Record, new: Record) -> None:
    """Make sure that a difference between records is one of what was tested.

    Raises:
        NotComparableError: it would be something else's.
    """
    for what, of, mend in SAME:
        if of(old) != of(new):
            raise NotComparableError(f"{what} is not the same ({of(old)} in OLD, {of(new)} in NEW); {mend}")
    # In force or not is a matter of torch's version; what they are is one of the suite and --registry.
    known = [{replace(finding, in_force=True) for finding in record.findings} for record in (old, new)]
    if known[0] != known[1]:
        names = sorted({finding.id for finding in known[0] ^ known[1]})
        told = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
        raise NotComparableError(
            f"the divergences on record are not the same ({told}); give both runs one --registry"
        )
    was, now = ({cell.id for cell in record.cells} for record in (old, new))
    if was and now and not was & now:
        raise NotComparableError(
            "they have no cell in common; give both runs the same options, and let both finish"
        )


def asked_alike(old: Record, new: Record) -> bool:
    """Whether both runs were asked for the same cells."""
    return not _differing(ASKED, old, new)


def notes(old: Record, new: Record) -> list[Note]:
    """What to bear in mind, what matters most first."""
    found = [
        Note(
            f"{side} is no deterministic run: its examples are its own, so drift is not compared, "
            "and errors are those of other examples",
            loud=True,
        )
        for side, record in (("OLD", old), ("NEW", new))
        if not record.settings.deterministic
    ]
    return [*_of_order(old, new), *found, *_of_filters(old, new), *_of_versions(old, new)]


def _of_order(old: Record, new: Record) -> Iterator[Note]:
    versions = [record.torch.version for record in (old, new)]
    # The part after a "+" names the build of a version; whether it is older than another build nobody knows.
    was, now = (TorchVersion(version.partition("+")[0]) for version in versions)
    # Texts that are no versions compare as texts do, which says nothing of their age.
    if now < was and all(RELEASE.match(version) for version in versions):
        yield Note(
            f"NEW is older than OLD ({versions[1]} after {versions[0]}): fixes and regressions are swapped; "
            "exchange the arguments",
            loud=True,
        )


def _of_filters(old: Record, new: Record) -> Iterator[Note]:
    differ = _differing(ASKED, old, new)
    if differ:
        was, now = ({cell.id for cell in record.cells} for record in (old, new))
        told = f"{len(was & now)} cells; {len(was - now)} are only in OLD, {len(now - was)} only in NEW"
        yield Note(
            f"the runs were asked for different cells ({'; '.join(differ)}), and only what both have is "
            f"compared: {told}",
            loud=True,
        )


def _of_versions(old: Record, new: Record) -> Iterator[Note]:
    was, now = ((record.torch.version, record.torch.revision, record.torch.build) for record in (old, new))
    if was == now and not old.settings.implementation:
        yield Note(f"both are of the same torch, {old.torch.version}: a difference comes from elsewhere")
    differ = _differing(SURROUNDINGS, old, new)
    if differ:
        yield Note(f"drift and accuracy may come from elsewhere than from torch's code: {'; '.join(differ)}")


def _differing(facts: dict[str, Callable[[Record], Any]], old: Record, new: Record) -> list[str]:
    """The facts in which the records differ, told."""
    pairs = ((name, of(old), of(new)) for name, of in facts.items())
    return [f"{name} {was} in OLD, {now} in NEW" for name, was, now in pairs if was != now]


def _listed(names: list[str], nothing: str = "none") -> str:
    return ", ".join(names) or nothing
