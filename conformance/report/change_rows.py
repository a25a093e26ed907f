"""The changes of a comparison as rows of text, from which every rendering is made."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from typing import Any, TypeAlias

from .changes import KINDS, Accuracy, Change, Comparison, Drift, Gap, Group, Kind, LossChange, Side
from .signatures import SignatureChange
from .statistics import counted

Column: TypeAlias = tuple[str, Callable[[Any], str]]


def _where(change: Drift | Group | Accuracy) -> str:
    parts = [change.loss, change.of, getattr(change, "way", ""), change.dtype, change.device]
    return " ".join(part for part in parts if part)


def _met(change: Change) -> str:
    met = f"{change.examples} examples in {change.cells} cells meet it" if not change.id else ""
    return f"{change.before} -> {change.after}" + (f"; {met}" if met else "")


def _grown(before: float, after: float) -> str:
    return f"{before:.3g} -> {after:.3g}"


# The columns of each class of changes.
COLUMNS: dict[type, tuple[Column, ...]] = {
    Gap: (
        ("what", lambda gap: gap.told),
        ("cells missing", lambda gap: f"{gap.cells:,} of {gap.of_cells:,}"),
        ("such as", lambda gap: ", ".join(gap.first)),
    ),
    Change: (
        ("where", lambda change: change.name),
        ("outcome", _met),
        ("what", lambda change: change.told),
    ),
    Accuracy: (
        ("where", _where),
        ("worst ulp", lambda change: _grown(change.ulp, change.ulp_after)),
        ("worst error / allowed", lambda change: _grown(change.ratio, change.ratio_after)),
        ("cells", lambda change: str(change.cells)),
    ),
    Drift: (
        ("where", _where),
        ("cells", lambda change: f"{change.cells} of {change.of_cells}"),
        (
            "examples",
            lambda change: (
                f"{change.examples} of {change.of_examples}"
                + (f"; {change.unmatched} cells have others" if change.unmatched else "")
            ),
        ),
        ("worst ulp", lambda change: _grown(change.ulp, change.ulp_after)),
    ),
    Side: (
        ("where", lambda change: change.name),
        ("subgradient", lambda change: _grown(change.before, change.after)),
    ),
    Group: (
        ("where", _where),
        (
            "cells",
            lambda change: str(change.cells) + (f", {change.diverging} diverge" if change.diverging else ""),
        ),
        ("reason", lambda change: change.reason),
    ),
    LossChange: (
        ("loss", lambda change: change.loss),
        ("cells", lambda change: ", ".join(f"{n} {name}" for name, n in change.outcomes.items())),
        ("on record", lambda change: ", ".join(change.findings)),
    ),
    SignatureChange: (
        ("where", lambda change: f"{change.loss}, {change.what}"),
        ("change", lambda change: "; ".join(change.changes)),
        ("before", lambda change: change.before),
        ("after", lambda change: change.after),
    ),
}


def headers(changes: list[Any]) -> list[str]:
    """The heads of the columns of a kind's changes, of which there is at least one."""
    return [name for name, _ in COLUMNS[type(changes[0])]]


def row(change: Any) -> list[str]:
    """A change, a text for each column."""
    return [" ".join(of(change).split()) for _, of in COLUMNS[type(change)]]


def code(change: Any) -> str:
    """What shows a change: a failure with its script, or the script of a divergence on record."""
    return textwrap.dedent(getattr(change, "code", "") or getattr(change, "where", ""))


def counts(comparison: Comparison) -> list[tuple[Kind, int, str]]:
    """The one table that a busy person reads: how many changes there are of each kind, and the first."""
    return [
        (
            kind,
            comparison.count(kind),
            row(comparison.changes(kind)[0])[0] if comparison.changes(kind) else "",
        )
        for kind in KINDS
    ]


def title(comparison: Comparison) -> str:
    """What is compared."""
    sides = [
        f"{record.settings.implementation or 'torch'} {record.torch.version} ({record.torch.revision[:10]})"
        for record in (comparison.old, comparison.new)
    ]
    return f"From {sides[0]} to {sides[1]}"


def warnings(comparison: Comparison) -> list[str]:
    """The lines that come before everything else: what the comparison cannot know."""
    return [f"Incomplete: {gap.told}" for gap in comparison.incomplete]


def gist(comparison: Comparison) -> str:
    """How much was compared, in a sentence."""
    text = f"{counted(comparison.cells, 'cell', 'cells')} compared"
    return text + (f"; {comparison.bad:,} of them diverge or crash in both" if comparison.bad else "")
