"""Torch code that runs a case in a way, as the suite did, and beside it the plain call."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from reference import Array
from strategies import Case, literal

from ..evidence import Evidence
from .way import Way, tensors_of


@dataclass(frozen=True)
class Passed:
    """What was passed to a way.

    Attributes:
        case: the tensors before they are laid out, and the options.
        wanted: the arguments by which it was differentiated.
        upstream: what the gradient is of, the shape of the result; None for ones.
        argument: by which the gradient is that is looked at; empty if it is the result.
        before: cases with which the same function was called before, and which it may have kept something of.
    """

    case: Case
    wanted: Sequence[str]
    upstream: Array | None
    argument: str = ""
    before: Sequence[Case] = ()


def called_in_way(way: Way, passed: Passed, shows: Evidence) -> list[str]:
    """The lines of torch code that make ``got``, and ``first`` by the plain call if it is shown.

    Args:
        way: what makes another function of the one that calls the loss.
        passed: what was passed.
        shows: what the script prints.
    """
    case = (*passed.before, passed.case)[0]  # the function is made of the first
    lines = way.script(case)
    goes_back = bool(passed.argument or shows.passes) and bool(passed.wanted)
    leaves = passed.wanted  # what is compiled depends on it, whether the script goes back or not
    if shows.beside:
        plain = "plain" if "def plain(" in way.code else "function"
        made = _run(plain, "first", passed, _texts(passed.case), leaves, goes_back)
        lines += made if shows.beside == "runs" else _caught(made)
    for earlier in passed.before:
        texts = _texts(earlier, way)
        ends = {name: ".requires_grad_()" * (name in leaves and not way.goes_back) for name in texts}
        lines.append(f"way({', '.join(f'{text}{ends[name]}' for name, text in texts.items())})")
    own = () if way.goes_back else leaves
    made = _run("way", "got", passed, _texts(passed.case, way), own, goes_back, way.goes_back)
    call = next(i for i, line in enumerate(made) if "= way(" in line)
    return [*lines, *made[:call], *shows.keeping(), *made[call:]]


def _texts(case: Case, way: Way | None = None) -> dict[str, str]:
    """The tensors of a case as torch code, as a way passes them."""
    texts = {name: case.literal(name) for name in tensors_of(case)}
    return {name: way.passing(name, text) for name, text in texts.items()} if way else texts


def _run(
    function: str,
    result: str,
    passed: Passed,
    texts: Mapping[str, str],
    leaves: Sequence[str],
    goes_back: bool,
    by_back: bool = False,
) -> list[str]:
    """Torch code that calls a function, goes back, and names what is looked at."""
    of, wanted = "result" if passed.argument else result, list(passed.wanted)
    lines = [f"{name} = {text}{'.requires_grad_()' * (name in leaves)}" for name, text in texts.items()]
    lines.append(f"{of} = {function}({', '.join(texts)})")
    if not goes_back:
        return lines
    ones = f"torch.ones_like({of})"
    upstream = ones if passed.upstream is None else f"{literal(passed.upstream, passed.case.format)}.to({of})"
    names = _tuple(result if name == passed.argument else "_" for name in wanted)
    if by_back:
        by = _tuple(str(i) for i, name in enumerate(texts) if name in wanted)
        call = f"back([{', '.join(texts)}], {by}, {upstream})"
    else:
        call = f"torch.autograd.grad({of}, [{', '.join(wanted)}], {upstream}, allow_unused=True)"
    return [*lines, f"{names} = {call}" if passed.argument else call]


def _tuple(texts: Iterable[str]) -> str:
    """A tuple of expressions, as torch code."""
    first, *others = texts
    return f"({', '.join([first, *others])}{'' if others else ','})"


def _caught(lines: list[str]) -> list[str]:
    """The same code, whose exception takes the place of ``first``."""
    return ["try:", *(f"    {line}" for line in lines), "except Exception as error:", "    first = error"]
