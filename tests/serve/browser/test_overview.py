"""The overview in a real browser: figures move, filters hold, links show the same, a restart is survived."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page, expect
from tests.serve.browser.shoppers import visit

Open = Callable[..., Page]


def value(page: Page, figure: str) -> Any:
    return expect(page.locator(f"#tile-{figure} .tile-value"))


def test_figures_move_when_an_order_arrives_and_the_rail_tells_of_it(shop: Any, open_page: Open) -> None:
    page = open_page(shop.api)
    value(page, "revenue").to_have_text("€30.00")
    value(page, "orders").to_have_text("2")
    value(page, "average").to_have_text("€15.00")
    value(page, "conversion").to_have_text("16.7%")
    shop.send(visit(4, product=7, minutes_ago=0.1))
    value(page, "revenue").to_have_text("€100.00")
    value(page, "orders").to_have_text("3")
    expect(page.locator("#rail-list")).to_contain_text("bought for €70.00")


def test_the_ledger_pill_adds_up_and_the_freshness_pill_names_a_time(shop: Any, open_page: Open) -> None:
    page = open_page(shop.api)
    expect(page.locator("#freshness")).to_have_text(re.compile(r"complete to \d\d:\d\d:\d\d, .+ behind"))
    expect(page.locator("#ledger")).to_have_attribute("aria-label", re.compile(r"\d+ received = \d+ stored"))
    received, stored, duplicates, dead = map(int, re.findall(r"\d+", page.locator("#ledger").get_attribute("aria-label") or "")[:4])
    assert received == stored + duplicates + dead


def test_a_row_becomes_a_filter_that_narrows_every_figure_and_outlives_a_reload(shop: Any, open_page: Open) -> None:
    page = open_page(f"{shop.api}/?tab=platforms")
    page.get_by_role("button", name="ios: show only this").click()
    expect(page).to_have_url(re.compile("platform=ios"))
    value(page, "orders").to_have_text("1")
    value(page, "revenue").to_have_text("€20.00")
    page.reload()
    expect(page.locator(".chip")).to_contain_text("ios")
    value(page, "revenue").to_have_text("€20.00")
    page.get_by_role("button", name="Remove the filter platform ios").click()
    expect(page.locator("#chips")).to_be_hidden()
    expect(page).not_to_have_url(re.compile("platform="))


def test_a_filter_without_a_match_says_so_and_leads_back(shop: Any, open_page: Open) -> None:
    page = open_page(f"{shop.api}/?platform=fridge")
    notice = page.locator("#funnel-body")
    expect(notice).to_contain_text("Nothing matches fridge in this time.")
    value(page, "revenue").to_have_text("–")
    notice.get_by_role("button", name="Remove the filters").click()
    expect(page.locator("#funnel-body ol")).to_be_visible()


def test_the_funnel_counts_visitors_in_order_and_leads_to_those_lost(shop: Any, open_page: Open) -> None:
    page = open_page(f"{shop.api}/?traffic_source=newsletter&channel=paid")
    steps = page.locator(".funnel-visitors")
    expect(steps).to_have_text(["4", "4", "1", "1"])
    page.locator(".funnel-lost").nth(2).click()
    expect(page.locator("#sql")).to_have_value(re.compile("having count.*product_view", re.DOTALL))
    expect(page.locator("#result tbody tr")).to_have_count(3)


def test_products_sort_by_any_column_and_the_order_is_in_the_address(shop: Any, open_page: Open) -> None:
    page = open_page(shop.api)
    names = page.locator("#products-body tbody th")
    page.locator("#products-body").get_by_role("button", name="Product", exact=True).click()
    expect(page).to_have_url(re.compile("sort=product"))
    expect(names.first).to_have_text("Mug 1")
    page.locator("#products-body").get_by_role("button", name="Product", exact=True).click()
    expect(names.last).to_have_text("Mug 1")


def test_dragging_over_the_chart_zooms_and_going_back_returns(shop: Any, open_page: Open) -> None:
    page = open_page(f"{shop.api}/?range=today")
    over = page.locator("#main-plot .u-over")
    expect(over).to_be_visible()
    over.scroll_into_view_if_needed()
    box = over.bounding_box()
    assert box
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * 0.3, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.6, middle, steps=4)
    page.mouse.up()
    expect(page).to_have_url(re.compile("range=custom.*from="))
    page.go_back()
    expect(page.locator('[data-range="today"]')).to_have_attribute("aria-pressed", "true")


def test_each_panel_opens_its_sql(shop: Any, open_page: Open) -> None:
    page = open_page(f"{shop.api}/?platform=ios")
    page.get_by_role("button", name="Menu of Products").click()
    page.get_by_role("menuitem", name="SQL of this").click()
    expect(page.locator("#sql")).to_have_value(re.compile("ios"))
    expect(page.locator("#result")).to_contain_text("Mug 2")


def test_each_panel_gives_its_rows_as_csv(shop: Any, open_page: Open) -> None:
    page = open_page(shop.api)
    page.get_by_role("button", name="Menu of Products").click()
    with page.expect_download() as taken:
        page.get_by_role("menuitem", name="Download CSV").click()
    assert "product_id,product_name,views" in taken.value.path().read_text()


def test_the_live_rail_holds_still_under_the_pointer(shop: Any, open_page: Open) -> None:
    page = open_page(shop.api)
    shop.send(visit(1, minutes_ago=0))
    first = page.locator("#rail-list li").first
    expect(first).to_be_visible()
    first.hover()
    expect(page.locator("#rail-state")).to_have_text("held")
    count = page.locator("#rail-list li").count()
    before = page.locator("#ledger").get_attribute("aria-label")
    shop.send(visit(2, minutes_ago=0))
    expect(page.locator("#ledger")).not_to_have_attribute("aria-label", before or "")
    assert page.locator("#rail-list li").count() == count
    page.mouse.move(10, 10)
    expect(page.locator("#rail-list li")).to_have_count(count + 2)


def test_a_system_that_is_behind_says_so_with_the_reason(shop: Any, open_page: Open) -> None:
    page = open_page(shop.api)
    value(page, "orders").not_to_have_text("–")
    figures = {"as_of": "2026-01-31T12:00:00Z", "lag_seconds": 12.0, "active_visitors_5m": 1, "active_visitors_30m": 2}
    ledger = {"received": 1300, "stored": 100, "duplicates": 0, "dead_letters": 0, "in_flight": 1200, "balanced": True}
    told = "".join(f"event: {name}\ndata: {json.dumps(what)}\n\n" for name, what in (("ledger", ledger), ("figures", figures)))
    page.route("**/api/live*", lambda route: route.fulfill(content_type="text/event-stream", body=told))
    page.reload()
    expect(page.locator("#freshness")).to_have_attribute("data-state", "behind")
    expect(page.locator(".why")).to_have_text(
        "The figures are 12 s behind. 1,200 events have arrived and wait to be stored; they count in a moment."
    )


def test_an_empty_shop_shows_how_to_send_and_comes_alive_at_the_first_event(running_system: Any, open_page: Open) -> None:
    page = open_page(running_system.api)
    expect(page.locator("#welcome")).to_contain_text("No event has arrived yet.")
    expect(page.locator("#welcome pre").nth(1)).to_contain_text(f"curl {running_system.door}/v1/events")
    page.get_by_role("button", name="Copy the Web page example").click()
    assert page.evaluate("navigator.clipboard.readText()") == f'<script async src="{running_system.door}/ecompulse.js"></script>'
    running_system.send(visit(4, minutes_ago=0.5))
    expect(page.locator("#welcome")).to_be_hidden()
    value(page, "revenue").to_have_text("€10.00")


def test_a_restart_of_the_server_is_told_and_survived_without_a_reload(running_system: Any, open_page: Open) -> None:
    running_system.send(visit(4, minutes_ago=0.5))
    page = open_page(running_system.api)
    value(page, "orders").to_have_text("1")
    page.evaluate("window.before = true")
    running_system.kill()
    expect(page.locator("#freshness")).to_have_text(re.compile("last update .+ ago, trying again"))
    value(page, "orders").to_have_text("1")
    running_system.start()
    expect(page.locator("#freshness")).to_have_text(re.compile("complete to"))
    running_system.send(visit(4, product=3, minutes_ago=0.1))
    value(page, "orders").to_have_text("2")
    assert page.evaluate("window.before")
