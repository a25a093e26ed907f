"""The page of a run, as a browser shows it: what is told, found and reached, by mouse, keyboard and voice."""

from __future__ import annotations

import ast
import os
import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from conformance.report.page import AXES, GLYPHS, PROPERTY, page, verdict
from conformance.report.record import OUTCOMES, Finding, Record

from .records import cell, example_record

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
HOSTILE = '</script><b id="injected">"quoted" & \'single\' \u202e\u2603 {{ 7 * 7 }}'

# The contrast of an element's text with what is behind it, as WCAG defines it.
CONTRAST = """element => {
    const parts = text => text.match(/[\\d.]+/g).map(Number);
    const light = ([r, g, b]) => [[r, 0.2126], [g, 0.7152], [b, 0.0722]].reduce((sum, [c, share]) => {
        c /= 255;
        return sum + share * (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    }, 0);
    let behind = element;
    const ground = e => parts(getComputedStyle(e).backgroundColor);
    while (behind.parentElement && ground(behind)[3] === 0) behind = behind.parentElement;
    const [a, b] = [light(parts(getComputedStyle(element).color)), light(ground(behind))];
    return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
}"""
VERDICTS = [f".verdict-{outcome.replace(' ', '-')}" for outcome in OUTCOMES]
READ = [
    *("h1", "p", "dt", "dd", "nav a", "th", "td", "caption", "label", "button", "select", "summary", "pre"),
    *(".quiet", ".name", "#untested a", *VERDICTS),
]

Open = Callable[..., Any]


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
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
    return example_record()


@pytest.fixture(scope="session")
def example_page(example: Record) -> str:
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


def small(*cells: Any, **changes: Any) -> Record:
    """A record of these cells alone."""
    return example_record(cells=list(cells), planned=len(cells), **changes)


def count(shown: Any) -> int:
    """How many cells match, as the page tells."""
    return int(shown.locator("#count").inner_text().split()[0].replace(",", ""))


def fragment_becomes(shown: Any, fragment: str) -> None:
    sync_api.expect(shown).to_have_url(re.compile(f"page.html{re.escape(fragment)}$"))


def outcomes_listed(shown: Any) -> set[str]:
    return {text.split(maxsplit=1)[1] for text in shown.locator("#found tbody .badge").all_inner_texts()}


def test_every_test_of_the_suite_has_its_column() -> None:
    modules = (Path(__file__).parent.parent / "conformance").glob("test_*.py")
    nodes = [node for module in modules for node in ast.walk(ast.parse(module.read_text()))]
    names = {node.name.removeprefix("test_") for node in nodes
             if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}  # fmt: skip
    assert names == set(PROPERTY)


def test_every_outcome_has_its_glyph() -> None:
    assert set(GLYPHS) == set(OUTCOMES)
    assert len(set(GLYPHS.values())) == len(GLYPHS)


def test_the_verdict_counts_the_outcomes(example: Record) -> None:
    told = dict(verdict(Counter(cell.outcome for cell in example.cells)))
    assert told["diverges"] == "5 diverge"
    assert told["crashed"] == "1 crashed"
    assert verdict(Counter(conforms=1)) == [("conforms", "1 cell conforms"), ("diverges", "none diverges")]


def test_the_page_of_a_default_run_is_not_large(example_page: str) -> None:
    assert len(example_page.encode()) < 3_000_000


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


def test_what_could_not_be_tested_is_never_green(opened: Open, example_page: str) -> None:
    shown = opened(example_page, "#axis=device")
    absent = shown.locator('#by-device a[aria-label*=", cuda: "]')
    assert absent.count() == 22
    assert set(absent.evaluate_all("found => found.map(each => each.className)")) == {"verdict-not-tested"}
    assert set(absent.all_inner_texts()) == {GLYPHS["not tested"]}


def test_a_verdict_of_which_a_part_was_not_tested_says_so(opened: Open) -> None:
    record = small(cell(), cell(outcome="unsupported", dtype="float16"), cell("gradient"))
    shown = opened(page(record))
    value, gradient = (
        shown.locator(f'#by-property a[aria-label*=", {of}: "]') for of in ("value", "gradient")
    )
    assert value.get_attribute("class") == "verdict-conforms partly"
    assert value.get_attribute("aria-label") == "l1_loss, value: conforms: 1, unsupported: 1"
    assert gradient.get_attribute("class") == "verdict-conforms"


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
    shown.keyboard.type("HUBER_LOSS-sum-float32-cpu", delay=1)
    assert shown.locator("#filters [name=text]").input_value().startswith("HUBER")  # and no slash
    assert count(shown) == 3
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
    shown = opened(example_page, "#loss=kl_div")
    first = count(shown)
    shown.locator(".legend a.verdict-diverges").click()
    assert count(shown) == 5
    shown.go_back()
    assert count(shown) == first


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


