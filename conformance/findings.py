"""The registry of divergences as a document: what torch does, what is right and why, and how to see it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from reference import FORMATS

from .divergences import DIVERGENCES, Divergence
from .divergences.record import KINDS, OF, Witness
from .losses import LOSSES
from .scripts import commented, imports

HEAD = """\
# Findings

Where the losses of PyTorch do otherwise than they are documented to, as far as this suite knows. Each finding
is a record of the registry, [`conformance/divergences`](../conformance/divergences), from which this page is
generated: `python -m conformance findings > docs/findings.md`. A test runs every script below and fails as
soon as one no longer shows what it says.

*Right* is what the documented formula gives in exact arithmetic, rounded; the limit where a number is
infinite; and an exception where the documentation excludes a call. Where that is not what torch gives, *why*
says which step goes wrong.
"""


def findings(records: Iterable[Divergence] = DIVERGENCES) -> str:
    """The document, in Markdown.

    Args:
        records: the divergences to describe; all by default.
    """
    by_loss = {name: [record for record in records if record.loss == name] for name in LOSSES}
    found = {name: listed for name, listed in by_loss.items() if listed}
    parts = [HEAD, "\n".join(_summary(found)), "\n".join(_kinds())]
    for name, listed in found.items():
        parts.append(f"## {name}")
        parts += [_finding(record) for record in listed]
    return "\n\n".join(part.rstrip("\n") for part in parts) + "\n"


def _summary(found: dict[str, list[Divergence]]) -> list[str]:
    lines = [
        "| Loss | " + " | ".join(KINDS) + " | all |",
        "| --- |" + " ---: |" * (len(KINDS) + 1),
    ]
    for name, listed in found.items():
        counts = Counter(record.kind for record in listed)
        cells = [str(counts[kind] or "") for kind in KINDS]
        lines.append(f"| [{name}](#{name}) | " + " | ".join(cells) + f" | {len(listed)} |")
    return lines


def _kinds() -> list[str]:
    return [f"- *{kind}*: {meaning}" for kind, meaning in KINDS.items()]


def _finding(record: Divergence) -> str:
    facts = [
        f"**{OF[record.of].capitalize()}**, *{record.kind}*: "
        f"gives `{record.gives}`, right is `{record.truth}`.",
        f"{record.reason[0].upper()}{record.reason[1:]}.",
        f"Seen in torch {_versions(record)}; {_formats(record)}; {_devices(record)}.",
    ]
    if record.upstream:
        facts.append(f"Upstream: <{record.upstream}>.")
    return "\n".join([f"### {record.id}", "", *facts, "", "```python", script(record), "```"])


def _versions(record: Divergence) -> str:
    begun = f"since {record.since}" if record.since else f"from {LOSSES[record.loss].since} or before"
    return begun + (f", until {record.until}" if record.until else " to the newest tested")


def _formats(record: Divergence) -> str:
    every = set(record.formats) >= set(LOSSES[record.loss].formats)
    return "all dtypes" if every else ", ".join(name for name in FORMATS if name in record.formats)


def _devices(record: Divergence) -> str:
    return " and ".join(record.devices) if record.devices else "not special to a device"


def script(witness: Witness, got: object = None) -> str:
    """Plain torch code that shows a divergence, ready to paste.

    Args:
        witness: of the divergence.
        got: what it gives; by default what the record says.
    """
    *statements, expression = witness.code.split("\n")
    told = f"{witness.gives if got is None else got}; right is {witness.truth}"
    code = [*statements, *commented(f"print(float({expression}))", told)]
    return "\n".join([*imports(code), "", *code])
