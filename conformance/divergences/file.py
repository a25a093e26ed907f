"""Records of divergences in a file of somebody's own."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Collection
from pathlib import Path

import pytest

from ..foreign import described, loading, one_line
from .checking import problem_of
from .record import Divergence

OPTION = "--registry"
# What the file's own code finds itself under in `sys.modules`.
MODULE = "registry_of_divergences"


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
            problem = problem_of(record)
            if problem is None and record.id in ids:
                problem = "another record of the file has this id; give each its own"
            if problem is None and record.id in taken:
                problem = "a record of torch has this id; give another"
            if problem:
                label = record.id if isinstance(record.id, str) and record.id else f"DIVERGENCES[{i}]"
                raise _usage_error(name, f"{one_line(label)}: {problem}")
            ids.add(record.id)
    return list(records)


def _usage_error(name: str, problem: str) -> pytest.UsageError:
    return pytest.UsageError(f"{OPTION}: {name}: {problem}")
