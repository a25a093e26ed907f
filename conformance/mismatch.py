"""A mismatch between torch and the oracle, and how it is told to a person."""

from __future__ import annotations

from dataclasses import dataclass

from reference import Array
from strategies import Case

from .judging import Worst
from .losses import Loss
from .running import written


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

    @property
    def kind(self) -> str:
        """The kind of `worst`, or "contract" where it is not about numbers."""
        return self.worst.kind if self.worst else "contract"

    def explain(self) -> str:
        """What a person needs: what, where, expected, got, how far off, why that far, and a script."""
        case = self.case
        reduction = case.arguments.get("reduction", "mean")
        lines = [
            f"{self.loss.name} ({self.way}), reduction {reduction}, {case.format.name}, {self.device}: "
            + self.problem
        ]
        if self.worst:
            lines += self._numbers(self.worst)
        lines += ["", "To reproduce:", ""]
        return "\n".join(lines + [f"    {line}" for line in self.script().splitlines()])

    def _numbers(self, worst: Worst) -> list[str]:
        form = self.case.format
        where = f"at index {worst.index}" if worst.index else "of the result"
        size = abs(worst.expected) * form.unit_roundoff
        units = f", {worst.bound / size:.3g} roundoffs of the value" if size > 0 else ""
        return [
            f"    expected {worst.expected!r} +- {worst.bound:.3g} {where}",
            f"    got      {worst.observed!r}",
            f"    off by   {worst.ratio:.3g} times the allowed error",
            f"    allowed: the running error of the documented formula, each step rounded to {form.name}",
            f"             (unit roundoff {form.unit_roundoff:.3g}){units}",
        ]

    def script(self) -> str:
        """Plain torch code with literal numbers that shows the mismatch."""
        case = self.case
        lines = ["import torch", "import torch.nn.functional as F", ""]
        if self.device != "cpu":
            lines.append(f"torch.set_default_device({self.device!r})")
        lines.append(f"got = {written(self.way, self.loss, case)}")
        if self.worst:
            index = f"[{', '.join(map(str, self.worst.index))}]" if self.worst.index else ""
            lines.append(f"print(got{index}.item())  # {self.worst.observed!r}")
            lines.append(f"# expected {self.worst.expected!r} +- {self.worst.bound:.3g}")
        else:
            lines.append(f"print(got)  # {self.problem}")
        return "\n".join(lines)
