"""A comparison of two records for a terminal, for the summary of a CI job, as a page, and for machines."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from typing import Any

from . import change_exports, change_rows
from .changes import KINDS, WORST, Comparison, Kind
from .markdown import LONGEST, fenced, table, text
from .page import environment

WIDTH = 100
# Longer lists are cut short where people read from top to bottom; the page has all.
MOST = {"terminal": 20, "markdown": 50}


def terminal(comparison: Comparison) -> str:
    """The comparison as text of 100 columns."""
    lines = [line for warning in change_rows.warnings(comparison) for line in _wrapped(warning, "    ")]
    lines += [change_rows.title(comparison), change_rows.gist(comparison)]
    for note in comparison.notes:
        lines += _wrapped(f"{'NOTE' if note.loud else 'note'}: {note.text}", "      ")
    lines.append("")
    for kind, count, first in change_rows.counts(comparison):
        told = f"{kind.title:<16}{count:>7}  {first}" if count else f"{kind.title:<16}{'-':>7}"
        lines.append(textwrap.shorten(told, WIDTH) if len(told) > WIDTH else told)
    for kind in KINDS:
        changes = comparison.changes(kind)
        if not changes:
            continue
        lines += ["", f"{kind.title} ({comparison.count(kind)} {kind.unit})", *_wrapped(kind.meaning, "")]
        heads = change_rows.headers(changes)
        for change in changes[: MOST["terminal"]]:
            where, *rest = change_rows.row(change)
            lines.append(f"  {where}")
            for head, told in zip(heads[1:], rest):
                lines += _wrapped(f"    {head}: {told}", "      ") if told else []
            if kind.key in WORST:
                lines += ["", *(f"      {line}" for line in change_rows.code(change).splitlines()), ""]
        if changes[MOST["terminal"] :]:
            lines.append(f"  ... and {len(changes) - MOST['terminal']} more; --format html has all")
    return "\n".join(lines) + "\n"


def _wrapped(text: str, indent: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, subsequent_indent=indent, break_long_words=False) or [text]


def markdown(comparison: Comparison) -> str:
    """The comparison as Markdown that GitHub and others show."""
    parts = [f"**{text(warning)}**" for warning in change_rows.warnings(comparison)]
    parts += [f"## {text(change_rows.title(comparison))}", text(change_rows.gist(comparison))]
    parts += [f"> {'**Note.** ' if note.loud else ''}{text(note.text)}" for note in comparison.notes]
    told = [[kind.title, str(n or "-"), first] for kind, n, first in change_rows.counts(comparison)]
    parts.append(table(["Change", "Count", "First"], told))
    for kind in KINDS:
        changes = comparison.changes(kind)
        if changes:
            parts += _details(comparison, kind, changes)
    return "\n\n".join(parts) + "\n"


def _details(comparison: Comparison, kind: Kind, changes: list[Any]) -> list[str]:
    most = MOST["markdown"]
    shown = changes[:most]
    opened = " open" if kind.key in WORST else ""
    head = f"<details{opened}><summary>{kind.title}: {comparison.count(kind)} {kind.unit}</summary>"
    parts = [
        head,
        text(kind.meaning),
        table(change_rows.headers(changes), [change_rows.row(change) for change in shown]),
    ]
    if changes[most:]:
        parts.append(f"... and {len(changes) - most} more; `--format html` has all.")
    for change in shown if opened else []:
        parts += [f"`{change_rows.row(change)[0]}`", fenced(change_rows.code(change)[:LONGEST])]
    return [*parts, "</details>"]


def page(comparison: Comparison) -> str:
    """The comparison as one HTML file that needs nothing but itself."""
    return (
        environment()
        .get_template("diff.html")
        .render(comparison=comparison, kinds=KINDS, worst=WORST, change_rows=change_rows)
    )


RENDERINGS: dict[str, Callable[[Comparison], str]] = {
    "terminal": terminal,
    "markdown": markdown,
    "html": page,
    "json": change_exports.json_text,
    "junit": change_exports.junit,
}
