"""Runs the suite against saboteurs, several at a time, and keeps what came of each."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from ..forked import run_pytest
from .saboteur import Saboteur

ROOT = Path(__file__).parents[2]
# The tests that a fault of a kind concerns come first, then what finds most, so that a kill comes early; what
# is not here follows in the order of names.
CONCERNED = {
    "errors": "invalid_calls", "compile": "ways", "vmap": "ways", "module": "modules", "gradient": "gradient",
    "second derivative": "second_derivative",
}  # fmt: skip
ORDER = ("value", "gradient", "corners", "modules", "second_derivative", "laws", "invalid_calls", "ways")


@dataclass(frozen=True)
class Result:
    """What came of a saboteur.

    Attributes:
        saboteur: its name.
        torch: the version that was broken.
        suite: a digest of the suite's code.
        outcome: "killed", "survived", or "failed" where the run did not come to a verdict.
        killed_by: the first test that failed; or why the run failed.
        examples: how many ran until then.
        cpu: seconds of processor time until then, without the start of Python and torch.
    """

    saboteur: str
    torch: str
    suite: str
    outcome: str
    killed_by: str = ""
    examples: int = 0
    cpu: float = 0.0


def suite_digest() -> str:
    """A digest of the code that judges losses: a change of it makes old results void."""
    digest = hashlib.blake2b(digest_size=6)
    for folder in ("conformance", "reference", "strategies"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            if "report" not in path.parts:
                digest.update(path.read_bytes())
    return digest.hexdigest()


def read_results(store: Path) -> dict[str, Result]:
    """The results in a file, the last of each saboteur.

    Raises:
        ValueError: a line is no result.
    """
    results = {}
    for number, line in enumerate(store.read_text().splitlines() if store.exists() else [], 1):
        try:
            result = Result(**json.loads(line))
        except (ValueError, TypeError) as error:
            raise ValueError(f"{store}: line {number} is no result ({error}); delete it") from None
        results[result.saboteur] = result
    return results


def run_all(
    saboteurs: Iterable[Saboteur], store: Path, jobs: int, seconds: float, again: bool = False
) -> Iterator[tuple[Saboteur, Result]]:
    """Run the suite against saboteurs, but for those of which the store has the result already.

    Each result is appended to the store as soon as it is there, and yielded.
    """
    suite = suite_digest()
    known = {} if again else read_results(store)
    due = []
    for saboteur in saboteurs:
        result = known.get(str(saboteur))
        current = result and (result.torch, result.suite) == (torch.__version__, suite)
        if result and current and result.outcome != "failed":
            yield saboteur, result
        else:
            due.append(saboteur)
    with ThreadPoolExecutor(jobs) as pool:
        running = {pool.submit(run_one, saboteur, suite, seconds): saboteur for saboteur in due}
        try:
            for future in as_completed(running):
                with store.open("a") as file:
                    file.write(json.dumps(asdict(future.result())) + "\n")
                yield running[future], future.result()
        finally:
            pool.shutdown(cancel_futures=True)


def run_one(saboteur: Saboteur, suite: str, seconds: float, tests: Iterable[str] = ()) -> Result:
    """Run the suite against one saboteur, up to the first failure.

    Args:
        saboteur: it is at work in the run, and in the processes that the run starts.
        suite: a digest of the suite's code, for the result.
        seconds: how long the run may take.
        tests: what to run, as pytest's command line names it; all by default.
    """
    of_suite = (torch.__version__, suite)
    with tempfile.TemporaryDirectory() as folder:
        told = Path(folder, "result.json")
        options = [
            "-q", "-x", "-n", "0", "-p", "no:cacheprovider", "-p",
            "meta_tests.saboteurs.plugin", "--progress", "0", "--device", "cpu", "--loss", saboteur.loss,
            *(tests or files(saboteur.kind)),
        ]  # fmt: skip
        environment = {
            **os.environ, "SABOTEUR": str(saboteur), "SABOTEUR_RESULT": str(told), "OMP_NUM_THREADS": "1",
        }  # fmt: skip
        try:
            run = run_pytest(options, ROOT, environment, seconds)
        except subprocess.TimeoutExpired:
            return Result(str(saboteur), *of_suite, "failed", f"no verdict in {seconds:g} s")
        found = json.loads(told.read_text()) if told.exists() else {}
    if run.returncode == 0:
        return Result(str(saboteur), *of_suite, "survived", **found)
    if run.returncode == 1 and found.get("killed_by"):
        return Result(str(saboteur), *of_suite, "killed", **found)
    words = (run.stderr or run.stdout).strip().splitlines()[-1:]
    return Result(str(saboteur), *of_suite, "failed", f"exit status {run.returncode}: {' '.join(words)}")


def files(kind: str) -> list[str]:
    """The files of the suite's tests, those first that are likely to notice."""
    names = [path.stem.removeprefix("test_") for path in (ROOT / "conformance").glob("test_*.py")]
    order = [CONCERNED[kind], *ORDER] if kind in CONCERNED else ORDER
    ranked = sorted(names, key=lambda name: (order.index(name) if name in order else len(order), name))
    return [f"conformance/test_{name}.py" for name in ranked]
