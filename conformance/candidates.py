"""Scripts of plain torch that may end the process, made of what a process noted before it ended."""

from __future__ import annotations

from collections.abc import Iterator

from strategies import Case, Differentiation

from .differentiating import expect_derivatives
from .losses import LOSSES, Loss
from .mismatch import GradientMismatch, Mismatch, SecondMismatch
from .running import ways
from .scripts import head


def candidates(noted: object, way: str, device: str) -> list[str]:
    """Scripts, one of which is likely to do what the suite did.

    Args:
        noted: an example, whose test makes several calls, or torch code.
        way: the way of running torch that is under test; empty for plain calls.
        device: where.
    """
    if isinstance(noted, str):
        bodies = iter([noted.splitlines()])
    elif isinstance(noted, Differentiation):
        bodies = _bodies(noted.case, way, device, noted)
    else:
        assert isinstance(noted, Case)
        bodies = _bodies(noted, way, device, None)
    return ["\n".join([*head(device, body), *body]) for body in bodies]


def _bodies(case: Case, way: str, device: str, directions: Differentiation | None) -> Iterator[list[str]]:
    """The calls of a case, and its derivatives if it has directions."""
    loss = LOSSES[case.loss]
    mismatches: list[Mismatch] = [Mismatch(loss, case, device, name, "") for name in [way] if way]
    mismatches = mismatches or [Mismatch(loss, case, device, name, "") for name in ways()]
    if directions:
        mismatches += _derivatives(loss, directions, way, device)
    for mismatch in mismatches:
        yield [*mismatch.calls(), "print(got)"]


def _derivatives(loss: Loss, directions: Differentiation, way: str, device: str) -> Iterator[Mismatch]:
    case, names = directions.case, loss.variables(directions.case)
    if not names:
        return
    twice = loss.twice and loss.forward and not way
    expected = expect_derivatives(loss, directions, names, twice=twice)
    for name in names:
        yield GradientMismatch(
            loss, case, device, way or "backward", "", argument=name, upstream=expected.upstream
        )
    for second in ("double backward", "jvp") if twice else ():
        yield SecondMismatch(
            loss, case, device, second, "",
            argument="along", upstream=expected.upstream, tangents=expected.tangents,
        )  # fmt: skip
