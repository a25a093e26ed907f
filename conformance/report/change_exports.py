"""A comparison of two records for machines: as JSON, and as JUnit XML.

The JSON object has these keys, in this order; a change that a reader would misread has another ``version``:

- ``version``: of this schema.
- ``verdict``: the result in a sentence; what makes a comparison incomplete comes first.
- ``failed``: whether the command exits with status 1.
- ``failed_because``: the kinds of change that make it fail; ``fail_on``: those that would.
- ``cells``: how many were compared; ``bad``: how many of them diverge or crash in both runs.
- ``counts``: for each kind, how many changes there are, in the kind's unit.
- ``notes``: what to bear in mind, each with ``text`` and ``loud``.
- ``old``, ``new``: the two runs: all keys of their records but the cells and findings, which are counted.
- ``changes``: for each kind, a list with all fields of each change, see `conformance.report.comparison`.
"""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from typing import Any
from xml.etree import ElementTree

from . import change_rows
from .changes import KINDS, Comparison, Kind
from .output import visible
from .record import Record

# Of the JSON.
VERSION = 1
SUITE = "torch-loss-conformance diff"


def json_text(comparison: Comparison) -> str:
    """The comparison as JSON."""
    told = {
        "version": VERSION,
        "verdict": "; ".join([*change_rows.warnings(comparison), change_rows.gist(comparison)]),
        "failed": bool(comparison.failing),
        "failed_because": [kind.key for kind in comparison.failing],
        "fail_on": [kind.key for kind in KINDS if kind.key in comparison.fail_on],
        "cells": comparison.cells,
        "bad": comparison.bad,
        "counts": {kind.key: comparison.count(kind) for kind in KINDS},
        "notes": [asdict(note) for note in comparison.notes],
        "old": _run(comparison.old),
        "new": _run(comparison.new),
        "changes": {kind.key: [asdict(change) for change in comparison.changes(kind)] for kind in KINDS},
    }
    return json.dumps(told, indent=1, allow_nan=False) + "\n"


def _run(record: Record) -> dict[str, Any]:
    """What a record says of its run."""
    told = asdict(replace(record, cells=[], findings=[]))
    return told | {"cells": len(record.cells), "findings": len(record.findings)}


def junit(comparison: Comparison) -> str:
    """The comparison as JUnit XML.

    Of a kind of change for which the comparison fails, each change is a test case that fails. Of any other
    kind there is one test case, which is skipped, and lists the changes; and which passes if there are none.
    """
    cases = [case for kind in KINDS for case in _cases(comparison, kind)]
    counts = {
        "name": SUITE,
        "tests": str(len(cases)),
        "failures": str(sum(case.find("failure") is not None for case in cases)),
        "errors": "0",
    }
    root = ElementTree.Element("testsuites", counts)
    skipped = str(sum(case.find("skipped") is not None for case in cases))
    suite = ElementTree.SubElement(root, "testsuite", counts, skipped=skipped, time="0")
    properties = ElementTree.SubElement(suite, "properties")
    for side, record in (("old", comparison.old), ("new", comparison.new)):
        for name, value in (("torch", record.torch.version), ("revision", record.torch.revision)):
            ElementTree.SubElement(properties, "property", name=f"{side}.{name}", value=visible(value))
    suite.extend(cases)
    notes = [f"{'NOTE' if note.loud else 'note'}: {note.text}" for note in comparison.notes]
    told = [
        *change_rows.warnings(comparison),
        change_rows.title(comparison),
        change_rows.gist(comparison),
        *notes,
    ]
    ElementTree.SubElement(suite, "system-out").text = visible("\n".join(told))
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _cases(comparison: Comparison, kind: Kind) -> list[ElementTree.Element]:
    """The test cases of a kind of change."""
    changes = comparison.changes(kind)
    if changes and kind.key in comparison.fail_on:
        return [_failed(kind, change) for change in changes]
    case = _case(kind, kind.title)
    if changes:
        count = f"{comparison.count(kind)} {kind.unit}; {kind.key} is not in --fail-on"
        ElementTree.SubElement(case, "skipped", message=count)
        told = "\n".join("; ".join(filter(None, change_rows.row(change))) for change in changes)
        ElementTree.SubElement(case, "system-out").text = visible(told)
    return [case]


def _failed(kind: Kind, change: Any) -> ElementTree.Element:
    told = change_rows.row(change)
    case = _case(kind, told[0])
    message = f"{kind.title}: {'; '.join(filter(None, told))}"
    failure = ElementTree.SubElement(case, "failure", type=kind.key, message=visible(message))
    failure.text = visible(change_rows.code(change) or message)
    return case


def _case(kind: Kind, name: str) -> ElementTree.Element:
    return ElementTree.Element("testcase", classname=f"diff.{kind.key}", name=visible(name), time="0")
