"""What the suite does besides testing: ``python -m conformance findings``."""

from __future__ import annotations

import argparse

from .findings import findings


def main(arguments: list[str] | None = None) -> None:
    """Run a command.

    Args:
        arguments: those of the command line, by default.
    """
    parser = argparse.ArgumentParser(prog="python -m conformance", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("findings", help="print the registry of divergences as Markdown: docs/findings.md")
    parser.parse_args(arguments)
    print(findings(), end="")


if __name__ == "__main__":
    main()
