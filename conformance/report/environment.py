"""What a record says of the run besides what was found: the suite, torch, the machine and the options."""

from __future__ import annotations

import hashlib
import inspect
import os
import platform
import tomllib
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import hypothesis
import numpy as np
import pytest
import torch

from ..devices import absence, cpu_capability, default_devices
from ..divergences import in_force
from ..findings import script
from ..implementation import under_test
from ..losses import LOSSES
from ..scripts import CAPABILITY
from .record import Finding, Platform, Settings, Signatures, Suite, Torch

ROOT = Path(__file__).parents[2]
ROOMS = ("reference", "strategies", "conformance")


def describe_suite() -> Suite:
    """The suite in this checkout; its commands, and what makes reports, have no part in what a run finds."""
    digest = hashlib.blake2b(digest_size=16)
    for path in sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py")):
        if path.name != "__main__.py" and path.parent != Path(__file__).parent:
            digest.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return Suite(project["version"], digest.hexdigest())


def describe_torch() -> Torch:
    """The installed torch."""
    return Torch(
        torch.__version__,
        revision(),
        torch.version.cuda or torch.version.hip or "cpu",
        cpu_capability(),
        torch.get_num_threads(),
    )


def revision() -> str:
    """The git revision that torch was built from, if the build says it."""
    return getattr(torch.version, "git_version", None) or "unknown"


def describe_platform() -> Platform:
    """The machine, and what runs the suite on it."""
    return Platform(
        f"{platform.system()} {platform.release()}",
        platform.machine(),
        _processor(),
        platform.python_version(),
        np.__version__,
        hypothesis.__version__,
        pytest.__version__,
    )


def _processor() -> str:
    """The name of the CPU; Python does not know it on Linux."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def describe_settings(config: pytest.Config, seed: int) -> Settings:
    """The options of a run.

    Args:
        config: where they are.
        seed: from which each cell derives its own.
    """
    option, active = config.option, hypothesis.settings()
    chosen = config.args if config.args_source is pytest.Config.ArgsSource.ARGS else []
    pairs = [("-k", option.keyword), ("-m", option.markexpr)]
    pairs += [("--deselect", name) for name in option.deselect or []]
    return Settings(
        profile=config.getoption("hypothesis_profile", None) or "dev",
        examples=active.max_examples,
        seed=seed,
        # What is aimed at the largest error depends on what torch gives.
        deterministic=hypothesis.Phase.target not in active.phases,
        losses=sorted(option.loss),
        dtypes=sorted(option.dtype),
        ways=sorted(option.way),
        devices=sorted(option.device),
        implementation=option.implementation or "",
        registry=option.registry or "",
        selection=[*map(str, chosen), *(f"{name} {value}" for name, value in pairs if value)],
        plugins=_plugins(config),
        hang=int(option.hang),
        environment={name: os.environ[name] for name in (CAPABILITY,) if name in os.environ},
    )


def _plugins(config: pytest.Config) -> list[str]:
    """What ``-p`` names on the command line, and not in the settings of the checkout."""
    words = config.getini("addopts")
    own = {word for option, word in pairwise(words) if option == "-p"}
    return [name for name in dict.fromkeys(config.option.plugins) if name not in own]


def describe_devices(config: pytest.Config) -> dict[str, str]:
    """The devices asked for, with the reason for the absence of each that is absent."""
    return {device: absence(device) or "" for device in config.option.device or default_devices()}


def describe_signatures() -> dict[str, Signatures]:
    """How each loss is called that is there."""
    found = {
        name: Signatures(
            _parameters(getattr(under_test().F, name, None)), _parameters(getattr(torch.nn, row.module, None))
        )
        for name, row in LOSSES.items()
    }
    return {name: both for name, both in found.items() if both.functional or both.module}


def _parameters(function: Callable[..., Any] | None) -> str:
    if function is None:
        return ""
    try:
        signature = inspect.signature(function)
    except ValueError:  # a function may keep its parameters to itself
        return "?"
    # The annotations of torch change often, and tell nothing of what a call does.
    bare = [p.replace(annotation=inspect.Parameter.empty) for p in signature.parameters.values()]
    return str(signature.replace(parameters=bare, return_annotation=inspect.Signature.empty))


def lacking_losses() -> list[str]:
    """The losses that what is under test does not have."""
    return [name for name in LOSSES if not hasattr(under_test().F, name)]


def describe_findings() -> list[Finding]:
    """The divergences on record for what is under test."""
    return [
        Finding(
            id=record.name(loss),
            loss=loss,
            of=", ".join(record.of),
            kind=record.kind,
            reason=record.reason,
            script=script(next(witness for witness in record.witnesses if witness.loss == loss)),
            in_force=record.current,
        )
        for record in in_force()
        for loss in record.losses
    ]
