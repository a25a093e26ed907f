"""The summary at the end of a run: one table, and what is not in it."""

from __future__ import annotations

from collections.abc import Iterator

from . import statistics
from .record import OUTCOMES, Record
from .statistics import Row

# A summary is short; the record has all of them.
MOST = 12


def summary(record: Record) -> list[str]:
    """The lines of the summary; none if nothing of a loss was tested."""
    rows = statistics.by_loss(record)
    if not rows:
        return []
    lines = list(_losses(rows))
    lines += [f"{of}: {_counted(row)}" for of, row in statistics.by_property(record).items()]
    lines += list(_ways(statistics.by_way(record)))
    lines += [f"not tested: {line}" for line in _untested(record)]
    lines += [
        f"drift at a kink: {cell.reason}" for cell in record.cells if cell.side is not None and cell.reason
    ]
    known = statistics.known(record).most_common()
    lines += [f"known divergence {name}: {n} examples" for name, n in known[:MOST]]
    if known[MOST:]:
        lines.append(
            f"and {len(known) - MOST} other known divergences, in fewer examples; --report lists them"
        )
    return [
        *lines,
        f"{record.settings.implementation or 'torch ' + record.torch.version}: {statistics.verdict(record)}",
    ]


def _losses(rows: dict[str, Row]) -> Iterator[str]:
    """The table: the cells of each loss by outcome, and its largest error / allowed error by dtype."""
    outcomes = [name for name in OUTCOMES if any(row.outcomes[name] for row in rows.values())]
    dtypes = statistics.dtypes(rows.values())
    width = max(map(len, rows))
    heads = "".join(f"{name:>{len(name) + 2}}" for name in outcomes) + "".join(
        f"{name:>10}" for name in dtypes
    )
    if dtypes:
        yield f"{'worst error / allowed error, by dtype':>{width + len(heads)}}"
    yield " " * width + heads
    for loss, row in rows.items():
        counts = "".join(f"{row.outcomes[name] or '-':>{len(name) + 2}}" for name in outcomes)
        worst = (row.worst.get(name) for name in dtypes)
        yield f"{loss:{width}}{counts}" + "".join(f"{'-':>10}" if w is None else f"{w:10.2f}" for w in worst)


def _counted(row: Row) -> str:
    return f"{row.examples} examples in {row.outcomes.total()} cells"


def _ways(rows: dict[str, Row]) -> Iterator[str]:
    if not rows:
        return
    examples = sum(row.examples for row in rows.values())
    cells = sum(row.outcomes.total() for row in rows.values())
    yield f"way: {examples} examples in {cells} cells of {len(rows)} ways"
    worst = {way: max(row.worst.values(), default=0.0) for way, row in rows.items()}
    told = ", ".join(f"{way} {ratio:.2f}" for way, ratio in worst.items() if ratio)
    if told:
        yield f"    worst error / allowed error, where the bits are not those of the plain call: {told}"


def _untested(record: Record) -> Iterator[str]:
    """What was asked of the losses under test, or could have been, and was not tested."""
    if record.lacking:
        yield f"{record.settings.implementation or 'torch'} has no {', '.join(record.lacking)}"
    for device, why in record.devices.items():
        cells = sum(cell.device == device for cell in record.cells)
        if why and cells:
            yield f"{cells} cells: {why}"
    for (loss, reason), n in sorted(statistics.untested(record).items()):
        yield f"{loss}: {n} examples: {reason}"
    if record.left_out:
        yield f"ways, unless --way names them: {', '.join(record.left_out)}"
