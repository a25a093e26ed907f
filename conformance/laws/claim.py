"""Claims: what a law says of one case, and whether numbers bear it out.

A law relates results of several calls. Each is allowed the error that the oracle derives for its call; the
oracle's value is not looked at. What the law computes with the results is computed with tracked numbers, so
that these errors add up as they must, and the roundings of that arithmetic are counted, too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import numpy as np

from reference import FORMATS, Array, Format, Tracked, tracked
from reference.partial_results import Reach
from strategies import Case, literal
from strategies.case import number

from ..bounds import elements_of, expect, oracle_arguments
from ..dividing import has_no_value
from ..foreign import told
from ..losses import LOSSES
from ..scripts import commented, head

# In which the results are related: it holds the numbers of every other format.
RELATED = FORMATS["float64"]


@dataclass(frozen=True)
class Operation:
    """A function of one array in both worlds: the text of torch's, and the oracle's formula."""

    source: str
    formula: Callable[[Any], Any]


@dataclass(frozen=True)
class Composed:
    """A call whose ``input`` is what an operation of torch makes of the case's."""

    case: Case
    operation: Operation


Call: TypeAlias = Case | Composed
Run: TypeAlias = Callable[[Call], Array]


def case_of(call: Call) -> Case:
    """The case of a call, before any operation."""
    return call.case if isinstance(call, Composed) else call


def reduced(call: Call, reduction: str) -> Any:
    """The same call with another reduction."""
    case = case_of(call).replacing(reduction=reduction)
    return replace(call, case=case) if isinstance(call, Composed) else case


@np.errstate(all="ignore")  # infinities and nans are answers here, not accidents
def expected(call: Call) -> Tracked:
    """What the oracle says of a call; the error of an operation before it is carried through."""
    case = case_of(call)
    if not isinstance(call, Composed):
        return expect(LOSSES[case.loss], case)
    given = oracle_arguments(case)
    result: Tracked = LOSSES[case.loss].oracle(**{**given, "input": call.operation.formula(given["input"])})
    return result


@dataclass(frozen=True)
class Claim:
    """What a law says of one case.

    Attributes:
        calls: what is run, by name.
        relations: two NumPy expressions each, of the results by those names, and ``==`` or ``<=`` between.
        given: exact numbers that the expressions use besides, by name.
    """

    calls: Mapping[str, Call]
    relations: tuple[str, ...]
    given: Mapping[str, Array] = field(default_factory=dict)


@dataclass(frozen=True)
class Comparison:
    """How far the two sides of a relation are apart, in units of the error allowed in both together.

    Attributes:
        relation: which.
        compared: how many elements could be: those whose bound is finite and where nothing overflows.
        ratio: of the element that is farthest off; 0 where the relation holds as it stands.
        index: where that is.
        left, right: the numbers there.
        bound: the error allowed there.
        problem: what is wrong apart from the numbers.
    """

    relation: str
    compared: int = 0
    ratio: float = 0.0
    index: tuple[int, ...] = ()
    left: float = 0.0
    right: float = 0.0
    bound: float = 0.0
    problem: str = ""

    @property
    def holds(self) -> bool:
        """Whether the relation does."""
        return not self.problem and self.ratio <= 1


def compare(claim: Claim, run: Run) -> list[Comparison]:
    """Run the calls of a claim and compare the sides of each relation.

    Args:
        claim: of a law, of a case.
        run: gives the numbers of a call; torch's, or those of a stand-in for it.

    Returns:
        A comparison for each relation; or a single one, with its problem, if there is no result to compare.
    """
    results: dict[str, Any] = {}
    for name, call in claim.calls.items():
        allowed = expected(call)
        try:
            numbers = np.asarray(run(call))
        except Exception as error:  # whatever is raised by a valid call is a problem
            return [Comparison(name, problem=told(error))]
        if numbers.shape != allowed.shape:
            return [Comparison(name, problem=f"shape {numbers.shape} instead of {allowed.shape}")]
        results[name] = _measured(numbers, allowed, has_no_value(case_of(call)))
    results |= {name: tracked(array, RELATED) for name, array in claim.given.items()}
    form = case_of(next(iter(claim.calls.values()))).format
    return [_compare(relation, results, form) for relation in claim.relations]


