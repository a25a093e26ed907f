"""Cases of the sizes that people train with. A case is a shape and a seed; NumPy code makes its numbers.

Kernels change their path at certain sizes: blocks, chunks, vector tails, threads, 16-bit counters. One axis
of a case has such a size, or that of a model in use, and the other axes are short. The format under test
holds every number. Rows, labels, ignored rows and weights differ, so that no part of a result equals the
whole.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from reference import Format

from .arguments import ANY_SHAPE, Choice, Number, Signature, Tensor
from .case import Case, made
from .chunking import Chunking
from .domains import Classes, Lengths, Members
from .signatures import SIGNATURES


@dataclass(frozen=True)
class Axis:
    """An axis along which cases are long.

    Attributes:
        letters: of the axes that have its size; see `strategies.signatures`.
        sizes: which, the largest last.
        others: the lengths of other axes where they are not the usual ones.
    """

    letters: str
    sizes: tuple[int, ...]
    others: Mapping[str, int]

    def layout(self, form: Signature) -> int | None:
        """The layout of a form that is long along this axis, and batched; None if it has no such axis."""
        if form.any_shape:
            return ANY_SHAPE.index("C") if self.letters == ELEMENTS else None
        letters = [
            {letter for name in form.tensors for letter in form.axes(name, layout).split()}
            for layout in form.layouts
        ]
        every = set().union(*letters)
        wanted = set(self.letters) & every
        fits = (n for n, found in enumerate(letters) if wanted | ({"N"} & every) <= found)
        return next(fits, None) if wanted else None


ELEMENTS = "*"
# Neighbours of powers of two, where blocks end, and of the vocabularies, widths and lengths of models.
AXES = {
    "elements": Axis(ELEMENTS, (4095, 4097, 32_767, 32_769, 65_535, 65_537, 2**20 + 1), {}),
    "classes": Axis(
        "C",
        (127, 128, 129, 1023, 1024, 1025, 4097, 32_000, 50_257, 65_537, 128_256, 151_936, 256_000),
        {"N": 2, "F": 3, "T": 5, "S": 2},
    ),
    "rows": Axis("N", (128, 129, 1025, 4097, 8192), {}),
    "features": Axis("DF", (256, 257, 768, 1024, 1025, 4096, 8192), {}),
    "positions": Axis("de", (64, 129, 512), {"N": 2, "C": 2}),
    "frames": Axis("T", (150, 257, 500, 1500), {}),
    "labels": Axis("S", (64, 129, 400), {"C": 17}),
}
OTHERS = {"N": 3, "C": 5, "D": 6, "F": 6, "d": 3, "e": 2, "T": 12, "S": 4}
IGNORED = -100


@dataclass(frozen=True)
class Sized:
    """A case of a size, before its numbers are made.

    Attributes:
        form: of the loss.
        axis: along which it is long, one of `AXES`.
        size: how long.
        seed: of its numbers.
        exact: whether they are few small ones, whose sums are exact in any order; else full mantissas.
        plain: whether optional arguments are left out.
    """

    form: Signature
    axis: str
    size: int
    seed: int
    exact: bool = False
    plain: bool = False

    @property
    def lengths(self) -> dict[str, int]:
        """How long the axis of each letter is."""
        axis = AXES[self.axis]
        found = OTHERS | dict(axis.others) | dict.fromkeys(axis.letters, self.size)
        if axis.letters == ELEMENTS:
            found["C"] = self.size
        if self.axis == "frames":
            found["S"] = max(1, self.size // 5)
        if self.axis == "labels":  # repeated labels need a blank between them
            found["T"] = 2 * self.size + self.size // 2
        return found | {"NS": found["N"] * found["S"]}

    def case(self, format: Format, reduction: str) -> Case:
        """The case in a format, with a reduction."""
        layout = AXES[self.axis].layout(self.form)
        assert layout is not None
        rng = np.random.default_rng(self.seed)
        given: dict[str, Any] = {}
        recipes: dict[str, str] = {}
        for name, argument in self.form.arguments.items():
            if name in self.form.fixed:
                given[name] = self.form.fixed[name]
            elif name == "reduction":
                given[name] = reduction
            elif isinstance(argument, Number | Choice):
                value = argument.values[rng.integers(len(argument.values))] if argument.values else None
                if not self.plain and value is not None and name not in ("ignore_index", "blank"):
                    given[name] = value
            elif not (argument.optional and self.plain):
                shape = tuple(self.lengths[letter] for letter in self.form.axes(name, layout).split())
                recipes[name] = self._recipe(argument, shape, format, int(rng.integers(10_000)))
                given[name] = None
        if self.form.loss == "linear_cross_entropy" and not self.plain and self._chunks(given):
            given["options"] = Chunking(batch_chunk_size=max(1, self.lengths["N"] // 3))
        return made(self.form.loss, format, given, recipes)

    def _chunks(self, given: Mapping[str, Any]) -> bool:
        """Whether torch computes a linear cross entropy in chunks: of labels, without smoothing."""
        return self.form.form == "labels" and not given.get("label_smoothing") and self.axis != "positions"

    def _recipe(self, argument: Tensor, shape: tuple[int, ...], format: Format, seed: int) -> str:
        """NumPy code of an argument of a shape."""
        rng, domain, digits = f"np.random.default_rng({seed})", argument.range, format.digits
        if argument.weighs:
            return f"{rng}.integers(1, 17, {shape}) / 8"
        if isinstance(domain, Members):
            return f"np.array({list(domain.numbers)})[{rng}.integers({len(domain.numbers)}, size={shape})]"
        if isinstance(domain, Lengths):
            longest = self.lengths[domain.axis]
            # Joined labels are as many as their lengths say.
            joined = any("NS" in tensor.shapes for tensor in self.form.tensors.values())
            least = longest if joined else longest - longest // 3
            return f"{rng}.integers({least}, {longest + 1}, {shape})"
        if isinstance(domain, Classes):
            return self._labels(domain, shape, rng, seed)
        if self.exact:
            steps, unit = 8, 4 if domain.high > 1 else 8
        else:
            steps, unit = 2 ** (digits - 1), 2 ** (digits - 3) if domain.high != 1 else 2 ** (digits - 1)
        if math.isinf(domain.low) and math.isinf(domain.high):
            return f"{rng}.integers({-steps}, {steps}, {shape}) / {unit}"
        sign = "-" if math.isinf(domain.low) else ""
        return f"{sign}{rng}.integers(1, {steps}, {shape}) / {unit}"

    def _labels(self, domain: Classes, shape: tuple[int, ...], rng: str, seed: int) -> str:
        classes = self.lengths["C"]
        if domain.ended:
            some = min(classes, 7)
            distinct = f"np.argsort({rng}.random({shape}))[..., :{some}]"
            return f"np.pad({distinct}, [(0, 0), (0, {classes - some})], constant_values=-1)"
        labels = f"{rng}.integers({int(domain.blank)}, {classes}, {shape})"
        if domain.ignored and not self.plain:
            ignored = f"np.random.default_rng({seed + 1}).integers(5, size={shape}) == 0"
            return f"np.where({ignored}, {IGNORED}, {labels})"
        return labels

    def resized(self, size: int) -> Sized:
        """The same of another size."""
        return replace(self, size=size)


def axes_of(loss: str) -> list[str]:
    """The axes along which cases of a loss can be long."""
    forms = SIGNATURES[loss]
    return [name for name, axis in AXES.items() if any(axis.layout(f) is not None for f in forms)]


def sized(loss: str, axis: str, seed: int, sizes: tuple[int, ...]) -> Iterator[Sized]:
    """Cases of a loss that are long along an axis, of each form and each size in turn; of the last size two.

    Args:
        loss: name of the functional.
        axis: one of `axes_of`.
        seed: of all their numbers.
        sizes: the lengths of the axis, the most important one last.
    """
    forms = [form for form in SIGNATURES[loss] if AXES[axis].layout(form) is not None]
    for i, size in zip(reversed(range(len(sizes))), sizes):
        for form in forms:
            # The last one has all optional arguments and full mantissas.
            one = Sized(form, axis, size, seed + i, exact=i % 3 == 1, plain=i % 3 == 2)
            yield one
            if i == 0:  # a known divergence of a weighted mean would hide a small error of all means
                yield replace(one, plain=True)
