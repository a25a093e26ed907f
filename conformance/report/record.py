"""The record of a run: one JSON file that holds all that the run found.

The classes here are its schema: an object of the file is one of them, with the attributes as its keys. What
has its default value is left out of the file. A file is checked when it is read, key by key.
"""

from __future__ import annotations

import json
import stat
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, TypeAlias

from .output import why, write_text
from .typed_json import Bounds, SchemaError, checked, parse, plain, quoted

# Of the schema. It changes whenever a reader of the former one would misread the file.
VERSION = 1
NAME = "record.json"
# Of a file that is read, in bytes; a record takes some kilobytes for each cell.
LARGEST = 2**32
# Of errors in ulps, each bin of which is twice as wide as the one before.
MOST_BINS = 64
AGAIN = "run the suite again with --report"

# How many there are of something, a figure that is never negative, and a number of either sign.
Count: TypeAlias = Annotated[int, Bounds(0, 2**63 - 1)]
Figure: TypeAlias = Annotated[float, Bounds(0)]
Number: TypeAlias = Annotated[float, Bounds()]

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
    threads: Count


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
    examples: Count
    seed: Annotated[int, Bounds(0)]
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
class CellResult:
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
    seconds: Figure = 0.0
    examples: Count = 0
    worst: Figure = 0.0
    ulp: Figure = 0.0
    where: str = ""
    ulps: list[Count] = field(default_factory=list)
    known: dict[str, Count] = field(default_factory=dict)
    untested: dict[str, Count] = field(default_factory=dict)
    digest: str = ""
    prints: str = ""
    side: Number | None = None


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

    version: Count
    suite: Suite
    torch: Torch
    platform: Platform
    settings: Settings
    devices: dict[str, str]
    started: str
    finished: str
    complete: bool
    incomplete_because: str = ""
    planned: Count = 0
    left_out: list[str] = field(default_factory=list)
    lacking: list[str] = field(default_factory=list)
    signatures: dict[str, Signatures] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    cells: list[CellResult] = field(default_factory=list)


def write(record: Record, path: Path) -> None:
    """Write a record.

    Raises:
        OSError: it cannot be written; what was there is untouched.
    """
    write_text(json.dumps(plain(record), allow_nan=False, separators=(",", ":")) + "\n", path)


def check_cell(cell: CellResult) -> None:
    """Make sure that a cell can be written and read again.

    Raises:
        SchemaError: it cannot, with the attribute and the reason.
    """
    checked(CellResult, plain(cell))


def read(path: Path) -> Record:
    """Read a record.

    Args:
        path: the file, or the folder that ``--report`` names.

    Raises:
        RecordError: it is not there, damaged, or none that this version of the suite can read.
    """
    try:
        path = locate(path)
        data = parse(_content(path))
    except RecordError:
        raise
    except (OSError, MemoryError) as error:
        raise RecordError(f"{path}: {why(error)}; a record is what --report DIR writes") from None
    except ValueError as error:  # no JSON, or no text
        raise RecordError(f"{path}: damaged, or no record ({error}); {AGAIN}") from None
    version = data.get("version") if isinstance(data, dict) else None
    if isinstance(version, int) and version != VERSION:
        told = f"{path}: schema version {version}, and this suite reads {VERSION}"
        raise RecordError(f"{told}; use the suite that wrote it, or run this one again with --report")
    try:
        record: Record = checked(Record, data)
        _check(record)
    except SchemaError as error:
        raise RecordError(f"{path}: not a record of this suite: {error}; {AGAIN}") from None
    return record


def locate(path: Path) -> Path:
    """The file of a record, given that or the folder that holds it.

    Raises:
        OSError: nobody may look.
    """
    return path / NAME if path.is_dir() else path


def _content(path: Path) -> bytes:
    """What a file holds.

    Raises:
        OSError: it cannot be read.
        RecordError: it is none that a run writes.
    """
    about = path.stat()
    if not (stat.S_ISREG(about.st_mode) or stat.S_ISDIR(about.st_mode)):
        raise RecordError(f"{path}: no regular file; name {NAME}, or the folder that holds it")
    if about.st_size > LARGEST:
        told = f"{path}: larger than {LARGEST:,} bytes"
        raise RecordError(f"{told}, too large to read; run the suite again with fewer --examples")
    return path.read_bytes()


def _check(record: Record) -> None:
    """Make sure that the parts of a record agree.

    Raises:
        SchemaError: they do not.
    """
    for i, cell in enumerate(record.cells):
        if cell.outcome not in OUTCOMES:
            raise SchemaError(f"cells[{i}].outcome {quoted(cell.outcome)} is none of {', '.join(OUTCOMES)}")
        if len(cell.ulps) > MOST_BINS:
            raise SchemaError(
                f"cells[{i}].ulps has {len(cell.ulps):,} bins, and at most {MOST_BINS} make sense"
            )
    [(name, times)] = Counter(cell.id for cell in record.cells).most_common(1) or [("", 0)]
    if times > 1:
        raise SchemaError(f"cells: {times} of them have the id {quoted(name)}")
    if record.planned < len(record.cells):
        raise SchemaError(f"planned is {record.planned:,}, and there are {len(record.cells):,} cells")
    if record.complete and record.planned > len(record.cells):
        cells = f"{len(record.cells):,} of {record.planned:,} planned cells are there"
        raise SchemaError(f"complete is true, and only {cells}")
