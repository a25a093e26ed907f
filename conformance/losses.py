"""The losses under test, one row each: what their declarations in strategies/signatures.py do not say."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from hypothesis.strategies import SearchStrategy

import reference
import strategies
from reference import FORMATS, Format
from strategies.arguments import Gradient, Signature
from strategies.signatures import SIGNATURES, form_of

WIDE = ("float64", "float32")


@dataclass(frozen=True)
class Loss:
    """A loss of torch.

    Attributes:
        name: in torch.nn.functional and in reference.
        module: the class in torch.nn.
        formats: the floating-point formats that torch's CPU kernels support.
        legacy: whether the deprecated ``size_average`` and ``reduce`` exist.
        since: the first torch known to have the loss, where that is not the oldest supported.
        backward_since: the first torch known to have the backward kernel of a format, where it came later.
        twice: whether the gradient can be differentiated.
        forward: whether torch has forward mode for it.
        non_negative: whether no loss is below 0.
        symmetric: whether its first two arguments may change places.
        perfect: whether a prediction that equals the target costs nothing.
        layer: whether the module has a linear layer, and is made of its sizes.
    """

    name: str
    module: str
    formats: tuple[str, ...] = tuple(FORMATS)
    legacy: bool = True
    since: str = "2.6"
    backward_since: Mapping[str, str] = field(default_factory=dict)
    twice: bool = True
    forward: bool = True
    non_negative: bool = True
    symmetric: bool = False
    perfect: bool = False
    layer: bool = False

    @property
    def oracle(self) -> Callable[..., Any]:
        """The formula: arrays and options as torch's functional, see `reference`."""
        formula: Callable[..., Any] = getattr(reference, self.name)
        return formula

    @property
    def forms(self) -> tuple[Signature, ...]:
        """The declarations of its arguments, one for each form that it has."""
        return SIGNATURES[self.name]

    @property
    def reductions(self) -> tuple[str, ...]:
        """The documented values of ``reduction``."""
        values: tuple[Any, ...] = self.forms[0].options["reduction"].values
        return values

    @property
    def refused(self) -> tuple[str, ...]:
        """Real arguments by which, in some form, torch says that the loss is not differentiable."""
        tensors = (item for form in self.forms for item in form.tensors.items())
        return tuple(dict.fromkeys(name for name, t in tensors if t.gradient is Gradient.REFUSED))

    def variables(self, case: strategies.Case) -> list[str]:
        """The arguments of a case by which torch differentiates, in the order of the signature."""
        tensors = form_of(case).tensors
        names = {name for name, tensor in tensors.items() if tensor.gradient is Gradient.YES}
        return [name for name in case.arguments if name in names and case.is_floating(name)]

    def cases(self, format: Format, reduction: str) -> SearchStrategy[strategies.Case]:
        """Valid cases of this loss."""
        return strategies.cases(self.name, format, reduction)


LOSSES = {
    row.name: row
    for row in (
        Loss("l1_loss", "L1Loss", symmetric=True, perfect=True),
        Loss("mse_loss", "MSELoss", symmetric=True, perfect=True),
        Loss(
            "smooth_l1_loss", "SmoothL1Loss", backward_since={"float16": "2.13"}, symmetric=True, perfect=True
        ),
        Loss("huber_loss", "HuberLoss", legacy=False, symmetric=True, perfect=True),
        Loss("cross_entropy", "CrossEntropyLoss"),
        Loss("nll_loss", "NLLLoss"),
        Loss("linear_cross_entropy", "LinearCrossEntropyLoss", legacy=False, since="2.13", layer=True),
        Loss("binary_cross_entropy", "BCELoss", perfect=True),
        Loss("binary_cross_entropy_with_logits", "BCEWithLogitsLoss"),
        Loss("soft_margin_loss", "SoftMarginLoss"),
        Loss("hinge_embedding_loss", "HingeEmbeddingLoss", non_negative=False, perfect=True),
        Loss("poisson_nll_loss", "PoissonNLLLoss", non_negative=False),
        Loss("gaussian_nll_loss", "GaussianNLLLoss", legacy=False, non_negative=False, symmetric=True),
        Loss("kl_div", "KLDivLoss", non_negative=False, perfect=True),
        Loss("cosine_embedding_loss", "CosineEmbeddingLoss", symmetric=True),
        Loss("margin_ranking_loss", "MarginRankingLoss", symmetric=True),
        Loss("triplet_margin_loss", "TripletMarginLoss"),
        Loss("triplet_margin_with_distance_loss", "TripletMarginWithDistanceLoss", legacy=False),
        Loss("multi_margin_loss", "MultiMarginLoss", formats=WIDE, twice=False, forward=False),
        Loss("multilabel_margin_loss", "MultiLabelMarginLoss", formats=WIDE, twice=False, forward=False),
        Loss("multilabel_soft_margin_loss", "MultiLabelSoftMarginLoss"),
        Loss(
            "ctc_loss", "CTCLoss", formats=WIDE, legacy=False, twice=False, forward=False, non_negative=False
        ),
    )
}

# Old names that torch keeps for modules of the table.
ALIASES = {"NLLLoss2d": "NLLLoss"}


def find_loss(name: str) -> Loss:
    """Look a loss up by the name of its functional or of its module.

    Raises:
        KeyError: no such loss.
    """
    for row in LOSSES.values():
        if name in (row.name, row.module):
            return row
    raise KeyError(name)
