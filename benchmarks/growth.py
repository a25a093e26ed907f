"""How time and memory grow with the number of examples and of workers."""

from __future__ import annotations

import re
import resource
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from conformance.losses import Loss

from .parts import run_examples

ROOT = Path(__file__).parent.parent
TESTS = ["conformance/test_value.py", "conformance/test_gradient.py", "--dtype", "float32", "--device", "cpu"]


def peak_memory(
    losses: Sequence[Loss], marks: Sequence[int], at_once: int = 1000
) -> Iterator[tuple[int, int]]:
    """Run test after test in this process, and give its peak memory, in bytes, after so many examples."""
    done = seed = 0
    for mark in marks:
        while done < mark:
            run_examples(losses[seed % len(losses)], at_once, seed)
            done, seed = done + at_once, seed + 1
        yield done, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def run_with_workers(workers: int, options: Sequence[str]) -> float:
    """Run the tests of values and gradients in float32, and give the seconds that pytest says they took."""
    told = _pytest("-n", str(workers), "-q", "-rN", "--progress", "0", *TESTS, *options)
    found = re.search(r" in ([\d.]+)s", told)
    if found is None:
        raise RuntimeError(f"the run did not end well:\n{told}")
    return float(found[1])


def collection() -> float:
    """Seconds to collect all tests, beyond the import of torch."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import torch"], cwd=ROOT, check=True)
    imported = time.perf_counter()
    _pytest("--collect-only", "-q")
    return (time.perf_counter() - imported) - (imported - start)


def _pytest(*options: str) -> str:
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *options]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True).stdout
