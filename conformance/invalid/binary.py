"""Invalid calls of the losses of two classes."""

from __future__ import annotations

from .row import Rows, Valid

BCE = Valid("binary_cross_entropy", {"input": "torch.full((2, 3), 0.5)", "target": "torch.ones(2, 3)"})
LOGITS = Valid(
    "binary_cross_entropy_with_logits", {"input": "torch.zeros(2, 3)", "target": "torch.ones(2, 3)"}
)
SOFT = Valid("soft_margin_loss", {"input": "torch.zeros(2, 3)", "target": "torch.ones(2, 3)"})
HINGE = Valid("hinge_embedding_loss", {"input": "torch.zeros(2, 3)", "target": "-torch.ones(2, 3)"})
BOTH = (BCE, LOGITS)
WEIGHTED = tuple(valid.with_(weight="torch.ones(2, 3)") for valid in BOTH)
POSITIVE = LOGITS.with_(pos_weight="torch.ones(3)")

TWO_LOGITS = LOGITS.with_(input="torch.ones(2)", target="torch.tensor([0.5, 0.5])")

ROWS: Rows = (
    *(
        row
        for valid in (BCE, LOGITS, SOFT, HINGE)
        for row in (
            *valid.but("shapes-apart", target="torch.ones(2, 4)"),
            # The documentation asks for the same shape.
            *valid.but("target-fewer-dimensions", target="torch.ones(3)"),
            *valid.but("target-more-dimensions", target="torch.ones(2, 2, 3)"),
        )
    ),
    *BCE.but("integers", input="torch.ones(2, 3, dtype=torch.long)"),
    *BCE.but("integer-target", target="torch.ones(2, 3, dtype=torch.long)"),
    *BCE.but("complex", input="torch.full((2, 3), 0.5, dtype=torch.complex64)"),
    *BCE.but("complex-target", target="torch.full((2, 3), 0.5, dtype=torch.complex64)"),
    *(row for valid in WEIGHTED for row in valid.but("weight-shape", weight="torch.ones(2, 4)")),
    *(row for valid in WEIGHTED for row in valid.but("weight-too-short", weight="torch.ones(2)")),
    *WEIGHTED[0].but("weight-more-dimensions", weight="torch.ones(2, 2, 3)"),
    *POSITIVE.but("pos-weight-too-short", pos_weight="torch.ones(2)"),
    *POSITIVE.but("pos-weight-too-long", pos_weight="torch.ones(4)"),
    *HINGE.but("complex", input="torch.zeros(2, 3, dtype=torch.complex64)"),
    # One pair with the margin 1, one with the distance 0: the mean of integers is no integer.
    *HINGE.with_(input="torch.zeros(2)", target="torch.tensor([-1, 1])").but(
        "integers", input="torch.zeros(2, dtype=torch.long)", or_gives=0.5
    ),
)
