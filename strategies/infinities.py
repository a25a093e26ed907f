"""Cases that hold what is not a finite number, where a loss is documented or defined at its limits."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from reference import Array

from .case import Case

# The arguments that range over all reals, or over all numbers up to 0.
WITHOUT_ENDS: dict[str, tuple[str, ...]] = {
    "l1_loss": ("input", "target"),
    "mse_loss": ("input", "target"),
    "smooth_l1_loss": ("input", "target"),
    "huber_loss": ("input", "target"),
    "cross_entropy": ("input",),
    "nll_loss": ("input",),
    "binary_cross_entropy_with_logits": ("input",),
    "soft_margin_loss": ("input",),
    "hinge_embedding_loss": ("input",),
    "poisson_nll_loss": ("input",),
    "gaussian_nll_loss": ("input", "target"),
    "kl_div": ("input",),
    "margin_ranking_loss": ("input1", "input2"),
    "multi_margin_loss": ("input",),
    "multilabel_margin_loss": ("input",),
    "multilabel_soft_margin_loss": ("input",),
    "ctc_loss": ("log_probs",),
}
BELOW_ZERO = ("nll_loss", "kl_div", "ctc_loss")
PERIOD = 7
PATTERNS = st.binary(min_size=PERIOD, max_size=PERIOD)


@st.composite
def with_infinities(draw: st.DrawFn, cases: st.SearchStrategy[Case]) -> Case:
    """Cases some of whose numbers are, at times, infinite or nan. Shrinks to cases that are finite."""
    case = draw(cases)
    names = WITHOUT_ENDS.get(case.loss, ())
    if not names or draw(st.integers(0, 9)) < 9:
        return case
    name = draw(st.sampled_from(names))
    x: Array = case.arguments[name]
    signed: tuple[float, ...] = (-np.inf, np.inf, np.nan)
    if case.loss in BELOW_ZERO:
        signed = (-np.inf, np.nan)
    elif case.arguments.get("log_input") is False:  # rates
        signed = (np.inf, np.nan)
    kinds = np.array([0.0, 0.0, 0.0, *signed])
    pattern = kinds[np.frombuffer(draw(PATTERNS), np.uint8) % len(kinds)]
    replaced = np.resize(pattern, x.shape)
    return case.replacing(**{name: np.where(replaced == 0, x, replaced)})
