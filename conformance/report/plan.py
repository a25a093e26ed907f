"""The tests that a run is to run, here or in workers."""

from __future__ import annotations

import pytest


class Plan:
    """What a plugin of pytest inherits that needs to know them.

    Attributes:
        planned: their ids, in their order.
    """

    def __init__(self) -> None:
        self.planned: dict[str, None] = {}

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Take note of the tests that are to run here."""
        self.planned |= {item.nodeid: None for item in session.items}

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: list[str]) -> None:
        """Take note of the tests that are to run in workers."""
        self.planned |= dict.fromkeys(ids)