def _measured(numbers: Array, allowed: Tracked, anything: bool) -> Tracked:
    """Numbers that somebody computed, off by what the oracle allows, or by anything."""
    value = numbers.astype(RELATED.wide)
    unknown = np.isnan(allowed.bound) | anything
    bound = np.where(unknown, np.inf, allowed.bound).astype(RELATED.wide)
    return Tracked(value, bound, allowed.peak.astype(RELATED.wide), Reach.of(np.abs(value)), RELATED)


@np.errstate(all="ignore")  # infinities and nans are compared, too
def _compare(relation: str, results: dict[str, Any], form: Format) -> Comparison:
    # What is evaluated is the very text that a failure prints; it is written in the laws.
    sign = "<=" if "<=" in relation else "=="
    left, right = (_side(text, results) for text in relation.split(sign))
    shape = np.broadcast_shapes(left.shape, right.shape)
    if 0 in shape:
        return Comparison(relation)
    one, other = (np.broadcast_to(side.value, shape) for side in (left, right))
    bound = np.broadcast_to(left.bound + right.bound, shape)
    # Where something overflows torch may return anything, which is the business of `test_value`.
    comparable = np.isfinite(bound) & (np.maximum(left.peak, right.peak) <= form.max)
    agrees = ~comparable | (one == other) | (np.isnan(one) & np.isnan(other))
    if sign == "<=":  # nan is no larger; whether it is right is the business of `test_value`, too
        agrees = agrees | (one < other) | np.isnan(one) | np.isnan(other)
    gap = np.abs(one - other)
    ratio = np.where(agrees, 0, np.where(np.isfinite(gap), gap / bound, np.inf))
    index = tuple(int(i) for i in np.unravel_index(int(np.argmax(ratio)), shape))
    return Comparison(
        relation,
        int(np.count_nonzero(comparable)),
        float(ratio[index]),
        index,
        float(one[index]),
        float(other[index]),
        float(bound[index]),
    )


def _side(text: str, results: dict[str, Any]) -> Tracked:
    value = eval(text, {"np": np}, results)
    return value if isinstance(value, Tracked) else tracked(value, RELATED)


def script(claim: Claim, found: Comparison, device: str) -> list[str]:
    """Plain torch code with literal numbers that shows both sides of a relation."""
    used = {**claim.calls, **claim.given}
    used = {name: used[name] for name in re.findall(r"\w+", found.relation) if name in used}
    cases = {name: case_of(call) for name, call in claim.calls.items() if name in used}
    code = []
    for name, case in cases.items():
        call, written = claim.calls[name], repr(case)
        if isinstance(call, Composed):
            x = literal(case.arguments["input"], case.format)
            code.append(f"input = ({call.operation.source})({x})")
            written = case.call(f"F.{case.loss}", ["input"])
        code.append(f"{name} = {written}.double().cpu().numpy()")
    if found.problem:
        code += commented(f"print({found.relation}.shape)", found.problem)
    else:
        given = {name: number(array.tolist()) for name, array in claim.given.items() if name in used}
        code += [f"{name} = np.array({numbers})" for name, numbers in given.items()]
        left, right = (side.strip() for side in found.relation.replace("<=", "==").split("=="))
        where = f"[{', '.join(map(str, found.index))}]" if found.index else ""
        code.append(f"left, right = np.broadcast_arrays({left}, {right})")
        code.append(f"print(float(left{where}))  # {found.left!r}")
        code.append(f"print(float(right{where}))  # {found.right!r}")
    return [*head(device, code, max(map(elements_of, cases.values()))), *code]
