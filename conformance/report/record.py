"""The record of a run: one JSON file that holds all that the run found.

The classes here are its schema: an object of the file is one of them, with the attributes as its keys. What
has its default value is left out of the file. A file is checked when it is read, key by key.
"""

from __future__ import annotations

import json
import os
import types
from dataclasses import MISSING, Field, dataclass, field, fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any, Union, get_args, get_origin, get_type_hints

# Of the schema. It changes whenever a reader of the former one would misread the file.
VERSION = 1
NAME = "record.json"

# What may become of a cell.
OUTCOMES = {
    "conforms": "everything is as documented",
    "known": "it conforms but for divergences that are on record",
    "diverges": "something is otherwise than documented, and not on record",
    "crashed": "the process ended, or something outside the tests failed, so that there is no verdict",
    "unsupported": "not tested, because torch says that it does not have it",
    "not tested": "for another reason, such as a device that is absent",
}


GOOD = ("conforms", "known")
BROKEN = ("crashed", "diverges")
UNTESTED = ("unsupported", "not tested")


class RecordError(ValueError):
    """A file that is no record, with the reason in a line."""


@dataclass(frozen=True)
class Suite:
    """The suite that ran.

    Attributes:
        version: of the project.
        sources: BLAKE2b digest of the oracle, the strategies and the tests; what it is of is the same suite.
    """

    version: str
    sources: str


@dataclass(frozen=True)
class Torch:
    """The torch that was tested.

    Attributes:
        version: as torch says it.
        revision: the git revision it was built from.
        build: "cpu", or the version of CUDA or ROCm it was built for.
        cpu_capability: the vector instructions that its kernels use.
        threads: in each process of the run.
    """

    version: str
    revision: str
    build: str
    cpu_capability: str
    threads: int


@dataclass(frozen=True)
class Platform:
    """Where it ran.

    Attributes:
        system: name and release of the operating system.
        machine: the instruction set.
        processor: what the system calls the CPU.
        python, numpy, hypothesis, pytest: their versions.
    """

    system: str
    machine: str
    processor: str
    python: str
    numpy: str
    hypothesis: str
    pytest: str


@dataclass(frozen=True)
class Settings:
    """How it was asked to run. What is empty was not restricted.

    Attributes:
        profile: of Hypothesis.
        examples: of a cell.
        seed: from which each cell derives its own.
        deterministic: whether the same run on another torch draws the same examples.
        losses, dtypes, ways, devices: what the options name.
        implementation: what was tested in place of torch.
        registry: the file of further divergences.
        selection: pytest's own: paths, ``-k``, ``-m``, ``--deselect``.
        plugins: the modules that ``-p`` names on the command line.
        hang: after how many seconds without an answer a process is ended; 0: never.
        environment: the variables that were set of those by which torch chooses its kernels.
    """

    profile: str
    examples: int
    seed: int
    deterministic: bool
    losses: list[str] = field(default_factory=list)
    dtypes: list[str] = field(default_factory=list)
    ways: list[str] = field(default_factory=list)
    devices: list[str] = field(default_factory=list)
    implementation: str = ""
    registry: str = ""
    selection: list[str] = field(default_factory=list)
    plugins: list[str] = field(default_factory=list)
    hang: int = 300
    environment: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Signatures:
    """How a loss is called.

    Attributes:
        functional: parameters of the functional, as Python prints them; empty if there is none.
        module: those of the module's constructor.
    """

    functional: str
    module: str


@dataclass(frozen=True)
class Finding:
    """A divergence on record.

    Attributes:
        id: its name.
        loss: which diverges.
        of: what of it: "value", "gradient", "second", "invalid call" or "way".
        kind: in what manner.
        reason: what torch does, and what would be right.
        script: code of plain torch that shows it.
        in_force: whether the installed torch is in the range of versions that it is about.
    """

    id: str
    loss: str
    of: str
    kind: str
    reason: str
    script: str
    in_force: bool = True


@dataclass
class Cell:
    """What was found at one point of the axes, which is one test of the suite.

    Attributes:
        id: of the test, for pytest to run it again.
        of: the property: "value", "gradient", "law", ...
        outcome: one of `OUTCOMES`.
        loss, way, reduction, dtype, device: the coordinates, as far as the property has them; a way that is
            empty is the plain call.
        reason: why it was not tested, or crashed; or of a kink, that it is not the side on record.
        failure: what a person is told of a divergence, with a script that shows it.
        seconds: that the test took.
        examples: that ran to a verdict.
        worst: the largest error of conforming results, in units of the allowed error.
        ulp: the largest error of conforming results, in ulps of the right one, of which a digit is certain.
        where: the call with that error, and the element.
        ulps: how many elements were how far off: up to half an ulp, up to 1, 2, 4 and so on.
        known: how many examples each divergence on record covered.
        untested: how many examples were not tested, by the reason.
        digest: BLAKE2b digest of the bits of all conforming results; empty if the run was not deterministic.
        prints: four hexadecimal digits of such a digest for each example.
        side: the subgradient taken at a kink.
    """

    id: str
    of: str
    outcome: str
    loss: str = ""
    way: str = ""
    reduction: str = ""
    dtype: str = ""
    device: str = ""
    reason: str = ""
    failure: str = ""
    seconds: float = 0.0
    examples: int = 0
    worst: float = 0.0
    ulp: float = 0.0
    where: str = ""
    ulps: list[int] = field(default_factory=list)
    known: dict[str, int] = field(default_factory=dict)
    untested: dict[str, int] = field(default_factory=dict)
    digest: str = ""
    prints: str = ""
    side: float | None = None


