"""Whatever instructions torch is told to use on the CPU, wide vectors or none, its losses conform.

torch takes them from the environment when it starts, so each set of them has a run of its own.
"""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import settings

from .devices import cpu_capability
from .report.environment import describe_settings
from .report.rerun import options
from .report.tested import NOT_TESTED

ROOT = Path(__file__).parent.parent
# As ATEN_CPU_CAPABILITY names them, from the least to the most.
CAPABILITIES = ("default", "avx2", "avx512")
# A kernel's few branches are met in few examples: each run gets a cell's examples divided by this.
FEWER = 20


def obstacle(capability: str, nightly: bool) -> str | None:
    """Why there is no run of its own with a capability, or None."""
    present = cpu_capability().lower()
    if capability == present:
        return f"{capability} is what all else is tested with"
    # Other processors have one set beside the default.
    known = CAPABILITIES.index(present) if present in CAPABILITIES else 1
    if CAPABILITIES.index(capability) >= known:
        return f"this torch does not use {capability} here"
    # No vectors at all are what is farthest from what all else is tested with.
    return None if nightly or capability == "default" else f"only a nightly run tests {capability} as well"


@pytest.mark.parametrize("capability", CAPABILITIES)
def test_capability(capability: str, pytestconfig: pytest.Config, base_seed: int) -> None:
    """Values and gradients conform."""
    if "cpu" not in (pytestconfig.option.device or ["cpu"]):
        pytest.skip("cpu is not among the devices")
    nightly = pytestconfig.getoption("hypothesis_profile", None) == "nightly"
    reason = obstacle(capability, nightly)
    if reason:
        pytest.skip(reason)
    examples = max(1, settings().max_examples // FEWER)
    asked = describe_settings(pytestconfig, base_seed)
    chosen = replace(asked, devices=["cpu"], ways=[], examples=examples)
    tests = [str(ROOT / "conformance" / f"test_{of}.py") for of in ("value", "gradient")]
    command = [sys.executable, "-m", "pytest", *options(chosen), *tests]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    environment = {**kept, "ATEN_CPU_CAPABILITY": capability}
    run = subprocess.run(
        command, cwd=pytestconfig.invocation_params.dir, env=environment, capture_output=True, text=True
    )
    if f"CPU capability {capability.upper()}" not in run.stdout:
        pytest.fail(
            f"torch did not take ATEN_CPU_CAPABILITY={capability}:\n{run.stdout}{run.stderr}", pytrace=False
        )
    if run.returncode == NOT_TESTED:
        pytest.skip("what is selected has no verdict with any instructions")
    if run.returncode:
        pytest.fail(f"With ATEN_CPU_CAPABILITY={capability}:\n\n{run.stdout}{run.stderr}", pytrace=False)
