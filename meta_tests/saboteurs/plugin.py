"""The suite against a saboteur: ``SABOTEUR=NAME pytest -x -n 0 -p meta_tests.saboteurs.plugin --loss LOSS``.

Where the variable ``SABOTEUR_RESULT`` names a file, what came of it is written there: a JSON object with
``killed_by``, the first test that failed, ``examples`` that ran until then, and ``cpu``, the seconds of
processor time that took, without the start of Python and torch.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, settings

from conformance.notes import notes_of

from . import SABOTEURS

# Also in processes that import this module because the suite's command line names it.
_at_work = SABOTEURS[os.environ["SABOTEUR"]].at_work()
_at_work.__enter__()

_result: dict[str, Any] = {"killed_by": "", "examples": 0, "cpu": 0.0}


def _cpu() -> float:
    return sum(os.times()[:4])


@pytest.hookimpl(trylast=True)
def pytest_configure() -> None:
    """Leave failures unshrunk: that there is one is all that is asked."""
    settings.register_profile("unshrunk", settings(), phases=(Phase.generate,))
    settings.load_profile("unshrunk")


def pytest_sessionstart() -> None:
    """Start the clock."""
    _result["cpu"] = -_cpu()


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Count examples, and take note of the first failure."""
    if report.when != "call" or _result["killed_by"]:
        return
    tally = dict(notes_of(report)).get("tally")
    if isinstance(tally, dict):
        _result["examples"] += tally["examples"]
    if report.failed:
        _result["killed_by"] = report.nodeid.partition("::")[2]


def pytest_sessionfinish() -> None:
    """Write down what came of it."""
    _result["cpu"] = round(_result["cpu"] + _cpu(), 2)
    if "SABOTEUR_RESULT" in os.environ:
        Path(os.environ["SABOTEUR_RESULT"]).write_text(json.dumps(_result))
