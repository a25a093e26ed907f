"""``python -m meta_tests.saboteurs``: run the suite against broken losses; say which it notices."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from conformance.losses import LOSSES

from . import KINDS, SABOTEURS, SEVERITIES
from .campaign import read_results, run_all
from .power import cost, goals_hold, left, markdown, rates, text


def main(arguments: list[str] | None = None) -> int:
    """Run the campaign, or render its results.

    Returns:
        0 if as many are killed as is the goal, else 1.
    """
    parser = argparse.ArgumentParser(prog="python -m meta_tests.saboteurs", description=__doc__)
    parser.add_argument(
        "--loss", action="append", choices=LOSSES, metavar="NAME", help="these losses only; repeatable"
    )
    parser.add_argument("--kind", action="append", choices=KINDS, help="these kinds only; repeatable")
    parser.add_argument("--severity", action="append", choices=SEVERITIES, help="these only; repeatable")
    parser.add_argument(
        "--only", action="append", choices=SABOTEURS, metavar="SABOTEUR", help="this one; repeatable"
    )
    parser.add_argument("--list", action="store_true", help="say which there are, and run nothing")
    parser.add_argument(
        "--jobs", type=int, default=os.cpu_count() or 1, help="runs at a time (default: %(default)s)"
    )
    parser.add_argument(
        "--seconds", type=float, default=900, help="how long a run may take (default: %(default)g)"
    )
    parser.add_argument(
        "--store", type=Path, default=Path("saboteurs.jsonl"),
        help="the file that results go to, and from which a campaign goes on (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument("--again", action="store_true", help="run also those that the store has")
    parser.add_argument("--markdown", action="store_true", help="run nothing; print the results as Markdown")
    given = parser.parse_args(arguments)
    if given.jobs < 1:
        parser.error(f"--jobs: must be a whole number from 1 on, got {given.jobs}")
    chosen = [
        saboteur
        for name, saboteur in SABOTEURS.items()
        if (not given.loss or saboteur.loss in given.loss)
        and (not given.kind or saboteur.kind in given.kind)
        and (not given.severity or saboteur.severity in given.severity)
        and (not given.only or name in given.only)
    ]
    if given.list:
        for saboteur in chosen:
            print(f"{saboteur}: {saboteur.breaks} ({saboteur.kind}, {saboteur.severity})")
        return 0
    try:
        if given.markdown:
            results = read_results(given.store)
            print(markdown([(s, results[str(s)]) for s in chosen if str(s) in results]), end="")
            return 0
        pairs = []
        for saboteur, result in run_all(chosen, given.store, given.jobs, given.seconds, given.again):
            pairs.append((saboteur, result))
            print(f"{len(pairs)}/{len(chosen)} {result.outcome}: {saboteur} {result.killed_by}", flush=True)
    except (OSError, ValueError) as error:
        parser.error(str(error))
    print("", text(rates(pairs)), "", cost(pairs), *left(pairs), sep="\n")
    return 0 if goals_hold(pairs) else 1


if __name__ == "__main__":
    sys.exit(main())
