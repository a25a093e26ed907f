"""What a record must be to mean anything: each field is checked before the record is in force."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from dataclasses import replace
from numbers import Real
from typing import Any, NoReturn

import numpy as np
import pytest
import torch
from torch.torch_version import TorchVersion

from reference import FORMATS, Array

from ..foreign import contained, message_of, one_line, place_in, told
from ..losses import LOSSES
from ..mismatch import Mismatch
from ..ways import WAYS
from .divergence import ELSEWHERE, KINDS, OF, SEVERITIES, Divergence, Witness, near

# What the versions of torch look like, of PEP 440.
VERSION = re.compile(r"\d+(\.\d+)*((a|b|rc)\d+)?(\.post\d+)?(\.dev\d+)?(\+[a-z0-9.]+)?")


def problem_of(record: Divergence) -> str | None:
    """The first thing that is wrong with a record, with its mend; or None."""
    return next(_problems(record), None)


def _problems(record: Divergence) -> Iterator[str]:
    for name in ("id", "kind", "severity", "reason"):
        value = getattr(record, name)
        if not isinstance(value, str) or not value.strip():
            yield f"{name} must be a text, got {_shown(value)}"
    for name in ("formats", "devices", "ways", "of"):
        value = getattr(record, name)
        if not isinstance(value, tuple) or not all(isinstance(item, str) for item in value):
            yield f"{name} must be a tuple of texts such as ({_EXAMPLES[name]!r},), got {_shown(value)}"
    if not isinstance(record.upstream, str):
        yield f"upstream must be a text, got {_shown(record.upstream)}"
    if not re.fullmatch(r"[\w.+-]+", record.id):
        yield f"id {_shown(record.id)} must consist of letters, digits and any of . + - _"
    yield from _unknown("kind", [record.kind], KINDS)
    yield from _unknown("severity", [record.severity], SEVERITIES)
    yield from _unknown("of", record.of, OF)
    yield from _unknown("formats", record.formats, FORMATS)
    yield from _unknown("ways", record.ways, WAYS)
    yield from _problems_of_witnesses(record)
    named_first = re.match(r"[a-z0-9_]+", record.id)
    if named_first and named_first[0] in LOSSES and record.losses != (named_first[0],):
        yield f"id names {named_first[0]}, and witnesses are of {', '.join(record.losses)}"
    if not record.of:
        yield "of is empty, so the record is about nothing: leave it out for the value"
    if not record.formats:
        yield "formats is empty, so the record explains nothing: leave it out to name all"
    if "way" in record.of and not record.ways:
        yield "ways must name those in which it diverges, since of has 'way'"
    if record.ways and not {"way", "invalid call"} & {*record.of}:
        yield f"ways has no meaning where of is {record.of!r}: leave it out, or say of=('way',)"
    for device in record.devices:
        if device != ELSEWHERE and not _is_type_of_device(device):
            yield f"devices has {_shown(device)}: give a type of device as torch spells it, such as 'cuda'"
    yield from _problems_of_versions(record)
    yield from _problems_of_outcome(record)


_EXAMPLES = {"formats": "float32", "devices": "cuda", "ways": "vmap", "of": "value"}


def _shown(value: object) -> str:
    try:
        return one_line(repr(value))
    except Exception:
        return f"something that has no repr, {type(value).__name__}"


def _unknown(field: str, names: Any, known: Any) -> Iterator[str]:
    for name in names:
        if name not in known:
            yield f"{field} has the unknown name {_shown(name)} (valid: {', '.join(known)})"


def _is_type_of_device(name: str) -> bool:
    try:
        return torch.device(name).type == name
    except RuntimeError:
        return False


def _problems_of_versions(record: Divergence) -> Iterator[str]:
    for field in ("since", "until"):
        version = getattr(record, field)
        if version is not None and not (isinstance(version, str) and VERSION.fullmatch(version)):
            yield f"{field} must be a version such as '2.13', or None, got {_shown(version)}"
    if record.since and record.until and TorchVersion(record.since) >= record.until:
        yield f"since {record.since} is not before until {record.until}, so the record is never in force"


def _problems_of_witnesses(record: Divergence) -> Iterator[str]:
    given = record.witnesses
    if not isinstance(given, tuple) or not given or not all(isinstance(item, Witness) for item in given):
        yield f"witnesses must be a tuple of at least one Witness, got {_shown(given)}"
        return
    for i, witness in enumerate(given):
        for problem in _problems_of_witness(witness, record.of):
            yield f"witnesses[{i}]: {problem}"


def _problems_of_witness(witness: Witness, of: tuple[str, ...]) -> Iterator[str]:
    for name in ("loss", "code"):
        value = getattr(witness, name)
        if not isinstance(value, str) or not value.strip():
            yield f"{name} must be a text, got {_shown(value)}"
            return
    yield from _unknown("loss", [witness.loss], LOSSES)
    if witness.of and witness.of not in of:
        yield f"of is {_shown(witness.of)}, and the record is of {', '.join(map(str, of))}"
    *statements, expression = witness.code.splitlines()
    for code, mode in (("\n".join(statements), "exec"), (expression, "eval")):
        try:
            compile(code, "<witness>", mode)
        except (SyntaxError, ValueError) as error:
            line = len(statements) + 1 if mode == "eval" else getattr(error, "lineno", 1)
            mend = "; the last line must be an expression" if mode == "eval" else ""
            yield f"code, line {line}: {message_of(error)}{mend}"
    for field in ("gives", "truth"):
        value = getattr(witness, field)
        number = isinstance(value, Real) and not isinstance(value, bool)
        if not number and not (isinstance(value, str) and value):
            yield f"{field} must be a number or the name of an exception, got {_shown(value)}"
    if near(witness.gives, witness.truth):
        yield f"gives {witness.gives} is truth {witness.truth}, so nothing diverges"


def _problems_of_outcome(record: Divergence) -> Iterator[str]:
    explains = getattr(record.instead, "explains", None)
    if not callable(explains):
        outcomes = "an outcome such as Computes({'l1_loss': formula}) of conformance.divergences.outcomes"
        yield f"instead must be {outcomes}, got {_shown(record.instead)}"
        return
    try:
        inspect.signature(explains).bind(None)
    except TypeError as error:
        yield f"instead.explains must take one argument, a mismatch ({message_of(error)})"
    except ValueError:  # a builtin does not tell
        return


def explained_by(record: Divergence, mismatch: Mismatch) -> bool | Array:
    """Which elements of a mismatch a record explains; of an exception or a shape, whether it does.

    Raises:
        pytest.fail.Exception: what the record says torch gives cannot be compared: somebody's code raises, or
            returns something else.
    """
    if mismatch.worst is None:  # it is not the numbers that are wrong, such as where bits differ
        mismatch = replace(mismatch, observed=None)
    shape = () if mismatch.observed is None else mismatch.observed.shape

    def fail(problem: str) -> NoReturn:
        text = f"{record.id}: its outcome {problem}; mend the record\n\nIt judged: {mismatch.explain()}"
        raise pytest.fail.Exception(text, pytrace=False) from None

    try:
        said = record.instead.explains(mismatch)
    except BaseException as error:  # a registry is somebody's code
        where = place_in(error)
        fail(told(contained(error)) + (f" ({where})" if where else ""))
    if isinstance(said, bool | np.bool_):
        return bool(said)
    if not isinstance(said, np.ndarray) or said.dtype != bool:
        fail(f"returned {_shown(said)}, not a bool or an array of bools")
    if said.shape != shape:
        what = "the result has" if mismatch.worst else "what is not about numbers wants"
        fail(f"returned an array of shape {said.shape}, and {what} {shape}")
    return said
