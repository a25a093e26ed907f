"""The commands that read records: ``diff``, ``report`` and ``accuracy``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from . import markdown, page, renderings, terminal
from .accuracy_table import accuracy_table
from .comparability import NotComparableError
from .comparing import compare
from .comparison import KINDS, WORST
from .record import Record, RecordError, read, write_text

REPORTS: dict[str, Callable[[Record], str]] = {
    "terminal": lambda record: "\n".join(terminal.summary(record)) + "\n",
    "markdown": markdown.summary,
    "html": page.page,
}
PLACE = "record.json, or the folder that holds it"
# Exit status of a command that could not do what it was asked for.
REFUSED = 2


def add_commands(commands: Any) -> None:
    """Add the commands to the subparsers of a command line."""
    diff = commands.add_parser(
        "diff", help="tell what changed between two runs; exit status 1 if anything regressed"
    )
    diff.add_argument("old", metavar="OLD", type=Path, help=PLACE)
    diff.add_argument("new", metavar="NEW", type=Path, help="likewise, of the run that is compared with it")
    _add_output(diff, list(renderings.RENDERINGS))
    keys = [kind.key for kind in KINDS]
    diff.add_argument(
        "--fail-on", default=",".join(WORST), metavar="KIND[,KIND...]", type=_kinds,
        help=f"the changes for which the exit status is 1: none, or some of {', '.join(keys)}; "
        "default: %(default)s",
    )  # fmt: skip
    diff.set_defaults(run=_diff)
    report = commands.add_parser("report", help="render the record of a run again")
    report.add_argument("record", metavar="RECORD", type=Path, help=PLACE)
    _add_output(report, list(REPORTS))
    report.set_defaults(run=_report)
    accuracy = commands.add_parser(
        "accuracy", help="print the largest errors of a run as Markdown: docs/accuracy.md"
    )
    accuracy.add_argument("record", metavar="RECORD", type=Path, help=PLACE)
    accuracy.set_defaults(run=_accuracy)


def _add_output(parser: argparse.ArgumentParser, formats: list[str]) -> None:
    parser.add_argument("--format", choices=formats, default="terminal", help="default: %(default)s")
    parser.add_argument("--output", metavar="FILE", type=Path, help="where to; default: standard output")


def _kinds(told: str) -> list[str]:
    """The kinds of change that an option names.

    Raises:
        argparse.ArgumentTypeError: one is unknown.
    """
    valid = [kind.key for kind in KINDS]
    names = [] if told == "none" else told.split(",")
    for name in names:
        if name not in valid:
            raise argparse.ArgumentTypeError(f"unknown kind {name!r} (valid: none, {', '.join(valid)})")
    return names


def _read(path: Path) -> Record:
    try:
        return read(path)
    except RecordError as error:
        _refuse(str(error))


def _refuse(why: str) -> NoReturn:
    print(f"error: {why}", file=sys.stderr)
    raise SystemExit(REFUSED)


def _diff(arguments: argparse.Namespace) -> int:
    old, new = _read(arguments.old), _read(arguments.new)
    try:
        comparison = compare(old, new)
    except NotComparableError as error:
        _refuse(f"{arguments.old} and {arguments.new} cannot be compared: {error}")
    _put(renderings.RENDERINGS[arguments.format](comparison), arguments.output)
    return int(any(comparison.changes(kind) for kind in KINDS if kind.key in arguments.fail_on))


def _report(arguments: argparse.Namespace) -> int:
    _put(REPORTS[arguments.format](_read(arguments.record)), arguments.output)
    return 0


def _accuracy(arguments: argparse.Namespace) -> int:
    print(accuracy_table(_read(arguments.record)), end="")
    return 0


def _put(text: str, path: Path | None) -> None:
    """Print a text, or write it to a file, whole or not at all."""
    if path is None:
        print(text, end="")
        return
    try:
        write_text(text, path)
    except OSError as error:
        _refuse(f"--output: {path} cannot be written ({error.strerror or error}); name another file")