def test_a_script_is_copied_as_it_is(opened: Open, example_page: str) -> None:
    shown = opened(example_page, "#failure-2", permissions=["clipboard-read", "clipboard-write"])
    entry = shown.locator("#failure-2")
    entry.get_by_role("button", name="Copy").nth(1).click()
    entry.get_by_role("button", name="Copied").wait_for()
    copied = shown.evaluate("navigator.clipboard.readText()")
    assert copied.startswith("import torch\nimport torch.nn.functional as F\n\ngot = F.huber_loss(")
    compile(copied, "copied", "exec")


@pytest.mark.parametrize("java_script_enabled", [True, False])
def test_hostile_text_is_text(opened: Open, java_script_enabled: bool) -> None:
    known = Finding(HOSTILE, "l1_loss", "value", "nan", HOSTILE, HOSTILE)
    cells = (
        cell(outcome="diverges", id=f"t.py::test_value[{HOSTILE}]", loss=HOSTILE, failure=HOSTILE),
        cell(outcome="known", known={HOSTILE: 1}, where=HOSTILE, worst=0.5, ulp=1.0, ulps=[1], dtype=HOSTILE),
        cell(outcome="not tested", reason=HOSTILE, way=HOSTILE, device=HOSTILE),
        cell("<i>", reduction=HOSTILE, untested={HOSTILE: 2}),
    )
    record = small(
        *cells, findings=[known], left_out=[HOSTILE], lacking=[HOSTILE], devices={HOSTILE: HOSTILE}
    )
    record = replace(record, complete=False, incomplete_because=HOSTILE, started=HOSTILE)
    record.settings = replace(record.settings, selection=[HOSTILE], implementation=HOSTILE)
    shown = opened(page(record), java_script_enabled=java_script_enabled)
    assert HOSTILE in shown.title()
    assert HOSTILE in shown.locator("#failure-1 pre").first.inner_text()
    if java_script_enabled:
        shown.locator("#filters [name=absent]").check()
        for fold in shown.locator("#found .fold").all():
            fold.click()
        assert HOSTILE in shown.locator("#found").inner_text()
        shown.locator("#filters select[name=loss]").select_option(HOSTILE)
        assert count(shown) == 1
        shown.reload()
        assert count(shown) == 1
    assert shown.locator("#injected, main i").count() == 0
    assert "49" not in shown.locator("h1").inner_text()


@pytest.mark.parametrize("axis", AXES)
def test_a_phone_does_not_scroll_sideways(opened: Open, example_page: str, axis: str) -> None:
    phone = {"viewport": {"width": 360, "height": 740}}
    shown = opened(example_page, f"#axis={axis}&outcome=diverges", **phone)
    shown.locator("#found .fold").first.click()
    shown.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true; })")
    assert shown.evaluate("document.documentElement.scrollWidth") <= 360
    assert shown.locator(f"#by-{axis} table").bounding_box()["width"] > 0


@pytest.mark.parametrize("color_scheme", ["light", "dark"])
def test_all_text_has_contrast(opened: Open, example_page: str, color_scheme: str) -> None:
    shown = opened(example_page, "#outcome=diverges", color_scheme=color_scheme)
    shown.locator("#found .fold").first.click()
    faint: dict[str, float] = {}
    for selector in READ:
        ratios = shown.locator(f"{selector}:visible").evaluate_all(
            f"found => found.slice(0, 60).map({CONTRAST})"
        )
        assert ratios, selector
        faint |= {selector: min(ratios)} if min(ratios) < 4.5 else {}
    assert not faint
    ground = shown.evaluate("getComputedStyle(document.body).backgroundColor")
    assert ground == {"light": "rgb(255, 255, 255)", "dark": "rgb(16, 21, 27)"}[color_scheme]


