"""The commands of the suite, ``python -m conformance``."""

from __future__ import annotations

import argparse
import sys

from .findings import findings, issue
from .report.command import add_commands
from .report.output import flush, put


def main(arguments: list[str] | None = None) -> int:
    """Run a command.

    Args:
        arguments: those of the command line, by default.

    Returns:
        The exit status.

    Raises:
        SystemExit: there is nothing to run, or it cannot be run; status 2.
    """
    about = "Compare and render what pytest --report records, and print and weigh the known divergences."
    parser = argparse.ArgumentParser(prog="python -m conformance", description=about)
    commands = parser.add_subparsers(dest="command", required=True)
    add_commands(commands)
    registry = commands.add_parser(
        "findings", help="print the registry of divergences as Markdown: docs/findings.md"
    )
    registry.set_defaults(run=_findings)
    report = commands.add_parser("issue", help="print a known divergence as a bug report for PyTorch")
    report.add_argument("id", metavar="ID", help="of the divergence, as docs/findings.md has it")
    report.set_defaults(run=_issue)
    measured = commands.add_parser(
        "severity", help="measure how often training data meets each known divergence; takes minutes"
    )
    measured.add_argument(
        "--examples",
        type=int,
        default=300,
        metavar="N",
        help="of each loss, reduction, dtype and property; default 300, which is several thousand a loss",
    )
    measured.set_defaults(run=_severity)
    try:
        chosen = parser.parse_args(arguments)
    finally:
        flush()  # what --help prints
    status: int = chosen.run(chosen)
    return status


def _findings(arguments: argparse.Namespace) -> int:
    put(findings())
    return 0


def _issue(arguments: argparse.Namespace) -> int:
    try:
        put(issue(arguments.id))
    except ValueError as error:
        print(f"python -m conformance issue: error: {error}", file=sys.stderr)
        return 2
    return 0


def _severity(arguments: argparse.Namespace) -> int:
    from .severity import report  # what it runs imports pytest's tests

    if arguments.examples < 1:
        print("python -m conformance severity: error: --examples must be at least 1", file=sys.stderr)
        return 2
    put(report(arguments.examples))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
