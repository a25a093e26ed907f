"""Whether the installed torch has a loss at all."""

from __future__ import annotations

import pytest
import torch


def skip_if_missing(loss: str) -> None:
    """Skip where the installed torch does not have a loss.

    Args:
        loss: name of the functional.
    """
    if not hasattr(torch.nn.functional, loss):
        pytest.skip(f"torch {torch.__version__} has no {loss}")
