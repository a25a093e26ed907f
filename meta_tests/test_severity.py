"""The class of a known divergence is what training data and the documented corners say."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from conformance.divergences import DIVERGENCES, Divergence
from conformance.divergences.divergence import NUMBERS, SEVERITIES
from conformance.severity import BY_NATURE

from .forked import run_script

ROOT = Path(__file__).resolve().parents[1]
MEASURE = """
from conformance.divergences import DIVERGENCES
from conformance.losses import LOSSES
from conformance.severity import measure

met = measure([LOSSES[name] for name in {losses}], {formats}, {examples})
for record in DIVERGENCES:
    met_by = {{loss for loss in record.losses if met.training[record.name(loss)] > 1 / 1000}}
    print(record.id, ",".join(met_by) or "-")
"""
# Losses whose records training data meets, and others whose it must not.
LOSSES = ("binary_cross_entropy_with_logits", "nll_loss", "huber_loss", "kl_div", "cosine_embedding_loss")
OF_NUMBERS = [
    record
    for record in DIVERGENCES
    if {*record.of} & {*NUMBERS} and record.current and not record.devices and {*record.losses} & {*LOSSES}
]


@pytest.fixture(scope="module")
def measured() -> dict[str, str]:
    code = MEASURE.format(losses=LOSSES, formats=["bfloat16"], examples=24)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    run = run_script(code, ROOT, environment, 300)
    assert run.returncode == 0, run.stderr
    return dict(line.rsplit(" ", 1) for line in run.stdout.splitlines() if line)


@pytest.mark.parametrize("record", OF_NUMBERS, ids=lambda record: record.id)
def test_a_record_is_ordinary_if_training_data_meets_it(record: Divergence, measured: dict[str, str]) -> None:
    found = measured[record.id] != "-" and record.severity not in BY_NATURE
    assert (record.severity == "ordinary") >= found, "training data meets it"
    if {*record.losses} <= {*LOSSES}:
        assert found >= (record.severity == "ordinary"), "training data does not meet it"


def test_each_record_has_a_class_of_its_nature() -> None:
    assert {record.severity for record in DIVERGENCES} <= {*SEVERITIES}
    accepted = [record for record in DIVERGENCES if record.of == ("invalid call",) and not record.ways]
    assert all(record.severity in BY_NATURE for record in accepted)
