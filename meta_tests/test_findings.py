"""The findings are what the registry says, and their scripts run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from conformance.divergences import DIVERGENCES
from conformance.findings import findings, script

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "findings.md"


def test_the_page_is_current() -> None:
    assert PAGE.read_text() == findings(), "run: python -m conformance findings > docs/findings.md"


def test_the_command_prints_the_page() -> None:
    command = [sys.executable, "-m", "conformance", "findings"]
    assert subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout == findings()


def test_every_record_is_found_under_its_own_name() -> None:
    ids = [record.id for record in DIVERGENCES]
    assert len(set(ids)) == len(ids)
    headings = [line.removeprefix("### ") for line in findings().splitlines() if line.startswith("### ")]
    assert sorted(headings) == sorted(ids)


@pytest.mark.parametrize("kind", ["overflow", "nan", "no error", "error"])
def test_a_script_runs_and_prints_what_it_says(kind: str) -> None:
    record = next(record for record in DIVERGENCES if record.kind == kind)
    run = subprocess.run([sys.executable, "-c", script(record)], capture_output=True, text=True)
    if isinstance(record.gives, str):
        assert record.gives in run.stderr
    else:
        np.testing.assert_allclose(float(run.stdout), record.gives, rtol=1e-4)
