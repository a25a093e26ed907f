"""Invalid calls of the losses of pairs and triplets."""

from __future__ import annotations

from .row import Rows, Valid

COSINE = Valid(
    "cosine_embedding_loss",
    {"input1": "torch.ones(2, 3)", "input2": "torch.ones(2, 3)", "target": "-torch.ones(2)"},
)
RANKING = Valid(
    "margin_ranking_loss", {"input1": "torch.zeros(3)", "input2": "torch.ones(3)", "target": "torch.ones(3)"}
)
TRIPLET, DISTANCE = TRIPLETS = tuple(
    Valid(
        loss, {"anchor": "torch.zeros(2, 3)", "positive": "torch.ones(2, 3)", "negative": "torch.zeros(2, 3)"}
    )
    for loss in ("triplet_margin_loss", "triplet_margin_with_distance_loss")
)

ROWS: Rows = (
    *COSINE.but("shapes-apart", input2="torch.ones(2, 4)"),
    *COSINE.but("pairs-apart", input2="torch.ones(3, 3)"),
    *COSINE.but("input-fewer-dimensions", input2="torch.ones(3)"),
    *COSINE.but("inputs-without-dimensions", input1="torch.ones(())"),
    *COSINE.but("target-too-long", target="torch.ones(3)"),
    *COSINE.but("target-too-short", target="torch.ones(1)"),
    *COSINE.but("target-more-dimensions", target="torch.ones(2, 1)"),
    *COSINE.but("target-without-dimensions", target="torch.ones(())"),
    *COSINE.with_(input1="torch.ones(3)", input2="torch.ones(3)", target="torch.ones(())").but(
        "one-pair-of-many-targets", target="torch.ones(2)"
    ),
    *COSINE.but("complex", input1="torch.ones(2, 3, dtype=torch.complex64)"),
    *RANKING.but("shapes-apart", input2="torch.ones(4)"),
    *RANKING.but("input-too-short", input2="torch.ones(1)"),
    *RANKING.but("input-more-dimensions", input2="torch.ones(1, 3)"),
    *RANKING.but("target-shape", target="torch.ones(4)"),
    *RANKING.but("target-too-short", target="torch.ones(1)"),
    *RANKING.but("target-more-dimensions", target="torch.ones(1, 3)"),
    *RANKING.but("complex", input1="torch.zeros(3, dtype=torch.complex64)"),
    *(
        row
        for valid in TRIPLETS
        for row in (
            *valid.but("shapes-apart", positive="torch.ones(2, 4)"),
            *valid.but("triplets-apart", negative="torch.ones(3, 3)"),
            *valid.but("positive-fewer-dimensions", positive="torch.ones(3)"),
            *valid.but("negative-fewer-dimensions", negative="torch.ones(3)"),
        )
    ),
)
