"""The registry of divergences as a document, in order of importance, and one of them as a bug report."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from textwrap import shorten

from reference import FORMATS

from .divergences import DIVERGENCES, Divergence
from .divergences.divergence import OF, SEVERITIES, Showing, Witness, showings
from .losses import LOSSES
from .scripts import commented, imports

# The newest torch that the registry was tested with; the CPU, and the GPU of an earlier one.
NEWEST = "2.14.1"
# How long a line of a script may be, if it can be divided.
WIDTH = 100

HEAD = """\
# Findings

Where the losses of PyTorch differ from their documentation, as far as this suite knows, in order of
importance. Each entry is a record of the registry, [`conformance/divergences`](../conformance/divergences),
from which `python -m conformance findings > docs/findings.md` makes this page.
`python -m conformance issue ID` prints an entry as a bug report. A test runs every script below, and fails as
soon as one no longer shows what it says.

*Right* is what the documented formula gives in exact arithmetic, rounded; the limit where a number is
infinite; and an exception where the documentation excludes a call. `python -m conformance severity` measures
the classes: it draws training data (normal numbers around 1, real labels, weights that are not all 0) and
runs the documented corners.
"""

MEANINGS = {
    "ordinary": "training data meets it: more than one in a thousand examples of some loss and dtype, or of "
    "some way of running torch",
    "corner": "training data does not meet it, and a documented corner does, such as a mask or an "
    "empty batch",
    "extreme": "it takes numbers near the ends of the range of the dtype, or infinite ones",
    "accepted": "the call should raise; what it returns may be anything, and is on record",
    "without data": "only the shapes and dtypes that tensors without data promise are wrong",
}
# Sections of what is no open defect of any device.
APART = {
    "convention": (
        "Conventions",
        "The documentation leaves a choice. The suite takes one side, and torch the other.",
    ),
    "closed": (
        "Closed",
        "The newest torch is without these; `python -m conformance issue ID` has their scripts.",
    ),
    "device": ("On NVIDIA GPUs only", "Seen with torch 2.11.0 on an H200."),
}


def findings(records: Iterable[Divergence] = DIVERGENCES) -> str:
    """The document, in Markdown.

    Args:
        records: the divergences to describe; all by default.
    """
    listed = list(records)
    sections: dict[str, list[Divergence]] = {}
    for name in [*MEANINGS, *APART]:
        sections[name] = [record for record in listed if section_of(record) == name]
    parts = [HEAD, "\n".join(_overview(sections))]
    for name, found in sections.items():
        if found:
            title, about = APART.get(name) or (_capital(SEVERITIES[name]), _capital(MEANINGS[name]) + ".")
            parts += [f"## {title}", about, *map(_entry, found)]
    return "\n\n".join(part.rstrip("\n") for part in parts) + "\n"


def section_of(record: Divergence) -> str:
    """The section of the document that a record belongs to."""
    if record.until is not None:
        return "closed"
    if record.devices:
        return "device"
    return record.severity


def _overview(sections: dict[str, list[Divergence]]) -> list[str]:
    lines = ["| Class | Entries | Losses |", "| --- | ---: | --- |"]
    for name, found in sections.items():
        if found:
            title = APART[name][0] if name in APART else _capital(SEVERITIES[name])
            entries = ", ".join(f"[{record.id}](#{record.id})" for record in found)
            lines.append(f"| [{title}](#{title.lower().replace(' ', '-')}) | {len(found)} | {entries} |")
    return lines


def _entry(record: Divergence) -> str:
    shown = showings([record])
    facts = [f"{_capital(record.reason)}."]
    facts.append(f"*Losses*: {_losses(shown)}. *Torch*: {_versions(record)}. *Dtypes*: {_formats(record)}.")
    if record.ways:
        facts[-1] += f" *Ways*: {', '.join(record.ways)}."
    if record.upstream:
        facts.append(f"*Upstream*: <{record.upstream}>.")
    code = [] if record.until else ["```python", _brief(script(shown[0].witness)), "```"]
    return "\n".join([f"### {record.id}", *facts, *code])


def _brief(code: str) -> str:
    """A script whose imports are one line, as a page has many scripts."""
    imports, _, rest = code.partition("\n\n")
    names = ", ".join(line.removeprefix("import ") for line in imports.split("\n"))
    return f"import {names}\n{rest}"


def _losses(shown: list[Showing]) -> str:
    by_loss: dict[str, list[str]] = {}
    for showing in shown:
        properties = by_loss.setdefault(showing.loss, [])
        properties += [showing.of] if showing.of not in properties else []
    alike: dict[tuple[str, ...], list[str]] = {}
    for loss, properties in by_loss.items():
        alike.setdefault(tuple(properties), []).append(f"`{loss}`")
    told = [
        f"{', '.join(losses)} ({', '.join(OF[of] for of in properties)})"
        for properties, losses in alike.items()
    ]
    record = shown[0].record
    others = [OF[of] for of in record.of if all(showing.of != of for showing in showings([record]))]
    return "; ".join([*told, *([f"also the {' and the '.join(others)}"] if others else [])])


def _versions(record: Divergence) -> str:
    begun = f"since {record.since}" if record.since else f"from {LOSSES[record.losses[0]].since} or before"
    newest = "2.11.0 (CUDA)" if record.devices else NEWEST
    return begun + (f", until {record.until}" if record.until else f" to {newest}, the newest tested")


def _formats(record: Divergence) -> str:
    every = set(record.formats) >= set(LOSSES[record.losses[0]].formats)
    return "all" if every else ", ".join(name for name in FORMATS if name in record.formats)


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]


def script(witness: Witness, got: object = None) -> str:
    """Plain torch code that shows a divergence, ready to paste.

    Args:
        witness: of the divergence.
        got: what it gives; by default what the record says.
    """
    *statements, expression = witness.code.split("\n")
    told = f"{witness.gives if got is None else got}; right is {witness.truth}"
    shown = commented(f"print(float({expression}))", told)
    if len(shown[0]) > WIDTH:
        statements.append(f"got = {expression}")
        shown = commented("print(float(got))", told)
    code = [*(part for line in statements for part in _fitting(line)), *shown]
    return "\n".join([*imports(code), "", *code])


def _fitting(line: str) -> list[str]:
    """A line of code, or several where it is too long: one for each argument of its longest call."""
    code = line.lstrip()
    indent = line[: len(line) - len(code)]
    if len(line) <= WIDTH:
        return [line]
    try:
        nodes = ast.walk(ast.parse(code))
    except SyntaxError:  # the head of a block
        return [line]
    calls = [node for node in nodes if isinstance(node, ast.Call) and (node.args or node.keywords)]
    if not calls:
        return [line]
    call = max(calls, key=lambda node: (node.end_col_offset or 0) - node.col_offset)
    parts = (ast.get_source_segment(code, part) for part in (*call.args, *call.keywords))
    inner = [each for part in parts for each in _fitting(f"{indent}    {part},")]
    end = call.end_col_offset or len(code)
    return [indent + code[: (call.func.end_col_offset or 0) + 1], *inner, indent + code[end - 1 :]]


def issue(name: str) -> str:
    """A divergence as a bug report, in the form that PyTorch's template for issues asks for.

    Args:
        name: the id of the record, or its name of one loss.

    Raises:
        ValueError: there is no such record.
    """
    found = [record for record in DIVERGENCES if name in (record.id, *map(record.name, record.losses))]
    if not found:
        close = [record.id for record in DIVERGENCES if name.split("-")[0] in record.losses]
        hint = f"; of {name.split('-')[0]} there are {', '.join(close)}" if close else ""
        raise ValueError(f"no divergence has the id {name!r}{hint} (docs/findings.md lists all)")
    record = found[0]
    wanted = [loss for loss in record.losses if record.name(loss) == name] or list(record.losses)
    shown = [showing for showing in showings([record]) if showing.loss in wanted]
    title = (
        f"{', '.join(wanted[:3])}{' and others' if len(wanted) > 3 else ''}: {record.reason.split(';')[0]}"
    )
    parts = [
        f"# {shorten(title, 160, placeholder=' ...')}",
        "### 🐛 Describe the bug",
        f"{_capital(record.reason)}.",
    ]
    for showing in shown[:3]:
        witness = showing.witness
        outcome = f"Expected: `{witness.truth}`. Actual: `{witness.gives}`."
        parts += [f"{_capital(OF[showing.of])}:", f"```python\n{script(witness)}\n```", outcome]
    parts.append(
        f"Concerned: {_losses(shown)}; dtypes: {_formats(record)}; seen in torch {_versions(record)}."
    )
    if record.upstream:
        parts.append(f"Discussed in {record.upstream}.")
    parts += ["### Versions", f"```\n{environment().rstrip()}\n```"]
    return "\n\n".join(parts) + "\n"


def environment() -> str:
    """What ``python -m torch.utils.collect_env`` prints."""
    from torch.utils import collect_env  # takes a second, as it asks the system

    return str(collect_env.get_pretty_env_info())  # type: ignore[no-untyped-call]  # torch's own tool
