"""What changed in how losses are called."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from .record import Record


@dataclass(frozen=True)
class SignatureChange:
    """Other parameters.

    Attributes:
        loss: the loss.
        what: "functional" or "module", whose constructor it is.
        before, after: the parameters, as Python prints them.
        changes: each change in words.
    """

    loss: str
    what: str
    before: str
    after: str
    changes: list[str]


def changed_signatures(old: Record, new: Record) -> Iterator[SignatureChange]:
    """The changes of all losses that both records have."""
    for loss, signatures in old.signatures.items():
        if loss not in new.signatures or loss in {*old.lacking, *new.lacking}:
            continue
        for what in ("functional", "module"):
            before, after = getattr(signatures, what), getattr(new.signatures[loss], what)
            if before != after:
                yield SignatureChange(loss, what, before, after, _changes(before, after))


def _changes(before: str, after: str) -> list[str]:
    """The changes from one signature to another, in words."""
    if not (before and after):
        return [f"there is {'one' if after else 'none'} now"]
    try:
        was, now = _defaults(before), _defaults(after)
    except SyntaxError:  # a default may print as anything
        return ["see both"]
    told = [f"removed {_shown(name, was[name])}" for name in was if name not in now]
    told += [f"added {_shown(name, now[name])}" for name in now if name not in was]
    told += [
        f"{name}: default {was[name] or 'none'} became {now[name] or 'none'}"
        for name in was
        if name in now and was[name] != now[name]
    ]
    stayed = [[name for name in names if name in was and name in now] for names in (was, now)]
    return told + (["the order is another"] if stayed[0] != stayed[1] else []) or ["how they are passed"]


def _defaults(signature: str) -> dict[str, str]:
    """The default of each parameter, as code; empty where there is none.

    Raises:
        SyntaxError: what is printed is no code.
    """
    try:
        statements = ast.parse(f"def f{signature}: ...").body
    except (ValueError, MemoryError, RecursionError) as error:  # a null character, or too much nesting
        raise SyntaxError(str(error)) from None
    if len(statements) != 1 or not isinstance(statements[0], ast.FunctionDef):
        raise SyntaxError("there is more than a signature")
    given = statements[0].args
    positional = [*given.posonlyargs, *given.args]
    missing = [None] * (len(positional) - len(given.defaults))
    pairs = [*zip(positional, [*missing, *given.defaults]), *zip(given.kwonlyargs, given.kw_defaults)]
    found = {argument.arg: ast.unparse(default) if default else "" for argument, default in pairs}
    found |= {f"*{given.vararg.arg}": ""} if given.vararg else {}
    return found | ({f"**{given.kwarg.arg}": ""} if given.kwarg else {})


def _shown(name: str, default: str) -> str:
    return f"{name}={default}" if default else name
