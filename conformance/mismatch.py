"""A mismatch between torch and the oracle, and how it is told to a person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from reference import Array, Tracked
from strategies import Case, Differentiation, literal

from .implementation import under_test
from .judging import Worst
from .losses import Loss
from .running import written
from .ways import WAYS, tensors_of

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
    """

    loss: Loss
    case: Case
    device: str
    way: str
    problem: str
    worst: Worst | None = None
    observed: Array | None = None

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
        lines = [f"{under_test().title(self.loss.name)} ({self.way}), {where}: {self.problem}"]
        if self.worst:
            lines += self._numbers(self.worst)
        lines += ["", "To reproduce:", ""]
        return "\n".join(lines + [f"    {line}" for line in self.script().splitlines()])

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
        lines = ["import torch", *under_test().imports, ""]
        if self.device != "cpu":
            lines.append(f"torch.set_default_device({self.device!r})")
        lines += self.calls()
        if self.worst:
            lines.append(f"print(got{self.worst.subscript}.item())  # {self.worst.observed!r}")
            lines.append(f"# expected {self.worst.expected!r} +- {self.worst.bound:.3g}")
        else:
            lines.append(f"print(got)  # {self.problem}")
        return "\n".join(lines)

    def calls(self) -> list[str]:
        """The lines of torch code that make ``got``."""
        way = WAYS.get(self.way)
        if way is None:
            return [f"got = {written(self.way, self.loss, self.case)}"]
        return [*way.script(self.case), f"got = way({', '.join(self._passed().values())})"]

    def _passed(self) -> dict[str, str]:
        """The tensors as the way passes them."""
        way, case = WAYS[self.way], self.case
        return {n: way.passing(n, literal(case.arguments[n], case.format)) for n in tensors_of(case)}


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
        case, name = self.case, self.argument
        upstream = "" if self.upstream is None else f", {literal(self.upstream, case.format)}"
        if self.way in WAYS:
            passed = self._passed()
            if WAYS[self.way].goes_back:
                by, direction = list(passed).index(name), literal(self.upstream, case.format)
                return [
                    *WAYS[self.way].script(case),
                    f"(got,) = back([{', '.join(passed.values())}], ({by},), {direction})",
                ]
            return [
                *WAYS[self.way].script(case),
                f"{name} = {passed[name]}.detach().requires_grad_()",
                f"loss = way({', '.join({**passed, name: name}.values())})",
                f"(got,) = torch.autograd.grad(loss, {name}{upstream})",
            ]
        return [
            f"{name} = {literal(case.arguments[name], case.format)}.requires_grad_()",
            f"loss = {case.call(f'F.{case.loss}', [name])}",
            f"(got,) = torch.autograd.grad(loss, {name}{upstream})",
        ]


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
            values = ", ".join(literal(case.arguments[name], case.format) for name in names)
            return [
                f"function = lambda {', '.join(names)}: {case.call(f'F.{case.loss}', names)}",
                f"_, got = torch.func.jvp(function, ({values},), ({tangents},))",
            ]
        by = "upstream" if self.argument == "along" else self.argument
        upstream = np.ones(()) if self.upstream is None else self.upstream
        return [
            *(f"{name} = {literal(case.arguments[name], case.format)}.requires_grad_()" for name in names),
            f"upstream = {literal(upstream, case.format)}.requires_grad_()",
            f"loss = {case.call(f'F.{case.loss}', names)}",
            f"variables = [{', '.join(names)}]",
            "gradients = torch.autograd.grad(loss, variables, upstream, create_graph=True)",
            f"(got,) = torch.autograd.grad(gradients, {by}, [{tangents}])",
        ]
