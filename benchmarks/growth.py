"""How time and memory grow with the number of examples and of workers."""

from __future__ import annotations

import re
import resource
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

from hypothesis import settings

from conformance.cells import Cell
from conformance.losses import Loss
from conformance.plugin import PROFILES
from conformance.tally import Tally
from conformance.test_value import test_value
from reference import FORMATS

ROOT = Path(__file__).parent.parent
TESTS = ["conformance/test_value.py", "conformance/test_gradient.py", "--dtype", "float32", "--device", "cpu"]


def run_examples(loss: Loss, examples: int, seed: int) -> float:
    """Run one value test, and say how many seconds an example took."""
    tally = Tally()
    before = settings.get_current_profile_name()
    settings.register_profile("benchmark", settings.get_profile(PROFILES[0]), max_examples=examples)
    settings.load_profile("benchmark")
    start = time.perf_counter()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of deprecated arguments, which are passed on purpose
            test_value(Cell(loss, "mean", FORMATS["float32"], "cpu"), tally, seed)
    finally:
        settings.load_profile(before)
    return (time.perf_counter() - start) / tally.examples


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
