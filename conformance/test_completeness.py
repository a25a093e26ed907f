"""The table holds every loss that torch has, as torch has it."""

from __future__ import annotations

import inspect
import re

import pytest
import torch
import torch.nn.functional as F

from reference import FORMATS

from .availability import skip_if_missing
from .losses import ALIASES, LOSSES, Loss
from .running import obstacle, parameters

DEPRECATED = {"size_average", "reduce"}
# What the oracle leaves out on purpose: it chooses how the loss is computed, not what it is.
NOT_NUMERIC = {"linear_cross_entropy": {"options"}}

rows = pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)


@pytest.mark.parametrize("module", torch.nn.modules.loss.__all__)
def test_every_module_has_a_row(module: str) -> None:
    """A loss of a newer torch is told by name."""
    known = {row.module for row in LOSSES.values()}
    assert ALIASES.get(module, module) in known, (
        f"torch.nn.{module} is not tested: add it in the four places that CONTRIBUTING.md shows"
    )


@pytest.mark.parametrize(
    "name", [n for n in dir(F) if re.search(r"(_loss|entropy|_with_logits|^kl_div)$", n) and n[0] != "_"]
)
def test_every_functional_has_a_row(name: str) -> None:
    """A loss of a newer torch is told by name."""
    assert name in LOSSES, (
        f"torch.nn.functional.{name} is not tested: add it in the four places that CONTRIBUTING.md shows"
    )


@rows
def test_torch_has_the_loss(loss: Loss) -> None:
    """A loss that torch has lost is told by name."""
    if torch.__version__ < loss.since:
        pytest.skip(f"torch {torch.__version__} has no {loss.name}, which came with {loss.since}")
    assert hasattr(F, loss.name), f"torch {torch.__version__} has no torch.nn.functional.{loss.name}"
    assert hasattr(torch.nn, loss.module), f"torch {torch.__version__} has no torch.nn.{loss.module}"


@rows
def test_signature(loss: Loss) -> None:
    """Names, order and defaults of the parameters are the oracle's."""
    skip_if_missing(loss.name)
    left_out = DEPRECATED | NOT_NUMERIC.get(loss.name, set())
    ours = {name: p.default for name, p in inspect.signature(loss.oracle).parameters.items()}
    theirs = {
        name: p.default
        for name, p in inspect.signature(getattr(F, loss.name)).parameters.items()
        if name not in left_out
    }
    problem = f"{loss.name} has the parameters and defaults {theirs}, documented are {ours}"
    assert list(theirs.items()) == list(ours.items()), problem


@rows
def test_module_takes_the_options(loss: Loss) -> None:
    """The module's options are parameters of the functional, with the same defaults."""
    skip_if_missing(loss.name)
    oracle = inspect.signature(loss.oracle).parameters
    options = inspect.signature(getattr(torch.nn, loss.module)).parameters
    shared = {name: options[name].default for name in options if name in oracle}
    assert "reduction" in shared, f"torch.nn.{loss.module} has no reduction"
    documented = {name: oracle[name].default for name in shared}
    assert shared == documented, f"{loss.module} has the defaults {shared}, documented are {documented}"


@rows
@pytest.mark.parametrize("format_name", FORMATS)
def test_cpu_support(loss: Loss, format_name: str) -> None:
    """No kernel is lost. One that is gained is tested by the other properties at once."""
    if torch.__version__ < loss.since:
        pytest.skip(f"torch {torch.__version__} has no {loss.name}, which came with {loss.since}")
    if format_name not in loss.formats:
        pytest.skip(obstacle(loss.name, format_name, "cpu") or "gained since this table was made")
    lost = f"{loss.name} of {format_name} is lost: {{}}"
    problem = obstacle(loss.name, format_name, "cpu")
    assert problem is None, lost.format(problem)
    if torch.__version__ >= loss.backward_since.get(format_name, loss.since):
        problem = obstacle(loss.name, format_name, "cpu", backward=True)
        assert problem is None, lost.format(problem)


@rows
def test_deprecated_arguments(loss: Loss) -> None:
    """``size_average`` and ``reduce`` exist where the table says so."""
    skip_if_missing(loss.name)
    has = set(parameters(getattr(F, loss.name))).issuperset(DEPRECATED)
    assert has == loss.legacy, f"{loss.name} {'has' if has else 'lacks'} size_average and reduce"