@dataclass
class Record:
    """A run.

    Attributes:
        version: of the schema.
        suite, torch, platform, settings: see there.
        devices: those asked for, each with the reason why it is absent; empty if it is not.
        started, finished: ISO 8601, UTC; `finished` is when the file was written.
        complete: whether every cell that was planned got a verdict.
        incomplete_because: why not.
        planned: how many cells.
        left_out: the ways that were not run because nobody asked for them.
        lacking: the losses that what is under test does not have.
        signatures: by loss.
        findings: the divergences on record, also those not in force.
        cells: what was found.
    """

    version: int
    suite: Suite
    torch: Torch
    platform: Platform
    settings: Settings
    devices: dict[str, str]
    started: str
    finished: str
    complete: bool
    incomplete_because: str = ""
    planned: int = 0
    left_out: list[str] = field(default_factory=list)
    lacking: list[str] = field(default_factory=list)
    signatures: dict[str, Signatures] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    cells: list[Cell] = field(default_factory=list)


def write(record: Record, path: Path) -> None:
    """Write a record.

    Raises:
        OSError: it cannot be written; what was there is untouched.
    """
    write_text(json.dumps(_plain(record), allow_nan=False, separators=(",", ":")) + "\n", path)


def write_text(text: str, path: Path) -> None:
    """Write a file; whoever reads it meanwhile finds the former one, whole.

    Raises:
        OSError: it cannot be written; what was there is untouched.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        beside.write_text(text, encoding="utf-8")
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def read(path: Path) -> Record:
    """Read a record.

    Args:
        path: the file, or the folder that ``--report`` names.

    Raises:
        RecordError: it is not there, damaged, or none that this version of the suite can read.
    """
    path = path / NAME if path.is_dir() else path
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RecordError(
            f"{path}: {error.strerror or error}; a record is what --report DIR writes"
        ) from None
    except ValueError as error:  # no JSON, or no text
        raise RecordError(
            f"{path}: damaged, or no record ({error}); run the suite again with --report"
        ) from None
    version = data.get("version") if isinstance(data, dict) else None
    if isinstance(version, int) and version != VERSION:
        told = f"{path}: schema version {version}, and this suite reads {VERSION}"
        raise RecordError(f"{told}; use the suite that wrote it, or run this one again with --report")
    try:
        record: Record = _checked(Record, data, "")
        for i, cell in enumerate(record.cells):
            if cell.outcome not in OUTCOMES:
                raise RecordError(f"cells[{i}].outcome {cell.outcome!r} is none of {', '.join(OUTCOMES)}")
    except RecordError as error:
        raise RecordError(f"{path}: not a record of this suite: {error}") from None
    return record


def _plain(value: Any) -> Any:
    """A value as JSON has it, without what a reader would fill in."""
    if is_dataclass(value):
        told = {f.name: getattr(value, f.name) for f in fields(value) if not _is_default(value, f)}
        return {name: _plain(v) for name, v in told.items()}
    if isinstance(value, dict):
        return {name: _plain(v) for name, v in value.items()}
    if isinstance(value, list):
        return [_plain(v) for v in value]
    # Four digits tell all that an error or a time tells, and keep the file small.
    return float(f"{value:.4g}") if isinstance(value, float) else value


def _is_default(value: Any, of: Field[Any]) -> bool:
    """Whether an attribute is what a reader fills in."""
    default = of.default if of.default_factory is MISSING else of.default_factory()
    return default is not MISSING and getattr(value, of.name) == default


def _checked(kind: Any, data: Any, where: str) -> Any:
    """Data of a file as an object of the schema.

    Raises:
        RecordError: what is wrong, and where.
    """
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return None if data is None else _checked(inner[0], data, where)
    if isinstance(kind, type) and is_dataclass(kind) and isinstance(data, dict):
        hints = _hints(kind)
        unknown = sorted(data.keys() - hints.keys())
        if unknown:
            raise RecordError(f"{where or 'the file'} has an unknown key {unknown[0]!r}")
        needed = [f.name for f in fields(kind) if f.default is MISSING and f.default_factory is MISSING]
        lacking = [name for name in needed if name not in data]
        if lacking:
            raise RecordError(f"{where or 'the file'} has no {lacking[0]!r}")
        return kind(
            **{name: _checked(hints[name], v, f"{where}.{name}".strip(".")) for name, v in data.items()}
        )
    if origin is list and isinstance(data, list):
        return [_checked(inner[0], v, f"{where}[{i}]") for i, v in enumerate(data)]
    if origin is dict and isinstance(data, dict):
        return {name: _checked(inner[1], v, f"{where}[{name!r}]") for name, v in data.items()}
    if kind is float and type(data) is int:
        return float(data)
    if type(data) is not kind:
        raise RecordError(f"{where or 'the file'} must be {_named(kind)}, and is {_named(type(data))}")
    return data


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def _named(kind: Any) -> str:
    names = {"str": "text", "int": "a whole number", "float": "a number", "bool": "true or false"}
    names |= {"list": "a list", "dict": "an object", "NoneType": "null"}
    name = (get_origin(kind) or kind).__name__
    return names.get(name, "an object")