def test_landmarks_headings_and_tables_have_names_and_order(opened: Open, example_page: str) -> None:
    shown = opened(example_page)
    for landmark in ("banner", "navigation", "main", "search", "contentinfo"):
        assert shown.get_by_role(landmark).count() == 1, landmark
    headings = "found => found.map(each => [Number(each.tagName[1]), each.innerText.trim()])"
    levels = shown.locator("h1, h2, h3, h4").evaluate_all(headings)
    assert levels[0][0] == 1
    assert all(name and now <= before + 1 for (before, _), (now, name) in pairwise(levels))
    assert [level for level, _ in levels].count(1) == 1
    bare = (
        "found => found.filter(t => !t.caption || [...t.querySelectorAll('th')].some(h => !h.scope)).length"
    )
    assert shown.locator("table").evaluate_all(bare) == 0
    assert shown.locator("#count").get_attribute("aria-live") == "polite"
    sections = shown.locator("main > section")
    labels = sections.evaluate_all(
        "found => found.map(s => document.getElementById(s.getAttribute('aria-labelledby')))"
    )
    assert len(labels) == 5
    assert all(label is not None for label in labels)
    nameless = "found => found.filter(f => !f.labels.length).map(f => f.name)"
    assert shown.locator("input, select").evaluate_all(nameless) == []


def test_focus_is_seen_and_motion_reduced(opened: Open, example_page: str) -> None:
    shown = opened(example_page, reduced_motion="reduce")
    shown.keyboard.press("Tab")
    assert shown.evaluate("document.activeElement.className") == "skip"
    for _ in range(12):
        style = shown.evaluate("(({outlineStyle, outlineWidth}) => [outlineStyle, outlineWidth])"
                               "(getComputedStyle(document.activeElement))")  # fmt: skip
        assert style == ["solid", "3px"]
        shown.keyboard.press("Tab")
    assert shown.evaluate("getComputedStyle(document.documentElement).scrollBehavior") == "auto"


def test_an_empty_record_has_a_page(opened: Open) -> None:
    shown = opened(page(small(devices={}, findings=[], left_out=[], signatures={})))
    assert "0 cells conform" in shown.locator(".verdict").inner_text()
    assert "none diverges" in shown.locator(".verdict").inner_text()
    assert shown.locator(".verdict-diverges").count() == 0
    assert count(shown) == 0
    assert shown.locator(".banner").count() == 0
    assert "No errors were measured" in shown.locator("#accuracy").inner_text()
    assert "Everything that was asked for was tested" in shown.locator("#untested").inner_text()


def test_an_incomplete_record_says_so_first(opened: Open) -> None:
    cells = (cell(), cell(outcome="crashed", dtype="float64", reason="signal 11"))
    record = small(*cells, complete=False, incomplete_because="interrupted by the keyboard")
    shown = opened(page(replace(record, planned=1234)))
    banner = shown.get_by_role("alert").inner_text()
    assert "interrupted by the keyboard" in banner
    assert "1 of 1,234 planned cells have a verdict" in banner
    assert shown.get_by_role("alert").bounding_box()["y"] < 300


def test_without_javascript_the_matrix_the_failures_and_the_findings_are_read(
    opened: Open, example: Record, example_page: str
) -> None:
    shown = opened(example_page, java_script_enabled=False)
    assert shown.locator("#by-property td a").first.is_visible()
    assert not shown.locator("#filters").is_visible()
    assert shown.locator("noscript").first.inner_text().startswith("Every cell is in this file")
    shown.locator("#failure-2 summary").click()
    assert "off by" in shown.locator("#failure-2 pre").first.inner_text()
    met = {name for each in example.cells for name in each.known}
    known = shown.locator("#divergences details:not([id])")
    assert known.count() == len(met)
    known.first.locator("summary").click()
    assert known.first.locator("pre").is_visible()
    shown.locator("label[for=axis-way]").click()
    assert shown.locator("#by-way td a").first.is_visible()


def test_what_was_not_tested_is_told_by_the_reason(opened: Open, example: Record, example_page: str) -> None:
    shown = opened(example_page)
    first = shown.locator("#untested tbody tr").first.inner_text()
    absent = sum(c.device == "cuda" for c in example.cells)
    assert f"{absent:,}" in first
    assert "no cuda device" in first
    assert all(way in shown.locator("#untested").inner_text() for way in example.left_out)
    shown.locator("#untested tbody tr a").first.click()
    assert count(shown) == absent


def test_accuracy_is_the_worst_of_the_cells(opened: Open) -> None:
    cells = (
        cell(worst=0.25, ulp=0.5, ulps=[7], where="near"),
        cell(worst=0.75, ulp=3.0, ulps=[1, 0, 2, 1000], where="far", reduction="sum"),
    )
    shown = opened(page(small(*cells)))
    row = shown.locator("#accuracy-1 tbody tr")
    assert row.count() == 1
    assert [*row.locator("td").all_inner_texts()][1].strip() == "0.75"
    assert row.locator("td").last.inner_text() == "far"
    histogram = row.locator("svg.histogram")
    assert histogram.get_attribute("aria-label") == "8 up to ½, 2 up to 2, 1,000 up to 4"
    assert histogram.locator("path").get_attribute("d").count("M") == 3
