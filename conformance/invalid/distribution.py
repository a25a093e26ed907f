"""Invalid calls of the likelihoods and of the divergence."""

from __future__ import annotations

import math

from .row import Rows, Valid

POISSON = Valid("poisson_nll_loss", {"input": "torch.zeros(2, 3)", "target": "torch.ones(2, 3)"})
RATE = POISSON.with_(input="torch.ones(2, 3)", log_input="False")
GAUSSIAN = Valid(
    "gaussian_nll_loss",
    {"input": "torch.zeros(2, 3)", "target": "torch.ones(2, 3)", "var": "torch.ones(2, 3)"},
)
KL = Valid("kl_div", {"input": "torch.zeros(2, 3)", "target": "torch.ones(2, 3)"})

ROWS: Rows = (
    *(row for valid in (RATE, GAUSSIAN, KL) for row in valid.but("shapes-apart", target="torch.ones(2, 4)")),
    # The documentation asks for the same shape.
    *POISSON.but("target-fewer-dimensions", target="torch.ones(3)"),
    *POISSON.but("target-more-dimensions", target="torch.ones(2, 2, 3)"),
    # exp(0) - 1 * 0 and exp(0) - 0 * 0.
    *POISSON.but("integers", input="torch.zeros(2, 3, dtype=torch.long)", or_gives=1.0),
    *GAUSSIAN.but("one-var-negative", var="torch.tensor([[1.0], [-1e-30]])"),
    *GAUSSIAN.but("number-negative", var="-1.0"),
    *GAUSSIAN.but("number-nan", var="float('nan')", or_gives=math.nan),
    *GAUSSIAN.but("var-shape", var="torch.ones(2, 4)"),
    *GAUSSIAN.but("var-fewer-dimensions", var="torch.ones(3)"),
    *GAUSSIAN.but("var-more-dimensions", var="torch.ones(2, 3, 1)"),
    *GAUSSIAN.but("complex-var", var="torch.ones(2, 3, dtype=torch.complex64)"),
)
