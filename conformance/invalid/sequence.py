"""Invalid calls of connectionist temporal classification."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .row import Invalid, Rows, Valid

# 5 classes. Next to them in memory is nan, so that what is read beyond them shows.
FRAMES = "torch.tensor([0.0] * 5 + [torch.nan]).repeat(4, 2, 1)[..., :5]"
PADDED = Valid(
    "ctc_loss",
    {
        "log_probs": FRAMES, "targets": "torch.tensor([[1, 2], [3, 4]])",
        "input_lengths": "torch.tensor([4, 4])", "target_lengths": "torch.tensor([2, 2])",
    },
)  # fmt: skip
JOINED = PADDED.with_(targets="torch.tensor([1, 2, 3, 4])")
UNBATCHED = PADDED.with_(
    log_probs="torch.tensor([0.0] * 5 + [torch.nan]).repeat(4, 1)[..., :5]", targets="torch.tensor([1, 2])",
    input_lengths="torch.tensor(4)", target_lengths="torch.tensor(2)",
)  # fmt: skip
TUPLES = PADDED.with_(input_lengths="(4, 4)", target_lengths="(2, 2)")

LABELS = {"too-large": "5", "negative": "-1", "blank": "0"}


def _labels() -> Iterator[Invalid]:
    """Labels that no class has, and the blank, in every layout."""
    for name, label in LABELS.items():
        for layout, valid, targets in (
            ("padded", PADDED, f"torch.tensor([[1, 2], [3, {label}]])"),
            ("joined", JOINED, f"torch.tensor([1, 2, 3, {label}])"),
            ("unbatched", UNBATCHED, f"torch.tensor([1, {label}])"),
        ):
            yield from valid.but(f"label-{name}-{layout}", targets=targets, dangerous=True)
    for name, label in (("large", "10**12"), ("small", "-(10**12)")):
        targets = f"torch.tensor([[1, 2], [3, {label}]])"
        yield from PADDED.but(f"label-far-too-{name}", targets=targets, dangerous=True)


def _lengths(argument: str, tensor: str, tuple_: str, violation: str) -> Iterator[Invalid]:
    """Lengths as a tensor and as a tuple, which torch takes by different ways."""
    for valid, name, lengths in ((PADDED, violation, tensor), (TUPLES, f"{violation}-in-a-tuple", tuple_)):
        change: dict[str, Any] = {argument: lengths}
        yield from valid.but(name, dangerous=True, **change)


# What is no length, in either argument; the second of two.
LENGTHS = {"negative": "-1", "far-too-small": "-(10**12)", "too-large": "5", "far-too-large": "10**12"}

ROWS: Rows = (
    *_labels(),
    *(
        row
        for name, length in LENGTHS.items()
        for argument, good in (("input_lengths", 4), ("target_lengths", 2))
        for row in _lengths(
            argument, f"torch.tensor([{good}, {length}])", f"({good}, {length})",
            f"{argument.replace('_', '-')}-{name}",
        )
    ),
    *_lengths("input_lengths", "torch.tensor([4])", "(4,)", "too-few-input-lengths"),
    *_lengths("input_lengths", "torch.tensor([4, 4, 4])", "(4, 4, 4)", "too-many-input-lengths"),
    *_lengths("target_lengths", "torch.tensor([2])", "(2,)", "too-few-target-lengths"),
    *_lengths("target_lengths", "torch.tensor([2, 2, 2])", "(2, 2, 2)", "too-many-target-lengths"),
    *_lengths("input_lengths", "torch.tensor([4.0, 4.0])", "(4.0, 4.0)", "input-lengths-float"),
    *_lengths("target_lengths", "torch.tensor([2.0, 2.0])", "(2.0, 2.0)", "target-lengths-float"),
    *JOINED.but("too-few-labels", targets="torch.tensor([1, 2, 3])", dangerous=True),
    *PADDED.but("labels-of-too-few-samples", targets="torch.tensor([[1, 2]])", dangerous=True),
    *PADDED.but("labels-of-too-many-samples", targets="torch.tensor([[1, 2]] * 3)", dangerous=True),
    *PADDED.but("labels-more-dimensions", targets="torch.ones(2, 2, 1, dtype=torch.long)", dangerous=True),
    *PADDED.but("label-a-fraction", targets="torch.tensor([[1.0, 2.0], [3.0, 4.5]])", dangerous=True),
    *PADDED.but("blank-negative", blank="-1", dangerous=True),
    *PADDED.but("blank-too-large", blank="5", dangerous=True),
    *PADDED.but("blank-far-too-large", blank="10**12", dangerous=True),
    *PADDED.but("log-probs-fewer-dimensions", log_probs="torch.zeros(4)", dangerous=True),
    *PADDED.but("log-probs-more-dimensions", log_probs="torch.zeros(4, 2, 5, 1)", dangerous=True),
    *PADDED.but("integers", log_probs="torch.zeros(4, 2, 5, dtype=torch.long)"),
    *PADDED.but("complex", log_probs="torch.zeros(4, 2, 5, dtype=torch.complex64)"),
)  # fmt: skip
