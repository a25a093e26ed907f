"""What the campaign shows: kill rates by kind and severity, and the table of all saboteurs as Markdown."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from .campaign import Result
from .saboteur import KINDS, SEVERITIES, SUBTLE, Saboteur

Pairs = Sequence[tuple[Saboteur, Result]]
# The share of saboteurs that must be killed.
GOALS = dict.fromkeys(SEVERITIES, 1.0) | {SUBTLE: 0.95}


def rate(pairs: Pairs) -> str:
    """How many of how many were killed."""
    killed = sum(result.outcome == "killed" for _, result in pairs)
    return f"{killed}/{len(pairs)}" if pairs else ""


def goals_hold(pairs: Pairs) -> bool:
    """Whether enough of each severity are killed."""
    for severity, goal in GOALS.items():
        outcomes = [result.outcome == "killed" for saboteur, result in pairs if saboteur.severity == severity]
        if outcomes and sum(outcomes) < goal * len(outcomes):
            return False
    return True


def rates(pairs: Pairs) -> list[list[str]]:
    """Rows of kill rates: a header, one row for each kind, and one for all."""

    def row(name: str, of_kind: Pairs) -> list[str]:
        by_severity = [[pair for pair in of_kind if pair[0].severity == severity] for severity in SEVERITIES]
        return [name, *map(rate, by_severity), rate(of_kind)]

    kinds = [kind for kind in KINDS if any(saboteur.kind == kind for saboteur, _ in pairs)]
    rows = [row(kind, [pair for pair in pairs if pair[0].kind == kind]) for kind in kinds]
    return [["kind", *SEVERITIES, "all"], *rows, row("all", pairs)]


def cost(pairs: Pairs) -> str:
    """What a kill costs, in a sentence."""
    kills = [result for _, result in pairs if result.outcome == "killed"]
    if not kills:
        return "Nothing was killed."
    examples, cpu = [kill.examples for kill in kills], [kill.cpu for kill in kills]
    return (
        f"Until the first failure, a median of {statistics.median(examples):g} examples and "
        f"{statistics.median(cpu):.1f} s of processor time; at most {max(examples):,} and {max(cpu):.0f} s; "
        f"{sum(cpu) / 60:.0f} minutes in all."
    )


def left(pairs: Pairs) -> list[str]:
    """What was not killed, a line each."""
    return [
        f"{saboteur} ({saboteur.kind}, {saboteur.severity}): {saboteur.breaks}; {_why(saboteur, result)}"
        for saboteur, result in pairs
        if result.outcome != "killed"
    ]


def _why(saboteur: Saboteur, result: Result) -> str:
    return result.killed_by if result.outcome == "failed" else f"survives {saboteur.survives}".strip()


def text(rows: list[list[str]]) -> str:
    """Rows as aligned columns."""
    widths = [max(map(len, column)) for column in zip(*rows)]
    return "\n".join(
        "  ".join(cell.ljust(width) if not i else cell.rjust(width) for i, (cell, width) in enumerate(zip(row,
        widths)))
        for row in rows
    )  # fmt: skip


def markdown(pairs: Pairs) -> str:
    """The page: the rates, what a kill costs, the survivors, and all saboteurs."""
    head, *body = rates(pairs)
    versions = sorted({f"torch {result.torch}, code of the suite {result.suite}" for _, result in pairs})
    survivors = left(pairs)
    lines = [
        "# What the suite notices",
        "",
        "A suite is worth what it notices. Here it is run, in its default profile, against broken losses:",
        "each row below breaks torch in one way, and a test must fail. *Gross* is wrong for nearly every",
        "input, *moderate* for a common option or region, *subtle* by little or in a rare region. The goal",
        "is all of gross and moderate, and 95 % of subtle. `python -m meta_tests.saboteurs` runs the suite",
        "against each, a quarter of an hour on 2 cores; with `--markdown` it prints this page. The tests",
        "that a kind concerns run first; examples and processor time are those until the first failure,",
        "without shrinking it.",
        f"It was made with {' and '.join(versions)}.",
        "",
        _table([head, *body]),
        "",
        cost(pairs),
        "",
        "## Survivors",
        "",
        *([f"- {line}" for line in survivors] or ["None."]),
        "",
        "## All saboteurs",
        "",
        _table(
            [
                ["saboteur", "kind", "severity", "what is broken", "killed by", "examples", "CPU s"],
                *(
                    [
                        str(saboteur), saboteur.kind, saboteur.severity, saboteur.breaks,
                        f"`{result.killed_by}`" if result.outcome == "killed" else f"**{result.outcome}**",
                        f"{result.examples:,}", f"{result.cpu:.1f}",
                    ]
                    for saboteur, result in pairs
                ),
            ]
        ),
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def _table(rows: list[list[str]]) -> str:
    head, *body = [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in rows]
    return "\n".join([head, "|" + " --- |" * len(rows[0]), *body])
