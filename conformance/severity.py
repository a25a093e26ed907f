"""How much each divergence matters: how often training data, and documented corners, meet it."""

from __future__ import annotations

import logging
import warnings
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import Phase, assume, settings
from hypothesis import strategies as st

from strategies import Case, Differentiation, differentiations, is_real, values, with_option_types

from .bounds import WEIGHTS
from .cells import Cell, all_cells, run_drawn
from .checks.gradient import check_gradient
from .checks.second_derivative import check_second
from .checks.value import check_value
from .checks.ways import check_way
from .corners import places
from .divergences import DIVERGENCES, Divergence
from .losses import LOSSES, Loss
from .tally import Tally
from .ways import passages

# A divergence is met by ordinary data if more than one in so many examples of some loss and dtype meets it.
RARE = 1000
# Kinds of record whose severity is what they are about, and is not measured.
BY_NATURE = ("accepted", "convention", "without data")


@dataclass
class Met:
    """How often the divergences on record were met, by their names.

    Attributes:
        training: by examples of training data, the largest share of any loss, dtype and property.
        corners: by how many documented corners.
        examples: how many examples of training data were drawn.
    """

    training: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    corners: Counter[str] = field(default_factory=Counter)
    examples: int = 0

    def severity(self, record: Divergence) -> str:
        """The class of a record that follows."""
        if record.severity in BY_NATURE:
            return record.severity
        names = [record.name(loss) for loss in record.losses]
        if max(self.training.get(name, 0) for name in names) > 1 / RARE:
            return "ordinary"
        return "corner" if any(self.corners[name] for name in names) else "extreme"


def is_training(case: Case) -> bool:
    """Whether a case is what training has: no empty batch, finite numbers, weights >= 0, not all 0."""
    arrays = [value for value in case.arguments.values() if isinstance(value, np.ndarray)]
    given = [case.arguments[name] for name in WEIGHTS if name in case.arguments]
    weighs = all(bool(np.any(weight) and np.all(weight >= 0)) for weight in given)
    return weighs and all(array.size and np.all(np.isfinite(array)) for array in arrays if is_real(array))


def measure(losses: Sequence[Loss], formats: Sequence[str], examples: int, ways: Sequence[str] = ()) -> Met:
    """Draw training data, check them as the suite does, and count which divergences are met.

    Args:
        losses: which.
        formats: which dtypes.
        examples: of each loss, reduction, dtype and property.
        ways: of running torch, which get a tenth.

    Raises:
        pytest.fail.Exception: something new diverges.
    """
    values.narrow()
    torch.set_num_threads(1)
    met = Met()
    quiet = settings(
        max_examples=examples, phases=[Phase.generate], database=None, deadline=None,
        suppress_health_check=list(settings().suppress_health_check),
    )  # fmt: skip
    settings.register_profile("severity", quiet)
    settings.load_profile("severity")
    for cell in all_cells(list(losses), list(formats), ["cpu"]):
        if cell.obstacle:
            continue
        cases = with_option_types(cell.loss.cases(cell.format, cell.reduction))
        _draw(met, cell, partial(check_value, cell), cases)
        for twice, check in ((False, check_gradient), (True, check_second)):
            if cell.obstacle_backward or (twice and not (cell.loss.twice and cell.loss.forward)):
                continue
            _draw(met, cell, partial(check, cell), differentiations(cases, cell.format, twice=twice))
    for passage in passages(list(losses), list(formats), ["cpu"]):
        if passage.way.name not in ways or passage.loss.name in passage.way.undefined:
            continue
        if not (passage.obstacle or passage.way.obstacle()):
            backward = passage.way.differentiates and passage.obstacle_backward is None
            reductions = st.sampled_from(passage.loss.reductions)
            cases = reductions.flatmap(partial(passage.loss.cases, passage.format))
            drawn = differentiations(with_option_types(cases), passage.format)
            check_passage = partial(check_way, passage, backward=backward)
            _draw(met, passage, check_passage, drawn, max(1, examples // 10))
    for place in places(list(losses), list(formats), ["cpu"]):
        if not place.obstacle:
            met.corners.update(_met_at(place))
    return met


def _draw(
    met: Met,
    cell: Cell,
    check: Callable[[object, Tally], None],
    drawn: st.SearchStrategy[object],
    examples: int | None = None,
) -> None:
    tally = Tally()

    def checked(example: object) -> None:
        case = example.case if isinstance(example, Differentiation) else example
        assume(isinstance(case, Case) and is_training(case))
        check(example, tally)

    try:
        run_drawn(cell, 11, checked, drawn, examples, tally)
    except pytest.skip.Exception:
        return
    met.examples += tally.examples
    for name, count in tally.known.items():
        met.training[name] = max(met.training.get(name, 0), count / max(1, tally.examples))


def _met_at(place: Cell) -> set[str]:
    case, ones, tally = place.corner.case(place.format), np.ones(1), Tally()  # type: ignore[attr-defined]  # a Place
    with tally.counting():
        check_value(place, case, tally)
    if not place.obstacle_backward and place.loss.variables(case):
        with tally.counting():
            check_gradient(place, Differentiation(case, ones, ones, 0), tally, defined_everywhere=False)
    return set(tally.known)


def report(examples: int) -> str:
    """What the measurement says of all records of this torch, a line each; classes that are others first."""
    ways = sorted(
        {
            way
            for record in DIVERGENCES
            for way in record.ways
            if way not in ("compile_inductor", "compile_inductor_dynamic")
        }
    )
    logging.disable(logging.ERROR)  # what torch's compilers say of calls that they refuse
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's, of shapes that broadcast and of arguments of old
        met = measure(list(LOSSES.values()), ["float32", "bfloat16"], examples, ways)
    rows = []
    for record in DIVERGENCES:
        if not record.current or record.absent:
            continue
        names = [record.name(loss) for loss in record.losses]
        share = max(met.training.get(name, 0) for name in names)
        corners = sum(met.corners[name] for name in names)
        found = met.severity(record)
        told = "" if found == record.severity else f"  <- on record as {record.severity}"
        rows.append((found == record.severity, f"{found:13}{share:8.2%}{corners:5}  {record.id}{told}"))
    head = f"{met.examples:,} examples of training data; the largest share that meets each, and its corners"
    return "\n".join([head, *(line for _, line in sorted(rows))]) + "\n"
