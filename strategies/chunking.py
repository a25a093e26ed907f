"""How a loss is to be computed: the options of the chunked linear cross entropy.

They choose how much is computed at a time and in what type it is added up, and not what is computed, so the
oracle takes none of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from hypothesis import strategies as st

from reference import Format


@dataclass(frozen=True)
class Chunking:
    """Options of the chunked implementation; None is not passed.

    Attributes:
        batch_chunk_size: samples in a chunk.
        acc_policy: "auto", "accurate", "balanced" or "compact".
        acc_dtype: the name of the format in which sums are accumulated.
        allow_retain_graph: whether one may go back twice.
    """

    batch_chunk_size: int | None = None
    acc_policy: str | None = None
    acc_dtype: str | None = None
    allow_retain_graph: bool | None = None

    @property
    def arguments(self) -> dict[str, str]:
        """What is passed, as torch code by its names."""
        dtype = None if self.acc_dtype is None else f"torch.{self.acc_dtype}"
        policy = None if self.acc_policy is None else repr(self.acc_policy)
        given = {
            "batch_chunk_size": self.batch_chunk_size,
            "acc_policy": policy,
            "acc_dtype": dtype,
            "allow_retain_graph": self.allow_retain_graph,
        }
        return {name: str(value) for name, value in given.items() if value is not None}

    def __repr__(self) -> str:
        given = ", ".join(f"{name}={text}" for name, text in self.arguments.items())
        return f"torch.nn.LinearCrossEntropyOptions({given})"

    def accumulator(self, format: Format) -> str:
        """The name of the format in which sums are accumulated.

        Source: torch.nn.LinearCrossEntropyOptions, ``acc_dtype``: float32 for half precision under the policy
        "auto", else the type of the input.
        """
        if self.acc_dtype is not None:
            return self.acc_dtype
        automatic = self.acc_policy in (None, "auto")
        return format.accumulator if automatic else format.name


@cache
def chunkings(format: Format, samples: int) -> st.SearchStrategy[Chunking]:
    """Options for a number of samples: chunks of one, two, all or the default. Shrinks to the defaults."""
    half = format.accumulator != format.name
    return st.builds(
        Chunking,
        batch_chunk_size=st.sampled_from((None, 1, 2, max(1, samples))),
        acc_policy=st.sampled_from((None, "accurate", "balanced", "compact", "auto")),
        acc_dtype=st.sampled_from((None, "float32")) if half else st.none(),
        allow_retain_graph=st.sampled_from((True, None, True, False)),
    )
