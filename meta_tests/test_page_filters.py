"""The page of a run is gone through by mouse and by keyboard: what is looked for is found."""

from __future__ import annotations

import re
from typing import Any

import pytest

from conformance.report.page import AXES
from conformance.report.record import Record

from .conftest import Open
from .test_page import count, outcomes_listed


def fragment_becomes(shown: Any, fragment: str) -> None:
    shown.wait_for_url(re.compile(f"page.html{re.escape(fragment)}$"))


def test_a_broken_cell_is_two_clicks_away(opened: Open, example_page: str) -> None:
    shown = opened(example_page)
    shown.locator('#by-property a[aria-label^="kl_div, laws"]').click()
    shown.locator("#found .fold").first.click()
    assert "off by   1.86e+06 times" in shown.locator("#found .detail").inner_text()
    assert shown.locator("#found .detail pre").first.is_visible()


@pytest.mark.parametrize("axis", AXES)
def test_each_axis_has_its_matrix(opened: Open, example_page: str, axis: str) -> None:
    shown = opened(example_page)
    shown.locator(f"label[for=axis-{axis}]").click()
    assert shown.locator(".axis:visible").evaluate_all("found => found.map(each => each.id)") == [
        f"by-{axis}"
    ]
    broken = shown.locator(f"#by-{axis} .verdict-diverges").first
    told = broken.get_attribute("aria-label")
    broken.click()
    assert "diverges: " in told
    assert outcomes_listed(shown) >= {"diverges"}
    assert shown.locator(f"#axis-{axis}").is_checked()


def test_a_cell_of_the_matrix_tells_its_counts_under_the_pointer_and_on_focus(
    opened: Open, example_page: str
) -> None:
    shown = opened(example_page)
    cell = shown.locator('#by-property a[aria-label^="huber_loss, value"]')
    hint = shown.locator("#hint")
    assert not hint.is_visible()
    cell.hover()
    assert "diverges: 2" in hint.inner_text()
    shown.mouse.move(0, 0)
    assert not hint.is_visible()
    cell.focus()
    assert "diverges: 2" in hint.inner_text()
    shown.keyboard.press("ArrowRight")
    assert "huber_loss, gradient" in hint.inner_text()
    shown.keyboard.press("Escape")
    assert not hint.is_visible()


FILTERS = {
    "outcome": "diverges",
    "loss": "huber_loss",
    "property": "gradient",
    "dtype": "float16",
    "reduction": "sum",
    "way": "vmap",
    "device": "cuda",
}


def expected(record: Record, axis: str, value: str) -> int:
    place = {"outcome": lambda c: c.outcome, "loss": lambda c: c.loss, **AXES}[axis]
    here = [c for c in record.cells if axis == "device" or not record.devices.get(c.device)]
    return sum(place(c) == value for c in here)


@pytest.mark.parametrize(("axis", "value"), FILTERS.items())
def test_a_filter_works_by_mouse_and_a_link_leads_to_the_same(
    opened: Open, example: Record, example_page: str, axis: str, value: str
) -> None:
    shown = opened(example_page)
    before = count(shown)
    shown.locator(f"#filters select[name={axis}]").select_option(value)
    right = expected(example, axis, value)
    assert 0 < right != before
    assert count(shown) == right
    assert shown.evaluate("location.hash") == f"#{axis}={value}"
    assert count(opened(example_page, f"#{axis}={value}")) == right
    shown.get_by_role("button", name="Clear all").click()
    fragment_becomes(shown, "")
    assert count(shown) == before


def test_every_filter_works_by_keyboard_alone(opened: Open, example: Record, example_page: str) -> None:
    shown = opened(example_page)
    before = count(shown)
    shown.keyboard.press("/")
    reached = []
    for _ in range(len(FILTERS)):
        shown.keyboard.press("Tab")
        axis = shown.evaluate("document.activeElement.name")
        reached.append(axis)
        shown.keyboard.type(FILTERS[axis], delay=1)
        fragment_becomes(shown, f"#{axis}={FILTERS[axis]}")
        assert count(shown) == expected(example, axis, FILTERS[axis])
        shown.keyboard.press("Home")
        fragment_becomes(shown, "")
    assert sorted(reached) == sorted(FILTERS)
    shown.keyboard.press("Tab")
    shown.keyboard.press("Space")
    assert count(shown) == len(example.cells)
    shown.keyboard.press("Tab")
    shown.keyboard.press("Enter")
    fragment_becomes(shown, "")
    assert count(shown) == before


def test_text_is_found_by_keyboard_alone_up_to_the_failure(opened: Open, example_page: str) -> None:
    shown = opened(example_page)
    before = count(shown)
    shown.keyboard.press("/")
    shown.keyboard.type("/TEST_VALUE.py::test_value[huber_loss-sum-float32-cpu", delay=1)
    assert shown.locator("#filters [name=text]").input_value().startswith("/TEST")  # one slash
    assert count(shown) == 1
    while not shown.evaluate("document.activeElement.matches('.fold')"):
        shown.keyboard.press("Tab")
    shown.keyboard.press("Enter")
    assert "off by" in shown.locator("#found .detail").inner_text()
    shown.keyboard.press("Enter")
    assert shown.locator("#found .detail").count() == 0
    shown.keyboard.press("/")
    shown.keyboard.press("Escape")
    assert count(shown) == before


def test_back_leads_to_the_filters_that_were(opened: Open, example_page: str) -> None:
    shown = opened(example_page)
    every = count(shown)
    shown.locator('#by-property a[aria-label^="kl_div, laws"]').click()
    first = count(shown)
    shown.locator(".legend a.verdict-diverges").click()
    assert count(shown) == 5
    shown.go_back()
    assert count(shown) == first
    shown.go_back()
    assert count(shown) == every


def test_cells_of_an_absent_device_are_folded(opened: Open, example: Record, example_page: str) -> None:
    shown = opened(example_page)
    absent = sum(c.device == "cuda" for c in example.cells)
    assert f"{absent:,} cells more on cuda, absent" in shown.locator("#count").inner_text()
    shown.locator("#filters [name=absent]").check()
    assert count(shown) == len(example.cells)


def test_more_is_shown_when_asked_for(opened: Open, example_page: str) -> None:
    shown = opened(example_page)
    rows = shown.locator("#found tbody tr")
    first = rows.count()
    assert outcomes_listed(shown) >= {"crashed", "diverges"}
    shown.locator("#more").click()
    assert rows.count() == 2 * first
    assert shown.evaluate("document.activeElement.closest('tr').rowIndex") == first + 1
