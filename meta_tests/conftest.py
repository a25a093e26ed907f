"""What the tests of pages share: a browser, and the page of a run."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:  # what imports torch does so once pytest is configured
    from conformance.report.record import Record

# What goes wrong in the example does so in these, and others for comparison.
LOSSES = ("l1_loss", "huber_loss", "nll_loss", "kl_div", "gaussian_nll_loss", "multi_margin_loss")
BROWSERS = ("chromium", "chromium-browser", "google-chrome")

Open = Callable[..., Any]


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """A browser without a window, one for all tests of pages; where there is none they are skipped."""
    reason = "playwright is not installed: pip install playwright"
    sync_api = pytest.importorskip("playwright.sync_api", reason=reason)
    with sync_api.sync_playwright() as playwright:
        own = playwright.chromium.executable_path
        found = [path for path in map(shutil.which, BROWSERS) if path] + [own] * os.path.exists(own)
        if not found:
            pytest.skip(f"no browser: none of {', '.join(BROWSERS)} is installed, nor playwright's own")
        chromium = playwright.chromium.launch(executable_path=found[0], args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def example() -> Record:
    """The cells of some losses of a record like a real one, which a page shows quickly; not to be changed."""
    from .records import example_record

    whole = example_record()
    cells = [cell for cell in whole.cells if cell.loss in LOSSES]
    return replace(whole, cells=cells, planned=len(cells))


@pytest.fixture(scope="session")
def example_page(example: Record) -> str:
    """Its page."""
    from conformance.report.page import page

    return page(example)


@pytest.fixture
def opened(browser: Any, tmp_path: Path) -> Iterator[Open]:
    """Opens a page, given as HTML, and at the end sees that nothing was complained of or fetched."""
    contexts, complaints, requests = [], [], []

    def open_page(html: str, fragment: str = "", **settings: Any) -> Any:
        path = tmp_path / "page.html"
        path.write_text(html, encoding="utf-8")
        context = browser.new_context(**({"viewport": {"width": 1280, "height": 900}} | settings))
        contexts.append(context)
        shown = context.new_page()
        shown.set_default_timeout(5000)
        shown.on("console", lambda message: complaints.append(message.text))
        shown.on("pageerror", lambda error: complaints.append(str(error)))
        shown.on("request", lambda request: requests.append(request.url))
        shown.goto(f"{path.as_uri()}{fragment}")
        return shown

    yield open_page
    for context in contexts:
        context.close()
    assert not complaints
    assert all(url.startswith(tmp_path.as_uri()) or url == "data:," for url in requests)
