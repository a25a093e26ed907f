"""Checks a law at one case."""

from __future__ import annotations

import functools
from dataclasses import replace

import pytest
import torch

from reference import Array
from strategies import Case

from .. import journal
from ..checks.value import find_mismatch
from ..divergences import covering
from ..implementation import under_test
from ..laws import Claim, Instance
from ..laws.claim import Call, Comparison, Composed, case_of, compare, script
from ..losses import LOSSES
from ..running import arguments, functional, to_numpy
from ..scripts import section
from ..tally import Tally


def check_law(instance: Instance, case: Case, tally: Tally) -> None:
    """Check the law of one case.

    Raises:
        pytest.fail.Exception: it does not hold, and none of the results is known to diverge.
    """
    __tracebackhide__ = True
    claim = instance.law.claim(case)
    if claim is None:
        return
    found = compare(claim, functools.partial(run_torch, device=instance.device))
    broken = [comparison for comparison in found if not comparison.holds]
    if not broken and not sum(comparison.compared for comparison in found):
        return
    tally.examples += 1
    if not broken:
        tally.measure(max(comparison.ratio for comparison in found))
        return
    known = known_divergences(instance, claim)
    if not known:
        pytest.fail(explain(instance, claim, broken[0]), pytrace=False)
    for record in known:
        tally.meet(record)


def settled(call: Call, device: str) -> tuple[Case, dict[str, object]]:
    """A call as a case, and its arguments in torch: what an operation makes of the input is computed."""
    case = case_of(call)
    journal.note(case)
    given = arguments(case, device)
    if isinstance(call, Composed):
        # What runs is the very text that a failure prints; it is a literal of a law.
        given["input"] = eval(call.operation.source, {"torch": torch})(given["input"])
        case = case.replacing(input=to_numpy(given["input"]))
        journal.note(case)
    return case, given


def run_torch(call: Call, device: str) -> Array:
    """The numbers that torch gives for a call."""
    case, given = settled(call, device)
    return to_numpy(functional(LOSSES[case.loss], case, given))


def known_divergences(instance: Instance, claim: Claim) -> list[str]:
    """The records that cover the values of the claim's calls."""
    known = []
    for call in claim.calls.values():
        case, _ = settled(call, instance.device)
        cell = replace(instance, loss=LOSSES[case.loss])
        mismatch = find_mismatch(cell, case)
        record = None if mismatch is None else covering(mismatch)
        known += [] if record is None else [record[0].name(case.loss)]
    return list(dict.fromkeys(known))


def explain(instance: Instance, claim: Claim, found: Comparison) -> str:
    """What a person needs: which law, where, both numbers, how far apart, why that far, and a script."""
    form = instance.format
    loss, problem = under_test().title(instance.loss.name), found.problem.replace("\n", "\n        ")
    lines = [
        f"{loss}, {form.name}, {instance.device}: {problem or 'a law is broken'}",
        f"    law      {instance.law.name}",
        *(f"             {line}" for line in instance.law.sentence.splitlines()),
    ]
    if not found.problem:
        where = f" at index {found.index}" if found.index else ""
        lines += [
            f"    relation {found.relation}{where}",
            f"    left     {found.left!r}",
            f"    right    {found.right!r}",
            f"    apart by {found.ratio:.3g} times the allowed error",
            f"    allowed: {found.bound:.3g}, the running errors of the documented formulas in all results"
            " together,",
            f"             each step rounded to {form.name} (unit roundoff {form.unit_roundoff:.3g})",
        ]
    return "\n".join(lines) + section(script(claim, found, instance.device))
