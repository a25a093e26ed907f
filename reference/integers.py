"""Integer types, as far as step-by-step arithmetic needs them: which numbers they have, and how they wrap."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .dispatch import Numbers
from .formats import Format


@dataclass(frozen=True)
class Integers(Format):
    """An integer type, in the place of a format: its sums and products are exact until they wrap.

    Attributes:
        least, most: its smallest and its largest number.
    """

    least: int = 0
    most: int = 0

    def has(self, values: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.bool_]:
        """Which numbers are integers; infinities, which stand for no number, count."""
        whole: npt.NDArray[np.bool_] = (np.rint(values) == values) | np.isnan(values)
        return whole

    def wrapped(self, values: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.floating[Any]]:
        """What is left of exact results; of bools, whether they are not 0. Infinities stay."""
        if self == UNBOUNDED:
            return values
        if self.name == "bool":
            return np.where(np.isfinite(values) & (values != 0), 1, values).astype(values.dtype)
        count = self.most - self.least + 1
        with np.errstate(invalid="ignore"):
            within = (values - self.least) % count + self.least
        return np.where(np.isfinite(values), within, values).astype(values.dtype)


def _integers(name: str, least: int, most: int) -> Integers:
    return Integers(name, 64, 0, 64, np.longdouble, "int64", least, most)


INTEGERS: dict[str, Integers] = {
    "bool": _integers("bool", 0, 1),
    "uint8": _integers("uint8", 0, 255),
    "int32": _integers("int32", -(2**31), 2**31 - 1),
    "int64": _integers("int64", -(2**63), 2**63 - 1),
}
# All integers: what would be if none wrapped.
UNBOUNDED = _integers("integer", 0, 0)


def holds_integers(array: Any) -> bool:
    """Whether an array, or what a variable holds, is of an integer type in step-by-step arithmetic."""
    while isinstance(array, Numbers) and array.rank:
        array = array.value
    return isinstance(getattr(array, "format", None), Integers)
