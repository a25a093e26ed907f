"""Writing text: to files, whole or not at all, and to standard output."""

from __future__ import annotations

import io
import os
import re
import sys
from pathlib import Path
from typing import NoReturn

# The exit status of a command that could not do what it was asked for.
REFUSED = 2

# Characters that neither XML nor UTF-8 allows, or that a terminal obeys instead of showing them.
UNSHOWN = re.compile("[^\t\n\x20-\x7e\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def visible(text: str) -> str:
    """Text with its control characters and lone surrogates as Python escapes them, such as ``\\x00``."""
    return UNSHOWN.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def one_line(text: str) -> str:
    """Text as a person reads it in a message of one line."""
    return visible(text).replace("\n", "\\n").replace("\t", "\\t")


def why(error: BaseException) -> str:
    """The reason that an exception gives, without the path that a message names anyway."""
    return (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__


def write_text(text: str, path: Path) -> None:
    """Write a file as UTF-8; whoever reads it meanwhile finds the former one, whole.

    Raises:
        OSError: it cannot be written; what was there is untouched.
    """
    if path.exists() and not path.is_file():  # a device or a pipe must not be replaced by a file
        path.write_text(visible(text), encoding="utf-8")
        return
    path = Path(os.path.realpath(path))  # a link stays a link
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        beside.write_text(visible(text), encoding="utf-8")
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def put(text: str, path: Path | None = None, *, document: bool = True) -> None:
    """Write what a command makes to a file, or print it.

    Args:
        text: what it makes.
        path: the file that ``--output`` names; None for standard output.
        document: whether it is a file for a machine, which is UTF-8 wherever it is printed. Other text is
            printed in the encoding of the terminal, with escapes for the characters that it lacks.

    Raises:
        SystemExit: it cannot be written.
    """
    if path is not None:
        try:
            write_text(text, path)
        except (OSError, ValueError) as error:
            refuse(f"--output: {path} cannot be written ({why(error)}); name another file")
        return
    if sys.stdout is None:
        refuse("standard output is closed; open it, or name a file with --output")
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8" if document else None, errors="backslashreplace")
    try:
        print(visible(text), end="")
    except OSError as error:
        _abandon(error)
    flush()


def flush() -> None:
    """Make sure that everything printed has arrived.

    Raises:
        SystemExit: it has not.
    """
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as error:
        _abandon(error)


def _abandon(error: OSError) -> None:
    """Print nothing more; an error unless the reader has closed the pipe, having read enough."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if not isinstance(error, BrokenPipeError):
        refuse(f"standard output cannot be written ({why(error)}); print to another place")


def refuse(reason: str) -> NoReturn:
    """End a command that cannot do what it was asked for.

    Raises:
        SystemExit: always.
    """
    print(f"error: {one_line(reason)}", file=sys.stderr)
    raise SystemExit(REFUSED)
