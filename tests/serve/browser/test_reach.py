"""Everybody can use the pages: axe finds nothing, nothing scrolls sideways, all of it goes by keyboard, charts have tables."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

Open = Callable[..., Page]
PAGES = ("/", "/events", "/ledger", "/dead-letters", "/query", "/health", "/docs")


def settled(page: Page) -> Page:
    expect(page.locator("#freshness")).not_to_have_attribute("data-state", "waiting")
    expect(page.locator(".is-loading")).to_have_count(0)
    return page


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("path", PAGES)
def test_axe_finds_no_violation(shop: Any, open_page: Open, axe_source: str, path: str, theme: str) -> None:
    shop.send({"event_type": "product_view", "user_id": "me", "properties": {}})  # one dead letter, so that its page has something to show
    page = settled(open_page(shop.api + path, theme=theme))
    assert page.evaluate("document.documentElement.dataset.theme") == theme
    page.evaluate(axe_source)
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    assert [(one["id"], [node["html"][:160] for node in one["nodes"]]) for one in found["violations"]] == []


@pytest.mark.parametrize("width", [360, 390, 1440, 2560])
@pytest.mark.parametrize("path", PAGES)
def test_no_page_scrolls_sideways(shop: Any, open_page: Open, path: str, width: int) -> None:
    page = settled(open_page(shop.api + path, width=width))
    inside, outside = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert inside <= outside


def test_the_chosen_theme_is_kept(shop: Any, open_page: Open) -> None:
    page = open_page(shop.api)
    page.get_by_role("button", name="Light or dark").click()
    page.goto(f"{shop.api}/health")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"


def test_the_main_chart_has_a_table_of_the_same_buckets(shop: Any, open_page: Open) -> None:
    page = settled(open_page(shop.api))
    table = page.locator("#main-table table")
    expect(table.locator("caption")).to_contain_text("Revenue in EUR by minute")
    assert table.locator("tbody tr").count() == 30


def test_the_chart_is_read_by_arrow_keys(shop: Any, open_page: Open) -> None:
    page = settled(open_page(shop.api))
    page.locator("#main-plot .plot").focus()
    page.keyboard.press("End")
    tip = page.locator("#main-plot .tip")
    expect(tip).to_contain_text("still growing")
    page.keyboard.press("ArrowLeft")
    expect(tip).not_to_contain_text("still growing")


def test_a_figure_a_menu_and_a_tab_are_chosen_by_keyboard(shop: Any, open_page: Open) -> None:
    page = settled(open_page(shop.api))
    page.locator("#tile-orders").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#main-title")).to_have_text("Orders by minute")
    page.get_by_role("button", name="Menu of From visit to order").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("menuitem", name="SQL of this")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Menu of From visit to order")).to_be_focused()
    page.locator("#tab-sources").focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#tab-campaigns")).to_have_attribute("aria-selected", "true")


def test_focus_is_visible(shop: Any, open_page: Open) -> None:
    page = settled(open_page(shop.api))
    page.keyboard.press("Tab")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_the_overview_loads_less_than_100_kb_of_script(shop: Any, open_page: Open) -> None:
    page = settled(open_page(shop.api))
    sizes = page.evaluate(
        "performance.getEntriesByType('resource').filter((r) => r.name.includes('.js')).map((r) => [r.name, r.encodedBodySize])"
    )
    assert 20_000 < sum(size for _, size in sizes) < 100_000, sizes
    assert len({name for name, _ in sizes}) == len(sizes), "a module was loaded twice"
