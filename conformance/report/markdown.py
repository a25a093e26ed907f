"""Markdown: what is common to what is made of one record and of two, and the summary of a run."""

from __future__ import annotations

import html

from ..failures import AGAIN
from . import statistics
from .record import BROKEN, OUTCOMES, Record
from .rerun import command

# Of a failure or script: the summary of a job on GitHub may have a mebibyte.
LONGEST = 4000
# Of failures; the page has all.
MOST = 20


def summary(record: Record) -> str:
    """The record of a run for the summary of a CI job: one table, what is new, what is not tested."""
    tested = record.settings.implementation or "torch"
    warning = statistics.warning(record)
    parts = [f"**{text(warning)}**"] if warning else []
    parts += [f"## {text(tested)} {text(record.torch.version)}", text(statistics.found(record))]
    rows = statistics.by_loss(record)
    outcomes = [name for name in OUTCOMES if any(row.outcomes[name] for row in rows.values())]
    dtypes = statistics.dtypes(rows.values())
    lines = [
        [loss, *(str(row.outcomes[name] or "-") for name in outcomes)]
        + [f"{row.worst[name]:.2f}" if name in row.worst else "-" for name in dtypes]
        for loss, row in rows.items()
    ]
    parts.append(table(["loss", *outcomes, *dtypes], lines))
    parts.append("Cells by outcome, and by dtype the largest error in units of the allowed error.")
    broken = [cell for cell in record.cells if cell.outcome in BROKEN]
    for cell in broken[:MOST]:
        head = f"<details><summary>{text(cell.id)} {cell.outcome}</summary>"
        again = f"{AGAIN}\n\n    {command(record.settings, cell.id, cell.outcome == 'crashed')}"
        parts += [head, fenced(f"{cut(cell.failure) or cell.reason}\n\n{again}"), "</details>"]
    if broken[MOST:]:
        parts.append(f"... and {len(broken) - MOST} more.")
    absent = [why for why in record.devices.values() if why]
    left_out = [f"ways: {', '.join(record.left_out)}"] if record.left_out else []
    lacking = [f"losses that it does not have: {', '.join(record.lacking)}"] if record.lacking else []
    parts += [f"Not tested: {text('; '.join(told))}" for told in [[*absent, *left_out, *lacking]] if told]
    return "\n\n".join(parts) + "\n"


def cut(failure: str) -> str:
    """A failure, or its beginning and a word on the rest if it is long."""
    left = len(failure) - LONGEST
    return failure if left <= 0 else f"{failure[:LONGEST]}\n... and {left:,} more characters"


def fenced(code: str) -> str:
    """Text that is shown as it is, whatever it holds."""
    fence = "`" * 3
    while fence in code:
        fence += "`"
    return f"{fence}text\n{code}\n{fence}"


def table(heads: list[str], lines: list[list[str]]) -> str:
    """A table of texts that are no Markdown."""
    cells = [[text(head) for head in heads], ["---"] * len(heads)]
    cells += [[text(told) for told in line] for line in lines]
    return "\n".join(f"| {' | '.join(line)} |" for line in cells)


def text(told: str) -> str:
    """Text that is no Markdown, nor HTML, nor the end of a table's cell."""
    escaped = html.escape(told, quote=False)
    for mark in "\\`*_[]~#":
        escaped = escaped.replace(mark, f"\\{mark}")
    return escaped.replace("|", "&#124;")
