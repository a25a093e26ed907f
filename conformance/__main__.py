"""What the suite does besides testing."""

from __future__ import annotations

import argparse

from .findings import findings
from .report.command import add_commands


def main(arguments: list[str] | None = None) -> int:
    """Run a command.

    Args:
        arguments: those of the command line, by default.

    Returns:
        The exit status.
    """
    parser = argparse.ArgumentParser(prog="python -m conformance", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    add_commands(commands)
    registry = commands.add_parser(
        "findings", help="print the registry of divergences as Markdown: docs/findings.md"
    )
    registry.set_defaults(run=_findings)
    chosen = parser.parse_args(arguments)
    status: int = chosen.run(chosen)
    return status


def _findings(arguments: argparse.Namespace) -> int:
    print(findings(), end="")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
