"""The page of a run, as a browser shows it: what is told, found and reached, by mouse, keyboard and voice."""

from __future__ import annotations

import ast
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from conformance.report.page import AXES, GLYPHS, PROPERTY, page, verdict
from conformance.report.record import OUTCOMES, Finding, Record

from .conftest import LOSSES, Open
from .records import cell, example_record

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


def small(*cells: Any, **changes: Any) -> Record:
    """A record of these cells alone."""
    return example_record(cells=list(cells), planned=len(cells), **changes)


def count(shown: Any) -> int:
    """How many cells match, as the page tells."""
    return int(shown.locator("#count").inner_text().split()[0].replace(",", ""))


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


def test_the_page_of_a_default_run_is_not_large() -> None:
    assert len(page(example_record()).encode()) < 3_000_000


def test_what_could_not_be_tested_is_never_green(opened: Open, example_page: str) -> None:
    shown = opened(example_page, "#axis=device")
    absent = shown.locator('#by-device a[aria-label*=", cuda: "]')
    assert absent.count() == len(LOSSES)
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


def test_an_absent_device_counts_in_its_own_column_only(opened: Open) -> None:
    here, absent = cell(), cell(outcome="not tested", device="cuda")
    shown = opened(page(small(here, absent, replace(absent, of="gradient"))))
    told = shown.locator(".axis td a").evaluate_all("found => found.map(each => each.ariaLabel)")
    assert told[:2] == ["l1_loss, value: conforms: 1", "l1_loss, gradient: not tested: 1"]
    assert told[-2:] == ["l1_loss, cpu: conforms: 1", "l1_loss, cuda: not tested: 2"]


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
    assert shown.locator(".verdict").inner_text() == "no cell has a verdict."
    assert "0 of 0 cells: no test was selected" in shown.get_by_role("alert").inner_text()
    assert shown.locator(".verdict-diverges").count() == 0
    assert count(shown) == 0
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
