"""Records of runs that never were, as large and as varied as real ones, for what is made of records."""

from __future__ import annotations

import copy
import itertools
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import cache
from random import Random
from typing import Any

from conformance.cells import Cell as Coordinates
from conformance.cells import all_cells
from conformance.corners import places
from conformance.divergences import DIVERGENCES
from conformance.divergences.divergence import showings
from conformance.invalid.tables import PROMOTIONS, ROWS
from conformance.laws import instances
from conformance.losses import LOSSES
from conformance.modules import SAMPLES, TREATMENTS
from conformance.report.environment import describe_findings
from conformance.report.record import (
    VERSION,
    CellResult,
    Platform,
    Record,
    Settings,
    Signatures,
    Suite,
    Torch,
)
from conformance.ways import WAYS, Passage, passages
from reference import FORMATS

ABSENT = "no cuda device: Torch not compiled with CUDA enabled"
DEVICES = {"cpu": "", "cuda": ABSENT}
LEFT_OUT = [name for name, way in WAYS.items() if not way.by_default]

FAILURE = """\
{loss} (functional), reduction {reduction}, {dtype}, cpu: a {of} outside the derived bound
    expected 0.5 +- 2.68e-07 of the result
    got      0.0
    off by   1.86e+06 times the allowed error
    allowed: the running error of the documented formula, each step rounded to {dtype}
             (unit roundoff 5.96e-08), 9 roundoffs of the value

To reproduce:

    import torch
    import torch.nn.functional as F

    got = F.{loss}(input=torch.tensor([0.0]).to(torch.{dtype}), target=torch.tensor([1.0]).to(torch.{dtype}))
    print(got.item())  # 0.0
    # expected 0.5 +- 2.68e-07
"""

# What goes wrong in the example: the end of a test's id, and what becomes of it.
DIVERGES = (
    "test_value[huber_loss-mean-float32-cpu]",
    "test_value[huber_loss-sum-float32-cpu]",
    "test_gradient[huber_loss-mean-float32-cpu]",
    "test_law[permuting_the_batch-kl_div-float16-cpu]",
    "test_way[gaussian_nll_loss-vmap-bfloat16-cpu]",
)
CRASHED = "test_dangerous_calls[nll_loss-cpu]"
CRASH = "the process ended by signal 11 (SIGSEGV) in this test; run it alone: pytest '{id}'"

# How many examples a property gets, where its errors are measured.
MEASURED = {"value": 100, "gradient": 100, "second_derivative": 50, "corner": 1, "law": 20, "way": 10}
OF = {"second_derivative": "second"}  # what a finding calls it


def example_record(**changes: Any) -> Record:
    """The record of a run as large as a default one, of a torch with a few defects that are not on record.

    Args:
        changes: attributes of the record that are to be other.
    """
    return replace(copy.deepcopy(_example()), **changes)


def cell(of: str = "value", outcome: str = "conforms", **changes: Any) -> CellResult:
    """A cell of `l1_loss`, for records of a few.

    Args:
        of: the property.
        outcome: one of `conformance.report.record.OUTCOMES`.
        changes: attributes that are to be other; the id follows from them unless it is among them.
    """
    told = {"loss": "l1_loss", "reduction": "mean", "dtype": "float32", "device": "cpu"} | changes
    axes = (told[axis] for axis in ("loss", "reduction", "dtype", "device"))
    return CellResult(
        **{"id": f"conformance/test_{of}.py::test_{of}[{'-'.join(axes)}]", **told}, of=of, outcome=outcome
    )


@cache
def _example() -> Record:
    cells = [_judged(each) for each in _planned()]
    return Record(
        version=VERSION,
        suite=Suite("0.1.0", "5b1f0c2ad0a64e4b"),
        torch=Torch("2.13.0+cpu", "c96bbe8e9e5e1d3a0b4d1f6a7c1a0c2b3d4e5f60", "cpu", "AVX512", 1),
        platform=Platform(
            "Linux 6.12.0",
            "x86_64",
            "Example Processor 9000 @ 2.70GHz",
            "3.11.2",
            "2.3.4",
            "6.150.0",
            "9.0.1",
        ),
        settings=Settings("dev", 100, 0, True),
        devices=dict(DEVICES),
        started="2026-11-26T16:01:02Z",
        finished="2026-11-26T16:06:44Z",
        complete=True,
        planned=len(cells),
        left_out=list(LEFT_OUT),
        signatures={name: Signatures("(input, target, ...)", "(reduction='mean')") for name in LOSSES},
        findings=describe_findings(),
        cells=cells,
    )


