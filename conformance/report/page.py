"""The page of a run: one HTML file for people, which needs nothing but itself."""

from __future__ import annotations

import base64
import hashlib
import textwrap
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from ..scripts import REPRODUCE
from .accuracy import accuracy, bars
from .output import visible
from .record import BROKEN, GOOD, OUTCOMES, UNTESTED, CellResult, Finding, Record
from .rerun import around, command
from .statistics import NO_LOSS, counted, warning
from .statistics import known as known_examples
from .typed_json import rounded

TEMPLATES = Path(__file__).with_name("templates")

# The worst first: what a cell of the matrix shows of the cells of the suite behind it. What was not tested
# comes last, since any verdict says more, and shows only where nothing else is there.
GLYPHS = {
    "crashed": "!",
    "diverges": "✗",
    "known": "≈",
    "conforms": "✓",
    "unsupported": "∅",
    "not tested": "○",
}

# What is tested of a loss, each with the tests that are about it; any other test is "other".
PROPERTIES = {
    "value": ("value",),
    "gradient": ("gradient",),
    "second derivative": ("second_derivative",),
    "corners": ("corner",),
    "other dtypes": ("other_dtypes",),
    "sizes": ("size",),
    "laws": ("law",),
    "ways": ("way", "capability"),
    "modules": (
        "constructor_argument", "distance_is_a_submodule", "every_constructor_argument_is_tested",
        "layer_is_made_on_the_device", "repr", "treatment",
    ),
    "invalid calls": (
        "dangerous_calls", "derived_calls", "invalid_call", "invalid_calls_by_way", "mixed_dtypes",
    ),
    "interface": (
        "cpu_support", "deprecated_arguments", "every_functional_has_a_row", "every_module_has_a_row",
        "forward_mode_by_a_refused_argument", "module_takes_the_options", "refused_argument",
        "second_derivative_and_forward_mode_exist_as_recorded", "side_at_kink", "signature",
        "torch_has_the_loss",
    ),
    "worked examples": (
        "class_labels_are_long", "cosine_target_has_one_dimension", "cross_entropy_to_all_digits",
        "ctc_blank_is_class_0_and_counted", "ctc_of_section_1_18", "nll_loss_expects_log_probabilities",
        "reduce_false_ignores_size_average", "weight_has_one_entry_per_class",
        "weighted_mean_counts_the_targets_that_occur", "worked_example",
    ),
    "findings": ("record_is_a_divergence", "witness_still_diverges"),
}  # fmt: skip
OTHER = "other"
PROPERTY = {of: name for name, tests in PROPERTIES.items() for of in tests}

# A way that is empty, by the name that the page gives it.
PLAIN = "plain"

# What the columns of the matrix may be.
AXES: dict[str, Callable[[CellResult], str]] = {
    "property": lambda cell: PROPERTY.get(cell.of, OTHER),
    "dtype": lambda cell: cell.dtype,
    "reduction": lambda cell: cell.reduction,
    "way": lambda cell: cell.way or PLAIN,
    "device": lambda cell: cell.device,
}

# The properties whose errors are compared at a glance; of others they are told loss by loss.
COMPARED = ("value", "gradient", "second_derivative")
# The shortest histogram; each takes as many bins as the longest.
LEAST_BINS = 8


@dataclass(frozen=True)
class Shown:
    """What a cell of the matrix shows.

    Attributes:
        outcome: the worst behind it.
        told: all outcomes behind it, with their counts.
        broken: how many cells behind it are.
        partly: whether a part of what is behind a verdict was not tested.
        link: to the cells behind it, a fragment.
    """

    outcome: str
    told: str
    broken: int
    partly: bool
    link: str


@dataclass(frozen=True)
class Known:
    """A divergence on record that the run met, in how many cells, and in how many examples of those."""

    id: str
    finding: Finding | None
    cells: int
    examples: int


@dataclass(frozen=True)
class Untested:
    """A reason why something was not tested: of how much, and of which properties and losses."""

    reason: str
    count: int
    of: list[str]
    losses: list[str]


def page(record: Record) -> str:
    """The page of a run.

    Args:
        record: of the run.

    Returns:
        HTML, which loads nothing from elsewhere.
    """
    counts = Counter(cell.outcome for cell in record.cells)
    failures = [cell for cell in _by_severity(record.cells) if cell.outcome in BROKEN]
    warned = warning(record)
    said = verdict(counts)
    return environment().get_template("page.html").render(
        record=record,
        counts=counts,
        warning=warned,
        verdict=said,
        title=", ".join(filter(None, ["incomplete" * bool(warned), said[0][1], dict(said).get("diverges")])),
        with_verdict=sum(counts[outcome] for outcome in (*GOOD, "diverges")),
        started=_moment(record.started),
        finished=_moment(record.finished),
        duration=_duration(record),
        absent=_absent(record),
        matrices={axis: matrix(record, axis) for axis in AXES},
        choices=_choices(record),
        failures=[(cell, *_shown_of(cell, record)) for cell in failures],
        known=_known(record),
        in_force=sum(finding.in_force for finding in record.findings),
        accuracy=accuracy(record.cells, [*PROPERTY]),
        untested=_untested((c.reason, 1, c) for c in record.cells if c.outcome in UNTESTED),
        untested_examples=_untested((why, n, c) for c in record.cells for why, n in c.untested.items()),
        data=_data(record, failures),
    )  # fmt: skip


