"""What a test notes for the record of a run.

A note is a name and a value. Notes travel with the test's report, also from a worker, and stay out of its
``user_properties``, which pytest's own reports show to people.
"""

from __future__ import annotations

from typing import Any

import pytest

Notes = list[tuple[str, Any]]

_NOTES = pytest.StashKey[Notes]()


def begin(item: pytest.Item) -> None:
    """Forget what an earlier run of the test has noted."""
    item.stash[_NOTES] = []


def take(item: pytest.Item, name: str, value: Any) -> None:
    """Add a note to those of a test. Its value may change until the test ends."""
    item.stash[_NOTES].append((name, value))


def attach(item: pytest.Item, report: pytest.TestReport) -> None:
    """Have a report carry the notes of its test."""
    vars(report)["notes"] = item.stash.get(_NOTES, []) if report.when == "call" else []


def notes_of(report: pytest.TestReport) -> Notes:
    """The notes that a report carries."""
    notes: Notes = getattr(report, "notes", [])  # one of a crash has none
    return notes


def add(report: pytest.TestReport, name: str, value: Any) -> None:
    """Add a note to a report that no test has made, such as one of a crash."""
    vars(report)["notes"] = [*notes_of(report), (name, value)]
