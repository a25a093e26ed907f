"""A mismatch between torch and the oracle, and how it is told to a person."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from reference import Array, Tracked
from strategies import Case, Differentiation, literal

from .bounds import Worst, elements_of
from .evidence import RESULT, Evidence
from .implementation import under_test
from .losses import Loss
from .modules.observing import making
from .running import written
from .scripts import commented, head, section
from .ways import WAYS, Way
from .ways.script import Passed, called_in_way

# How the problem begins where two calls of the same give two results.
BITS_DIFFER = "bits differ"
# Of a call that is told in a line.
LENGTH = 400


@dataclass(frozen=True)
class Mismatch:
    """Something that torch did otherwise.

    Attributes:
        loss, case, device, way: what was run, where and how.
        problem: a line that says what is wrong.
        worst: the element that is farthest off, where it is numbers that are wrong.
        observed: all numbers that torch returned, likewise.
        shows: what a script prints where it is not numbers that are wrong.
        passed: what was passed to `way` where it is one of `WAYS`; by default the case.
    """

    loss: Loss
    case: Case
    device: str
    way: str
    problem: str
    worst: Worst | None = None
    observed: Array | None = None
    shows: Evidence = field(default=RESULT, kw_only=True)
    passed: Passed | None = field(default=None, kw_only=True)

    of: ClassVar[str] = "value"
    of_what: ClassVar[str] = "result"
    formula: ClassVar[str] = "the documented formula"

    @property
    def kind(self) -> str:
        """The kind of `worst`, or "contract" where it is not about numbers."""
        return self.worst.kind if self.worst else "contract"

    def explain(self) -> str:
        """What a person needs: what, where, expected, got, how far off, why that far, and a script."""
        case = self.case
        reduction = case.arguments.get("reduction", "mean")
        where = f"reduction {reduction}, {case.format.name}, {self.device}"
        problem = self.problem.replace("\n", "\n        ")
        lines = [f"{under_test().title(self.loss.name)} ({self.way}), {where}: {problem}"]
        if self.worst:
            lines += self._numbers(self.worst)
        return "\n".join(lines) + section(self.script().split("\n"))

    def place(self) -> str:
        """Which number of which call it is about, in a line that ends early where the call is long."""
        told = f"{self._what()}{self.worst.subscript if self.worst else ''} of {self.case!r}"
        return told if len(told) <= LENGTH else f"{told[:LENGTH]} ..."

    def _what(self) -> str:
        return self.of_what

    def _numbers(self, worst: Worst) -> list[str]:
        form = self.case.format
        where = f"at index {worst.index}" if worst.index else f"of the {self.of_what}"
        size = abs(worst.expected) * form.unit_roundoff
        units = f", {worst.bound / size:.3g} roundoffs of the value" if size > 0 else ""
        return [
            f"    expected {worst.expected!r} +- {worst.bound:.3g} {where}",
            f"    got      {worst.observed!r}",
            f"    off by   {worst.ratio:.3g} times the allowed error",
            f"    allowed: the running error of {self.formula}, each step rounded to {form.name}",
            f"             (unit roundoff {form.unit_roundoff:.3g}){units}",
        ]

    def script(self) -> str:
        """Plain torch code with literal numbers that shows the mismatch."""
        code = [*self.shows.setup, *self.calls(), *self.shows.after]
        if self.worst:
            code.append(f"print(got{self.worst.subscript}.item())  # {self.worst.observed!r}")
            code.append(f"# expected {self.worst.expected!r} +- {self.worst.bound:.3g}")
        else:
            first, *others = self.shows.prints
            code += commented(f"print({first})", self.problem)
            code += [f"print({other})" for other in others]
        return "\n".join([*head(self.device, code, elements_of(self.case)), *code])

    def calls(self) -> list[str]:
        """The lines of torch code that make ``got``."""
        if self.way in WAYS:
            return self._called_in(WAYS[self.way])
        case, kept = self.case, [self.shows.kept] if self.shows.kept else []
        layer = self.way == "module" and self.loss.layer
        return [
            *(f"{name} = {case.literal(name)}" for name in kept),
            *self.shows.keeping(),
            *([f"first = {case.call(f'F.{case.loss}', kept)}"] if self.shows.beside else []),
            *(making(case) if layer else []),
            f"got = {written(self.way, self.loss, case, kept)}",
        ]

    def _called_in(self, way: Way, argument: str = "") -> list[str]:
        passed = self.passed or Passed(self.case, (argument,) if argument else (), None, argument)
        return called_in_way(way, passed, self.shows)


@dataclass(frozen=True)
class GradientMismatch(Mismatch):
    """A gradient that torch computes otherwise.

    Attributes:
        argument: by which it differentiates.
        differentiation: the case, and how it was differentiated.
        upstream: what the gradient is of, sum(upstream * result).
        expected: the oracle's gradient.
    """

    argument: str = ""
    differentiation: Differentiation | None = None
    upstream: Array | None = None
    expected: Tracked | None = None

    of: ClassVar[str] = "gradient"
    of_what: ClassVar[str] = "gradient"
    formula: ClassVar[str] = "the derivative of the documented formula"

    def _what(self) -> str:
        return f"{self.of_what} by {self.argument}"

    def calls(self) -> list[str]:
        """The lines of torch code that make ``got``."""
        if self.way in WAYS:
            return self._called_in(WAYS[self.way], self.argument)
        case, name, shows = self.case, self.argument, self.shows
        wanted = self.differentiation.chosen(self.loss.variables(case)) if self.differentiation else []
        wanted = wanted if name in wanted else [name]
        named = dict.fromkeys([*wanted, *({shows.kept} & set(case.arguments))])
        by, got = ", ".join(wanted), ", ".join("got" if each == name else "_" for each in wanted)
        by, got = (by, f"({got},)") if len(wanted) == 1 else (f"[{by}]", got)
        upstream = literal(np.ones(()) if self.upstream is None else self.upstream, case.format)
        told = "" if self.worst else ", allow_unused=True"
        lines = _leaves(case, named, wanted)
        if shows.passes:
            lines.append(f"upstream = {upstream}")
            upstream, told = "upstream", f", retain_graph=True{told}"
        lines += [
            *shows.keeping(),
            f"loss = {case.call(f'F.{case.loss}', list(named))}",
            f"{got} = torch.autograd.grad(loss, {by}, {upstream}{told})",
        ]
        if shows.passes:  # what the second gives is added to what the first gave
            lines.append(f"{name}.grad = got if got is None else got.clone()")
            lines.append("torch.autograd.backward(loss, upstream)")
        if self.worst and case.dtype(name).startswith("complex"):
            lines.append("got = torch.view_as_real(got)")
        return lines


def _leaves(case: Case, named: Iterable[str], wanted: Sequence[str]) -> list[str]:
    """Torch code that gives arguments their names, and has some of them require gradients."""
    ends = {name: ".requires_grad_()" * (name in wanted) for name in named}
    return [f"{name} = {case.literal(name)}{end}" for name, end in ends.items()]


@dataclass(frozen=True)
class SecondMismatch(GradientMismatch):
    """A second derivative, or a derivative in forward mode, that torch computes otherwise.

    Attributes:
        argument: by which it differentiates the gradient's sum with the tangents; "along" for the derivative
            of the result along the tangents.
        tangents: a direction for each argument.
    """

    tangents: Mapping[str, Array] = field(default_factory=dict)

    of: ClassVar[str] = "second"
    of_what: ClassVar[str] = "derivative"

    def _what(self) -> str:
        along = self.argument == "along"
        return "derivative along the tangents" if along else f"second derivative, by {self.argument}"

    def calls(self) -> list[str]:
        """The lines of torch code that make ``got``."""
        case, names = self.case, list(self.tangents)
        tangents = ", ".join(literal(tangent, case.format) for tangent in self.tangents.values())
        if self.way == "jvp":
            values = ", ".join(map(case.literal, names))
            return [
                f"function = lambda {', '.join(names)}: {case.call(f'F.{case.loss}', names)}",
                f"_, got = torch.func.jvp(function, ({values},), ({tangents},))",
            ]
        by = "upstream" if self.argument == "along" else self.argument
        upstream = np.ones(()) if self.upstream is None else self.upstream
        return [
            *_leaves(case, names, names),
            f"upstream = {literal(upstream, case.format)}.requires_grad_()",
            f"loss = {case.call(f'F.{case.loss}', names)}",
            f"variables = [{', '.join(names)}]",
            "gradients = torch.autograd.grad(",
            "    loss, variables, upstream, create_graph=True, allow_unused=True, materialize_grads=True",
            ")",
            f"pairs = [pair for pair in zip(gradients, [{tangents}]) if pair[0].requires_grad]",
            "torch.autograd.backward(*zip(*pairs))",
            f"got = torch.zeros_like({by}) if {by}.grad is None else {by}.grad",
        ]