def environment() -> Environment:
    """The templates of this folder, which escape what they show; to use what is not defined is an error.

    Besides what Jinja has there are the functions ``source``, the text of a file of this folder, ``digest``,
    its hash for a content security policy, and ``link``, the fragment that sets filters; the filter ``bars``,
    a histogram as the path of an SVG; and the tables of this module.
    """
    made = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    made.policies["json.dumps_kwargs"] = {"separators": (",", ":")}
    made.globals |= {
        "source": _source, "digest": _digest, "glyphs": GLYPHS, "outcomes": OUTCOMES,
        "plain": PLAIN, "no_loss": NO_LOSS, "compared": COMPARED, "least_bins": LEAST_BINS, "link": _link,
    }  # fmt: skip
    made.filters["bars"] = bars
    return made


def verdict(counts: Counter[str]) -> list[tuple[str, str]]:
    """What came of a run, as the parts of a sentence, each with the outcome that it is about.

    Args:
        counts: how many cells had which outcome.
    """
    conform, known = counts["conforms"] + counts["known"], counts["known"]
    said = [("conforms", counted(conform, "cell conforms", "cells conform"))]
    if not (conform or counts["diverges"]):
        said = [("not tested", "no cell has a verdict")]
    if known:
        of_them = "it" if conform == 1 else f"{known:,} of them"
        said.append(("known", f"{of_them} but for known divergences"))
    words = {
        "diverges": ("none diverges" if conform else "", "1 diverges", "{:,} diverge"),
        "crashed": ("", "1 crashed", "{:,} crashed"),
        "unsupported": ("", "1 is unsupported", "{:,} are unsupported"),
        "not tested": ("", "1 was not tested", "{:,} were not tested"),
    }
    said += [
        (outcome, told[min(counts[outcome], 2)].format(counts[outcome])) for outcome, told in words.items()
    ]
    return [(outcome, told) for outcome, told in said if told]


def matrix(record: Record, axis: str) -> tuple[list[str], dict[str, list[Shown | None]]]:
    """The outcomes of a run, loss by loss.

    Cells of a device that is absent count only where there are no others.

    Args:
        record: of the run.
        axis: one of `AXES`, what the columns are.

    Returns:
        The columns, and for each loss what it shows in each of them; None where nothing was planned.
    """
    place = AXES[axis]
    behind: defaultdict[tuple[str, str], list[CellResult]] = defaultdict(list)
    for cell in record.cells:
        behind[cell.loss or NO_LOSS, place(cell)].append(cell)
    columns = [column for column in _ordered(axis, (place(cell) for cell in record.cells)) if column]
    losses = dict.fromkeys([*record.signatures, *(c.loss or NO_LOSS for c in record.cells), *record.lacking])
    rows: dict[str, list[Shown | None]] = {}
    for loss in sorted(losses, key=lambda name: name == NO_LOSS):
        shown = [_shown(record, behind[loss, c], _link(loss=loss, **{axis: c})) for c in columns]
        if loss in record.lacking:
            missing = Shown("not tested", "there is no such loss", 0, False, _link(loss=loss))
            shown = [each or missing for each in shown]
        if any(shown):
            rows[loss] = shown
    return columns, rows


def _shown(record: Record, cells: list[CellResult], link: str) -> Shown | None:
    cells = [cell for cell in cells if not record.devices.get(cell.device)] or cells
    if not cells:
        return None
    counts = Counter(cell.outcome for cell in cells)
    found = [outcome for outcome in GLYPHS if counts[outcome]]
    told = ", ".join(f"{outcome}: {counts[outcome]:,}" for outcome in found)
    partly = found[0] not in UNTESTED and any(outcome in UNTESTED for outcome in found)
    return Shown(found[0], told, sum(counts[outcome] for outcome in BROKEN), partly, link)


def _ordered(axis: str, names: Iterable[str]) -> list[str]:
    """Names of an axis in the order in which they came; properties, as this page tells them."""
    found = dict.fromkeys(names)
    known = [name for name in [*PROPERTIES, OTHER] if name in found] if axis == "property" else []
    return known + [name for name in found if name not in known]


def _choices(record: Record) -> dict[str, list[str]]:
    """What each filter may be set to."""
    places: dict[str, Callable[[CellResult], str]] = {"outcome": lambda cell: cell.outcome}
    places |= {"loss": lambda cell: cell.loss or NO_LOSS, **AXES}
    chosen = {axis: _ordered(axis, (place(c) for c in record.cells)) for axis, place in places.items()}
    chosen["outcome"] = [outcome for outcome in GLYPHS if outcome in chosen["outcome"]]
    return {axis: [name for name in names if name] for axis, names in chosen.items()}


