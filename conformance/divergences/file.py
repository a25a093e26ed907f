"""Records of divergences in a file of somebody's own."""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ..foreign import UnfitError, described, loading, message_of, one_line
from ..losses import LOSSES
from .checking import problem_of
from .divergence import Divergence

OPTION = "--registry"
# What the file's own code finds itself under in `sys.modules`.
MODULE = "registry_of_divergences"
# Fields that records had before they said what torch gives, each with what stands for it.
FORMER = {
    "covers": "instead, such as Computes({'l1_loss': formula}) of conformance.divergences.outcomes",
} | dict.fromkeys(
    ("loss", "witness", "gives", "truth"),
    "witnesses=(Witness(loss, code, gives, truth),), a tuple of conformance.divergences.divergence.Witness",
)
FORMER_FIELD = re.compile(rf"Divergence\b.*'({'|'.join(FORMER)})'")


def read_records(name: str, taken: Collection[str] = (), seconds: int = 0) -> list[Divergence]:
    """The records that a Python file defines as ``DIVERGENCES``.

    Args:
        name: of the file.
        taken: ids of the records that are in force besides.
        seconds: how long running the file may take, after which the process ends; 0: for ever.

    Raises:
        pytest.UsageError: there is no such file, it raises, or it defines something else than
            records that each mean something.
    """
    if not name:
        raise pytest.UsageError(f"{OPTION}: it must name a Python file")
    with loading(OPTION, name, seconds):
        path = Path(name).expanduser()
        if path.is_dir():
            raise _usage_error(name, "it is a folder; name a Python file in it")
        if not path.is_file():
            odd = "it is no regular file; name a Python file"
            raise _usage_error(name, odd if path.exists() else "there is no such file")
        spec = importlib.util.spec_from_file_location(MODULE, path)
        if spec is None or spec.loader is None:
            raise _usage_error(name, "not a Python file: its name must end in .py")
        module = importlib.util.module_from_spec(spec)
        sys.modules[MODULE] = module  # where dataclasses and pickle look for it
        with _former_fields():
            spec.loader.exec_module(module)
        records = getattr(module, "DIVERGENCES", None)
        if not isinstance(records, list | tuple):
            found = "" if records is None else f", not {described(records)}"
            wanted = "DIVERGENCES, a list of conformance.divergences.Divergence"
            raise _usage_error(name, f"it must define {wanted}{found}")
        ids: set[str] = set()
        for i, record in enumerate(records):
            if not isinstance(record, Divergence):
                what = f"DIVERGENCES[{i}] is {described(record)}"
                raise _usage_error(name, f"{what}, not a conformance.divergences.Divergence")
            if record.kind in LOSSES:  # where the loss stood
                raise _usage_error(name, f"{_label(i, record)}: {_former('loss')}")
            problem = problem_of(record)
            if problem is None and record.id in ids:
                problem = "another record of the file has this id; give each its own"
            if problem is None and record.id in taken:
                problem = "a record of torch has this id; give another"
            if problem:
                raise _usage_error(name, f"{_label(i, record)}: {problem}")
            ids.add(record.id)
    return list(records)


@contextmanager
def _former_fields() -> Iterator[None]:
    """Around code that makes or reads records: where it uses a former field, the error says what to write."""
    try:
        yield
    except (AttributeError, TypeError) as error:
        found = FORMER_FIELD.search(message_of(error))
        if found is None:
            raise
        raise UnfitError(_former(found[1])).with_traceback(error.__traceback__) from None


def _former(field: str) -> str:
    return f"Divergence has no field {field!r} any more: write {FORMER[field]} (see CHANGELOG.md)"


def _label(index: int, record: Divergence) -> str:
    return one_line(record.id) if isinstance(record.id, str) and record.id else f"DIVERGENCES[{index}]"


def _usage_error(name: str, problem: str) -> pytest.UsageError:
    return pytest.UsageError(f"{OPTION}: {name}: {problem}")
