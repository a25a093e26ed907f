"""Invalid calls of the losses of a difference."""

from __future__ import annotations

from .row import Rows, Valid

PAIR = {"input": "torch.zeros(2, 3)", "target": "torch.ones(2, 3)"}
L1, MSE, SMOOTH, HUBER = tuple(
    Valid(loss, PAIR) for loss in ("l1_loss", "mse_loss", "smooth_l1_loss", "huber_loss")
)
WEIGHTED = tuple(valid.with_(weight="torch.ones(2, 3)") for valid in (L1, MSE, HUBER))


def _of_pairs(valid: Valid) -> Rows:
    """What no loss of two arrays takes."""
    at_one = 1.0 if valid in (L1, MSE) else 0.5  # the loss of a difference of 1
    halves = valid.with_(input="torch.zeros(2)", target="torch.tensor([0.0, 1.0])")
    return (
        *valid.but("shapes-apart", target="torch.ones(2, 4)"),
        *valid.but("too-few-elements", target="torch.ones(2, 2)"),
        *halves.but("integers", input="torch.zeros(2, dtype=torch.long)", or_gives=at_one / 2),
        *valid.but("bools", input="torch.zeros(2, 3, dtype=torch.bool)", or_gives=at_one),
    )


ROWS: Rows = (
    *(row for valid in (L1, MSE, SMOOTH, HUBER) for row in _of_pairs(valid)),
    *(
        row
        for valid in WEIGHTED
        for row in (
            *valid.but("weight-shape", weight="torch.ones(2, 4)"),
            *valid.but("weight-too-long", weight="torch.ones(3, 3)"),
            *valid.but("weighted-reduction-unknown", reduction="'median'"),
        )
    ),
    *SMOOTH.but("beta-negative", beta="-1.0"),  # also where it is compiled
    *WEIGHTED[-1].but("weighted-delta-negative", delta="-1.0"),
    *SMOOTH.but("complex", input="torch.zeros(2, 3, dtype=torch.complex64)"),
    *HUBER.but("complex", input="torch.zeros(2, 3, dtype=torch.complex64)"),
)