def _known(record: Record) -> list[Known]:
    findings = {finding.id: finding for finding in record.findings}
    cells: Counter[str] = Counter(name for cell in record.cells for name in cell.known)
    examples = known_examples(record)
    return [Known(name, findings.get(name), cells[name], examples[name]) for name in sorted(cells)]


def _untested(reasons: Iterable[tuple[str, int, CellResult]]) -> list[Untested]:
    """What was not tested, by the reason, the most frequent first."""
    counts: Counter[str] = Counter()
    behind: defaultdict[str, list[CellResult]] = defaultdict(list)
    for reason, count, cell in reasons:
        counts[reason] += count
        behind[reason].append(cell)
    return [
        Untested(
            reason, count, _ordered("property", (AXES["property"](cell) for cell in behind[reason])),
            list(dict.fromkeys(cell.loss or NO_LOSS for cell in behind[reason])),
        )
        for reason, count in counts.most_common()
    ]  # fmt: skip


def _data(record: Record, failures: list[CellResult]) -> dict[str, Any]:
    """The cells, for the script of the page: each text is told once, and what is empty ends a row.

    A row is the test, its parameters, the property, outcome, loss, way, reduction, dtype, device and reason;
    the number of its failure, from 1 on; examples, seconds, worst, ulp; known and untested as pairs.
    """
    texts = {"": 0}
    number = {id(cell): i for i, cell in enumerate(failures, 1)}

    def told(text: str) -> int:
        return texts.setdefault(visible(text), len(texts))

    rows = []
    for cell in _by_severity(record.cells):
        test, _, parameters = cell.id.partition("[")
        axes = (
            cell.outcome,
            cell.loss or NO_LOSS,
            cell.way or PLAIN,
            cell.reduction,
            cell.dtype,
            cell.device,
        )
        pairs = [[[told(k), n] for k, n in of.items()] for of in (cell.known, cell.untested)]
        numbers = [rounded(n, 3) for n in (cell.seconds, cell.worst, cell.ulp)]
        row: list[Any] = [told(test), visible(parameters.removesuffix("]")), told(AXES["property"](cell))]
        row += [*map(told, axes), 0 if id(cell) in number else told(cell.reason)]
        row += [number.get(id(cell), 0), cell.examples, *numbers, *pairs]
        while not row[-1]:
            row.pop()
        rows.append(row)
    return {
        "texts": list(texts),
        "cells": rows,
        "absent": _absent(record),
        "glyphs": GLYPHS,
        "rerun": around(record.settings),
    }


def _absent(record: Record) -> list[str]:
    return [device for device, reason in record.devices.items() if reason]


def _by_severity(cells: Sequence[CellResult]) -> list[CellResult]:
    order = {outcome: i for i, outcome in enumerate(GLYPHS)}
    return sorted(cells, key=lambda cell: order[cell.outcome])


def _shown_of(cell: CellResult, record: Record) -> tuple[list[tuple[str, str]], str]:
    """A failure in its parts, and the command that runs its test again."""
    again = command(record.settings, cell.id, cell.outcome == "crashed")
    return _parts(cell.failure or cell.reason), again


def _parts(failure: str) -> list[tuple[str, str]]:
    """What a failure says and the script that shows it, for each script; one that is empty is not there."""
    said, *rest = failure.split(f"\n{REPRODUCE}\n")
    parts = []
    for told in rest:
        lines = told.strip("\n").split("\n")
        ends = (i for i, line in enumerate(lines) if line and not line.startswith("    "))
        end = next(ends, len(lines))
        parts.append((said.strip("\n"), textwrap.dedent("\n".join(lines[:end])).strip("\n")))
        said = "\n".join(lines[end:])
    return [*parts, (said.strip("\n"), "")] if said.strip() or not parts else parts


def _duration(record: Record) -> str:
    try:
        begun, ended = map(datetime.fromisoformat, (record.started, record.finished))
        seconds = round((ended - begun).total_seconds())
    except (TypeError, ValueError):  # one that says its time zone and one that does not; no times
        return ""
    return f"{seconds // 60} min {seconds % 60} s" if seconds >= 60 else f"{seconds} s"


def _moment(told: str) -> str:
    """A time for people, or what the record has in its place."""
    try:
        return f"{datetime.fromisoformat(told).astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    except (ValueError, OverflowError):  # in the year 1 or 9999 another time zone may have none
        return told


def _link(**filters: str) -> str:
    """The fragment that sets filters of the page."""
    return "#" + "&".join(f"{name}={quote(visible(value), safe='')}" for name, value in filters.items())


def _source(name: str) -> str:
    return (TEMPLATES / name).read_text(encoding="utf-8")


def _digest(name: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(_source(name).encode()).digest()).decode()
