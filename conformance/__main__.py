"""The commands of the suite, ``python -m conformance``."""

from __future__ import annotations

import argparse

from .findings import findings
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
    about = "Compare and render the records that pytest --report writes, and print the known divergences."
    parser = argparse.ArgumentParser(prog="python -m conformance", description=about)
    commands = parser.add_subparsers(dest="command", required=True)
    add_commands(commands)
    registry = commands.add_parser(
        "findings", help="print the registry of divergences as Markdown: docs/findings.md"
    )
    registry.set_defaults(run=_findings)
    try:
        chosen = parser.parse_args(arguments)
    finally:
        flush()  # what --help prints
    status: int = chosen.run(chosen)
    return status


def _findings(arguments: argparse.Namespace) -> int:
    put(findings())
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
