"""Calls of mixed dtypes: torch raises, or the result has a dtype that the caller can expect."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch

from .row import Valid

CASTS = {"double": torch.float64, "half": torch.float16}


@dataclass(frozen=True)
class Promotion:
    """A call with one real argument wider or narrower than the others, which are float32.

    Attributes:
        loss: name of the functional.
        violation: which argument, and how it differs.
        call: the number of bits of the result's dtype, as torch code.
        allowed: these numbers: of the dtype to which torch promotes both, and of the first argument's.
    """

    loss: str
    violation: str
    call: str
    allowed: frozenset[int]

    def __str__(self) -> str:
        """The coordinates in a test's id."""
        return f"{self.loss}-{self.violation}"


def promotions(calls: Iterable[Valid]) -> Iterator[Promotion]:
    """Each real argument of a loss of several, wider and narrower than the others.

    The documentation says how arithmetic promotes, but not whether labels and weights take part.
    """
    seen: set[tuple[str, str]] = set()
    for valid in calls:
        real = [name for name, text in valid.arguments.items() if _is_real(text)]
        for name in real:
            if len(real) > 1 and (valid.loss, name) not in seen:
                seen.add((valid.loss, name))
                for cast, dtype in CASTS.items():
                    mixed = valid.with_(**{name: f"({valid.arguments[name]}).{cast}()"})
                    first = dtype if name == real[0] else torch.float32
                    dtypes = (first, torch.promote_types(dtype, torch.float32))
                    bits = f"torch.tensor(torch.finfo({mixed.call}.dtype).bits)"
                    yield Promotion(
                        valid.loss, f"{name}-{cast}", bits, frozenset(torch.finfo(d).bits for d in dtypes)
                    )


def _is_real(text: str) -> bool:
    value = eval(text, {"torch": torch})
    return isinstance(value, torch.Tensor) and value.is_floating_point()
