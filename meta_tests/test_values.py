"""The tables of numbers: fixed by default, and new ones in an audit."""

from __future__ import annotations

import os
from pathlib import Path

from .forked import run_script

ROOT = Path(__file__).resolve().parents[1]
DRAWN = """
from strategies import values
from reference import FORMATS

{widen}
table = values._table(FORMATS["float32"], values.REALS, values._ordinary)
print(table[1:4].tolist())
"""


def table(widen: str = "") -> str:
    """Some numbers of a table in a fresh process."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    run = run_script(DRAWN.format(widen=widen), ROOT, environment, 60)
    assert run.returncode == 0, run.stderr
    return run.stdout


def test_an_audit_draws_from_the_numbers_of_its_seed() -> None:
    first = table("values.widen(1)")
    assert first == table("values.widen(1)")
    assert len({table(), first, table("values.widen(2)")}) == 3
    assert table() == table("values.SEED = 20")
