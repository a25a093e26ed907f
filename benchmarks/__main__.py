"""``python -m benchmarks``: what an example costs, where the time goes, and how it grows.

All figures of a table are of one run on one machine; only their ratios mean something elsewhere. Leave the
machine alone meanwhile.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import sys

import torch
from hypothesis import settings

from conformance.losses import LOSSES, Loss
from conformance.options import EXAMPLES

from .growth import collection, peak_memory, run_with_workers
from .parts import measure, run_examples

TABLES = ("parts", "examples", "workers", "collection", "memory")
SOME = ("l1_loss", "cross_entropy", "ctc_loss")
MARKS = (10_000, 25_000, 50_000, 100_000)


def main(arguments: list[str] | None = None) -> int:
    """Print the tables that are asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("tables", nargs="*", metavar="TABLE", help=f"of {', '.join(TABLES)}; default: all")
    parser.add_argument("--loss", action="append", choices=LOSSES, metavar="NAME", help="repeatable")
    parser.add_argument("--examples", type=int, default=200, help="for each loss (default: %(default)s)")
    given = parser.parse_args(arguments)
    unknown = [name for name in given.tables if name not in TABLES]
    if unknown:
        parser.error(f"unknown table {unknown[0]!r} (of {', '.join(TABLES)})")
    if given.examples < 1:
        parser.error(f"--examples: must be a whole number from 1 on, got {given.examples}")
    losses = [LOSSES[name] for name in given.loss or LOSSES]
    # As a run does.
    settings.load_profile(next(iter(EXAMPLES)))
    torch.set_num_threads(1)
    gc.freeze()
    print(
        f"torch {torch.__version__}, {torch.backends.cpu.get_cpu_capability()}, {given.examples} examples\n"
    )
    chosen = given.tables or TABLES
    if "parts" in chosen:
        print_parts(losses, given.examples)
    if "examples" in chosen:
        print_growth([loss for loss in losses if given.loss or loss.name in SOME])
    if "workers" in chosen:
        print_workers([f"--loss={loss.name}" for loss in losses if given.loss])
    if "collection" in chosen:
        seconds = statistics.median(collection() for _ in range(3))
        print(f"collection of all tests: {seconds:.2f} s beyond the import of torch\n")
    if "memory" in chosen:
        print("peak memory of a process, after so many examples:")
        for done, size in peak_memory(losses, MARKS):
            print(f"{done:>9,} {size / 2**20:8,.0f} MiB", flush=True)
    return 0


def print_parts(losses: list[Loss], examples: int) -> None:
    """One row for each loss: microseconds an example, and what a check costs in units of the floor."""
    print("Microseconds for an example of a value test in float32. The floor is Hypothesis drawing an")
    print("integer and torch being called once; an example checks several calls.\n")
    names = ("floor", "drawing", "oracle", "torch", "judging", "rest", "whole")
    columns = [*names, "examples/s", "checks/s", "example/floor", "check/floor"]
    print(f"{'':34}" + "".join(f"{column:>{len(column) + 2}}" for column in columns))
    ratios = []
    for loss in losses:
        parts, checks = measure(loss, examples)
        cells = [f"{getattr(parts, name) * 1e6:.0f}" for name in names]
        ratio = parts.whole / parts.floor
        ratios.append((ratio, ratio / checks))
        cells += [f"{1 / parts.whole:,.0f}", f"{checks / parts.whole:,.0f}"]
        cells += [f"{ratio:.2f}", f"{ratio / checks:.2f}"]
        print(f"{loss.name:34}" + "".join(f"{c:>{len(n) + 2}}" for n, c in zip(columns, cells)), flush=True)
    medians = [statistics.median(column) for column in zip(*ratios)]
    print(f"\nmedian: an example {medians[0]:.2f} times the floor, a check {medians[1]:.2f} times\n")


def print_growth(losses: list[Loss]) -> None:
    """What an example costs in tests of more and more examples."""
    sizes = (100, 300, 1000, 3000, 10_000)
    print("Microseconds for an example, in a test of so many:\n")
    print(f"{'':34}" + "".join(f"{size:>9,}" for size in sizes))
    for loss in losses:
        run_examples(loss, sizes[0], 1)
        costs = (run_examples(loss, size, 0) for size in sizes)
        print(f"{loss.name:34}" + "".join(f"{cost * 1e6:9.0f}" for cost in costs), flush=True)
    print()


def print_workers(options: list[str]) -> None:
    """How much faster two workers are than one, in three pairs of runs."""
    pairs = [(run_with_workers(1, options), run_with_workers(2, options)) for _ in range(3)]
    print("Tests of values and gradients in float32, with 1 worker and with 2:\n")
    for one, two in pairs:
        print(f"{one:8.1f} s {two:8.1f} s: {one / two:.2f} times as fast")
    print(f"  median: {statistics.median(one / two for one, two in pairs):.2f} times as fast\n")


if __name__ == "__main__":
    sys.exit(main())
