"""Records of divergences in a file of somebody's own."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path

import pytest

from .record import Divergence


def read_records(path: str) -> list[Divergence]:
    """The records that a Python file defines as ``DIVERGENCES``.

    Args:
        path: of the file.

    Raises:
        pytest.UsageError: there is no such file, it raises, or it defines something else.
    """
    if not Path(path).is_file():
        raise _usage_error(path, "there is no such file")
    spec = importlib.util.spec_from_file_location("registry", path)
    if spec is None or spec.loader is None:
        raise _usage_error(path, "not a Python file: its name must end in .py")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # a file may raise anything
        first = str(error).partition("\n")[0]
        raise _usage_error(path, f"it raises {type(error).__name__}: {first}") from None
    records = getattr(module, "DIVERGENCES", None)
    if not isinstance(records, Sequence) or isinstance(records, str):
        raise _usage_error(path, "it must define DIVERGENCES, a list of conformance.divergences.Divergence")
    for record in records:
        if not isinstance(record, Divergence):
            raise _usage_error(path, f"{record!r} in DIVERGENCES is no conformance.divergences.Divergence")
    return list(records)


def _usage_error(path: str, problem: str) -> pytest.UsageError:
    return pytest.UsageError(f"--registry: {path}: {problem}")
