"""The commands that read records: ``diff``, ``report`` and ``accuracy``."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from . import change_pages, markdown, page, statistics, terminal
from .accuracy_table import NothingMeasuredError, accuracy_table
from .changes import FAILING, KINDS
from .comparable import NotComparableError
from .find_changes import compare
from .output import one_line, put, refuse
from .record import Record, RecordError, locate, read


def _summary(record: Record) -> str:
    """The summary at the end of the run, after a line that says what an incomplete run lacks."""
    lines = terminal.summary(record) or [statistics.found(record)]
    return "\n".join([*filter(None, [statistics.warning(record)]), *lines]) + "\n"


REPORTS: dict[str, Callable[[Record], str]] = {
    "terminal": _summary,
    "markdown": markdown.summary,
    "html": page.page,
}
PLACE = "record.json, or the folder that holds it"


def add_commands(commands: Any) -> None:
    """Add the commands to the subparsers of a command line."""
    diff = commands.add_parser(
        "diff",
        help="compare two runs; exit status 1 if anything regressed or crashed, or a run is incomplete",
    )
    diff.add_argument("old", metavar="OLD", type=Path, help=PLACE)
    diff.add_argument("new", metavar="NEW", type=Path, help="likewise, of the run that is compared with it")
    _add_output(diff, list(change_pages.RENDERINGS))
    keys = [kind.key for kind in KINDS]
    diff.add_argument(
        "--fail-on", default=",".join(FAILING), metavar="KIND[,KIND...]", type=_kinds,
        help=f"the kinds of change that make the exit status 1: none, or any of {', '.join(keys)}; "
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
    names = [] if told.strip() == "none" else [name.strip() for name in told.split(",")]
    for name in names:
        if name not in valid:
            raise argparse.ArgumentTypeError(f"unknown kind {name!r} (valid: none, {', '.join(valid)})")
    return names


def _read(path: Path) -> Record:
    try:
        return read(path)
    except RecordError as error:
        refuse(str(error))


def _put(text: str, arguments: argparse.Namespace, *records: Path) -> None:
    """Write what is made of records, but not over one of them."""
    output = arguments.output
    if output and os.path.realpath(output) in {os.path.realpath(locate(path)) for path in records}:
        refuse(f"--output: {output} is a record that is read; name another file")
    put(text, output, document=arguments.format != "terminal")


def _diff(arguments: argparse.Namespace) -> int:
    old, new = _read(arguments.old), _read(arguments.new)
    try:
        comparison = compare(old, new, arguments.fail_on)
    except NotComparableError as error:
        refuse(f"{arguments.old} and {arguments.new} cannot be compared: {error}")
    _put(change_pages.RENDERINGS[arguments.format](comparison), arguments, arguments.old, arguments.new)
    return int(bool(comparison.failing))


def _report(arguments: argparse.Namespace) -> int:
    _put(REPORTS[arguments.format](_read(arguments.record)), arguments, arguments.record)
    return 0


def _accuracy(arguments: argparse.Namespace) -> int:
    record = _read(arguments.record)
    try:
        table = accuracy_table(record)
    except NothingMeasuredError as error:
        refuse(f"{arguments.record}: {error}")
    warning = statistics.warning(record)
    if warning:
        print(f"warning: {one_line(f'{arguments.record}: {warning}')}", file=sys.stderr)
    put(table)
    return 0
