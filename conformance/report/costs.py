"""What tests cost relative to each other, from which the time left is estimated."""

from __future__ import annotations

from ..losses import LOSSES
from .coordinates import coordinates

# Milliseconds of a test, measured on one core with 100 examples a cell; only their ratios matter.
DRAWN = {"value": 330, "gradient": 460, "second_derivative": 390, "law": 95, "way": 30}
# Those of other tests do not grow with the examples.
FIXED = {
    "size": 1_500, "capability": 15_000, "dangerous_calls": 3_500, "derived_calls": 120,
    "invalid_calls_by_way": 300, "ctc_of_section_1_18": 180,
    "witness_still_diverges": 18, "constructor_argument": 10, "corner": 9, "cpu_support": 9,
}  # fmt: skip
OTHER = 1
# Of a way; the first beginning that fits counts.
WAYS = {
    "compile_inductor": 5_000,
    "compile": 400,
    "channels_last": 120,
    "export": 120,
    "fake": 120,
    "transposed": 90,
}
# A test of this loss costs a multiple of what others cost.
LOSS = {"ctc_loss": 3.5, "linear_cross_entropy": 1.5}
EXAMPLES = 100


def cost(test: str, examples: int, absent: frozenset[str]) -> float:
    """What a test costs, in units of which only ratios matter.

    Args:
        test: its id, as the record has it.
        examples: of a cell.
        absent: the devices that are not there, on which tests are skipped.
    """
    where = coordinates(test, absent)
    loss, dtype = LOSSES.get(where.get("loss", "")), where.get("dtype", "")
    if where.get("device") in absent or (loss and dtype and dtype not in loss.formats):
        return 0.0
    of, way = where["of"], where.get("way", "")
    if of not in DRAWN:
        return float(FIXED.get(of, OTHER))
    each = next((c for beginning, c in WAYS.items() if way.startswith(beginning)), DRAWN[of])
    return each * LOSS.get(where.get("loss", ""), 1.0) * max(examples, 1) / EXAMPLES
