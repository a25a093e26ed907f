"""Which tests the options select."""

from __future__ import annotations

from typing import Any

import pytest

from .cells import Cell
from .divergences.divergence import Showing
from .implementation import TORCH, under_test
from .losses import LOSSES, Loss, find_loss
from .options import PLAIN
from .report.coordinates import coordinates
from .ways import SIMPLE, WAYS, Way

# Tests that pass ``--loss`` on to a run of their own.
ANY_LOSS = ("capability",)


def selected_losses(config: pytest.Config) -> list[Loss]:
    """The rows that ``--loss`` names; all that are under test by default."""
    chosen = {find_loss(name).name for name in config.option.loss} or under_test().losses
    return [row for row in LOSSES.values() if row.name in chosen]


def ways_left_out(config: pytest.Config) -> list[str]:
    """The ways that run only if ``--way`` names them.

    Some are slow, and a nightly run tests them; others ask more of a loss than an implementation need do.
    """
    if config.option.way:
        return []
    if under_test() is not TORCH:
        return [name for name, way in WAYS.items() if way not in SIMPLE]
    nightly = config.getoption("hypothesis_profile", None) == "nightly"
    return [name for name, way in WAYS.items() if not (way.by_default or nightly)]


def split(config: pytest.Config, items: list[pytest.Item]) -> tuple[list[pytest.Item], list[pytest.Item]]:
    """The tests that the options select, and the others.

    An implementation is not asked for what is about torch itself: its lists of losses, its documentation,
    what it refuses.
    """
    option, ways = config.option, set(config.option.way)
    chosen = {row.name for row in selected_losses(config)} if option.loss or option.implementation else None
    left_out = ways_left_out(config)
    kept: list[pytest.Item] = []
    dropped: list[pytest.Item] = []
    for item in items:
        callspec = getattr(item, "callspec", None)  # only parametrized tests have one
        params = list(callspec.params.values()) if callspec else []
        ways_of = (getattr(value, "way", None) for value in params)
        way = next((value.name for value in ways_of if isinstance(value, Way)), PLAIN)
        of_any = under_test() is TORCH or any(isinstance(value, Cell | Showing) for value in params)
        wanted = way in ways if ways else way not in left_out
        wanted = wanted and (chosen is None or _is_about(item, params, chosen))
        (kept if of_any and wanted else dropped).append(item)
    return kept, dropped


def _is_about(item: pytest.Item, params: list[Any], chosen: set[str]) -> bool:
    """Whether a test is about one of the chosen losses."""
    where = coordinates(item.nodeid, ())
    if where["of"] in ANY_LOSS:
        return True
    losses = {name for value in params if (name := _loss_name(value))} or {where.get("loss", "")}
    return losses <= chosen


def _loss_name(param: Any) -> str | None:
    """The loss that a test's parameter is, or is about."""
    loss = param if isinstance(param, Loss) else getattr(param, "loss", None)
    return loss.name if isinstance(loss, Loss) else loss
