"""Finds what changed from one run to another. Cells are matched by their test's id."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace

from ..divergences.divergence import OF
from ..failures import cause
from .changes import FACTOR, FAILING, Accuracy, Change, Comparison, Drift, Gap, Group, LossChange, Side
from .comparable import NotComparableError, asked_alike, notes, refuse_incomparable
from .record import BROKEN, GOOD, UNTESTED, CellResult, Record
from .signatures import changed_signatures
from .statistics import counted, crashes_of, shortfall

__all__ = ["NotComparableError", "compare"]

WITNESS = "witness_still_diverges"  # the test of what is on record
# The end of the name of a further witness of a finding: what it shows.
FURTHER = re.compile(rf"-({'|'.join(OF)})(-\d+)?$")
MOST_GONE = 20  # ids of cells that a gap lists
DIGITS = 4  # of `Cell.prints` for each example

Pair = tuple[CellResult, CellResult]


def compare(old: Record, new: Record, fail_on: Sequence[str] = FAILING) -> Comparison:
    """Find what changed from one run to another.

    Args:
        old: the former run.
        new: the latter.
        fail_on: the keys of the kinds of change for which the comparison fails.

    Raises:
        NotComparableError: a difference would not be one of what was tested.
    """
    refuse_incomparable(old, new)
    was, now = ({cell.id: cell for cell in record.cells} for record in (old, new))
    lacking = {*old.lacking, *new.lacking}
    # Of a loss that only one has there is nothing to compare.
    common = [(was[name], now[name]) for name in now if name in was and now[name].loss not in lacking]
    found = Comparison(old, new, notes(old, new), cells=len(common), fail_on=fail_on)
    found.incomplete = list(_gaps(old, new, was, now))
    found.bad = sum(a.outcome in BROKEN and b.outcome in BROKEN for a, b in common)
    _compare_divergences(found, common)
    _compare_outcomes(found, common)
    whole = old.complete and new.complete
    alone = _alone(was, now) if whole and asked_alike(old, new) else []
    _compare_support(found, [*common, *(pair for pair in alone if pair[0].loss not in lacking)])
    conforming = [(a, b) for a, b in common if a.outcome in GOOD and b.outcome in GOOD]
    _compare_accuracy(found, conforming)
    if old.settings.deterministic and new.settings.deterministic:
        # What is read from memory that nobody wrote may be anything, in each run.
        random = {finding.id for finding in new.findings if finding.kind in ("uninitialised", "race")}
        settled = [(a, b) for a, b in conforming if not random & {*a.known, *b.known}]
        found.drift = list(_drifts(settled))
        _compare_known(found, settled)
    found.sides = [
        Side(_name(b), b.loss, a.side, b.side)
        for a, b in conforming
        if a.side is not None and b.side is not None and a.side != b.side
    ]
    found.new_losses = [_loss(new, name) for name in old.lacking if name not in new.lacking]
    found.removed_losses = [_loss(old, name) for name in new.lacking if name not in old.lacking]
    found.signatures = list(changed_signatures(old, new))
    return found


def _name(cell: CellResult) -> str:
    return cell.id.rpartition("::")[2]


def _argument(cell: CellResult) -> str:
    """What a test of a single argument is given."""
    return cell.id.partition("[")[2].removesuffix("]")


def _gaps(old: Record, new: Record, was: dict[str, CellResult], now: dict[str, CellResult]) -> Iterator[Gap]:
    """What the runs lack: cells that they planned, and cells that only the former has though both should."""
    for side, record in (("OLD", old), ("NEW", new)):
        cells = len(record.cells)
        # A run that went to its end although cells crashed lacks none: each crash is a change of its own.
        crashes = crashes_of(record.cells)
        if shortfall(record) and not (crashes and record.incomplete_because == crashes):
            yield Gap(side, f"{side} has {shortfall(record)}", record.planned - cells, record.planned)
    if shortfall(new) or not asked_alike(old, new):
        return
    gone = [
        cell.id
        for cell in was.values()
        if cell.id not in now and cell.outcome not in UNTESTED and cell.loss not in new.lacking
    ]
    if gone:
        told = f"NEW lacks {counted(len(gone), 'cell', 'cells')} that OLD tested, such as {gone[0]}"
        yield Gap("NEW", told, len(gone), len(was), gone[:MOST_GONE])


def _alone(was: dict[str, CellResult], now: dict[str, CellResult]) -> Iterator[Pair]:
    """Cells of tests that exist for one torch only, each with one that says so."""
    lack = "there is no such test for it"
    for name in [*now, *(name for name in was if name not in now)]:
        if name not in was or name not in now:
            cell = now.get(name) or was[name]
            nothing = replace(cell, outcome="not tested", reason=lack, examples=0, untested={})
            yield (nothing, cell) if name in now else (cell, nothing)


def _says(cell: CellResult) -> bool | None:
    """Whether torch diverges as on record, by a witness; None if the witness does not contradict it."""
    gone, back = (f"{_argument(cell)}: {word} in " in cell.failure for word in ("fixed", "back"))
    return back if gone or back else None


def _witnesses(found: Comparison, pairs: list[Pair]) -> dict[str, dict[str, Pair]]:
    """The tests of the witnesses by the ids of the findings that they show, and by their own names."""
    shown: dict[str, dict[str, Pair]] = {finding.id: {} for finding in found.new.findings}
    named = {_argument(b): (a, b) for a, b in pairs if b.of == WITNESS}
    for name in sorted(named):
        finding = name if name in shown else FURTHER.sub("", name)
        if finding in shown:
            shown[finding][name] = named[name]
    return shown


def _compare_divergences(found: Comparison, common: list[Pair]) -> None:
    """Find the divergences on record that have come, and those that have gone.

    The versions on record say which; where a witness was run and gave something else, it knows better of what
    it shows. Either is told only if something that both records have shows it.
    """
    tested = [(a, b) for a, b in common if a.outcome not in UNTESTED and b.outcome not in UNTESTED]
    before = {finding.id: finding for finding in found.old.findings}
    witnesses = _witnesses(found, tested)
    for finding in found.new.findings:
        in_force = [before[finding.id].in_force, finding.in_force]
        changed: dict[tuple[bool, bool], str] = {}  # each change by the first witness that says so
        for name, pair in witnesses[finding.id].items() or [(finding.id, ())]:
            says = [_says(cell) for cell in pair] or [None, None]
            was, now = (by_range if said is None else said for by_range, said in zip(in_force, says))
            if was != now:
                changed.setdefault((was, now), finding.id if says == [None, None] else name)
        for (was, now), name in changed.items():
            met = [(b if now else a).known.get(finding.id, 0) for a, b in tested]
            hits = [n for n in met if n]
            if not witnesses[finding.id] and not hits:
                continue
            change = Change(
                name, finding.loss,
                "on record" if was else "not there", "on record" if now else "gone",
                finding.reason, finding.script, cells=len(hits), examples=sum(hits),
            )  # fmt: skip
            (found.regressions if now else found.fixes).append(change)


def _compare_outcomes(found: Comparison, common: list[Pair]) -> None:
    """Find the cells whose verdict is another."""
    witnesses = {pair[1].id for shown in _witnesses(found, common).values() for pair in shown.values()}
    for a, b in common:
        if b.id in witnesses and any(_says(cell) is not None for cell in (a, b)):
            continue  # it is told of the divergence that it is a witness of
        if b.outcome == "crashed" and a.outcome != "crashed":
            found.crashes.append(_change(a, b, b))
        elif a.outcome in GOOD and b.outcome == "diverges":
            found.regressions.append(_change(a, b, b))
        elif a.outcome in BROKEN and b.outcome in GOOD:
            found.fixes.append(_change(a, b, a))


def _compare_known(found: Comparison, settled: list[Pair]) -> None:
    """Find the cells in which examples meet a known divergence that did not, or no longer do.

    Of divergences that only one torch has, by the versions on record, it is told once and not cell by cell.
    """
    before = {finding.id: finding.in_force for finding in found.old.findings}
    both = {finding.id: finding for finding in found.new.findings if finding.in_force and before[finding.id]}
    for a, b in settled:
        names = [name for name in both if a.known.get(name, 0) != b.known.get(name, 0)]
        more = [name for name in names if b.known.get(name, 0) > a.known.get(name, 0)]
        if a.outcome == "conforms" and b.outcome == "known" and more:
            finding = both[more[0]]
            told = f"known: {', '.join(more)}"
            found.regressions.append(
                Change(_name(b), b.loss, "conforms", told, finding.reason, finding.script, id=b.id)
            )
        elif names:
            finding, counts = (
                both[names[0]],
                [{name: cell.known.get(name, 0) for name in names} for cell in (a, b)],
            )
            was, now = (", ".join(f"{name} in {n}" for name, n in count.items()) for count in counts)
            found.known_outcomes.append(
                Change(_name(b), b.loss, was, now, finding.reason, finding.script, id=b.id)
            )


def _change(a: CellResult, b: CellResult, wrong: CellResult) -> Change:
    """A change of a cell, as the one that is wrong tells it."""
    told = wrong.reason or cause(wrong.failure)
    return Change(_name(b), b.loss, a.outcome, b.outcome, told, wrong.failure, id=b.id)


def _compare_support(found: Comparison, pairs: list[Pair]) -> None:
    """Find what is tested in one record only, cell by cell and, in cells that both test, by example."""
    groups: dict[tuple[str, ...], list[tuple[int, bool]]] = defaultdict(list)
    same_examples = found.old.settings.deterministic and found.new.settings.deterministic

    def count(kind: str, of: CellResult, reason: str, examples: int, diverges: bool = False) -> None:
        groups[kind, of.loss, of.of, of.way, of.dtype, of.device, reason].append((examples, diverges))

    for a, b in pairs:
        if a.outcome in UNTESTED and b.outcome not in (*UNTESTED, "crashed"):
            kind = "gained_support" if a.outcome == "unsupported" else "newly_tested"
            count(kind, b, a.reason, b.examples, b.outcome == "diverges")
        elif a.outcome not in UNTESTED and b.outcome in UNTESTED:
            kinds = ["lost_support", "not_tested"] if b.outcome == "unsupported" else ["not_tested"]
            for kind in kinds:
                count(kind, a, b.reason, a.examples, a.outcome == "diverges")
        elif a.outcome in GOOD and b.outcome in GOOD and same_examples:
            for reason, more in (Counter(b.untested) - Counter(a.untested)).items():
                count("not_tested", b, reason, more)
            for reason, more in (Counter(a.untested) - Counter(b.untested)).items():
                count("newly_tested", b, reason, more)
    for (kind, *where, reason), listed in groups.items():
        loss, of, way, dtype, device = where
        examples, diverging = (sum(column) for column in zip(*listed))
        group = Group(loss, of, way, dtype, device, reason, len(listed), examples, diverging)
        getattr(found, kind).append(group)


def _compare_accuracy(found: Comparison, conforming: list[Pair]) -> None:
    """Find the groups of cells whose largest errors are noticeably others."""
    groups: dict[tuple[str, ...], list[Pair]] = defaultdict(list)
    for a, b in conforming:
        groups[b.loss, b.of, b.dtype, b.device].append((a, b))
    for (loss, of, dtype, device), pairs in groups.items():
        former, latter = (max((pair[i] for pair in pairs), key=lambda cell: cell.ulp) for i in (0, 1))
        ratios = [max(pair[i].worst for pair in pairs) for i in (0, 1)]
        where = max(former, latter, key=lambda cell: cell.ulp).where
        group = Accuracy(
            loss, of, dtype, device, former.ulp, latter.ulp, ratios[0], ratios[1], where, len(pairs)
        )
        if group.factor > FACTOR:
            found.less_accurate.append(group)
        elif group.factor < 1 / FACTOR:
            found.more_accurate.append(group)
    found.less_accurate.sort(key=lambda group: -group.factor)
    found.more_accurate.sort(key=lambda group: group.factor)


def _drifts(conforming: list[Pair]) -> Iterator[Drift]:
    """The groups of cells in which some have other bits."""
    groups: dict[tuple[str, ...], list[Pair]] = defaultdict(list)
    for a, b in conforming:
        if a.digest and b.digest:
            groups[b.loss, b.of, b.way, b.dtype, b.device].append((a, b))
    for where, pairs in groups.items():
        loss, of, way, dtype, device = where
        changed = [(a, b) for a, b in pairs if _unmatched(a, b) or _changed_examples(a, b)]
        if changed:
            yield Drift(
                loss, of, way, dtype, device,
                cells=len(changed),
                of_cells=len(pairs),
                examples=sum(_changed_examples(a, b) for a, b in changed),
                of_examples=sum(len(a.prints) // DIGITS for a, b in pairs if not _unmatched(a, b)),
                unmatched=sum(_unmatched(a, b) for a, b in changed),
                ulp=max(a.ulp for a, _ in changed),
                ulp_after=max(b.ulp for _, b in changed),
            )  # fmt: skip


def _unmatched(a: CellResult, b: CellResult) -> bool:
    return a.digest != b.digest and len(a.prints) != len(b.prints)


def _changed_examples(a: CellResult, b: CellResult) -> int:
    """How many examples have other bits, beyond those that a divergence covers in one record only."""
    if a.digest == b.digest or _unmatched(a, b):
        return 0
    starts = range(0, len(a.prints), DIGITS)
    changed = sum(a.prints[i : i + DIGITS] != b.prints[i : i + DIGITS] for i in starts)
    covered = sum(abs(a.known.get(name, 0) - b.known.get(name, 0)) for name in {*a.known, *b.known})
    # Four digits are the same by chance, too, once in 65,536 examples.
    return max(max(changed, 1) - covered, 0)


def _loss(record: Record, name: str) -> LossChange:
    """What a record says of a loss that the other does not have."""
    outcomes = Counter(cell.outcome for cell in record.cells if cell.loss == name)
    findings = [finding.id for finding in record.findings if finding.loss == name and finding.in_force]
    return LossChange(name, dict(outcomes.most_common()), findings)