def _planned() -> Iterator[CellResult]:
    """The cells of a default run, without what is found in them."""
    axes = (list(LOSSES.values()), list(FORMATS), list(DEVICES))
    drawn: dict[str, Iterable[Coordinates]] = {
        "value": all_cells(*axes),
        "gradient": all_cells(*axes),
        "second_derivative": all_cells(*axes),
        "corner": places(*axes),
        "law": instances(*axes),
        "way": (each for each in passages(*axes) if each.way.by_default),
    }
    for of, cells in drawn.items():
        for each in cells:
            way, reduction = (each.way.name, "") if isinstance(each, Passage) else ("", each.reduction)
            told = (_id(of, each), of, "", each.loss.name, way, reduction, each.format.name, each.device)
            yield CellResult(*told)
    by_hand = [row for row in ROWS if not row.dangerous and not row.derived]
    refused = (("invalid_call", by_hand), ("mixed_dtypes", PROMOTIONS))
    for device in DEVICES:
        for of, rows in refused:
            yield from (CellResult(_id(of, row, device), of, "", row.loss, device=device) for row in rows)
        for of, dangerous in (("dangerous_calls", True), ("derived_calls", False)):
            for name in dict.fromkeys(row.loss for row in ROWS if row.dangerous == dangerous):
                yield CellResult(_id(of, name, device), of, "", name, device=device)
        of = "treatment"
        for name, treatment in itertools.product(SAMPLES, TREATMENTS):
            yield CellResult(_id(of, name, treatment, device), of, "", name, device=device)
    for name in LOSSES:
        yield CellResult(_id("signature", name), "signature", "", name)
    for showing in showings(DIVERGENCES):
        yield CellResult(_id("witness_still_diverges", showing), "witness_still_diverges", "", showing.loss)
    for capability in ("default", "avx2"):
        yield CellResult(_id("capability", capability), "capability", "")


def _id(of: str, *coordinates: object) -> str:
    return f"conformance/test_{of}.py::test_{of}[{'-'.join(map(str, coordinates))}]"


def _judged(planned: CellResult) -> CellResult:
    """What is found in a cell; the same whenever it is asked."""
    random = Random(zlib.crc32(planned.id.encode()))
    test = planned.id.rpartition("::")[2]
    found = replace(planned, outcome="conforms", seconds=random.expovariate(20))
    if DEVICES.get(found.device):
        return replace(found, outcome="not tested", reason=DEVICES[found.device], seconds=0.0)
    if found.dtype and found.loss and found.dtype not in LOSSES[found.loss].formats:
        name = {"float16": "Half", "bfloat16": "BFloat16"}[found.dtype]
        reason = f"torch 2.13.0+cpu: \"{found.loss}_cpu\" not implemented for '{name}'"
        return replace(found, outcome="unsupported", reason=reason)
    if found.of == "second_derivative" and not LOSSES[found.loss].twice:
        reason = "torch has no second derivative and no forward mode of this loss"
        return replace(found, outcome="unsupported", reason=reason)
    if test == CRASHED:
        return replace(found, outcome="crashed", reason=CRASH.format(id=found.id))
    if test in DIVERGES:
        failure = FAILURE.format(loss=found.loss, reduction="mean", dtype=found.dtype, of=found.of)
        return replace(found, outcome="diverges", failure=failure)
    return _measured(found, random) if found.of in MEASURED else found


def _measured(found: CellResult, random: Random) -> CellResult:
    """A cell that conforms, with its errors and the divergences on record that it met."""
    found.examples = MEASURED[found.of]
    found.worst = random.betavariate(2, 5)
    elements = 40 * found.examples
    if found.of != "way":
        shares = [0.7, 0.2, 0.06, 0.025, 0.01, 0.004, 0.001][: random.randint(2, 7)]
        found.ulps = [max(1, round(elements * share)) for share in shares]
        found.ulp = 2 ** (len(shares) - 1.4)
        found.where = (
            f"value[2] of {found.loss}(input=array([0.5, -1.25, 3.0]), reduction={found.reduction!r})"
        )
    if found.of == "way" and found.way.startswith("channels"):
        found.untested = {"no case with a channel dimension": random.randint(1, 5)}
    of = OF.get(found.of, found.of)
    for record in DIVERGENCES:
        met = of in record.of and found.loss in record.losses and found.dtype in record.formats
        if met and record.current:
            applies = not record.ways or found.way in record.ways
            if applies and random.random() < 0.5:
                found.known[record.name(found.loss)] = random.randint(1, 9)
    found.outcome = "known" if found.known else "conforms"
    found.prints = "".join(f"{random.randrange(16**4):04x}" for _ in range(found.examples))
    found.digest = f"{random.randrange(16**16):016x}"
    return found
