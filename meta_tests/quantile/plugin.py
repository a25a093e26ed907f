"""Adds the loss to torch and to the suite: ``pytest -p meta_tests.quantile.plugin --loss quantile_loss``.

Where the variable ``QUANTILE_OFF`` is a number, torch's loss is off by that factor.
"""

from __future__ import annotations

import functools
import os

import torch

import reference
from meta_tests import fifty_digits
from strategies import signatures

from . import declaration, digits, formula, in_torch

NAME = "quantile_loss"


@functools.wraps(in_torch.quantile_loss)
def off(*args, **kwargs):
    """The loss of torch, off by a factor."""
    return in_torch.quantile_loss(*args, **kwargs) * float(os.environ["QUANTILE_OFF"])


# A torch that has the loss.
torch.nn.functional.quantile_loss = off if "QUANTILE_OFF" in os.environ else in_torch.quantile_loss
torch.nn.QuantileLoss = in_torch.QuantileLoss
torch.nn.modules.loss.__all__.append("QuantileLoss")

# The four places. Tables are made of them when they are imported, so nothing else may be before.
reference.quantile_loss = formula.quantile_loss
signatures.FORMS = (*signatures.FORMS, declaration.QUANTILE)
signatures.SIGNATURES[NAME] = (declaration.QUANTILE,)
from conformance import losses  # noqa: E402  # its imports read the declarations

from . import row  # noqa: E402  # as above

losses.LOSSES[NAME] = row.QUANTILE
fifty_digits.quantile_loss = digits.quantile_loss
