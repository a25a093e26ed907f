"""Autocast: operations run in the type that is documented for them."""

from __future__ import annotations

from .way import Way

# Source: the lists of operations in the documentation of torch.amp, for the CPU. What is in neither list runs
# in the types of its arguments. The lists for CUDA have more of what losses are composed of.
SETUP = """\
IN_FLOAT32 = {
    "binary_cross_entropy", "binary_cross_entropy_with_logits", "cosine_embedding_loss", "cross_entropy",
    "ctc_loss", "hinge_embedding_loss", "huber_loss", "kl_div", "l1_loss", "margin_ranking_loss", "mse_loss",
    "multi_margin_loss", "multilabel_margin_loss", "nll_loss", "poisson_nll_loss", "smooth_l1_loss",
    "soft_margin_loss", "triplet_margin_loss",
}
HALVES = (torch.float16, torch.bfloat16)
"""

CODE = """\
def way(*x):
    with torch.autocast(x[0].device.type, torch.{dtype}):
        return function(*x)

def plain(*x):
    return function(*(t.float() if t.dtype in HALVES and loss in IN_FLOAT32 else t for t in x))
"""

UNDEFINED = {
    "linear_cross_entropy": "autocast runs linear in the lower precision and cross_entropy in float32; "
    "in which linear_cross_entropy runs is not documented",
    "binary_cross_entropy on cuda": "autocast is documented to refuse it there",
    **{
        f"{loss} on cuda": "it is in no list of autocast, and composed of operations that are in some"
        for loss in ("gaussian_nll_loss", "multilabel_soft_margin_loss", "triplet_margin_with_distance_loss")
    },
}

AUTOCAST = tuple(
    Way(f"autocast_{dtype}", CODE.format(dtype=dtype), setup=SETUP, undefined=UNDEFINED)
    for dtype in ("bfloat16", "float16")
)
